"""The LSTM models of two lessons: one reads windows, one improvises."""
from d2lrnn.basics.checks import check_memory, check_numbers
from d2lrnn.models.cells import RecurrentLayer
from mxnet import nd
from mxnet.gluon import HybridBlock, nn

__all__ = ["DJModel", "WindowLSTM", "ZeroStateModel", "check_carries_state"]


class ZeroStateModel(HybridBlock):
    """A model that begins each sequence with a state of zeros.

    ``model(X)`` and ``model(X, state)`` are the same: nothing is carried from
    one mini-batch to the next, and the state is ``()``.
    """

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.config = check_numbers(**config)
        self.idx_to_char, self.level = None, "char"

    def begin_state(self, batch_size, ctx=None):
        """Return ``()``: no state is carried over."""
        return ()

    def forward(self, X, state=()):
        """Return ``(scores, ())``, with the scores of ``hybrid_forward``."""
        if isinstance(X, nd.NDArray):
            zeros = nd.zeros((X.shape[0], self.num_hiddens), ctx=X.context)
            return super().forward(X, zeros), ()
        return super().forward(X, state)


def check_carries_state(model):
    """Raise ``ValueError`` for a model that cannot read on where it was."""
    if isinstance(model, ZeroStateModel):
        raise ValueError(f"model is a {type(model).__name__}, which carries "
                         f"no state from one character to the next: give a "
                         f"CharRNN, or use the functions of its own lesson")


class WindowLSTM(ZeroStateModel):
    """The poem writer: it scores the character after a window of characters.

    Its layers are an LSTM, dropout, an LSTM of which only the last step is
    used, dropout, and a dense layer, whose scores softmax turns into
    probabilities. ``Tx`` is the number of characters in a window.
    """

    def __init__(self, vocab_size, num_hiddens=128, dropout=0.5, Tx=40,
                 **kwargs):
        super().__init__({"vocab_size": vocab_size, "Tx": Tx,
                          "num_hiddens": num_hiddens, "dropout": dropout},
                         **kwargs)
        vocab_size, Tx, num_hiddens, dropout = self.config.values()
        check_memory(4 * num_hiddens * (vocab_size + 3 * num_hiddens),
                     f"a model of num_hiddens {num_hiddens}")
        self.vocab_size, self.num_hiddens = vocab_size, num_hiddens
        self.Tx = Tx
        with self.name_scope():
            self.lstm1 = RecurrentLayer("lstm", vocab_size, num_hiddens,
                                        "fused")
            self.dropout1 = nn.Dropout(dropout)
            self.lstm2 = RecurrentLayer("lstm", num_hiddens, num_hiddens,
                                        "fused")
            self.dropout2 = nn.Dropout(dropout)
            self.dense = nn.Dense(vocab_size, in_units=num_hiddens)

    def hybrid_forward(self, F, X, zeros):
        """Return scores (batch_size, vocab_size) for ids (batch_size, Tx).

        An id of -1, which pads a short window, becomes a vector of zeros.
        """
        X = F.one_hot(F.transpose(X), self.vocab_size)
        X, _ = self.lstm1(X, [zeros, zeros])
        X, _ = self.lstm2(self.dropout1(X), [zeros, zeros])
        # SequenceLast would do the same, but its gradient corrupts memory in
        # MXNet 1.9.1
        X = F.slice_axis(X, axis=0, begin=-1, end=None).reshape((-3, 0))
        return self.dense(self.dropout2(X))


class DJModel(ZeroStateModel):
    """The improviser: one LSTM cell and one dense layer, shared by all steps.

    ``Tx`` is the number of steps, ``n_a`` that of hidden units, ``n_values``
    that of musical values.
    """

    def __init__(self, Tx, n_a, n_values, **kwargs):
        super().__init__({"Tx": Tx, "n_a": n_a, "n_values": n_values},
                         **kwargs)
        Tx, n_a, n_values = self.config.values()
        check_memory(4 * n_a * (n_a + 2 * n_values), f"a model of n_a {n_a}")
        self.Tx, self.num_hiddens, self.vocab_size = Tx, n_a, n_values
        with self.name_scope():
            self.lstm_cell = RecurrentLayer("lstm", n_values, n_a, "fused")
            self.densor = nn.Dense(n_values, in_units=n_a, flatten=False)

    def forward(self, X, state=()):
        """Score X, (m, Tx, n_values), or its ids, (m, Tx).

        An id of -1 becomes a row of zeros.
        """
        if isinstance(X, nd.NDArray):
            if X.shape[1:] not in ((self.Tx, self.vocab_size), (self.Tx,)):
                raise ValueError(f"X has shape {X.shape}: it must be (m, "
                                 f"{self.Tx}, {self.vocab_size})")
            if X.ndim == 2:
                X = nd.one_hot(X, self.vocab_size)
        return super().forward(X, state)

    def hybrid_forward(self, F, X, zeros):
        """Return scores (Tx, m, n_values) for one-hot X (m, Tx, n_values).

        All inputs are known in advance, so one operator runs all steps of
        the cell; ``music_inference_model`` takes them one at a time.
        """
        X = F.transpose(X, axes=(1, 0, 2))
        Y, _ = self.lstm_cell(X, [zeros, zeros])
        return self.densor(Y)
