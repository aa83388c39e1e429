"""The arguments that several commands share."""
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

__all__ = ["TEXT", "AsJson", "ModelPath", "TextName"]

ModelPath = Annotated[Path, Argument(
    metavar="MODEL",
    help="A model's file, such as runs/plays/best.safetensors, or the folder "
    "of a training.")]
TEXT = Argument(
    metavar="TEXT|NAME", help="The path of a UTF-8 text, or the name of a "
    "known text (see d2lrnn data list).")
TextName = Annotated[str, TEXT]
AsJson = Annotated[bool, Option("--json", help="Print JSON.")]
