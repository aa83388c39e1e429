"""Run a process in a terminal, as another user, or in another locale."""
import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
import unicodedata
from functools import lru_cache
from pathlib import Path

D2LRNN = str(Path(sys.executable).with_name("d2lrnn"))
SMALL = ("--num-hiddens", "8", "--embed-size", "4", "--num-steps", "5",
         "--batch-size", "4", "--num-epochs", "1", "--schedule", "constant")
TEXT = "the cat sat on the mat. 猫坐在垫子上。\n" * 60
# what Python makes UTF-8 of by itself, unless it is told not to
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
            "PYTHONIOENCODING": ""}
STRANGER = 12345  # a user without an entry in /etc/passwd


def run(*arguments, folder, without=(), **others):
    """Run a process and return what it did, with its output as bytes.

    Words in upper case are environment variables, others are options of
    ``subprocess.run``; ``without`` lists variables to take away.
    """
    environment = {name: value for name, value in others.items()
                   if name.isupper()}
    options = {name: value for name, value in others.items()
               if name not in environment}
    kept = {name: value for name, value in os.environ.items()
            if name not in without}
    return subprocess.run(
        list(map(str, arguments)), cwd=folder, capture_output=True,
        env={**kept, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        **options)


def in_terminal(command, columns, folder, **environment):
    """Return the text that a shell's command writes to a terminal."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ,
                struct.pack("HHHH", 24 if columns else 0, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items()
            if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        ["bash", "-c", command], stdin=child, stdout=child, stderr=child,
        cwd=folder, start_new_session=True,
        env={**kept, "TERM": "xterm-256color", **environment})
    os.close(child)
    data = b""
    while True:
        try:
            block = os.read(parent, 65536)
        except OSError:  # the terminal is closed
            break
        if not block:
            break
        data += block
    os.close(parent)
    process.wait()
    return data.decode()


def widths(shown):
    """Return the lines of a terminal, with the columns that each takes."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    return {line: sum(1 + (unicodedata.east_asian_width(char) in "WF")
                      for char in line)
            for line in re.split(r"[\r\n]+", plain)}


def as_user(uid, *arguments, **others):
    """Run a process as a user who may read everything and write little.

    The environment in which the tests run may lie in root's own folder, so
    the user keeps the right to read (and that alone).
    """
    return run("setpriv", "--reuid", uid, "--regid", uid, "--clear-groups",
               "--inh-caps=+dac_read_search",
               "--ambient-caps=+dac_read_search", *arguments, **others)


@lru_cache
def why_no_other_user():
    """Return why these tests cannot run as another user, or None."""
    if os.geteuid() != 0:
        return "only root can run as another user"
    if not shutil.which("setpriv"):
        return "needs setpriv, of util-linux"
    done = as_user(STRANGER, sys.executable, "-c", "", folder="/")
    return done.stderr.decode() or None
