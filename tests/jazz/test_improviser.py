"""The improviser: its data, its model, its training, and what it plays."""
import math
import re
from fractions import Fraction
from itertools import pairwise

import d2lrnn as d2l
import mido
import numpy as np
import pytest
from d2lrnn import jazz
from d2lrnn.jazz import model as room
from d2lrnn.jazz.grammar import note_type, parse_token, quantize, tokens_of
from d2lrnn.jazz.midi import Note, write_tune
from d2lrnn.jazz.training_data import default_tune, windows
from d2lrnn.models.checkpoint import load_model, read, save_model
from d2lrnn.training import fit as fitting
from mxnet import autograd, init, nd


@pytest.fixture(scope="module")
def music():
    return jazz.load_music_utils()


@pytest.fixture(scope="module")
def trained(music):
    """A model after the lesson's 100 epochs, and its history."""
    model = jazz.djmodel(30, 64, music.n_values)
    history = jazz.fit(model, music, 100, seed=1)
    return model, history


def small(ctx, Tx=4, n_a=6, n_values=5):
    model = jazz.djmodel(Tx, n_a, n_values)
    model.initialize(init.Normal(0.7), ctx=ctx)
    return model


def player(model, Ty=12):
    return jazz.music_inference_model(model.lstm_cell, model.densor,
                                      model.vocab_size, model.num_hiddens, Ty)


def test_the_training_data_are_the_lessons(music):
    X, Y, n_values, indices_values = music
    assert X.shape == (60, 30, n_values) and Y.shape == (30, 60, n_values)
    assert X.sum() == Y.sum() == 60 * 29
    assert not X[:, 0].any() and not Y[-1].any()
    assert set(np.unique(X)) == set(np.unique(Y)) == {0, 1}
    np.testing.assert_array_equal(Y[:-1].transpose(1, 0, 2), X[:, 1:])
    values = [indices_values[i] for i in range(n_values)]
    assert values == sorted(set(values)) and n_values >= 60


def test_the_windows_are_those_of_seed_0(music):
    """Drawn by NumPy's legacy generator, and found again in the tune."""
    tokens = tokens_of(*jazz.read_tune(default_tune()))
    np.random.seed(0)
    starts = [np.random.choice(len(tokens) - 30) for _ in range(60)]
    for row, start in zip(music.X, starts, strict=True):
        found = [music.indices_values[i] for i in row[1:].argmax(axis=1)]
        assert found == tokens[start + 1:start + 30]
    assert len(set(starts)) > 30


def test_other_sizes_and_another_range(music):
    X, Y, _, _ = jazz.load_music_utils(m=7, Tx=11)
    assert X.shape[:2] == (7, 11) and Y.shape[:2] == (11, 7)
    part = jazz.load_music_utils(default_tune(), quarters=(0, 63))
    assert len(part.chords) == 16 < len(music.chords)
    assert len(part.corpus[0]) < len(music.corpus[0])


def test_a_tune_that_is_too_short():
    with pytest.raises(ValueError, match="too few for a window of 30"):
        jazz.load_music_utils(quarters=(0, 3))
    with pytest.raises(ValueError, match="has 30 tokens, too few"):
        windows(np.zeros(30, int), 1)
    X, _ = windows(np.zeros(31, int), 1)
    assert X.shape == (60, 30, 1)
    with pytest.raises(FileNotFoundError, match=r"there is no file at"):
        jazz.load_music_utils("no.mid")


@pytest.mark.parametrize("options, words", [
    ({"midi": ""}, "midi is '': give the name of a file or folder"),
    ({"midi": b"tune.mid"}, "midi is b'tune.mid': give the name"),
    ({"midi": 7}, "midi is 7: give the name"), ({"m": 0}, "m is 0: it must"),
    ({"m": -1}, "m is -1: it must be a whole number of at least 1"),
    ({"m": 2.5}, "m is 2.5: it must"), ({"m": None}, "m is None: it must"),
    ({"m": 10 ** 9}, "m is 1000000000: it must be at most 16,777,216"),
    ({"m": 2 ** 24}, "16777216 windows of 80 values would take "),
    ({"Tx": 0}, "Tx is 0: it must be a whole number of at least 1"),
    ({"Tx": -1}, "Tx is -1: it must"), ({"Tx": "30"}, "Tx is '30': it must"),
    ({"Tx": True}, "Tx is True: it must"),
    ({"quarters": "all"}, "quarters is 'all': give two numbers"),
    ({"melody": b"solo"}, "no track b'solo' with notes: take 1 'melody' or")])
def test_what_no_music_can_be_loaded_by(options, words):
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        jazz.load_music_utils(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ids", [
    [0, 1, 0], np.zeros((9, 2), int), np.zeros(9), np.array([0, 1, 2] * 9),
    np.array([0, -1] * 9), None])
def test_what_no_windows_can_be_made_of(ids):
    with pytest.raises(ValueError, match="give a NumPy array of whole numb"):
        windows(ids, 2, m=1, Tx=2)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def naive(model, X):
    """Return the scores of all steps, one cell and one row at a time."""
    cell = model.lstm_cell
    W_x, W_h, b_x, b_h, W, b = (
        p.data().asnumpy().astype(np.float64) for p in (
            cell.i2h_weight, cell.h2h_weight, cell.i2h_bias, cell.h2h_bias,
            model.densor.weight, model.densor.bias))
    scores = np.zeros((X.shape[1], X.shape[0], X.shape[2]))
    for row, xs in enumerate(X):
        a = c = np.zeros(model.num_hiddens)
        for t, x in enumerate(xs):
            i, f, g, o = np.split(W_x @ x + b_x + W_h @ a + b_h, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            a = sigmoid(o) * np.tanh(c)
            scores[t, row] = W @ a + b
    return scores


@pytest.mark.parametrize("hybridize", [False, True])
def test_scores_are_those_of_naive_loops(ctx, hybridize):
    model = small(ctx)
    if hybridize:
        model.hybridize(static_alloc=True, static_shape=True)
    for m in (3, 2, 3):
        X = np.eye(5)[np.random.randint(5, size=(m, 4))]
        X[:, 0] = 0
        scores, state = model(nd.array(X, ctx=ctx))
        by_ids, _ = model(nd.array(room.to_ids(X), ctx=ctx))
        np.testing.assert_array_equal(scores.asnumpy(), by_ids.asnumpy())
        assert state == ()
        np.testing.assert_allclose(scores.asnumpy(), naive(model, X),
                                   atol=1e-5)


@pytest.mark.parametrize("hybridize", [False, True])
def test_loss_and_gradients_are_those_of_pytorch(ctx, hybridize):
    """There the cell runs in a loop over the steps, as in the lesson."""
    torch = pytest.importorskip("torch", reason="needs PyTorch as an oracle")
    model = small(ctx)
    if hybridize:
        model.hybridize(static_alloc=True, static_shape=True)
    cell, dense = torch.nn.LSTMCell(5, 6), torch.nn.Linear(6, 5)
    ours = model.lstm_cell
    pairs = [(ours.i2h_weight, cell.weight_ih),
             (ours.h2h_weight, cell.weight_hh), (ours.i2h_bias, cell.bias_ih),
             (ours.h2h_bias, cell.bias_hh),
             (model.densor.weight, dense.weight),
             (model.densor.bias, dense.bias)]
    for param, theirs in pairs:
        theirs.data = torch.from_numpy(param.data().asnumpy())
    X, Y = windows(np.random.randint(5, size=20), 5, m=3, Tx=4)
    feed = room.Phrases.__new__(room.Phrases)
    with autograd.record():
        output, _ = model(nd.array(X, ctx=ctx))
        losses = feed.loss(output, nd.array(room.to_ids(Y), ctx=ctx))
    losses.backward()
    a = c = torch.zeros(3, 6)
    expected = []
    for t in range(4):
        a, c = cell(torch.from_numpy(X[:, t]), (a, c))
        log_p = torch.log_softmax(dense(a), dim=1)
        expected.append(-(log_p * torch.from_numpy(Y[t])).sum(1).mean())
    sum(expected).backward()
    np.testing.assert_allclose(losses.asnumpy(),
                               [l.item() for l in expected], atol=1e-5)
    assert losses[-1].asscalar() == 0
    for param, theirs in pairs:
        np.testing.assert_allclose(param.grad().asnumpy(),
                                   theirs.grad.numpy(), atol=1e-5)


def test_the_loss_falls_from_a_uniform_guess_to_below_ten(music, trained):
    _, history = trained
    first, last = history[0], history[-1]
    assert len(history) == 100
    assert last["loss"] < 10
    for record in history:
        assert len(record["step_losses"]) == 30
        assert sum(record["step_losses"]) == pytest.approx(record["loss"])
        assert record["step_losses"][-1] == 0
        assert record["perplexity"] == pytest.approx(
            math.exp(record["loss"] / 29))
    assert first["loss"] <= 29 * math.log(music.n_values) * 1.02


def test_the_first_mini_batch_costs_a_uniform_guess(music, monkeypatch):
    losses, step = [], fitting.train_step

    def spy(run, *rest):
        step(run, *rest)
        losses.append(run.losses[-1].asnumpy().sum())

    monkeypatch.setattr("d2lrnn.training.fit.train_step", spy)
    jazz.fit(jazz.djmodel(30, 64, music.n_values), music, 1)
    assert losses[0] == pytest.approx(29 * math.log(music.n_values), rel=0.02)


def test_empty_phrases_cost_nothing(music, ctx):
    """The loss and the gradients are those of the 28 phrases alone."""
    feed = room.Phrases(music, 32)
    _, (x, y) = feed.epoch(np.random.default_rng(0))
    model = small(ctx, 30, 6, music.n_values)
    seen = []
    for n in (32, 28):
        with autograd.record():
            losses = feed.loss(model(nd.array(x[:n], ctx=ctx))[0],
                               nd.array(y[:, :n], ctx=ctx))
        losses.backward()
        seen.append([losses.asnumpy(), *(
            p.grad().asnumpy() for p in model.collect_params().values())])
    for padded, alone in zip(*seen, strict=True):
        np.testing.assert_allclose(padded, alone, rtol=1e-4, atol=1e-6)


def test_every_phrase_is_read_once_an_epoch(music):
    feed = room.Phrases(music, 32)
    assert feed.units == [32, 28]
    for seed in (0, 1):
        batches = list(feed.epoch(np.random.default_rng(seed)))
        rows = [tuple(x) for xs, _ in batches for x in xs if x.max() >= 0]
        assert sorted(rows) == sorted(
            (-1, *x[1:].argmax(axis=1)) for x in music.X)
        for x, y in batches:
            assert x.shape == (32, 30) and y.shape == (30, 32)
            np.testing.assert_array_equal(x[:, 1:].T, y[:-1])
            assert (x[:, 0] == -1).all() and (y[-1] == -1).all()


def test_the_rate_decays(music, monkeypatch):
    rates, step = [], fitting.train_step

    def spy(run, x, y, loss, theta, seed, lr):
        rates.append(lr)
        assert theta is None
        step(run, x, y, loss, theta, seed, lr)

    monkeypatch.setattr("d2lrnn.training.fit.train_step", spy)
    jazz.fit(jazz.djmodel(30, 4, music.n_values), music, 3)
    assert rates == pytest.approx([0.01 / (1 + 0.01 * i) for i in range(6)])


def test_a_stopped_training_goes_on(music, tmp_path, capsys):
    def train(folder, num_epochs, **options):
        model = jazz.djmodel(30, 8, music.n_values)
        jazz.fit(model, music, num_epochs, folder=folder, **options)
        return read(folder / "last.safetensors")[0]

    train(tmp_path / "stopped", 2)
    stopped = train(tmp_path / "stopped", 4, resume=True)
    whole = train(tmp_path / "whole", 4)
    for name, array in whole.items():
        np.testing.assert_array_equal(array, stopped[name], name)
    # by this name older checkpoints know the schedule
    settings = read(tmp_path / "whole" / "last.safetensors")[1]["training"][
        "settings"]
    assert settings["schedule"] == "learning_rate"
    loaded = load_model(tmp_path / "whole" / "best.safetensors")
    assert type(loaded) is d2l.DJModel
    assert loaded.idx_to_char == list(music.indices_values.values())
    intro, line = capsys.readouterr().out.splitlines()[:2]
    assert intro.startswith("60 phrases of 30 values, ")
    assert re.fullmatch(r"epoch 1, loss \d+\.\d{3} \(first step \d\.\d{3}, "
                        r"last \d\.\d{3}\), \d+\.\d\d sec", line)


def test_playing_feeds_back_what_it_chose(ctx):
    """As a naive loop over the same cell does."""
    model = small(ctx)
    results, indices = jazz.predict_and_sample(player(model))
    assert results.shape == (12, 5) and indices.shape == (12, 1)
    np.testing.assert_array_equal(results.argmax(axis=1), indices[:, 0])
    assert (results.sum(axis=1) == 1).all()
    X = np.zeros((1, 12, 5))
    for t in range(12):
        chosen = naive(model, X[:, :t + 1])[-1, 0].argmax()
        assert indices[t, 0] == chosen
        if t < 11:
            X[0, t + 1, chosen] = 1


def test_initializers_matter(ctx):
    model = small(ctx)
    play = player(model, Ty=1)
    zeros = play(*(nd.zeros((1, n), ctx=ctx) for n in (5, 6, 6)))[0]
    for which in range(3):
        arrays = [np.zeros((1, n)) for n in (5, 6, 6)]
        arrays[which][0, 0] = 3
        other = play(*(nd.array(a, ctx=ctx) for a in arrays))[0]
        assert np.abs(other - zeros).max() > 1e-4
        assert other.sum() == pytest.approx(1, abs=1e-5)
    model.lstm_cell.h2h_bias.data()[:] = 0.3
    _, (a, c) = model.lstm_cell(nd.zeros((1, 1, 5), ctx=ctx), [
        nd.zeros((1, 6), ctx=ctx)] * 2)
    jazz.predict_and_sample(play, np.zeros((1, 5)), a.asnumpy(), c.asnumpy())


def test_both_models_have_the_same_weights(ctx):
    model = small(ctx)
    play = player(model, Ty=1)
    x, a, c = (nd.zeros((1, n), ctx=ctx) for n in (5, 6, 6))
    before = play(x, a, c)[0]
    with autograd.record():
        model(nd.ones((1, 4, 5), ctx=ctx))[0].sum().backward()
    for param in model.collect_params().values():
        param.set_data(param.data() + 0.1 * param.grad())
    after = play(x, a, c)[0]
    assert np.abs(after - before).max() > 1e-4
    model.densor.bias.set_data(nd.array([0, 0, 50, 0, 0], ctx=ctx))
    assert play(x, a, c)[0].argmax() == 2


def test_temperature_and_seed(trained, music):
    play = player(trained[0], Ty=40)

    def ids(temperature, seed):
        return jazz.predict_and_sample(
            play, temperature=temperature,
            rng=np.random.default_rng(seed))[1][:, 0].tolist()

    assert ids(0, 1) == ids(0, 2) == jazz.predict_and_sample(
        play)[1][:, 0].tolist()
    assert ids(1, 1) == ids(1, 1) != ids(1, 2)


@pytest.mark.parametrize("temperature, seed", [(None, 3), (0.9, 3)])
def test_the_music_that_is_generated(trained, music, tmp_path, capsys,
                                     temperature, seed):
    play = player(trained[0], Ty=20)
    path = jazz.generate_music(play, music, tmp_path / "new" / "solo.mid",
                               temperature=temperature, seed=seed)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(music.chords)
    for i, line in enumerate(lines):
        assert re.fullmatch(rf"\d+ sounds over chords {i + 1} of "
                            rf"{len(music.chords)}", line)
    midi = mido.MidiFile(path)
    assert midi.type == 1 and [t.name for t in midi.tracks] == [
        "tempo", "melody", "chords"]
    (tempo,) = (m.tempo for m in midi.tracks[0] if m.type == "set_tempo")
    assert mido.tempo2bpm(tempo) == pytest.approx(130, abs=0.01)
    measures, under = jazz.read_tune(path)
    notes = [note for measure in measures for note in measure]
    assert len(notes) == sum(int(line.split()[0]) for line in lines)
    for note, after in pairwise(notes):
        assert note.onset + note.length <= after.onset
    assert all(48 <= note.pitches[0] <= 95 for note in notes)
    assert len(under) >= len(music.chords)
    again = jazz.generate_music(play, music, tmp_path / "again.mid",
                                temperature=temperature, seed=seed)
    other = jazz.generate_music(play, music, tmp_path / "other.mid",
                                temperature=temperature, seed=4)
    assert path.read_bytes() == again.read_bytes() != other.read_bytes()


def test_notes_are_of_the_types_that_were_played(trained, music, tmp_path,
                                                 monkeypatch):
    """Each value comes back from the file as a note of its type and length.

    A chord may have no note of a type; then another type stands for it.
    """
    play, kept = player(trained[0], Ty=15), []
    to_notes = room.to_notes

    def spy(tokens, chords, *rest):
        kept.append((tokens, chords, to_notes(tokens, chords, *rest)))
        return kept[-1][2]

    monkeypatch.setattr(room, "to_notes", spy)
    jazz.generate_music(play, music, tmp_path / "solo.mid", seed=1,
                        temperature=1)
    right = wrong = 0
    for tokens, chords, notes in kept:
        tokens = [token for token in quantize(tokens) if parse_token(token)[1]]
        for token, note in zip(tokens, notes, strict=False):
            kind, length, _ = parse_token(token)
            assert note.length == length
            under = [c for c in chords if c.onset <= note.onset][-1]
            same = note_type(note.pitches[0], under.pitches) == kind
            right, wrong = right + same, wrong + (not same)
    assert right > 9 * wrong


def test_chords_are_struck_anew_in_every_measure():
    chords = [Note(8, 2, (60, 64)), Note(10, 6, (62, 65))]
    under = room.under_phrase(chords, ["C,4.000", "C,0.500", "C,4.000"])
    assert [(n.onset, n.length) for n in under] == [
        (0, 2), (2, 2), (4, 2), (6, 2), (8, 2), (10, 2)]
    assert room.under_phrase(chords, ["C,0.000"])[-1].onset == 2
    late = room.under_phrase([Note(Fraction(5), 1, (60, 64))], ["C,1.000"])
    assert [(n.onset, n.length) for n in late] == [(1, 1)]


def test_chords_that_begin_together_both_sound(tmp_path):
    chords = [Note(0, 4, (48, 52)), Note(0, 2, (60, 64)), Note(2, 2, (59,))]
    under = room.under_phrase(chords, ["C,4.000"])
    assert [(n.onset, n.length) for n in under] == [(0, 2), (0, 2), (2, 2)]
    path = tmp_path / "two.mid"
    write_tune(path, [Note(Fraction(i, 2), Fraction(1, 2), (72 + i % 5,))
                      for i in range(16)],
               [Note(i, n, (48 + n, 52 + n, 55 + n))
                for i in (0, 4) for n in (4, 2)])
    tune = jazz.load_music_utils(path, m=2, Tx=4)
    play = player(small(None, n_values=tune.n_values), Ty=4)
    solo = jazz.generate_music(play, tune, tmp_path / "solo.mid", seed=1)
    assert solo.stat().st_size > 100


def test_windows_of_one_value_teach_nothing(music):
    one = jazz.load_music_utils(Tx=1)
    with pytest.raises(ValueError, match="give load_music_utils a Tx of 2"):
        jazz.fit(jazz.djmodel(1, 4, one.n_values), one)


@pytest.mark.parametrize("call, words", [
    (lambda m, p: jazz.djmodel(0, 2, 3), "Tx is 0"),
    (lambda m, p: jazz.djmodel(4, 2.5, 3), "n_a is 2.5"),
    (lambda m, p: m(nd.zeros((1, 4, 9))), "X has shape (1, 4, 9)"),
    (lambda m, p: m(nd.zeros((1, 3, 5))), "it must be (m, 4, 5)"),
    (lambda m, p: jazz.music_inference_model(m.lstm_cell, m.densor, 5, 7),
     "the layers have 6 hidden units and 5 values, not 7 and 5"),
    (lambda m, p: player(m, 0), "Ty is 0"),
    (lambda m, p: jazz.predict_and_sample(p, np.zeros((1, 4))),
     "x_initializer has shape (1, 4): it must be (1, 5)"),
    (lambda m, p: jazz.predict_and_sample(p, c_initializer=np.zeros(6)),
     "c_initializer has shape (6,)"),
    (lambda m, p: jazz.predict_and_sample(p, temperature=-1),
     "temperature is -1"),
    (lambda m, p: jazz.predict_and_sample(p, temperature=math.nan),
     "temperature is nan"),
    (lambda m, p: jazz.predict_and_sample(p, temperature=1), "rng is None"),
    (lambda m, p: jazz.predict_and_sample(p, temperature=1, rng=3),
     "rng is 3: give numpy.random.default_rng(seed), or temperature 0"),
    (lambda m, p: jazz.predict_and_sample(p, temperature="hot", rng=3),
     "temperature is 'hot': it must be a finite number of at least 0"),
    (lambda m, p: jazz.predict_and_sample(m),
     "give what music_inference_model returns"),
    (lambda m, p: jazz.predict_and_sample(None),
     "inference_model is None: give what music_inference_model returns"),
    (lambda m, p: jazz.predict_and_sample(p, a_initializer="zeros"),
     "a_initializer is 'zeros': give an array of numbers of shape (1, 6)"),
    (lambda m, p: jazz.predict_and_sample(p, 7),
     "x_initializer has shape (): it must be (1, 5)"),
    (lambda m, p: jazz.music_inference_model(m, m.densor, 5, 6, "all"),
     "Ty is 'all': it must be a whole number of at least 1"),
    (lambda m, p: jazz.music_inference_model(None, m.densor, 5, 6),
     "lstm_cell is a NoneType, densor a Dense: give the lstm_cell and the"),
    (lambda m, p: jazz.music_inference_model(m.lstm_cell, m.densor, None, 6),
     "n_values is None"),
    (lambda m, p: player(jazz.djmodel(4, 6, 5)),
     "the layers have no weights yet: train the model with fit, or call"),
    (lambda m, p: jazz.djmodel("4", 2, 3), "Tx is '4'"),
    (lambda m, p: jazz.djmodel(4, 2, None), "n_values is None"),
    (lambda m, p: jazz.one_hot([0, 5], 5),
     "ids is [0, 5]: give whole numbers from 0 to 4"),
    (lambda m, p: jazz.one_hot([-1], 5), "ids is [-1]: give whole numbers"),
    (lambda m, p: jazz.one_hot([0.5], 5), "ids is [0.5]: give whole numbers"),
    (lambda m, p: jazz.one_hot([], 5), "ids is []: give whole numbers"),
    (lambda m, p: jazz.one_hot("ab", 5), "ids is 'ab': give whole numbers"),
    (lambda m, p: jazz.one_hot(None, 5), "ids is None: give whole numbers"),
    (lambda m, p: jazz.one_hot([0], 0), "n_values is 0: it must be a whole"),
    (lambda m, p: jazz.one_hot([0], 5, "tpu"), "ctx is 'tpu': it must be cpu"),
    (lambda m, p: jazz.Phrases((1, 2), 3),
     "music is a tuple: give what load_music_utils returns"),
])
def test_what_cannot_be(call, words):
    model = small(None)
    with pytest.raises(ValueError, match=re.escape(words)):
        call(model, player(model))


def test_what_cannot_be_trained_or_generated(music, tmp_path):
    with pytest.raises(ValueError, match="it needs a djmodel and what load"):
        jazz.fit(jazz.djmodel(30, 4, music.n_values), tuple(music))
    with pytest.raises(ValueError, match="the model has 30 steps and 3"):
        jazz.fit(jazz.djmodel(30, 4, 3), music)
    with pytest.raises(ValueError, match="batch_size is 0"):
        jazz.fit(jazz.djmodel(30, 4, music.n_values), music, batch_size=0)
    model = jazz.djmodel(30, 4, music.n_values)
    model.initialize()
    play = player(model)
    for wrong, words in ({"seed": -1}, "seed is -1"), (
            {"temperature": -1}, "temperature is -1"), (
            {"temperature": math.inf}, "temperature is inf"):
        with pytest.raises(ValueError, match=words):
            jazz.generate_music(play, music, tmp_path / "a.mid", **wrong)
    assert not list(tmp_path.iterdir())
    with pytest.raises(OSError, match="cannot be written"):
        jazz.generate_music(play, music, tmp_path)
    with pytest.raises(ValueError, match="path is '': give the name of a"):
        jazz.generate_music(play, music, "")
    with pytest.raises(ValueError, match="music is a tuple: give what load_"):
        jazz.generate_music(play, tuple(music), tmp_path / "a.mid")
    with pytest.raises(ValueError, match="the model has 5 values, the music"):
        jazz.generate_music(player(small(None)), music, tmp_path / "a.mid")
    assert not list(tmp_path.iterdir())


def test_a_phrase_that_no_file_can_hold(tmp_path):
    """A note of an odd file may last for years."""
    path = tmp_path / "long.mid"
    notes = [Note(0, 500_000, (60,)), Note(500_000, 1, (62,))]
    write_tune(path, notes, [Note(0, 4, (48, 52, 55))])
    music = jazz.load_music_utils(path, m=2, Tx=1)
    play = player(small(None, n_values=2), Ty=4)
    with pytest.raises(ValueError, match=re.escape(
            "quarters, but a MIDI file can hold at most 559240: train on a "
            "tune with shorter")):
        jazz.generate_music(play, music, tmp_path / "a.mid", seed=0,
                            temperature=1e9)
    assert [file.name for file in tmp_path.iterdir()] == ["long.mid"]


def test_numbers_may_be_those_of_numpy(ctx):
    model = jazz.djmodel(np.int64(4), np.int32(6), np.int64(5))
    assert model.config == {"Tx": 4, "n_a": 6, "n_values": 5}
    ids = jazz.one_hot(nd.array([2, 4], ctx=ctx), np.int64(5), ctx)
    assert ids.asnumpy().argmax(axis=1).tolist() == [2, 4]
    X, _ = windows(np.zeros(31, int), 1, m=np.int64(3), Tx=np.int32(7))
    assert X.shape == (3, 7, 1)


def test_music_goes_elsewhere_where_its_folder_cannot_be(
        trained, music, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "runs").write_text("a file, no folder")
    with pytest.warns(d2l.D2LRNNWarning, match=re.escape(
            f"{tmp_path / 'runs'} cannot be written to (File exists): the "
            f"files go to {tmp_path}/d2lrnn-")) as caught:
        path = jazz.generate_music(player(trained[0], Ty=3), music,
                                   tmp_path / "runs" / "solo.mid")
    assert path.exists() and path.parent.name.startswith("d2lrnn-")
    assert "report" not in str(caught[0].message)
    assert caught[0].filename == __file__


def test_a_saved_improviser_plays_the_same(trained, tmp_path, ctx):
    save_model(tmp_path / "m.safetensors", trained[0])
    loaded = load_model(tmp_path / "m.safetensors", ctx)
    a, b = (jazz.predict_and_sample(player(m))[1] for m in (trained[0],
                                                           loaded))
    np.testing.assert_array_equal(a, b)


def test_another_tune_of_as_many_values_is_refused(tmp_path):
    """A model that improvises over one tune does not know the other's."""
    music, other = jazz.load_music_utils(Tx=4), jazz.load_music_utils(Tx=4)
    tokens = [other.corpus.idx_to_char[i] for i in other.corpus.corpus_indices]
    last = other.corpus.idx_to_char[-1]
    other.corpus = d2l.Corpus.from_tokens(
        [token + "0" if token == last else token for token in tokens], "other")
    model = jazz.djmodel(4, 5, music.n_values)
    jazz.fit(model, music, 1, seed=1)
    with pytest.raises(ValueError, match=r"another vocabulary .*: make a new "
                                         r"model$"):
        jazz.fit(model, other, 1, seed=1)
    jazz.fit(model, music, 1, seed=1)
