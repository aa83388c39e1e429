"""A trained model outside MXNet: as ONNX, for PyTorch, and as a page."""
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from d2lrnn.basics.checks import check_choice, check_path
from d2lrnn.basics.files import write_new
from d2lrnn.export.onnx import to_onnx
from d2lrnn.export.page import to_page
from d2lrnn.export.torch import write_torch
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.checkpoint import (
    BEST,
    LAST,
    MODELS,
    load_model,
    without_vocabulary,
)

__all__ = ["FORMATS", "export", "model_file"]


class Format(NamedTuple):
    """A way for models to leave MXNet.

    - ``ending``: what a result's name has after that of the model's file.
    - ``kinds``: the classes of models that it can hold.
    - ``write(path, model, out)``: write the model from ``path`` to ``out``,
      which does not exist: all of it, or nothing.
    """

    ending: str
    kinds: tuple
    write: Callable


def write_onnx(path, model, out):
    """Write a model as an ONNX file."""
    write_new(out, to_onnx(model))


def write_page(path, model, out):
    """Write a model as the page of the studio."""
    write_new(out, to_page([path]).encode())


FORMATS = {
    "onnx": Format(".onnx", tuple(MODELS.values()), write_onnx),
    "torch": Format("-torch", (CharRNN,), write_torch),
    "page": Format("-studio.html", (CharRNN,), write_page)}


def export(path: str | os.PathLike[str], to: str,
           out: str | os.PathLike[str] | None = None) -> Path:
    """Write a trained model in a format of other programs; return its path.

    ``path`` is a model's file, or the folder of a training, whose best model
    is taken. ``to`` is the format:

    - ``"onnx"``: one file, for ONNX Runtime and the like. ``ids``, int64 of
      shape (batch, steps), and ``state``, (states, batch, hidden), zeros at
      first, give ``scores``, (batch, steps, vocab), and ``new_state``, for
      any batch and any number of steps. A ``WindowLSTM`` has no state, and
      scores one id after each window. The vocabulary, its level and the cell
      stand in the model's metadata. Where ONNX Runtime is installed, its
      scores are compared with the model's first.
    - ``"torch"``: a folder, for a ``CharRNN``, with the weights, the
      vocabulary, a model card, and model.py, which needs PyTorch and
      safetensors alone to write text.
    - ``"page"``: the studio, one file of HTML, in which a ``CharRNN`` writes
      and shows what is inside, in a browser, without a network.

    ``out`` is the file or folder to write, by default beside the model. It is
    written whole or not at all. Raise ``ValueError`` if it exists, for an
    unknown format, or for a model that the format cannot hold; ``OSError`` if
    a file cannot be read or written; ``ImportError`` if the package onnx is
    needed and not installed.
    """
    ending, kinds, write = FORMATS[check_choice("to", to, FORMATS)]
    path = model_file(check_path("path", path))
    out = check_path("out", path.with_name(path.stem + ending)
                     if out is None else out)
    if os.path.lexists(out):
        raise ValueError(f"{out} exists already: give another path as out")
    model = load_model(path)
    if not isinstance(model, kinds):
        raise ValueError(
            f"{path} holds a {type(model).__name__}, and {to} is for a "
            f"{' or '.join(kind.__name__ for kind in kinds)}: give the file "
            f"of one, or another format")
    if model.idx_to_char is None:
        raise without_vocabulary(path)
    write(path, model, out)
    return out


def model_file(path):
    """Return the path of a model's file, given that or a training's folder."""
    if not path.is_dir():
        return path
    for name in (BEST, LAST):
        if (path / name).is_file():
            return path / name
    raise FileNotFoundError(f"{path} is a folder without a {BEST}: give the "
                            f"file of a model, or the folder of a training")
