"""In a notebook figures and files are shown; elsewhere they are named."""
import atexit
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from d2lrnn.basics.figures import (
    can_be_written,
    new_figure,
    settle_matplotlib,
    show,
)

PNG = b"\x89PNG\r\n"


def test_a_figure_is_a_picture():
    figure = new_figure(figsize=(2, 1))
    assert list(figure.get_size_inches()) == [2, 1]
    assert figure._repr_png_().startswith(PNG)


@pytest.mark.parametrize("shell", [None, object()])  # a script, a terminal
def test_outside_of_a_notebook_a_file_is_named(shell, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython",
                        SimpleNamespace(get_ipython=lambda: shell))
    assert show("runs/roll.png") is None and show(None) is None
    assert capsys.readouterr().out == "file: runs/roll.png\n"


@pytest.mark.parametrize("name, data, key", [
    ("roll.png", PNG, "image/png"),
    ("model.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>",
     "image/svg+xml"),
    ("solo.wav", b"RIFF", "text/html")])
def test_in_a_notebook_a_file_is_shown(tmp_path, monkeypatch, name, data,
                                       key):
    ipython = pytest.importorskip("IPython", reason="d2l brings it, but not "
                                  "on Python 3.12")
    monkeypatch.setattr(ipython, "get_ipython",
                        lambda: SimpleNamespace(kernel=True))
    assert show(tmp_path / "other.txt") is None  # but named
    (tmp_path / name).write_bytes(data)
    shown = show(tmp_path / name)
    formatter = {"image/png": "_repr_png_", "image/svg+xml": "_repr_svg_",
                 "text/html": "_repr_html_"}[key]
    assert getattr(shown, formatter)()


def test_a_figure_of_no_size_and_a_file_of_no_name():
    for wrong in (None, 3, (0, 1), (1, 2, 3), "ab", (float("nan"), 1)):
        with pytest.raises(ValueError, match="figsize is not a pair of"):
            new_figure(wrong)
    with pytest.raises(ValueError, match="path is a list: give the name of"):
        show(["a.png"])


@pytest.mark.parametrize("environment, settled", [
    ({"HOME": "{here}"}, False), ({"HOME": "/dev/null"}, True),
    ({"HOME": "{here}", "XDG_CACHE_HOME": "/dev/null/x"}, True),
    ({"HOME": "/dev/null", "MPLCONFIGDIR": "{here}/new"}, False),
    ({"HOME": "{here}", "MPLCONFIGDIR": "/dev/null"}, True)])
def test_matplotlib_has_a_folder(tmp_path, monkeypatch, environment, settled):
    """It gets a temporary one only if it cannot write to its own."""
    for name in ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "")
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(here=tmp_path))
    before = os.environ["MPLCONFIGDIR"]
    remembered = []
    monkeypatch.setattr(atexit, "register",
                        lambda *arguments: remembered.append(arguments))
    settle_matplotlib()
    assert (os.environ["MPLCONFIGDIR"] != before) == settled
    assert not list(tmp_path.iterdir())
    for remove, pid, folder in remembered:
        assert Path(folder).is_dir()
        remove(pid + 1, folder)  # as at the end of a forked child
        assert Path(folder).is_dir()
        remove(pid, folder)
        assert not Path(folder).exists()
    assert len(remembered) == settled


def test_a_home_that_is_not_known(monkeypatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert not can_be_written(Path(os.path.expanduser("~/.cache")))
