"""A model's file: its weights, its vocabulary, the state of its training.

It is one safetensors file. It holds arrays by name and, as metadata, the
format's name and version, the model's configuration and vocabulary, the state
of the training, and a sha256 of all this. None of it is code.
"""
import json
import os
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
    check_saved_vocabulary,
    check_shapes,
    check_weights,
)
from d2lrnn.models.lesson_models import DJModel, WindowLSTM
from mxnet import nd
from mxnet.gluon import Block

__all__ = [
    "BEST",
    "LAST",
    "MODELS",
    "header_of",
    "load_model",
    "named_params",
    "part",
    "read",
    "save_model",
    "set_weights",
    "unusable",
    "without_vocabulary",
    "write",
]

FORMAT, VERSION = "d2lrnn", 1
LAST, BEST = "last.safetensors", "best.safetensors"  # of a training's folder
MODELS = {kind.__name__: kind for kind in (CharRNN, WindowLSTM, DJModel)}


def save_model(path: str | os.PathLike, model: Block,
               training: tuple[dict, dict] | None = None) -> None:
    """Write a model to ``path``: the whole file, or nothing if that fails.

    The model's class is one of MODELS. ``training`` is what resuming needs: a
    dict of JSON values and a dict of arrays. Equal models give equal files.
    Raise ``ValueError`` for a model of any other class, without weights, or
    with an invalid ``idx_to_char`` or ``level``; ``FloatingPointError`` for
    numbers that are not finite.
    """
    path = check_path("path", path)
    params = named_params(model) if type(model) in MODELS.values() else {}
    if not params or any(param._data is None for param in params.values()):
        raise ValueError(f"cannot save a {type(model).__name__} to {path}: "
                         f"give a {' or '.join(MODELS)}, initialized or "
                         f"trained")
    try:
        check_saved_vocabulary(model.idx_to_char, model.level,
                               model.vocab_size)
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


def check_saved_kind(model):
    """Raise ``ValueError`` for a model that ``save_model`` does not take."""
    if type(model) not in MODELS.values():
        raise ValueError(f"a model of the class {type(model).__name__} cannot "
                         f"be saved: give a {' or '.join(MODELS)}, or train "
                         f"it without a folder")


def load_model(path: str | os.PathLike,
               ctx: mx.Context | str | None = None) -> Block:
    """Return the model in a file, on ``ctx`` (the CPU if None).

    The file may have been written on any device. Raise ``FileNotFoundError``
    or ``ValueError``, in one sentence, for a file that is missing, truncated,
    altered, in another format or of a newer version.
    """
    ctx = mx.cpu() if ctx is None else as_context(ctx)
    arrays, metadata = read(path)
    try:
        model = MODELS[metadata["class"]](**metadata["model"])
        model.idx_to_char, model.level = (metadata["idx_to_char"],
                                          metadata["level"])
        check_saved_vocabulary(model.idx_to_char, model.level,
                               model.vocab_size)
        set_weights(model, arrays, ctx)
    except (TypeError, ValueError) as error:
        raise unusable(path, error) from None
    model.hybridize(static_alloc=True, static_shape=True)
    return model


def unusable(path, error):
    """Return the error for an intact file that holds no usable model."""
    return ValueError(f"{path} holds no usable model ({error}): get a new "
                      f"copy of it")


def without_vocabulary(path):
    """Return the error for a file with a model that has no vocabulary.

    >>> print(without_vocabulary("a.safetensors"))
    a.safetensors holds a model without a vocabulary: save it again after
    setting its idx_to_char
    """
    return ValueError(f"{path} holds a model without a vocabulary: save it "
                      f"again after setting its idx_to_char")


def part(arrays, prefix):
    """Return the arrays whose names begin with ``prefix``, without it.

    >>> part({"model.b": 1, "training.state.0": 2}, "model.")
    {'b': 1}
    """
    return {name.removeprefix(prefix): array
            for name, array in arrays.items() if name.startswith(prefix)}


def set_weights(model, arrays, ctx):
    """Give a model its weights from a file's arrays, if they fit it."""
    weights, params = part(arrays, "model."), named_params(model)
    check_shapes(weights, {name: param.shape
                           for name, param in params.items()})
    model.initialize(ctx=ctx, force_reinit=True)
    for name, param in params.items():
        param.set_data(nd.array(weights[name], ctx=ctx))


def named_params(model):
    """Return a dict of parameters by their place in the model, each once."""
    names, seen = {}, set()
    for name, param in model._collect_params_with_prefix().items():
        if param not in seen:
            names[name] = param
        seen.add(param)
    return names


def write(path, arrays, metadata):
    """Write arrays and metadata to ``path``: all of them, or nothing."""
    write_tensors(path, arrays, header_of(arrays, metadata))


def header_of(arrays, metadata):
    """Return the texts in a file's header."""
    header = {"format": FORMAT, "version": str(VERSION),
              "content": json.dumps(metadata, ensure_ascii=False)}
    return {**header, "sha256": digest(arrays, header)}


def read(path):
    """Return ``(arrays, metadata)`` of a file.

    Raise ``FileNotFoundError`` or ``ValueError``, in one sentence, for a
    file that is missing, truncated, altered or not written by d2lrnn, and for
    metadata and weights that ``checkpoint_checks`` refuses.
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
        raise unusable(path, "its metadata are nested too deeply") from None
    except (KeyError, ValueError) as error:
        raise unusable(path, error) from None
    return arrays, metadata


def check_header(header):
    """Raise ``TensorsError`` unless this d2lrnn can read the file."""
    if header.get("format") != FORMAT:
        raise TensorsError("was not written by d2lrnn: give the path of a "
                           "checkpoint that was")
    version = header.get("version", "")
    if re.fullmatch("[0-9]{1,9}", version) and int(version) > VERSION:
        raise TensorsError(f"has format version {version}, and this d2lrnn "
                           f"reads up to {VERSION}: install a newer d2lrnn")
