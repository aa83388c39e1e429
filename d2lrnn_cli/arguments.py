"""The arguments that several commands share."""
from pathlib import Path
from typing import Annotated

from typer import Argument, BadParameter, Option

__all__ = ["TEXT", "AsJson", "ModelPath", "TextName", "check_given",
           "to_path"]


def to_path(argument):
    """Return an argument as a path.

    An empty one, such as that of a variable without a value, would be the
    current folder.
    """
    if not argument:
        raise BadParameter("it is empty: give the name of a file or folder")
    return Path(argument)


def check_given(none="left out", /, **numbers):
    """Raise ``ValueError`` for numbers out of range, except for None.

    ``none`` is what the user types for that.
    """
    from d2lrnn.basics.checks import RANGES, check_number
    for name, value in numbers.items():
        check_number(name, value, *RANGES[name], none=none)


ModelPath = Annotated[Path, Argument(
    metavar="MODEL", parser=to_path,
    help="A model's file, such as runs/plays/best.safetensors, or the folder "
    "of a training.")]
TEXT = Argument(
    metavar="TEXT|NAME", help="The path of a UTF-8 text, or the name of a "
    "known text (see d2lrnn data list).")
TextName = Annotated[str, TEXT]
AsJson = Annotated[bool, Option("--json", help="Print JSON.")]
