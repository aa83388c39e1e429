"""An epoch of the book's loop while other processes use the cores."""
import json
import subprocess
import sys
from contextlib import contextmanager

from benchmarks import ROOT
from benchmarks.peers.book import SETTINGS, TINY
from benchmarks.rows import scratch
from benchmarks.runner import Case, Goal, Row

BUSY, TWO = "d2lrnn, beside a busy process", "d2lrnn, one of two trainings"


def measure(case, side, folder, sizes):
    """Return the loss of the first epoch, and the seconds of the others."""
    longer = json.dumps({**sizes, "epochs": 50 * sizes["epochs"]})
    others = {BUSY: ["-c", "while True: pass"],
              TWO: ["-m", "benchmarks.side", "busy", case, "d2lrnn",
                    str(folder), longer]}
    with running(others.get(side)):
        return scratch.measure(case, "d2lrnn", folder, sizes)


@contextmanager
def running(arguments):
    """Run Python with these arguments, if any, meanwhile."""
    if not arguments:
        yield
        return
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT,
                               stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


ROW = Row(
    "busy", "an epoch of the row scratch, rnn, alone, beside a process that "
    "keeps a core busy, and as one of two trainings at once",
    {"rnn": Case(("d2lrnn", BUSY, TWO), (
        Goal("times", 2.5, "d2lrnn", side=BUSY),
        Goal("times", 2.5, "d2lrnn", side=TWO)))},
    measure, {**SETTINGS, "epochs": 25}, {**TINY, "epochs": 2},
    scratch.prepare)
