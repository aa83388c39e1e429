"""Cores that other processes use too: notice it, and wait less eagerly.

OpenMP's threads wait for one another after every operator. On cores of their
own they do so best by looking again and again. Where another process wants
the cores, that only keeps the thread that is waited for from running. GNU's
OpenMP library looks a tenth as long once it has more threads than there are
cores, so some idle threads are what makes it kinder. What is computed stays
the same, to the last bit.
"""
import ctypes
import os
import threading
import time

__all__ = ["SPINS", "CoreWatch"]

SPINS = "1000"  # how often a thread looks, by default, before it sleeps
SECONDS = 0.5  # from one look at the cores to the next
SHARED, QUIET = 0.3, 0.15  # of a core, taken by others


class CoreWatch:
    """Looks after the cores while a loop runs: ``with CoreWatch() as watch``.

    ``watch.shared`` says whether other processes use them, as far as this
    machine tells. The user's own OMP_WAIT_POLICY or GOMP_SPINCOUNT stays in
    force.
    """

    def __init__(self):
        self.shared = False
        self._stop, self._thread = threading.Event(), None

    def __enter__(self):
        if is_ours() and cores_taken() is not None:
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
    """Idle threads, so many that there are more of them than cores."""

    def __init__(self):
        self._left = threading.Event()
        threading.Thread(target=self._stay, daemon=True).start()

    def _stay(self):
        threads = int(os.environ["OMP_NUM_THREADS"])
        # each looks after nothing: free(NULL) has no effect
        ctypes.CDLL("libgomp.so.1").GOMP_parallel(
            ctypes.CDLL(None).free, None,
            max(2, len(os.sched_getaffinity(0)) - threads + 2), 0)
        self._left.wait()  # its threads end with it

    def leave(self):
        """End the threads."""
        self._left.set()


def is_ours():
    """Say whether the waiting is as the package set it, and there is any."""
    return (os.environ.get("GOMP_SPINCOUNT") == SPINS
            and "OMP_WAIT_POLICY" not in os.environ
            and os.environ.get("OMP_NUM_THREADS", "1") != "1")


def cores_taken():
    """Return seconds: now, that the visible cores and this process have run.

    They are since some moment in the past. Return None where the machine
    does not tell.
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
    """Return how many cores others took between two ``cores_taken``.

    >>> taken_by_others((0, 100, 7), (2, 104, 9))  # 2 cores, 1 of them ours
    1.0
    """
    seconds, ran, own = (b - a for a, b in zip(before, after, strict=True))
    return max(0.0, (ran - own) / seconds)
