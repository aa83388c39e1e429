"""What a run is given from outside: context, seed, number of epochs."""
import os
import random
import re

import mxnet as mx
import numpy as np
from d2lrnn.errors import SettingError


def try_gpu(i=0):
    """Return GPU ``i`` if the machine has it, else the CPU, as d2l's does.

    The environment variable D2LRNN_CTX (cpu, gpu or gpu(1)) decides instead
    where it is set; ``SettingError`` says so if there is no such GPU.
    """
    chosen = os.environ.get("D2LRNN_CTX", "").strip()
    num_gpus = mx.context.num_gpus()
    if not chosen:
        return mx.gpu(i) if i < num_gpus else mx.cpu()
    match = re.fullmatch(r"(cpu|gpu)(?:\((\d+)\))?", chosen)
    if not match:
        raise SettingError(f"D2LRNN_CTX is {chosen!r}: it must be cpu, gpu "
                           f"or gpu(1)")
    ctx = mx.Context(match[1], int(match[2] or 0))
    if ctx.device_type == "gpu" and ctx.device_id >= num_gpus:
        raise SettingError(
            f"D2LRNN_CTX asks for {ctx}, but MXNet sees {num_gpus} GPUs here:"
            f" set D2LRNN_CTX=cpu, or install MXNet's CUDA wheel (README.md)")
    return ctx


def seed(n):
    """Seed every generator that d2lrnn draws from: Python, NumPy, MXNet.

    >>> seed(1); first = random.random(), mx.nd.random.uniform().asscalar()
    >>> seed(1); (random.random(), mx.nd.random.uniform().asscalar()) == first
    True
    """
    random.seed(n)
    np.random.seed(n)
    mx.random.seed(n)


def epochs(n):
    """Return ``n``, or less where the environment's D2LRNN_EPOCHS caps it.

    The cap lets every lesson be tried out in seconds.
    """
    cap = os.environ.get("D2LRNN_EPOCHS", "").strip()
    if not cap:
        return n
    if not cap.isdecimal() or int(cap) < 1:
        raise SettingError(f"D2LRNN_EPOCHS is {cap!r}: it must be a whole "
                           f"number of at least 1")
    return min(n, int(cap))
