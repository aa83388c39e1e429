"""Profile a training step, operator by operator.

``python -m benchmarks.studies.profiles`` takes the steps of the row charrnn in
d2lrnn and in PyTorch under their profilers, and writes profiles.md: the
milliseconds a step of each operator. MXNet runs its operators one by one here,
so that the profiler sees each.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import RECORDS, ROOT, machine
from benchmarks.rows import charrnn
from benchmarks.shared import load_batches

RESULTS = RECORDS / "profiles.md"
CELLS = ("rnn", "gru", "lstm")
CAVEAT = """\
Profiling takes time, too, and MXNet's operators run one by one here, so the
steps are slower than those of the row. MXNet's profiler counts a part of RNN
and of _backward_RNN twice."""
NUM_EPOCHS = 5
LEAST = 0.3  # milliseconds; faster operators are only in the sum
# these wait for operators, or call them
WAITING = ("MXNDArray", "WaitForVar")


def profile_ours(folder, num_steps):
    """Return a dict from operators to milliseconds a step.

    An epoch has ``num_steps`` of them.
    """
    os.environ["MXNET_EXEC_BULK_EXEC_TRAIN"] = "0"
    _, epoch = charrnn.training("d2lrnn", folder, charrnn.SIZES)
    from mxnet import profiler
    epoch()
    profiler.set_config(profile_imperative=True, aggregate_stats=True,
                        filename=str(folder / "profile.json"))
    profiler.set_state("run")
    for _ in range(NUM_EPOCHS):
        epoch()
    profiler.set_state("stop")
    times = json.loads(profiler.dumps(format="json"))["Time"]["operator"]
    return {name: seen["Total"] / (NUM_EPOCHS * num_steps)
            for name, seen in times.items() if not name.startswith(WAITING)}


def profile_pytorch(folder, num_steps):
    """Return the same for PyTorch."""
    from torch.profiler import ProfilerActivity, profile
    _, epoch = charrnn.training("PyTorch", folder, charrnn.SIZES)
    epoch()
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(NUM_EPOCHS):
            epoch()
    return {event.key: event.self_cpu_time_total / 1000
            / (NUM_EPOCHS * num_steps) for event in seen.key_averages()}


SIDES = {"d2lrnn": profile_ours, "PyTorch": profile_pytorch}


def in_a_process(side, folder):
    """Return the profile of a side, which a process of its own measures.

    The libraries' threads would disturb one another.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.studies.profiles", side,
         folder], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def to_markdown(profiles, record):
    """Return a page with a table for each cell and side."""
    lines = ["# Where the time of a training step goes", "",
             f"The row charrnn; milliseconds a step of each operator with at "
             f"least {LEAST}; {machine(record)}; {record['date']}.",
             "", CAVEAT]
    for (cell, side), times in profiles.items():
        lines += ["", f"## {cell}, {side}", "", "| operator | ms a step |",
                  "|---|---:|"]
        lines += [f"| {name} | {time:.2f} |" for name, time in sorted(
            times.items(), key=lambda item: -item[1]) if time >= LEAST]
        lines.append(f"| all | {sum(times.values()):.2f} |")
    return "\n".join(lines) + "\n"


def main():
    """Profile one side, named by arguments, or all, and write the page."""
    if len(sys.argv) > 1:
        side, folder = sys.argv[1], Path(sys.argv[2])
        print(json.dumps(SIDES[side](folder, len(load_batches(folder)))))
        return
    from d2lrnn.basics.environment import machine_record
    profiles = {}
    for cell in CELLS:
        with tempfile.TemporaryDirectory() as folder:
            charrnn.prepare(cell, Path(folder), charrnn.SIZES)
            for side in SIDES:
                profiles[cell, side] = in_a_process(side, folder)
    page = to_markdown(profiles, machine_record())
    RESULTS.write_text(page, "utf-8")
    print(page)


if __name__ == "__main__":
    main()
