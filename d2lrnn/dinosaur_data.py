"""Names in, models out: lists of names, vocabularies, and files of models."""
import json
import os
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from d2lrnn.basics.checks import check_path, shown
from d2lrnn.dinosaur_checks import (
    check_sample,
    keys,
    unpack,
)
from d2lrnn.files import write_whole
from d2lrnn.texts import find_text, read_source

FORMAT = "d2lrnn.dinosaur 1"


def load_names(path=None, *, fallback=True):
    """Return ``(names, source)``: the lesson's list, and in words which it is.

    The list is looked for as dinos.txt in ``$D2LRNN_DATA`` and lyrics_data/;
    without it, the genera that ship with the package are used, with a
    warning, or ``FileNotFoundError`` is raised if ``fallback`` is false.
    ``path`` is that of another list, one name a line, in UTF-8.
    """
    text, source = read_source(find_text("dinos", fallback) if path is None
                               else check_path("path", path))
    names = read_names(text)
    return names, f"{source}, {len(names):,} names"


def read_names(data):
    r"""Return the names of a text, one a line, or of a list, in lower case.

    Raise ``ValueError`` where there is none.

    >>> read_names("Aardonyx\nZuul \n")
    ['aardonyx', 'zuul']
    """
    if not hasattr(data, "__iter__"):
        raise ValueError(f"data is {shown(data)}: give a text, or a list of "
                         f"str")
    lines = data.splitlines() if isinstance(data, str) else data
    for line in lines:
        if not isinstance(line, str):
            raise ValueError(f"data has {line!r}, which is no name: give a "
                             f"text, or a list of str")
    names = [line.lower().strip() for line in lines]
    names = [name for name in names if name]
    if not names:
        raise ValueError("data has no names: give a text with one name a "
                         "line, or a list of names")
    return names


def vocabulary(names):
    r"""Return ``(ix_to_char, char_to_ix)`` of a list of names, two dicts.

    The characters are sorted, the newline, which ends a name, among them.

    >>> vocabulary(["zuul"])[0]
    {0: '\n', 1: 'l', 2: 'u', 3: 'z'}
    """
    chars = sorted({"\n"}.union(*names))
    return dict(enumerate(chars)), {char: i for i, char in enumerate(chars)}


def encode(name, char_to_ix):
    r"""Return ``(X, Y)`` of a name, or say which character is unknown.

    >>> encode("aba", {"\n": 0, "a": 1, "b": 2})
    ([None, 1, 2, 1], [1, 2, 1, 0])
    """
    for char in name:
        if char not in char_to_ix:
            raise ValueError(f"the name {name!r} has the character {char!r}, "
                             f"which char_to_ix lacks: give the vocabulary of "
                             f"these names")
    X = [None, *(char_to_ix[char] for char in name)]
    return X, [*X[1:], char_to_ix["\n"]]


def check_save(path):
    """Return a path, or say why no file can be written there."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give the path of a file")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"{path.parent} is no folder that can be written to:"
                         f" give a path in one that can")
    return path


def save(path, parameters, ix_to_char):
    """Write parameters and vocabulary to a safetensors file, whole or not.

    Raise ``ValueError`` in one sentence where there can be no such file, and
    for a vocabulary that is not that of the parameters.
    """
    path = check_save(path)
    check_sample(parameters, {char: i for i, char in ix_to_char.items()}, 0)
    chars = [ix_to_char[i] for i in range(len(ix_to_char))]
    data = safetensors.numpy.save(
        {key: np.ascontiguousarray(array) for key, array in zip(
            keys(parameters), unpack(parameters), strict=True)},
        {"format": FORMAT, "ix_to_char": json.dumps(chars)})
    write_whole(path, data)


def load(path):
    """Return ``(parameters, ix_to_char, char_to_ix)`` of a saved file.

    Raise ``FileNotFoundError`` or ``ValueError`` in one sentence for a file
    that is not there, broken, or of something else.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file at {path}: check the path")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
            parameters = {key: file.get_tensor(key) for key in file.keys()}
        if metadata.get("format") != FORMAT:
            raise ValueError("it was not written by d2lrnn.dinosaur")
        ix_to_char = dict(enumerate(json.loads(metadata["ix_to_char"])))
        char_to_ix = {char: i for i, char in ix_to_char.items()}
        check_sample(parameters, char_to_ix, seed=0)
    except (safetensors.SafetensorError, ValueError, KeyError,
            TypeError) as error:
        raise ValueError(f"{path} holds no usable model of names ({error}): "
                         f"get a new copy of it") from None
    return parameters, ix_to_char, char_to_ix
