"""The writer of poems: its windows, its model, and what it writes."""
import io
import math
import re
from importlib import resources
from pathlib import Path

import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn import shakespeare
from d2lrnn.models.checkpoint import load_model, read, save_model
from d2lrnn.shakespeare import (
    build_data,
    generate_output,
    load_poems,
    sample,
    vectorization,
    write,
)
from d2lrnn.training.feeds import Windows, cut
from mxnet import autograd, init, nd

FOX = "the quick brown fox jumps over the lazy dog. "
SONNETS = resources.files("lyrics_data") / "original_sonnets.txt"


@pytest.fixture(scope="module")
def fox():
    return d2l.load_corpus(FOX * 20)


@pytest.fixture
def model(fox, ctx):
    """A small model with random weights and a vocabulary."""
    model = d2l.WindowLSTM(fox.vocab_size, 8, 0.5, Tx=5)
    model.initialize(init.Normal(0.8), ctx=ctx)
    model.idx_to_char = fox.idx_to_char
    return model


def test_windows_of_a_text(capsys):
    X, Y = build_data("abcdefgh", Tx=3, stride=2)
    assert X == ["abc", "cde", "efg"] and Y == ["d", "f", "h"]
    assert capsys.readouterr().out == "number of training examples: 3\n"
    assert build_data("abcd", Tx=3, stride=9) == (["abc"], ["d"])


def test_the_sonnets_give_31412_windows(capsys):
    try:
        poems = load_poems(fallback=False)
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    X, _ = build_data(poems.text)
    assert len(X) == 31_412 and poems.vocab_size == 38
    assert poems.text == poems.text.lower()


def test_without_shakespeare_the_original_sonnets_are_read(no_texts):
    with pytest.warns(d2l.D2LRNNWarning, match="the original sonnets"):
        poems = load_poems()
    assert poems.source == "original_sonnets.txt"
    assert poems.text == SONNETS.read_text("utf-8").lower()
    with pytest.raises(FileNotFoundError, match=r"shakespeare\.txt is"):
        load_poems(fallback=False)


def test_poems_in_the_vocabulary_of_others():
    first = load_poems("To be or not to be\nthat is it\n")
    second = load_poems("It IS\n", vocabulary=first.idx_to_char)
    assert second.text == "it is\n"
    assert second.idx_to_char == first.idx_to_char
    with pytest.raises(ValueError, match=r"lacks \('q'\)"):
        load_poems("Quit\n", vocabulary=[*first.idx_to_char, "u"])


@pytest.mark.parametrize("level", ["char", "word"])
def test_samples_begin_with_what_the_corpus_begins_with(level, capsys):
    corpus = d2l.load_corpus("Xylem: " + FOX * 20, level=level, min_freq=2)
    model = d2l.WindowLSTM(corpus.vocab_size, 4, 0.0, Tx=6)
    history = shakespeare.fit(model, corpus, 1, batch_size=64)
    assert history[0]["lyrics"]


def test_vectors_of_windows(fox):
    X, Y = build_data(fox.text[:60], Tx=7, stride=4)
    x, y = vectorization(X, Y, fox.vocab_size, fox.char_to_idx, Tx=7)
    assert x.dtype == y.dtype == bool
    assert x.shape == (14, 7, fox.vocab_size) and y.shape == (14, 28)
    assert (x.sum(axis=2) == 1).all() and (y.sum(axis=1) == 1).all()
    for window, rows, char, row in zip(X, x, Y, y, strict=True):
        assert "".join(fox.idx_to_char[i] for i in rows.argmax(1)) == window
        assert fox.idx_to_char[row.argmax()] == char


def test_training_reads_the_same_windows(fox, capsys):
    feed = Windows(fox, Tx=6, stride=3, batch_size=16, held_out=0.1)
    num_train = 900 - 90
    X, Y = build_data(fox.text[:num_train], Tx=6, stride=3)
    seen = []
    for x, y in feed.epoch(np.random.default_rng(0)):
        seen += [("".join(fox.idx_to_char[i] for i in row),
                  fox.idx_to_char[j]) for row, j in zip(x, y, strict=True)]
    assert len(seen) == sum(feed.units) == len(X)
    assert sorted(seen) == sorted(zip(X, Y, strict=True))
    assert seen != list(zip(X, Y, strict=True))
    held_out = ["".join(fox.idx_to_char[i] for i in row)
                for row in feed.held_out[0]]
    assert held_out == build_data(fox.text[num_train:], 6, 3)[0]


def test_windows_of_a_long_text_are_not_copied():
    ids = np.zeros(10**7, dtype=np.int32)
    X, Y = cut(ids, Tx=40, stride=3)
    assert X.shape == (3_333_320, 40) and Y.shape == (3_333_320,)
    assert np.shares_memory(X, ids) and np.shares_memory(Y, ids)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def naive_lstm(inputs, layer):
    """Return the outputs of a layer, step by step, unit by unit."""
    W_x, W_h, b_x, b_h = (
        getattr(layer, name).data().asnumpy().astype(np.float64)
        for name in ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias"))
    H = C = np.zeros(layer.num_hiddens)
    outputs = []
    for x in inputs:
        i, f, c, o = np.split(W_x @ x + b_x + W_h @ H + b_h, 4)
        C = sigmoid(f) * C + sigmoid(i) * np.tanh(c)
        H = sigmoid(o) * np.tanh(C)
        outputs.append(H)
    return outputs


@pytest.mark.parametrize("hybridize", [False, True])
def test_scores_are_those_of_naive_loops(model, ctx, hybridize):
    if hybridize:
        model.hybridize(static_alloc=True, static_shape=True)
    windows = [[3, 1, 4, 1, 5], [-1, -1, 9, 2, 6], [-1] * 5]
    scores, state = model(nd.array(windows, ctx=ctx))
    assert state == () and scores.shape == (3, 28)
    W, b = (p.data().asnumpy() for p in (model.dense.weight, model.dense.bias))
    for row, window in zip(scores.asnumpy(), windows, strict=True):
        # -1 pads: a vector of zeros, which the LSTM still reads
        x = [np.eye(28)[i] if i >= 0 else np.zeros(28) for i in window]
        H = naive_lstm(naive_lstm(x, model.lstm1), model.lstm2)[-1]
        np.testing.assert_allclose(row, W @ H + b, atol=1e-5)


@pytest.mark.parametrize("hybridize", [False, True])
def test_gradients_are_those_of_pytorch(model, ctx, hybridize):
    torch = pytest.importorskip("torch", reason="needs PyTorch as an oracle")
    if hybridize:
        model.hybridize(static_alloc=True, static_shape=True)
    model.dropout1._rate = model.dropout2._rate = 0
    lstms = [torch.nn.LSTM(28, 8), torch.nn.LSTM(8, 8)]
    dense = torch.nn.Linear(8, 28)
    pairs = list(zip((model.dense.weight, model.dense.bias),
                     (dense.weight, dense.bias), strict=True))
    for ours, theirs in zip((model.lstm1, model.lstm2), lstms, strict=True):
        pairs += [(ours.i2h_weight, theirs.weight_ih_l0),
                  (ours.h2h_weight, theirs.weight_hh_l0),
                  (ours.i2h_bias, theirs.bias_ih_l0),
                  (ours.h2h_bias, theirs.bias_hh_l0)]
    for ours, theirs in pairs:
        theirs.data = torch.from_numpy(ours.data().asnumpy())
    rng = np.random.default_rng(0)
    for _ in range(2):
        X, Y = rng.integers(28, size=(6, 5)), rng.integers(28, size=6)
        with autograd.record():
            output, _ = model(nd.array(X, ctx=ctx))
            l = -nd.pick(nd.log_softmax(output), nd.array(Y, ctx=ctx)).mean()
        l.backward()
        x = torch.nn.functional.one_hot(torch.tensor(X.T), 28).float()
        for lstm in lstms:
            x, _ = lstm(x)
        loss = torch.nn.functional.cross_entropy(dense(x[-1]),
                                                 torch.tensor(Y))
        loss.backward()
        assert l.asscalar() == pytest.approx(loss.item(), abs=1e-5)
        for ours, theirs in pairs:
            np.testing.assert_allclose(ours.grad().asnumpy(),
                                       theirs.grad.numpy(), atol=1e-5)
            theirs.grad = None


def test_dropout_is_on_in_training_alone(model, ctx):
    X = nd.array([[3, 1, 4, 1, 5]], ctx=ctx)
    with autograd.train_mode():
        dropped = [model(X)[0].asnumpy() for _ in range(8)]
    assert len({array.tobytes() for array in dropped}) > 1
    assert np.array_equal(model(X)[0].asnumpy(), model(X)[0].asnumpy())


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_sample_draws_from_the_power_of_the_probabilities(temperature):
    preds = np.array([0.5, 0.0, 0.3, 0.15, 0.05])
    expected = preds ** (1 / temperature)
    expected /= expected.sum()
    rng = np.random.default_rng(7)
    drawn = np.bincount([sample(preds, temperature, rng)
                         for _ in range(5000)], minlength=5)
    assert drawn[1] == 0
    # within five standard deviations
    np.testing.assert_allclose(drawn / 5000, expected,
                               atol=5 * math.sqrt(0.25 / 5000))


def test_sample_at_the_extremes():
    preds = [0.1, 0.6, 0.3]
    assert sample(preds, 0) == 1
    assert {sample(preds, 1e-300) for _ in range(20)} == {1}
    assert {sample([0, 1e-300, 0]) for _ in range(20)} == {1}
    assert {sample(preds, 1e9) for _ in range(200)} == {0, 1, 2}
    assert sample([3, 9, 1], 0) == 1  # they need not add up to 1


@pytest.mark.parametrize("preds", [
    [0.5, -0.1], [0.0, 0.0], [], [math.nan, 1], [math.inf, 1], [[0.5, 0.5]]])
def test_what_is_no_probability(preds):
    with pytest.raises(ValueError, match="preds are not probabilities"):
        sample(preds)


@pytest.mark.parametrize("temperature", [-1, math.nan, math.inf])
def test_what_is_no_temperature(model, temperature):
    for call in (lambda: sample([0.5, 0.5], temperature),
                 lambda: write(model, "the", 5, temperature),
                 lambda: generate_output(model, "the",
                                         temperature=temperature)):
        with pytest.raises(ValueError, match=r"temperature is .*finite"):
            call()


@pytest.mark.parametrize("wrong, words", [
    ({"text": "abc"}, "the text has 3 characters, too few for a window of 3"),
    ({"text": ""}, "the text has 0 characters"),
    ({"Tx": 0}, "Tx is 0"), ({"stride": 0}, "stride is 0"),
    ({"stride": -2}, "stride is -2"), ({"Tx": 2.5}, "Tx is 2.5")])
def test_what_has_no_windows(wrong, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        build_data(**{"text": "abcdefg", "Tx": 3, "stride": 1, **wrong})


@pytest.mark.parametrize("X, Y, n_x, Tx, words", [
    (["ab"], ["c"], 2, 2, "no id below n_x=2 for 'c'"),
    (["ab"], ["b"], 1, 2, "no id below n_x=1 for 'b'"),
    (["ab"], [], 2, 2, "1 windows and Y 0 characters"),
    (["ab"], ["b"], 2, 3, "windows of Tx=3")])
def test_what_has_no_vectors(X, Y, n_x, Tx, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        vectorization(X, Y, n_x, {"a": 0, "b": 1}, Tx)


def test_fit_learns_the_alphabet(abc, ctx, capsys):
    model = d2l.WindowLSTM(3, 16, 0.2, Tx=4)
    # one every three would be the same window each time
    history = shakespeare.fit(model, abc, 6, 0.01, batch_size=32, stride=2,
                              ctx=ctx)
    losses = [record["loss"] for record in history]
    assert losses[0] > 0.3 > 0.05 > losses[-1]
    assert history[-1]["held_out_loss"] < 0.02
    printed = capsys.readouterr().out
    assert printed.startswith("711 windows to train on, 36 held out\n")
    assert history[-1]["lyrics"] == [("bca" * 99)[:160]]
    assert " - " + history[-1]["lyrics"][0] in printed
    poem = generate_output(model, "BCAB", 8, temperature=0)
    assert poem == "bcabcabcabca"
    assert capsys.readouterr().out == "\nbcabcabcabca\n"


def test_the_held_out_loss_is_that_of_all_windows(fox, ctx):
    model = d2l.WindowLSTM(fox.vocab_size, 8, 0.5, Tx=5)
    (record,) = shakespeare.fit(model, fox, 1, 0.01, held_out=0.1, ctx=ctx,
                                batch_size=16)
    X, Y = build_data(fox.text[810:], Tx=5, stride=3)
    losses = []
    for window, char in zip(X, Y, strict=True):
        ids = [fox.char_to_idx[c] for c in window]
        scores = model(nd.array([ids], ctx=ctx))[0][0].asnumpy().astype(float)
        losses.append(np.log(np.exp(scores).sum())
                      - scores[fox.char_to_idx[char]])
    assert record["held_out_loss"] == pytest.approx(np.mean(losses), abs=1e-5)
    assert record["perplexity"] == pytest.approx(math.exp(record["loss"]))


def test_two_epochs_and_one_more_are_three(fox, tmp_path, ctx):
    def train(folder, num_epochs, **options):
        model = d2l.WindowLSTM(fox.vocab_size, 8, 0.5, Tx=5)
        return shakespeare.fit(model, fox, num_epochs, 0.01, folder=folder,
                               batch_size=50, ctx=ctx, **options)

    train(tmp_path / "stopped", 2)
    train(tmp_path / "stopped", 3, resume=True)
    train(tmp_path / "whole", 3)
    (a, _), (b, _) = (read(tmp_path / name / "last.safetensors")
                      for name in ("stopped", "whole"))
    assert a.keys() == b.keys()
    for name, array in a.items():
        np.testing.assert_array_equal(array, b[name], name)
    assert (tmp_path / "whole" / "record.json").exists()
    assert load_model(tmp_path / "whole" / "best.safetensors").Tx == 5


def test_a_saved_model_writes_the_same(model, tmp_path, ctx):
    save_model(tmp_path / "m.safetensors", model)
    loaded = load_model(tmp_path / "m.safetensors", ctx)
    assert type(loaded) is d2l.WindowLSTM and loaded.config == model.config
    for temperature in (0, 0.8):
        texts = ["".join(write(m, "the ", 30, temperature, seed=4))
                 for m in (model, loaded)]
        assert texts[0] == texts[1]


@pytest.mark.parametrize("prompt", ["", "fox", "the quick brown fox"])
def test_each_character_is_chosen_by_the_last_window(model, fox, ctx, prompt):
    written = "".join(write(model, prompt, 12, temperature=0))
    assert len(written) == 12
    ids = [-1] * 5 + [fox.char_to_idx[char] for char in prompt]
    for char in written:
        scores, _ = model(nd.array([ids[-5:]], ctx=ctx))
        ids.append(int(scores.asnumpy().argmax()))
        assert char == fox.idx_to_char[ids[-1]]


def test_seeds(model):
    texts = ["".join(write(model, "the ", 40, seed=seed))
             for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_characters_come_one_by_one(model):
    chars = write(model, "the ", 10**9)
    assert len([next(chars) for _ in range(3)]) == 3


def test_a_poem_is_asked_for(model, monkeypatch, capsys):
    monkeypatch.setattr("builtins.input", lambda question: "The FOX")
    poem = generate_output(model, num_chars=20, seed=1)
    assert poem.startswith("the fox") and len(poem) == 27
    assert capsys.readouterr().out == f"\n{poem}\n"


def test_nobody_to_ask(model, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(ValueError, match="standard input ended before"):
        generate_output(model)


@pytest.mark.parametrize("wrong, words", [
    ({"prompt": "thé fôx"}, "lacks ('é', 'ô')"),
    ({"num_chars": -1}, "num_chars is -1"), ({"seed": -1}, "seed is -1")])
def test_what_cannot_be_written(model, wrong, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        generate_output(model, **{"prompt": "the", **wrong})


def test_a_model_without_characters_cannot_write():
    with pytest.raises(ValueError, match="the model has no vocabulary"):
        write(d2l.WindowLSTM(3), "a", 5)


@pytest.mark.parametrize("wrong, words", [
    ({"vocab_size": 0}, "vocab_size is 0"), ({"Tx": -1}, "Tx is -1"),
    ({"num_hiddens": 1.5}, "num_hiddens is 1.5"),
    ({"dropout": 1}, "dropout is 1"), ({"dropout": "a"}, "dropout is 'a'")])
def test_models_that_cannot_be(wrong, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        d2l.WindowLSTM(**{"vocab_size": 3, **wrong})


def test_wrong_models_and_texts(fox, abc):
    with pytest.raises(ValueError, match="needs a WindowLSTM and a Corpus"):
        shakespeare.fit(d2l.CharRNN(28, 2, 2, 1), fox)
    with pytest.raises(ValueError, match="needs a WindowLSTM and a Corpus"):
        shakespeare.fit(d2l.WindowLSTM(28), FOX)
    with pytest.raises(ValueError, match="vocabulary of 28, the corpus one"):
        shakespeare.fit(d2l.WindowLSTM(28), abc)
    with pytest.raises(ValueError, match=r"\d held-out ids are too few for a"):
        shakespeare.fit(d2l.WindowLSTM(28), fox, held_out=0.04)
    with pytest.raises(ValueError, match="stride is 0"):
        shakespeare.fit(d2l.WindowLSTM(28), fox, stride=0)


def test_poems_in_other_letters_are_refused(fox, tmp_path):
    """As many of them: what a letter meant would change."""
    model = d2l.WindowLSTM(fox.vocab_size, 6, Tx=5)
    shakespeare.fit(model, fox, 1, seed=1)
    save_model(tmp_path / "m.safetensors", model)
    other = d2l.load_corpus(fox.text.replace("z", "Z"))
    for writer in (model, load_model(tmp_path / "m.safetensors")):
        with pytest.raises(ValueError, match="another vocabulary than that"):
            shakespeare.fit(writer, other, 1, seed=1)
        shakespeare.fit(writer, fox, 1, seed=1)


def test_the_model_that_ships(ctx):
    """It knows the sonnets better than their frequencies, and can go on."""
    path = resources.files("lyrics_data") / "sonnets.safetensors"
    assert Path(path).stat().st_size < 2 * 2**20
    model = shakespeare.load_pretrained(ctx)
    sonnets = load_poems("original_sonnets.txt")
    assert model.idx_to_char == sonnets.idx_to_char
    X, Y = Windows(sonnets, 40, 3, 128, 0.05).held_out
    output, _ = model(nd.array(X, ctx=ctx))
    loss = -nd.pick(nd.log_softmax(output), nd.array(Y, ctx=ctx)).mean()
    p = np.bincount(sonnets.corpus_indices) / len(sonnets.corpus_indices)
    assert loss.asscalar() < 2 < -(p * np.log(p)).sum()
    part = d2l.Corpus.from_text(sonnets.text[:3000] + "".join(
        sonnets.idx_to_char), "a part")
    (record,) = shakespeare.fit(model, part, 1, 1e-4, ctx=ctx)
    assert record["loss"] < 2.2
