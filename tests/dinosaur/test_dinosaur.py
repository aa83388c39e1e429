"""The model of names: published numbers, oracles, and what may be wrong."""
import inspect
import json
import math
import os
import re
import subprocess
import sys
from collections import Counter
from importlib import resources
from pathlib import Path

import d2lrnn as d2l
import numpy as np
import pytest
import safetensors.numpy
from d2lrnn import dinosaur
from d2lrnn.dinosaur.fast_steps import Buffers
from d2lrnn.numpy_rnn import gradient_check
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import dinosaur as benchmark

NAMES = ["aardonyx", "abelisaurus", "zuul", "minmi", "yi",
         "micropachycephalosaurusissimus"]  # the last one needs more room
IX_TO_CHAR, CHAR_TO_IX = dinosaur.vocabulary(NAMES)
VOCAB_SIZE = len(IX_TO_CHAR)


def draw(n_a, vocab_size, scale=1.0):
    """Return parameters in the order of the lesson's tests."""
    shapes = {"Wax": (n_a, vocab_size), "Waa": (n_a, n_a),
              "Wya": (vocab_size, n_a), "b": (n_a, 1), "by": (vocab_size, 1)}
    return {key: np.random.randn(*shape) * scale
            for key, shape in shapes.items()}


def copy(arrays):
    return {key: array.copy() for key, array in arrays.items()}


def plain(X, Y, a_prev, parameters, learning_rate=0.01, maxValue=5):
    """Return what ``optimize`` does, by the functions that teach it."""
    loss, cache = dinosaur.rnn_forward(X, Y, a_prev, parameters,
                                       parameters["Wax"].shape[1])
    gradients, a = dinosaur.rnn_backward(X, Y, parameters, cache)
    gradients = dinosaur.clip(gradients, maxValue)
    parameters = dinosaur.update_parameters(parameters, gradients,
                                            learning_rate)
    return loss, gradients, a[len(X) - 1], parameters


def close(got, want, tolerance=1e-9):
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def same(got, want, tolerance=1e-9):
    """Compare two results of ``optimize``."""
    assert isinstance(float(got[0]), float)
    close(got[0], want[0], tolerance)
    close(got[2], want[2], tolerance)
    for arrays, others in ((got[1], want[1]), (got[3], want[3])):
        for key in arrays:
            assert arrays[key].shape == others[key].shape
            close(arrays[key], others[key], tolerance)


@pytest.fixture
def lesson():
    """The lesson's list of names."""
    folder = os.environ.get("D2LRNN_DATA")
    if not folder or not (Path(folder) / "dinos.txt").exists():
        pytest.skip("needs dinos.txt in $D2LRNN_DATA")
    return (Path(folder) / "dinos.txt").read_text("utf-8")


# numbers that the lesson publishes

@pytest.mark.parametrize("function", [plain, dinosaur.optimize])
def test_optimize_has_the_lessons_numbers(function):
    np.random.seed(1)
    a_prev = np.random.randn(100, 1)
    parameters = draw(100, 27)
    X, Y = [12, 3, 5, 11, 22, 3], [4, 14, 11, 22, 25, 26]
    loss, gradients, a_last, after = function(X, Y, a_prev, parameters)
    assert abs(loss - 126.503975722) < 5e-10
    assert np.argmax(gradients["dWax"]) == 93
    close([gradients["dWaa"][1][2], gradients["dWya"][1][2],
           gradients["db"][4][0], gradients["dby"][1][0], a_last[4][0]],
          [0.194709315347, -0.007773876032, -0.06809825, 0.01538192, -1],
          5e-9)
    assert after is parameters


def test_clip_has_the_lessons_numbers():
    np.random.seed(3)
    gradients = {key: np.random.randn(*shape) * 10 for key, shape in {
        "dWax": (5, 3), "dWaa": (5, 5), "dWya": (2, 5), "db": (5, 1),
        "dby": (2, 1)}.items()}
    before = copy(gradients)
    assert dinosaur.clip(gradients, 10) is gradients
    close([gradients["dWaa"][1][2], gradients["dWax"][3][1],
           gradients["dWya"][1][2], gradients["db"][4][0],
           gradients["dby"][1][0]], [10, -10, 0.29713815361, 10, 8.45833407],
          1e-8)
    for key, array in gradients.items():
        close(array, np.where(abs(before[key]) > 10,
                              10 * np.sign(before[key]), before[key]))


def test_training_prints_what_the_lesson_prints(lesson, capsys):
    ix_to_char, char_to_ix = dinosaur.vocabulary(lesson.lower().split("\n"))
    assert "".join(char_to_ix) == "\nabcdefghijklmnopqrstuvwxyz"
    dinosaur.model(lesson, ix_to_char, char_to_ix, 2001)
    first, second = capsys.readouterr().out.split("Iteration: 2000, ")
    assert first.split() == [
        "Iteration:", "0,", "Loss:", "23.087336", "Nkzxwtdmfqoeyhsqwasjkjvu",
        "Kneb", "Kzxwtdmfqoeyhsqwasjkjvu", "Neb", "Zxwtdmfqoeyhsqwasjkjvu",
        "Eb", "Xwtdmfqoeyhsqwasjkjvu"]
    assert second.split()[:3] == ["Loss:", "27.884160", "Liusskeomnolxeros"]


def test_the_loss_falls_on_the_lessons_list(lesson):
    ix_to_char, char_to_ix = dinosaur.vocabulary(dinosaur.read_names(lesson))
    losses = []
    dinosaur.model(lesson, ix_to_char, char_to_ix, 12_001, losses=losses)
    assert smoothed(losses) < 23.5


def smoothed(losses, vocab_size=27):
    loss = dinosaur.get_initial_loss(vocab_size, 7)
    for cur_loss in losses:
        loss = dinosaur.smooth(loss, cur_loss)
    return loss


# oracles

def test_gradients_are_numeric_gradients():
    a_prev, parameters = np.random.randn(4, 1), draw(4, VOCAB_SIZE, 0.7)
    X, Y = dinosaur.encode("minmi", CHAR_TO_IX)

    def loss(parameters):
        return dinosaur.rnn_forward(X, Y, a_prev, parameters, VOCAB_SIZE)[0]

    _, cache = dinosaur.rnn_forward(X, Y, a_prev, parameters, VOCAB_SIZE)
    by_hand, a = dinosaur.rnn_backward(X, Y, parameters, cache)
    assert a is cache[1]
    d_a0 = by_hand.pop("da_next")  # what would go to the step before X
    kept, numeric = a_prev.copy(), np.zeros((4, 1))
    for i in range(4):
        for sign in (1, -1):
            a_prev[i] = kept[i] + sign * 1e-5
            numeric[i] += sign * loss(parameters) / 2e-5
        a_prev[i] = kept[i]
    close(d_a0, numeric, 1e-6)
    buffers = Buffers(parameters)
    buffers.step(X, Y, a_prev, parameters, 0.0, math.inf)
    for gradients in (by_hand, buffers.gradients):
        differences = gradient_check(loss, parameters, gradients)
        assert set(differences) == {"dWax", "dWaa", "dWya", "db", "dby"}
        assert max(differences.values()) < 1e-7


def test_pytorch_has_the_same_loss_and_gradients():
    torch = pytest.importorskip("torch", reason="needs PyTorch as an oracle")
    a_prev, parameters = np.random.randn(5, 1), draw(5, VOCAB_SIZE)
    X, Y = dinosaur.encode("aardonyx", CHAR_TO_IX)
    tensors = {key: torch.tensor(array, requires_grad=True)
               for key, array in parameters.items()}
    cell = torch.nn.RNN(VOCAB_SIZE, 5, dtype=torch.float64)
    onehot = torch.nn.functional.one_hot(torch.tensor(X[1:]), VOCAB_SIZE)
    inputs = torch.cat([torch.zeros(1, VOCAB_SIZE), onehot]).double()
    states, last = torch.func.functional_call(
        cell, {"weight_ih_l0": tensors["Wax"], "weight_hh_l0": tensors["Waa"],
               "bias_ih_l0": tensors["b"][:, 0],
               "bias_hh_l0": torch.zeros(5).double()},
        (inputs, torch.tensor(a_prev.T)))
    scores = states @ tensors["Wya"].T + tensors["by"].T
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor(Y),
                                             reduction="sum")
    loss.backward()
    for function in (plain, dinosaur.optimize):
        got = function(X, Y, a_prev, copy(parameters))
        close(got[0], loss.item())
        close(got[2], last.detach().numpy().T)
        for key, tensor in tensors.items():
            gradient = tensor.grad.numpy().clip(-5, 5)
            close(got[1]["d" + key], gradient)
            close(got[3][key], parameters[key] - 0.01 * gradient)


@given(seed=st.integers(0, 2 ** 32 - 1), n_a=st.integers(1, 9),
       vocab_size=st.integers(1, 6), data=st.data(),
       scale=st.sampled_from([0.01, 0.5, 3.0]))
def test_the_quick_way_equals_the_plain_way(seed, n_a, vocab_size, data,
                                            scale):
    np.random.seed(seed)
    parameters = draw(n_a, vocab_size, scale)
    # so that the steps do not blow rounding up
    parameters["Waa"] *= 0.9 / np.linalg.norm(parameters["Waa"], 2)
    ids = st.integers(0, vocab_size - 1)
    names = data.draw(st.lists(st.lists(st.tuples(st.none() | ids, ids),
                                        min_size=1, max_size=60),
                               min_size=1, max_size=3))
    a = np.random.randn(n_a, 1)
    a_plain = a.copy()
    p, p_plain = copy(parameters), copy(parameters)
    buffers = Buffers(p)
    p_buffers, a_buffers = copy(parameters), a.copy()
    for name in names:
        X, Y = zip(*name, strict=True)
        got = dinosaur.optimize(X, Y, a, p)
        want = plain(X, Y, a_plain, p_plain)
        loss, a_buffers = buffers.step(X, Y, a_buffers, p_buffers, 0.01, 5)
        del want[1]["da_next"]
        same(got, want)
        same((loss, buffers.gradients, a_buffers, p_buffers), want)
        a, a_plain = got[2], want[2]


def test_two_thousand_names_as_plain_code_learns_them():
    names, _ = dinosaur.load_names(resources.files("lyrics_data")
                                   / "dinosaur_genera.txt")
    _, char_to_ix = dinosaur.vocabulary(names)
    ours = benchmark.train(names, char_to_ix, 2000)
    theirs = benchmark.train_plainly(names, char_to_ix, 2000)
    assert len(ours) == len(theirs) == 2000
    assert np.abs(np.subtract(ours, theirs)).max() < 1e-9


@pytest.mark.parametrize("dtypes", [["float32"] * 5, [
    "float32", "float64", "float32", "float64", "float32"]])
def test_other_floats_train_too(dtypes):
    parameters = {key: array.astype(dtype) for (key, array), dtype in zip(
        draw(6, VOCAB_SIZE, 0.5).items(), dtypes, strict=True)}
    X, Y = dinosaur.encode("minmi", CHAR_TO_IX)
    a_prev = np.random.randn(6, 1)
    after = copy(parameters)
    same(dinosaur.optimize(X, Y, a_prev, after),
         plain(X, Y, a_prev, copy(parameters)), 1e-4)
    assert [array.dtype for array in after.values()] == dtypes


def test_results_of_optimize_stay_what_they_are():
    parameters = draw(6, VOCAB_SIZE)
    X, Y = dinosaur.encode("minmi", CHAR_TO_IX)
    _, gradients, a_last, _ = dinosaur.optimize(X, Y, np.zeros((6, 1)),
                                                parameters)
    kept = copy({**gradients, "a": a_last})
    dinosaur.optimize(Y, Y, a_last, parameters)
    for key, array in {**gradients, "a": a_last}.items():
        assert (array == kept[key]).all()
    buffers = Buffers(parameters)
    _, first = buffers.step(X, Y, a_last, parameters, 0.01, 5)
    before = first.copy()
    buffers.step(X, Y, first, parameters, 0.01, 5)
    assert (first == before).all()


def test_scores_far_out_have_a_loss():
    parameters = always("u")
    parameters["by"][CHAR_TO_IX["u"]] = 1e4
    X, Y = dinosaur.encode("zuul", CHAR_TO_IX)
    loss, gradients, _, _ = dinosaur.optimize(X, Y, np.zeros((3, 1)),
                                              parameters)
    assert loss == 3e4  # z, l and the newline
    assert all(np.isfinite(array).all() for array in gradients.values())


def test_maps_of_memory_do_not_matter():
    """Rows or columns first, slices or whole arrays: the same numbers."""
    parameters = draw(6, VOCAB_SIZE)
    X, Y = dinosaur.encode("zuul", CHAR_TO_IX)
    a_prev = np.random.randn(6, 1)
    strange = {key: np.asfortranarray(array.repeat(2, axis=0))[::2]
               for key, array in parameters.items()}
    same(dinosaur.optimize(X, Y, a_prev, strange),
         dinosaur.optimize(X, Y, a_prev, parameters))


# the hidden bias, in both spellings

def respell(arrays):
    return {{"b": "ba", "db": "dba"}.get(key, key): array
            for key, array in arrays.items()}


@pytest.mark.parametrize("function", [plain, dinosaur.optimize])
def test_both_spellings_do_the_same(function):
    parameters = draw(6, VOCAB_SIZE)
    X, Y = dinosaur.encode("yi", CHAR_TO_IX)
    a_prev, other = np.random.randn(6, 1), respell(copy(parameters))
    names = dinosaur.sample(parameters, CHAR_TO_IX, 3)
    assert dinosaur.sample(other, CHAR_TO_IX, 3) == names
    want = function(X, Y, a_prev, parameters)
    got = function(X, Y, a_prev, other)
    assert got[3] is other and set(other) == {"Wax", "Waa", "Wya", "ba", "by"}
    assert "dba" in got[1] and "db" not in got[1]
    same(got, (want[0], respell(want[1]), want[2], respell(want[3])))


def test_a_saved_file_keeps_its_spelling(tmp_path):
    parameters = respell(draw(6, VOCAB_SIZE))
    dinosaur.save(tmp_path / "m", parameters, IX_TO_CHAR)
    assert set(dinosaur.load(tmp_path / "m")[0]) == set(parameters)


# sampling

def naive_sample(parameters, char_to_ix, seed, temperature):
    """Return what ``sample`` does, by a search in the summed weights."""
    Wax, Waa, Wya, b, by = (parameters[key].astype(np.longdouble) for key in (
        "Wax", "Waa", "Wya", "b", "by"))
    a, column, indices = 0 * b, 0 * b, []
    for t in range(50):
        a = np.tanh(column + Waa @ a + b)
        weights = np.exp((Wya @ a + by)[:, 0] / temperature)
        uniform = np.random.RandomState(seed + 2 * t).random_sample()
        indices.append(int((weights.cumsum() / weights.sum()).searchsorted(
            uniform, side="right")))
        if indices[-1] == char_to_ix["\n"]:
            break
        column = Wax[:, indices[-1:]]
    # as in the lesson, a newline in the last place gets another one
    return indices if len(indices) < 50 else [*indices, char_to_ix["\n"]]


@given(seed=st.integers(0, 2 ** 32 - 101), weights=st.integers(0, 1000),
       temperature=st.floats(0.1, 10), scale=st.sampled_from([0.1, 1.0]))
def test_samples_are_those_of_a_naive_loop(seed, weights, temperature, scale):
    np.random.seed(weights)
    parameters = draw(5, VOCAB_SIZE, scale)
    parameters["by"][0] -= 3  # longer names
    kept = copy(parameters)
    indices = dinosaur.sample(parameters, CHAR_TO_IX, seed,
                              temperature=temperature)
    assert indices == naive_sample(parameters, CHAR_TO_IX, seed, temperature)
    assert indices[-1] == CHAR_TO_IX["\n"] and 1 <= len(indices) <= 51
    assert CHAR_TO_IX["\n"] not in indices[:-1][:49]
    assert all((parameters[key] == kept[key]).all() for key in kept)


def always(char, n_a=3):
    """Return parameters that hold one character likely, whatever was read."""
    parameters = {key: np.zeros_like(array)
                  for key, array in draw(n_a, VOCAB_SIZE).items()}
    parameters["by"][CHAR_TO_IX[char]] = 9.0
    return parameters


def test_a_name_without_an_end_is_cut_at_fifty_characters():
    indices = dinosaur.sample(always("u"), CHAR_TO_IX, 0, temperature=0.1)
    assert indices == [CHAR_TO_IX["u"]] * 50 + [CHAR_TO_IX["\n"]]


def test_a_newline_ends_a_name():
    indices = dinosaur.sample(always("\n"), CHAR_TO_IX, 0, temperature=0.1)
    assert indices == [CHAR_TO_IX["\n"]]


def test_temperature_is_one_and_evens_out():
    parameters = always("u")
    parameters["by"][CHAR_TO_IX["u"]] = 2.0
    counts = {}
    for temperature in (0.2, 1.0, 50.0):
        drawn = Counter(
            i for seed in range(0, 8000, 100) for i in dinosaur.sample(
                parameters, CHAR_TO_IX, seed, temperature=temperature))
        counts[temperature] = drawn[CHAR_TO_IX["u"]] / drawn.total()
        p = math.exp(2 / temperature)
        want = p / (p + VOCAB_SIZE - 1)
        assert abs(counts[temperature] - want) < 0.1
    assert counts[0.2] > counts[1.0] > counts[50.0]
    assert dinosaur.sample(parameters, CHAR_TO_IX, 5) == dinosaur.sample(
        parameters, CHAR_TO_IX, 5, temperature=1.0)


def test_samples_are_printed_with_a_capital(capsys):
    indices = [CHAR_TO_IX[char] for char in "zuul\n"]
    assert dinosaur.get_sample(indices, IX_TO_CHAR) == "Zuul\n"
    assert dinosaur.get_sample([], IX_TO_CHAR) == ""
    dinosaur.print_sample(indices, IX_TO_CHAR)
    assert capsys.readouterr().out == "Zuul\n"


# training

def test_a_short_list_is_learned_by_heart(capsys):
    names = ["Minmi ", "ZUUL"]
    ix_to_char, char_to_ix = dinosaur.vocabulary(dinosaur.read_names(names))
    losses = []
    dinosaur.model(names, ix_to_char, char_to_ix, 4000, 20,
                   vocab_size=len(char_to_ix), losses=losses)
    assert names == ["Minmi ", "ZUUL"]  # shuffled elsewhere
    # the state says which of the two was the last one
    assert len(losses) == 4000 and np.mean(losses[-100:]) < 0.1
    printed = capsys.readouterr().out
    assert re.findall(r"Iteration: (\d+), Loss: \d+\.\d{6}\n\n", printed) == [
        "0", "2000"]
    assert len(printed.split("\n")) == 2 * (2 + 7 + 1) + 1


def test_text_and_list_are_the_same(capsys):
    results = [dinosaur.model(data, IX_TO_CHAR, CHAR_TO_IX, 20, 6, 2,
                              VOCAB_SIZE)
               for data in (NAMES, "\n".join(NAMES).upper() + "\n\n")]
    for key in results[0]:
        assert (results[0][key] == results[1][key]).all()


def test_training_equals_optimize_name_by_name():
    parameters = dinosaur.initialize_parameters(6, VOCAB_SIZE, VOCAB_SIZE)
    names = list(NAMES)
    np.random.seed(0)
    np.random.shuffle(names)
    a_prev, want, losses = np.zeros((6, 1)), [], []
    for j in range(15):
        X, Y = dinosaur.encode(names[j % 6], CHAR_TO_IX)
        loss, _, a_prev, _ = plain(X, Y, a_prev, parameters)
        want.append(loss)
    got = dinosaur.model(NAMES, IX_TO_CHAR, CHAR_TO_IX, 15, 6, 3, VOCAB_SIZE,
                         losses=losses)
    close(losses, want)
    for key, array in got.items():
        close(array, parameters[key])


def test_first_parameters():
    parameters = dinosaur.initialize_parameters(50, 27, 26)
    np.random.seed(1)
    for key, shape in (("Wax", (50, 27)), ("Waa", (50, 50)),
                       ("Wya", (26, 50))):
        assert (parameters[key] == 0.01 * np.random.randn(*shape)).all()
    assert parameters["b"].shape == (50, 1) and not parameters["b"].any()
    assert parameters["by"].shape == (26, 1) and not parameters["by"].any()


def test_seeds_of_invented_names_share_no_draws():
    parameters = always("u")
    parameters["by"][CHAR_TO_IX["u"]] = 2.0
    want = [dinosaur.get_sample(dinosaur.sample(
        parameters, CHAR_TO_IX, 7 + 100 * n, temperature=0.9), IX_TO_CHAR)
        for n in range(3)]
    got = dinosaur.invent(parameters, IX_TO_CHAR, CHAR_TO_IX, NAMES, 3,
                          seed=7, temperature=0.9)
    assert [f"{name}\n" for name, _ in got] == want


def test_kinds_of_names():
    assert dinosaur.invent(always("\n"), IX_TO_CHAR, CHAR_TO_IX, NAMES, 1,
                           temperature=0.1) == [("", "empty")]
    ((name, kind),) = dinosaur.invent(always("u"), IX_TO_CHAR, CHAR_TO_IX,
                                      NAMES, 1, temperature=0.1)
    assert (name, kind) == ("U" + 49 * "u", "new")
    ((_, kind),) = dinosaur.invent(always("u"), IX_TO_CHAR, CHAR_TO_IX,
                                   ["U" * 50], 1, temperature=0.1)
    assert kind == "in the list"


def test_the_plot_shows_the_losses():
    losses = [float(n % 7) for n in range(2500)]
    axes = dinosaur.plot_loss(losses, 30, 5, window=300).axes[0]
    first, second = (line.get_ydata() for line in axes.lines)
    loss = math.log(30) * 5
    for got, cur_loss in zip(first, losses, strict=True):
        loss = 0.999 * loss + 0.001 * cur_loss
        assert math.isclose(got, loss)
    want = [np.mean(losses[max(n - 300, 0):n]) for n in range(100, 2501)]
    close(second, want)
    close(axes.lines[1].get_xdata(), range(100, 2501))
    assert axes.get_legend() and axes.get_xlabel() == "iteration"
    assert len(dinosaur.plot_loss([3.0]).axes[0].lines) == 2


# names

def test_the_names_that_ship_train(no_texts, capsys):
    with pytest.warns(d2l.D2LRNNWarning, match="dinosaur genera") as caught:
        names, source = dinosaur.load_names()
    assert len(caught) == 1 and caught[0].filename == __file__
    assert "download" not in str(caught[0].message)
    with pytest.raises(SystemExit):
        dinosaur.main(["--iterations", "0"])
    assert capsys.readouterr().err == f"{caught[0].message}\n"
    assert source == f"dinosaur_genera.txt, {len(names):,} names"
    assert len(names) >= 1_100 and len(set(names)) == len(names)
    ix_to_char, char_to_ix = dinosaur.vocabulary(names)
    losses = []
    dinosaur.model(names, ix_to_char, char_to_ix, 12_001,
                   vocab_size=len(char_to_ix), losses=losses)
    assert smoothed(losses, len(char_to_ix)) < 24


def test_no_download_is_tried(monkeypatch, no_texts):
    monkeypatch.setattr("d2lrnn.data.texts.download", lambda known: 1 / 0)
    with pytest.raises(FileNotFoundError, match="dinos.txt is neither in "
                       r"\$D2LRNN_DATA nor lyrics_data/: put it into a"):
        dinosaur.load_names(fallback=False)


def test_the_lessons_list_comes_first(monkeypatch, tmp_path):
    (tmp_path / "dinos.txt").write_text("Zuul\nYi\n", "utf-8")
    monkeypatch.setenv("D2LRNN_DATA", str(tmp_path))
    assert dinosaur.load_names() == (["zuul", "yi"], "dinos.txt, 2 names")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_names_become_examples_and_back(names):
    cleaned = [name.lower().strip() for name in names]
    cleaned = [name for name in cleaned if name]
    if not cleaned:
        with pytest.raises(ValueError, match="data has no names"):
            dinosaur.read_names(names)
        return
    assert dinosaur.read_names(names) == cleaned
    ix_to_char, char_to_ix = dinosaur.vocabulary(cleaned)
    assert list(ix_to_char) == list(range(len(char_to_ix)))
    assert list(ix_to_char.values()) == sorted(char_to_ix)
    for name in cleaned:
        X, Y = dinosaur.encode(name, char_to_ix)
        assert X[0] is None and X[1:] == Y[:-1]
        assert "".join(ix_to_char[i] for i in Y) == name + "\n"


# what may be wrong

def model(**changes):
    """Train a little, with some arguments changed."""
    arguments = {"data": NAMES, "ix_to_char": IX_TO_CHAR,
                 "char_to_ix": CHAR_TO_IX, "num_iterations": 1, "n_a": 4,
                 "vocab_size": VOCAB_SIZE, **changes}
    return dinosaur.model(**arguments)


def step(name="optimize", **changes):
    """Run a function on the arrays of a name, some of them changed."""
    parameters = draw(4, VOCAB_SIZE)
    X, Y = dinosaur.encode("yi", CHAR_TO_IX)
    a = np.zeros((4, 1))
    _, cache = dinosaur.rnn_forward(X, Y, a, parameters, VOCAB_SIZE)
    gradients, _ = dinosaur.rnn_backward(X, Y, parameters, cache)
    arrays = {"X": X, "Y": Y, "parameters": parameters, "cache": cache,
              "gradients": gradients, "lr": 0.01, "maxValue": 5,
              "a_prev": a, "a0": a, "a": a, "vocab_size": VOCAB_SIZE,
              "x": np.zeros((VOCAB_SIZE, 1)), "dy": np.zeros((VOCAB_SIZE, 1)),
              "char_to_ix": CHAR_TO_IX, "seed": 0}
    for key, value in changes.items():
        for inside in (parameters, gradients):
            if key in inside:
                inside[key] = value
                break
        else:
            arrays[key] = value
    function = getattr(dinosaur, name)
    named = inspect.signature(function).parameters
    return function(**{key: arrays[key] for key in named if key in arrays})


@pytest.mark.parametrize("name", [
    "rnn_step_forward", "rnn_forward", "rnn_step_backward", "rnn_backward",
    "clip", "update_parameters", "sample", "optimize"])
def test_nothing_is_wrong_with_what_the_errors_start_from(name):
    step(name)


def without(char):
    chars = [c for c in CHAR_TO_IX if c != char]
    return {c: i for i, c in enumerate(chars)}


COLUMN, WIDE = np.zeros((5, 1)), np.zeros((4, 2))
STEPS = ["rnn_forward", "rnn_backward", "optimize"]
STATES = {"rnn_forward": "a0", "optimize": "a_prev",
          "rnn_step_forward": "a_prev", "rnn_step_backward": "a_prev"}


@pytest.mark.parametrize("call, words", [
    (lambda: model(data=["yi", "min!mi"]), r"'min!mi' has the character '!'"),
    (lambda: model(data=[]), "data has no names"),
    (lambda: model(data=" \n\n"), "data has no names"),
    (lambda: model(data=["yi", None]), "data has None"),
    (lambda: model(vocab_size=27), f"vocab_size is for 27 characters, but "
     f"char_to_ix has {VOCAB_SIZE}"),
    (lambda: model(char_to_ix={"a": 0}, vocab_size=1), "no newline"),
    (lambda: model(char_to_ix={"\n": 0, "a": 2}, vocab_size=2),
     "from 0 to 1"),
    (lambda: model(ix_to_char={}), "ix_to_char is not char_to_ix"),
    (lambda: model(num_iterations=0), "num_iterations is 0"),
    (lambda: model(n_a=0), "n_a is 0"),
    (lambda: model(dino_names=2.5), "dino_names is 2.5"),
    (lambda: step("clip", maxValue=0), "maxValue is 0"),
    (lambda: step("clip", maxValue=-5), "maxValue is -5"),
    (lambda: step("clip", maxValue=math.nan), "maxValue is nan"),
    (lambda: dinosaur.clip({"dWax": COLUMN, "dba": COLUMN}, 5), "no dWaa"),
    (lambda: dinosaur.clip({}, 5), "gradients has no dWax"),
    (lambda: step("update_parameters", dWya=COLUMN), "dWya has shape"),
    (lambda: step("update_parameters", gradients={}), "no dWax among"),
    (lambda: step("update_parameters", dby=np.zeros((VOCAB_SIZE, 1), int)),
     "dby has the type int64"),
    (lambda: step("rnn_step_forward", x=COLUMN), "x has shape"),
    (lambda: step("rnn_step_backward", dy=COLUMN), "dy has shape"),
    (lambda: step("rnn_step_backward", x=WIDE), "x has shape"),
    (lambda: step("rnn_step_backward", dWaa=WIDE), "dWaa has shape"),
    (lambda: step("rnn_step_backward", a=COLUMN), "a has shape"),
    (lambda: step("rnn_step_backward", da_next=COLUMN), "da_next has shape"),
    (lambda: step("rnn_step_backward", gradients={
        "d" + key: array for key, array in draw(4, VOCAB_SIZE).items()}),
     "gradients has no da_next"),
    (lambda: step("rnn_forward", vocab_size=27), "vocab_size is 27, but Wax "
     f"has {VOCAB_SIZE} columns"),
    (lambda: step("rnn_backward", cache=({}, {}, {})), "cache is of 0"),
    *((lambda name=name, state=state: step(name, **{state: COLUMN}),
       f"{state} has shape \\(5, 1\\)") for name, state in STATES.items()),
    *((lambda name=name, state=state: step(name, **{state: np.zeros(4)}),
       f"{state} has shape \\(4,\\)") for name, state in STATES.items()),
    *((lambda name=name: step(name, X=[None, 1]), "X has 2 ids and Y has 3")
      for name in STEPS),
    *((lambda name=name: step(name, X=[], Y=[]), "X has 0 ids")
      for name in STEPS),
    *((lambda name=name: step(name, X=[None, VOCAB_SIZE, 1]),
       f"X has the id {VOCAB_SIZE}: ids go from 0 to {VOCAB_SIZE - 1}")
      for name in STEPS),
    *((lambda name=name: step(name, Y=[0, 1, -1]), "Y has the id -1")
      for name in STEPS),
    *((lambda name=name: step(name, Y=[0, 1, None]), "Y has the id None")
      for name in STEPS),
    *((lambda name=name: step(name, Waa=WIDE), "Waa has shape \\(4, 2\\)")
      for name in (*STEPS, "sample", "update_parameters")),
    *((lambda name=name: step(name, b=np.zeros(4)), "b has shape \\(4,\\)")
      for name in (*STEPS, "sample", "update_parameters")),
    (lambda: step(Wax=np.zeros((4, VOCAB_SIZE), int)), "Wax has the type int"),
    (lambda: step(parameters={"Wax": WIDE}), "no Waa among Wax"),
    (lambda: step(parameters={**draw(4, 5), "b": "zero"}), "b is of the type"),
    (lambda: step("sample", temperature=0), "temperature is 0"),
    (lambda: step("sample", temperature=math.inf), "temperature is inf"),
    (lambda: step("sample", temperature=math.nan), "temperature is nan"),
    (lambda: step("sample", seed=-1), "seed is -1"),
    (lambda: step("sample", seed=0.5), "seed is 0.5"),
    (lambda: step("sample", seed=2 ** 32 - 100), "from 0 to 4294967195"),
    (lambda: step("sample", char_to_ix=without("z")), "Wax is for"),
    (lambda: step("sample", char_to_ix=without("\n")), "no newline"),
    (lambda: step("sample", Wya=np.zeros((3, 4)), by=np.zeros((3, 1))),
     "Wya is for 3 characters"),
    (lambda: dinosaur.get_sample([0, 99], IX_TO_CHAR), "the id 99"),
    (lambda: dinosaur.plot_loss([]), r"losses is \[\]: give a list of at"),
    (lambda: dinosaur.plot_loss([3.0], window=0), "window is 0"),
    (lambda: dinosaur.encode("a\u00e9", CHAR_TO_IX), "the character 'é'"),
    (lambda: dinosaur.invent(always("u"), IX_TO_CHAR, CHAR_TO_IX, NAMES, 0),
     "num_names is 0"),
    (lambda: dinosaur.invent(always("u"), IX_TO_CHAR, CHAR_TO_IX, NAMES, 2,
                             seed=2 ** 32 - 200), "from 0 to 4294967095"),
])
def test_mistakes_are_named_in_one_sentence(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert ": " in str(caught.value)


def test_unknown_characters_are_seen_before_training(capsys):
    with pytest.raises(ValueError, match="lacks"):
        model(data=[*NAMES, "qq"])
    assert capsys.readouterr().out == ""


# files

def test_what_is_saved_is_loaded(tmp_path):
    path, parameters = tmp_path / "m.safetensors", draw(4, VOCAB_SIZE)
    parameters["Wax"] = np.asfortranarray(parameters["Wax"])
    dinosaur.save(str(path), parameters, IX_TO_CHAR)
    again, ix_to_char, char_to_ix = dinosaur.load(str(path))
    assert ix_to_char == IX_TO_CHAR and char_to_ix == CHAR_TO_IX
    assert set(again) == set(parameters)
    for key, array in parameters.items():
        assert again[key].dtype == array.dtype
        assert (again[key] == array).all()
    X, Y = dinosaur.encode("yi", CHAR_TO_IX)  # it can be trained on
    same(dinosaur.optimize(X, Y, np.zeros((4, 1)), again),
         dinosaur.optimize(X, Y, np.zeros((4, 1)), parameters))
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def test_saving_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    dinosaur.save(path, draw(4, VOCAB_SIZE), IX_TO_CHAR)
    before = path.read_bytes()

    def full(file):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        dinosaur.save(path, draw(4, VOCAB_SIZE), IX_TO_CHAR)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def broken_files(folder):
    """Yield files that hold no model of names, and what is to be said."""
    path = folder / "good"
    dinosaur.save(path, draw(4, VOCAB_SIZE), IX_TO_CHAR)
    data = path.read_bytes()
    (folder / "short").write_bytes(data[:-9])
    yield "short", "no usable model"
    (folder / "empty").touch()
    yield "empty", "no usable model"
    (folder / "text").write_text("Zuul\n" * 100)
    yield "text", "no usable model"
    arrays = draw(4, VOCAB_SIZE)
    metadata = {"format": "d2lrnn.dinosaur 1",
                "ix_to_char": json.dumps(list(CHAR_TO_IX))}
    for name, change, words in (
            ("strange", {"format": "d2lrnn"}, "was not written by"),
            ("other", {"ix_to_char": json.dumps(["\n", "a"])}, "Wax is for"),
            ("twice", {"ix_to_char": json.dumps(["\n"] * VOCAB_SIZE)},
             "Wax is for"),
            ("nested", {"ix_to_char": json.dumps([["\n"]])}, "no usable"),
            ("number", {"ix_to_char": "3"}, "no usable"),
            ("garbled", {"ix_to_char": "["}, "no usable")):
        safetensors.numpy.save_file(arrays, folder / name,
                                    {**metadata, **change})
        yield name, words
    del metadata["ix_to_char"]
    safetensors.numpy.save_file(arrays, folder / "mute", metadata)
    yield "mute", "ix_to_char"
    safetensors.numpy.save_file(arrays, folder / "bare")
    yield "bare", "was not written by"
    del arrays["Wya"]
    safetensors.numpy.save_file(arrays, folder / "less", {
        **metadata, "ix_to_char": json.dumps(list(CHAR_TO_IX))})
    yield "less", "no Wya"
    arrays["Wya"] = np.zeros((3, 3))
    safetensors.numpy.save_file(arrays, folder / "shapes", {
        **metadata, "ix_to_char": json.dumps(list(CHAR_TO_IX))})
    yield "shapes", "Wya has shape"


def test_broken_files_are_named_in_one_sentence(tmp_path):
    for name, words in broken_files(tmp_path):
        with pytest.raises(ValueError, match=words) as caught:
            dinosaur.load(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value), name
        assert "\n" not in str(caught.value), name


@pytest.mark.parametrize("function, words", [
    (lambda folder: dinosaur.load(folder / "none"), "there is no file at"),
    (lambda folder: dinosaur.load(folder), "there is no file at"),
    (lambda folder: dinosaur.save(folder, draw(4, VOCAB_SIZE), IX_TO_CHAR),
     "is a folder"),
    (lambda folder: dinosaur.save(folder / "a" / "b", draw(4, VOCAB_SIZE),
                                  IX_TO_CHAR), "no folder that can"),
    (lambda folder: dinosaur.save(folder / "m", draw(4, 5), IX_TO_CHAR),
     "Wax is for 5 characters")])
def test_files_that_cannot_be(tmp_path, function, words):
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        function(tmp_path)


# the command

@pytest.fixture
def a_list(tmp_path):
    (tmp_path / "names.txt").write_text("\n".join(NAMES), "utf-8")
    return str(tmp_path / "names.txt")


def test_the_command_trains_saves_and_loads(tmp_path, a_list, capsys):
    path = str(tmp_path / "m.safetensors")
    common = ["--list", a_list, "--names", "4", "--seed", "9",
              "--temperature", "0.8"]
    dinosaur.main([*common, "--iterations", "2001", "--save", path])
    trained = capsys.readouterr().out
    assert trained.startswith("names: names.txt, 6 names\n")
    assert "Iteration: 2000, Loss: " in trained
    *_, names, saved = trained.rstrip().split("\n\n")
    assert saved == f"saved: {path}"
    assert len(names.splitlines()) == 4
    for line in names.splitlines():
        assert re.fullmatch(r"\S* +(new|in the list|empty)", line)
    dinosaur.main([*common, "--load", path])
    loaded = capsys.readouterr().out
    assert loaded.rstrip().split("\n\n") == ["names: names.txt, 6 names",
                                             names]
    parameters, ix_to_char, char_to_ix = dinosaur.load(path)
    want = dinosaur.invent(parameters, ix_to_char, char_to_ix, NAMES, 4,
                           seed=9, temperature=0.8)
    assert [tuple(re.split(" +", line, maxsplit=1))
            for line in names.splitlines()] == want


@pytest.mark.parametrize("arguments, words", [
    (["--iterations", "0"], "num_iterations is 0"),
    (["--names", "0"], "num_names is 0"),
    (["--temperature", "0"], "temperature is 0"),
    (["--seed", "-3"], "seed is -3"),
    (["--list", "nowhere.txt"], "there is no text at nowhere.txt"),
    (["--load", "nowhere"], "there is no file at nowhere"),
    (["--save", "nowhere/m"], "nowhere is no folder")])
def test_mistakes_on_the_command_line(a_list, arguments, words, capsys):
    with pytest.raises(SystemExit) as caught:
        dinosaur.main(["--list", a_list, *arguments])
    assert words in caught.value.code and "\n" not in caught.value.code
    assert "Iteration" not in capsys.readouterr().out


def test_a_loaded_model_is_not_trained(capsys):
    with pytest.raises(SystemExit):
        dinosaur.main(["--load", "m", "--iterations", "5"])
    assert "--load trains no more" in capsys.readouterr().err


@pytest.mark.process
def test_as_a_module(a_list, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "d2lrnn.dinosaur", "--list", a_list, "--names",
         "2", "--iterations", "3"], cwd=Path(__file__).parents[2], text=True,
        capture_output=True)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.count("Iteration: ") == 1
    done = subprocess.run(
        [sys.executable, "-m", "d2lrnn.dinosaur", "--list", a_list, "--load",
         str(tmp_path / "none")], cwd=Path(__file__).parents[2], text=True,
        capture_output=True)
    assert done.returncode == 1
    assert done.stderr == (f"there is no file at {tmp_path / 'none'}: check "
                           f"the path\n")


@pytest.mark.parametrize("value", [0, -1, 2.5, "8", None, True, 2 ** 31])
def test_sizes_that_are_none_are_one_sentence(value):
    for call in (lambda: dinosaur.initialize_parameters(value, 3, 3),
                 lambda: dinosaur.get_initial_loss(value, 7),
                 lambda: dinosaur.model(NAMES, IX_TO_CHAR, CHAR_TO_IX,
                                        value, 4, 1, len(CHAR_TO_IX)),
                 lambda: dinosaur.plot_loss([3.0], window=value),
                 lambda: dinosaur.invent(always("u"), IX_TO_CHAR, CHAR_TO_IX,
                                         NAMES, value)):
        with pytest.raises(ValueError, match=r"is .*: it must be"):
            call()
