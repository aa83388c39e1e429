"""Train alone, or as one of several workers that add up their gradients.

The workers are processes, on one machine or on several, each with its own
rows of every mini-batch. Their sum goes through MXNet's parameter server:
each worker pushes its array, and pulls the sum of all. The weights are never
sent: every worker updates its own, and all stay equal, since the gradient is
the same everywhere. ``d2lrnn train --workers N`` starts the processes, and
``python -m d2lrnn_cli.together`` starts those of a script.
"""
import atexit
import ctypes
import json
import math
import os
import tempfile
from contextlib import contextmanager, nullcontext, redirect_stdout
from functools import lru_cache
from hashlib import sha256
from io import StringIO
from itertools import accumulate
from pathlib import Path

import mxnet as mx
import numpy as np
from d2lrnn.basics.checks import explained, shown
from d2lrnn.basics.errors import SettingError
from d2lrnn.models.checkpoint import named_params
from mxnet import nd
from mxnet.base import _LIB, check_call

__all__ = ["ALONE", "Alone", "Workers", "portion"]

EXACT = 2 ** 20  # float32 counts further than this without a mistake


@explained
def portion(count, rank, size):
    """Return the slice of ``count`` rows that belongs to a worker.

    >>> [portion(8, rank, 3) for rank in range(3)]
    [slice(0, 2, None), slice(2, 5, None), slice(5, 8, None)]
    """
    return slice(count * rank // size, count * (rank + 1) // size)


class Alone:
    """A training in one process, where there is nothing to add up."""

    rank, size = 0, 1

    def sum(self, array):
        """Return the sum of all workers' arrays, in the array itself."""
        return array

    def gather(self, array):
        """Return the rows of all workers' arrays, in the order of ranks."""
        return array

    def barrier(self):
        """Wait until all workers are here."""

    def broadcast(self, data):
        """Return the bytes that worker 0 gives."""
        return data

    def check_same(self, settings, model):
        """Raise ``ValueError`` if the workers train different things."""

    def rows(self, state):
        """Return a worker's rows of a whole mini-batch's state."""
        return state

    def whole(self, state):
        """Return a whole mini-batch's state, of which this has some rows."""
        return state

    def add_up(self, params, loss, wish):
        """Add up the workers' gradients, and their losses, in place.

        ``wish()`` is what a worker asks for, as a number: see ``RunFolder``.
        """

    def wished(self, wish):
        """Return the first wish at the last ``add_up`` that is not 0, or 0."""
        return wish()

    def wished_now(self, wish):
        """Return the first wish of any worker that is not 0, or 0."""
        return wish()

    def same_file(self, path):
        """Yield a path, for each worker, to worker 0's file."""
        return nullcontext(path)

    def voice(self):
        """Let worker 0 alone print."""
        return nullcontext()


ALONE = Alone()


class Workers(Alone):
    """The workers that were started together, as this process sees them.

    ``rank`` is this worker's number, from 0, and ``size`` is how many there
    are. The arrays are of float32. With two workers a sum is the same in each
    run to the last bit; with three or more the server adds in the order in
    which the arrays arrive, so the last bits vary. Raise ``SettingError`` in
    a process that was not started as a worker.
    """

    def __init__(self):
        values = [os.environ.get(name, "") for name in (
            "D2LRNN_RANK", "D2LRNN_WORKERS")]
        if not all(map(str.isdecimal, values)) or (
                os.environ.get("DMLC_ROLE") != "worker"):
            raise SettingError(
                "Workers() is for a process that was started as a worker: "
                "type python -m d2lrnn_cli.together --workers 2 -- python "
                "SCRIPT, or give Alone()")
        self.rank, self.size = map(int, values)

    def sum(self, array):
        """Return the sum of all workers' arrays, in the array itself."""
        store, shapes = servers()
        key, flat = array.size, array.reshape(-1)  # which shares its memory
        if key not in shapes:
            shapes.add(key)
            store.init(key, nd.zeros_like(flat))
        store.push(key, flat)
        store.pull(key, out=flat)
        return array

    def gather(self, array):
        """Return the rows of all workers' arrays, in the order of ranks.

        The arrays are NumPy's; their numbers of rows may differ.
        """
        counts = self._numbers(len(array))
        end = counts.cumsum()[self.rank]
        whole = np.zeros((counts.sum(), *array.shape[1:]), np.float32)
        whole[end - len(array):end] = array
        return self._summed(whole)

    def _numbers(self, number):
        """Return the number that each worker gives, of any size."""
        numbers = np.zeros((self.size, 2), np.float32)
        numbers[self.rank] = divmod(number, EXACT)
        return self._summed(numbers).astype(int) @ (EXACT, 1)

    def _summed(self, array):
        """Return the sum of all workers' NumPy arrays of float32."""
        return self.sum(nd.array(array)).asnumpy() if array.size else array

    def barrier(self):
        """Wait until all workers are here."""
        servers()[0]._barrier()

    def broadcast(self, data):
        """Return the bytes that worker 0 gives."""
        return self.exchange(b"" if self.rank else data)[0]

    def exchange(self, data):
        """Return a list of the bytes that each worker gives.

        Each number of the array that is sent has two of them.
        """
        sizes = self._numbers(len(data))
        pairs = np.frombuffer(data + b"\0" * (len(data) % 2), "<u2")
        data = self.gather(pairs).astype("<u2").tobytes()
        parts, start = [], 0
        for size in sizes:
            parts.append(data[start:start + size])
            start += size + size % 2
        return parts

    def check_same(self, settings, model):
        """Raise ``ValueError`` if the workers train different things.

        Their settings, with the text's sha256 among them, and the weights of
        their models are compared with those of worker 0.
        """
        weights = sha256()
        for param in named_params(model).values():
            weights.update(param.data().asnumpy().tobytes())
        settings = {**settings, "weights": weights.hexdigest()}
        first, *others = map(json.loads, self.exchange(
            json.dumps(settings).encode()))
        for rank, other in enumerate(others, start=1):
            for name in {**first, **other}:
                if other.get(name) != first.get(name):
                    raise ValueError(
                        f"worker {rank} has {name} {shown(other.get(name))}, "
                        f"and worker 0 has {shown(first.get(name))}: give "
                        f"all workers the same text and the same options")

    def rows(self, state):
        """Return this worker's rows of a whole mini-batch's state."""
        return tuple(s[portion(len(s), self.rank, self.size)].copy()
                     for s in state)

    def whole(self, state):
        """Return a whole mini-batch's state, of which this has some rows."""
        return tuple(nd.array(self.gather(s.asnumpy()), s.context)
                     for s in state)

    def add_up(self, params, loss, wish):
        """Add up the workers' gradients, and their losses, in place.

        All stand in one array, so that a step sends a single message. Each
        worker's wish has a place of its own in it.
        """
        wishes = np.zeros(self.size)
        wishes[self.rank] = wish()
        arrays = [*(param.grad() for param in params), loss,
                  nd.array(wishes, loss.context)]
        flat, pieces = side_by_side(tuple(a.shape for a in arrays),
                                    loss.context)
        # concat along an only axis copies number by number
        for array, piece in zip(arrays, pieces, strict=True):
            array.copyto(piece)
        self.sum(flat)
        for array, piece in zip(arrays, pieces, strict=True):
            piece.copyto(array)
        self._wish = first_wish(arrays[-1].asnumpy())

    def wished(self, wish):
        """Return the first wish at the last ``add_up`` that is not 0, or 0."""
        return self._wish

    def wished_now(self, wish):
        """Return the first wish of any worker that is not 0, or 0."""
        return first_wish(self.gather(np.array([wish()])))

    @contextmanager
    def same_file(self, path):
        """Yield a path, for each worker, to worker 0's file or a copy."""
        data = self.broadcast(path.read_bytes() if self.rank == 0 else b"")
        if self.rank == 0:
            yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "copy.safetensors")
            copy.write_bytes(data)
            yield copy

    def voice(self):
        """Let worker 0 alone print."""
        return redirect_stdout(StringIO()) if self.rank else nullcontext()


@lru_cache(maxsize=1)
def side_by_side(shapes, ctx):
    """Return a flat array, and the views of it that have these shapes.

    The next step uses them again.
    """
    ends = [*accumulate(map(math.prod, shapes), initial=0)]
    flat = nd.empty(ends[-1], ctx)
    return flat, [flat[start:end].reshape(shape) for shape, start, end in zip(
        shapes, ends[:-1], ends[1:], strict=True)]


def first_wish(wishes):
    """Return the first number that is not 0, as an int, or 0.

    >>> first_wish(np.array([0, 15, 2])), first_wish(np.zeros(2))
    (15, 0)
    """
    return int(next((wish for wish in wishes if wish), 0))


@lru_cache
def servers():
    """Return the process's connection to the servers, and the keys in use."""
    try:
        store = mx.kv.create("dist_sync")
    except mx.MXNetError as error:
        raise ValueError(f"this MXNet cannot train together ({error}): train "
                         f"with one worker") from None
    # otherwise a worker that fails would wait at its end for the others
    check_call(_LIB.MXKVStoreSetBarrierBeforeExit(store.handle,
                                                  ctypes.c_int(0)))
    atexit.register(leave, store)
    return store, set()


def leave(store):
    """End the threads of a connection, without which Python cannot exit."""
    check_call(_LIB.MXKVStoreFree(store.handle))
    store.handle = None
