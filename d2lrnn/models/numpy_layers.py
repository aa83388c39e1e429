"""Whole layers in NumPy, as operators of MXNet.

MXNet calls an operator for each operation in a step and in its gradient. Here
all steps of a layer are one operator, whose arrays stay in the processor's
cache. The gradients are derived by hand, and named after their variables with
a d in front.
"""
import mxnet as mx
from d2lrnn.models.numpy_recurrences import (
    GRU,
    LNLSTM,
    LSTM,
    RNN,
    ReluRNN,
)
from d2lrnn.models.numpy_scans import MinGRU, MinLSTM

__all__ = ["LAYERS", "run_layer"]

LAYERS = {"rnn": RNN, "rnn_relu": ReluRNN, "gru": GRU, "lstm": LSTM,
          "ln_lstm": LNLSTM, "mingru": MinGRU, "minlstm": MinLSTM}


def run_layer(F, cell, X, state, params):
    """Return the hidden states of all steps, and the last states.

    ``X`` holds the products of all inputs, (num_steps, batch_size, num_gates *
    num_hiddens); ``params`` is a dict of the other parameters.
    """
    def last(states):
        return F.slice_axis(states, axis=0, begin=-1, end=None).reshape(
            (-3, 0))

    states = F.Custom(
        X, *(params[name] for name in LAYERS[cell].INPUTS if name in params),
        *state, op_type=f"d2lrnn_{cell}")
    if "C" not in LAYERS[cell].INPUTS:
        return states, [last(states)]
    Y = F.slice_axis(states, axis=0, begin=0, end=-1)
    return Y, [last(Y), last(states)]


def register(cell, layer):
    """Register a layer as the MXNet operator ``d2lrnn_<cell>``."""
    class LayerProp(mx.operator.CustomOpProp):
        def list_arguments(self):
            return list(layer.INPUTS)

        def infer_shape(self, in_shape):
            (T, B, _), (_, n) = in_shape[0], in_shape[-1]
            return in_shape, [(T + ("C" in layer.INPUTS), B, n)], []

        def create_operator(self, ctx, in_shapes, in_dtypes):
            return layer()

    mx.operator.register(f"d2lrnn_{cell}")(LayerProp)


for name, cell_layer in LAYERS.items():
    register(name, cell_layer)
