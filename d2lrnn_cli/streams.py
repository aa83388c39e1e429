"""Handle standard streams that are closed, broken, full or not UTF-8."""
import errno
import json
import os
import shlex
import sys
import unicodedata

__all__ = ["close_streams", "fitted", "open_streams", "quoted", "to_json",
           "unwritten"]

NAMES = ("stdin", "stdout", "stderr")


def open_streams():
    """Connect closed streams to the null device.

    Otherwise the next file to be opened would get a stream's number, and with
    it everything that is written to that stream.
    """
    for number, name in enumerate(NAMES):
        if getattr(sys, name) is None:
            forget(number)
            setattr(sys, name, open(number, "r" if number == 0 else "w",
                                    encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        print_everything(stream)


def print_everything(stream):
    r"""Let a stream take every character, in any locale.

    A character that the encoding lacks becomes a question mark on a terminal,
    or if PYTHONIOENCODING is set. Redirected output keeps it: as UTF-8 in the
    C locale, whose encoding is ASCII, and elsewhere as an escape such as
    ``\u5206``. The bytes of a file's name that is not UTF-8 stay as they are.
    """
    encoding = stream.encoding.lower()
    if encoding.startswith("utf"):
        stream.reconfigure(errors="surrogateescape")
    elif stream.isatty() or os.environ.get("PYTHONIOENCODING"):
        stream.reconfigure(errors="replace")
    elif encoding in ("ascii", "us-ascii", "ansi_x3.4-1968"):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    else:
        stream.reconfigure(errors="backslashreplace")


def quoted(path):
    r"""Return a path quoted for a shell, on one line.

    >>> print(quoted("my run"), quoted("it's\na run"))
    'my run' $'it\047s\012a run'
    """
    if not any(ord(char) < 32 for char in path):
        return shlex.quote(path)
    return "$'" + "".join(
        f"\\{ord(char):03o}" if ord(char) < 32 or char in "\\'" else char
        for char in path) + "'"


def fitted(text, stream, indent=0):
    """Return a text broken at spaces where a terminal would cut a word.

    The lines after the first are indented. A word longer than a line, such as
    a path, stays whole. If the stream is not a terminal, the text is returned
    unchanged.
    """
    try:
        width = stream.isatty() and (
            os.get_terminal_size(stream.fileno()).columns or 80)
    except (AttributeError, OSError, ValueError):
        width = 0
    if not width:
        return text
    line, *words = text.split(" ")
    lines = [line]
    for word in words:
        if columns(lines[-1]) + 1 + columns(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(" " * indent + word)
    return "\n".join(lines)


def columns(text):
    """Return how many columns a text takes; a Chinese character takes two.

    >>> columns("ab"), columns("分开")
    (2, 4)
    """
    return sum(1 + (unicodedata.east_asian_width(char) in "WF")
               for char in text)


def forget(number):
    """Discard everything written to a file descriptor from now on."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def close_streams():
    """Flush the streams; return None, or what to exit with if that fails.

    This is an error message, or just 1 if the reader has closed the pipe.
    """
    problem = None
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError as error:
            forget(number)  # or Python would try again, and print an error
            problem = 1 if error.errno == errno.EPIPE else (
                f"d2lrnn: {unwritten(error)}")
    return problem


def unwritten(error):
    """Return the error message for a stream that cannot be written to."""
    return (f"the output cannot be written ({error.strerror}): write it "
            f"where there is space")


def to_json(value):
    """Return a value as JSON that stdout can take without loss.

    If stdout's encoding lacks a character, all non-ASCII ones are escaped;
    infinity and NaN, which JSON lacks, become strings.
    """
    value = json.loads(json.dumps(value), parse_constant=str)
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return json.dumps(value)
    return text
