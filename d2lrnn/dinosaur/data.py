"""Names in, models out: lists of names, vocabularies, and files of models."""
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
from d2lrnn.data.texts import find_text, read_source
from d2lrnn.dinosaur.checks import check_sample, keys, unpack

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
    check_strings("data", lines)
    names = [line.lower().strip() for line in lines]
    names = [name for name in names if name]
    if not names:
        raise ValueError("data has no names: give a text with one name a "
                         "line, or a list of names")
    return names


def check_strings(name, names):
    """Raise ``ValueError`` for what is no list of str."""
    if not isinstance(names, (list, tuple, set, frozenset)):
        raise ValueError(f"{name} is {shown(names)}: give a list of str")
    for line in names:
        if not isinstance(line, str):
            raise ValueError(f"{name} has {shown(line)}, which is no name: "
                             f"give a text, or a list of str")


def vocabulary(names):
    r"""Return ``(ix_to_char, char_to_ix)`` of a list of names, two dicts.

    The characters are sorted, the newline, which ends a name, among them.

    >>> vocabulary(["zuul"])[0]
    {0: '\n', 1: 'l', 2: 'u', 3: 'z'}
    """
    check_strings("names", names)
    chars = sorted({"\n"}.union(*names))
    return dict(enumerate(chars)), {char: i for i, char in enumerate(chars)}


def encode(name, char_to_ix):
    r"""Return ``(X, Y)`` of a name, or say which character is unknown.

    >>> encode("aba", {"\n": 0, "a": 1, "b": 2})
    ([None, 1, 2, 1], [1, 2, 1, 0])
    """
    if not isinstance(name, str) or not isinstance(char_to_ix, dict):
        raise ValueError(f"the name is {shown(name)} and char_to_ix "
                         f"{shown(char_to_ix)}: give a str and a dict")
    for char in [*name, "\n"]:
        if char not in char_to_ix:
            raise ValueError(f"the name {name!r} has the character {char!r}, "
                             f"which char_to_ix lacks: give the vocabulary of "
                             f"these names")
    X = [None, *(char_to_ix[char] for char in name)]
    return X, [*X[1:], char_to_ix["\n"]]


def check_save(path):
    """Return a path, or say why no file can be written there."""
    path = check_path("path", path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give the path of a file")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"{path.parent} is no folder that can be written to:"
                         f" give a path in one that can")
    return path


def save(path, parameters, ix_to_char):
    """Write parameters and vocabulary to a safetensors file, whole or not.

    Raise ``ValueError`` in one sentence where there can be no such file, and
    for parameters or a vocabulary that ``load`` would refuse.
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
    """Return ``(parameters, ix_to_char, char_to_ix)`` of a saved file.

    Raise ``FileNotFoundError`` or ``ValueError`` in one sentence for a file
    that is not there, broken, altered, or of something else.
    """
    path = check_path("path", path)
    try:
        parameters, text = read_tensors(path, "file", check_format)
        # the files of version 0.1.0 have none
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
    """Raise ``TensorsError`` for the text of another kind of file."""
    if text.get("format") != FORMAT:
        raise TensorsError("was not written by d2lrnn.dinosaur: give the path "
                           "of a file that was")
    if not {"format", "ix_to_char"} <= text.keys() <= {
            "format", "ix_to_char", "sha256"}:
        raise TensorsError("has not the ix_to_char that it was written with: "
                           "get a new copy of it")


def check_names_file(parameters, chars):
    """Raise ``ValueError`` for what ``save`` would not have written."""
    if not isinstance(chars, list) or not all(
            isinstance(char, str) for char in chars):
        raise ValueError(f"its vocabulary is {shown(chars)}, no list of str")
    for key in parameters.keys() - set(keys(parameters)):
        raise ValueError(f"it has an array {shown(key)}")
    check_finite(parameters)


def check_finite(parameters):
    """Raise ``ValueError`` for parameters that training has spoilt."""
    for key, array in parameters.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{key} has numbers that are not finite: train "
                             f"with a lower learning rate")
