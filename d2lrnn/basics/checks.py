"""Check arguments, and write the error messages for those refused.

Each check raises ``ValueError`` with one sentence that names the culprit and
the remedy. The range of each number is defined here once, by its name.
"""
import inspect
import os
import re
import sys
from functools import wraps
from numbers import Integral, Real
from pathlib import Path

import numpy as np

__all__ = ["COUNT", "GPU_NUMBER", "LARGEST_FLOAT", "LONGEST", "NUMPY_SEED",
           "RANGES", "SMALLEST_FLOAT", "check_choice", "check_flag",
           "check_function", "check_has_weights", "check_kind", "check_memory",
           "check_number", "check_numbers", "check_path", "check_precision",
           "checked", "converted", "explained", "is_number", "shown",
           "without_weights"]

SMALLEST_FLOAT = sys.float_info.min  # above 0
LARGEST_FLOAT = sys.float_info.max
WIDEST = 2 ** 24  # vocabularies, layers; float32 counts up to here
LONGEST = 10 ** 9  # steps, epochs, characters

# What a number must be: its type, lowest and highest value, and a description
SIZE = (Integral, 1, WIDEST, "a whole number of at least 1")
COUNT = (Integral, 1, LONGEST, "a whole number of at least 1")
LENGTH = (Integral, 0, LONGEST, "a whole number of at least 0")
POSITIVE = (Real, SMALLEST_FLOAT, 3.4e38, "a number above 0")  # of float32
SEED = (Integral, 0, 2 ** 63 - 1, "a whole number of at least 0")
NUMPY_SEED = (Integral, 0, 2 ** 32 - 1, "a whole number of at least 0")
GPU_NUMBER = (Integral, 0, 9999, "a whole number of at least 0")
PART = (Real, 0, 1 - 2 ** -53, "a number of at least 0 and below 1")
RANGES = {
    "vocab_size": SIZE, "embed_size": SIZE, "num_hiddens": SIZE, "n_a": SIZE,
    "n_values": SIZE, "size": SIZE, "batch_size": SIZE, "m": SIZE,
    "num_layers": (Integral, 1, 1000, "a whole number of at least 1"),
    "num_epochs": COUNT, "num_steps": COUNT, "pred_period": COUNT,
    "Tx": COUNT, "Ty": COUNT, "stride": COUNT, "min_freq": COUNT,
    "patience": COUNT, "top_k": COUNT,
    "num_chars": LENGTH, "pred_len": LENGTH, "seed": SEED,
    "lr": POSITIVE, "clipping_theta": POSITIVE, "theta": POSITIVE,
    "dropout": PART, "weight_drop": PART,
    "held_out": (Real, SMALLEST_FLOAT, 1 - 2 ** -53,
                 "between 0 and 1, such as 0.1"),
    "average": (Real, SMALLEST_FLOAT, 1 - 2 ** -53,
                "between 0 and 1, such as 0.999"),
    "decay": (Real, 0, LARGEST_FLOAT, "a finite number of at least 0"),
    "temperature": (Real, 0, LARGEST_FLOAT, "a finite number of at least 0"),
    "top_p": (Real, SMALLEST_FLOAT, 1, "above 0 and at most 1"),
    "tempo": (Real, 4, 1000, "4 to 1000 quarters a minute"),
    "sample_rate": (Integral, 8000, 48000,
                    "a whole number from 8000 to 48000"),
    "n_x": SIZE, "n_y": SIZE, "window": COUNT, "num_iterations": COUNT,
    "dino_names": COUNT, "seq_length": COUNT,
    "num_names": (Integral, 1, 10 ** 7, "a whole number of at least 1"),
    "learning_rate": POSITIVE, "maxValue": POSITIVE, "epsilon": POSITIVE,
    "save_minutes": (Real, 0, LARGEST_FLOAT, "a number of at least 0"),
}
# How an error message describes None, for numbers that may be None
NONE = {"patience": "None", "clipping_theta": "None", "theta": "None",
        "average": "None",
        "embed_size": "None for one-hot vectors", "top_k": "None to keep all",
        "top_p": "None to keep all",
        "seed": "None for other numbers each time"}


def check_numbers(*optional, **numbers):
    """Return numbers as Python's own types, after checking their ranges.

    NumPy's numbers are accepted; ``True`` and ``False`` are not. The numbers
    whose names are in ``optional`` may be None.

    >>> check_numbers(stride=0)
    Traceback (most recent call last):
    ValueError: stride is 0: it must be a whole number of at least 1
    >>> check_numbers(stride=np.int64(3), lr=np.float32(0.5))
    {'stride': 3, 'lr': 0.5}
    """
    return {name: check_number(name, value, *RANGES[name],
                               none=NONE.get(name, "None")
                               if name in optional else None)
            for name, value in numbers.items()}


def check_number(name, value, kind, low, high, words, none=None):
    """Return a number as Python's own type, after checking its range.

    - ``name``: what the error message calls the number
    - ``value``: the number, Python's or NumPy's
    - ``kind``: its type, Integral or Real
    - ``low``, ``high``: the lowest and the highest value allowed
    - ``words``: what the number must be, for the error message
    - ``none``: what None means; if not given, None is refused

    >>> check_number("n", 2 ** 31, Integral, 1, 100, "a whole number")
    Traceback (most recent call last):
    ValueError: n is 2147483648: it must be at most 100
    """
    if none and value is None:
        return None
    if none:
        words = f"{words}, or {none}"
    if not is_number(value, kind) or not value >= low:
        raise ValueError(f"{name} is {shown(value)}: it must be {words}")
    if value > high:
        most = f"at most {high:,}" if kind is Integral else words
        raise ValueError(f"{name} is {shown(value)}: it must be {most}")
    return int(value) if kind is Integral else float(value)


def is_number(value, kind=Real):
    """Return whether a value is a number of this type, Python's or NumPy's.

    >>> is_number(np.float32(2)), is_number(2.0, Integral), is_number(True)
    (True, False, False)
    """
    return isinstance(value, kind) and not isinstance(value, bool)


def shown(value, width=60):
    r"""Return the repr of a value, short enough for an error message.

    >>> shown("one\ntwo"), len(shown("a" * 1000)), shown(np.int64(3))
    ("'one\\ntwo'", 60, '3')
    """
    if isinstance(value, np.generic):
        value = value.item()
    try:
        text = re.sub(" at 0x[0-9a-f]+", "", " ".join(repr(value).split()))
    except Exception:  # a user's own __repr__
        text = f"a {type(value).__name__}"
    return text if len(text) <= width else text[:width - 4] + " ..."


def check_choice(name, value, known):
    """Return a value that is one of the known ones; otherwise list them.

    >>> check_choice("cell", "rna", ("rnn", "gru"))
    Traceback (most recent call last):
    ValueError: cell is 'rna': it must be one of rnn, gru
    """
    if not isinstance(value, str) or value not in list(known):
        raise ValueError(f"{name} is {shown(value)}: it must be one of "
                         f"{', '.join(known)}")
    return value


def check_flag(name, value):
    """Return True, False, 1 or 0 as a bool, and refuse everything else.

    >>> check_flag("resume", 1), check_flag("resume", np.False_)
    (True, False)
    >>> check_flag("resume", "no")
    Traceback (most recent call last):
    ValueError: resume is 'no': it must be True or False
    """
    if not isinstance(value, (bool, np.bool_, Integral)) or (
            value not in (0, 1)):
        raise ValueError(f"{name} is {shown(value)}: it must be True or "
                         f"False")
    return bool(value)


def check_kind(name, value, kind, words):
    """Raise ``ValueError`` if a value is not of the type ``kind``.

    ``words`` say what it must be, for the error message.
    """
    if not isinstance(value, kind):
        raise ValueError(f"{name} is {shown(value)}: it must be {words}")


def check_function(name, value):
    """Raise ``ValueError`` if a value cannot be called."""
    if not callable(value):
        raise ValueError(f"{name} is {shown(value)}: give a function")


def check_path(name, path):
    """Return a path as a ``Path``; raise ``ValueError`` for an unusable name.

    >>> check_path("folder", "")
    Traceback (most recent call last):
    ValueError: folder is '': give the name of a file or folder
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path) or (
            b"\0" in path_bytes(name, path)):
        raise ValueError(f"{name} is {shown(path)}: give the name of a file "
                         f"or folder")
    try:
        path_bytes(name, path).decode("utf-8")
        Path(path)  # refuses bytes
    except (TypeError, UnicodeDecodeError):
        raise ValueError(f"{name} is {shown(path)}, whose characters are not "
                         f"UTF-8: give another name") from None
    longest = max(map(len, map(os.fsencode, Path(path).parts)), default=0)
    if longest > 255:
        raise ValueError(f"{name} is {shown(path)}, with a name of {longest} "
                         f"bytes: give one of at most 255")
    return Path(path)


def path_bytes(name, path):
    """Return a path as bytes; in the C locale, only ASCII can be encoded."""
    try:
        return os.fsencode(path)
    except UnicodeEncodeError:
        if sys.getfilesystemencoding().lower().startswith("utf"):
            return b"\xff"  # a lone surrogate, which is never in a file's name
        raise ValueError(
            f"{name} is {shown(path)}, which this locale cannot write "
            f"({sys.getfilesystemencoding()}): set PYTHONUTF8=1") from None


def check_memory(num_floats, what):
    """Raise ``ValueError`` if this many float32 numbers exceed the memory.

    >>> check_memory(10 ** 15, "weights")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: weights would take 3,725,290 GiB, and this machine has ...
    """
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # unknown on this machine
        memory = 2 ** 42
    if 4 * num_floats > memory:
        raise ValueError(f"{what} would take {4 * num_floats / 2 ** 30:,.0f} "
                         f"GiB, and this machine has {memory / 2 ** 30:,.0f}: "
                         f"make them smaller")


def check_precision(model):
    """Raise ``ValueError`` if a model of Gluon has weights but float32.

    A model written by hand, without ``collect_params``, is not looked at.
    """
    for param in getattr(model, "collect_params", dict)().values():
        dtype = np.dtype(param.dtype)
        if dtype.kind == "f" and dtype != np.float32:
            raise ValueError(f"the model's weights are {dtype.name}: call "
                             f"model.cast('float32')")


def check_has_weights(model):
    """Raise ``ValueError`` if a model of Gluon has no weights.

    A parameter whose shape its first call will tell has one. A model written
    by hand, without ``collect_params``, is not looked at.
    """
    params = getattr(model, "collect_params", dict)().values()
    if any(param._data is None and not param._deferred_init
           for param in params):
        raise without_weights()


def without_weights():
    """Return the error for a model that has no weights."""
    return ValueError("the model has no weights: call initialize, or fit, or "
                      "load one with load_model")


def checked(check):
    """Return a decorator that calls ``check`` with the arguments first."""
    def decorate(function):
        signature = inspect.signature(function)

        @wraps(function)
        def checked_function(*args, **kwargs):
            check(**signature.bind(*args, **kwargs).arguments)
            return function(*args, **kwargs)

        return checked_function
    return decorate


def converted(convert):
    """Return a decorator that replaces arguments as ``convert`` says.

    ``convert`` is called with the arguments, and returns a dict of the new
    values of those to be replaced.

    >>> @converted(lambda n: check_numbers(batch_size=n))
    ... def double(n):
    ...     return 2 * n
    >>> double(0)
    Traceback (most recent call last):
    ValueError: batch_size is 0: it must be a whole number of at least 1
    """
    def decorate(function):
        signature = inspect.signature(function)

        @wraps(function)
        def converted_function(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.arguments.update(convert(**bound.arguments))
            return function(*bound.args, **bound.kwargs)

        return converted_function
    return decorate


def explained(function):
    """Decorate a function so that its errors describe its arguments.

    This costs nothing unless the function fails, so it suits functions that
    are called at every step. A ``ValueError`` passes unchanged unless it comes
    from Python or NumPy, since the package's own already name the culprit.

    >>> explained(lambda x, y: x + y)(None, np.ones((2, 3)))
    Traceback (most recent call last):
    ValueError: <lambda> cannot use x None and y of shape (2, 3): give it
        the arguments that its docstring names
    """
    @wraps(function)
    def explained_function(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except UNUSABLE as error:
            if isinstance(error, ValueError) and (
                    not PYTHONS.search(str(error))):
                raise
            given = inspect.signature(function).bind(*args, **kwargs)
        words = " and ".join(f"{name} {described(value)}" for name, value
                             in given.arguments.items() if name != "self")
        raise ValueError(f"{function.__name__} cannot use {words}: give it "
                         f"the arguments that its docstring names")

    return explained_function


UNUSABLE = (RuntimeError, TypeError, AttributeError, ValueError, LookupError,
            AssertionError, OverflowError,
            ZeroDivisionError)  # MXNetError is a RuntimeError
PYTHONS = re.compile(r"values to unpack|domain error|is ambiguous|zip\(\) "
                     r"argument|broadcast together|matmul")


def described(value):
    """Return the shape of an array, the shapes in a list, or the value."""
    if isinstance(getattr(value, "shape", None), tuple):
        return f"of shape {value.shape}"
    if isinstance(value, (list, tuple)) and value and all(
            hasattr(array, "shape") for array in value):
        shapes = ", ".join(str(array.shape) for array in value[:16])
        return f"of shapes {shapes}{', ...' * (len(value) > 16)}"
    return shown(value)
