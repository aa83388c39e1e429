"""Layers in NumPy whose gates read the hidden state."""
import numpy as np
from d2lrnn.models.numpy_cells import sigmoid
from d2lrnn.models.numpy_operator import Layer

__all__ = ["GRU", "LNLSTM", "LSTM", "RNN", "ReluRNN"]


class RNN(Layer):
    """The plain recurrent cell. ``X`` holds the input products plus biases."""

    INPUTS = ("X", "h2h_weight", "H")
    KEPT = ()

    @staticmethod
    def activate(H):
        """Take tanh in place."""
        np.tanh(H, out=H)

    @staticmethod
    def slope(H, out):
        """Write the slope of tanh where its value is H."""
        np.multiply(H, H, out=out)
        np.subtract(1, out, out=out)

    def run(self, X, W, H, states):
        """Run the steps."""
        W_T = np.ascontiguousarray(W.T)
        for X_t, H_t in zip(X, states, strict=True):
            H = np.matmul(H, W_T, out=H_t)
            H += X_t
            self.activate(H)

    def back(self, dstates, X, W, H, states, dX, dW, dH):
        """Write the gradients of the inputs."""
        dH[:] = 0
        for H_t, dH_t, dX_t in zip(states[::-1], dstates[::-1], dX[::-1],
                                   strict=True):
            dH += dH_t
            self.slope(H_t, dX_t)
            dX_t *= dH
            np.matmul(dX_t, W, out=dH)
        weight_gradient(dX, H, states[:-1], dW)


class ReluRNN(RNN):
    """The recurrent cell with ReLU, Gluon's default activation."""

    @staticmethod
    def activate(H):
        """Take ReLU in place."""
        np.maximum(H, 0, out=H)

    @staticmethod
    def slope(H, out):
        """Write the slope of ReLU where its value is H."""
        np.greater(H, 0, out=out, casting="unsafe")


class GRU(Layer):
    """The GRU that resets after the product.

    ``X`` holds the input products of all gates. The layer keeps the gates and
    the candidate, and their products with the hidden state.
    """

    INPUTS = ("X", "h2h_weight", "h2h_bias", "H")
    KEPT = (3.0, 3.0)

    def run(self, X, W, bias, H, states, gates, products):
        """Run the steps."""
        n, W_T = H.shape[1], np.ascontiguousarray(W.T)
        for X_t, H_t, gates_t, product in zip(X, states, gates, products,
                                              strict=True):
            np.matmul(H, W_T, out=product)
            product += bias
            RZ, H_tilde = gates_t[:, :2 * n], gates_t[:, 2 * n:]
            np.add(X_t[:, :2 * n], product[:, :2 * n], out=RZ)
            sigmoid(RZ)
            np.multiply(RZ[:, :n], product[:, 2 * n:], out=H_tilde)
            H_tilde += X_t[:, 2 * n:]
            np.tanh(H_tilde, out=H_tilde)
            np.subtract(H, H_tilde, out=H_t)
            H_t *= RZ[:, n:]
            H_t += H_tilde
            H = H_t

    def back(self, dstates, X, W, bias, H, states, gates, products,
             dX, dW, dbias, dH):
        """Write the gradients of the inputs."""
        n, dH[:] = H.shape[1], 0
        dproducts = np.empty_like(products)
        for t in reversed(range(len(X))):
            dH += dstates[t]
            R, Z, H_tilde = np.split(gates[t], 3, axis=1)
            dR, dZ, dH_tilde = np.split(dX[t], 3, axis=1)
            before, product = states[t - 1] if t else H, products[t][:, 2 * n:]
            np.multiply(dH, before - H_tilde, out=dZ)
            np.multiply(dH, 1 - Z, out=dH_tilde)
            dH_tilde *= 1 - H_tilde * H_tilde
            np.multiply(dH_tilde, product, out=dR)
            dRZ, RZ = dX[t][:, :2 * n], gates[t][:, :2 * n]
            dRZ *= RZ
            dRZ *= 1 - RZ
            dproducts[t][:, :2 * n] = dRZ
            np.multiply(dH_tilde, R, out=dproducts[t][:, 2 * n:])
            dH *= Z
            dH += dproducts[t] @ W
        weight_gradient(dproducts, H, states[:-1], dW)
        np.sum(dproducts, axis=(0, 1), out=dbias)


class LSTM(Layer):
    """The LSTM. ``X`` holds the input products of all gates plus biases.

    The layer keeps the memory cells, their tanh, and the gates.
    """

    INPUTS = ("X", "h2h_weight", "H", "C")
    KEPT = (1.0, 1.0, 4.0)

    def run(self, X, W, H, C, states, cells, tanh_C, gates):
        """Run the steps."""
        W_T = np.ascontiguousarray(W.T)
        for t in range(len(X)):
            np.matmul(H, W_T, out=gates[t])
            gates[t] += X[t]
            H, C = remember(gates[t], C, cells[t], tanh_C[t], states[t])
        states[-1] = C

    def back(self, dstates, X, W, H, C, states, cells, tanh_C, gates,
             dX, dW, dH, dC):
        """Write the gradients of the inputs."""
        dH[:], dC[:] = 0, dstates[-1]
        for t in reversed(range(len(X))):
            dH += dstates[t]
            memory_gradient(gates[t], cells[t - 1] if t else C, tanh_C[t],
                            dH, dC, dX[t])
            np.matmul(dX[t], W, out=dH)
        weight_gradient(dX, H, states[:-2], dW)


class LNLSTM(Layer):
    """The LSTM whose four gates are normalised before they are scaled.

    ``X`` holds the input products of all gates. The layer keeps the memory
    cells and their tanh, the normalised gates, the inverse standard
    deviations, and the gates.
    """

    INPUTS = ("X", "h2h_weight", "gamma", "beta", "H", "C")
    KEPT = (1.0, 1.0, 4.0, 4, 4.0)

    def run(self, X, W, gamma, beta, H, C, states,
            cells, tanh_C, normal, over_std, gates):
        """Run the steps."""
        n, W_T = H.shape[1], np.ascontiguousarray(W.T)
        X_t = np.empty_like(X[0])
        for t in range(len(X)):
            np.matmul(H, W_T, out=X_t)
            X_t += X[t]
            normalise(X_t.reshape(-1, 4, n), normal[t].reshape(-1, 4, n),
                      over_std[t])
            np.multiply(normal[t], gamma, out=gates[t])
            gates[t] += beta
            H, C = remember(gates[t], C, cells[t], tanh_C[t], states[t])
        states[-1] = C

    def back(self, dstates, X, W, gamma, beta, H, C, states,
             cells, tanh_C, normal, over_std, gates,
             dX, dW, dgamma, dbeta, dH, dC):
        """Write the gradients of the inputs."""
        n, dC[:], dgates = H.shape[1], dstates[-1], np.empty_like(X[0])
        for grad in (dgamma, dbeta, dH):
            grad[:] = 0
        for t in reversed(range(len(X))):
            dH += dstates[t]
            memory_gradient(gates[t], cells[t - 1] if t else C, tanh_C[t],
                            dH, dC, dgates)
            dbeta += dgates.sum(axis=0)
            dgamma += np.einsum("bi,bi->i", dgates, normal[t])
            dgates *= gamma
            normalise_gradient(*(array.reshape(-1, 4, n) for array in (
                dgates, normal[t], dX[t])), over_std[t])
            np.matmul(dX[t], W, out=dH)
        weight_gradient(dX, H, states[:-2], dW)


def normalise(X, normal, over_std):
    """Normalise the rows of X, (batch_size, 4, n), to mean 0, deviation 1."""
    np.subtract(X, X.mean(axis=2, keepdims=True), out=normal)
    variance = np.einsum("bgn,bgn->bg", normal, normal) / X.shape[2]
    np.sqrt(variance + X.dtype.type(1e-5), out=over_std)
    np.reciprocal(over_std, out=over_std)
    normal *= over_std[:, :, None]


def normalise_gradient(dnormal, normal, dX, over_std):
    """Write the gradient of the X that ``normalise`` was given."""
    n = normal.shape[2]
    np.subtract(dnormal, dnormal.mean(axis=2, keepdims=True), out=dX)
    along = np.einsum("bgn,bgn->bg", dnormal, normal) / n
    dX -= normal * along[:, :, None]
    dX *= over_std[:, :, None]


def remember(gates, C, cell, tanh_C, state):
    """Update the LSTM's memory cell; return ``(H, C)``.

    The gates' functions are applied to ``gates`` in place. The memory cell,
    its tanh and the hidden state are written to the other arrays.
    """
    n = C.shape[1]
    I, forget, C_tilde, O = np.split(gates, 4, axis=1)
    sigmoid(gates[:, :2 * n])
    np.tanh(C_tilde, out=C_tilde)
    sigmoid(O)
    np.multiply(forget, C, out=cell)
    cell += I * C_tilde
    np.tanh(cell, out=tanh_C)
    np.multiply(O, tanh_C, out=state)
    return state, cell


def memory_gradient(gates, before, tanh_C, dH, dC, dgates):
    """Write the gradients of the LSTM's gates before their functions.

    ``before`` is the memory cell of the previous step; dC becomes the gradient
    of that cell.
    """
    n = 2 * dC.shape[1]
    I, forget, C_tilde, O = np.split(gates, 4, axis=1)
    dI, dforget, dC_tilde, dO = np.split(dgates, 4, axis=1)
    np.multiply(dH, tanh_C, out=dO)
    slope = 1 - tanh_C * tanh_C
    slope *= O
    slope *= dH
    dC += slope
    np.multiply(dC, C_tilde, out=dI)
    np.multiply(dC, before, out=dforget)
    for gate, dgate in ((gates[:, :n], dgates[:, :n]), (O, dO)):
        dgate *= gate
        dgate *= 1 - gate
    np.multiply(C_tilde, C_tilde, out=slope)
    np.subtract(1, slope, out=slope)
    slope *= I
    np.multiply(dC, slope, out=dC_tilde)
    dC *= forget


def weight_gradient(dX, H, states, dW):
    """Write the gradient of the recurrent weights, over all steps.

    ``H`` is the state before the first step, and ``states`` are those after
    all steps but the last.
    """
    before = np.concatenate([H[None], states]).reshape(-1, H.shape[1])
    np.matmul(dX.reshape(len(before), -1).T, before, out=dW)
