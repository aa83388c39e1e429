"""Where the time of a training step goes: ``python -m benchmarks.profiles``.

It takes the steps of the row charrnn, rnn, in d2lrnn and in PyTorch, under
their profilers, and writes profiles.md: each operator's milliseconds a step.
MXNet hands its operators over one by one here, so that each is seen, and a
profiler takes time itself: these steps are slower than those of the row.
"""
import json
import os
import tempfile
from pathlib import Path

from d2lrnn.basics.environment import machine_record
from d2lrnn.training.evaluation import mean_loss
from mxnet import profiler

from benchmarks.book import load_batches
from benchmarks.rows import charrnn
from benchmarks.training_sides import char_rnn_pytorch, ours

RESULTS = Path(__file__).with_name("profiles.md")
NUM_EPOCHS, LEAST = 5, 0.3  # milliseconds: what is shown
# not work, but waiting for it, and calling it
WAITING = ("MXNDArray", "WaitForVar")


def profile_ours(folder, batches):
    """Return a dict from operators to milliseconds a step."""
    sizes = charrnn.SIZES
    _, epoch = ours(folder, batches, mean_loss, "sgd", sizes["lr"],
                    sizes["clipping_theta"])
    epoch()
    profiler.set_config(profile_imperative=True, aggregate_stats=True,
                        filename=str(folder / "profile.json"))
    profiler.set_state("run")
    for _ in range(NUM_EPOCHS):
        epoch()
    profiler.set_state("stop")
    times = json.loads(profiler.dumps(format="json"))["Time"]["operator"]
    return {name: seen["Total"] / (NUM_EPOCHS * len(batches))
            for name, seen in times.items() if not name.startswith(WAITING)}


def profile_pytorch(folder, batches):
    """Return the same for PyTorch."""
    from torch.profiler import ProfilerActivity, profile
    _, epoch = char_rnn_pytorch(folder, batches, charrnn.SIZES)
    epoch()
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        for _ in range(NUM_EPOCHS):
            epoch()
    return {event.key: event.self_cpu_time_total / 1000
            / (NUM_EPOCHS * len(batches)) for event in seen.key_averages()}


def to_markdown(profiles, record):
    """Return a page with a table for each side."""
    lines = ["# Where the time of a training step goes", "",
             f"The row charrnn, rnn; milliseconds a step of each operator "
             f"with at least {LEAST}; {record['machine']['cpu']}, "
             f"{record['machine']['cores']} cores; {record['date']}."]
    for side, times in profiles.items():
        lines += ["", f"## {side}", "", "| operator | ms a step |",
                  "|---|---:|"]
        lines += [f"| {name} | {time:.2f} |" for name, time in sorted(
            times.items(), key=lambda item: -item[1]) if time >= LEAST]
        lines.append(f"| all | {sum(times.values()):.2f} |")
    return "\n".join(lines) + "\n"


def main():
    """Profile both sides, and write the page."""
    os.environ["MXNET_EXEC_BULK_EXEC_TRAIN"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        charrnn.prepare("rnn", folder, charrnn.SIZES)
        batches = load_batches(folder)
        profiles = {"d2lrnn": profile_ours(folder, batches),
                    "PyTorch": profile_pytorch(folder, batches)}
    page = to_markdown(profiles, machine_record())
    RESULTS.write_text(page, "utf-8")
    print(page)


if __name__ == "__main__":
    main()
