"""How MXNet runs its operators: at once, in the thread that calls them."""
import os
import threading
from contextlib import contextmanager

import mxnet as mx
from mxnet.base import _LIB

# the functions of MXNet's library that run operators, or read or write values
RUNNING = ("MXImperativeInvokeEx", "MXInvokeCachedOpEx", "MXNetFuncCall",
           "MXAutogradBackwardEx", "MXExecutorForward", "MXExecutorBackwardEx",
           "MXNDArraySyncCopyFromCPU", "MXNDArraySyncCopyToCPU",
           "MXNDArraySyncCopyFromNDArray", "MXNDArraySave", "MXNDArrayLoad")
lock = threading.RLock()


def start_engine():
    """Start MXNet's engine that works while the caller waits.

    By itself MXNet hands operators to threads of its own. On a CPU these
    share the cores with the threads of the operators and with Python, and
    the char-RNN's step takes a quarter longer. With a GPU, or where
    MXNET_ENGINE_TYPE is set, another engine is not chosen.

    Operators that run at once take their scratch memory from the few pieces
    that all threads share: of two threads one has to wait for the other's
    operator.
    """
    if os.environ.get("MXNET_ENGINE_TYPE") == "NaiveEngine":
        one_at_a_time()
    if "MXNET_ENGINE_TYPE" in os.environ or mx.context.num_gpus():
        return
    one_at_a_time()
    os.environ["MXNET_ENGINE_TYPE"] = "NaiveEngine"
    with silent_stderr():  # MXNet prints a line where it is asked for one
        mx.nd.waitall()
    del os.environ["MXNET_ENGINE_TYPE"]  # which processes would inherit


def one_at_a_time():
    """Let one thread at a time run operators, read values, or fork."""
    for name in RUNNING:
        setattr(_LIB, name, with_lock(getattr(_LIB, name)))
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release,
                        after_in_child=lock.release)


def with_lock(function):
    """Return a function of MXNet's library as one that takes the lock."""
    def call(*args):
        if not lock.acquire(blocking=False):
            if is_mxnets_thread():
                return function(*args)
            lock.acquire()
        try:
            return function(*args)
        finally:
            lock.release()

    return call


def is_mxnets_thread():
    """Say whether this thread was started by MXNet rather than by Python.

    It then runs an operator that is written in Python, for a thread that has
    the lock and waits for the result.
    """
    return isinstance(threading.current_thread(), threading._DummyThread)


@contextmanager
def silent_stderr():
    """Let what libraries print to stderr go nowhere."""
    try:
        saved = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


start_engine()
