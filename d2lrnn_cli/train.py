"""``d2lrnn train``: train a model, or resume a training."""
import os
import sys
import time
from pathlib import Path
from typing import Annotated, get_type_hints

from typer import BadParameter, Context, Exit, Option

from d2lrnn_cli.app import FLAGS, messages
from d2lrnn_cli.arguments import TEXT, to_path
from d2lrnn_cli.streams import quoted
from d2lrnn_cli.together import (
    D2LRNN,
    At,
    MaxRestarts,
    Rank,
    Workers,
    is_worker,
    launch,
)

__all__ = ["train"]

# An option is named after the argument of fit or CharRNN that it sets. If it
# had another name in 0.1.0, that is its second spelling.
Text = Annotated[str | None, TEXT]
Cell = Annotated[str, Option(
    metavar="NAME", help="rnn, gru, lstm, ln_lstm, mingru, minlstm.")]
NumLayers = Annotated[int, Option(
    "--num-layers", "--layers", metavar="N", help="Recurrent layers.")]
NumHiddens = Annotated[int, Option(
    "--num-hiddens", "--hidden", metavar="N",
    help="Hidden units in each layer.")]
EmbedSize = Annotated[int, Option(
    "--embed-size", "--embed", metavar="N",
    help="Embedding size; 0 means one-hot.")]
Dropout = Annotated[float, Option(
    metavar="X", help="Dropout rate before each layer.")]
WeightDrop = Annotated[float, Option(
    "--weight-drop", metavar="X", help="Dropout rate of the recurrent "
    "weights.")]
Variational = Annotated[bool, Option(
    "--variational", help="Drop the same units in all steps.")]
TieWeights = Annotated[bool, Option(
    "--tie-weights", help="Use the embedding's weights in the output layer.")]
Unroll = Annotated[str, Option(
    metavar="NAME", help="fused, static or foreach: how to loop.")]
NumSteps = Annotated[int, Option(
    "--num-steps", "--steps", metavar="N",
    help="Steps that a gradient goes back.")]
BatchSize = Annotated[int, Option(
    "--batch-size", "--batch", metavar="N", help="Rows of a mini-batch.")]
NumEpochs = Annotated[int, Option(
    "--num-epochs", "--epochs", metavar="N",
    help="Passes over the text.")]
Lr = Annotated[float, Option(
    metavar="X", help="Learning rate at its highest.")]
Schedule = Annotated[str, Option(
    metavar="NAME", help="constant, cosine, one_cycle or warmup_cosine.")]
Optimizer = Annotated[str, Option(
    metavar="NAME", help="One of Gluon's optimizers.")]
ClippingTheta = Annotated[float, Option(
    "--clipping-theta", "--clip", metavar="X",
    help="Largest norm of a gradient.")]
Average = Annotated[float | None, Option(
    metavar="X", help="Average the weights, such as with 0.999.")]
Patience = Annotated[int | None, Option(
    metavar="N", help="Stop N epochs after the best held-out loss.")]
HeldOut = Annotated[str, Option(
    "--held-out", "--val", metavar="X|TEXT",
    help="Part of the text to hold out, or another text.")]
Seed = Annotated[int, Option(
    metavar="N", help="Seed of weights, dropout, samples.")]
Level = Annotated[str | None, Option(
    metavar="NAME", show_default="char, or the text's own",
    help="char, word or split (at spaces): what to predict.")]
MinFreq = Annotated[int, Option(
    metavar="N", help="Tokens rarer than N become <unk>.")]
Prefix = Annotated[str | None, Option(
    metavar="TEXT", show_default="the text's first unit",
    help="Start of the sample after each epoch.")]
Ctx = Annotated[str | None, Option(
    metavar="DEVICE", show_default="a GPU if any",
    help="cpu, gpu or gpu(1).")]
Out = Annotated[Path | None, Option(
    metavar="FOLDER", parser=to_path, show_default="runs/...",
    help="New folder of the run.")]
Resume = Annotated[Path | None, Option(
    metavar="RUN", parser=to_path,
    help="Continue the training in this folder.")]
# parameters that are not settings of the training
OTHERS = ("context", "text", "ctx", "out", "resume", "workers", "rank", "at",
          "max_restarts")


def train(
        context: Context, text: Text = None, cell: Cell = "lstm",
        num_layers: NumLayers = 1, num_hiddens: NumHiddens = 256,
        embed_size: EmbedSize = 64, dropout: Dropout = 0.0,
        weight_drop: WeightDrop = 0.0, variational: Variational = False,
        tie_weights: TieWeights = False, unroll: Unroll = "fused",
        num_steps: NumSteps = 50, batch_size: BatchSize = 32,
        num_epochs: NumEpochs = 10, lr: Lr = 4e-3,
        schedule: Schedule = "one_cycle", optimizer: Optimizer = "adam",
        clipping_theta: ClippingTheta = 1.0, average: Average = None,
        patience: Patience = None, held_out: HeldOut = "0.1", seed: Seed = 1,
        level: Level = None,
        min_freq: MinFreq = 1, prefix: Prefix = None, ctx: Ctx = None,
        out: Out = None, resume: Resume = None, workers: Workers = 1,
        rank: Rank = None, at: At = None, max_restarts: MaxRestarts = 0):
    """Train a char-RNN on a text; print the path of its best model."""
    settings = {name: value for name, value in context.params.items()
                if name not in OTHERS}
    settings["held_out"] = share_or_text(held_out)
    if not text and not resume:
        raise BadParameter("give a TEXT, or a RUN to --resume",
                           param_hint="TEXT|NAME")
    together = workers > 1 or rank is not None or bool(at)
    if not is_worker():
        check_options(resume, out, together, max_restarts)
    folder = resume or out or Path(
        "runs", f"{short_name(text)}-{time.strftime('%Y%m%d-%H%M%S')}")
    if together and not is_worker():
        raise Exit(train_together((text, settings["held_out"]), folder,
                                  bool(resume), workers, rank, at,
                                  max_restarts))
    if resume:
        text, settings = what_to_resume(context, resume, text, settings)
    from d2lrnn_cli.training import run
    with messages():
        run(text, settings, folder, bool(resume), ctx or None)
    print(folder / "best.safetensors")


def check_options(resume, out, together, max_restarts):
    """Raise ``BadParameter`` for options that do not go together."""
    if resume and out:
        raise BadParameter("a run goes on in its own folder: leave it out",
                           param_hint="--out")
    if max_restarts and not together:
        raise BadParameter("only several --workers are started again",
                           param_hint="--max-restarts")


def share_or_text(held_out):
    """Return what to hold out: a float, or a text's name or path.

    >>> share_or_text("0.1"), share_or_text("ptb_valid")
    (0.1, 'ptb_valid')
    """
    try:
        return float(held_out)
    except ValueError:
        return held_out


def train_together(texts, folder, resume, workers, rank, at, max_restarts):
    """Train in several processes, and return the exit code.

    Each runs this command again; worker 0 writes to the folder.
    """
    for text, option in zip(texts, ("TEXT|NAME", "--held-out"), strict=True):
        if isinstance(text, str) and os.path.exists(text) and not (
                can_be_shared(text)):
            raise BadParameter(f"{text} cannot be read by several workers: "
                               f"give a file", param_hint=option)
    name = str(folder)
    arguments = [word for word in sys.argv[1:] if word not in FLAGS]
    this = [*D2LRNN, *(name for name, is_on in FLAGS.items() if is_on),
            "train"]
    again = [*this, "--resume", name, *arguments[1:]]
    elsewhere = "" if rank is None else " --rank ... --at ... on each machine"

    def go_on():
        if not rank and not has_begun(folder):
            return "type the same command again"
        return (f"type d2lrnn train --resume {quoted(name)} --workers "
                f"{workers}{elsewhere} to go on from the last checkpoint")

    return launch(
        again if resume else [*this, "--out", name, *arguments[1:]], again,
        go_on, workers, rank, at, max_restarts)


def can_be_shared(text):
    """Return whether several workers can read a text that exists."""
    if os.path.isfile(text) and not text.startswith(("/dev/", "/proc/")):
        return True  # most are such, and the imports take a second
    from d2lrnn.data.texts import TEXTS

    from d2lrnn_cli.command_file import is_read_once
    return text in TEXTS or not (os.path.isdir(text) or is_read_once(text))


def has_begun(folder):
    """Return whether a run has written its command, which it does first."""
    return (folder / "command.json").exists()


def short_name(text):
    """Return a text's name, cut to a length that a folder's name can have.

    >>> short_name("data/my.txt"), len(short_name("x" * 250))
    ('my', 200)
    """
    name = Path(text).stem
    while len(os.fsencode(name)) > 200:
        name = name[:-1]
    return name


def what_to_resume(context, folder, text, settings):
    """Return a run's text and settings, with those given now replaced.

    A setting that an older version did not record gets its default.
    """
    from d2lrnn_cli.command_file import find_again, read_command
    from d2lrnn_cli.training import told_by_worker_0

    def read():
        # workers that were killed before they began start again with a text
        if is_worker() and text and not has_begun(folder):
            return None, {}
        return read_command(folder, kinds_of_settings())

    noted_text, noted = told_by_worker_0(read)
    given = {name: value for name, value in settings.items()
             if context.get_parameter_source(name).name == "COMMANDLINE"}
    text = text or find_again(noted_text or "", folder)
    settings = {**settings, **noted, **given}
    if "held_out" not in given and isinstance(settings["held_out"], str):
        settings["held_out"] = find_again(settings["held_out"], folder,
                                          "--held-out TEXT")
    return text, settings


def kinds_of_settings():
    """Return a dict from the name of each setting to its type.

    >>> kinds_of_settings()["num_hiddens"], kinds_of_settings()["lr"]
    (<class 'int'>, <class 'float'>)
    """
    kinds = {**get_type_hints(train), "held_out": float | str}
    return {name: kind for name, kind in kinds.items() if name not in OTHERS}
