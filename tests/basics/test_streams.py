"""Every text can be printed, in any encoding."""
import errno
import io
import sys

import pytest
from d2lrnn.basics.streams import draws_bars, print_everything, unprinted

from d2lrnn_cli import streams


class Stream(io.TextIOWrapper):
    """A stream with an encoding, which may be a terminal."""

    def __init__(self, encoding, terminal):
        super().__init__(io.BytesIO(), encoding=encoding)
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def of_the_package(stream, monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream)
    print_everything()


def of_the_command(stream, _):
    streams.print_everything(stream)


@pytest.mark.parametrize("mend", [of_the_package, of_the_command])
@pytest.mark.parametrize("encoding, terminal, chosen, written", [
    ("ascii", True, "", b"caf? ??"), ("latin-1", True, "", b"caf\xe9 ??"),
    ("ascii", False, "", "café 分开".encode()),
    ("latin-1", False, "", b"caf\xe9 \\u5206\\u5f00"),
    ("gbk", False, "", "café 分开".encode("gbk")),
    ("ascii", False, "ascii", b"caf? ??"),
    ("utf-8", False, "", "café 分开".encode())])
def test_what_a_stream_gets(monkeypatch, mend, encoding, terminal, chosen,
                            written):
    monkeypatch.setenv("PYTHONIOENCODING", chosen)
    stream = Stream(encoding, terminal)
    mend(stream, monkeypatch)
    stream.write("café 分开")
    stream.flush()
    assert stream.buffer.getvalue() == written


@pytest.mark.parametrize("mend", [of_the_package, of_the_command])
def test_a_files_name_is_printed_byte_by_byte(monkeypatch, mend):
    stream = Stream("utf-8", False)
    mend(stream, monkeypatch)
    print("caf\udce9", file=stream)
    stream.flush()
    assert stream.buffer.getvalue() == b"caf\xe9\n"


def test_a_stream_of_ones_own_is_left_alone(monkeypatch):
    """Such as that of a notebook, and those that others have set up."""
    for stream in (io.StringIO(), None, Stream("utf-8", False)):
        of_the_package(stream, monkeypatch)
        assert sys.stdout is stream
    stream = io.TextIOWrapper(io.BytesIO(), "ascii", errors="ignore")
    of_the_package(stream, monkeypatch)
    assert stream.errors == "ignore"


@pytest.mark.parametrize("terminal, environment, drawn", [
    (True, {"TERM": "xterm"}, True), (False, {"TERM": "xterm"}, False),
    (True, {"TERM": "dumb"}, False),
    (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
    (True, {"TERM": "xterm", "NO_COLOR": ""}, True)])
def test_where_bars_are_drawn(monkeypatch, terminal, environment, drawn):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert draws_bars(Stream("utf-8", terminal)) == drawn
    assert not draws_bars(None)


def test_errors_that_do_not_come_from_a_stream():
    for error in (FileNotFoundError(errno.ENOENT, "gone"), OSError("words"),
                  OSError(errno.ENOSPC, "No space left", "my.txt")):
        assert unprinted(error) is None


def test_sentences_wrap_at_blanks_in_a_terminal(monkeypatch):
    monkeypatch.setattr(streams.os, "get_terminal_size",
                        lambda _: streams.os.terminal_size((20, 24)))
    stream = Stream("utf-8", True)
    monkeypatch.setattr(Stream, "fileno", lambda _: 1)
    text = "ok     分开分开分 分开 a/path/longer/than/a/line end"
    assert streams.fitted(text, stream, indent=7) == (
        "ok     分开分开分\n       分开\n       a/path/longer/than/a/line\n"
        "       end")
    stream.terminal = False
    assert streams.fitted(text, stream) == text
