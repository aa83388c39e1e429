"""Notice when other processes use the cores too, and then spin less.

OpenMP's threads wait for one another after every operator. While each has a
core to itself, spinning (checking again and again) is the fastest way to wait.
If another process wants the cores, spinning only delays the thread that the
others wait for. GNU's OpenMP library spins a tenth as long once it has more
threads than there are cores, so a few idle threads make it spin less. Results
stay the same, to the last bit.
"""
import ctypes
import os
import threading
import time

from d2lrnn.basics.machine import num_cores

__all__ = ["SPINS", "CoreWatch"]

SPINS = "1000"  # how often a thread checks before it sleeps
SECONDS = 0.5  # between two checks of the cores
SHARED, QUIET = 0.3, 0.15  # cores used by others when sharing begins, ends


class CoreWatch:
    """Watch the cores while a loop runs: ``with CoreWatch() as watch``.

    ``watch.shared`` says whether other processes use them, as far as the
    machine reports this. If the user has set OMP_WAIT_POLICY or
    GOMP_SPINCOUNT, or if MXNet does not use GNU's OpenMP, nothing is watched
    or changed.
    """

    def __init__(self):
        self.shared = False
        self._stop, self._thread = threading.Event(), None

    def __enter__(self):
        if is_ours() and gnu_openmp() and cores_taken() is not None:
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *error):
        self._stop.set()

    def _watch(self):
        crowd, before = None, cores_taken()
        while not self._stop.wait(SECONDS):
            now = cores_taken()
            others = taken_by_others(before, now)
            before = now
            self.shared = others > (QUIET if self.shared else SHARED)
            if self.shared and crowd is None:
                crowd = Crowd()
            elif crowd and not self.shared:
                crowd = crowd.leave()
        if crowd:
            crowd.leave()


class Crowd:
    """Enough idle threads for OpenMP to have more threads than cores."""

    def __init__(self):
        self._left = threading.Event()
        threading.Thread(target=self._stay, daemon=True).start()

    def _stay(self):
        threads = int(os.environ["OMP_NUM_THREADS"])
        # each thread calls free(NULL), which has no effect
        gnu_openmp().GOMP_parallel(ctypes.CDLL(None).free, None,
                                   max(2, num_cores() - threads + 2), 0)
        self._left.wait()  # the idle threads end when this one does

    def leave(self):
        """End the threads."""
        self._left.set()


def is_ours():
    """Return whether threads spin for as long as the package has set."""
    return (os.environ.get("GOMP_SPINCOUNT") == SPINS
            and "OMP_WAIT_POLICY" not in os.environ
            and os.environ.get("OMP_NUM_THREADS", "1") != "1")


def gnu_openmp():
    """Return GNU's OpenMP library if MXNet has loaded it, else None.

    LLVM's library may be loaded under the same name, but only LLVM's has
    ``__kmpc`` functions.
    """
    if not hasattr(os, "RTLD_NOLOAD"):
        return None
    try:
        library = ctypes.CDLL("libgomp.so.1", os.RTLD_NOLOAD | os.RTLD_NOW)
    except OSError:
        return None
    if hasattr(library, "__kmpc_fork_call"):
        return None
    return library if hasattr(library, "GOMP_parallel") else None


def cores_taken():
    """Return ``(now, worked, own)``: three times in seconds.

    ``now`` is a clock's time, ``worked`` the time for which the visible cores
    have worked, added up, and ``own`` the time for which this process has.
    Only differences mean anything. Return None if the machine does not report
    these times.
    """
    try:
        cores = {f"cpu{n}" for n in os.sched_getaffinity(0)}
        with open("/proc/stat") as file:
            lines = [line.split() for line in file if line.startswith("cpu")]
    except (AttributeError, OSError):
        return None
    ticks = 0
    for core, user, nice, system, _, _, irq, softirq, steal, *_ in lines:
        if core in cores:
            ticks += sum(map(int, (user, nice, system, irq, softirq, steal)))
    return (time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"),
            time.process_time())


def taken_by_others(before, after):
    """Return how many cores others used between two calls of ``cores_taken``.

    >>> taken_by_others((0, 100, 7), (2, 104, 9))  # 2 cores, 1 of them ours
    1.0
    """
    seconds, ran, own = (b - a for a, b in zip(before, after, strict=True))
    return max(0.0, (ran - own) / seconds)
