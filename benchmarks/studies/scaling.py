"""Compute how many machines help: ``python -m benchmarks.studies.scaling``.

The parts of a training step are measured on this machine, for each number of
rows that a machine may have, and the time to add up the gradients with one
worker. A simulation puts them together for up to 64 machines. It is compared
with the steps of two workers on this machine, which nothing delays, or a link
of 1 Gbit/s (see ``benchmarks.links``).
"""
import json
import math
import os
import subprocess
import sys
import time
from collections import deque
from typing import NamedTuple

from benchmarks import RECORDS, ROOT, machine, read, write
from benchmarks.links import run_linked
from benchmarks.workers import TRAINING, begin, in_workers

RESULTS = RECORDS / "scaling.json"
MACHINES = (1, 2, 4, 8, 16, 32, 64)
SPEEDS = (1, 10, 25, 100)  # of links, in Gbit/s
LATENCY = 5e-5  # seconds from one machine to another
CHECKED = 1  # Gbit/s of the link between two workers that are measured
MODELS = {
    name: {**TRAINING, "text": "tinyshakespeare", "num_layers": num_layers,
           "num_hiddens": num_hiddens, "batch_size": batch_size,
           "num_steps": num_steps, "batches": batches}
    for name, num_layers, num_hiddens, batch_size, num_steps, batches in (
        ("1 x 256", 1, 256, 32, 50, 21), ("2 x 512", 2, 512, 64, 100, 7),
        ("3 x 1024", 3, 1024, 64, 100, 4))}


class Work(NamedTuple):
    """A step of one machine, in seconds, and the bytes of its array.

    ``compute`` is forward and backward through its rows, ``packing`` puts the
    gradients into the array and takes the sum out of it, ``serving`` is what
    the server needs for an array, in and out, and ``update`` is clipping and
    the optimizer.
    """

    compute: float
    packing: float
    serving: float
    update: float
    num_bytes: float


class Link(NamedTuple):
    """What joins a machine to the others, in both directions at once."""

    gigabits: float  # a second
    latency: float = LATENCY  # seconds


def shared(starts, seconds):
    """Return when transfers end that share a link, each an equal part of it.

    Alone on the link, each would take some seconds.

    >>> shared([0.0, 0.0, 4.0], 1.0)
    [2.0, 2.0, 5.0]
    >>> shared([0.0, 1.0], 2.0)
    [3.0, 4.0]
    """
    waiting = deque(sorted(range(len(starts)), key=starts.__getitem__))
    # done: the seconds of the link that one transfer has had, if it has
    # been there all the time; the first to come is the first to end
    active, ends, now, done = deque(), [0.0] * len(starts), 0.0, 0.0
    while waiting or active:
        start = starts[waiting[0]] if waiting else math.inf
        end = (now + (active[0][1] - done) * len(active) if active
               else math.inf)
        if active:
            done += (min(start, end) - now) / len(active)
        now = min(start, end)
        if end <= start:
            ends[active.popleft()[0]] = now
        else:
            active.append((waiting.popleft(), done + seconds))
    return ends


def step_seconds(machines, work, link, servers=1, steps=3):
    """Return how long a training step takes, by simulating a few.

    Each machine computes its rows and sends its array through the link of
    machine 0, where the server is, which deals with one array after another.
    When it has added up all, it says so, is asked for the sum, and sends it
    to all. Only machine 0's array crosses no link. With as many servers as
    machines, each has a piece of the array, and all do this at once.
    """
    if machines == 1:
        return work.compute + work.update
    transfer = 8 * work.num_bytes / servers / link.gigabits / 1e9
    begun, ends = [0.0] * machines, []
    for _ in range(steps):
        packed = [then + work.compute + work.packing for then in begun]
        arrived = [packed[0], *shared(
            [then + link.latency for then in packed[1:]], transfer)]
        added = 0.0
        for then in sorted(arrived):
            added = max(added, then) + work.serving / servers
        pulled = [added, *(then + link.latency for then in shared(
            [added + 2 * link.latency] * (machines - 1), transfer))]
        begun = [then + work.update for then in pulled]
        ends.append(max(begun))
    return ends[-1] - ends[-2]


def work_of(seen, rows):
    """Return the work of a machine that has so many rows, as it was seen."""
    return Work(seen["alone"][str(rows)]["compute"], seen["packing"],
                seen["serving"], seen["alone"][str(rows)]["update"],
                seen["num_bytes"])


def speed_ups(seen, link, grows=False, everywhere=False):
    """Return how many times the speed of one machine each number has.

    None stands where the rows of the mini-batch cannot be divided. With
    ``grows``, each machine has as many rows as one would have alone. With
    ``everywhere``, each machine is a server, too.
    """
    batch_size, found = seen["sizes"]["batch_size"], []
    alone = step_seconds(1, work_of(seen, batch_size), link)
    for machines in MACHINES:
        if batch_size % machines and not grows:
            found.append(None)
            continue
        rows = batch_size if grows else batch_size // machines
        seconds = step_seconds(machines, work_of(seen, rows), link,
                               machines if everywhere else 1)
        found.append(alone / seconds * (machines if grows else 1))
    return found


def phases(sizes, together):
    """Return the seconds of the fastest step, and of its parts here."""
    import d2lrnn as d2l
    corpus = d2l.load_corpus(sizes["text"], fallback=False)
    step, _ = begin(corpus, sizes, together)
    marks, steps, add_up = [], [], together.add_up

    def mark(*arguments):
        marks.append(time.perf_counter())
        add_up(*arguments)
        marks.append(time.perf_counter())

    together.add_up = mark
    for _ in range(sizes["batches"]):
        begun = time.perf_counter()
        step()
        ended = time.perf_counter()
        steps.append((marks[-2] - begun, ended - marks[-1], ended - begun))
    # the first step builds the graph; other programs only add to the rest
    return dict(zip(("compute", "update", "step"), map(
        min, zip(*steps[1:], strict=True)), strict=True))


def alone(sizes):
    """Return the parts of a step for each number of rows of a machine."""
    import d2lrnn as d2l
    batch_size = sizes["batch_size"]
    return {batch_size // machines: phases(
        {**sizes, "batch_size": batch_size // machines}, d2l.Alone())
        for machines in MACHINES if batch_size % machines == 0}


def sums(sizes):
    """Return the seconds to pack, and to add up, the arrays of a model.

    The number of its parameters comes last.
    """
    import d2lrnn as d2l
    from mxnet import nd
    corpus = d2l.load_corpus(sizes["text"], fallback=False)
    model = d2l.CharRNN(corpus.vocab_size, sizes["embed_size"],
                        sizes["num_hiddens"], sizes["num_layers"])
    model.initialize()
    params = [*model.collect_params().values()]
    workers, loss = d2l.Workers(), nd.ones(1)

    def seconds():
        workers.barrier()
        begun = time.perf_counter()
        workers.add_up(params, loss, int)
        nd.waitall()
        return time.perf_counter() - begun

    added = min([seconds() for _ in range(11)][1:])
    workers.sum = lambda array: array
    packed = min([seconds() for _ in range(11)][1:])
    return packed, added, sum(param.data().size for param in params)


def halves(sizes):
    """Return what two workers measure: apart, and together.

    Apart, each trains on its rows, while the other does the same.
    """
    import d2lrnn as d2l
    workers = d2l.Workers()
    workers.barrier()
    apart = phases({**sizes, "batch_size": sizes["batch_size"]
                    // workers.size}, d2l.Alone())
    workers.barrier()
    return {**apart, "step": phases(sizes, workers)["step"]}


PARTS = {part.__name__: part for part in (alone, sums, halves)}


def command(part, sizes):
    """Return the module and its arguments that measure a part."""
    return "benchmarks.studies.scaling", part, json.dumps(sizes)


def run(part, sizes, workers=None):
    """Measure a part in a process of its own, or in workers.

    Without workers, a process has as many threads as d2lrnn chooses.
    """
    if workers:
        return in_workers(workers, *command(part, sizes))
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run([sys.executable, "-m", *command(part, sizes)],
                          cwd=ROOT, env=env, stdout=subprocess.PIPE,
                          text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(sizes):
    """Return all that the simulation needs of a model, and its check."""
    packed, added, num_params = run("sums", sizes, 1)
    return {"sizes": sizes, "num_params": num_params,
            "num_bytes": 4 * num_params, "packing": packed,
            "serving": added - packed, "alone": run("alone", sizes),
            "two": {"none": run("halves", sizes, 2),
                    f"{CHECKED} Gbit/s": run_linked(
                        CHECKED, *command("halves", sizes))}}


def checked(seen):
    """Return the simulated and the measured step of two workers here.

    They stand in a dict, by the link between the workers.
    """
    found = {}
    for link, own in seen["two"].items():
        if own:
            work = Work(own["compute"], seen["packing"], seen["serving"],
                        own["update"], seen["num_bytes"])
            found[link] = step_seconds(2, work, Link(
                math.inf if link == "none" else CHECKED, 0)), own["step"]
    return found


def table(head, rows, words=1):
    """Return a table in Markdown; the columns after the words are numbers."""
    return "\n".join([f"| {' | '.join(head)} |",
                      "|" + "---|" * words + "---:|" * (len(head) - words),
                      *(f"| {' | '.join(row)} |" for row in rows)])


def milliseconds(seconds):
    """Return seconds as milliseconds, in a cell.

    >>> milliseconds(0.0123), milliseconds(1.5)
    ('12.3', '1,500')
    """
    return f"{1e3 * seconds:{'.1f' if seconds < 0.1 else ',.0f'}}"


def measured_table(record):
    """Return the parts of a step of each model."""
    rows = []
    for name, seen in record["models"].items():
        sizes, work = seen["sizes"], work_of(seen, seen["sizes"]["batch_size"])
        rows.append([
            name, f"{sizes['batch_size']} by {sizes['num_steps']}",
            f"{seen['num_params']:,}", f"{seen['num_bytes'] / 1e6:.1f}",
            *map(milliseconds, work[:4])])
    return table(["model", "mini-batch", "parameters", "megabytes", "compute",
                  "pack", "serve", "update"], rows)


def compute_table(record):
    """Return how long a machine computes, by the number of machines."""
    rows = []
    for name, seen in record["models"].items():
        batch_size = seen["sizes"]["batch_size"]
        rows.append([name, *(
            "" if batch_size % machines else milliseconds(
                seen["alone"][str(batch_size // machines)]["compute"])
            for machines in MACHINES)])
    return table(["model", *map(str, MACHINES)], rows)


def check_table(record):
    """Return the simulated steps of two workers beside the measured ones."""
    rows = []
    for name, seen in record["models"].items():
        for link, (simulated, step) in checked(seen).items():
            rows.append([name, link, milliseconds(simulated),
                         milliseconds(step),
                         f"{100 * (simulated / step - 1):+.1f} %"])
    return table(["model", "link", "simulated", "measured", "difference"],
                 rows, words=2)


def speed_table(record, links, **options):
    """Return the speed-ups of all models, the highest of a line in bold."""
    rows = []
    for name, seen in record["models"].items():
        for speed in links:
            found = speed_ups(seen, Link(speed), **options)
            best = max(value for value in found if value)
            rows.append([name, f"{speed} Gbit/s", *(
                "" if value is None else
                f"**{value:.2f}**" if value == best else f"{value:.2f}"
                for value in found)])
    return table(["model", "link", *map(str, MACHINES)], rows, words=2)


def to_markdown(record):
    """Return the page of the record: each table between two marks."""
    tables = {
        "measured": measured_table(record), "compute": compute_table(record),
        "check": check_table(record), "shared": speed_table(record, SPEEDS),
        "everywhere": speed_table(record, SPEEDS, everywhere=True),
        "grown": speed_table(record, SPEEDS, grows=True),
        "settings": f"A message arrives {1e3 * LATENCY:g} ms after it was "
        f"sent; {machine(record)}; {record['date']}."}
    parts = [f"<!-- {name} -->\n\n{text}\n\n<!-- end of {name} -->"
             for name, text in tables.items()]
    return "\n\n".join(["# How many machines help", *parts]) + "\n"


def main():
    """Measure one part, which the arguments name, or all; keep the record."""
    if len(sys.argv) > 1:
        part, sizes = sys.argv[1:]
        print(json.dumps(PARTS[part](json.loads(sizes))))
        return
    from d2lrnn.basics.environment import machine_record
    record = {**machine_record(), "models": {}}
    for name, sizes in MODELS.items():
        record["models"][name] = measure(sizes)
        print(name, checked(record["models"][name]), file=sys.stderr)
        write(record, RESULTS)
    # as it was written: JSON makes strings of the numbers of rows
    record = read(RESULTS)
    RESULTS.with_suffix(".md").write_text(to_markdown(record), "utf-8")
    print(to_markdown(record))


if __name__ == "__main__":
    main()
