"""Recurrent language models in Gluon."""
from functools import partial, wraps

from d2lrnn.basics.checks import (
    check_choice,
    check_flag,
    check_memory,
    check_numbers,
    converted,
    explained,
    shown,
)
from d2lrnn.runtime import as_context
from mxnet import context, init, nd
from mxnet.gluon import HybridBlock, nn


def check_layer(self, rnn_layer, vocab_size, **_):
    """Check what the book's model is made of."""
    if not hasattr(rnn_layer, "begin_state"):
        raise ValueError(f"rnn_layer is {shown(rnn_layer)}: give a layer of "
                         f"mxnet.gluon.rnn")
    return check_numbers(vocab_size=vocab_size)


def checked_begin(begin_state):
    """Check the size and the device that a state is made for."""
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
        """Score every next character of ``inputs``.

        ``inputs`` has shape (batch_size, num_steps). Return ``(output,
        state)``: scores of shape (num_steps * batch_size, vocab_size), step
        by step, and the last state.
        """
        X = nd.one_hot(inputs.T, self.vocab_size)
        Y, state = self.rnn(X, state)
        return self.dense(Y.reshape((-1, Y.shape[-1]))), state

    @checked_begin
    def begin_state(self, *args, **kwargs):
        """Return the recurrent layer's first state (see its own method)."""
        return self.rnn.begin_state(*args, **kwargs)


# The cells of CharRNN, and the products of its input that each needs
GATES = {"rnn": 1, "gru": 3, "lstm": 4, "ln_lstm": 4}
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


def context_of(model):
    """Return where a model's parameters are, if it has any."""
    for param in getattr(model, "collect_params", dict)().values():
        return param.list_ctx()[0]
    return context.current_context()


class OneHot(HybridBlock):
    """One-hot vectors of ids, in the place of an embedding."""

    def __init__(self, vocab_size):
        super().__init__()
        self.vocab_size = vocab_size

    def hybrid_forward(self, F, inputs):
        """Return vectors of shape (..., vocab_size)."""
        return F.one_hot(inputs, self.vocab_size)


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
