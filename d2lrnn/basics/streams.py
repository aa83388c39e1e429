"""Print any text in any locale, and explain why stdout has failed."""
import errno
import os
import sys

__all__ = ["draws_bars", "print_everything", "unprinted"]


def print_everything():
    r"""Let stdout and stderr take every character, in any locale.

    Otherwise, the first sample with a character that the encoding lacks would
    stop a training. Such a character becomes a question mark on a terminal, or
    if PYTHONIOENCODING is set. Redirected output keeps it: as UTF-8 in the C
    locale, whose encoding is ASCII, and elsewhere as an escape such as
    ``\u5206``.
    """
    for stream in (sys.stdout, sys.stderr):
        encoding = getattr(stream, "encoding", None) or "utf-8"
        if not hasattr(stream, "reconfigure") or stream.errors not in (
                "strict", "surrogateescape"):
            continue
        if encoding.lower().startswith("utf"):  # but file names may not be UTF
            stream.reconfigure(errors="surrogateescape")
        elif stream.isatty() or os.environ.get("PYTHONIOENCODING"):
            stream.reconfigure(errors="replace")
        elif encoding.lower() in ("ascii", "us-ascii", "ansi_x3.4-1968"):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
        else:
            stream.reconfigure(errors="backslashreplace")


def draws_bars(stream):
    """Return whether a progress bar can be drawn on a stream.

    It must be a terminal. With TERM=dumb its cursor cannot move, and NO_COLOR
    asks for plain lines.
    """
    return bool(stream and stream.isatty()
                and os.environ.get("TERM") not in ("dumb", "unknown")
                and not os.environ.get("NO_COLOR"))


def unprinted(error):
    """Return what to exit with after an error of stdout; None for others.

    This is an error message, or just 1 if the reader has closed the pipe. The
    rest of the output is discarded, since Python would try to write it again
    at exit and print an error.
    """
    if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO) or (
            error.filename is not None):
        return None
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 1 if error.errno == errno.EPIPE else (
        f"the output cannot be written ({error.strerror}): write it where "
        f"there is space")


print_everything()
