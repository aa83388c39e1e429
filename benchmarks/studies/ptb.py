"""Record trainings on the Penn Treebank beside the published numbers.

``python -m benchmarks.studies.ptb --folder FOLDER [NAME ...]`` trains the
models of TRAININGS on the training part, and keeps the epoch that is best on
the validation part, whose beginning also chooses the settings of dynamic
evaluation. Then it reads the test part in one row, as it is and learning on.
A training that was stopped goes on where it was.

"zaremba" is the small configuration of Zaremba et al. 2014: there a
mini-batch's loss is the sum over its 20 steps, so that their learning rate of
1 and their limit of 5 are 20 and 0.25 for our mean. The rate is halved after
the fourth epoch, as in the later versions of TensorFlow's tutorial; the
earlier one, of which it keeps the published numbers, halved it after the
fifth.
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
    static,
    try_dynamic,
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
        "words": "words, 2 x 400, tied, dropout 0.4",
        "level": "split", "model": {
            "embed_size": 400, "num_hiddens": 400, "num_layers": 2,
            "dropout": 0.4, "tie_weights": True},
        "training": {
            "num_epochs": 16, "lr": 30.0, "optimizer": "sgd",
            "schedule": "warmup_cosine", "batch_size": 20, "num_steps": 35,
            "clipping_theta": 0.25}},
    "characters": {
        "words": "characters, 2 x 800, dropout 0.15",
        "level": "char", "model": {
            "embed_size": 64, "num_hiddens": 800, "num_layers": 2,
            "dropout": 0.15},
        "training": {
            "num_epochs": 11, "lr": 1.2e-3, "schedule": "warmup_cosine",
            "batch_size": 32, "num_steps": 50}},
}
# by the level of the training beside which they stand
PUBLISHED = {
    "split": (
        ("Zaremba et al. 2014, small, as TensorFlow's tutorial repeats it",
         "4.7", "121.39", "115.91", ""),
        ("Zaremba et al. 2014, medium, as TensorFlow's tutorial repeats it",
         "19.8", "86.16", "82.07", ""),
        ("Merity et al. 2018a, AWD-LSTM; learning on: Krause et al. 2018",
         "24", "60.0", "57.3", "51.1")),
    "char": (
        ("zoneout, 1,000 units: Krueger et al. 2016, as others quote it", "",
         "", "1.27", ""),
        ("Merity et al. 2018b, AWD-LSTM", "13.8", "", "1.175", ""))}
DYNAMIC = [{"lr": lr, "decay": decay} for lr in (5e-5, 1e-4, 2e-4)
           for decay in (0.0, 0.001)]
NUM_CHOOSING, NUM_SCALING = 20_000, 200_000  # ids, of validation and training
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
            "valid": static(best, valid.corpus_indices),
            "test": static(best, test.corpus_indices),
            **learning_on(best, *(part.corpus_indices for part in (
                corpus, valid, test))),
            "chars_per_token": {
                name: part.num_chars / len(part.corpus_indices)
                for name, part in (("valid", valid), ("test", test))},
            "num_params": sum(p.data().size for p in
                              best.collect_params().values()),
            "history": curve(history)}


def learning_on(model, train_ids, valid_ids, test_ids):
    """Return the test loss of a model that learns, and what was tried."""
    train_ids = train_ids[:NUM_SCALING]
    tried = try_dynamic(model, valid_ids[:NUM_CHOOSING], train_ids, DYNAMIC)
    best = min(tried, key=lambda one: one["loss"])
    return {"tried": tried, "dynamic": dynamic(
        model, test_ids, train_ids, lr=best["lr"], decay=best["decay"])}


def to_markdown(record):
    """Return a table of the models of words, and one in bits a character.

    The second has our tied model of words, too.
    """
    lines = []
    for level, title, names, shown in (
            ("split", "perplexity", ("zaremba", "words"), in_perplexity),
            ("char", "bits a character", ("characters", "words"), in_bits)):
        ours = [own_line(name, record[name], shown) for name in names
                if name in record]
        if ours:
            lines += [line(f"Penn Treebank, {title}", "million parameters",
                           "validation", "test", "test, learning on"),
                      "|---|---:|---:|---:|---:|", *ours,
                      *(line(*row) for row in PUBLISHED[level]), ""]
    lines.append(f"{machine(next(iter(record.values())))}; seed {SEED}.")
    return "\n".join(lines) + "\n"


def in_perplexity(loss, chars_per_token):
    """Return the perplexity of a loss in nats a word."""
    return f"{math.exp(loss):.2f}"


def in_bits(loss, chars_per_token):
    """Return the bits a character of a loss in nats a token."""
    return f"{loss / math.log(2) / chars_per_token:.3f}"


def own_line(name, ran, shown):
    """Return the line of a training that is recorded."""
    chars = ran["chars_per_token"]
    return line(f"d2lrnn: {TRAININGS[name]['words']}, {len(ran['history'])} "
                f"epochs", f"{ran['num_params'] / 1e6:.1f}",
                *(shown(ran[key], chars[part]) for key, part in (
                    ("valid", "valid"), ("test", "test"),
                    ("dynamic", "test"))))


def main():
    """Train the models named, or all, and keep each as soon as it is done."""
    args = arguments("ptb", __doc__, TRAININGS).parse_args()
    for name in args.name or TRAININGS:
        keep(RESULTS, name, train(name, args.folder / name))


if __name__ == "__main__":
    main()
