"""What must happen before ``import mxnet``: threads, and newer Pythons.

MXNet 1.9.1 is older than some of the Pythons and numpys that it can run on.
Importing this module mends what they took away; it changes nothing else.
"""
import ctypes
import os
import re
import sys
import warnings

import numpy
from d2lrnn.errors import D2LRNNWarning, SettingError
from d2lrnn.sharing import SPINS

# What MXNet and OpenMP read before any code of ours can catch their errors:
# a pattern of what they understand, and the same in words
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


def check_settings():
    """Raise ``SettingError`` for what would end Python without a sentence.

    An empty variable is taken away: it means what no variable means.
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


def set_thread_defaults():
    """Let MXNet use all visible cores, and keep its threads awake between ops.

    MXNet by itself takes half the cores. Its OpenMP threads fall asleep after
    every operator as soon as there are more of them than cores, and waking
    them takes longer than a step of an RNN computes; GOMP_SPINCOUNT bounds
    the waiting to some microseconds, which is enough for the next operator
    (see ``sharing``). The variables are read once, when OpenMP is loaded, and
    a user's own win.
    """
    if "mxnet" in sys.modules and "OMP_NUM_THREADS" not in os.environ:
        warnings.warn("mxnet was imported before d2lrnn, and so uses half "
                      "the cores: import d2lrnn first", D2LRNNWarning,
                      stacklevel=2)
    cores = len(os.sched_getaffinity(0))
    os.environ.setdefault("OMP_NUM_THREADS", str(cores))
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def mend_python():
    """Give MXNet the two names that newer Pythons and numpys removed.

    ``distutils`` left Python 3.12, and setuptools brings it back when it is
    imported; ``numpy.bool`` left numpy 1.24.
    """
    if int(numpy.__version__.split(".")[0]) >= 2:
        raise ImportError(
            f"MXNet 1.9.1 needs a numpy below 2, and this is numpy "
            f"{numpy.__version__}: pip install 'numpy<2'")
    if sys.version_info >= (3, 12):
        import setuptools  # noqa: F401
    numpy.bool = bool


def check_libraries():
    """Name the system library without which MXNet's wheel does not load."""
    for library in ("libgomp.so.1", "libquadmath.so.0"):
        try:
            ctypes.CDLL(library)
        except OSError:
            raise ImportError(
                f"MXNet needs the system library {library}, which is missing "
                f"here: apt-get install libgomp1 libquadmath0 (Debian and "
                f"Ubuntu) or dnf install libgomp libquadmath (Fedora)"
            ) from None


check_settings()
set_thread_defaults()
mend_python()
check_libraries()
