"""Standard streams that are closed, broken, full, or not in UTF-8."""
import errno
import json
import os
import sys

__all__ = ["close_streams", "open_streams", "to_json", "unwritten"]

NAMES = ("stdin", "stdout", "stderr")


def open_streams():
    """Open closed streams on the null device.

    Otherwise the next file to be opened would get the number of a stream, and
    with it what is written to the stream. A character that a stream's
    encoding lacks becomes a question mark.
    """
    for number, name in enumerate(NAMES):
        if getattr(sys, name) is None:
            forget(number)
            setattr(sys, name, open(number, "r" if number == 0 else "w",
                                    encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")


def forget(number):
    """Discard what is written to a file descriptor from now on."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def close_streams():
    """Flush the streams; return None, or what to exit with.

    That is a sentence, or only 1 where the reader has closed the pipe.
    """
    problem = None
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError as error:
            forget(number)  # or Python would try again, and complain
            problem = 1 if error.errno == errno.EPIPE else (
                f"d2lrnn: {unwritten(error)}")
    return problem


def unwritten(error):
    """Return the sentence for a stream that cannot be written to."""
    return (f"the output cannot be written ({error.strerror}): send it "
            f"where there is space")


def to_json(value):
    """Return a value as JSON that stdout can take without loss.

    A character that stdout's encoding lacks is escaped; infinity and NaN,
    which JSON lacks, become strings.
    """
    value = json.loads(json.dumps(value), parse_constant=str)
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return json.dumps(value)
    return text
