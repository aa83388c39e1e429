"""What ``d2lrnn train`` runs, and how it finds its settings again."""
import json
import os
from contextlib import contextmanager, nullcontext, suppress

import d2lrnn as d2l
from d2lrnn.files import write_whole

from d2lrnn_cli.models import first_token, load_text

COMMAND = "command.json"  # in the run's folder: what was typed
SAMPLE = 200  # characters after each epoch


def train(text, settings, folder, resume, ctx):
    """Train a ``CharRNN`` with the settings of the command."""
    if ctx:
        os.environ["D2LRNN_CTX"] = ctx
    corpus = load_text(text, settings["level"], settings["min_freq"])
    model = d2l.CharRNN(corpus.vocab_size, settings["embed"] or None,
                        settings["hidden"], settings["layers"],
                        settings["cell"], settings["dropout"],
                        settings["unroll"], settings["tie_weights"])
    prefix, ctx = settings["prefix"] or first_token(corpus), d2l.try_gpu()
    d2l.check_prefix(d2l.tokenize(prefix, corpus.level), SAMPLE,
                     corpus.char_to_idx)

    def sample(model, record):
        pieces = d2l.generate(model, prefix, SAMPLE, 0.8,
                              seed=settings["seed"])
        record["lyrics"] = [prefix + "".join(pieces)]

    with nullcontext() if resume else written_command(folder, text, settings):
        d2l.fit(model, corpus, settings["epochs"], settings["lr"],
                batch_size=settings["batch"], num_steps=settings["steps"],
                held_out=settings["val"], optimizer=settings["optimizer"],
                schedule=settings["schedule"],
                clipping_theta=settings["clip"],
                patience=settings["patience"], seed=settings["seed"],
                ctx=ctx, folder=folder, resume=resume, on_epoch_end=sample)


@contextmanager
def written_command(folder, text, settings):
    """Write what was typed into the folder of a run that is new.

    Where it turns out to be unusable, the folder goes away again.
    """
    if (folder / COMMAND).exists():
        raise ValueError(f"{folder} already holds a training: give another "
                         f"--out, or --resume {folder} to go on with it")
    if os.path.exists(text):
        text = os.path.abspath(text)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / COMMAND, json.dumps(
        {"text": text, "settings": settings}, ensure_ascii=False,
        indent=1).encode())
    try:
        yield
    except ValueError:
        (folder / COMMAND).unlink()
        with suppress(OSError):  # there are other things in it
            folder.rmdir()
        raise


def read_command(folder):
    """Return what was typed when a run began."""
    try:
        return json.loads((folder / COMMAND).read_text("utf-8"))
    except (OSError, ValueError):
        raise ValueError(f"{folder} holds no training of d2lrnn train: give "
                         f"the folder that it named") from None
