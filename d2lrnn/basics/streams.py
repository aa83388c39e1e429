"""Print texts whatever the locale; say what a stream cannot take."""
import errno
import os
import sys

__all__ = ["draws_bars", "print_everything", "unprinted"]


def print_everything():
    r"""Let stdout and stderr take every character, in any locale.

    A character that the encoding lacks would stop a training at the first
    lyric. On a terminal it becomes a question mark. What is redirected keeps
    it: in the C locale, whose encoding is ASCII, as UTF-8, and elsewhere as an
    escape such as ``\u5206``. PYTHONIOENCODING decides over the encoding.
    """
    for stream in (sys.stdout, sys.stderr):
        encoding = getattr(stream, "encoding", None) or "utf-8"
        if not hasattr(stream, "reconfigure") or stream.errors not in (
                "strict", "surrogateescape"):
            continue
        if encoding.lower().startswith("utf"):  # but names may be in no UTF
            stream.reconfigure(errors="surrogateescape")
        elif stream.isatty() or os.environ.get("PYTHONIOENCODING"):
            stream.reconfigure(errors="replace")
        elif encoding.lower() in ("ascii", "us-ascii", "ansi_x3.4-1968"):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
        else:
            stream.reconfigure(errors="backslashreplace")


def draws_bars(stream):
    """Return whether a stream is a terminal that may move its cursor.

    One with TERM=dumb cannot, and with NO_COLOR the user wants plain lines.
    """
    return bool(stream and stream.isatty()
                and os.environ.get("TERM") not in ("dumb", "unknown")
                and not os.environ.get("NO_COLOR"))


def unprinted(error):
    """Return what a command exits with if stdout failed, or None.

    That is a sentence, or only 1 where the reader has closed the pipe. What
    is still to be printed is discarded, since Python would try it once more
    and complain.
    """
    if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO) or (
            error.filename is not None):
        return None
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 1 if error.errno == errno.EPIPE else (
        f"the output cannot be written ({error.strerror}): send it where "
        f"there is space")


print_everything()
