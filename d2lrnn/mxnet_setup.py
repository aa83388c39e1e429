"""Prepare MXNet before its import, and start it right after.

MXNet 1.9.1 is older than some versions of Python and NumPy that it can run on.
Importing this module restores the names that these versions removed, sets the
number of threads, and starts the engine that runs each operator immediately,
in the thread that calls it.
"""
import gc
import os
import re
import sys
import threading
import warnings
from contextlib import contextmanager

import numpy
from d2lrnn.basics.errors import D2LRNNWarning, SettingError
from d2lrnn.basics.machine import not_installed, not_loaded, num_cores
from d2lrnn.basics.sharing import SPINS

__all__ = ["check_libraries", "check_settings", "mend_python",
           "set_thread_defaults", "start_engine"]

# Variables that MXNet and OpenMP read where errors cannot be caught: a pattern
# of the values that they accept, and a description
THREADS = r"0*[1-9]\d{0,3}", "a whole number from 1 to 9999"
NUMBER = r"[+-]?\d{1,9}", "a whole number, such as 1"
FLAG = r"0|1|true|false", "0 or 1"
SETTINGS = {
    "OMP_NUM_THREADS": THREADS,
    "OMP_THREAD_LIMIT": (r"0*[1-9]\d{0,9}", "a whole number of at least 1"),
    "OMP_WAIT_POLICY": (r"active|passive", "active or passive"),
    "GOMP_SPINCOUNT": (r"\d{1,18}[kmgt]?|infinite|infinity",
                       "a whole number, such as 300000, or infinite"),
    "MXNET_ENGINE_TYPE": (
        r"(?-i:NaiveEngine|ThreadedEngine|ThreadedEnginePerDevice)",
        "NaiveEngine, ThreadedEngine or ThreadedEnginePerDevice"),
    **{f"MXNET_{name}": NUMBER for name in (
        "CPU_PARALLEL_RAND_COPY", "CPU_PARALLEL_SIZE",
        "CPU_PRIORITY_NTHREADS", "CPU_TEMP_COPY", "CPU_WORKER_NTHREADS",
        "EXEC_BULK_EXEC_MAX_NODE_TRAIN", "EXEC_BULK_EXEC_MAX_NODE_TRAIN_BWD",
        "EXEC_BULK_EXEC_MAX_NODE_TRAIN_FWD", "EXEC_INPLACE_GRAD_SUM_CAP",
        "GPU_COPY_NTHREADS", "GPU_PARALLEL_RAND_COPY", "GPU_TEMP_COPY",
        "GPU_WORKER_NTHREADS", "MKLDNN_CACHE_NUM", "MP_OPENCV_NUM_THREADS",
        "MP_WORKER_NTHREADS", "OMP_MAX_THREADS", "PROFILER_AUTOSTART",
        "PROFILER_MODE", "RNN_USE_WEIGHT_CACHE", "USE_MKLDNN_RNN",
        "USE_NUM_CORES_OPERATOR_TUNING")},
    **{f"MXNET_{name}": FLAG for name in (
        "ELIMINATE_COMMON_EXPR", "ENGINE_INFO", "EXEC_BULK_EXEC_TRAIN",
        "INFER_STORAGE_TYPE_VERBOSE_LOGGING", "KVSTORE_LOGTREE",
        "MEM_PLAN_VERBOSE_LOGGING", "MKLDNN_DEBUG", "MKLDNN_ENABLED",
        "OUTPUT_TUNING_DATA", "VERBOSE_TUNING_INFO")},
}
# the functions of MXNet's library that run operators or access values
RUNNING = ("MXImperativeInvokeEx", "MXInvokeCachedOpEx", "MXNetFuncCall",
           "MXAutogradBackwardEx", "MXExecutorForward", "MXExecutorBackwardEx",
           "MXNDArraySyncCopyFromCPU", "MXNDArraySyncCopyToCPU",
           "MXNDArraySyncCopyFromNDArray", "MXNDArraySave", "MXNDArrayLoad")
lock = threading.RLock()


def check_settings():
    """Raise ``SettingError`` for a variable that would crash Python.

    Empty variables are removed, since they mean the same as unset ones.
    """
    for name, (pattern, words) in SETTINGS.items():
        value = os.environ.get(name)
        if value is None:
            continue
        if not value.strip():
            del os.environ[name]
        elif not re.fullmatch(pattern, value.strip(), re.I | re.A):
            raise SettingError(f"{name} is {value[:60]!r}: set it to {words},"
                               f" or leave it unset")
    role = os.environ.get("DMLC_ROLE")
    if role in ("server", "scheduler") and (
            "D2LRNN_TOGETHER" not in os.environ):
        raise SettingError(f"DMLC_ROLE is {role!r}, so MXNet would wait for "
                           f"other machines and never return: unset it, or "
                           f"use d2lrnn train --workers")


def set_thread_defaults():
    """Let MXNet use all visible cores, and keep its threads awake a while.

    By default MXNet uses half the cores. Its OpenMP threads fall asleep after
    every operator if there are more threads than cores, and waking them takes
    longer than a step of an RNN. GOMP_SPINCOUNT makes them wait for some
    microseconds first, long enough for the next operator (see ``sharing``);
    other OpenMP libraries ignore this variable. OpenMP reads the variables
    once, when it is loaded; those that the user has set are kept.
    """
    if "mxnet" in sys.modules and "OMP_NUM_THREADS" not in os.environ:
        warnings.warn("mxnet was imported before d2lrnn, and so uses half "
                      "the cores: import d2lrnn first", D2LRNNWarning,
                      stacklevel=2)
    os.environ.setdefault("OMP_NUM_THREADS", str(num_cores()))
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def mend_python():
    """Restore two names that newer versions of Python and NumPy lack.

    Python 3.12 removed ``distutils``, which setuptools restores when it is
    imported; NumPy 1.24 removed ``numpy.bool``.
    """
    if int(numpy.__version__.split(".")[0]) >= 2:
        from importlib import metadata
        remedy, installed = "pip install 'numpy<2'", metadata.version("numpy")
        if int(installed.split(".")[0]) < 2:  # since this Python loaded NumPy
            remedy = (f"numpy {installed} has been installed since, so "
                      f"restart the kernel, or whatever runs this Python")
        raise ImportError(
            f"MXNet 1.9.1 needs a numpy below 2, and this is numpy "
            f"{numpy.__version__}: {remedy}")
    if sys.version_info >= (3, 12):
        import setuptools  # noqa: F401
    numpy.bool = bool


def check_libraries():
    """Import MXNet; raise ``ImportError`` if it or a library is missing.

    The message names the library that the dynamic linker reports as missing,
    so it never asks for one that this MXNet does not link.
    """
    try:
        import mxnet  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "mxnet":
            raise
        raise ModuleNotFoundError(not_installed(), name="mxnet") from None
    except OSError as error:
        if error.errno is not None:  # not an error of the linker
            raise
        raise ImportError(not_loaded(str(error))) from None


def start_engine():
    """Start MXNet's engine that runs each operator while the caller waits.

    By default MXNet runs operators in threads of its own. On a CPU these
    compete with Python and the operators' own threads for the cores, and a
    step of the char-RNN takes a quarter longer. The engine is not changed if
    there is a GPU, or if MXNET_ENGINE_TYPE is set.

    This engine's operators take their scratch memory from a few pieces that
    all threads share, so a thread must wait while another runs an operator.
    """
    import mxnet as mx
    if os.environ.get("MXNET_ENGINE_TYPE") == "NaiveEngine":
        one_at_a_time()
    if "MXNET_ENGINE_TYPE" in os.environ or mx.context.num_gpus():
        return
    one_at_a_time()
    os.environ["MXNET_ENGINE_TYPE"] = "NaiveEngine"
    with silent_stderr():  # MXNet prints a line about the variable
        mx.nd.waitall()
    del os.environ["MXNET_ENGINE_TYPE"]  # child processes would inherit it


def one_at_a_time():
    """Let only one thread at a time run operators, access values, or fork."""
    from mxnet.base import _LIB
    for name in RUNNING:
        setattr(_LIB, name, with_lock(getattr(_LIB, name)))
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release,
                            after_in_child=lock.release)


def with_lock(function):
    """Return a function of MXNet's library, holding the lock when called."""
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
    """Return whether MXNet, rather than Python, has started this thread.

    Such a thread runs an operator that is written in Python, while the thread
    that holds the lock waits for the result.
    """
    return isinstance(threading.current_thread(), threading._DummyThread)


@contextmanager
def silent_stderr():
    """Discard what libraries print to stderr."""
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


check_settings()
set_thread_defaults()
mend_python()
check_libraries()
gc.freeze()  # MXNet stays, and searching it for garbage takes 45 ms each time
start_engine()
