"""Record a long training of the char-RNN on tiny Shakespeare.

``python -m benchmarks.studies.tinyshakespeare`` trains on the first 90 %,
measures on the last 10 %, and writes to records/tinyshakespeare: record.json
(settings, machine, history), log.txt (all that it printed), curve.png and
sample.txt. The state is carried through the text.
"""
import contextlib
import math
import sys
import tempfile
from pathlib import Path

import d2lrnn as d2l  # before mxnet

from benchmarks import RECORDS, machine, read, write

FOLDER = RECORDS / "tinyshakespeare"
RESULTS = FOLDER / "record.json"
NANOGPT = 1.4697  # its README's best validation loss, windows of 256
MODEL = {"embed_size": 128, "num_hiddens": 512, "num_layers": 2,
         "cell": "lstm", "dropout": 0.4}
TRAINING = {"num_epochs": 18, "lr": 4e-3, "schedule": "warmup_cosine",
            "batch_size": 50, "num_steps": 100, "seed": 1}


class Tee:
    """Write to several files at once."""

    def __init__(self, *files):
        self.files = files

    def write(self, text):
        """Write to each, now."""
        for file in self.files:
            file.write(text)
            file.flush()

    def flush(self):
        """Do nothing: ``write`` flushes each text."""

    def isatty(self):
        """Keep progress bars out of the files."""
        return False


def main():
    """Train, and write record, log, curve and sample."""
    FOLDER.mkdir(exist_ok=True)
    corpus = d2l.load_corpus("tinyshakespeare", fallback=False)
    model = d2l.CharRNN(corpus.vocab_size, **MODEL)
    with (tempfile.TemporaryDirectory() as folder,
          (FOLDER / "log.txt").open("w") as log,
          contextlib.redirect_stdout(Tee(sys.stdout, log))):
        print(f"text: {corpus.source}")
        history = d2l.fit(model, corpus, **TRAINING, folder=folder)
        record = read(Path(folder) / "record.json")
        record["name"] = "tinyshakespeare"
        best = d2l.load_model(Path(folder) / "best.safetensors")
    prompt = "\n"
    text = "".join(d2l.generate(best, prompt, 1000, temperature=0.8, seed=1))
    (FOLDER / "sample.txt").write_text(text.strip() + "\n", "utf-8")
    write(record, RESULTS)
    d2l.plot_perplexity({"char-RNN": history}, corpus).savefig(
        FOLDER / "curve.png", dpi=120)


def to_markdown(record):
    """Return the first epoch with a loss below nanoGPT's, and the best."""
    training = record["trainings"]["fit"]
    minutes, seconds = [], 0.0
    for epoch in training["history"]:
        seconds += epoch["seconds"]
        minutes.append(seconds / 60)
    best = training["best"]["epoch"]
    below = next(epoch["epoch"] for epoch in training["history"]
                 if epoch["held_out_loss"] < NANOGPT)
    lines = ["| tiny Shakespeare, last 10 % held out | nats a character | "
             "bits | perplexity | epochs | minutes |",
             "|---|---:|---:|---:|---:|---:|"]
    for label, n in (("char-RNN, first below nanoGPT", below),
                     ("char-RNN, at its best", best)):
        epoch = training["history"][n - 1]
        lines.append(
            f"| {label} | {epoch['held_out_loss']:.4f} | "
            f"{epoch['held_out_bits_per_char']:.3f} | "
            f"{epoch['held_out_perplexity']:.3f} | {n} | "
            f"{minutes[n - 1]:.0f} |")
    lines += [
        f"| nanoGPT, as published | {NANOGPT} | {NANOGPT / math.log(2):.3f} | "
        f"{math.exp(NANOGPT):.3f} | | |", "",
        f"{machine(record)}; seed {record['settings']['seed']}; "
        f"{record['date']}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
