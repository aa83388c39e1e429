"""Train the writer of poems from nothing, and the model that ships.

``python -m benchmarks.studies.sonnets`` trains on Shakespeare's sonnets with
the lesson's settings, the last twentieth held out, and writes sonnets.json.
``--pretrain`` trains on the original sonnets instead, and writes
lyrics_data/sonnets.safetensors, the best model of all epochs.
"""
import argparse
import shutil
import tempfile
from pathlib import Path

import d2lrnn as d2l
from d2lrnn import shakespeare
from d2lrnn.basics.environment import machine_record

from benchmarks import RECORDS, ROOT, machine, write

SETTINGS = {"lr": 1e-3, "stride": 3, "batch_size": 128, "held_out": 0.05,
            "seed": 1}
SHOWN = (1, 8, 20)  # epochs
RESULTS = RECORDS / "sonnets.json"
PRETRAINED = ROOT / "lyrics_data" / "sonnets.safetensors"


def measure(num_epochs):
    """Return the record of a training from nothing."""
    poems = shakespeare.load_poems(fallback=False)
    model = d2l.WindowLSTM(poems.vocab_size)
    history = shakespeare.fit(model, poems, num_epochs, **SETTINGS)
    for epoch in history:
        del epoch["lyrics"]
    return {**machine_record(), "text": poems.source, "settings": SETTINGS,
            "model": model.config, "history": history}


def pretrain(num_epochs=32):
    """Train the model that ships, and keep its best epoch."""
    sonnets = shakespeare.load_poems("original_sonnets.txt")
    model = d2l.WindowLSTM(sonnets.vocab_size)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder) / "run"
        shakespeare.fit(model, sonnets, num_epochs, folder=folder, **{
            **SETTINGS, "lr": 3e-3, "schedule": "one_cycle"})
        shutil.copy(folder / "best.safetensors", PRETRAINED)
    print(f"{PRETRAINED}: {PRETRAINED.stat().st_size:,} bytes")


def to_markdown(record):
    """Return a table of the losses after some of the epochs."""
    lines = ["| epochs | training loss | held out | sec/epoch |",
             "|---:|---:|---:|---:|"]
    for epoch in record["history"]:
        if epoch["epoch"] in SHOWN:
            lines.append(
                f"| {epoch['epoch']} | {epoch['loss']:.3f} | "
                f"{epoch['held_out_loss']:.3f} | "
                f"{epoch['seconds']:.1f} |")
    lines += ["", f"{record['text']}, seed {record['settings']['seed']}; "
              f"{machine(record)}; {record['date']}."]
    return "\n".join(lines) + "\n"


def main():
    """Train, and write the record or the model that ships."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.sonnets",
        description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=20,
                        help="of the training from nothing (default: 20)")
    parser.add_argument("--pretrain", action="store_true",
                        help="train the model that ships instead")
    args = parser.parse_args()
    if args.pretrain:
        pretrain()
        return
    record = measure(args.epochs)
    write(record, RESULTS)
    print(to_markdown(record))


if __name__ == "__main__":
    main()
