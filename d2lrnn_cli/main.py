"""Run the command: messages to stderr, errors as one sentence."""
import os
import signal
import sys
import warnings
from contextlib import contextmanager, redirect_stdout, suppress
from io import StringIO

import typer

from d2lrnn_cli.streams import close_streams, open_streams, unwritten

app = typer.Typer(
    name="d2lrnn", no_args_is_help=True, rich_markup_mode=None,
    pretty_exceptions_enable=False, help="Recurrent language models to read, "
    "run and learn from: train one on a text, let it write, measure it.",
    context_settings={"help_option_names": ["-h", "--help"]})
data = typer.Typer(no_args_is_help=True, rich_markup_mode=None,
                   help="The texts that d2lrnn knows by name.")
# what main found on the command line, wherever it stood
FLAGS = {"--quiet": False, "--debug": False}


@app.callback()
def flags(
        quiet: bool = typer.Option(False, "--quiet", help="No progress and "
                                   "no messages, only results."),
        debug: bool = typer.Option(False, "--debug", help="Show the "
                                   "traceback of an error.")):
    """Note nothing: ``main`` has taken the two, for they may stand anywhere.

    They are here to be in the help.
    """


def main():
    """Run what was typed; exit with 0, 1 where it failed, 2 for a misuse.

    After Ctrl-C exit with 130.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    from d2lrnn_cli import (  # noqa: F401 - each adds its commands
        commands,
        doctor,
        reports,
        sources,
        texts,
    )
    open_streams()
    arguments = []
    for argument in sys.argv[1:]:
        if argument in FLAGS:
            FLAGS[argument] = True
        else:
            arguments.append(argument)
    warnings.showwarning = show_warning
    try:
        app(arguments, prog_name="d2lrnn")
    except Exception as error:
        if FLAGS["--debug"]:
            raise
        sys.exit(f"d2lrnn: {sentence(error)}")
    finally:
        problem, error = close_streams(), sys.exc_info()[1]
        if problem is not None and getattr(error, "code", None) == 0:
            sys.exit(problem)  # else there was another one before


def interrupt(*_):
    """End the command at once after Ctrl-C, without a traceback.

    A training in its steps saves first: it has a handler of its own.
    """
    with suppress(OSError):
        os.write(2, b"d2lrnn: stopped\n")  # print may be at work right now
    raise SystemExit(130)


def sentence(error):
    """Return what an error says; MXNet's say it in their last line."""
    if isinstance(error, OSError) and error.strerror and not error.filename:
        return unwritten(error)  # files are named, streams are not
    if isinstance(error, OSError) and error.filename is not None:
        return (f"{os.fsdecode(error.filename)} cannot be used "
                f"({error.strerror}): check the path, and what you may do "
                f"with it")
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1]


def show_warning(message, category, *_, **__):
    """Print d2lrnn's own warnings as a sentence, and no others."""
    if category.__name__ == "D2LRNNWarning" and not FLAGS["--quiet"]:
        print(f"d2lrnn: {message}", file=sys.stderr)


@contextmanager
def messages():
    """Let what is printed inside be messages, and no results."""
    unheard = FLAGS["--quiet"] or sys.stderr is None  # as it is if closed
    with redirect_stdout(StringIO() if unheard else sys.stderr):
        yield
