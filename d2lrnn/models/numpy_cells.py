"""One step of each cell in NumPy, which overwrites the arrays it works on.

``layer`` is an object with these arrays: ``H`` and ``C``, the hidden state
and the memory cell, of shape (batch_size, num_hiddens); ``h2h``, the products
of H with the recurrent weights of all gates; ``gates`` and ``spare``, two
work arrays of shape (batch_size, num_gates * num_hiddens); and ``by_gate``, a
list with a view of each gate's columns of ``gates``. ``X`` holds the products
of the input with the weights of all gates, in the same shape. A step does not
change X; it overwrites H and, if the cell has one, C.
"""
import numpy as np

__all__ = [
    "gru_in_place",
    "ln_lstm_in_place",
    "lstm_in_place",
    "mingru_in_place",
    "minlstm_in_place",
    "rnn_relu_in_place",
    "rnn_tanh_in_place",
]

# arrays, since NumPy would convert a Python number again in each call
ZERO, ONE, LARGEST = (np.array(x, np.float32) for x in (0, 1, 80))


def rnn_tanh_in_place(layer, X):
    """Step the plain recurrent cell."""
    np.tanh(np.add(X, layer.h2h, out=layer.gates), out=layer.H)


def rnn_relu_in_place(layer, X):
    """Step the recurrent cell with ReLU, Gluon's default activation."""
    np.maximum(np.add(X, layer.h2h, out=layer.gates), ZERO, out=layer.H)


def gru_in_place(layer, X):
    """Step the GRU that resets after the product."""
    n = 2 * layer.H.shape[1]
    R, Z, H_tilde = layer.by_gate
    np.add(X[:, :n], layer.h2h[:, :n], out=layer.gates[:, :n])
    sigmoid(layer.gates[:, :n], layer.spare[:, :n])
    np.multiply(R, layer.h2h[:, n:], out=H_tilde)
    np.add(H_tilde, X[:, n:], out=H_tilde)
    np.tanh(H_tilde, out=H_tilde)
    mix(layer.H, Z, H_tilde)


def mingru_in_place(layer, X):
    """Step the minGRU."""
    n = layer.H.shape[1]
    share = np.negative(X[:, :n], out=layer.by_gate[0])
    sigmoid(share, layer.spare[:, :n])  # of -x: 1 - sigmoid(x)
    mix(layer.H, share, X[:, n:])


def minlstm_in_place(layer, X):
    """Step the minLSTM."""
    n = layer.H.shape[1]
    I, share, _ = layer.by_gate
    gates = np.negative(X[:, :2 * n], out=layer.gates[:, :2 * n])
    np.logaddexp(ZERO, gates, out=gates)  # -log(sigmoid(x))
    np.subtract(I, share, out=share)
    sigmoid(share, layer.spare[:, :n])
    mix(layer.H, share, X[:, 2 * n:])


def lstm_in_place(layer, X):
    """Step the LSTM."""
    np.add(X, layer.h2h, out=layer.gates)
    memory_in_place(layer)


def ln_lstm_in_place(gamma, beta, layer, X):
    """Step the LSTM with normalised gates.

    ``gamma`` and ``beta`` have shape (4, num_hiddens).
    """
    gates = np.add(X, layer.h2h, out=layer.gates).reshape(-1, *gamma.shape)
    gates -= gates.mean(axis=2, keepdims=True)
    variance = np.square(gates).mean(axis=2, keepdims=True)
    gates *= gamma / np.sqrt(variance + np.float32(1e-5))
    gates += beta
    memory_in_place(layer)


def memory_in_place(layer):
    """Update the LSTM's memory cell with the gates in ``layer.gates``."""
    I, forget, C_tilde, O = layer.by_gate
    np.tanh(C_tilde, out=layer.H)  # H is scratch space here
    # of all gates at once, which is quicker than two calls
    sigmoid(layer.gates, layer.spare)
    np.multiply(forget, layer.C, out=layer.C)
    np.multiply(I, layer.H, out=layer.H)
    np.add(layer.C, layer.H, out=layer.C)
    np.tanh(layer.C, out=layer.H)
    np.multiply(O, layer.H, out=layer.H)


def mix(H, share, H_tilde):
    """Set H to share * H + (1 - share) * H_tilde, in place."""
    H -= H_tilde
    H *= share
    H += H_tilde


def sigmoid(x, spare=None):
    """Take the sigmoid of an array in place; any ``spare`` is overwritten."""
    np.minimum(x, LARGEST, out=x)  # exp of a larger number overflows
    np.exp(x, out=x)
    np.divide(x, np.add(x, ONE, out=spare), out=x)
