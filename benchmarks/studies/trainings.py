"""What the studies of long trainings share: going on, and their records."""
import argparse
from pathlib import Path

import d2lrnn as d2l  # before mxnet
from d2lrnn.training.dynamic import gradient_scales, losses_while_learning
from d2lrnn.training.evaluation import in_rows

from benchmarks import read, write

NUM_STEPS = 20  # in a segment, after which a model learns


def arguments(study, document, choices=()):
    """Return a parser of a study's command line.

    ``document`` is the study's docstring; ``choices`` are the names of what it
    can train.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.studies.{study}",
        description=document.split("\n")[0])
    if choices:
        parser.add_argument("name", nargs="*", help=", ".join(choices))
    parser.add_argument("--folder", type=Path, default=Path("runs", study),
                        help="where the trainings are kept (default: "
                             "%(default)s)")
    return parser


def go_on(model, corpus, folder, **options):
    """Train as ``fit`` does, from where an earlier call was stopped."""
    return d2l.fit(model, corpus, **options, folder=folder,
                   resume=(folder / "last.safetensors").exists())


def curve(history):
    """Return what a record keeps of each epoch."""
    return [{key: epoch[key] for key in (
        "epoch", "loss", "held_out_loss", "seconds")} for epoch in history]


def static(model, ids, temperature=1.0):
    """Return the mean loss of a model on a text that it reads in one row."""
    return mean(d2l.evaluate(model, ids, 1, temperature=temperature)[0])


def dynamic(model, ids, train_ids, **settings):
    """Return the mean loss of a model that goes on learning as it reads."""
    return mean(d2l.evaluate_dynamically(
        model, ids, train_ids, num_steps=NUM_STEPS, **settings)[0])


def try_dynamic(model, ids, train_ids, settings):
    """Return each of the settings with the loss of a model that learns on."""
    scales = gradient_scales(model, train_ids, NUM_STEPS)
    tried = []
    for one in settings:
        measured = losses_while_learning(model, scales, *in_rows(ids, 1),
                                         num_steps=NUM_STEPS, **one)
        tried.append({**one, "loss": mean(measured)})
        print(tried[-1], flush=True)
    return tried


def mean(losses):
    """Return the mean of losses as Python's own float."""
    return float(losses.mean(dtype="float64"))


def keep(path, name, value):
    """Write a part of a record, and leave the others as they are."""
    record = read(path) if path.exists() else {}
    write({**record, name: value}, path)


def line(*cells):
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"
