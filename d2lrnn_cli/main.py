"""Run the command: messages go to stderr, and errors are one sentence."""
import errno
import logging
import os
import signal
import sys
import warnings
from contextlib import suppress

from d2lrnn_cli.app import FLAGS, app
from d2lrnn_cli.bench import bench
from d2lrnn_cli.chapter import chapter
from d2lrnn_cli.data import data
from d2lrnn_cli.doctor import doctor
from d2lrnn_cli.evaluate import evaluate
from d2lrnn_cli.export import export
from d2lrnn_cli.generate import generate
from d2lrnn_cli.inspect import inspect
from d2lrnn_cli.report import report
from d2lrnn_cli.streams import (
    close_streams,
    fitted,
    open_streams,
    unwritten,
)
from d2lrnn_cli.studio import studio
from d2lrnn_cli.train import train

__all__ = ["main"]

# in the order in which the help lists them
app.command()(train)
app.command()(generate)
app.command("eval")(evaluate)
app.command()(inspect)
app.command()(export)
app.command()(studio)
app.command()(report)
app.command()(chapter)
app.command(context_settings={"ignore_unknown_options": True})(bench)
app.command()(doctor)
app.add_typer(data, name="data")


def main():
    """Run the command line, and exit with its exit code.

    It is 0, or 1 after an error, 2 after wrong usage, and 130 after Ctrl-C.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    open_streams()
    arguments = []
    for argument in sys.argv[1:]:
        if argument in FLAGS:
            FLAGS[argument] = True
        else:
            arguments.append(argument)
    warnings.showwarning = show_warning
    if FLAGS["--quiet"]:
        logging.disable()  # pooch's line on a download
    try:
        app(arguments, prog_name="d2lrnn")
    except Exception as error:
        if FLAGS["--debug"]:
            raise
        sys.exit(fitted(f"d2lrnn: {sentence(error)}", sys.stderr))
    finally:
        problem, error = close_streams(), sys.exc_info()[1]
        if problem is not None and getattr(error, "code", None) == 0:
            sys.exit(problem)  # an earlier error has its own exit code


def interrupt(*_):
    """End the command at once after Ctrl-C, without a traceback.

    During its steps, a training has its own handler, which saves first.
    """
    with suppress(OSError):
        os.write(2, b"d2lrnn: stopped\n")  # print may be running right now
    raise SystemExit(130)


def sentence(error):
    """Return the message of an error as one line.

    The message of an MXNet error is its last line; other errors have several
    lines only if a name contains a newline.
    """
    if isinstance(error, OSError) and error.filename is not None:
        return (f"{os.fsdecode(error.filename)} cannot be used "
                f"({error.strerror}): check the path and its permissions")
    if isinstance(error, OSError) and error.strerror:
        return without_a_file(error)
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1] if type(error).__module__.startswith("mxnet") else (
        " ".join(lines))


def without_a_file(error):
    """Return the message of a system's error that names no file."""
    if error.errno in (errno.EPIPE, errno.ENOSPC, errno.EIO):
        return unwritten(error)
    if isinstance(error, FileNotFoundError):
        try:
            os.getcwd()
        except OSError:
            return "the current folder was removed: go to another one with cd"
        return f"{error.strerror}: set TMPDIR to a folder with space"
    return (f"the system refused what d2lrnn asked for ({error.strerror}): "
            f"end other programs, and try again")


def show_warning(message, category, *_, **__):
    """Print d2lrnn's own warnings, as one sentence each, and no others."""
    if category.__name__ == "D2LRNNWarning" and not FLAGS["--quiet"]:
        print(fitted(f"d2lrnn: {message}", sys.stderr), file=sys.stderr)
