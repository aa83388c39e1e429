"""What must happen before ``import mxnet``: threads, and newer Pythons.

MXNet 1.9.1 is older than some of the Pythons and numpys that it can run on.
Importing this module mends what they took away; it changes nothing else.
"""
import ctypes
import os
import sys
import warnings

import numpy
from d2lrnn.errors import D2LRNNWarning
from d2lrnn.sharing import SPINS


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


set_thread_defaults()
mend_python()
check_libraries()
