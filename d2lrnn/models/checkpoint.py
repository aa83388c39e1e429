"""One safetensors file: a model, its vocabulary, and how to train on.

The file holds arrays by name, and as metadata the format's name and version,
the model's configuration and vocabulary, the training's position, and a
sha256 of it all. Nothing in it can run.
"""
import json
import re

import mxnet as mx
import numpy as np
from d2lrnn.basics.checks import check_path
from d2lrnn.basics.environment import as_context
from d2lrnn.basics.tensors import (
    TensorsError,
    digest,
    read_tensors,
    write_tensors,
)
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.checkpoint_checks import (
    check_metadata,
    check_shapes,
    check_vocabulary,
    check_weights,
)
from d2lrnn.models.lesson_models import DJModel, WindowLSTM
from mxnet import nd

FORMAT, VERSION = "d2lrnn", 1
MODELS = {kind.__name__: kind for kind in (CharRNN, WindowLSTM, DJModel)}


def save_model(path, model, training=None):
    """Write a model to ``path``, whole or, should writing fail, not.

    It is one of MODELS. ``training`` is what it takes to train on: a dict of
    JSON values, and one of arrays. Models of equal content make equal files.
    Raise ``ValueError`` for another model, one that has no weights yet, and
    one whose ``idx_to_char`` or ``level`` is none; ``FloatingPointError`` for
    numbers that are not finite.
    """
    path = check_path("path", path)
    params = named_params(model) if type(model) in MODELS.values() else {}
    if not params or any(param._data is None for param in params.values()):
        raise ValueError(f"cannot save a {type(model).__name__} to {path}: "
                         f"give a {' or '.join(MODELS)}, initialized or "
                         f"trained")
    try:
        check_vocabulary(model.idx_to_char, model.level, model.vocab_size)
    except ValueError as error:
        raise ValueError(f"cannot save a {type(model).__name__} to {path} "
                         f"({error}): give it the idx_to_char and level of "
                         f"its corpus") from None
    arrays = {f"model.{name}": param.data() for name, param in params.items()}
    metadata = {"class": type(model).__name__, "model": model.config,
                "idx_to_char": model.idx_to_char, "level": model.level}
    if training is not None:
        metadata["training"], more = training
        arrays |= {f"training.{name}": array for name, array in more.items()}
    arrays = {name: array.asnumpy() for name, array in arrays.items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise FloatingPointError(
                f"cannot save a {type(model).__name__} to {path}: its "
                f"{name.removeprefix('model.')} has numbers that are not "
                f"finite: train with a lower lr")
    write(path, arrays, metadata)


def load_model(path, ctx=None):
    """Return the model that a file holds, on ``ctx`` (the CPU).

    It needs nothing but the path, and it does not matter which kind of
    device wrote the file. Raise ``FileNotFoundError`` or ``ValueError`` in
    one sentence for a file that is not there, truncated, altered, of another
    format or of a newer version.
    """
    ctx = mx.cpu() if ctx is None else as_context(ctx)
    arrays, metadata = read(path)
    try:
        model = MODELS[metadata["class"]](**metadata["model"])
        model.idx_to_char, model.level = (metadata["idx_to_char"],
                                          metadata["level"])
        check_vocabulary(model.idx_to_char, model.level, model.vocab_size)
        set_weights(model, arrays, ctx)
    except (TypeError, ValueError) as error:
        raise unusable(path, error) from None
    model.hybridize(static_alloc=True, static_shape=True)
    return model


def unusable(path, error):
    """Return the error for a whole file in which no model can be found."""
    return ValueError(f"{path} holds no usable model ({error}): get a new "
                      f"copy of it")


def part(arrays, prefix):
    """Return the arrays whose names begin so, by what comes after.

    >>> part({"model.b": 1, "training.state.0": 2}, "model.")
    {'b': 1}
    """
    return {name.removeprefix(prefix): array
            for name, array in arrays.items() if name.startswith(prefix)}


def set_weights(model, arrays, ctx):
    """Give a model the weights among a file's arrays, if they are its own."""
    weights, params = part(arrays, "model."), named_params(model)
    check_shapes(weights, {name: param.shape
                           for name, param in params.items()})
    model.initialize(ctx=ctx, force_reinit=True)
    for name, param in params.items():
        param.set_data(nd.array(weights[name], ctx=ctx))


def named_params(model):
    """Return the parameters by their place in the model, each once."""
    names, seen = {}, set()
    for name, param in model._collect_params_with_prefix().items():
        if param not in seen:
            names[name] = param
        seen.add(param)
    return names


def write(path, arrays, metadata):
    """Write arrays and metadata to ``path``, at once or not at all."""
    header = {"format": FORMAT, "version": str(VERSION),
              "content": json.dumps(metadata, ensure_ascii=False)}
    header["sha256"] = digest(arrays, header)
    write_tensors(path, arrays, header)


def read(path):
    """Return ``(arrays, metadata)`` of a file.

    Raise ``FileNotFoundError`` or ``ValueError`` in one sentence where it is
    not there, not whole, not ours, altered, or where there is in it what
    ``checkpoint_checks`` refuses.
    """
    try:
        arrays, header = read_tensors(path, "checkpoint", check_header)
    except TensorsError as error:
        raise ValueError(f"{path} {error}") from None
    if header.pop("sha256", None) != digest(arrays, header):
        raise ValueError(f"{path} was altered after it was written: get a new "
                         f"copy of it")
    try:
        metadata = json.loads(header["content"])
        check_metadata(metadata, MODELS)
        check_weights(part(arrays, "model."), metadata["model"])
    except RecursionError:
        raise unusable(path, "its metadata are nested too deep") from None
    except (KeyError, ValueError) as error:
        raise unusable(path, error) from None
    return arrays, metadata


def check_header(header):
    """Raise ``TensorsError`` for the header of a file that is not ours."""
    if header.get("format") != FORMAT:
        raise TensorsError("was not written by d2lrnn: give the path of a "
                           "checkpoint that was")
    version = header.get("version", "")
    if re.fullmatch("[0-9]{1,9}", version) and int(version) > VERSION:
        raise TensorsError(f"has format version {version}, and this d2lrnn "
                           f"reads up to {VERSION}: install a newer d2lrnn")
