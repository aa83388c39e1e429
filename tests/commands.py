"""Run the command d2lrnn, each time as a process of its own."""
import json
import os
import signal
import subprocess

from surroundings import D2LRNN

SMALL = ("--num-hiddens", "8", "--embed-size", "4", "--num-steps", "5",
         "--batch-size", "4", "--num-epochs", "2")
LONG = (*SMALL[:-1], "500", "--schedule", "constant", "--out")


def run(*arguments, code=0, folder=None, **environment):
    """Return what the command did, after a look at how it ended."""
    done = subprocess.run(
        [D2LRNN, *map(str, arguments)], cwd=folder, encoding="utf-8",
        capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8",
                                  **environment})
    assert done.returncode == code, done.stderr
    assert code == 2 or "Traceback" not in done.stderr
    return done


def start(*arguments, folder):
    """Start the command in a process that Ctrl-C reaches."""
    return subprocess.Popen(
        [D2LRNN, *arguments], cwd=folder, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))


def wait_for(process, words):
    """Read what a process says until it says some words."""
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"no {words}: {process.wait()}")


def lyric_of(folder):
    """Return the one lyric that a run's record keeps."""
    record = json.loads((folder / "record.json").read_text("utf-8"))
    (lyric,) = record["trainings"]["fit"]["lyrics"]
    return lyric["lyrics"][0] if isinstance(lyric, dict) else lyric
