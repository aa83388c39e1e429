"""The simulation of many machines, and what its page shows."""
import doctest
import math
import re

import pytest

import benchmarks
from benchmarks import workers
from benchmarks.studies import scaling
from benchmarks.studies.scaling import Link, Work, shared, step_seconds

RECORD = benchmarks.read(scaling.RESULTS)
NO_LINK = Link(math.inf, 0)


def ideal(machines):
    """Return the work of one of some machines, of 8 s and 1 GB in all."""
    return Work(8 / machines, 0, 0, 1, 1e9)


def test_examples():
    done = doctest.testmod(scaling)
    assert done.attempted and not done.failed


def test_a_shared_link_is_never_idle_and_never_faster():
    """Beside small steps of time, in each of which all get an equal part."""
    starts, seconds, dt = [0.3, 0.0, 0.7, 3.0], 0.5, 1e-4
    left, ends, now = [seconds] * 4, [None] * 4, 0.0
    while None in ends:
        now += dt
        active = [i for i in range(4) if starts[i] < now and ends[i] is None]
        for i in active:
            left[i] -= dt / len(active)
            if left[i] <= 0:
                ends[i] = now
    assert shared(starts, seconds) == pytest.approx(ends, abs=10 * dt)
    assert shared(starts, 0.0) == starts


def test_one_machine_computes_and_updates():
    work = Work(8, 2, 3, 1, 1e9)
    assert step_seconds(1, work, Link(1)) == 9


@pytest.mark.parametrize("machines", [2, 5, 64])
def test_without_delay_the_machines_divide_the_work(machines):
    assert step_seconds(machines, ideal(machines), NO_LINK) == pytest.approx(
        8 / machines + 1)
    work = ideal(machines)._replace(packing=0.5, serving=0.25)
    assert step_seconds(machines, work, NO_LINK) == pytest.approx(
        8 / machines + 1.5 + 0.25 * machines)
    assert step_seconds(machines, work, NO_LINK, machines) == pytest.approx(
        8 / machines + 1.75)


@pytest.mark.parametrize("machines", [2, 5, 64])
def test_a_slow_link_is_what_all_wait_for(machines):
    """Each array but that of machine 0 crosses it, there and back."""
    crossing = (machines - 1) * 2 * 8e9 / 1e6
    seconds = step_seconds(machines, ideal(machines), Link(0.001, 0))
    assert crossing < seconds < crossing * 1.001
    later = step_seconds(machines, ideal(machines), Link(0.001, 0.5))
    assert later - seconds == pytest.approx(4 * 0.5)


def test_the_server_adds_while_others_still_send():
    """Machine 0's array is added while the other one is on its way."""
    work = Work(compute=1, packing=0, serving=2, update=0, num_bytes=1e9)
    assert step_seconds(2, work, Link(8, 0)) == pytest.approx(1 + 1 + 2 + 1)


def test_two_workers_are_compared_with_their_own_link():
    seen = {"packing": 1, "serving": 0, "num_bytes": 1e9, "two": {
        "none": {"compute": 2, "update": 3, "step": 7},
        "1 Gbit/s": {"compute": 2, "update": 4, "step": 20}, "gone": None}}
    assert scaling.checked(seen) == {
        "none": (pytest.approx(2 + 1 + 3), 7),
        "1 Gbit/s": (pytest.approx(2 + 1 + 8 + 8 + 4), 20)}


def test_rows_run_out():
    seen = {"sizes": {"batch_size": 32}, "packing": 0, "serving": 0,
            "num_bytes": 0, "alone": {str(rows): {
                "compute": rows, "update": 0} for rows in (1, 2, 4, 8, 16,
                                                           32)}}
    found = scaling.speed_ups(seen, NO_LINK)
    assert found[:-1] == pytest.approx([1, 2, 4, 8, 16, 32])
    assert found[-1] is None
    assert scaling.speed_ups(seen, NO_LINK, grows=True) == pytest.approx(
        scaling.MACHINES)


def test_the_simulation_agrees_with_two_workers():
    for seen in RECORD["models"].values():
        for simulated, step in scaling.checked(seen).values():
            assert simulated == pytest.approx(step, rel=0.15)


def test_the_record_is_shown_as_it_is():
    page = scaling.RESULTS.with_suffix(".md").read_text("utf-8")
    assert scaling.to_markdown(RECORD) == page
    shown = (benchmarks.ROOT / "docs" / "scaling.md").read_text("utf-8")
    names = re.findall(r"<!-- (\w+) -->", page)
    assert [*names] and all(
        f":start-after: <!-- {name} -->\n:end-before: <!-- end of {name} -->"
        in shown for name in names)


def test_a_failure_of_workers_is_told():
    assert workers.printed("first\n[1, 2]\n", "", 0) == [1, 2]
    with pytest.raises(RuntimeError, match="the workers failed: no more"):
        workers.printed("", "Traceback\nno more\n", 1)


@pytest.mark.process
def test_parts_are_measured():
    sizes = {**scaling.MODELS["1 x 256"], "text": "abcd" * 200,
             "num_hiddens": 8, "batch_size": 4, "num_steps": 5, "batches": 2}
    seen = scaling.measure(sizes)
    assert seen.keys() == RECORD["models"]["1 x 256"].keys()
    assert seen["alone"].keys() == {"4", "2", "1"}
    seconds = step_seconds(4, scaling.work_of(seen, 1), NO_LINK)
    assert 0 < seconds < 60
    assert all(min(pair) > 0 for pair in scaling.checked(seen).values())
