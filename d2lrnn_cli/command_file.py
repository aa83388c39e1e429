"""The file command.json in a run's folder: the command, for resuming it."""
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from d2lrnn.basics.checks import shown
from d2lrnn.basics.files import to_path, to_text, write_whole
from d2lrnn.data.reading import STREAMS, read_text
from d2lrnn.data.texts import TEXTS, in_folders
from d2lrnn.models.checkpoint import BEST, LAST
from d2lrnn.report.page import STUDIO

from d2lrnn_cli.streams import quoted

__all__ = ["OLD_NAMES", "find_again", "is_read_once", "read_command",
           "written_command"]

COMMAND = "command.json"
LARGEST_COMMAND = 10 ** 6  # bytes
TEXT, HELD_OUT = "text.txt", "held_out.txt"  # copies of what pipes held
# names of settings in 0.1.0 -> their names now
OLD_NAMES = {
    "layers": "num_layers", "hidden": "num_hiddens", "embed": "embed_size",
    "steps": "num_steps", "batch": "batch_size", "epochs": "num_epochs",
    "clip": "clipping_theta", "val": "held_out"}


@contextmanager
def written_command(folder, text, settings):
    """Write the command to a run's folder before the training begins.

    Yield the text's path or name, and the settings; a text that is a pipe,
    which can be read only once, becomes the path of a copy in the folder. If
    the training fails before it saves anything, the files are again as they
    were. Raise ``ValueError`` if it would replace files of another kind.
    """
    check_free(folder)
    before = {folder / name: contents(folder / name)
              for name in (COMMAND, TEXT, HELD_OUT)}
    saved = checkpoints(folder)
    try:
        text, text_again = kept(text, folder / TEXT)
        held_out = held_out_again = settings.get("held_out")
        if isinstance(held_out, str):
            held_out, held_out_again = kept(held_out, folder / HELD_OUT)
        write_whole(folder / COMMAND, json.dumps(
            {"text": text_again,
             "settings": {**settings, "held_out": held_out_again}},
            ensure_ascii=False, indent=1).encode(errors="backslashreplace"))
        yield text, {**settings, "held_out": held_out}
    except BaseException:
        if checkpoints(folder) == saved:
            for path, old in before.items():
                put_back(path, old)
        raise


def check_free(folder):
    """Raise ``ValueError`` if files are there that belong to no training."""
    if is_command(folder / COMMAND) or (folder / LAST).exists():
        return
    for name in (COMMAND, BEST, STUDIO, "report.html"):
        if os.path.lexists(folder / name):
            raise ValueError(f"{folder / name} is there already: give another "
                             f"--out")


def is_command(path):
    """Return whether a file is the command of a run."""
    try:
        parsed(path)
    except (OSError, ValueError, RecursionError):
        return False
    return True


def parsed(path):
    """Return the command in a file, which has settings and is not large."""
    with path.open("rb") as file:
        command = json.loads(file.read(LARGEST_COMMAND).decode("utf-8"))
    if not isinstance(command, dict) or not isinstance(
            command.get("settings"), dict):
        raise ValueError("it has no settings")
    return command


def checkpoints(folder):
    """Return what tells the checkpoints in a folder from later ones."""
    return [(path.stat().st_ino, path.stat().st_mtime_ns)
            for path in (folder / LAST, folder / BEST) if path.exists()]


def contents(path):
    """Return the bytes of a file, or None if there is none."""
    return path.read_bytes() if path.is_file() else None


def put_back(path, old):
    """Give a file its old contents, if they have changed; None: delete it."""
    if old is None:
        path.unlink(missing_ok=True)
    elif contents(path) != old:
        write_whole(path, old)


def kept(text, copy):
    """Return the path or name of a text, and how to find it again.

    A path may begin with ~, for the user's home. What comes from a pipe is
    written to the path ``copy``. Raise ``ValueError`` if another file is
    there, not the copy of an earlier run.
    """
    if text not in TEXTS:
        text = os.path.expanduser(text)
    if is_read_once(text):
        if copy.exists() and not is_command(copy.parent / COMMAND):
            raise ValueError(f"the copy of {text} would replace {copy}: give "
                             f"another --out, or rename that file")
        write_whole(copy, read_text(Path(text)).encode())
        text = os.fspath(copy)
    return text, where(text, copy)


def where(text, copy):
    """Return a text's name, its absolute path, or the place of its copy."""
    if text in TEXTS or not os.path.exists(text):
        return to_text(text)
    if copy.exists() and copy.samefile(text):
        return f"./{copy.name}"  # as no other path is noted
    return to_text(os.path.abspath(text))


def is_read_once(path):
    """Return whether a path leads to a pipe or a terminal, not a file.

    A file that is redirected to a stream counts, since the stream is another
    one later.
    """
    return os.path.exists(path) and (path.startswith(STREAMS) or not (
        os.path.isfile(path) or os.path.isdir(path)))


def read_command(folder, kinds):
    """Return the ``(text, settings)`` with which a run was started.

    ``kinds`` has the type of each setting by its name. A file of an older
    version may lack settings, and may name them as ``OLD_NAMES`` does.
    ``text`` is None if the file does not name one. Raise ``ValueError`` for a
    missing or damaged file.
    """
    path = folder / COMMAND
    try:
        command = parsed(path)
        check_command(command, kinds)
    except OSError:
        raise ValueError(f"{folder} holds no run of d2lrnn train: give "
                         f"the folder of one") from None
    except (ValueError, RecursionError) as error:
        reason = (str(error) if type(error) is ValueError
                  else "it is not JSON in UTF-8")
        raise ValueError(f"{path} is damaged ({reason}): get a new copy of "
                         f"it, or continue in Python, with the same settings "
                         f"and d2lrnn.fit(..., resume=True)") from None
    text = command.get("text")
    if text is not None:
        text = copy_or_path(text, folder / TEXT)
    settings = {OLD_NAMES.get(name, name): value
                for name, value in command["settings"].items()}
    if isinstance(held_out := settings.get("held_out"), str):
        settings["held_out"] = copy_or_path(held_out, folder / HELD_OUT)
    return text, settings


def copy_or_path(noted, copy):
    """Return the path of a text's copy if that is what a command notes.

    0.1.0 noted its bare name, which may also be that of a text in
    $D2LRNN_DATA.
    """
    is_copy = noted == f"./{copy.name}" or (noted == copy.name
                                            and copy.is_file())
    return os.fspath(copy) if is_copy else to_path(noted)


def check_command(command, kinds):
    """Raise ``ValueError`` for contents that no command can have written."""
    if not isinstance(command.get("text", ""), str):
        raise ValueError(f"its text is {shown(command['text'])}")
    for name, value in command["settings"].items():
        kind = kinds.get(OLD_NAMES.get(name, name))
        if kind is None:
            raise ValueError(f"it has an option {shown(name)}, which this "
                             f"d2lrnn does not know")
        if not is_of(value, kind):
            kind, *_ = get_args(kind) or (kind,)
            raise ValueError(f"its {name} is {shown(value)}, which is not "
                             f"of type {kind.__name__}")


def is_of(value, kind):
    """Return whether a JSON value is of a type, such as float or int | None.

    >>> is_of(1, float), is_of(None, int | None), is_of(True, int)
    (True, True, False)
    """
    kinds = get_args(kind) or (kind,)
    return type(value) in kinds or (float in kinds and type(value) is int)


def find_again(text, folder, option="TEXT"):
    """Return where a run's text is now, since both may have been moved.

    Look in its old place, then in the run's folder and the three above it.
    Raise ``FileNotFoundError`` if it is in none of them; ``option`` is how to
    give it instead.
    """
    if text not in TEXTS:
        text = os.path.expanduser(text)  # 0.1.0 noted it as it was typed
    if text in TEXTS or os.path.exists(text) or (text and in_folders(text)):
        return text
    folder = folder.resolve()
    for place in (folder, *folder.parents[:3]):
        moved = place / os.path.basename(text)
        if moved.is_file():
            return str(moved)
    raise FileNotFoundError(f"there is no text at {text} any more: say where "
                            f"it is, as in d2lrnn train {option} --resume "
                            f"{quoted(str(folder))}")
