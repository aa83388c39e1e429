"""Recurrent language models in Gluon."""
from mxnet import nd
from mxnet.gluon import nn


class RNNModel(nn.Block):
    """The book's language model: one-hot, a recurrent layer, a dense layer.

    ``rnn_layer`` is a layer of ``mxnet.gluon.rnn`` in its default layout
    (num_steps, batch_size, features). Source: D2L (Chinese, first edition)
    6.5.1.
    """

    def __init__(self, rnn_layer, vocab_size, **kwargs):
        super().__init__(**kwargs)
        self.rnn = rnn_layer
        self.vocab_size = vocab_size
        self.dense = nn.Dense(vocab_size)

    def forward(self, inputs, state):
        """Score every next character of ``inputs``.

        ``inputs`` has shape (batch_size, num_steps). Return ``(output,
        state)``: scores of shape (num_steps * batch_size, vocab_size), step
        by step, and the last state.
        """
        X = nd.one_hot(inputs.T, self.vocab_size)
        Y, state = self.rnn(X, state)
        return self.dense(Y.reshape((-1, Y.shape[-1]))), state

    def begin_state(self, *args, **kwargs):
        """Return the recurrent layer's first state (see its own method)."""
        return self.rnn.begin_state(*args, **kwargs)
