"""A trace is the naive run, and a saliency the numeric gradient."""
from functools import partial
from itertools import product

import book_cells
import d2lrnn as d2l
import mxnet as mx
import numpy as np
import pytest
from d2lrnn.models.cells import CELLS
from mxnet import nd
from mxnet.gluon import rnn as rnn_layers

# all different, so that no transposed axis can hide
VOCAB_SIZE, NUM_HIDDENS, EMBED_SIZE = 11, 7, 5
ALPHABET = list("abcdefghijk")
TEXT = "abacadefghikjjab"
LETTERS = {"rnn": "H", "gru": "H R Z H_tilde", "mingru": "H Z H_tilde",
           "lstm": "H C I F O C_tilde", "ln_lstm": "H C I F O C_tilde",
           "minlstm": "H I F H_tilde"}
SCRATCH = {name: getattr(book_cells, name.upper())
           for name in ("rnn", "gru", "lstm", "mingru", "minlstm")}
EMBEDDINGS = {"one-hot": {"embed_size": None},
              "embedding": {"embed_size": EMBED_SIZE},
              "tied": {"embed_size": NUM_HIDDENS, "tie_weights": True}}
cells = pytest.mark.parametrize("cell", CELLS)
embeddings = pytest.mark.parametrize("embedding", EMBEDDINGS)
depths = pytest.mark.parametrize("num_layers", (1, 2))
scratch = pytest.mark.parametrize("cell", SCRATCH)


def char_rnn(cell, num_layers, embedding, ctx=None, **options):
    model = d2l.CharRNN(VOCAB_SIZE, num_hiddens=NUM_HIDDENS, cell=cell,
                        num_layers=num_layers, **EMBEDDINGS[embedding],
                        **options)
    model.initialize(ctx=ctx)
    for param in model.collect_params().values():
        param.set_data(nd.random.normal(scale=0.5, shape=param.shape,
                                        ctx=ctx))
    model.idx_to_char = ALPHABET
    return model


def scratch_params(cell):
    params = SCRATCH[cell][1](VOCAB_SIZE, NUM_HIDDENS)
    for param in params:
        param[:] = nd.random.normal(scale=0.5, shape=param.shape)
    return params


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normalised(x, scale, shift):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * scale + shift


def naive_step(cell, gate, H, C):
    """Take one step; ``gate(i, H)`` is what gate i adds up, with Gluon's i.

    ``gate(i, H, parts=True)`` returns the input's share and the state's.
    """
    if cell in ("lstm", "ln_lstm"):
        I, F, O = (sigmoid(gate(i, H)) for i in (0, 1, 3))
        C_tilde = np.tanh(gate(2, H))
        C = F * C + I * C_tilde
        return {"H": O * np.tanh(C), "C": C, "I": I, "F": F, "O": O,
                "C_tilde": C_tilde}
    if cell == "gru":
        R, Z = sigmoid(gate(0, H)), sigmoid(gate(1, H))
        of_input, of_state = gate(2, H, parts=True)
        H_tilde = np.tanh(of_input + R * of_state)
        return {"H": Z * H + (1 - Z) * H_tilde, "R": R, "Z": Z,
                "H_tilde": H_tilde}
    if cell == "mingru":
        Z, H_tilde = sigmoid(gate(0, H)), gate(1, H)
        return {"H": (1 - Z) * H + Z * H_tilde, "Z": Z, "H_tilde": H_tilde}
    if cell == "minlstm":
        I, F, H_tilde = sigmoid(gate(0, H)), sigmoid(gate(1, H)), gate(2, H)
        return {"H": F / (F + I) * H + I / (F + I) * H_tilde, "I": I, "F": F,
                "H_tilde": H_tilde}
    return {"H": np.tanh(gate(0, H))}


def gate_of(cell, weights, x, i, H, parts=False):
    """Return what gate i of a layer of a CharRNN adds up, in loops."""
    rows = range(i * NUM_HIDDENS, (i + 1) * NUM_HIDDENS)
    of_input = np.array([weights["i2h_weight"][row] @ x for row in rows])
    of_state = np.zeros(NUM_HIDDENS)
    if "i2h_bias" in weights:
        of_input += weights["i2h_bias"][rows]
    if "h2h_weight" in weights:
        of_state += [weights["h2h_weight"][row] @ H for row in rows]
    if "h2h_bias" in weights:
        of_state += weights["h2h_bias"][rows]
    if parts:
        return of_input, of_state
    if cell == "ln_lstm":
        return normalised(of_input + of_state, weights["gamma"][rows],
                          weights["beta"][rows])
    return of_input + of_state


def naive_char_rnn(model, text, growth=None):
    """Return the layers and the scores of a CharRNN, in naive loops.

    ``growth`` multiplies the input vector of each character.
    """
    cell = model.config["cell"]
    vectors = np.eye(VOCAB_SIZE)
    if model.config["embed_size"]:
        vectors = model.embedding.weight.data().asnumpy().astype(np.float64)
    growth = np.ones(len(text)) if growth is None else growth
    X = [vectors[ALPHABET.index(char)] * share
         for char, share in zip(text, growth, strict=True)]
    layers = []
    for layer in model.layers:
        weights = {name: getattr(layer, name).data().asnumpy().astype(
            np.float64) for name in CELLS[cell].params}
        H = C = np.zeros(NUM_HIDDENS)
        steps = []
        for x in X:
            steps.append(naive_step(cell, partial(gate_of, cell, weights, x),
                                    H, C))
            H, C = steps[-1]["H"], steps[-1].get("C")
        X = [step["H"] for step in steps]
        layers.append({letter: np.array([step[letter] for step in steps])
                       for letter in steps[0]})
    weight, bias = (param.data().asnumpy() for param in
                    (model.output.weight, model.output.bias))
    return layers, np.array(X) @ weight.T.astype(np.float64) + bias


ORDERS = {"rnn": "h", "gru": "rzh", "lstm": "ifco", "mingru": "zh",
          "minlstm": "ifh"}  # of the gates in naive_step, by their letters
OWN_ORDERS = {**ORDERS, "gru": "zrh", "lstm": "ifoc"}  # in the parameters


def naive_scratch(cell, params, text, growth=None):
    """Return the arrays and the scores of a cell from scratch, in loops."""
    *gates, W_hq, b_q = (p.asnumpy().astype(np.float64) for p in params)
    size = len(gates) // len(OWN_ORDERS[cell])
    by_letter = {letter: gates[i * size:(i + 1) * size]
                 for i, letter in enumerate(OWN_ORDERS[cell])}
    growth = np.ones(len(text)) if growth is None else growth
    H = C = np.zeros(NUM_HIDDENS)
    steps, scores = [], []
    for char, share in zip(text, growth, strict=True):
        x = share * np.eye(VOCAB_SIZE)[ALPHABET.index(char)]

        def gate(i, H, x=x):
            W_x, *W_h, b = by_letter[ORDERS[cell][i]]
            return x @ W_x + (H @ W_h[0] if W_h else 0) + b

        if cell == "gru":  # the book's resets before the product
            R, Z = sigmoid(gate(0, H)), sigmoid(gate(1, H))
            H_tilde = np.tanh(gate(2, R * H))
            step = {"H": Z * H + (1 - Z) * H_tilde, "R": R, "Z": Z,
                    "H_tilde": H_tilde}
        else:
            step = naive_step(cell, gate, H, C)
        H, C = step["H"], step.get("C")
        steps.append(step)
        scores.append(H @ W_hq + b_q)
    return {letter: np.array([step[letter] for step in steps])
            for letter in steps[0]}, np.array(scores)


def check(got, layers, scores, cell):
    """Assert that a trace has the arrays of a naive run, and its scores."""
    assert got.chars == list(TEXT)
    assert len(got.layers) == len(layers)
    for ours, naive in zip(got.layers, layers, strict=True):
        assert [*ours] == LETTERS[cell].split()
        for letter, array in ours.items():
            assert array.dtype == np.float32
            assert array.shape == (len(TEXT), NUM_HIDDENS)
            np.testing.assert_allclose(array, naive[letter], atol=1e-5,
                                       rtol=0)
    assert got.scores.shape == (len(TEXT), VOCAB_SIZE)
    np.testing.assert_allclose(got.scores, scores, atol=1e-5, rtol=0)


def log_probability(scores, target):
    scores = scores - scores.max()
    return (scores - np.log(np.exp(scores).sum()))[target]


def numeric_saliency(scores_of, text, position, epsilon=1e-5):
    """Return (f(1 + epsilon) - f(1 - epsilon)) / (2 epsilon) by character."""
    target, found = ALPHABET.index(text[position]), []
    for t in range(position):
        values = []
        for sign in (1, -1):
            growth = np.ones(position)
            growth[t] += sign * epsilon
            values.append(log_probability(
                scores_of(text[:position], growth)[-1], target))
        found.append((values[0] - values[1]) / (2 * epsilon))
    return np.array(found)


@depths
@embeddings
@cells
def test_a_trace_is_the_naive_run(cell, embedding, num_layers):
    model = char_rnn(cell, num_layers, embedding)
    check(d2l.trace(model, TEXT), *naive_char_rnn(model, TEXT), cell)


@depths
@cells
def test_the_scores_are_the_models(cell, num_layers, ctx):
    model = char_rnn(cell, num_layers, "embedding", ctx, dropout=0.5)
    X = nd.array([[ALPHABET.index(char) for char in TEXT]], ctx=ctx)
    Y, state = model(X, model.begin_state(1, ctx))
    traced = d2l.trace(model, TEXT)
    np.testing.assert_allclose(traced.scores, Y.asnumpy(), atol=1e-4, rtol=0)
    last = [layer[letter][-1] for layer in traced.layers
            for letter in "HC" if letter in layer]
    assert len(last) == len(state)
    for ours, theirs in zip(last, state, strict=True):
        np.testing.assert_allclose(ours, theirs.asnumpy()[0], atol=1e-4)


@scratch
def test_a_trace_of_a_cell_from_scratch_is_the_naive_run(cell):
    params = scratch_params(cell)
    arrays, scores = naive_scratch(cell, params, TEXT)
    run, _, init_state = SCRATCH[cell]
    traced = d2l.trace(run, TEXT, params, vocabulary=ALPHABET)
    check(traced, [arrays], scores, cell)
    X = nd.array([[ALPHABET.index(char) for char in TEXT]])
    outputs, _ = run(d2l.to_onehot(X, VOCAB_SIZE),
                     init_state(1, NUM_HIDDENS, None), params)
    np.testing.assert_allclose(traced.scores, nd.concat(
        *outputs, dim=0).asnumpy(), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("layer", "letters"), [
    (rnn_layers.RNN, "H"),  # with ReLU
    (partial(rnn_layers.RNN, activation="tanh"), "H"),
    (rnn_layers.GRU, LETTERS["gru"]), (rnn_layers.LSTM, LETTERS["lstm"])])
def test_the_books_model_is_traced(layer, letters):
    model = d2l.RNNModel(layer(NUM_HIDDENS, 2), VOCAB_SIZE)
    model.initialize(mx.init.Normal(0.5))
    X = nd.array([[ALPHABET.index(char) for char in TEXT]])
    Y, state = model(X, model.begin_state(batch_size=1))
    traced = d2l.trace(model, TEXT, vocabulary=ALPHABET)
    assert [[*arrays] for arrays in traced.layers] == [letters.split()] * 2
    np.testing.assert_allclose(traced.scores, Y.asnumpy(), atol=1e-4)
    for i, arrays in enumerate(traced.layers):
        np.testing.assert_allclose(arrays["H"][-1], state[0][i, 0].asnumpy(),
                                   atol=1e-4)


@depths
@cells
def test_a_saliency_is_the_numeric_gradient(cell, num_layers):
    for embedding, position in product(EMBEDDINGS, (1, 6)):
        model = char_rnn(cell, num_layers, embedding)

        def scores_of(text, growth, model=model):
            return naive_char_rnn(model, text, growth)[1]

        numeric = numeric_saliency(scores_of, TEXT, position)
        found = d2l.saliency(model, TEXT, position)
        assert found.shape == (position,)
        np.testing.assert_allclose(found, numeric, rtol=1e-5, atol=1e-8)
        # a normalised gate does not see the size of the only vector it reads
        assert position == 1 or abs(numeric).max() > 1e-3


@scratch
def test_a_saliency_of_a_cell_from_scratch_is_the_numeric_gradient(cell):
    params = scratch_params(cell)

    def scores_of(text, growth):
        return naive_scratch(cell, params, text, growth)[1]

    found = d2l.saliency(SCRATCH[cell][0], TEXT, 6, params,
                         vocabulary=ALPHABET)
    numeric = numeric_saliency(scores_of, TEXT, 6)
    np.testing.assert_allclose(found, numeric, rtol=1e-5, atol=1e-8)
    assert abs(numeric).max() > 1e-3


def test_what_comes_after_the_prediction_changes_nothing():
    model = char_rnn("lstm", 2, "embedding")
    np.testing.assert_array_equal(d2l.saliency(model, "abcab", 3),
                                  d2l.saliency(model, "abca", 3))


def test_words_and_hybrid_models_and_large_gates():
    model = char_rnn("minlstm", 1, "one-hot", unroll="static")
    model.hybridize(static_alloc=True)
    before = d2l.trace(model, TEXT).scores
    model.layers[0].i2h_bias.set_data(nd.full(3 * NUM_HIDDENS, -500.0))
    traced = d2l.trace(model, TEXT)
    assert np.isfinite(traced.scores).all()
    assert not np.allclose(traced.scores, before)
    words = ["to", " ", "be", "or", *"abcdefg"]
    assert d2l.trace(model, "to be", vocabulary=words).chars == [
        "to", " ", "be"]


WORDLESS = "there is no vocabulary: give the corpus's"
REFUSED = {
    "is empty: give": {"text": ""},
    "the text is 3: give a str": {"text": 3},
    r"lacks \('x', 'y'\): leave them out": {"text": "axyx"},
    "vocabulary has 2 entries, but the model scores 11": {
        "vocabulary": ["a", "b"]},
    "vocabulary is 'abc': give a list": {"vocabulary": "abc"},
    "model is 3: give a CharRNN": {"model": 3},
    "model is \\[\\]: give a CharRNN": {"model": []},
    "params is 1: leave it out, since a CharRNN has its own": {"params": 1},
    "params are not those of rnn: give the 5": {"model": d2l.rnn,
                                               "params": None},
    "params are not those of lstm: give the 14": {
        "model": d2l.lstm, "params": d2l.get_params(VOCAB_SIZE, 4)},
    WORDLESS: {"model": d2l.rnn,
               "params": d2l.get_params(VOCAB_SIZE, NUM_HIDDENS)},
}


@pytest.mark.parametrize("message", REFUSED)
@pytest.mark.parametrize("function", [
    d2l.trace, partial(d2l.saliency, position=1)], ids=["trace", "saliency"])
def test_what_cannot_be_traced_is_one_sentence(function, message):
    given = {"model": char_rnn("lstm", 1, "one-hot"), "text": TEXT}
    with pytest.raises(ValueError, match=message) as error:
        function(**{**given, **REFUSED[message]})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("text", "position", "message"), [
    ("abc", 0, "position is 0: it must be a whole number from 1 to 2"),
    ("abc", 3, "position is 3: it must be at most 2"),
    ("abc", 1.5, "position is 1.5: it must be a whole number from 1 to 2"),
    ("abc", None, "position is None: it must be a whole number from 1 to 2"),
    ("a", 1, "text is 'a': give at least 2 tokens")])
def test_a_position_is_inside_the_text(text, position, message):
    with pytest.raises(ValueError, match=message):
        d2l.saliency(char_rnn("gru", 1, "one-hot"), text, position)


def test_a_model_without_weights_is_refused():
    for model in (d2l.CharRNN(3, None, 4, 1),
                  d2l.RNNModel(rnn_layers.LSTM(4), 3)):
        with pytest.raises(ValueError, match="the model has no weights: call"):
            d2l.trace(model, "ab", vocabulary=["a", "b", "c"])


def test_a_model_that_reads_both_ways_is_refused():
    model = d2l.RNNModel(rnn_layers.LSTM(4, bidirectional=True), 3)
    model.initialize()
    model(nd.zeros((1, 1)), model.begin_state(batch_size=1))
    with pytest.raises(ValueError, match="an RNNModel of one direction"):
        d2l.trace(model, "ab", vocabulary=["a", "b", "c"])


def test_weights_that_are_not_finite_are_refused():
    model = char_rnn("rnn", 1, "one-hot")
    model.output.bias.set_data(nd.full(VOCAB_SIZE, np.nan))
    with pytest.raises(ValueError, match="are not finite: train it again"):
        d2l.trace(model, "ab")


def test_correlations_are_numpys():
    rng = np.random.default_rng(0)
    units, values = rng.normal(size=(50, 3)), rng.integers(2, size=50)
    units[:, 1] += 5 * values
    found = d2l.correlations(units, values)
    for unit, r in zip(units.T, found, strict=True):
        assert abs(r - np.corrcoef(unit, values)[0, 1]) < 1e-12
    constant = d2l.correlations(np.full((50, 2), 0.3, np.float32), values)
    assert abs(constant).max() < 1e-6


@pytest.mark.parametrize(("units", "values"), [
    (np.ones((3, 2)), np.ones(4)), (np.ones(3), np.ones(3)),
    (np.ones((3, 2)), [1, 2, 3]), (np.ones((0, 2)), np.ones(0))])
def test_there_is_a_value_for_each_step(units, values):
    with pytest.raises(ValueError, match=r"(units|values) (has shape|is of)"):
        d2l.correlations(units, values)
