"""The environment of a run: device, seed, number of epochs, and machine."""
import os
import platform
import random
import re
import time
from importlib import metadata

import mxnet as mx
import numpy as np
from d2lrnn.basics.checks import (
    GPU_NUMBER,
    NUMPY_SEED,
    check_number,
    check_numbers,
    converted,
    shown,
)
from d2lrnn.basics.errors import SettingError
from d2lrnn.basics.language import readers_language
from d2lrnn.basics.machine import cpu_name, num_cores
from mxnet import context

__all__ = ["as_context", "context_of", "epochs", "machine_record", "on_device",
           "seed", "try_gpu"]

DEVICE = re.compile(r"(cpu|gpu)(?:\((\d{1,4})\))?")


def try_gpu(i=0):
    """Return GPU ``i`` if MXNet sees it, else the CPU, as d2l's function does.

    The environment variable D2LRNN_CTX (cpu, gpu or gpu(1)) overrides this.
    Raise ``SettingError`` if it names a GPU that MXNet does not see.
    """
    i = check_number("i", i, *GPU_NUMBER)
    chosen = os.environ.get("D2LRNN_CTX", "").strip()
    num_gpus = mx.context.num_gpus()
    if not chosen:
        return mx.gpu(i) if i < num_gpus else mx.cpu()
    ctx = device_called(chosen)
    if ctx is None:
        raise SettingError(f"D2LRNN_CTX is {shown(chosen)}: it must be "
                           f"cpu, gpu or gpu(1)")
    if ctx.device_type == "gpu" and ctx.device_id >= num_gpus:
        raise SettingError(
            f"D2LRNN_CTX asks for {ctx}, but MXNet sees {num_gpus} GPUs here:"
            f" set D2LRNN_CTX=cpu, or install MXNet's CUDA wheel (README.md)")
    return ctx


def device_called(name):
    """Return the device with a name such as gpu(1), or None."""
    match = DEVICE.fullmatch(name)
    return mx.Context(match[1], int(match[2] or 0)) if match else None


def as_context(ctx):
    """Return the device that ``ctx`` names: cpu, gpu, gpu(1), or a Context.

    Raise ``ValueError`` if it names no device, or one that MXNet does not see.

    >>> as_context("cpu")
    cpu(0)
    >>> as_context("tpu")
    Traceback (most recent call last):
    ValueError: ctx is 'tpu': it must be cpu, gpu, gpu(1), or one of MXNet's
        contexts
    """
    if isinstance(ctx, str):
        named = device_called(ctx.strip())
    else:
        named = ctx if isinstance(ctx, mx.Context) else None
    if named is None:
        raise ValueError(f"ctx is {shown(ctx)}: it must be cpu, gpu, gpu(1), "
                         f"or one of MXNet's contexts")
    if named.device_type == "gpu" and (
            named.device_id >= mx.context.num_gpus()):
        raise ValueError(f"ctx is {named}, but MXNet sees "
                         f"{mx.context.num_gpus()} GPUs here: give cpu, or "
                         f"install MXNet's CUDA wheel (README.md)")
    return named


def on_device(function):
    """Decorate a function so that ``as_context`` converts its ``ctx``.

    A ``ctx`` of None stays None.
    """
    def convert(ctx=None, **_):
        return {} if ctx is None else {"ctx": as_context(ctx)}

    return converted(convert)(function)


def seed(n):
    """Seed all random generators in use: Python's, NumPy's and MXNet's.

    >>> seed(1); first = random.random(), mx.nd.random.uniform().asscalar()
    >>> seed(1); (random.random(), mx.nd.random.uniform().asscalar()) == first
    True
    """
    n = check_number("seed", n, *NUMPY_SEED)
    random.seed(n)
    np.random.seed(n)
    mx.random.seed(n)


def epochs(n):
    """Return ``n``, but no more than the environment variable D2LRNN_EPOCHS.

    With a low cap, each lesson can be tried out in seconds.
    """
    readers_language()  # reports a wrong setting before the training
    n = check_numbers(num_epochs=n)["num_epochs"]
    cap = os.environ.get("D2LRNN_EPOCHS", "").strip()
    if not cap:
        return n
    if not re.fullmatch("[0-9]{1,9}", cap) or int(cap) < 1:
        raise SettingError(f"D2LRNN_EPOCHS is {shown(cap)}: it must be a "
                           f"whole number of at least 1")
    return min(n, int(cap))


def context_of(model):
    """Return the device of a model's parameters, or the current one."""
    for param in getattr(model, "collect_params", dict)().values():
        return param.list_ctx()[0]
    return context.current_context()


def machine_record():
    """Return the date, versions and machine of a measurement, for JSON."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%S"),
        "versions": {"python": platform.python_version(), **{
            "d2lrnn": metadata.version("d2lrnn"), "mxnet": mx.__version__,
            "numpy": np.__version__}},
        "machine": {"system": platform.platform(), "cpu": cpu_name(),
                    "cores": num_cores(),
                    "threads": os.environ.get("OMP_NUM_THREADS", "all")},
    }
