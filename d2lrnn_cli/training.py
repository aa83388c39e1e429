"""Train as ``d2lrnn train`` does: a ``CharRNN`` in a folder."""
import json
import os

import d2lrnn as d2l
from d2lrnn.basics.checks import check_numbers, check_path
from d2lrnn.basics.files import to_text
from d2lrnn.data.tokens import UNKNOWN, spelled
from d2lrnn.training.runs import holds_training, run_folder

from d2lrnn_cli.arguments import check_given
from d2lrnn_cli.command_file import written_command
from d2lrnn_cli.loading import load_text
from d2lrnn_cli.streams import quoted
from d2lrnn_cli.together import is_worker

__all__ = ["run", "told_by_worker_0"]

SAMPLE = 200  # tokens in the sample after each epoch
MODEL = ("num_hiddens", "num_layers", "cell", "dropout", "unroll",
         "tie_weights", "weight_drop", "variational")  # CharRNN's
FIT = ("num_epochs", "lr", "batch_size", "num_steps", "held_out",
       "optimizer", "schedule", "clipping_theta", "patience", "average",
       "seed")


def run(text, settings, folder, resume, ctx):
    """Train in a folder, and keep other runs out of it meanwhile.

    Exit with 130 after Ctrl-C. If ``resume`` is true but nothing was saved,
    begin anew. If there are several workers, worker 0 alone has a folder.
    """
    folder = check_path("the run's folder", os.fspath(folder))
    text = os.fspath(check_path("TEXT", text))
    if settings["prefix"]:
        settings = {**settings, "prefix": to_text(settings["prefix"])}
    together = workers()
    try:
        if together.rank:
            resume = bool(together.broadcast(b""))
            train(text, settings, None, resume, ctx, together)
        else:
            run_in(folder, text, settings, resume, ctx, together)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def run_in(folder, text, settings, resume, ctx, together):
    """Train as ``run`` does, as the only worker or as worker 0."""
    go_on = f"type d2lrnn train --resume {quoted(str(folder))}"
    with run_folder(folder, go_on) as held:
        if not resume and holds_training(folder):
            raise ValueError(
                f"{folder} already holds a training run: give another "
                f"--out, or {go_on} to continue it")
        if resume and not holds_training(folder):
            print(f"nothing was saved in {folder} before it stopped: "
                  f"training starts over")
            resume = False
        together.broadcast(b"resume" if resume else b"")
        with written_command(folder, text, settings) as (text, settings):
            train(text, settings, held, resume, ctx, together)


def workers():
    """Return the workers that train together, or ``Alone()``."""
    return d2l.Workers() if is_worker() else d2l.Alone()


def told_by_worker_0(function):
    """Return what a function returns in worker 0, in all workers.

    It must be what JSON can hold.
    """
    together = workers()
    value = None if together.rank else function()
    return json.loads(together.broadcast(json.dumps(value).encode()))


def train(text, settings, folder, resume, ctx, together):
    """Train a ``CharRNN``, with a sample after each epoch."""
    check_options(settings)
    corpus = load_text(text, settings["level"], settings["min_freq"])
    model = d2l.CharRNN(corpus.vocab_size, settings["embed_size"] or None,
                        **{name: settings[name] for name in MODEL})
    if isinstance(settings["held_out"], str):
        settings = {**settings, "held_out": load_text(
            settings["held_out"], corpus.level,
            vocabulary=corpus.idx_to_char)}
    else:  # here nobody can give a Corpus, of which fit's error speaks
        check_numbers(held_out=settings["held_out"])
    prefix = settings["prefix"] or first_token(corpus)
    d2l.check_prefix(d2l.tokenize(prefix, corpus.level), SAMPLE,
                     corpus.char_to_idx)

    def sample(model, record):
        pieces = d2l.generate(model, prefix, SAMPLE, 0.8,
                              seed=settings["seed"])
        record["lyrics"] = [prefix + "".join(pieces)]

    d2l.fit(model, corpus, **{name: settings[name] for name in FIT}, ctx=ctx,
            folder=folder, resume=resume, on_epoch_end=sample,
            together=together)


def check_options(settings):
    """Refuse numbers as options; the package speaks of None, as Python has."""
    check_given("0 for one-hot vectors",
                embed_size=settings["embed_size"] or None)
    check_numbers(clipping_theta=settings["clipping_theta"],
                  seed=settings["seed"])
    check_given(average=settings["average"], patience=settings["patience"])


def first_token(corpus):
    """Return the first token of a text that is not ``<unk>``, spelled."""
    token = next((token for token in map(corpus.idx_to_char.__getitem__,
                                         corpus.corpus_indices)
                  if token != UNKNOWN), None)
    if token is None:
        raise ValueError(f"{corpus.source} has no token but <unk>: give "
                         f"another text")
    text = spelled(token, corpus.level)
    return text.removeprefix(" ") or text  # at level "char" it may be a space
