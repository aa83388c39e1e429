"""Record a long training of the char-RNN on tiny Shakespeare.

``python -m benchmarks.studies.tinyshakespeare --folder FOLDER`` trains on the
first 90 %, measures on the last 10 %, and writes to records/tinyshakespeare:
record.json (settings, machine, history), log.txt (all that it printed) and
curve.png. The state is carried through the text. The model of the last epoch
is then measured in three ways: as it is, at a temperature, and while it goes
on learning. The settings of both were chosen within the first 90 %, by
``benchmarks.studies.regularisation``. A sample of its writing stays in the
folder. A training that was stopped goes on from there.
"""
import contextlib
import math
import sys
import time

import d2lrnn as d2l  # before mxnet

from benchmarks import RECORDS, machine, read, write
from benchmarks.studies.trainings import (
    arguments,
    dynamic,
    go_on,
    line,
    static,
)

FOLDER = RECORDS / "tinyshakespeare"
RESULTS = FOLDER / "record.json"
TEMPERATURE = 1.25
DYNAMIC = {"lr": 5e-5, "decay": 0.0}
NANOGPT = 1.4697  # its README's best validation loss, windows of 256
MODEL = {"embed_size": 128, "num_hiddens": 512, "num_layers": 2,
         "cell": "lstm", "dropout": 0.2, "weight_drop": 0.2}
TRAINING = {"num_epochs": 18, "lr": 3e-3, "schedule": "warmup_cosine",
            "batch_size": 25, "num_steps": 100}
SEED = 1


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
    """Train, measure, and write record, log, curve and sample."""
    folder = arguments("tinyshakespeare", __doc__).parse_args().folder
    FOLDER.mkdir(exist_ok=True)
    corpus = d2l.load_corpus("tinyshakespeare", fallback=False)
    model = d2l.CharRNN(corpus.vocab_size, **MODEL)
    resume = (folder / "last.safetensors").exists()
    finished = folder / "record.json"  # has the date of the training
    before = read(finished) if finished.exists() else None
    with ((FOLDER / "log.txt").open("a" if resume else "w") as log,
          contextlib.redirect_stdout(Tee(sys.stdout, log))):
        print(f"text: {corpus.source}")
        history = go_on(model, corpus, folder, **TRAINING, seed=SEED)
        record = {**(before or read(finished)), "name": "tinyshakespeare",
                  "rows": rows(model, corpus)}
        print(record["rows"])
    write(record, RESULTS)
    text = "".join(d2l.generate(model, "\n", 1000, temperature=0.8, seed=1))
    (folder / "sample.txt").write_text(text.strip() + "\n", "utf-8")
    d2l.plot_perplexity({"char-RNN": history}, corpus).savefig(
        FOLDER / "curve.png", dpi=120)


def rows(model, corpus):
    """Return the held-out loss of a model, measured in three ways."""
    train_ids, held_out_ids, _ = d2l.split(corpus, 0.1)
    start = time.time()
    return {"static": static(model, held_out_ids),
            "less sure": static(model, held_out_ids, TEMPERATURE),
            "dynamic": dynamic(model, held_out_ids, train_ids, **DYNAMIC),
            "settings": {"temperature": TEMPERATURE, **DYNAMIC},
            "seconds": time.time() - start}


def to_markdown(record):
    """Return the rows, the first epoch below nanoGPT's loss, and that."""
    history = record["trainings"]["fit"]["history"]
    epochs = [(epoch["held_out_loss"], epoch["epoch"]) for epoch in history]
    below = next(epoch for epoch in epochs if epoch[0] < NANOGPT)
    last, rows = len(history), record["rows"]
    lines = [line("tiny Shakespeare, last 10 % held out", "nats a character",
                  "bits", "perplexity", "epochs", "minutes"),
             "|---|---:|---:|---:|---:|---:|"]
    for label, loss, epoch in (
            ("char-RNN, first below nanoGPT", *below),
            ("char-RNN", rows["static"], last),
            (f"the same, at temperature {rows['settings']['temperature']}",
             rows["less sure"], last),
            ("the same, learning on as it reads", rows["dynamic"], last),
            ("nanoGPT, as published", NANOGPT, 0)):
        minutes = sum(one["seconds"] for one in history[:epoch]) / 60
        lines.append(line(
            label, f"{loss:.4f}", f"{loss / math.log(2):.3f}",
            f"{math.exp(loss):.3f}",
            *((str(epoch), f"{minutes:.0f}") if epoch else ("", ""))))
    lines += ["", f"{machine(record)}; seed {record['settings']['seed']}; "
              f"{record['date']}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
