"""What ``d2lrnn train`` runs, and how it finds its settings again."""
import json
import os
import shlex
from contextlib import contextmanager
from pathlib import Path

import d2lrnn as d2l
from d2lrnn.basics.checks import check_path, shown
from d2lrnn.basics.files import write_whole
from d2lrnn.data.texts import TEXTS, read_text
from d2lrnn.training.runs import BEST, LAST, holds_training, run_folder

from d2lrnn_cli.models import first_token, load_text

COMMAND = "command.json"  # in the run's folder: what was typed
LARGEST_COMMAND = 10 ** 6  # bytes
TEXT = "text.txt"  # and what was read from a pipe, to be read again
SAMPLE = 200  # characters after each epoch


def run(text, settings, folder, resume, ctx):
    """Train in a folder, which nobody else has for so long.

    Exit with 130 after Ctrl-C. A training that was to go on, but was never
    saved, is begun anew.
    """
    folder = check_path("the run's folder", os.fspath(folder))
    text = os.fspath(check_path("TEXT", text))
    go_on = f"type d2lrnn train --resume {shlex.quote(str(folder))}"
    try:
        with run_folder(folder, go_on) as held:
            if not resume and holds_training(folder):
                raise ValueError(
                    f"{folder} already holds a training: give another --out, "
                    f"or {go_on.removeprefix('type ')} to go on with it")
            if resume and not holds_training(folder):
                print(f"nothing was saved in {folder} before it stopped: the "
                      f"training begins anew")
                resume = False
            with written_command(folder, text, settings, resume) as text:
                train(text, settings, held, resume, ctx)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


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

    d2l.fit(model, corpus, settings["epochs"], settings["lr"],
            batch_size=settings["batch"], num_steps=settings["steps"],
            held_out=settings["val"], optimizer=settings["optimizer"],
            schedule=settings["schedule"], clipping_theta=settings["clip"],
            patience=settings["patience"], seed=settings["seed"], ctx=ctx,
            folder=folder, resume=resume, on_epoch_end=sample)


@contextmanager
def written_command(folder, text, settings, resume):
    """Write what was typed into the folder of a run that is new.

    Give the text's path or name; of a pipe, which can be read but once, that
    of a copy in the folder. Where nothing comes to be saved, the files go
    away again, or become what they were.
    """
    if resume:
        yield text
        return
    command, copy = folder / COMMAND, folder / TEXT
    before = command.read_bytes() if command.exists() else None
    try:
        if is_read_once(text):
            write_whole(copy, read_text(Path(text)).encode())
            text = os.fspath(copy)
        write_whole(command, json.dumps(
            {"text": where(text, copy), "settings": settings},
            ensure_ascii=False, indent=1).encode())
        yield text
    except BaseException:
        if (folder / LAST).exists() or (folder / BEST).exists():
            raise
        if before is None:
            command.unlink(missing_ok=True)
            copy.unlink(missing_ok=True)
        else:
            write_whole(command, before)
        raise


def where(text, copy):
    """Return where a text will be found, by its name, its path, or TEXT."""
    if text in TEXTS or not os.path.exists(text):
        return text
    if copy.exists() and copy.samefile(text):
        return TEXT
    return os.path.abspath(text)


def is_read_once(path):
    """Say whether there is a pipe or a terminal at a path, and no file."""
    path = Path(path)
    return path.exists() and not (path.is_file() or path.is_dir())


def read_command(folder, options):
    """Return ``(text, settings)`` that were typed when a run began.

    ``options`` are the command's parameters by name. The settings may lack
    some: those of an older version do. ``text`` is None where it is not known.
    Raise ``ValueError`` where there is no such file, or a damaged one.
    """
    path = folder / COMMAND
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_COMMAND + 1)
    except OSError:
        raise ValueError(f"{folder} holds no training of d2lrnn train: give "
                         f"the folder that it named") from None
    try:
        command = json.loads(data[:LARGEST_COMMAND].decode("utf-8"))
        check_command(command, options)
    except (ValueError, RecursionError) as error:
        reason = (str(error) if type(error) is ValueError
                  else "it is no JSON in UTF-8")
        raise ValueError(f"{path} is damaged ({reason}): get a new copy of "
                         f"it, or go on in Python, with the same settings and "
                         f"d2lrnn.fit(..., resume=True)") from None
    text = command.get("text")
    if text == TEXT:
        text = os.fspath(folder / TEXT)
    return text, command["settings"]


def check_command(command, options):
    """Raise ``ValueError`` for what cannot have been typed."""
    if not isinstance(command, dict) or not isinstance(
            command.get("settings"), dict):
        raise ValueError("it has no settings")
    if not isinstance(command.get("text", ""), str):
        raise ValueError(f"its text is {shown(command['text'])}")
    for name, value in command["settings"].items():
        if name not in options:
            raise ValueError(f"it has an option {shown(name)}, which this "
                             f"d2lrnn does not know")
        kind, default = options[name].annotation, options[name].default.default
        kinds = {kind, int} if kind is float else {kind}
        if type(value) not in kinds and (value is not None
                                         or default is not None):
            raise ValueError(f"its {name} is {shown(value)}, which is no "
                             f"{kind.__name__}")


def find_again(text, folder):
    """Return where the text of a run is now, if it was moved with the run.

    It is looked for where it was, then beside the run and above it.
    """
    if text in TEXTS or os.path.exists(text):
        return text
    folder = folder.resolve()
    for place in (folder, *folder.parents[:3]):
        moved = place / os.path.basename(text)
        if moved.is_file():
            return str(moved)
    raise FileNotFoundError(f"there is no text at {text} any more: say where "
                            f"it is, as in d2lrnn train TEXT --resume "
                            f"{folder}")
