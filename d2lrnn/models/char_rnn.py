"""The char-RNN in Gluon: any cell of the table, in any number of layers."""
from collections.abc import Sequence

from d2lrnn.basics.checks import (
    check_choice,
    check_flag,
    check_memory,
    check_numbers,
)
from d2lrnn.basics.environment import as_context
from d2lrnn.models.cells import CELLS, RecurrentLayer
from mxnet import Context, init, nd
from mxnet.gluon import HybridBlock, nn

__all__ = ["CharRNN", "OneHot", "check_config"]

UNROLLS = ("static", "foreach", "fused")


class CharRNN(HybridBlock):
    """The char-RNN: embedding, recurrent layers, dropout, an output layer.

    - ``vocab_size``: the number of ids that it reads and scores.
    - ``embed_size``: the size of the embedding's vectors, or None to read
      one-hot vectors instead.
    - ``num_hiddens``: the hidden units of each layer.
    - ``num_layers``: the number of recurrent layers, stacked.
    - ``cell``: rnn, gru, lstm, ln_lstm (the LSTM with its four gates
      normalised), mingru or minlstm (whose gates read the input alone).
    - ``dropout``: the share of values set to zero in training, in the input
      of each layer and in the last output, never between steps. 1 - dropout
      is the input_keep_prob of each layer and the output_keep_prob of the
      last one.
    - ``unroll``: how the steps become a graph, with the same parameters and
      the same results: "static", a Python loop over the steps; "foreach",
      MXNet's scan; "fused", one operator per layer. MXNet has none for
      ln_lstm, mingru and minlstm: d2lrnn has its own in NumPy for the CPU; on
      a GPU they are unrolled statically.
    - ``tie_weights``: whether the output layer shares the embedding's
      weights, which requires embed_size = num_hiddens.
    - ``weight_drop``: the share of the weights between steps set to zero in
      training, the same ones in all steps and rows of a mini-batch.
    - ``variational``: whether a value that dropout sets to zero is zero in all
      steps of a mini-batch; if not, each step draws anew.

    Raise ``ValueError`` for a setting outside its range. ``idx_to_char`` is
    the vocabulary and ``level`` its unit; ``fit`` and ``load_model`` set both.
    Sources: Hochreiter and Schmidhuber 1997 (lstm), Cho et al. 2014 (gru), Ba
    et al. 2016 (ln_lstm), Feng et al. 2024 (mingru, minlstm), Zaremba et al.
    2014 (dropout), Press and Wolf 2017 (tie_weights), Wan et al. 2013 and
    Merity et al. 2018 (weight_drop), Gal and Ghahramani 2016 (variational).
    """

    def __init__(self, vocab_size: int, embed_size: int | None,
                 num_hiddens: int, num_layers: int, cell: str = "lstm",
                 dropout: float = 0.0, unroll: str = "fused",
                 tie_weights: bool = False, weight_drop: float = 0.0,
                 variational: bool = False, **kwargs) -> None:
        self.config = check_config(vocab_size, embed_size, num_hiddens,
                                   num_layers, cell, dropout, unroll,
                                   tie_weights, weight_drop, variational)
        (vocab_size, embed_size, num_hiddens, num_layers, cell, dropout,
         unroll, tie_weights, weight_drop, variational) = self.config.values()
        super().__init__(**kwargs)
        self.vocab_size, self.num_hiddens = vocab_size, num_hiddens
        self.states_per_layer = CELLS[cell].num_states
        self.idx_to_char, self.level = None, "char"
        with self.name_scope():
            # inputs of size 1 move the gates: on tiny Shakespeare, 1.86
            # nats after an epoch instead of 2.12 with Xavier's
            first = None if tie_weights else init.Normal(1.0)
            self.embedding = (nn.Embedding(vocab_size, embed_size,
                                           weight_initializer=first)
                              if embed_size else OneHot(vocab_size))
            sizes = [embed_size or vocab_size] + [num_hiddens] * num_layers
            self.layers = nn.HybridSequential()
            for input_size in sizes[:-1]:
                self.layers.add(RecurrentLayer(cell, input_size, num_hiddens,
                                               unroll, weight_drop))
            # the axis of the steps: all have the same mask
            self.dropout = nn.Dropout(dropout, (0,) if variational else ())
            self.output = nn.Dense(
                vocab_size, in_units=num_hiddens, flatten=False,
                params=self.embedding.params if tie_weights else None)

    def begin_state(self, batch_size: int,
                    ctx: Context | str | None = None
                    ) -> tuple[nd.NDArray, ...]:
        """Return the first state: zeros of shape (batch_size, num_hiddens).

        The tuple holds the states layer by layer: the hidden state, then, if
        the cell has one, the memory cell.
        """
        batch_size = check_numbers(batch_size=batch_size)["batch_size"]
        check_memory(batch_size * self.num_hiddens, f"a state for batch_size "
                     f"{batch_size}")
        ctx = ctx if ctx is None else as_context(ctx)
        return tuple(nd.zeros((batch_size, self.num_hiddens), ctx=ctx)
                     for _ in range(self.states_per_layer * len(self.layers)))

    def forward(self, inputs: nd.NDArray, state: Sequence[nd.NDArray]
                ) -> tuple[nd.NDArray, tuple[nd.NDArray, ...]]:
        """Score the next character at each position of ``inputs``.

        ``inputs`` has shape (batch_size, num_steps). Return ``(output,
        state)``: scores of shape (num_steps * batch_size, vocab_size), one
        step after another, and the last state, a tuple.
        """
        if isinstance(inputs, nd.NDArray):
            for layer in self.layers:
                if layer.prepare(inputs.shape[1], inputs.context):
                    self._clear_cached_op()  # its graph has changed
        output, state = super().forward(inputs, state)
        return output, tuple(state)

    def hybrid_forward(self, F, inputs, state):
        """Compute ``forward`` with arrays or symbols."""
        X = self.embedding(F.transpose(inputs))
        n, new_state = self.states_per_layer, []
        for i, layer in enumerate(self.layers):
            X, layer_state = layer(self.dropout(X), state[i * n:(i + 1) * n])
            new_state += layer_state
        X = self.dropout(X).reshape((-3, 0))  # the steps one below another
        return self.output(X), new_state


class OneHot(HybridBlock):
    """One-hot vectors of ids, in place of an embedding."""

    def __init__(self, vocab_size):
        super().__init__()
        self.vocab_size = vocab_size

    def hybrid_forward(self, F, inputs):
        """Return vectors of shape (..., vocab_size)."""
        return F.one_hot(inputs, self.vocab_size)


def check_config(vocab_size, embed_size, num_hiddens, num_layers, cell,
                 dropout, unroll, tie_weights, weight_drop, variational):
    """Return the settings of a CharRNN, with numbers of Python's own types.

    Raise ``ValueError`` for a setting that no CharRNN can have.
    """
    config = {
        **check_numbers("embed_size", vocab_size=vocab_size,
                        embed_size=embed_size, num_hiddens=num_hiddens,
                        num_layers=num_layers),
        "cell": check_choice("cell", cell, CELLS),
        **check_numbers(dropout=dropout),
        "unroll": check_choice("unroll", unroll, UNROLLS),
        "tie_weights": check_flag("tie_weights", tie_weights),
        **check_numbers(weight_drop=weight_drop),
        "variational": check_flag("variational", variational)}
    if config["tie_weights"] and embed_size != num_hiddens:
        raise ValueError(
            f"tie_weights needs an embed_size equal to num_hiddens, and they "
            f"are {embed_size} and {num_hiddens}: make them equal")
    cell = CELLS[cell]
    if config["weight_drop"] and not cell.reads_state:
        raise ValueError(
            f"weight_drop is {weight_drop}, and the cell {config['cell']} has "
            f"no recurrent weights to drop: set it to 0, or choose another "
            f"cell")
    # the matrices between layers and steps, without those of the inputs
    num_matrices = num_layers if cell.reads_state else num_layers - 1
    check_memory(num_hiddens * (vocab_size + cell.num_gates * (
        num_matrices * num_hiddens + num_layers)),
        f"a model of num_hiddens {num_hiddens}")
    return config
