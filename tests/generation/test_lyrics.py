"""Lyrics against models whose next character is known."""
import itertools
import math

import d2lrnn as d2l
import numpy as np
import oracle
import pytest
from d2lrnn.generation.choosing import choose
from d2lrnn.generation.lyrics import generate, generate_characters
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.checkpoint import save_model
from mxnet import init, nd
from mxnet.gluon import rnn as rnn_layers

ALPHABET = list("abcdefg")


class Table:
    """Score by the last character alone; the state counts the steps."""

    def __init__(self, table, idx_to_char=ALPHABET):
        self.table, self.idx_to_char = np.asarray(table), idx_to_char
        self.seen, self.steps = [], []

    def begin_state(self, batch_size, ctx):
        return (nd.zeros((batch_size, 1), ctx=ctx),)

    def __call__(self, X, state):
        assert X.shape == (state[0].shape[0], 1)
        ids = X.asnumpy()[:, 0].astype(int)
        self.seen.append(ids.tolist())
        self.steps.append(state[0][:, 0].asnumpy().astype(int).tolist())
        return nd.array(self.table[ids]), (state[0] + 1,)


class Sum(Table):
    """The next character is the sum of all that were read."""

    def __init__(self):
        super().__init__(np.eye(len(ALPHABET)))

    def __call__(self, X, state):
        total = (state[0] + X) % len(ALPHABET)
        scores, _ = super().__call__(total, state)
        return scores, (total,)


def next_letter(idx_to_char=ALPHABET):
    return Table(np.roll(np.eye(len(idx_to_char)), 1, axis=1), idx_to_char)


def any_letter():
    return Table(np.random.default_rng(5).normal(size=(7, 7)))


def lyric(*args, **options):
    return "".join(generate(*args, **options))


def lyrics(*args, **options):
    """Return the texts of a batch, and check the form of what is given."""
    steps = list(generate(*args, **options))
    assert all(type(step) is tuple for step in steps)
    return ["".join(column) for column in zip(*steps, strict=True)]


@pytest.mark.parametrize("prefix, num_chars, text", [
    ("a", 3, "bcd"), ("fa", 4, "bcde"), ("g", 9, "abcdefgab"),
    ("cab", 0, ""), ("cab", 1, "c")])
def test_the_new_characters_alone_are_given(prefix, num_chars, text):
    assert lyric(next_letter(), prefix, num_chars, 0) == text


def test_each_character_is_given_as_it_is_chosen():
    model = next_letter()
    characters = generate(model, "ca", 3, temperature=0)
    assert model.seen == []
    assert next(characters) == "b" and model.seen == [[2], [0]]
    assert next(characters) == "c" and model.seen == [[2], [0], [1]]
    assert list(characters) == ["d"] and model.seen == [[2], [0], [1], [2]]
    assert model.steps == [[0], [1], [2], [3]]


def test_the_model_is_called_once_a_step_for_a_batch():
    model = next_letter()
    steps = generate(model, ["a", "bcd", "d"], 2, temperature=0)
    assert next(steps) == ("b", "e", "e")
    assert model.seen == [[1], [2], [0, 3, 3]]
    assert model.steps == [[0], [1], [0, 2, 0]]
    assert list(steps) == [("c", "f", "f")] and len(model.seen) == 4


def test_prefixes_of_different_lengths_keep_their_states():
    def sums(prefix, num_chars):
        ids = [ALPHABET.index(char) for char in prefix]
        for _ in range(num_chars):
            ids.append(sum(ids) % len(ALPHABET))
        return "".join(ALPHABET[i] for i in ids[len(prefix):])

    prefixes = ["b", "bcd", "gg", "fedc"]
    expected = [sums(prefix, 6) for prefix in prefixes]
    assert len(set(expected)) == 4
    assert lyrics(Sum(), prefixes, 6, 0) == expected
    assert [lyric(Sum(), prefix, 6, 0) for prefix in prefixes] == expected


@pytest.mark.parametrize("options", [
    {}, {"temperature": 0.5, "top_k": 4}, {"temperature": 2, "top_p": 0.8}])
def test_row_i_draws_from_its_own_generator(options):
    model, last = any_letter(), [0, 4]
    rngs = [np.random.default_rng([3, i]) for i in range(2)]
    expected = []
    for _ in range(30):
        last = [choose(model.table[i], rng=rng, **options)
                for i, rng in zip(last, rngs, strict=True)]
        expected.append(tuple(ALPHABET[i] for i in last))
    assert list(generate(model, ["a", "e"], 30, seed=3,
                         **options)) == expected


def test_seeds_repeat_and_others_differ():
    first = lyric(any_letter(), "a", 40, seed=1)
    assert lyric(any_letter(), "a", 40, seed=1) == first
    assert lyric(any_letter(), "a", 40, seed=2) != first
    assert lyric(any_letter(), "a", 40) != lyric(any_letter(), "a", 40)


def test_a_lyric_does_not_depend_on_the_others():
    one, two = lyrics(any_letter(), ["a", "a"], 40, seed=7)
    assert one != two
    assert lyric(any_letter(), "a", 40, seed=7) == one
    # a neighbour that is another, is longer, or has stopped
    assert lyrics(any_letter(), ["gfe", "a", "b"], 40, seed=7)[1] == two
    for stop in ALPHABET:
        stopped = lyrics(any_letter(), ["a", "a"], 40, seed=7, stop=stop)
        assert stopped == [text[:text.index(stop) + 1] for text in (one, two)]


@pytest.mark.parametrize("prefix, stop, text", [
    ("a", "d", "bcd"), ("a", "de", "bcde"), ("f", "ab", "gab"),
    ("d", "def", "efgabcdef"),  # the stop lies in the new text alone
    ("a", "ed", "bcdefgabcdefgabcdefg")])
def test_a_lyric_ends_with_its_stop(prefix, stop, text):
    assert lyric(next_letter(), prefix, 20, 0, stop=stop) == text


def test_a_batch_ends_with_its_last_lyric():
    model = next_letter()
    assert list(generate(model, ["b", "a", "c"], 20, 0, stop="d")) == [
        ("c", "b", "d"), ("d", "c", ""), ("", "d", "")]
    assert len(model.seen) == 3


UNKNOWN = ["a", "b", "<unk>"]


def test_unk_is_never_written():
    always = Table([[0, 1, 9]] * 3, UNKNOWN)
    assert lyric(always, "a", 4, temperature=0) == "bbbb"
    assert set(lyric(always, "a", 60, seed=0)) == {"a", "b"}


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
@pytest.mark.parametrize("temperature", [0, 1])
def test_scores_that_are_no_numbers_are_named(wrong, temperature):
    model = next_letter()
    model.table[1, 5] = wrong
    steps = generate(model, ["a", "d"], 3, temperature, top_k=1, seed=1)
    assert next(steps) == ("b", "e")
    with pytest.raises(FloatingPointError, match=f"id 5 is {wrong}"):
        next(steps)


@pytest.mark.parametrize("idx_to_char", [ALPHABET, UNKNOWN])
@pytest.mark.parametrize("prefix", ["axbyx", ["a", "axbyx"]])
def test_unknown_characters_are_named(idx_to_char, prefix):
    with pytest.raises(ValueError, match=r"'axbyx' .*lacks \('x', 'y'\)"):
        generate(next_letter(idx_to_char), prefix, 5)


def test_unknown_characters_can_be_skipped():
    model = next_letter()
    assert lyric(model, "xcyaz", 2, 0, on_unknown="skip") == "bc"
    assert model.seen == [[2], [0], [1]]
    with pytest.raises(ValueError, match=r"lacks \('x', 'y'\)"):
        generate(next_letter(), "xyx", 5, on_unknown="skip")


def test_a_model_of_words_writes_words():
    model = next_letter(["one", " ", "two", "\n"])
    model.level = "word"
    words = generate(model, "one two", 5, temperature=0, stop="\n")
    assert list(words) == ["\n"] and model.seen == [[0], [1], [2]]
    with pytest.raises(ValueError, match=r"lacks \('three'\)"):
        generate(model, "one three", 5)


@pytest.mark.parametrize("level", ["split", "char", None])
def test_words_between_spaces_are_written_as_a_text(level):
    model = next_letter(["<unk>", "one", "<eos>", "two"])
    model.level = level
    assert lyric(model, "one", 4, temperature=0) == "\n two one\n"
    assert model.seen == [[1], [2], [3], [1]]  # <unk> is never written
    assert lyric(model, "<unk> one", 5, temperature=0, stop=" two") == (
        "\n two")
    assert lyric(model, "two\none", 5, temperature=0, stop="\n") == "\n"
    with pytest.raises(ValueError, match=r"'\\n three' has words .*'three'"):
        generate(model, "\nthree", 5)


def test_the_books_predictor_writes_words_as_a_text():
    model = next_letter(["<eos>", "one", "two"])
    char_to_idx = {word: i for i, word in enumerate(model.idx_to_char)}
    assert d2l.predict_rnn_gluon(
        "one", 4, model, 3, None, model.idx_to_char, char_to_idx) == (
        " one two\n one two")


@pytest.mark.parametrize("level", ["char", None])
def test_a_vocabulary_of_words_cuts_the_prefix_into_words(level):
    model = next_letter(["one", " ", "two", "\n"])
    model.level = level
    assert lyric(model, "one two", 1, temperature=0) == "\n"
    del model.level
    assert lyric(model, "two", 2, temperature=0) == "\none"


def test_a_prefix_of_free_tokens_is_one_of_them():
    model = next_letter(["C,1.0", "A,0.5", "R,2.0"])
    model.level = "token"
    assert lyric(model, "A,0.5", 2, temperature=0) == "R,2.0C,1.0"
    with pytest.raises(ValueError, match=r"lacks \('A,0.25'\)"):
        generate(model, "A,0.25", 2)


@pytest.mark.parametrize("options, words", [
    ({"num_chars": -1}, "num_chars is -1: .*at least 0"),
    ({"num_chars": 2.5}, "num_chars is 2.5: .*whole"),
    ({"temperature": -0.1}, "temperature is -0.1: .*at least 0"),
    ({"temperature": math.inf}, "temperature is inf: .*finite"),
    ({"temperature": math.nan}, "temperature is nan: .*finite"),
    ({"top_k": 0}, "top_k is 0: .*at least 1"),
    ({"top_k": 1.5}, "top_k is 1.5: .*whole"),
    ({"top_p": 0}, "top_p is 0: .*above 0"),
    ({"top_p": 1.01}, "top_p is 1.01: .*at most 1"),
    ({"top_p": math.nan}, "top_p is nan"),
    ({"seed": -1}, "seed is -1: .*at least 0"),
    ({"seed": 0.5}, "seed is 0.5: .*whole"),
    ({"stop": ""}, "stop is '': give"),
    ({"stop": 3}, "stop is 3: give"),
    ({"on_unknown": "drop"}, "on_unknown is 'drop': it must be"),
    ({"prefix": ""}, "the prefix is empty"),
    ({"prefix": ["a", ""]}, "the prefix is empty"),
    ({"prefix": []}, r"prefix is \[\]: it must be a str"),
    ({"prefix": ["a", 3]}, r"prefix is \['a', 3\]: it must be a str"),
    ({"prefix": None}, "prefix is None: it must be a str")])
def test_arguments_are_checked_before_the_first_character(options, words):
    model = next_letter()
    with pytest.raises(ValueError, match=words) as told:
        generate(model, **{"prefix": "a", "num_chars": 3, **options})
    assert "\n" not in str(told.value) and model.seen == []


@pytest.mark.parametrize("model", [Table(np.eye(7), None), object()])
def test_a_model_without_a_vocabulary(model):
    with pytest.raises(ValueError, match="the model has no vocabulary"):
        generate(model, "a", 3)


def test_a_vocabulary_of_another_text():
    model = next_letter()
    model.idx_to_char = list("abcdefgh")
    with pytest.raises(ValueError, match=r"shape \(1, 7\), .* 8 characters"):
        lyric(model, "a", 3)


def test_a_model_of_gluon_writes_as_in_the_book(ctx):
    size = len(ALPHABET)

    def draw():
        model = d2l.RNNModel(rnn_layers.LSTM(9, input_size=size), size)
        model.initialize(init.Normal(1), ctx=ctx)
        model.idx_to_char = ALPHABET
        model(nd.zeros((1, 1), ctx=ctx), model.begin_state(1, ctx=ctx))
        return model

    char_to_idx = {char: i for i, char in enumerate(ALPHABET)}
    model, text = oracle.steady(draw, lambda model: d2l.predict_rnn_gluon(
        "bad", 30, model, size, ctx, ALPHABET, char_to_idx),
        lambda text: len(set(text[3:])) > 1)
    assert "bad" + lyric(model, "bad", 30, 0) == text


def char_rnn(ctx, **options):
    model = CharRNN(len(ALPHABET), 4, 9, 2, **options)
    model.initialize(init.Normal(1), ctx=ctx)
    model.idx_to_char = ALPHABET
    return model


@pytest.mark.parametrize("options", [
    {"cell": "lstm"}, {"cell": "ln_lstm", "unroll": "static"},
    {"cell": "gru", "unroll": "foreach"}, {"cell": "mingru"},
    {"cell": "minlstm"}])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_batch_is_its_lyrics_one_by_one(ctx, options, compiled):
    prefixes = ["bad", "g", "defaced"]

    def write(model):
        return [*(lyric(model, prefix, 30, temperature=0)
                  for prefix in prefixes), lyric(model, "bad", 30, seed=1)]

    model, (*one_by_one, drawn) = oracle.steady(
        lambda: char_rnn(ctx, **options), write,
        lambda lyrics: len(set(lyrics[:3])) == 3)
    if compiled:
        model.hybridize(static_alloc=True, static_shape=True)
    assert lyrics(model, prefixes, 30, temperature=0) == one_by_one
    assert drawn == lyrics(model, ["bad", "g"], 30, seed=1)[0]


@pytest.mark.parametrize("pick_top_chars", [None, 2])
def test_generate_characters_loads_and_writes(monkeypatch, pick_top_chars):
    loaded = []

    def load_model(path):
        loaded.append(path)
        return any_letter()

    monkeypatch.setattr("d2lrnn.generation.lyrics.load_model", load_model)
    text = generate_characters("saved", 50, "ab", pick_top_chars, seed=4)
    assert text == "ab" + lyric(any_letter(), "ab", 50, 1.0, pick_top_chars,
                                seed=4)
    assert len(text) == 52 and loaded == ["saved"]
    if pick_top_chars:
        best = any_letter().table.argsort(axis=1)[:, -2:]
        for last, char in itertools.pairwise(text[1:]):
            assert ALPHABET.index(char) in best[ALPHABET.index(last)]


def test_generate_characters_begins_with_a_capital(monkeypatch):
    monkeypatch.setattr("d2lrnn.generation.lyrics.load_model",
                        lambda path: next_letter(list("ABC")))
    assert generate_characters("saved", 3, pick_top_chars=1) == "ABCA"


def test_generate_characters_reads_a_checkpoint(ctx, tmp_path):
    model = char_rnn(ctx)
    save_model(tmp_path / "saved.safetensors", model)
    text = generate_characters(tmp_path / "saved.safetensors", 20, "a",
                               seed=2)
    assert text == "a" + lyric(model, "a", 20, seed=2)


def test_a_model_that_cannot_write_on():
    model = d2l.WindowLSTM(3)
    model.idx_to_char = list("abc")
    with pytest.raises(ValueError, match="no state from one character to"):
        generate(model, "a", 3)


def test_a_model_without_weights():
    for model in (d2l.CharRNN(3, 4, 8, 1), d2l.RNNModel(rnn_layers.GRU(4), 3)):
        model.idx_to_char = list("abc")
        with pytest.raises(ValueError, match="has no weights: call init"):
            generate(model, "a", 3)


@pytest.mark.parametrize("layer", [
    rnn_layers.GRU(4), rnn_layers.LSTM(4, bidirectional=True),
    rnn_layers.RNN(4, num_layers=2)])
def test_several_lyrics_of_the_books_model(layer):
    """Its states have the texts along another axis than those of CharRNN."""
    model = d2l.RNNModel(layer, 3)
    model.initialize()  # its shapes are not known yet
    model.idx_to_char = list("abc")
    pairs = list(generate(model, ["ab", "c"], 4, temperature=0))
    for i, prefix in enumerate(["ab", "c"]):
        alone = "".join(generate(model, prefix, 4, temperature=0))
        assert "".join(pair[i] for pair in pairs) == alone
