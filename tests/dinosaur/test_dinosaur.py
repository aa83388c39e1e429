"""The network of names: published numbers, oracles, and what it samples."""
import math
import os
from collections import Counter
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from d2lrnn import dinosaur
from d2lrnn.dinosaur.fast_steps import Buffers
from d2lrnn.numpy_rnn import gradient_check
from dinosaur_oracle import (
    CHAR_TO_IX,
    IX_TO_CHAR,
    VOCAB_SIZE,
    always,
    close,
    copy,
    draw,
    plain,
    same,
    smoothed,
)
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.peers import names as plain_code
from benchmarks.rows.names import train_ours


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
    ours = train_ours(names, char_to_ix, 2000)
    theirs = plain_code.train(names, char_to_ix, 2000)
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
