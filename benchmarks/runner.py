"""Measure rows of the benchmark: sides in turns, each in its own process.

A row is a piece of work that d2lrnn and its peers do, in one or more cases.
Its ``measure(case, side, folder, sizes)`` runs in the side's process and
returns ``(check, values)``: losses, which must be the same on all sides, or
None; and a dict from units to lists of numbers. Its ``prepare(case, folder,
sizes)`` runs once before all sides, writes into the folder what they share,
and returns the name of the text, or None.

If other programs took a noticeable share of the cores meanwhile, a side is
measured again; the record says how much they took in the end.
"""
import importlib.util
import json
import os
import resource
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from benchmarks import ROOT

PACKAGES = {"d2lzh": "d2lzh==1.0.0", "PyTorch": "torch==2.13.0"}
COMPILED = "PyTorch, compiled"  # by torch.compile
# by its path, since importing d2lrnn would import MXNet
CORES = runpy.run_path(ROOT / "d2lrnn/basics/machine.py")["num_cores"]()
TOLERANCE = 1e-4  # of the losses, relative
NOTICEABLE = 0.05  # the share of the cores that others took
TRIES = 4  # to measure a side without them


class Goal(NamedTuple):
    """What a side must reach, alone or beside a peer.

    ``kind`` is a key of ``benchmarks.results.KINDS``; ``unit`` names the
    values that count, or None for the first.
    """

    kind: str
    bound: float
    peer: str | None = None
    unit: str | None = None
    side: str = "d2lrnn"


class Case(NamedTuple):
    """The sides of one case of a row, in their order, and the goals."""

    sides: tuple
    goals: tuple = ()


def label(row, case):
    """Return the name of a case among all rows.

    >>> label("scratch", "rnn"), label("deep", "")
    ('scratch, rnn', 'deep')
    """
    return f"{row}, {case}" if case else row


def nothing(case, folder, sizes):
    """Prepare nothing."""


class Row(NamedTuple):
    """A row of the benchmark; ``tiny`` are its sizes for ``--tiny``."""

    name: str
    work: str
    cases: dict
    measure: Callable
    sizes: dict
    tiny: dict
    prepare: Callable = nothing
    environments: dict = {}  # noqa: RUF012 - nobody changes it
    rounds: int = 3


def measure_row(row, rounds=None, run=None):
    """Return the record of a row: all its cases, when and where.

    ``run`` measures one side of a case, as ``run_side`` does. Raise
    ``ValueError`` where two sides do not compute the same, and
    ``RuntimeError`` where a side fails.
    """
    rounds = rounds or row.rounds
    cases = {name: measure_case(row, name, rounds, run or run_side)
             for name in row.cases}
    return {**when_and_where(), "work": row.work, "rounds": rounds,
            "sizes": row.sizes, "cases": cases}


def measure_case(row, name, rounds, run):
    """Return the goals of a case, and each side's values round by round."""
    case, sides = row.cases[name], {}
    with tempfile.TemporaryDirectory() as folder:
        text = row.prepare(name, Path(folder), row.sizes)
        for n in range(rounds):
            for side in case.sides:
                if missing := why_missing(side):
                    sides[side] = {"missing": missing}
                    continue
                seen = undisturbed(run, row, name, side, folder)
                add(sides.setdefault(side, {"values": {}}), seen)
                check_same(label(row.name, name), sides)
                print(f"{label(row.name, name)}, round {n + 1}: {side} "
                      f"{json.dumps(seen['values'])}", file=sys.stderr)
    return {"text": text, "goals": [goal._asdict() for goal in case.goals],
            "sides": {side: sides[side] for side in case.sides}}


def undisturbed(run, *side):
    """Measure a side until others leave the cores alone, or a few times.

    Return what ``run`` does, of the try in which they took least.
    """
    tries = []
    for _ in range(TRIES):
        tries.append(run(*side))
        if (tries[-1]["others"] or 0) <= NOTICEABLE:
            break
    return min(tries, key=lambda seen: seen["others"] or 0)


def why_missing(side):
    """Return why a side cannot be measured here, or None."""
    requirement = PACKAGES.get(side.split(",")[0])
    if requirement and not importlib.util.find_spec(
            requirement.split("==")[0]):
        return f"needs {requirement}"
    if side == COMPILED and not shutil.which("g++"):
        return "needs g++"
    return None


def add(record, seen):
    """Add the values of a side in one round to its record."""
    for unit, values in seen["values"].items():
        record["values"].setdefault(unit, []).append(values)
    record.setdefault("others", []).append(seen["others"])
    record |= {"check": seen["check"], "threads": seen["threads"]}


def check_same(where, sides):
    """Raise ``ValueError`` where a side's losses differ from the first's.

    They are compared as far as both sides have them.
    """
    checks = {side: record["check"] for side, record in sides.items()
              if record.get("check")}
    for side, check in checks.items():
        first = next(iter(checks))
        for n, (loss, other) in enumerate(zip(check, checks[first],
                                              strict=False), 1):
            # "not <=" rather than ">", so that nan is refused, too
            if not abs(loss - other) <= TOLERANCE * abs(other):
                raise ValueError(
                    f"{where}: loss {n} is {loss} of {side}, and {other} of "
                    f"{first}: give both the same function and weights")


def run_side(row, case, side, folder):
    """Measure one side in a new process.

    Return its check, values and threads, and the share of the cores that
    others took, or None if the machine does not report it. No setting of
    threads is inherited: each side has its own default.
    """
    before = cores_used()
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.side", row.name, case, side,
         folder, json.dumps(row.sizes)], cwd=ROOT, text=True,
        env={**env, **row.environments.get(side, {})}, capture_output=True)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:]
        raise RuntimeError(f"{label(row.name, case)}: {side} failed "
                           f"({''.join(reason)}): mend that, and try `python "
                           f"-m benchmarks {row.name} --tiny`")
    return {**json.loads(done.stdout.splitlines()[-1]),
            "others": share_of_others(before, cores_used())}


def cores_used():
    """Return three times in seconds: now, work of the cores, and of the side.

    That of the side is the work of all processes that this one has waited
    for. Return None if the machine does not report them.
    """
    from d2lrnn.basics.sharing import cores_taken
    taken = cores_taken()
    if taken is None:
        return None
    now, ran, own = taken
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now, ran, own + usage.ru_utime + usage.ru_stime


def share_of_others(before, after):
    """Return the share of all cores that others took, from 0 to 1, or None.

    >>> share_of_others((0, 0, 0), (1, CORES, CORES - 0.5 * CORES))
    0.5
    """
    if None in (before, after):
        return None
    from d2lrnn.basics.sharing import taken_by_others
    return taken_by_others(before, after) / CORES


def timed(function, times):
    """Call a function a number of times; return the seconds of each call."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return seconds


def when_and_where():
    """Return the date, the versions and the machine: a dict for JSON."""
    from d2lrnn.basics.environment import machine_record
    record = machine_record()
    # this process's; each side has its own, which stand beside its values
    del record["machine"]["threads"]
    for side, requirement in PACKAGES.items():
        if not why_missing(side):
            name = requirement.split("==")[0]
            record["versions"][name] = metadata.version(name)
    return record
