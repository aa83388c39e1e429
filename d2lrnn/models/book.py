"""The book's model in Gluon: one-hot, a recurrent layer, a dense layer."""
from functools import wraps

from d2lrnn.basics.checks import check_numbers, converted, explained, shown
from d2lrnn.basics.environment import as_context
from d2lrnn.models.one_hot import run_one_hot
from mxnet.gluon import nn

__all__ = ["RNNModel"]


def check_layer(self, rnn_layer, vocab_size, **_):
    """Check the layer and the vocabulary size of the book's model."""
    if not hasattr(rnn_layer, "begin_state"):
        raise ValueError(f"rnn_layer is {shown(rnn_layer)}: give a layer of "
                         f"mxnet.gluon.rnn")
    return check_numbers(vocab_size=vocab_size)


def checked_begin(begin_state):
    """Wrap ``begin_state`` to check its batch size and its device."""
    @wraps(begin_state)
    def checked_begin_state(self, batch_size=0, *args, **kwargs):
        kwargs.update(check_numbers(batch_size=batch_size))
        if kwargs.get("ctx") is not None:
            kwargs["ctx"] = as_context(kwargs["ctx"])
        return begin_state(self, kwargs.pop("batch_size"), *args, **kwargs)

    return checked_begin_state


class RNNModel(nn.Block):
    """The book's language model: one-hot, a recurrent layer, a dense layer.

    ``rnn_layer`` is a layer of ``mxnet.gluon.rnn`` in its default layout
    (num_steps, batch_size, features). Source: D2L (Chinese, first edition)
    6.5.1.
    """

    @converted(check_layer)
    def __init__(self, rnn_layer, vocab_size, **kwargs):
        super().__init__(**kwargs)
        self.rnn = rnn_layer
        self.vocab_size = vocab_size
        self.dense = nn.Dense(vocab_size)

    @explained
    def forward(self, inputs, state):
        """Score the next character at each position of ``inputs``.

        ``inputs`` has shape (batch_size, num_steps). Return ``(output,
        state)``: scores of shape (num_steps * batch_size, vocab_size), one
        step after another, and the last state.
        """
        Y, state = run_one_hot(self.rnn, inputs.T, self.vocab_size, state)
        return self.dense(Y.reshape((-1, Y.shape[-1]))), state

    @checked_begin
    def begin_state(self, *args, **kwargs):
        """Return the layer's first state; see its own ``begin_state``."""
        return self.rnn.begin_state(*args, **kwargs)
