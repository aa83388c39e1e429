"""The command's application, its flags, and where its messages go."""
import sys
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Annotated

import typer

__all__ = ["FLAGS", "app", "messages"]

app = typer.Typer(
    name="d2lrnn", no_args_is_help=True, rich_markup_mode=None,
    pretty_exceptions_enable=False, help="Recurrent language models to read, "
    "run and learn from: train one on a text, let it write, measure it.",
    context_settings={"help_option_names": ["-h", "--help"]})
# whether main found them, anywhere on the command line
FLAGS = {"--quiet": False, "--debug": False}


@app.callback()
def flags(
        quiet: Annotated[bool, typer.Option(
            "--quiet", help="Print results only: no progress, no messages.")
            ] = False,
        debug: Annotated[bool, typer.Option(
            "--debug", help="Show the traceback of an error.")] = False):
    """Put the two flags into the help.

    They may stand anywhere, so ``main`` has already taken them out.
    """


@contextmanager
def messages():
    """Send all output of the body to stderr, or discard it with --quiet."""
    unheard = FLAGS["--quiet"] or sys.stderr is None  # None if closed
    with redirect_stdout(StringIO() if unheard else sys.stderr):
        yield
