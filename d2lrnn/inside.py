"""What happens in a model as it reads: states, gates, and gradients back.

A model's weights are read once, and its steps are taken here in float64: in
NumPy, where every array of every step is kept, or in MXNet, where the gradient
of a prediction is needed. Both run the same functions.
"""
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from d2lrnn.basics.checks import (
    check_memory,
    check_number,
    checked,
    shown,
    without_weights,
)
from d2lrnn.basics.shapes import check_shape
from d2lrnn.data.corpus import check_vocabulary
from d2lrnn.data.tokens import level_of, tokenize, units_of
from d2lrnn.generation.numpy_steps import read_char_rnn, read_rnn_model
from d2lrnn.models.book import RNNModel
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.scratch import gru, lstm, mingru, minlstm, rnn
from mxnet import autograd, nd

__all__ = ["Trace", "correlations", "saliency", "trace"]


class Trace(NamedTuple):
    """What ``trace`` returns: the arrays of a model at each step of a text.

    - ``chars``: the characters read, or words: num_steps str.
    - ``layers``: a dict for each layer, the lowest first. It maps the book's
      letters to arrays of shape (num_steps, num_hiddens): "H" is the hidden
      state after a step, "C" the memory cell; "I", "F", "O", "R" and "Z" are
      gates, and "C_tilde" and "H_tilde" candidates.
    - ``scores``: the scores of the next character, (num_steps, vocab_size).
    """

    chars: list[str]
    layers: list[dict[str, np.ndarray]]
    scores: np.ndarray


def trace(model: Any, text: str, params: Sequence[nd.NDArray] | None = None,
          *, vocabulary: Sequence[str] | None = None) -> Trace:
    """Let a model read a text, and return its states and gates as a ``Trace``.

    ``model``
        A ``CharRNN`` of any cell, an ``RNNModel`` with a Gluon layer in one
        direction, or a cell from scratch: ``rnn``, ``gru``, ``lstm``,
        ``mingru`` or ``minlstm``.
    ``text``
        A str of characters, or words, of the vocabulary. The state begins at
        zero.
    ``params``
        The parameters of a cell from scratch; for a model, None.
    ``vocabulary``
        A list of str in which a token's position is its id, such as a
        corpus's ``idx_to_char``; by default ``model.idx_to_char``.

    The letters are H for rnn; H, R, Z and H_tilde for gru; H, C, I, F, O and
    C_tilde for lstm and ln_lstm, whose gates are those after normalisation; H,
    Z and H_tilde for mingru; H, I, F and H_tilde for minlstm. Dropout is off.
    The steps are computed in float64, and the arrays are float32. Raise
    ``ValueError`` for anything else, and for an empty text or characters that
    the vocabulary lacks.
    """
    network, chars, ids = read(model, text, params, vocabulary)
    num_hiddens = network.output[0].shape[1]
    # in float64 as they are computed, and in float32 as they are kept
    check_memory(3 * len(ids) * (6 * num_hiddens * len(network.layers)
                                 + len(network.lookup)),
                 f"the states of {len(ids):,} steps")
    layers, scores = run(NUMPY, network, network.lookup[ids], np.float32)
    return Trace(chars, layers, scores.astype(np.float32))


def saliency(model: Any, text: str, position: int,
             params: Sequence[nd.NDArray] | None = None, *,
             vocabulary: Sequence[str] | None = None) -> np.ndarray:
    """Return how much each earlier character adds to a prediction.

    The prediction is log P(text[position] | text[:position]), in nats. The
    result has shape (position,). Its number t is the gradient of the
    prediction with respect to the input vector of character t, times that
    vector: if the vector grew by a small share s, the prediction would grow by
    s times this number. It is the same for a one-hot vector as for the
    embedding that this picks.

    ``model``, ``text``, ``params`` and ``vocabulary`` are those of ``trace``;
    ``position`` counts tokens, from 1 to len(text) - 1. Raise ``ValueError``
    for any other. Sources: Simonyan et al. 2013 (the gradient), Shrikumar et
    al. 2016 (times the input).
    """
    network, _, ids = read(model, text, params, vocabulary)
    if len(ids) < 2:
        raise ValueError(f"text is {shown(text)}: give at least 2 tokens, one "
                         f"to read and one to predict")
    position = check_number("position", position, Integral, 1, len(ids) - 1,
                            f"a whole number from 1 to {len(ids) - 1}")
    network = network.on_mxnet()
    products = as_nd(network.lookup[ids[:position]])
    growth = nd.ones((position, 1), dtype="float64", ctx=products.context)
    growth.attach_grad()
    with autograd.record():
        _, scores = run(MXNET, network, growth * products)
        prediction = nd.log_softmax(scores[-1])[int(ids[position])]
    prediction.backward()
    return growth.grad.asnumpy().reshape(-1)


def check_correlated(units, values):
    """Raise ``ValueError`` unless there is one value for each step."""
    sizes = {}
    check_shape("units", units, "num_steps num_hiddens", sizes)
    check_shape("values", values, "num_steps", sizes)


@checked(check_correlated)
def correlations(units, values):
    """Return the correlation of each hidden unit with a property of the text.

    ``units`` has shape (num_steps, num_hiddens), such as an array of a
    ``Trace``; ``values`` has shape (num_steps,). Pearson's correlation is a
    number from -1 to 1; for a unit that never changes it is 0. Raise
    ``ValueError`` for arrays of other shapes.

    >>> units = np.array([[1.0, 5.0, 0.0], [2.0, 3.0, 0.0], [3.0, 1.0, 0.0]])
    >>> correlations(units, np.array([10, 20, 30])).round(6).tolist()
    [1.0, -1.0, 0.0]
    """
    units = units - units.mean(axis=0)
    values = values - values.mean()
    spread = units.std(axis=0) * values.std()
    return (units * values[:, None]).mean(axis=0) / np.maximum(spread, 1e-12)


class Functions(NamedTuple):
    """The functions of arrays that a step calls, of NumPy or of MXNet."""

    dot: Callable
    tanh: Callable
    sigmoid: Callable
    relu: Callable
    softplus: Callable
    stack: Callable


NUMPY = Functions(
    np.dot, np.tanh, lambda x: 0.5 + 0.5 * np.tanh(x / 2),
    partial(np.maximum, 0), partial(np.logaddexp, 0), np.stack)
MXNET = Functions(
    nd.dot, nd.tanh, nd.sigmoid, nd.relu,
    partial(nd.Activation, act_type="softrelu"),
    lambda arrays: nd.stack(*arrays))


# One step of each cell. X and h2h(H) hold the products of the input and of the
# hidden state for each gate, as rows of size num_hiddens, in Gluon's order.
# It returns the new state and all that led to it, by the book's letters.
def rnn_step(F, X, h2h, state, activation="tanh"):
    """Step the plain recurrent cell."""
    return {"H": getattr(F, activation)(X[0] + h2h(state["H"])[0])}


def gru_step(F, X, h2h, state):
    """Step the GRU that resets after the product."""
    H, products = state["H"], h2h(state["H"])
    R, Z = (F.sigmoid(X[i] + products[i]) for i in (0, 1))
    return mixed(Z, H, R=R, Z=Z, H_tilde=F.tanh(X[2] + R * products[2]))


def book_gru_step(F, X, h2h, state):
    """Step the book's GRU, which resets before the product."""
    H, products = state["H"], h2h(state["H"])
    R, Z = (F.sigmoid(X[i] + products[i]) for i in (0, 1))
    return mixed(Z, H, R=R, Z=Z, H_tilde=F.tanh(X[2] + h2h(R * H)[2]))


def mixed(share, H, **parts):
    """Return a state that keeps this share of H and takes the candidate."""
    return {"H": share * H + (1 - share) * parts["H_tilde"], **parts}


def lstm_step(F, X, h2h, state, gamma=None, beta=None):
    """Step the LSTM; with gamma and beta, its gates are normalised."""
    gates = X + h2h(state["H"])
    if gamma is not None:
        gates = gates - gates.mean(axis=1, keepdims=True)
        variance = (gates ** 2).mean(axis=1, keepdims=True)
        gates = gates / (variance + 1e-5) ** 0.5 * gamma + beta
    I, forget, O = (F.sigmoid(gates[i]) for i in (0, 1, 3))
    C_tilde = F.tanh(gates[2])
    C = forget * state["C"] + I * C_tilde
    return {"H": O * F.tanh(C), "C": C, "I": I, "F": forget, "O": O,
            "C_tilde": C_tilde}


def mingru_step(F, X, h2h, state):
    """Step the minGRU, whose Z is the share of the candidate."""
    Z = F.sigmoid(X[0])
    return mixed(1 - Z, state["H"], Z=Z, H_tilde=X[1] + 0)


def minlstm_step(F, X, h2h, state):
    """Step the minLSTM, which divides its gates by their sum."""
    # sigmoid(x) / (sigmoid(x) + sigmoid(y)), even where both round to 0
    share = F.sigmoid(F.softplus(-X[0]) - F.softplus(-X[1]))
    return mixed(share, state["H"], I=F.sigmoid(X[0]), F=F.sigmoid(X[1]),
                 H_tilde=X[2] + 0)


STEPS = {"rnn": rnn_step, "rnn_tanh": rnn_step,
         "rnn_relu": partial(rnn_step, activation="relu"),
         "gru": gru_step, "lstm": lstm_step, "ln_lstm": lstm_step,
         "mingru": mingru_step, "minlstm": minlstm_step}
# of a cell from scratch: its step, the place in its parameters of each gate
# in Gluon's order, and whether the gates read the state
SCRATCH = {rnn: (rnn_step, (0,), True),
           gru: (book_gru_step, (1, 0, 2), True),
           lstm: (lstm_step, (0, 1, 3, 2), True),
           mingru: (mingru_step, (0, 1), False),
           minlstm: (minlstm_step, (0, 1, 2), False)}


class Network(NamedTuple):
    """A model's step and its weights, in float64.

    ``lookup``, (vocab_size, num_rows), holds the first layer's product with
    each character; num_rows is num_gates * num_hiddens. ``layers`` are dicts
    of weights with Gluon's names and shapes, ``output`` is the weight and the
    bias of the output layer.
    """

    step: Callable
    lookup: np.ndarray
    layers: list[dict[str, Any]]
    output: tuple[Any, Any]

    def on_mxnet(self):
        """Return the network with its weights as MXNet's arrays."""
        return self._replace(
            layers=[{name: as_nd(array) for name, array in layer.items()}
                    for layer in self.layers],
            output=tuple(map(as_nd, self.output)))


def as_nd(array):
    """Return an array of NumPy as one of MXNet, in float64."""
    return nd.array(array, dtype="float64")


def run(F, network, X, dtype=None):
    """Run a network over the first layer's products X, (num_steps, num_rows).

    Return the arrays of each layer, in NumPy as ``dtype``, and the scores.
    """
    layers = []
    for i, layer in enumerate(network.layers):
        if i > 0:
            X = F.dot(X, layer["i2h_weight"].T)
        steps = unroll(F, network, layer, X + layer["i2h_bias"])
        X = F.stack([state["H"] for state in steps])
        layers.append({} if dtype is None else {
            letter: np.array([state[letter] for state in steps], dtype)
            for letter in steps[0]})
    weight, bias = network.output
    return layers, F.dot(X, weight.T) + bias


def unroll(F, network, layer, X):
    """Return what each step of a layer returns, as a list."""
    num_hiddens = network.output[0].shape[1]
    by_gate = (-1, num_hiddens)
    zeros = 0 * X[0].reshape(by_gate)[0]
    state, steps = {"H": zeros, "C": zeros}, []
    vectors = {name: array.reshape(by_gate) for name, array in layer.items()
               if name in ("gamma", "beta")}

    def h2h(H):
        product = F.dot(H.reshape((1, -1)), layer["h2h_weight"].T)
        return (product + layer["h2h_bias"]).reshape(by_gate)

    for t in range(X.shape[0]):
        state = network.step(F, X[t].reshape(by_gate), h2h, state, **vectors)
        steps.append(state)
    return steps


def read(model, text, params, vocabulary):
    """Return ``(network, tokens, ids)``: a model, and a text in its ids."""
    network = read_network(model, params)
    if vocabulary is None:
        vocabulary = getattr(model, "idx_to_char", None)
    if vocabulary is None:
        raise ValueError("there is no vocabulary: give the corpus's "
                         "idx_to_char as vocabulary")
    check_vocabulary(vocabulary, "token", 1)
    if len(vocabulary) != len(network.lookup):
        raise ValueError(
            f"vocabulary has {len(vocabulary)} entries, but the model scores "
            f"{len(network.lookup)}: give that of its training text")
    level = level_of(vocabulary)
    tokens = tokenize(text, level)
    token_to_idx = {token: i for i, token in enumerate(vocabulary)}
    unknown = [token for token in dict.fromkeys(tokens)
               if token not in token_to_idx]
    if unknown or not tokens:
        what = units_of(level)
        some = ", ".join([*map(shown, unknown[:9]), "..."][:len(unknown)])
        raise ValueError(
            f"the text has {what} that the vocabulary of {len(vocabulary)} "
            f"lacks ({some}): leave them out" if unknown else
            f"the text is empty: give at least one of the model's {what}")
    return network, tokens, np.array([token_to_idx[t] for t in tokens])


def read_network(model, params):
    """Return a model, or a cell and its parameters, as a ``Network``."""
    try:
        if type(model) is CharRNN and params is None:
            _, embedding, layers, output = read_char_rnn(model)
            step = STEPS[model.config["cell"]]
        elif type(model) is RNNModel and params is None:
            _, embedding, layers, output = read_rnn_model(model) or refuse(
                model.rnn)
            step = STEPS[model.rnn._mode]
        elif any(model is cell for cell in SCRATCH):
            step, embedding, layers, output = read_cell(model, params)
        else:
            refuse(model, params)
    except RuntimeError:  # MXNet's own, for a parameter without values
        raise without_weights() from None
    layers = [{name: array.astype(np.float64) for name, array in layer.items()
               if array.size} for layer in layers]
    output = tuple(array.astype(np.float64) for array in output)
    if not all(np.isfinite(array).all() for array in (*output, *(
            array for layer in layers for array in layer.values()))):
        raise ValueError("the model has weights that are not finite: train it "
                         "again, with a smaller learning rate")
    lookup = layers[0]["i2h_weight"].T
    if embedding is not None:
        lookup = embedding.astype(np.float64) @ lookup
    return Network(step, lookup, layers, output)


def refuse(model, params=None):
    """Raise the error for a model that cannot be traced."""
    if type(model) in (CharRNN, RNNModel) and params is not None:
        raise ValueError(f"params is {shown(params)}: leave it out, since a "
                         f"{type(model).__name__} has its own")
    raise ValueError(f"model is {shown(model)}: give a CharRNN, an RNNModel "
                     f"of one direction, or rnn, gru, lstm, mingru or minlstm "
                     f"with params")


def read_cell(cell, params):
    """Return the step, no embedding, a layer and an output of a cell."""
    step, order, reads_state = SCRATCH[cell]
    per_gate = 3 if reads_state else 2
    length = per_gate * len(order) + 2
    shapes = ()
    if isinstance(params, (list, tuple)) and len(params) == length and all(
            isinstance(param, nd.NDArray) for param in params) and (
            len(params[-2].shape) == 2):
        h, q = params[-2].shape
        shapes = [*[(q, h), (h, h), (h,)][::1 if reads_state else 2]
                  * len(order), (h, q), (q,)]
    if not shapes or [param.shape for param in params] != shapes:
        raise ValueError(f"params are not those of {cell.__name__}: give the "
                         f"{length} arrays that it is called with")
    *gates, weight, bias = (param.asnumpy() for param in params)
    columns = [[gates[per_gate * gate + i].T for gate in order]
               for i in range(per_gate)]
    layer = dict(zip(("i2h_weight", *["h2h_weight"] * reads_state, "i2h_bias"),
                     map(np.concatenate, columns), strict=True))
    if reads_state:
        layer["h2h_bias"] = np.zeros_like(layer["i2h_bias"])
    return step, None, [layer], (weight.T, bias)
