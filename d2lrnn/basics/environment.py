"""What a run is given from outside: context, seed, number of epochs."""
import os
import platform
import random
import re
import time
from importlib import metadata
from numbers import Integral
from pathlib import Path

import mxnet as mx
import numpy as np
from d2lrnn.basics.checks import (
    SEED,
    check_number,
    check_numbers,
    converted,
    shown,
)
from d2lrnn.basics.errors import SettingError
from mxnet import context

__all__ = ["as_context", "context_of", "epochs", "machine_record", "on_device",
           "seed", "try_gpu"]

DEVICE = re.compile(r"(cpu|gpu)(?:\((\d{1,4})\))?")


def try_gpu(i=0):
    """Return GPU ``i`` if the machine has it, else the CPU, as d2l's does.

    The environment variable D2LRNN_CTX (cpu, gpu or gpu(1)) decides instead
    where it is set; ``SettingError`` says so if there is no such GPU.
    """
    i = check_number("i", i, Integral, 0, 9999, "a whole number of at least 0")
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
    """Return the device of a name such as gpu(1), or None."""
    match = DEVICE.fullmatch(name)
    return mx.Context(match[1], int(match[2] or 0)) if match else None


def as_context(ctx):
    """Return the device that ``ctx`` names: cpu, gpu, gpu(1), or a Context.

    Raise ``ValueError`` for what is no device, or none that MXNet sees.

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
    """Let the ``ctx`` of a function be what ``as_context`` takes, or None."""
    def convert(ctx=None, **_):
        return {} if ctx is None else {"ctx": as_context(ctx)}

    return converted(convert)(function)


def seed(n):
    """Seed every generator that d2lrnn draws from: Python, NumPy, MXNet.

    >>> seed(1); first = random.random(), mx.nd.random.uniform().asscalar()
    >>> seed(1); (random.random(), mx.nd.random.uniform().asscalar()) == first
    True
    """
    n = check_number("seed", n, Integral, 0, 2 ** 32 - 1, SEED[-1])
    random.seed(n)
    np.random.seed(n)
    mx.random.seed(n)


def epochs(n):
    """Return ``n``, or less where the environment's D2LRNN_EPOCHS caps it.

    The cap lets every lesson be tried out in seconds.
    """
    n = check_numbers(num_epochs=n)["num_epochs"]
    cap = os.environ.get("D2LRNN_EPOCHS", "").strip()
    if not cap:
        return n
    if not re.fullmatch("[0-9]{1,9}", cap) or int(cap) < 1:
        raise SettingError(f"D2LRNN_EPOCHS is {shown(cap)}: it must be a "
                           f"whole number of at least 1")
    return min(n, int(cap))


def context_of(model):
    """Return where a model's parameters are, if it has any."""
    for param in getattr(model, "collect_params", dict)().values():
        return param.list_ctx()[0]
    return context.current_context()


def machine_record():
    """Return when and on what something is measured: a dict for JSON."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%S"),
        "versions": {"python": platform.python_version(), **{
            package: metadata.version(package)
            for package in ("d2lrnn", "mxnet", "numpy")}},
        "machine": {"system": platform.platform(), "cpu": cpu_name(),
                    "cores": len(os.sched_getaffinity(0)),
                    "threads": os.environ.get("OMP_NUM_THREADS", "all")},
    }


def cpu_name():
    """Return the processor's name as Linux gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
