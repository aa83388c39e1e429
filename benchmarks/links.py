"""Two workers on one machine that only a slow link joins.

It joins two network namespaces of Linux. Making them needs root, and the
programs ip and tc (``apt-get install iproute2``).
"""
import os
import subprocess
from contextlib import contextmanager

from benchmarks.workers import command, printed, start

ADDRESSES = ("10.0.0.1", "10.0.0.2")  # nobody else sees them


def run_linked(gigabits, module, *arguments):
    """Run a module in two workers over a link; return what worker 0 prints.

    The link has some Gbit/s in each direction. Return None where it cannot
    be made.
    """
    try:
        with linked(gigabits) as names:
            workers = [start(["ip", "netns", "exec", name, *command(
                ("2", "--rank", str(rank), "--at", f"{ADDRESSES[0]}:9187"),
                module, *arguments)]) for rank, name in enumerate(names)]
            said = [(*worker.communicate(), worker.returncode)
                    for worker in workers]
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"no link of {gigabits} Gbit/s was tried: {error}")
        return None
    return printed(*said[0])


@contextmanager
def linked(gigabits):
    """Yield the names of two network namespaces that a link joins."""
    names = [f"d2lrnn-{os.getpid()}-{end}" for end in (0, 1)]
    try:
        for name in names:
            call("ip", "netns", "add", name)
        call("ip", "link", "add", "link0", "netns", names[0], "type", "veth",
             "peer", "name", "link1", "netns", names[1])
        for end, name in enumerate(names):
            ip, device = ("ip", "-n", name), f"link{end}"
            call(*ip, "link", "set", "lo", "up")
            call(*ip, "address", "add", f"{ADDRESSES[end]}/24", "dev", device)
            call(*ip, "link", "set", device, "up")
            call("tc", "-n", name, "qdisc", "add", "dev", device, "root",
                 "tbf", "rate", f"{gigabits}gbit", "burst", "256kb",
                 "latency", "50ms")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name],
                           stderr=subprocess.DEVNULL)


def call(*arguments):
    """Run a program, which must succeed."""
    subprocess.run(arguments, check=True, stderr=subprocess.DEVNULL)
