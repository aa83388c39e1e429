"""The lesson on the second edition: its table of names, and a lack of d2l."""
import os
import re
import subprocess
import sys
from operator import attrgetter
from pathlib import Path
from types import ModuleType

import d2lrnn as d2l
import pytest

LESSON = Path(__file__).parents[2] / "chapters" / "second_edition.py"
TEXT = LESSON.read_text("utf-8")


def names(column):
    """Return the names in a column of the table, without its heading."""
    table = TEXT.split("# | first edition, `d2lrnn` |")[1].split("\n#\n")[0]
    cells = [row.split("|")[column] for row in table.splitlines()[2:]]
    return [name for cell in cells for name in re.findall("`(.+?)`", cell)]


def test_the_first_column_has_names_of_this_package():
    first = names(1)
    assert len(first) == 14 and "train_and_predict_rnn" in first
    for name in first:
        assert hasattr(d2l, name), name


def test_the_last_column_has_names_of_the_second_edition():
    second_edition = pytest.importorskip("d2l.mxnet")
    last = names(3)
    assert len(last) >= 13 and "Trainer.clip_gradients" in last
    for name in last:
        assert callable(attrgetter(name)(second_edition)), name


@pytest.mark.book
@pytest.mark.process
def test_without_d2l_it_ends_with_one_sentence(tmp_path):
    (tmp_path / "d2l.py").write_text("raise ImportError('no d2l')")
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, str(LESSON)], cwd=tmp_path, capture_output=True,
        text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("this lesson needs the package d2l 1.0.3, ")
    assert done.stdout.count("\n") == 1 and "Error" not in done.stderr


def test_without_d2l_a_notebook_stops_with_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "d2l", None)
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    cell = TEXT.split("\n# %%\n")[1].split("\n# %% [markdown]")[0]
    with pytest.raises(d2l.SettingError, match="package d2l") as error:
        exec(cell, {})
    assert error.value._render_traceback_() == [str(error.value)]


@pytest.mark.book
@pytest.mark.process
def test_after_it_the_package_works_as_before(tmp_path):
    pytest.importorskip("d2l.mxnet")
    code = f"""
import runpy
runpy.run_path({str(LESSON)!r})
import d2lrnn as d2l, mxnet as mx
assert not mx.util.is_np_array() and not mx.util.is_np_shape()
model = d2l.RNNModel(mx.gluon.rnn.RNN(4), 3)
model.initialize()
scores, _ = model(mx.nd.array([[0, 1]]), model.begin_state(batch_size=1))
assert type(scores) is mx.nd.NDArray and scores[0, 0].shape == (1,)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path,
                          capture_output=True, text=True,
                          env={**os.environ, "D2LRNN_EPOCHS": "1"})
    assert done.returncode == 0, done.stderr
