"""The table of the char-RNN's cells, and a layer for any of them."""
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from d2lrnn.basics.checks import explained
from d2lrnn.models.numpy_cells import (
    gru_in_place,
    ln_lstm_in_place,
    lstm_in_place,
    mingru_in_place,
    minlstm_in_place,
    rnn_tanh_in_place,
)
from d2lrnn.models.numpy_layers import LAYERS, run_layer
from mxnet import init
from mxnet.gluon import HybridBlock

__all__ = [
    "CELLS",
    "Cell",
    "RecurrentLayer",
    "fused",
    "gru_step",
    "ln_lstm_step",
    "lstm_memory",
    "lstm_step",
    "mingru_step",
    "minlstm_step",
    "rnn_step",
]


@dataclass(frozen=True)
class Cell:
    """The description of a cell; ``CELLS`` has one for each name.

    - ``num_gates``: how many products of the input it needs, each of size
      num_hiddens.
    - ``num_states``: how many arrays its state has; the hidden state is the
      first.
    - ``step(F, h2h, *vectors, X, state)``: one step in MXNet. It returns
      ``(H, state)``.
    - ``numpy_step(*vectors, layer, X)``: the same step in NumPy (see
      ``numpy_cells``).
    - ``vectors``: its parameters besides the weights, by name, with their
      initializers. Biases are added to the products; all others are split by
      gate and passed to the steps.
    - ``reads_state``: whether its gates read the hidden state, through
      recurrent weights.
    - ``mode``: the mode of MXNet's RNN operator that computes it, or None.
    """

    num_gates: int
    num_states: int
    step: Callable
    numpy_step: Callable
    vectors: dict
    reads_state: bool = True
    mode: str | None = None

    @property
    def params(self):
        """The initializers of a layer's parameters, by name, in order."""
        weights = ["i2h_weight"]
        if self.reads_state:
            weights.append("h2h_weight")
        return {**dict.fromkeys(weights), **self.vectors}


class RecurrentLayer(HybridBlock):
    """A layer of any cell, unrolled in any of the three ways.

    The parameters have the names, the shapes and the order of gates of the
    layers in ``mxnet.gluon.rnn`` (LSTM: input, forget, candidate, output; GRU:
    reset, update, candidate; minLSTM and minGRU: the same without the gates
    that they lack). The forget gate's bias of an LSTM starts at 1. For a cell
    without an RNN operator, "fused" means the operator of ``numpy_layers``, or
    "static" if there is none.
    """

    def __init__(self, cell, input_size, num_hiddens, unroll,
                 weight_drop=0.0):
        super().__init__()
        self.cell, self.unroll = cell, unroll
        self.weight_drop = weight_drop
        self.num_hiddens, self.num_steps = num_hiddens, None
        self.way = way_of(cell, unroll, on_cpu=True)
        rows = CELLS[cell].num_gates * num_hiddens
        shapes = {"i2h_weight": (rows, input_size),
                  "h2h_weight": (rows, num_hiddens)}
        with self.name_scope():
            for name, initializer in CELLS[cell].params.items():
                setattr(self, name, self.params.get(
                    name, shape=shapes.get(name, (rows,)), init=initializer))

    def prepare(self, num_steps, ctx):
        """Prepare for the next inputs; return whether the graph changes."""
        before = self.way, self.num_steps
        self.way = way_of(self.cell, self.unroll, ctx.device_type == "cpu")
        self.num_steps = num_steps if self.way == "static" else None
        return before != (self.way, self.num_steps)

    def hybrid_forward(self, F, inputs, state, i2h_weight, i2h_bias=None,
                       **params):
        """Return outputs (num_steps, batch_size, num_hiddens) and states."""
        if self.weight_drop:  # one mask for all steps
            params["h2h_weight"] = F.Dropout(params["h2h_weight"],
                                             p=self.weight_drop)
        if self.way == "fused":
            return fused(F, self.cell, self.num_hiddens, inputs, state,
                         i2h_weight, i2h_bias=i2h_bias, **params)
        X = self._product(F, inputs, i2h_weight, i2h_bias, flatten=False)
        if self.way == "numpy":
            return run_layer(F, self.cell, X, state, params)
        step = self._step(F, **params)
        if self.way == "foreach":
            return F.contrib.foreach(step, X, list(state))
        steps = F.split(X, num_outputs=self.num_steps, axis=0,
                        squeeze_axis=True)
        outputs = []
        # with one output, F.split returns it alone, not in a list
        for X_t in [steps] if self.num_steps == 1 else steps:
            Y, state = step(X_t, state)
            outputs.append(Y)
        return F.stack(*outputs, axis=0), list(state)

    def _product(self, F, X, weight, bias, **shape):
        """Return the products of X with the weights of all gates."""
        rows = CELLS[self.cell].num_gates * self.num_hiddens
        return F.FullyConnected(
            X, weight, *(() if bias is None else (bias,)),
            no_bias=bias is None, num_hidden=rows, **shape)

    def _step(self, F, h2h_weight=None, h2h_bias=None, **vectors):
        """Return one step of the cell."""
        cell = CELLS[self.cell]
        by_gate = [F.split(vector, num_outputs=cell.num_gates, axis=0)
                   for vector in vectors.values()]
        return partial(
            cell.step, F, partial(self._product, F, weight=h2h_weight,
                                  bias=h2h_bias), *by_gate)


def way_of(cell, unroll, on_cpu):
    """Return how a layer is computed: static, foreach, fused or numpy.

    "fused" becomes static for a cell without an operator, and, on a GPU, for
    one whose only operator is in NumPy.

    >>> [way_of(cell, "fused", on_cpu=True) for cell in ("lstm", "ln_lstm")]
    ['fused', 'numpy']
    """
    if unroll != "fused" or CELLS[cell].mode:
        return unroll
    return "numpy" if on_cpu and cell in LAYERS else "static"


def fused(F, cell, num_hiddens, inputs, state, i2h_weight, h2h_weight,
          i2h_bias, h2h_bias):
    """Run a layer as one RNN operator, whose parameters form one vector."""
    # stacked as rows: joining them in one dimension takes 6 times as long
    parameters = F.concat(i2h_weight.reshape((-1, num_hiddens)), h2h_weight,
                          *(bias.reshape((-1, num_hiddens))
                            for bias in (i2h_bias, h2h_bias)), dim=0)
    Y, *state = F.RNN(
        inputs, parameters.reshape(-1), *(s.expand_dims(0) for s in state),
        state_size=num_hiddens, num_layers=1, state_outputs=True,
        mode=CELLS[cell].mode)
    return Y, [s.reshape((-3, 0)) for s in state]


# One step of each cell: X holds the products of its input with the weights of
# all gates, (batch_size, num_gates * num_hiddens); h2h computes those of the
# state, for a cell that reads it.
def rnn_step(F, h2h, X, state):
    """Return ``(H, [H])`` of the plain recurrent cell."""
    (H,) = state
    H = F.tanh(X + h2h(H))
    return H, [H]


def gru_step(F, h2h, X, state):
    """Return ``(H, [H])`` of the GRU that resets after the product."""
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
    """Update the LSTM's memory cell; return ``(H, [H, C])``."""
    I, forget, C_tilde, O = gates
    C = F.sigmoid(forget) * C + F.sigmoid(I) * F.tanh(C_tilde)
    H = F.sigmoid(O) * F.tanh(C)
    return H, [H, C]


def mingru_step(F, h2h, X, state):
    """Return ``(H, [H])`` of the minGRU."""
    (H,) = state
    X_z, H_tilde = F.split(X, num_outputs=2, axis=1)
    Z = F.sigmoid(X_z)
    H = (1 - Z) * H + Z * H_tilde
    return H, [H]


def minlstm_step(F, h2h, X, state):
    """Return ``(H, [H])`` of the minLSTM."""
    (H,) = state
    X_i, X_f, H_tilde = F.split(X, num_outputs=3, axis=1)
    # sigmoid(X_f) / (sigmoid(X_f) + sigmoid(X_i)), even where both round to 0
    share = F.sigmoid(softplus(F, -X_i) - softplus(F, -X_f))
    H = share * H + (1 - share) * H_tilde
    return H, [H]


def softplus(F, x):
    """Return log(1 + exp(x)) without overflow."""
    return F.Activation(x, act_type="softrelu")


BIASES = {"i2h_bias": "zeros", "h2h_bias": "zeros"}
FORGET = init.LSTMBias(1.0)
CELLS = {
    "rnn": Cell(num_gates=1, num_states=1, step=rnn_step,
                numpy_step=rnn_tanh_in_place, vectors=BIASES,
                mode="rnn_tanh"),
    "gru": Cell(num_gates=3, num_states=1, step=gru_step,
                numpy_step=gru_in_place, vectors=BIASES, mode="gru"),
    "lstm": Cell(num_gates=4, num_states=2, step=lstm_step,
                 numpy_step=lstm_in_place,
                 vectors={**BIASES, "i2h_bias": FORGET}, mode="lstm"),
    "ln_lstm": Cell(num_gates=4, num_states=2, step=ln_lstm_step,
                    numpy_step=ln_lstm_in_place,
                    vectors={"gamma": "ones", "beta": FORGET}),
    "mingru": Cell(num_gates=2, num_states=1, step=mingru_step,
                   numpy_step=mingru_in_place,
                   vectors={"i2h_bias": "zeros"}, reads_state=False),
    "minlstm": Cell(num_gates=3, num_states=1, step=minlstm_step,
                    numpy_step=minlstm_in_place,
                    vectors={"i2h_bias": "zeros"}, reads_state=False),
}
