"""``d2lrnn data``: list, get and verify the texts that have names."""
import hashlib
import os
from typing import Annotated

import typer

from d2lrnn_cli.app import messages

__all__ = ["data"]

data = typer.Typer(no_args_is_help=True, rich_markup_mode=None,
                   help="List, get and verify the texts known by name.")


@data.command("list")
def list_texts():
    """List the known texts, where each is, and what stands in for it."""
    from d2lrnn.data.texts import TEXTS
    for name, known in TEXTS.items():
        path = where_is(name)
        instead = f"; {known.fallback} instead" if known.fallback else ""
        print(f"{name:<16}{path or f'not here{instead}'}")


@data.command()
def get(name: Annotated[str, typer.Argument(
        metavar="NAME", help="A name from d2lrnn data list.")]):
    """Find a text, or download it, and print its path."""
    from d2lrnn.data.texts import find_text
    check_name(name)
    with messages():
        path = find_text(name, fallback=False)
    print(path)


@data.command()
def verify(name: Annotated[str | None, typer.Argument(
        metavar="NAME", help="A name from d2lrnn data list; all texts that "
        "are here if not given.")] = None):
    """Check that texts are as they were published."""
    from d2lrnn.data.texts import TEXTS
    if name:
        check_name(name)
        if where_is(name) is None:
            remedy = (f"type d2lrnn data get {name}" if TEXTS[name].url else
                      f"put {TEXTS[name].file} into a folder and set "
                      f"D2LRNN_DATA to it")
            raise FileNotFoundError(f"{name} is not on this machine: {remedy}")
    altered = {}
    for known in [name] if name else TEXTS:
        path = where_is(known)
        if path is None:
            state = "not here"
        elif hashlib.sha256(path.read_bytes()).hexdigest() == (
                TEXTS[known].sha256):
            state = "as published"
        elif path.name != TEXTS[known].file:
            state = f"{path} is not {TEXTS[known].file}, so not checked"
        else:
            state = f"altered: {path}"
            altered[known] = path
        print(f"{known:<16}{state}")
    if altered:
        paths = ", ".join(dict.fromkeys(map(str, altered.values())))
        remedy = ("delete it, and download it again with d2lrnn data get"
                  if all(TEXTS[known].url for known in altered)
                  else "put the published text there instead")
        raise ValueError(f"text differs from what was published, in {paths}: "
                         f"{remedy}")


def where_is(name):
    """Return the path of a text that is on this machine, or None."""
    from d2lrnn.data.texts import TEXTS, cache_folder, text_in_folders
    cache = cache_folder()
    cached = cache and cache / TEXTS[name].file
    return text_in_folders(name) or (
        cached if cached and os.path.isfile(cached) else None)


def check_name(name):
    """Raise a usage error unless this is the name of a known text."""
    from d2lrnn.data.texts import TEXTS
    if name not in TEXTS:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(TEXTS)}",
                                 param_hint="NAME")
