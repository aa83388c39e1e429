"""Trainings on names, lists of names, and the names that are invented."""
import math
import re

import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn import dinosaur
from dinosaur_oracle import (
    CHAR_TO_IX,
    IX_TO_CHAR,
    NAMES,
    VOCAB_SIZE,
    always,
    close,
    plain,
    smoothed,
)
from hypothesis import given
from hypothesis import strategies as st

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
