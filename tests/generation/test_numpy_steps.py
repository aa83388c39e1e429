"""The steps in NumPy are the model's: its scores, its text, its errors."""
import math
import warnings
from itertools import product

import d2lrnn as d2l
import numpy as np
import oracle
import pytest
from d2lrnn.generation.book import predict_rnn_gluon
from d2lrnn.generation.lyrics import generate
from d2lrnn.generation.numpy_steps import ModelSteps, Stepper, stepper_of
from d2lrnn.models.cells import CELLS
from mxnet import nd
from mxnet.gluon import nn
from mxnet.gluon import rnn as rnn_layers

# all different, so that no transposed axis can hide
VOCAB_SIZE, NUM_HIDDENS, NUM_STEPS = 11, 7, 50
ALPHABET = list("abcdefghijk")
EMBEDDINGS = ({"embed_size": None}, {"embed_size": 6},
              {"embed_size": NUM_HIDDENS, "tie_weights": True})
cells = pytest.mark.parametrize("cell", CELLS)


class Unknown(d2l.CharRNN):
    """The same model, but of a class that could do something else."""


def char_rnn(ctx, cell, num_layers=2, embed_size=6, kind=d2l.CharRNN,
             **options):
    model = kind(VOCAB_SIZE, embed_size, NUM_HIDDENS, num_layers, cell,
                 **options)
    model.initialize(ctx=ctx)
    model.idx_to_char = ALPHABET
    return draw_weights(model, ctx)


GLUON = {"relu": rnn_layers.RNN, "gru": rnn_layers.GRU,
         "lstm": rnn_layers.LSTM,
         "tanh": lambda *args, **kwargs: rnn_layers.RNN(
             *args, activation="tanh", **kwargs)}


def gluon_model(ctx, cell, num_layers=2, **options):
    model = d2l.RNNModel(GLUON[cell](NUM_HIDDENS, num_layers, **options),
                         VOCAB_SIZE)
    model.initialize(ctx=ctx)
    model.idx_to_char = ALPHABET
    model(nd.zeros((1, 1), ctx=ctx), model.begin_state(1, ctx=ctx))
    return draw_weights(model, ctx)


def draw_weights(model, ctx, scale=0.3):
    """Draw all weights and biases; at this scale no rounding grows."""
    for param in model.collect_params().values():
        param.set_data(nd.random.normal(scale=scale, shape=param.shape,
                                        ctx=ctx))
    return model


def ids_of(*shape):
    return np.random.randint(VOCAB_SIZE, size=shape).tolist()


def scores_of(steps, state, ids):
    """Return the scores of all steps, of shape (num_steps, batch_size, n)."""
    scores = []
    for row in ids:
        y, state = steps(row, state)
        scores.append(y.copy())
    return np.stack(scores)


# a state forgets in about 10 steps what it was; each adds two states' numbers
# up in each of at most 3 layers
ADDITIONS = 10 * 3 * 2 * NUM_HIDDENS


def close(got, want, size=1):
    oracle.close(got, want, ADDITIONS, size)


def check_same_scores(model, batch_size):
    steps = stepper_of(model, VOCAB_SIZE)
    assert isinstance(steps, Stepper)
    ids = ids_of(NUM_STEPS, batch_size)
    got, want = (scores_of(either, either.begin_state(batch_size), ids)
                 for either in (steps, ModelSteps(model)))
    assert want.shape == (NUM_STEPS, batch_size, VOCAB_SIZE)
    close(got, want)
    # the ids matter: what they change is far above rounding
    assert np.ptp(want, axis=0).max() > 100 * ADDITIONS * oracle.EPS


@pytest.mark.parametrize("cell, num_layers, options, batch_size", list(
    product(CELLS, (1, 2, 3), EMBEDDINGS, (1, 5))))
def test_scores_are_those_of_the_char_rnn(ctx, cell, num_layers, options,
                                          batch_size):
    check_same_scores(char_rnn(ctx, cell, num_layers, **options), batch_size)


@pytest.mark.parametrize("cell, num_layers, batch_size", list(product(
    GLUON, (1, 3), (1, 5))))
def test_scores_are_those_of_gluons_layers(ctx, cell, num_layers, batch_size):
    check_same_scores(gluon_model(ctx, cell, num_layers), batch_size)


@cells
@pytest.mark.parametrize("unroll, dropout", [("static", 0.5),
                                             ("foreach", 0), ("fused", 0.5)])
def test_scores_depend_on_neither_unroll_nor_dropout(ctx, cell, unroll,
                                                     dropout):
    check_same_scores(char_rnn(ctx, cell, unroll=unroll, dropout=dropout), 2)


@cells
def test_lyrics_of_several_lengths_become_a_batch(ctx, cell):
    steps = stepper_of(char_rnn(ctx, cell), VOCAB_SIZE)
    prefixes, ids = [ids_of(n) for n in (0, 3, 8)], ids_of(20, 3)

    def warm(prefix):
        state = steps.begin_state(1)
        for i in prefix:
            _, state = steps([i], state)
        return state

    got = scores_of(steps, steps.join([warm(p) for p in prefixes]), ids)
    for k, prefix in enumerate(prefixes):
        alone = scores_of(steps, warm(prefix), [[row[k]] for row in ids])
        close(got[:, k], alone[:, 0])
    assert abs(got[0, 0] - got[0, 1]).max() > 1e-3


@cells
def test_full_gates_make_no_warning(ctx, cell):
    model = char_rnn(ctx, cell, 1)
    table = model.embedding.weight
    table.set_data(nd.sign(table.data(ctx)) * 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steps = stepper_of(model, VOCAB_SIZE)
        got = scores_of(steps, steps.begin_state(VOCAB_SIZE),
                        [range(VOCAB_SIZE)])
    want, _ = ModelSteps(model)(range(VOCAB_SIZE),
                                model.begin_state(VOCAB_SIZE, ctx))
    # inputs of 1000: a gate that is not full may be apart by their rounding
    close(got[0], want, size=1000)


@cells
@pytest.mark.parametrize("options", EMBEDDINGS)
def test_the_text_is_the_models(ctx, cell, options):
    choices = list(product(("bad", ["bad", "g", "decide"]), (
        {"temperature": 0}, {"seed": 1}, {"seed": 2, "top_k": 4})))

    def write(model):
        return [list(generate(model, prefix, 40, **choice))
                for prefix, choice in choices]

    model, texts = oracle.steady(
        lambda: draw_weights(char_rnn(ctx, cell, **options), ctx, 1), write,
        # single characters, and one for each lyric
        lambda texts: len({char for text in texts for char in text}) > 10)
    same = char_rnn(ctx, cell, kind=Unknown, **options)
    for param, other in zip(same.collect_params().values(),
                            model.collect_params().values(), strict=True):
        param.set_data(other.data(ctx))
    assert isinstance(stepper_of(same, VOCAB_SIZE), ModelSteps)
    assert write(same) == texts


@pytest.mark.parametrize("cell", GLUON)
def test_the_books_text_is_the_models(ctx, cell):
    def arguments(model):
        return ["bad", 40, model, VOCAB_SIZE, ctx, ALPHABET,
                {char: i for i, char in enumerate(ALPHABET)}]

    model, text = oracle.steady(
        lambda: draw_weights(gluon_model(ctx, cell), ctx, 1),
        lambda model: predict_rnn_gluon(*arguments(model)),
        lambda text: len(set(text[3:])) > 1)
    assert isinstance(stepper_of(model, VOCAB_SIZE), Stepper)
    assert text == "bad" + "".join(generate(model, "bad", 40, temperature=0))


def test_weights_are_those_of_the_call(ctx):
    model = char_rnn(ctx, "lstm")
    ids = ids_of(5, 1)
    before = stepper_of(model, VOCAB_SIZE)
    first = scores_of(before, before.begin_state(1), ids)
    draw_weights(model, ctx)
    after = stepper_of(model, VOCAB_SIZE)
    assert (scores_of(before, before.begin_state(1), ids) == first).all()
    assert abs(scores_of(after, after.begin_state(1), ids)
               - first).max() > 0.01
    check_same_scores(model, 1)


class OtherLSTM(rnn_layers.LSTM):
    """A reader's own layer."""


@pytest.mark.parametrize("layer, kind", [
    (rnn_layers.LSTM(NUM_HIDDENS, input_size=VOCAB_SIZE), Stepper),
    *((rnn_layers.LSTM(NUM_HIDDENS, input_size=VOCAB_SIZE, **options),
       ModelSteps) for options in (
        {"bidirectional": True}, {"layout": "NTC"}, {"projection_size": 3},
        {"state_clip_min": -1, "state_clip_max": 1})),
    (OtherLSTM(NUM_HIDDENS, input_size=VOCAB_SIZE), ModelSteps)])
def test_a_layer_of_another_kind_goes_its_own_way(layer, kind):
    model = d2l.RNNModel(layer, VOCAB_SIZE)
    model.dense = nn.Dense(VOCAB_SIZE, in_units=NUM_HIDDENS)
    model.initialize()
    assert isinstance(stepper_of(model, VOCAB_SIZE), kind)


def test_a_model_without_shapes_gets_them_on_its_way(ctx):
    model = d2l.RNNModel(rnn_layers.GRU(NUM_HIDDENS), VOCAB_SIZE)
    model.initialize(ctx=ctx)
    model.idx_to_char = ALPHABET
    assert isinstance(stepper_of(model, VOCAB_SIZE), ModelSteps)
    assert len(list(generate(model, "a", 3, seed=1))) == 3
    assert isinstance(stepper_of(model, VOCAB_SIZE), Stepper)


@pytest.mark.parametrize("more", [-1, 1])
def test_a_vocabulary_of_another_text(ctx, more):
    model = char_rnn(ctx, "gru")
    model.idx_to_char = list("abcdefghijkl")[:VOCAB_SIZE + more]
    prefix = model.idx_to_char[-1] * 2
    with pytest.raises(ValueError, match=r"shape \(1, 11\), but there are 1"):
        list(generate(model, prefix, 3))


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
@pytest.mark.parametrize("temperature", [0, 1])
def test_a_model_that_has_diverged_is_reported(ctx, value, temperature):
    model = char_rnn(ctx, "lstm")
    bias = model.output.bias.data(ctx)
    bias[3] = value
    assert isinstance(stepper_of(model, VOCAB_SIZE), ModelSteps)
    if value < math.inf:
        return
    with pytest.raises(FloatingPointError, match=f"id 3 is {value}: the mod"):
        list(generate(model, "a", 3, temperature, seed=1))


def test_scores_that_overflow_are_reported(ctx):
    """A cell without a bound leaves the numbers while it writes."""
    model = gluon_model(ctx, "relu", 1)
    model.rnn.l0_h2h_weight.set_data(1e5 * nd.eye(NUM_HIDDENS, ctx=ctx))
    model.rnn.l0_i2h_bias.set_data(nd.ones(NUM_HIDDENS, ctx=ctx))
    with pytest.raises(FloatingPointError, match="the model has diverged"):
        list(generate(model, "a", 30, temperature=0))
