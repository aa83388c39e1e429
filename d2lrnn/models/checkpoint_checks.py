"""Checks of the metadata and the weights in a model's file.

An intact file may still hold what training could not have written. Each check
raises ``ValueError`` with a clause that the caller puts after the file's name.
"""
import inspect
from collections import Counter

import numpy as np
from d2lrnn.basics.checks import check_numbers, is_number, shown

__all__ = [
    "check_metadata",
    "check_saved_vocabulary",
    "check_shapes",
    "check_weights",
    "defaults_of",
    "difference",
]

LEVELS = ("char", "word", "split", "token")
# The numbers of an epoch's record that reports and resumed runs read
NUMBERS = ("epoch", "lr", "seconds", "loss", "perplexity", "characters")
HELD_OUT = {"held_out_loss", "held_out_perplexity", "held_out_bits_per_char",
            "held_out_unk"}


def check_metadata(metadata, kinds):
    """Raise ``ValueError`` unless this describes a model of these classes."""
    if not isinstance(metadata, dict):
        raise ValueError(f"its metadata are {shown(metadata)}")
    for key in ("class", "model", "idx_to_char", "level"):
        if key not in metadata:
            raise ValueError(f"its metadata have no {key}")
    check_saved_config(metadata["class"], metadata["model"], kinds)
    check_saved_vocabulary(metadata["idx_to_char"], metadata["level"])
    if metadata.get("training") is not None:
        check_saved_training(metadata["training"])


def check_saved_config(kind, config, kinds):
    """Raise ``ValueError`` for settings that do not fit a class of model.

    A setting that a file lacks keeps its default: it did not exist yet when
    the file was written.
    """
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"its model is a {shown(kind)}: known are "
                         f"{', '.join(kinds)}")
    if not isinstance(config, dict):
        raise ValueError(f"the settings of its {kind} are {shown(config)}")
    known = [name for name, param
             in inspect.signature(kinds[kind]).parameters.items()
             if param.kind is not param.VAR_KEYWORD]
    missing = set(known) - defaults_of(kinds[kind]).keys() - config.keys()
    if missing:
        raise ValueError(f"the {min(missing)} of its {kind} is missing")
    if unknown := config.keys() - set(known):
        raise ValueError(f"a {kind} has no setting {shown(min(unknown))}")


def defaults_of(function):
    """Return the default values of a function's arguments, by name.

    >>> def f(a, b=2, *, c=None, **rest): pass
    >>> defaults_of(f)
    {'b': 2, 'c': None}
    """
    return {name: param.default for name, param
            in inspect.signature(function).parameters.items()
            if param.default is not param.empty}


def check_saved_vocabulary(idx_to_char, level, vocab_size=None):
    """Raise ``ValueError`` unless this is a vocabulary of this size.

    >>> check_saved_vocabulary(["a", "b", "a"], "char")
    Traceback (most recent call last):
    ValueError: its vocabulary has 'a' twice
    """
    if not isinstance(level, str) or level not in LEVELS:
        raise ValueError(f"its level is {shown(level)}, not one of "
                         f"{', '.join(LEVELS)}")
    if idx_to_char is None:
        return
    if not isinstance(idx_to_char, (list, tuple)) or not all(
            isinstance(token, str) for token in idx_to_char):
        raise ValueError(f"its vocabulary is {shown(idx_to_char)}, not a "
                         f"list of str")
    if vocab_size not in (None, len(idx_to_char)):
        raise ValueError(f"its vocabulary has {len(idx_to_char)} entries, not"
                         f" {vocab_size}")
    if len(set(idx_to_char)) < len(idx_to_char):
        token, _ = Counter(idx_to_char).most_common(1)[0]
        raise ValueError(f"its vocabulary has {shown(token)} twice")
    try:
        "".join(idx_to_char).encode("utf-8")
    except UnicodeEncodeError as error:
        char = error.object[error.start]
        raise ValueError(f"its vocabulary has {shown(char)}, which is not a "
                         f"character") from None


def difference(vocabulary, other):
    """Say where two vocabularies differ.

    >>> difference(["a", "b"], ["a", "c"]), difference(["a", "b"], ["b", "a"])
    ("'b'", 'their order')
    """
    tokens = set(vocabulary) ^ set(other)
    return shown(min(tokens)) if tokens else "their order"


def check_weights(weights, config):
    """Raise ``ValueError`` for arrays that cannot be a model's weights.

    Each layer needs at least one array; otherwise a made-up number of layers
    could take minutes to build.
    """
    num_layers = config.get("num_layers", 1)
    check_numbers(num_layers=num_layers)
    if num_layers > len(weights):
        raise ValueError(f"it has {len(weights)} arrays for {num_layers} "
                         f"layers")
    for name, array in weights.items():
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise ValueError(f"its array {shown(name)}, of the type "
                             f"{array.dtype}, contains values that are not "
                             f"finite floats")


def check_shapes(arrays, shapes):
    """Raise ``ValueError`` unless the arrays have these names and shapes."""
    for name in [*shapes, *arrays]:
        if name not in shapes or name not in arrays:
            raise ValueError(f"it has {'no' if name in shapes else 'an'} "
                             f"array {shown(name)}")
        if arrays[name].shape != shapes[name]:
            raise ValueError(f"its array {name} has shape "
                             f"{arrays[name].shape}, not {shapes[name]}")


def check_saved_training(values):
    """Raise ``ValueError`` unless this describes a training run's state."""
    if not isinstance(values, dict):
        raise ValueError(f"its training is {shown(values)}")
    for key, kind in (("settings", dict), ("history", list), ("losses", list),
                      ("norms", list), ("optimizer", dict)):
        if not isinstance(values.get(key), kind):
            raise ValueError(f"its training has as {key} "
                             f"{shown(values.get(key))}, which is not a "
                             f"{kind.__name__}")
    check_floats("its training", values, ("step", "seconds"))
    check_floats("its optimizer", values["optimizer"], values["optimizer"])
    step, in_epoch = values["step"], len(values["losses"])
    if type(step) is not int or step < in_epoch:
        raise ValueError(f"its training has done {step} steps, but {in_epoch}"
                         f" of them in the current epoch")
    for i, record in enumerate(values["history"]):
        what = f"the record of its epoch {i + 1}"
        if not isinstance(record, dict):
            raise ValueError(f"{what} is {shown(record)}")
        check_floats(what, record, (*NUMBERS, *HELD_OUT & record.keys()))
        if record["epoch"] != i + 1:
            raise ValueError(f"{what} is that of epoch {record['epoch']}")
    check_steps("losses", values["losses"], in_epoch)
    check_steps("norms", values["norms"], in_epoch)


def check_floats(what, values, names):
    """Raise ``ValueError`` unless a dict has a number under each name."""
    for name in names:
        if not is_float(values.get(name)):
            raise ValueError(f"{what} has as {shown(name)} "
                             f"{shown(values.get(name))}, which is not a "
                             f"number")


def is_float(value):
    """Return whether a JSON value is a number that fits a float.

    >>> is_float(1.5), is_float(float("inf")), is_float(10 ** 400)
    (True, True, False)
    """
    return is_number(value) and (type(value) is float or abs(value) < 2 ** 63)


def check_steps(name, steps, num_steps):
    """Raise ``ValueError`` unless each step has a list of numbers."""
    if len(steps) != num_steps:
        raise ValueError(f"it has {len(steps)} {name} of {num_steps} steps")
    for step in steps:
        if not isinstance(step, list) or not step or not all(
                map(is_float, step)) or len(step) != len(steps[0]):
            raise ValueError(f"one of the {name} of its epoch is "
                             f"{shown(step)}")
