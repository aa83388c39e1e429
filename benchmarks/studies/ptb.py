"""Record trainings on the Penn Treebank beside the published numbers.

``python -m benchmarks.studies.ptb --folder FOLDER [NAME ...]`` trains the
models of TRAININGS on the training part, chooses nothing by the test part,
and reads it once, in one row. A training that was stopped goes on where it
was. "zaremba" is the small configuration of Zaremba et al. 2014: there a
mini-batch's loss is the sum over its 20 steps, so that their learning rate of
1 and their limit of 5 are 20 and 0.25 for our mean.
"""
import math

import d2lrnn as d2l  # before mxnet
from d2lrnn.basics.environment import machine_record
from d2lrnn.data.samplers import ptb_iterator
from mxnet import init, random

from benchmarks import RECORDS, machine
from benchmarks.studies.trainings import (
    arguments,
    curve,
    dynamic,
    go_on,
    keep,
    line,
    mean,
    static,
)

RESULTS = RECORDS / "ptb.json"
ZAREMBA = {"embed_size": 200, "num_hiddens": 200, "num_layers": 2}
TRAININGS = {
    "zaremba": {
        "words": "as Zaremba et al. 2014, small", "level": "split",
        "model": ZAREMBA, "training": {
            "num_epochs": 13, "lr": 20.0, "optimizer": "sgd",
            "batch_size": 20, "num_steps": 20, "clipping_theta": 0.25}},
    "words": {
        "words": "2 x 400, tied, units dropped",
        "level": "split", "model": {
            "embed_size": 400, "num_hiddens": 400, "num_layers": 2,
            "dropout": 0.4, "tie_weights": True},
        "training": {
            "num_epochs": 16, "lr": 30.0, "optimizer": "sgd",
            "schedule": "warmup_cosine", "batch_size": 20, "num_steps": 35,
            "clipping_theta": 0.25}},
    "characters": {
        "words": "2 x 512, units dropped",
        "level": "char", "model": {
            "embed_size": 64, "num_hiddens": 512, "num_layers": 2,
            "dropout": 0.1},
        "training": {
            "num_epochs": 8, "lr": 3e-3, "schedule": "warmup_cosine",
            "batch_size": 32, "num_steps": 100}},
}
# of a training: what it reaches by words, or its bits a character
PUBLISHED = {
    "split": (
        ("Zaremba et al. 2014, small, as TensorFlow's tutorial repeats it",
         "4.7", "121.39", "115.91", ""),
        ("Zaremba et al. 2014, medium, as TensorFlow's tutorial repeats it",
         "19.8", "86.16", "82.07", ""),
        ("Merity et al. 2018, AWD-LSTM; learning on: Krause et al. 2018",
         "24", "60.0", "57.3", "51.1")),
    "char": (
        ("Krueger et al. 2017, zoneout, 1,000 units", "", "", "1.27", ""),
        ("Merity et al. 2018, AWD-LSTM", "13.8", "", "1.175", ""))}
DYNAMIC = {"lr": 1e-4, "decay": 0.005}
SEED = 1


def halved(num_batches):
    """Return the schedule of Zaremba et al. for epochs of so many steps."""
    def schedule(step):
        epoch = step // num_batches + 1
        return 20.0 * 0.5 ** max(0, epoch - 4)

    return schedule


def model_of(name, vocab_size):
    """Return a model; that of Zaremba et al. with their first weights."""
    model = d2l.CharRNN(vocab_size, **TRAININGS[name]["model"])
    if name == "zaremba":
        random.seed(SEED)
        for param in model.collect_params().values():
            param.initialize(init.Uniform(0.1))
    return model


def train(name, folder):
    """Train a model, or go on with it, and return its record."""
    chosen = TRAININGS[name]
    corpus, valid, test = d2l.load_ptb(chosen["level"], fallback=False)
    model, training = model_of(name, corpus.vocab_size), chosen["training"]
    if name == "zaremba":
        sizes = training["batch_size"], training["num_steps"]
        training = {**training, "schedule": halved(sum(
            1 for _ in ptb_iterator(corpus.corpus_indices, *sizes)))}
    history = go_on(model, corpus, folder, **training, held_out=valid,
                    seed=SEED)
    best = d2l.load_model(folder / "best.safetensors")
    return {**machine_record(), "seed": SEED,
            "valid": mean(static(best, valid.corpus_indices)),
            "test": mean(static(best, test.corpus_indices)),
            "dynamic": mean(dynamic(best, test.corpus_indices,
                                    corpus.corpus_indices, **DYNAMIC)),
            "num_params": sum(p.data().size for p in
                              best.collect_params().values()),
            "history": curve(history)}


def to_markdown(record):
    """Return a table of the models of words, and one of characters."""
    lines = []
    for level, (unit, shown) in {
            "split": ("perplexity", lambda loss: f"{math.exp(loss):.2f}"),
            "char": ("bits a character", lambda loss:
                     f"{loss / math.log(2):.3f}")}.items():
        ours = [own_line(name, record[name], shown) for name, chosen
                in TRAININGS.items()
                if chosen["level"] == level and name in record]
        if ours:
            lines += [line(f"Penn Treebank, {unit}", "million parameters",
                           "validation", "test", "test, learning on"),
                      "|---|---:|---:|---:|---:|", *ours,
                      *(line(*row) for row in PUBLISHED[level]), ""]
    lines.append(f"{machine(next(iter(record.values())))}; seed {SEED}.")
    return "\n".join(lines) + "\n"


def own_line(name, ran, shown):
    """Return the line of a training that is recorded."""
    return line(f"d2lrnn: {TRAININGS[name]['words']}, {len(ran['history'])} "
                f"epochs", f"{ran['num_params'] / 1e6:.1f}",
                *(shown(ran[part]) for part in ("valid", "test", "dynamic")))


def main():
    """Train the models named, or all, and keep each as soon as it is done."""
    args = arguments("ptb", __doc__, TRAININGS).parse_args()
    for name in args.name or TRAININGS:
        keep(RESULTS, name, train(name, args.folder / name))


if __name__ == "__main__":
    main()
