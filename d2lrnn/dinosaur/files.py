"""Save and load the model of names as a safetensors file."""
import json
import os

import numpy as np
from d2lrnn.basics.checks import check_path, shown
from d2lrnn.basics.tensors import (
    TensorsError,
    digest,
    read_tensors,
    write_tensors,
)
from d2lrnn.dinosaur.checks import check_sample, keys, unpack

__all__ = ["check_save", "load", "save"]

FORMAT = "d2lrnn.dinosaur 1"


def check_save(path):
    """Return a path; raise ``ValueError`` if no file can be written there.

    Of the files that are there already, only a model of names is replaced.
    """
    path = check_path("path", path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give the path of a file")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"{path.parent} is not a folder that can be written "
                         f"to: give a path in one that can")
    if path.is_file() and path.stat().st_size:
        try:
            read_tensors(path, "file", check_format)
        except TensorsError:
            raise ValueError(f"{path} exists already, and holds no model of "
                             f"names: give another path") from None
    return path


def save(path, parameters, ix_to_char):
    """Write parameters and vocabulary to a safetensors file, or write nothing.

    Raise ``ValueError`` if no file can be written at ``path``, or one of
    another kind is there, and for parameters or a vocabulary that ``load``
    would refuse.
    """
    path = check_save(path)
    if not isinstance(ix_to_char, dict):
        raise ValueError(f"ix_to_char is {shown(ix_to_char)}: give the "
                         f"vocabulary that vocabulary() returns")
    check_sample(parameters, {char: i for i, char in ix_to_char.items()}, 0)
    arrays = dict(zip(keys(parameters), unpack(parameters), strict=True))
    check_finite(arrays)
    text = {"format": FORMAT, "ix_to_char": json.dumps(
        [ix_to_char[i] for i in range(len(ix_to_char))])}
    write_tensors(path, arrays, {**text, "sha256": digest(arrays, text)})


def load(path):
    """Return the ``(parameters, ix_to_char, char_to_ix)`` in a saved file.

    Raise ``FileNotFoundError`` if there is no such file, and ``ValueError`` if
    it is damaged, has been altered, or contains something else.
    """
    path = check_path("path", path)
    try:
        parameters, text = read_tensors(path, "file", check_format)
        # files of version 0.1.0 have no checksum
        if text.pop("sha256", None) not in (None, digest(parameters, text)):
            raise ValueError("it was altered after it was written")
        chars = json.loads(text["ix_to_char"])
        check_names_file(parameters, chars)
        ix_to_char = dict(enumerate(chars))
        char_to_ix = {char: i for i, char in ix_to_char.items()}
        check_sample(parameters, char_to_ix, seed=0)
    except TensorsError as error:
        raise ValueError(f"{path} holds no usable model of names: it {error}"
                         ) from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} holds no usable model of names ({error}): "
                         f"get a new copy of it") from None
    return parameters, ix_to_char, char_to_ix


def check_format(text):
    """Raise ``TensorsError`` if a file's text is not from ``save``."""
    if text.get("format") != FORMAT:
        raise TensorsError("was not written by d2lrnn.dinosaur: give the path "
                           "of a file that was")
    if not {"format", "ix_to_char"} <= text.keys() <= {
            "format", "ix_to_char", "sha256"}:
        raise TensorsError("lacks the ix_to_char that it was written with: "
                           "get a new copy of it")


def check_names_file(parameters, chars):
    """Raise ``ValueError`` for contents that ``save`` does not write."""
    if not isinstance(chars, list) or not all(
            isinstance(char, str) for char in chars):
        raise ValueError(f"its vocabulary is {shown(chars)}, not a list of "
                         f"str")
    for key in parameters.keys() - set(keys(parameters)):
        raise ValueError(f"it has an array {shown(key)}")
    check_finite(parameters)


def check_finite(parameters):
    """Raise ``ValueError`` for parameters that are infinite or NaN."""
    for key, array in parameters.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{key} has numbers that are not finite: train "
                             f"with a lower learning rate")
