"""Start the launcher of workers, look at its processes, and end them."""
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from d2lrnn.models.checkpoint import read
from surroundings import D2LRNN

TEXT = "the quick brown fox jumps over the lazy dog. " * 24
SETTINGS = ("--num-hiddens", "8", "--embed-size", "4", "--num-steps", "5",
            "--schedule", "constant", "--batch-size", "6")
TOO_LONG = 120  # seconds for a training, on a busy machine
MARK = "D2LRNN_TEST_MARK"  # which all processes of a launcher inherit


def until(condition, seconds=TOO_LONG, what="it did not come to pass"):
    """Wait until a function returns something true, and return it."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.01)
    return value


def is_listening(port):
    """Say whether a process of this machine listens at a port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}")
               and line.split()[3] == "0A" for line in lines)


class Launch:
    """A launcher, whose processes are all ended at the end of ``with``.

    ``before`` is what runs it, such as ``ip netns exec NAME``.
    """

    def __init__(self, folder, *command, before=(), **environment):
        self.mark = secrets.token_hex(8)
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*before, *map(str, command)], cwd=folder, stdout=self.out,
            stderr=self.err, stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1",
                 MARK: self.mark, **environment})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for number in self.members().values():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.out.close()
        self.err.close()

    def members(self):
        """Return the process id of each process that is left, by its role."""
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                data = (path / "environ").read_bytes()
            except OSError:  # it has ended
                continue
            entries = data.decode(errors="replace").split("\0")
            pairs = dict(entry.partition("=")[::2] for entry in entries)
            if pairs.get(MARK) == self.mark:
                role = pairs.get("DMLC_ROLE", "launcher")
                if role == "worker":
                    role = f"worker {pairs['D2LRNN_RANK']}"
                found[role] = int(path.name)
        return found

    def said(self):
        """Return what has been written to stderr."""
        return os.pread(self.err.fileno(), 10 ** 6, 0).decode()

    def printed(self):
        """Return what has been written to stdout."""
        return os.pread(self.out.fileno(), 10 ** 6, 0).decode()

    def trains(self, epoch=1):
        """Wait until an epoch has ended."""
        until(lambda: f"epoch {epoch}, perplexity" in self.said()
              or self.process.poll() is not None)
        assert self.process.poll() is None, self.said()

    def ends(self, seconds=TOO_LONG, traceback=False):
        """Return the exit code, after which no process may be left."""
        until(lambda: self.process.poll() is not None, seconds,
              f"it goes on, and said {self.said()!r}")
        if self.process.returncode == -signal.SIGKILL:
            until(lambda: not self.members(), 5)  # nobody waited for them
        left = self.members()
        assert not left, left
        assert ("Traceback" in self.said()) == traceback, self.said()
        return self.process.returncode


def launched(folder, *arguments, **others):
    """Return a launcher of a script; the last argument is Python code."""
    *options, code = arguments
    return Launch(folder, sys.executable, "-m", "d2lrnn_cli.together",
                  *options, "--", sys.executable, "-c", code, **others)


def training(folder, *others, epochs=4, **environment):
    """Return a launcher of the command, which trains in ``folder``/run."""
    text = folder / "text.txt"
    if not text.exists():
        text.write_text(TEXT, "utf-8")
    return Launch(folder, D2LRNN, "train", "text.txt", *SETTINGS,
                  "--num-epochs", epochs, "--out", "run", *others,
                  **environment)


def resumed(folder, workers, *others):
    """Return a launcher that goes on with the training in ``folder``."""
    return Launch(folder, D2LRNN, "train", "--resume", "run", "--workers",
                  workers, *others)


def losses(run):
    """Return the losses of all epochs of a training that has finished."""
    record = json.loads((run / "record.json").read_text("utf-8"))
    return np.array([(epoch["loss"], epoch["held_out_loss"])
                     for epoch in record["trainings"]["fit"]["history"]])


def same_bits(run, other):
    """Say whether two trainings have saved the same arrays."""
    for name in ("best", "last"):
        arrays, others = (read(folder / f"{name}.safetensors")[0]
                          for folder in (run, other))
        if arrays.keys() != others.keys() or not all(
                np.array_equal(arrays[key], others[key]) for key in arrays):
            return False
    return True


def sentence(said):
    """Return the only sentence with which a launcher has ended."""
    found = re.findall("^d2lrnn: (.+)$", said, re.MULTILINE)
    assert len(found) == 1, said
    return found[0]
