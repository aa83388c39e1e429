"""``d2lrnn studio``: open models in a page that shows how they write."""
import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

from typer import Argument, BadParameter, Option

from d2lrnn_cli.app import FLAGS
from d2lrnn_cli.arguments import to_path

__all__ = ["studio"]


def studio(
        models: Annotated[list[Path], Argument(
            metavar="MODEL [MODEL]", parser=to_path,
            help="A model's file, or the folder of a training; with a second "
            "one, both read the same text.")],
        out: Annotated[Path | None, Option(
            metavar="FILE", parser=to_path, show_default="beside the model",
            help="The page to write.")] = None,
        float32: Annotated[bool, Option(
            "--float32", help="Keep all bits of the weights: twice as "
            "large.")] = False,
        no_open: Annotated[bool, Option(
            "--no-open", help="Write the page, and open no browser.")
            ] = False):
    """Write a page in which models write, and open it; print its path."""
    from d2lrnn.basics.files import write_new
    from d2lrnn.export import FORMATS, model_file
    from d2lrnn.export.page import to_page
    if len(models) > 2:
        raise BadParameter(f"there are {len(models)} models: give one or two",
                           param_hint="MODEL")
    if out is not None and os.path.lexists(out):
        raise ValueError(f"{out} exists already: give another path as --out")
    paths = [model_file(path) for path in models]
    first = paths[0]
    out = out or first.with_name(first.stem + FORMATS["page"].ending)
    write_new(out, to_page(paths, float32).encode())
    print(out)
    if not no_open and not webbrowser.open(out.resolve().as_uri()) and (
            not FLAGS["--quiet"]):
        print("d2lrnn: no browser was found: open the page yourself",
              file=sys.stderr)
