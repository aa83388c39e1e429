"""Time an epoch of the two LSTM lessons beside the same models in PyTorch.

``python -m benchmarks.applications`` writes applications.json and
applications.md. Each side trains in its own process with all cores, on the
same mini-batches from the same weights, with clipping off and Adam; the
processes take turns. Before the clock starts, both sides' losses on the first
mini-batch, without dropout, must agree to 1e-4. PyTorch runs its own fused
LSTM, and for the jazz lesson also the lesson's loop over a cell. Needs ``pip
install -e '.[oracle]'``.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import keep

RESULTS = Path(__file__).with_name("applications.json")
EPOCHS = {"shakespeare": 1, "jazz": 50}  # of each round
LRS = {"shakespeare": 1e-3, "jazz": 1e-2}
SIDES = {"shakespeare": ("d2lrnn", "PyTorch"),
         "jazz": ("d2lrnn", "PyTorch", "PyTorch, a loop over the cell")}


def prepare(lesson, folder):
    """Write weights and two epochs of mini-batches for both sides."""
    import d2lrnn as d2l
    from d2lrnn import jazz, shakespeare
    from mxnet import init
    if lesson == "jazz":
        music = jazz.load_music_utils()
        feed = jazz.Phrases(music, 32)
        model = jazz.djmodel(30, 64, music.n_values)
    else:
        poems = shakespeare.load_poems(fallback=False)
        feed = d2l.Windows(poems, 40, 3, 128, 0.05)
        model = d2l.WindowLSTM(poems.vocab_size)
    d2l.seed(1)
    model.initialize(init.Xavier())
    d2l.save_model(folder / "model.safetensors", model)
    batches = list(feed.epoch(np.random.default_rng(1)))
    np.savez(folder / "batches.npz", **{
        f"{name}{i}": array for i, batch in enumerate(batches)
        for name, array in zip("xy", batch, strict=True)})


def load_batches(folder):
    """Return the mini-batches that ``prepare`` wrote."""
    with np.load(folder / "batches.npz") as file:
        arrays = dict(file)
    return [(arrays[f"x{i}"], arrays[f"y{i}"])
            for i in range(len(arrays) // 2)]


def train_ours(lesson, folder):
    """Return the first loss, and a function that trains for an epoch."""
    import d2lrnn as d2l
    from d2lrnn import feeds, fitting
    from d2lrnn.jazz import Phrases
    from d2lrnn.training_state import TrainingState
    from mxnet import cpu, nd
    model = d2l.load_model(folder / "model.safetensors")
    kind = Phrases if lesson == "jazz" else feeds.Windows
    loss = kind.__new__(kind).loss
    batches = load_batches(folder)
    x, y = map(nd.array, batches[0])
    first = loss(model(x)[0], y).sum().asscalar()
    run = TrainingState(model, "adam", {}, len(x), cpu())

    def epoch():
        for x, y in batches:
            fitting.train_step(run, x, y, loss, None, 1, LRS[lesson])
        nd.waitall()
        run.losses.clear()

    return float(first), epoch


def train_pytorch(lesson, folder, loop):
    """Return the same for PyTorch."""
    import torch
    from d2lrnn.checkpoint import read

    from benchmarks import torch_models
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(1)
    weights, metadata = read(folder / "model.safetensors")
    model, loss = torch_models.make(lesson, metadata["model"], weights, loop)
    batches = load_batches(folder)
    optimizer = torch.optim.Adam(model.parameters(), LRS[lesson])
    model.eval()
    with torch.no_grad():
        first = loss(model(*map(torch.from_numpy, batches[0][:1])),
                     torch.from_numpy(batches[0][1])).item()
    model.train()

    def epoch():
        for x, y in batches:
            optimizer.zero_grad()
            l = loss(model(torch.from_numpy(x)), torch.from_numpy(y))
            l.backward()
            optimizer.step()

    return first, epoch


def measure(lesson, side, folder):
    """Train on one side, and print its first loss and seconds per epoch."""
    if side == "d2lrnn":
        first, epoch = train_ours(lesson, folder)
    else:
        first, epoch = train_pytorch(lesson, folder, "loop" in side)
    if lesson == "jazz":
        epoch()  # to warm up
    start = time.perf_counter()
    for _ in range(EPOCHS[lesson]):
        epoch()
    seconds = (time.perf_counter() - start) / EPOCHS[lesson]
    print(json.dumps([first, seconds]))


def compare(rounds):
    """Return the record of all rounds, the sides taking turns."""
    from importlib import metadata

    from d2lrnn.report import machine_record
    record = {**machine_record(), "rounds": rounds, "lessons": {},
              "pytorch": metadata.version("torch")}
    for lesson, sides in SIDES.items():
        seconds, losses = {side: [] for side in sides}, {}
        with tempfile.TemporaryDirectory() as folder:
            prepare(lesson, Path(folder))
            for n in range(rounds):
                for side in sides:
                    done = subprocess.run(
                        [sys.executable, "-m", "benchmarks.applications",
                         "--side", side, "--lesson", lesson, "--folder",
                         folder], check=True, capture_output=True, text=True)
                    losses[side], time_of = json.loads(done.stdout)
                    seconds[side].append(time_of)
                    print(f"{lesson}, round {n + 1}: {side} {time_of:.4f} s "
                          f"an epoch", file=sys.stderr)
        ours = losses["d2lrnn"]
        for side, loss in losses.items():
            if abs(loss - ours) > 1e-4 * abs(ours):
                sys.exit(f"{lesson}: {side} has a loss of {loss}, d2lrnn of "
                         f"{ours}: they do not compute the same")
        record["lessons"][lesson] = {"seconds": seconds, "losses": losses}
    return record


def to_markdown(record):
    """Return the table of a record: medians, spread, ratio to PyTorch."""
    lines = ["| lesson | side | seconds an epoch | min | max | x PyTorch |",
             "|---|---|---:|---:|---:|---:|"]
    for lesson, measured in record["lessons"].items():
        seconds = measured["seconds"]
        pytorch = statistics.median(seconds["PyTorch"])
        for side, times in seconds.items():
            median = statistics.median(times)
            lines.append(f"| {lesson} | {side} | {median:.4g} | "
                         f"{min(times):.4g} | {max(times):.4g} | "
                         f"{median / pytorch:.2f} |")
    lines += ["", f"{record['rounds']} rounds on {record['machine']['cpu']}, "
              f"{record['machine']['cores']} cores; MXNet "
              f"{record['versions']['mxnet']}, PyTorch {record['pytorch']}; "
              f"{record['date']}."]
    return "\n".join(lines) + "\n"


def main():
    """Run the comparison and write its results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    for name in ("side", "lesson", "folder"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        measure(args.lesson, args.side, Path(args.folder))
        return
    keep(compare(args.rounds), RESULTS, to_markdown)


if __name__ == "__main__":
    main()
