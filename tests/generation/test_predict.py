"""Lyrics from a model that is known, and prefixes that cannot be used."""
import d2lrnn as d2l
import pytest
from mxnet import nd
from mxnet.gluon import rnn as rnn_layers

ALPHABET = "abcdefg"
CHAR_TO_IDX = {char: i for i, char in enumerate(ALPHABET)}


def next_letter(inputs, state, params):
    """Score the letter after each input highest, and count the steps."""
    return [nd.concat(X[:, -1:], X[:, :-1], dim=1) for X in inputs], (
        state[0] + len(inputs),)


def first_state(batch_size, num_hiddens, ctx):
    return (nd.zeros((batch_size, num_hiddens), ctx=ctx),)


class NextLetter:
    """The same as a Gluon model; it keeps the inputs that it was given."""

    def __init__(self):
        self.seen = []

    def begin_state(self, batch_size, ctx):
        return [nd.zeros((1, batch_size, 1), ctx=ctx)]

    def __call__(self, X, state):
        assert X.shape == (1, 1)
        self.seen.append(int(X[0].asscalar()))
        return nd.one_hot(nd.modulo(X[0] + 1, len(ALPHABET)),
                          len(ALPHABET)), [state[0] + 1]


def predict(prefix, num_chars, ctx=None):
    return d2l.predict_rnn(prefix, num_chars, next_letter, [], first_state, 1,
                           len(ALPHABET), ctx, list(ALPHABET), CHAR_TO_IDX)


def predict_gluon(prefix, num_chars, ctx=None):
    return d2l.predict_rnn_gluon(prefix, num_chars, NextLetter(),
                                 len(ALPHABET), ctx, list(ALPHABET),
                                 CHAR_TO_IDX)


both = pytest.mark.parametrize("predict", [predict, predict_gluon])


@both
@pytest.mark.parametrize("prefix, num_chars, lyric", [
    ("a", 3, "abcd"), ("fa", 4, "fabcde"), ("g", 9, "gabcdefgab"),
    ("cab", 0, "cab"), ("b", 0, "b")])
def test_the_highest_score_is_fed_back(predict, ctx, prefix, num_chars,
                                       lyric):
    assert predict(prefix, num_chars, ctx) == lyric


def test_the_prefix_is_read_one_character_at_a_time(ctx):
    model = NextLetter()
    d2l.predict_rnn_gluon("dab", 2, model, len(ALPHABET), ctx,
                          list(ALPHABET), CHAR_TO_IDX)
    assert model.seen == [3, 0, 1, 2]


@both
@pytest.mark.parametrize("prefix, num_chars, words", [
    ("", 5, "the prefix is empty"),
    ("axbyx", 5, r"lacks \('x', 'y'\)"),
    ("abc", -1, "num_chars is -1")])
def test_prefixes_that_cannot_be_used(predict, prefix, num_chars, words):
    with pytest.raises(ValueError, match=words):
        predict(prefix, num_chars)


def test_a_gluon_model_takes_its_own_steps(ctx):
    size = len(ALPHABET)
    model = d2l.RNNModel(rnn_layers.GRU(4, input_size=size), size)
    model.initialize(ctx=ctx)
    seen = []
    model.register_forward_hook(lambda block, inputs, output: seen.append(
        int(inputs[0].asscalar())))
    lyric = d2l.predict_rnn_gluon("dab", 3, model, size, ctx, list(ALPHABET),
                                  CHAR_TO_IDX)
    assert seen == [CHAR_TO_IDX[char] for char in lyric[:-1]]


def test_a_gluon_model_of_another_precision_is_refused(ctx):
    size = len(ALPHABET)
    model = d2l.RNNModel(rnn_layers.GRU(4, input_size=size), size)
    model.initialize(ctx=ctx)
    model.cast("float16")
    with pytest.raises(ValueError, match="weights are float16: call model"):
        d2l.predict_rnn_gluon("dab", 3, model, size, ctx, list(ALPHABET),
                              CHAR_TO_IDX)


def test_scratch_and_gluon_write_the_same(ctx):
    num_hiddens, size = 6, len(ALPHABET)
    params = d2l.get_params(size, num_hiddens, ctx)
    for param in params:
        param[:] = nd.random.normal(shape=param.shape, ctx=ctx)
    model = d2l.RNNModel(rnn_layers.RNN(num_hiddens, activation="tanh",
                                        input_size=size), size)
    model.initialize(ctx=ctx)
    model(nd.zeros((1, 1), ctx=ctx), model.begin_state(1, ctx=ctx))
    layer = model.rnn
    layer.l0_h2h_bias.set_data(nd.zeros(num_hiddens, ctx=ctx))
    for weight, param in zip(
            [layer.l0_i2h_weight, layer.l0_h2h_weight, layer.l0_i2h_bias,
             model.dense.weight, model.dense.bias], params, strict=True):
        weight.set_data(param.T)
    scratch = d2l.predict_rnn("bad", 40, d2l.rnn, params, d2l.init_rnn_state,
                              num_hiddens, size, ctx, list(ALPHABET),
                              CHAR_TO_IDX)
    gluon = d2l.predict_rnn_gluon("bad", 40, model, size, ctx,
                                  list(ALPHABET), CHAR_TO_IDX)
    assert scratch == gluon and len(scratch) == 43


WORDS = ["<unk>", "a", " ", "be", "to"]


@pytest.mark.parametrize("gluon", [False, True])
@pytest.mark.parametrize("prefix, num_chars, lyric", [
    ("be", 3, "beto<unk>a"), ("to be", 2, "to beto<unk>"), ("a", 0, "a"),
    (["to", " "], 1, "to be"), (("a", "be"), 0, "abe")])
def test_a_prefix_is_cut_into_the_vocabularys_words(gluon, prefix, num_chars,
                                                    lyric):
    def following(inputs, state, params):
        return [nd.concat(X[:, -1:], X[:, :-1], dim=1) for X in inputs], state

    class Following(NextLetter):
        def __call__(self, X, state):
            return nd.one_hot(nd.modulo(X[0] + 1, 5), 5), state

    idx = {word: i for i, word in enumerate(WORDS)}
    if gluon:
        written = d2l.predict_rnn_gluon(prefix, num_chars, Following(), 5,
                                        None, WORDS, char_to_idx=idx)
    else:
        written = d2l.predict_rnn(prefix, num_chars, following, [],
                                  first_state, 1, 5, None, WORDS, idx)
    assert written == lyric


@pytest.mark.parametrize("prefix", ["to bet", ["to", " ", "bet"]])
def test_words_that_are_unknown_are_named(prefix):
    idx = {word: i for i, word in enumerate(WORDS)}
    with pytest.raises(ValueError, match=r"'to bet' has words that the "
                       r"vocabulary of 5 lacks \('bet'\): use words"):
        d2l.check_prefix(prefix, 3, idx)


@pytest.mark.parametrize("prefix, num_chars, words", [
    (None, 3, "prefix is None: it must be a str, or a list"),
    (["a", 1], 3, r"prefix is \['a', 1\]: it must be a str"),
    ([], 3, "the prefix is empty"),
    ("a", 2.0, "num_chars is 2.0: it must be a whole number"),
    ("a", None, "num_chars is None: it must be a whole number")])
@both
def test_prefixes_and_lengths_of_another_type(predict, prefix, num_chars,
                                              words):
    with pytest.raises(ValueError, match=words):
        predict(prefix, num_chars)


def test_a_long_list_of_unknown_characters_is_cut_short():
    with pytest.raises(ValueError) as caught:
        d2l.check_prefix("".join(map(chr, range(0x4e00, 0x5e00))), 3,
                         CHAR_TO_IDX)
    assert "'\u4e07', '\u4e08', ...)" in str(caught.value)
    assert len(str(caught.value)) < 300
