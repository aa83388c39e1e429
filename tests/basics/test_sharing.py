"""Cores that other processes use, too."""
import os
import subprocess
import sys
import time

import d2lrnn as d2l
import mxnet as mx
import pytest
from d2lrnn.basics import sharing

pytestmark = pytest.mark.skipif(
    sharing.cores_taken() is None or sharing.gnu_openmp() is None,
    reason="this machine does not tell, or has another OpenMP")


def wait_for(condition, seconds=20):
    """Return whether a condition came true in some seconds."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@pytest.fixture
def fast(monkeypatch):
    """Look often, with the package's own settings in force."""
    monkeypatch.setattr(sharing, "SECONDS", 0.05)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("GOMP_SPINCOUNT", sharing.SPINS)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)


@pytest.fixture
def others(fast, monkeypatch):
    """A list whose last item is how many cores others take."""
    taken, ran = [0.0], [0.0]

    def cores_taken():  # one look a second
        ran.append(ran[-1] + taken[-1])
        return len(ran), ran[-1], 0.0

    monkeypatch.setattr(sharing, "cores_taken", cores_taken)
    return taken


def num_threads():
    """Return how many threads this process has, Python's and others."""
    return len(os.listdir("/proc/self/task"))


@pytest.mark.process
def test_a_busy_process_is_noticed(fast):
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        with sharing.CoreWatch() as watch:
            assert wait_for(lambda: watch.shared)
    finally:
        busy.kill()
        busy.wait()


def test_there_is_a_crowd_as_long_as_the_cores_are_shared(others):
    mx.nd.dot(mx.nd.ones((300, 300)), mx.nd.ones((300, 300))).wait_to_read()
    before = num_threads()
    with sharing.CoreWatch() as watch:
        assert wait_for(lambda: num_threads() == before + 1)  # the watch
        others.append(1.0)
        assert wait_for(lambda: watch.shared)
        assert wait_for(lambda: num_threads() >= before + 3)
        others.append(0.2)  # not yet quiet
        time.sleep(0.3)
        assert watch.shared
        others.append(0.0)
        assert wait_for(lambda: not watch.shared)
        assert wait_for(lambda: num_threads() == before + 1)
    assert wait_for(lambda: num_threads() == before)


def test_the_crowd_leaves_with_the_loop(others):
    before = num_threads()
    others.append(1.0)
    with sharing.CoreWatch() as watch:
        assert wait_for(lambda: watch.shared)
    assert wait_for(lambda: num_threads() == before)


def test_results_are_the_same_to_the_last_bit(others):
    x = mx.nd.random.normal(shape=(200, 300))
    y = mx.nd.random.normal(shape=(300, 100))
    alone = mx.nd.dot(x, y).asnumpy()
    others.append(1.0)
    with sharing.CoreWatch() as watch:
        assert wait_for(lambda: watch.shared)
        for _ in range(20):
            assert (mx.nd.dot(x, y).asnumpy() == alone).all()


@pytest.mark.parametrize("name, value", [
    ("OMP_WAIT_POLICY", "active"), ("GOMP_SPINCOUNT", "7"),
    ("OMP_NUM_THREADS", "1")])
def test_a_users_own_way_to_wait_stays(others, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    others.append(1.0)
    with sharing.CoreWatch() as watch:
        time.sleep(0.3)
        assert not watch.shared and watch._thread is None


def test_a_machine_that_does_not_tell(fast, monkeypatch):
    monkeypatch.setattr(sharing, "cores_taken", lambda: None)
    with sharing.CoreWatch() as watch:
        assert not watch.shared
    monkeypatch.undo()
    monkeypatch.delattr(os, "sched_getaffinity")
    assert sharing.cores_taken() is None


def test_all_loops_watch_the_cores(others, capsys):
    others.append(1.0)
    for _ in d2l.EpochBar(1):
        assert wait_for(lambda: num_threads() >= 4)
    assert capsys.readouterr().out == ""
