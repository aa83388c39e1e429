"""Recurrent language models in Gluon."""

from d2lrnn.basics.checks import (
    check_choice,
    check_flag,
    check_memory,
    check_numbers,
)
from d2lrnn.basics.environment import as_context
from d2lrnn.models.cells import GATES, RecurrentLayer
from mxnet import init, nd
from mxnet.gluon import HybridBlock, nn

UNROLLS = ("static", "foreach", "fused")


class CharRNN(HybridBlock):
    """The char-RNN: embedding, recurrent layers, dropout, an output layer.

    ``embed_size=None`` reads one-hot vectors instead of an embedding. ``cell``
    is rnn, gru, lstm or ln_lstm, the LSTM with its four gates normalised.
    ``dropout`` acts on the input of each layer and on the last output, never
    from step to step: 1 - dropout is the input_keep_prob of each layer and
    the output_keep_prob of the last one. ``unroll`` says how the steps become
    a graph, with the same parameters and the same results: "static", a Python
    loop over the steps; "foreach", MXNet's scan; "fused", one RNN operator a
    layer (ln_lstm has none, and is unrolled statically in its place).
    ``tie_weights`` makes the output layer share the embedding's weights.

    Raise ``ValueError`` for a setting that cannot be. ``idx_to_char`` is the
    vocabulary, ``level`` its unit; ``fit`` and ``load_model`` set them.
    Sources: Hochreiter and Schmidhuber 1997 (lstm), Cho et al. 2014 (gru), Ba
    et al. 2016 (ln_lstm), Zaremba et al. 2014 (dropout), Press and Wolf 2017
    (tie_weights).
    """

    def __init__(self, vocab_size, embed_size, num_hiddens, num_layers,
                 cell="lstm", dropout=0.0, unroll="fused", tie_weights=False,
                 **kwargs):
        self.config = check_config(vocab_size, embed_size, num_hiddens,
                                   num_layers, cell, dropout, unroll,
                                   tie_weights)
        (vocab_size, embed_size, num_hiddens, num_layers, cell, dropout,
         unroll, tie_weights) = self.config.values()
        super().__init__(**kwargs)
        self.vocab_size, self.num_hiddens = vocab_size, num_hiddens
        self.states_per_layer = 2 if cell.endswith("lstm") else 1
        self.idx_to_char, self.level = None, "char"
        with self.name_scope():
            # inputs of size 1 wake the gates up: on tiny Shakespeare 1.86
            # nats after an epoch instead of 2.12 with Xavier's
            first = None if tie_weights else init.Normal(1.0)
            self.embedding = (nn.Embedding(vocab_size, embed_size,
                                           weight_initializer=first)
                              if embed_size else OneHot(vocab_size))
            sizes = [embed_size or vocab_size] + [num_hiddens] * num_layers
            self.layers = nn.HybridSequential()
            for input_size in sizes[:-1]:
                self.layers.add(RecurrentLayer(cell, input_size, num_hiddens,
                                               unroll))
            self.dropout = nn.Dropout(dropout)
            self.output = nn.Dense(
                vocab_size, in_units=num_hiddens, flatten=False,
                params=self.embedding.params if tie_weights else None)

    def begin_state(self, batch_size, ctx=None):
        """Return the first state: zeros of shape (batch_size, num_hiddens).

        It is a tuple: each layer's hidden state, and after it, where the cell
        is an LSTM, its memory cell.
        """
        batch_size = check_numbers(batch_size=batch_size)["batch_size"]
        check_memory(batch_size * self.num_hiddens, f"a state for batch_size "
                     f"{batch_size}")
        ctx = ctx if ctx is None else as_context(ctx)
        return tuple(nd.zeros((batch_size, self.num_hiddens), ctx=ctx)
                     for _ in range(self.states_per_layer * len(self.layers)))

    def forward(self, inputs, state):
        """Score every next character of ``inputs``.

        ``inputs`` has shape (batch_size, num_steps). Return ``(output,
        state)``: scores of shape (num_steps * batch_size, vocab_size), step
        by step, and the last state, a tuple.
        """
        if isinstance(inputs, nd.NDArray):
            for layer in self.layers:
                if layer.set_num_steps(inputs.shape[1]):
                    self._clear_cached_op()  # its graph has another length
        output, state = super().forward(inputs, state)
        return output, tuple(state)

    def hybrid_forward(self, F, inputs, state):
        """Compute ``forward`` with arrays or symbols."""
        X = self.embedding(F.transpose(inputs))
        n, new_state = self.states_per_layer, []
        for i, layer in enumerate(self.layers):
            X, layer_state = layer(self.dropout(X), state[i * n:(i + 1) * n])
            new_state += layer_state
        output = self.output(self.dropout(X))  # (num_steps, batch_size, vocab)
        return output.reshape((-3, 0)), new_state


class OneHot(HybridBlock):
    """One-hot vectors of ids, in the place of an embedding."""

    def __init__(self, vocab_size):
        super().__init__()
        self.vocab_size = vocab_size

    def hybrid_forward(self, F, inputs):
        """Return vectors of shape (..., vocab_size)."""
        return F.one_hot(inputs, self.vocab_size)


def check_config(vocab_size, embed_size, num_hiddens, num_layers, cell,
                 dropout, unroll, tie_weights):
    """Return the configuration of a CharRNN in Python's own numbers.

    Raise ``ValueError`` for a setting that no CharRNN can have.
    """
    config = {
        **check_numbers("embed_size", vocab_size=vocab_size,
                        embed_size=embed_size, num_hiddens=num_hiddens,
                        num_layers=num_layers),
        "cell": check_choice("cell", cell, GATES),
        **check_numbers(dropout=dropout),
        "unroll": check_choice("unroll", unroll, UNROLLS),
        "tie_weights": check_flag("tie_weights", tie_weights)}
    if config["tie_weights"] and embed_size != num_hiddens:
        raise ValueError(
            f"tie_weights needs an embed_size equal to num_hiddens, and they "
            f"are {embed_size} and {num_hiddens}: make them equal")
    check_memory(num_hiddens * (vocab_size + GATES[cell] * num_layers * (
        num_hiddens + 1)), f"a model of num_hiddens {num_hiddens}")
    return config
