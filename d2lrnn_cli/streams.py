"""What the command writes to: closed, broken or full, or without UTF-8."""
import errno
import json
import os
import sys

NAMES = ("stdin", "stdout", "stderr")


def open_streams():
    """Give streams that are closed a place where nothing is kept.

    Otherwise the next file that is opened would get a stream's number, and
    what belongs to the stream. A character that a stream's encoding lacks
    becomes a question mark.
    """
    for number, name in enumerate(NAMES):
        if getattr(sys, name) is None:
            forget(number)
            setattr(sys, name, open(number, "r" if number == 0 else "w",
                                    encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")


def forget(number):
    """Let what is written to a file's number from now on go nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def close_streams():
    """Write what is still to be written, and return None.

    Where that cannot be, return what to exit with: a sentence, or 1 where
    only nobody reads any more.
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
    """Return the sentence for what a stream could not take."""
    return (f"the output cannot be written ({error.strerror}): send it to "
            f"where there is space")


def to_json(value):
    """Return a value as JSON that stdout can be given without a loss.

    A character that its encoding lacks is escaped, and what is infinite or no
    number becomes a word, since JSON has none.
    """
    value = json.loads(json.dumps(value), parse_constant=str)
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return json.dumps(value)
    return text
