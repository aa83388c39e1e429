"""In a notebook figures and files are shown; elsewhere they are named."""
import sys
from types import SimpleNamespace

import pytest
from d2lrnn.basics.figures import new_figure, show

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
