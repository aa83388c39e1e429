"""The cells of the char-RNN, and a layer of any of them."""
from functools import partial

from d2lrnn.basics.checks import (
    explained,
)
from mxnet import init
from mxnet.gluon import HybridBlock

# The cells of CharRNN, and the products of its input that each needs
GATES = {"rnn": 1, "gru": 3, "lstm": 4, "ln_lstm": 4}


class RecurrentLayer(HybridBlock):
    """A layer of any cell, unrolled in any of the three ways.

    The parameters have the names, the shapes and the order of gates of the
    layers in ``mxnet.gluon.rnn`` (LSTM: input, forget, candidate, output; GRU:
    reset, update, candidate). The forget gate's bias begins at 1.
    """

    def __init__(self, cell, input_size, num_hiddens, unroll):
        super().__init__()
        if cell == "ln_lstm" and unroll == "fused":
            unroll = "static"
        self.cell, self.unroll = cell, unroll
        self.num_hiddens, self.num_steps = num_hiddens, None
        rows = GATES[cell] * num_hiddens
        bias = init.LSTMBias(1.0) if cell.endswith("lstm") else "zeros"
        vectors = {"i2h_bias": bias, "h2h_bias": "zeros"}
        if cell == "ln_lstm":
            vectors = {"gamma": "ones", "beta": bias}
        with self.name_scope():
            self.i2h_weight = self.params.get("i2h_weight",
                                              shape=(rows, input_size))
            self.h2h_weight = self.params.get("h2h_weight",
                                              shape=(rows, num_hiddens))
            for name, initializer in vectors.items():
                setattr(self, name, self.params.get(
                    name, shape=(rows,), init=initializer))

    def set_num_steps(self, num_steps):
        """Note the length to unroll; return whether a graph depends on it."""
        changed = self.unroll == "static" and num_steps != self.num_steps
        self.num_steps = num_steps
        return changed

    def hybrid_forward(self, F, inputs, state, **params):
        """Return outputs (num_steps, batch_size, num_hiddens) and states."""
        if self.unroll == "fused":
            return fused(F, self.cell, self.num_hiddens, inputs, state,
                         **params)
        step, X = self._step(F, inputs, **params)
        if self.unroll == "foreach":
            return F.contrib.foreach(step, X, list(state))
        steps = F.split(X, num_outputs=self.num_steps, axis=0,
                        squeeze_axis=True)
        outputs = []
        for X_t in [steps] if self.num_steps == 1 else steps:
            Y, state = step(X_t, state)
            outputs.append(Y)
        return F.stack(*outputs, axis=0), list(state)

    def _step(self, F, inputs, i2h_weight, h2h_weight, i2h_bias=None,
              h2h_bias=None, gamma=None, beta=None):
        """Return one step of the cell, and its inputs' products for all."""
        def product(X, weight, bias, **shape):
            return F.FullyConnected(
                X, weight, *(() if bias is None else (bias,)),
                no_bias=bias is None, num_hidden=rows, **shape)

        def h2h(H):
            return product(H, h2h_weight, h2h_bias)

        rows = GATES[self.cell] * self.num_hiddens
        X = product(inputs, i2h_weight, i2h_bias, flatten=False)
        if self.cell != "ln_lstm":
            return partial(STEPS[self.cell], F, h2h), X
        scales = F.split(gamma, num_outputs=4, axis=0)
        shifts = F.split(beta, num_outputs=4, axis=0)
        return partial(ln_lstm_step, F, h2h, scales, shifts), X


def fused(F, cell, num_hiddens, inputs, state, i2h_weight, h2h_weight,
          i2h_bias, h2h_bias):
    """Run a layer as one RNN operator, which wants its parameters in a row."""
    parameters = F.concat(i2h_weight.reshape(-1), h2h_weight.reshape(-1),
                          i2h_bias, h2h_bias, dim=0)
    Y, *state = F.RNN(
        inputs, parameters, *(s.expand_dims(0) for s in state),
        state_size=num_hiddens, num_layers=1, state_outputs=True,
        mode="rnn_tanh" if cell == "rnn" else cell)
    return Y, [s.reshape((-3, 0)) for s in state]


# One step of each cell: X holds the products of its input with the weights of
# all gates, (batch_size, gates * num_hiddens), h2h makes those of the state.
def rnn_step(F, h2h, X, state):
    """Return ``(H, [H])`` of the plain recurrent cell."""
    (H,) = state
    H = F.tanh(X + h2h(H))
    return H, [H]


def gru_step(F, h2h, X, state):
    """Return ``(H, [H])`` of the GRU whose reset gate follows the product."""
    (H,) = state
    X_r, X_z, X_h = F.split(X, num_outputs=3, axis=1)
    H_r, H_z, H_h = F.split(h2h(H), num_outputs=3, axis=1)
    R = F.sigmoid(X_r + H_r)
    Z = F.sigmoid(X_z + H_z)
    H_tilde = F.tanh(X_h + R * H_h)
    H = Z * H + (1 - Z) * H_tilde
    return H, [H]


@explained
def lstm_step(F, h2h, X, state):
    """Return ``(H, [H, C])`` of the LSTM."""
    H, C = state
    return lstm_memory(F, F.split(X + h2h(H), num_outputs=4, axis=1), C)


@explained
def ln_lstm_step(F, h2h, scales, shifts, X, state):
    """Return ``(H, [H, C])`` of the LSTM with normalised gates."""
    H, C = state
    gates = F.split(X + h2h(H), num_outputs=4, axis=1)
    gates = [F.LayerNorm(gate, scale, shift, axis=-1, eps=1e-5)
             for gate, scale, shift in zip(gates, scales, shifts,
                                           strict=True)]
    return lstm_memory(F, gates, C)


@explained
def lstm_memory(F, gates, C):
    """Forget, take in, and let out: the LSTM's memory cell."""
    I, forget, C_tilde, O = gates
    C = F.sigmoid(forget) * C + F.sigmoid(I) * F.tanh(C_tilde)
    H = F.sigmoid(O) * F.tanh(C)
    return H, [H, C]


STEPS = {"rnn": rnn_step, "gru": gru_step, "lstm": lstm_step}
