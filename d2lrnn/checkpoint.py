"""One safetensors file: a model, its vocabulary, and how to train on.

The file holds arrays by name, and as metadata the format's name and version,
the model's configuration and vocabulary, the training's position, and a
sha256 of it all. Nothing in it can run.
"""
import hashlib
import json
from pathlib import Path

import mxnet as mx
import safetensors
import safetensors.numpy
from d2lrnn.files import write_whole
from d2lrnn.lstm_models import DJModel, WindowLSTM
from d2lrnn.models import CharRNN
from d2lrnn.runtime import as_context
from mxnet import nd

FORMAT, VERSION = "d2lrnn", 1
MODELS = {kind.__name__: kind for kind in (CharRNN, WindowLSTM, DJModel)}


def save_model(path, model, training=None):
    """Write a model to ``path``, whole or, should writing fail, not.

    It is one of MODELS. ``training`` is what it takes to train on: a dict of
    JSON values, and one of arrays. Raise ``ValueError`` for another model,
    and for one that has no weights yet.
    """
    params = named_params(model) if type(model) in MODELS.values() else {}
    if not params or any(param._data is None for param in params.values()):
        raise ValueError(f"cannot save a {type(model).__name__} to {path}: "
                         f"give a {' or '.join(MODELS)}, initialized or "
                         f"trained")
    arrays = {f"model.{name}": param.data() for name, param in params.items()}
    metadata = {"class": type(model).__name__, "model": model.config,
                "idx_to_char": model.idx_to_char, "level": model.level}
    if training is not None:
        values, more = training
        metadata["training"] = values
        arrays |= {f"training.{name}": array for name, array in more.items()}
    write(path, {name: array.asnumpy() for name, array in arrays.items()},
          metadata)


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
        model.idx_to_char = idx_to_char = metadata["idx_to_char"]
        model.level = metadata["level"]
        if idx_to_char is not None and len(idx_to_char) != model.vocab_size:
            raise ValueError(f"its vocabulary has {len(idx_to_char)} entries,"
                             f" not {model.vocab_size}")
        set_weights(model, arrays, ctx)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no usable model ({error}): get a new "
                         f"copy of it") from None
    model.hybridize(static_alloc=True, static_shape=True)
    return model


def set_weights(model, arrays, ctx):
    """Give a model the weights among a file's arrays, if they are its own."""
    for name, param in named_params(model).items():
        shape = arrays[f"model.{name}"].shape
        if shape != param.shape:
            raise ValueError(f"{name} has shape {shape}, not {param.shape}")
    model.initialize(ctx=ctx, force_reinit=True)
    for name, param in named_params(model).items():
        param.set_data(nd.array(arrays[f"model.{name}"], ctx=ctx))


def named_params(model):
    """Return the parameters by their place in the model, each once."""
    names = {}
    for name, param in model._collect_params_with_prefix().items():
        if param not in names.values():
            names[name] = param
    return names


def write(path, arrays, metadata):
    """Write arrays and metadata to ``path``, at once or not at all."""
    header = {"format": FORMAT, "version": str(VERSION),
              "content": json.dumps(metadata, ensure_ascii=False)}
    header["sha256"] = digest(arrays, header)
    write_whole(path, safetensors.numpy.save(arrays, header))


def read(path):
    """Return ``(arrays, metadata)`` of a file, checked."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint at {path}: check the "
                                f"path")
    data = path.read_bytes()
    try:
        arrays = safetensors.numpy.load(data)
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + size]).get("__metadata__") or {}
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error}): "
                         f"get a new copy of it") from None
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by d2lrnn: give the path of"
                         f" a checkpoint that was")
    version = header.get("version", "")
    if version.isdecimal() and int(version) > VERSION:
        raise ValueError(
            f"{path} has format version {version}, and this d2lrnn reads up "
            f"to {VERSION}: install a newer d2lrnn")
    if header.pop("sha256", None) != digest(arrays, header):
        raise ValueError(f"{path} was altered after it was written: get a new "
                         f"copy of it")
    return arrays, json.loads(header["content"])


def digest(arrays, header):
    """Return the sha256 of arrays and header, whatever their order."""
    sha256 = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        sha256.update(f"{name} {array.dtype} {array.shape}".encode())
        sha256.update(array.tobytes())
    return sha256.hexdigest()
