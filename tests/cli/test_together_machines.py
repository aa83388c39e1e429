"""Two machines train as one process does, and neither waits for ever.

They are two launchers on this host, or in network namespaces of their own,
with a router in between that can be cut.
"""
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from functools import lru_cache

import numpy as np
import pytest
from launching import (
    is_listening,
    launched,
    losses,
    sentence,
    training,
    until,
)

from d2lrnn_cli.meeting import free_port

pytestmark = pytest.mark.process
SOON = 10  # seconds until a machine notices that another one is gone
GO_ON = ("so all were ended: type d2lrnn train --resume run --workers 2 "
         "--rank ... --at ... on each machine to go on from the last "
         "checkpoint")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The folder of a training in one process."""
    folder = tmp_path_factory.mktemp("alone")
    with training(folder) as crew:
        assert crew.ends() == 0
    return folder


@contextmanager
def two(folder, start, *options, at=None, before=((), ()), others=()):
    """Start what two machines run, each in a folder of its own."""
    port = free_port()
    with ExitStack() as stack:
        crews = []
        for rank in (0, 1):
            own = folder / f"machine {rank}"
            own.mkdir(exist_ok=True)
            crews.append(stack.enter_context(start(
                own, "--workers", 2, "--rank", rank, "--at",
                f"{at or '127.0.0.1'}:{port}", *options,
                *(others if rank else ()), before=before[rank])))
        yield crews


def check_end(crew, said, seconds=SOON):
    """Check that a launcher fails soon, with this sentence."""
    start = time.monotonic()
    assert crew.ends(seconds) == 1
    assert sentence(crew.said()) == said
    return time.monotonic() - start


def test_two_machines_are_one_process(alone, tmp_path):
    with two(tmp_path, training, at="localhost") as (first, second):
        assert first.ends() == 0, first.said()
        assert second.ends(SOON) == 0 and second.said() == ""
        assert first.said().count("epoch 4, perplexity") == 1
    run = tmp_path / "machine 0" / "run"
    assert np.allclose(losses(run), losses(alone / "run"), 1e-5, 0)
    assert not (tmp_path / "machine 1" / "run").exists()


@pytest.mark.parametrize("killed", [0, 1])
def test_the_launcher_of_one_machine_is_killed(tmp_path, killed):
    with two(tmp_path, training) as crews:
        crews[0].trains()
        os.kill(crews[killed].process.pid, signal.SIGKILL)
        check_end(crews[1 - killed], f"the machine of worker {killed} has "
                  f"ended, {GO_ON}")
        assert crews[killed].ends(SOON) == -signal.SIGKILL


def test_a_worker_of_another_machine_is_killed(tmp_path):
    """Both machines say so, and both go on by themselves."""
    with two(tmp_path, training, "--max-restarts", 1) as (first, second):
        first.trains()
        number = second.members()["worker 1"]
        os.kill(number, signal.SIGKILL)
        assert first.ends() == 0 and second.ends(SOON) == 0
        for crew in (first, second):
            assert sentence(crew.said()) == (
                f"worker 1 (process {number}) was killed by SIGKILL, so all "
                f"were ended: going on from the last checkpoint")


def test_ctrl_c_on_the_other_machine(tmp_path):
    with two(tmp_path, training) as (first, second):
        first.trains()
        os.kill(second.process.pid, signal.SIGINT)
        assert second.ends(60) == 130 and first.ends(60) == 130
        assert re.search(r"stopped (in|after) epoch .*; to go on, type",
                         first.said())
        assert "d2lrnn:" not in first.said()
        assert sentence(second.said()) == "stopped"


@pytest.mark.parametrize("difference", ["settings", "text"])
def test_machines_that_train_different_things(tmp_path, difference):
    (tmp_path / "machine 1").mkdir()
    if difference == "text":
        (tmp_path / "machine 1" / "text.txt").write_text("other " * 150)
    with two(tmp_path, training, others=("--lr", "0.5") if (
            difference == "settings") else ()) as (first, second):
        assert first.ends() == 1 and second.ends(SOON) == 1
        differs = ("lr 0.5, and worker 0 has 0.004"
                   if difference == "settings" else
                   "vocab_size 6, and worker 0 has 28")
        for crew in (first, second):
            assert sentence(crew.said()) == (
                f"worker 1 has {differs}: give all workers the same text and "
                f"the same options")


# What follows does without MXNet, and so starts at once.

def test_ranks_and_numbers_of_workers_that_differ(tmp_path):
    port = free_port()
    at = "--at", f"127.0.0.1:{port}"
    first = "--workers", 2, "--rank", 0, *at
    second = "--workers", 2, "--rank", 1, *at
    sleep = "import time; time.sleep(6)"
    with launched(tmp_path, *first, sleep) as one:
        until(lambda: is_listening(port))
        with launched(tmp_path, "--workers", 3, "--rank", 2, *at,
                      "pass") as other:
            assert other.ends(10) == 1
            assert sentence(other.said()) == (
                "worker 0 expects 2 workers, and worker 2 3: give all the "
                "same --workers")
        with launched(tmp_path, *first, "pass") as other:
            assert other.ends(10) == 1
            assert "(Address already in use)" in sentence(other.said())
        with (launched(tmp_path, *second, sleep) as two,
              launched(tmp_path, *second, sleep) as three):
            ends = sorted([two, three], key=lambda crew: crew.ends(30))
            assert [crew.ends(1) for crew in ends] == [0, 1]
            assert sentence(ends[1].said()) == (
                "there are two workers 1: give each machine its own --rank")
            assert one.ends(10) == 0 and ends[0].said() == ""


def test_the_first_of_three_machines_waits_for_the_last(tmp_path):
    port = free_port()

    def machine(rank):
        return launched(tmp_path, "--workers", 3, "--rank", rank, "--at",
                        f"127.0.0.1:{port}", "pass")

    with machine(1) as second, machine(0) as first:
        time.sleep(10)  # longer than a silence may last
        with machine(2) as third:
            for crew in (first, second, third):
                assert crew.ends(20) == 0 and crew.said() == ""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_one_machine_has_finished_and_the_other_has_not(tmp_path, number):
    """The latter needs the server of the former, whose launcher ends."""
    at = "--workers", 2, "--at", f"127.0.0.1:{free_port()}", "--rank"
    with (launched(tmp_path, *at, 0, "pass") as first,
          launched(tmp_path, *at, 1, "import time; time.sleep(99)") as second):
        until(lambda: "worker 1" in second.members()
              and "server" in first.members()
              and "worker 0" not in first.members())
        time.sleep(0.5)
        os.kill(first.process.pid, number)
        said = ("worker 0 was stopped" if number == signal.SIGINT else
                "the machine of worker 0 has ended, so all were ended: run "
                "the same command again to go on from the last checkpoint, "
                "if the script resumes")
        check_end(second, said)
        assert first.ends(SOON) == (130 if number == signal.SIGINT else -9)


def test_strangers_at_the_port(tmp_path):
    """They come before the others, and while these work."""
    port = free_port()
    with ExitStack() as stack:
        def strangers():
            for words in (b"", b"GET / HTTP/1.1\r\n\r\n", b"[1]\n", b"{}\n",
                          b"x" * 10 ** 6, b"[" * 10 ** 5 + b"\n",
                          b'{"rank": [], "workers": 2}\n',
                          b'{"stopped": "x", "end": 3}\n', b"\xff\n"):
                stranger = stack.enter_context(
                    socket.create_connection(("127.0.0.1", port), 5))
                stranger.setblocking(False)
                stranger.send(words)

        options = "--workers", 2, "--at", f"127.0.0.1:{port}", "--rank"
        first, second = (stack.enter_context(launched(
            tmp_path, *options, rank,
            "import sys, time\n"
            "print('ready', file=sys.stderr, flush=True)\n"
            "time.sleep(6)")) for rank in (0, 1))
        until(lambda: is_listening(port))
        strangers()
        until(lambda: "ready" in first.said())
        strangers()
        assert first.ends(30) == second.ends(30) == 0
        assert first.said() == "ready\n" and second.said() == ""
        with pytest.raises(AssertionError):
            until(lambda: is_listening(port), 0.1)


def ip(*arguments):
    """Run ip, of iproute2."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True,
                   timeout=10)


@lru_cache
def why_no_namespaces():
    """Return why there can be no network namespaces here, or None."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        return "needs root, and ip of iproute2"
    name = f"d2lrnn{secrets.token_hex(3)}"
    try:
        ip("netns", "add", name)
        ip("netns", "del", name)
    except subprocess.CalledProcessError as error:
        return error.stderr.decode().strip()
    return None


class Router:
    """Two machines on networks of their own, and what joins them.

    Each has another interface before the one that leads to the other.
    """

    def __init__(self):
        name = f"d2lrnn{secrets.token_hex(3)}"
        self.names = [f"{name}-{place}" for place in ("r", 0, 1)]

    def __enter__(self):
        for name in self.names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        router, *machines = self.names
        for n, name in enumerate(machines):
            ip("-n", name, "link", "add", "first", "type", "veth", "peer",
               "name", "spare")
            ip("-n", name, "link", "add", "cable", "type", "veth", "peer",
               "name", f"port{n}", "netns", router)
            for place, link, address in (
                    (name, "first", f"192.168.9{n}.1/24"),
                    (name, "spare", f"192.168.9{n}.2/24"),
                    (name, "cable", f"10.77.{n}.1/24"),
                    (router, f"port{n}", f"10.77.{n}.254/24")):
                ip("-n", place, "addr", "add", address, "dev", link)
                ip("-n", place, "link", "set", link, "up")
            ip("-n", name, "route", "add", "default", "via", f"10.77.{n}.254")
        self.passes_on(True)
        return self

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False,
                           capture_output=True)

    def passes_on(self, wanted):
        """Let the router pass on what it gets, or drop it without a word."""
        subprocess.run(
            ["ip", "netns", "exec", self.names[0], "sh", "-c",
             f"echo {int(wanted)} > /proc/sys/net/ipv4/ip_forward"],
            check=True, timeout=10)

    def two(self, folder, *options):
        """Start a training on the two machines."""
        return two(folder, training, *options, at="10.77.0.1", before=[
            ("ip", "netns", "exec", name) for name in self.names[1:]])


apart = pytest.mark.skipif(bool(why_no_namespaces()),
                           reason=str(why_no_namespaces()))


@apart
def test_a_link_that_is_cut_for_a_while(alone, tmp_path):
    """The training pauses, and its result is the same."""
    with Router() as router, router.two(tmp_path) as (first, second):
        first.trains()
        router.passes_on(False)
        time.sleep(1)
        said = first.said()
        time.sleep(4)
        assert first.said() == said and "epoch 4" not in said
        router.passes_on(True)
        assert first.ends() == 0, first.said()
        assert second.ends(SOON) == 0, second.said()
    assert np.allclose(losses(tmp_path / "machine 0" / "run"),
                       losses(alone / "run"), 1e-5, 0)


@apart
def test_a_link_that_is_cut_for_good(tmp_path):
    with Router() as router, router.two(tmp_path) as crews:
        crews[0].trains()
        router.passes_on(False)
        start = time.monotonic()
        for n in (1, 0):
            check_end(crews[n], f"the machine of worker {1 - n} is cut off, "
                      f"{GO_ON}")
        assert time.monotonic() - start < SOON
