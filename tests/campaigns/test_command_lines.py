"""Command lines that nobody means, each run in a process of its own."""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.campaign, pytest.mark.process]
SECONDS = 30  # of one command line

# It has imported all that a command imports, and computed nothing: each
# command line runs in a fork of it.
SERVER = '''
import json, os, signal, sys, traceback
import d2lrnn
import d2lrnn_cli.loading, d2lrnn_cli.training
import pooch
from d2lrnn_cli.main import main

def offline(*_, **__):
    raise OSError("offline")

def run(job):
    signal.alarm(job["seconds"])
    os.chdir(job["folder"])
    for number, path in ((1, job["out"]), (2, job["err"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["d2lrnn", *job["arguments"]]
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return 1 if isinstance(end.code, str) else end.code or 0
    except BaseException:
        traceback.print_exc()
        return 3
    return 0

pooch.retrieve = offline
for line in sys.stdin:
    child = os.fork()
    if not child:
        code = run(json.loads(line))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitpid(child, 0)[1], flush=True)
'''
TEXT = "To be or not to be, that is it. Hello world, a small text.\n" * 8
SMALL = ["--num-hiddens", "4", "--embed-size", "3", "--batch-size", "2",
         "--num-steps", "5", "--num-epochs", "1"]
FILES = ["run/best.safetensors", "cut.safetensors", "flipped.safetensors",
         "text.txt", "latin.txt", "empty.txt", "run", "run/record.json",
         "no.txt", "no/such", "run/last.safetensors", "broken"]
NUMBERS = ["0", "-1", "1", "2", "3", "2.5", "0.5", "eight", "", "nan", "inf",
           "2147483648", "1" + "0" * 30, "1e400", "\u0663", "True", "1,2"]
WORDS = ["", "lstm", "gru", "word", "char", "split", "cosine", "sgd", "To",
         "Q", "\n", "\udce9", "cpu", "gpu(9)", "tpu", "a" * 5000, "fused",
         "--", "-", "\u5206\u5f00", "shakespeare", "foreach"]
OPTIONS = {
    "train": ["--cell", "--num-layers", "--num-hiddens", "--embed-size",
              "--dropout", "--weight-drop", "--average",
              "--unroll", "--num-steps", "--batch-size", "--lr",
              "--schedule", "--optimizer", "--clipping-theta", "--patience",
              "--held-out", "--seed", "--level", "--min-freq", "--prefix",
              "--ctx", "--out", "--resume", "--num-epochs", "--workers",
              "--rank", "--at", "--max-restarts"],
    "generate": ["--prefix", "--num-chars", "--temperature", "--top-k",
                 "--top-p", "--seed", "--stop", "--n"],
    "eval": ["--rows", "--temperature", "--dynamic", "--lr", "--decay"],
    "inspect": [],
    "export": ["--to", "--out"], "studio": ["--out", "--float32"],
    "report": ["--out"], "data": [],
    "chapter": []}
FLAGS = ["--json", "--quiet", "--tie-weights", "--variational", "--debu",
         "--help", "-x"]


class Server:
    """A process that runs command lines in forks of itself."""

    def __init__(self, folder):
        self.out, self.err = folder / "stdout", folder / "stderr"
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SERVER], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache"),
                 "D2LRNN_DATA": "", "OMP_NUM_THREADS": "1"})

    def run(self, arguments, folder):
        """Return the exit status, below 0 for a signal, and what was said."""
        job = {"arguments": arguments, "folder": str(folder),
               "out": str(self.out), "err": str(self.err),
               "seconds": SECONDS}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        status = os.waitstatus_to_exitcode(
            int(self.process.stdout.readline()))
        return status, *(path.read_text("utf-8", "replace")
                         for path in (self.out, self.err))

    def stop(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = Server(tmp_path_factory.mktemp("server"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def files(server, tmp_path_factory):
    """A folder of texts, a run, and files that are damaged."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "text.txt").write_text(TEXT)
    (folder / "latin.txt").write_bytes("caf\u00e9 ".encode("latin-1") * 50)
    (folder / "empty.txt").write_text("")
    status, _, said = server.run(
        ["train", "text.txt", *SMALL, "--out", "run"], folder)
    assert status == 0, said
    data = (folder / "run/best.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(data[:len(data) // 2])
    (folder / "flipped.safetensors").write_bytes(
        data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    (folder / "broken").mkdir()
    (folder / "broken/command.json").write_text("{")
    (folder / "broken/record.json").write_text("[]")
    return folder


def pick(rng, things):
    return things[int(rng.integers(len(things)))]


def value(rng):
    """Return what stands after an option."""
    return pick(rng, pick(rng, [NUMBERS, WORDS, FILES]))


def command_line(rng):
    """Return a command line, most of which could be meant."""
    command = pick(rng, list(OPTIONS))
    words = {"train": ["text.txt", *SMALL], "generate": [FILES[0]],
             "eval": [FILES[0], "text.txt"], "inspect": [FILES[0]],
             "export": ["run", "--to", "torch"], "report": ["run"],
             "studio": [FILES[0], "--no-open"],
             "chapter": ["knitting"],
             "data": [pick(rng, ["list", "get", "verify", "put"])]}[command]
    if rng.random() < 0.5:
        n = int(rng.integers(len(words)))
        if not words[n].startswith("--") and command != "chapter":
            words[n] = value(rng)
    for _ in range(int(rng.integers(3)) if OPTIONS[command] else 0):
        words += [pick(rng, OPTIONS[command]), value(rng)]
    if rng.random() < 0.3:
        words.insert(int(rng.integers(len(words) + 1)), pick(rng, FLAGS))
    return [command, *words]


def what_is_wrong(status, out, err):
    """Return what is wrong with how a command ended, or None."""
    if status == -14:
        return f"more than {SECONDS} seconds"
    if status not in (0, 1, 2):
        return f"ended with {status}"
    if re.search(r"Traceback|src/|mxnet\.base|0x[0-9a-f]{6}", err):
        return "a traceback, or words of MXNet"
    last = (err.strip().splitlines() or [""])[-1]
    if status == 1 and not (last.startswith("d2lrnn: ") and ": " in last[8:]):
        return "no sentence with a remedy"
    if status == 2 and "rror" not in err and "Usage" not in err:
        return "no line about the usage"
    return None


def test_command_lines(campaign, server, files, tmp_path):
    """Command lines with options, files and orders that nobody means."""
    for n in campaign.tries(short=30, long=2_000):
        folder = tmp_path / str(n)
        shutil.copytree(files, folder)
        arguments = command_line(campaign.rng)
        before = {path: path.read_bytes() for path in folder.rglob("*")
                  if path.is_file()}
        status, out, err = server.run(arguments, folder)
        campaign.became[{0: "done", 1: "refused", 2: "misused"}.get(
            status, "other")] += 1
        wrong = what_is_wrong(status, out, err)
        after = {path: path.read_bytes() for path in folder.rglob("*")
                 if path.is_file()}
        if status and before != after and "the loss is" not in err:
            changed = [str(path.relative_to(folder)) for path, _ in
                       before.items() ^ after.items()]
            wrong = wrong or f"changed {sorted(set(changed))}"
        if wrong:
            campaign.failed(f"try {n}: d2lrnn {arguments!r:.400}: {wrong}: "
                            f"{err[-400:]}")
        shutil.rmtree(folder)


def test_a_folder_of_tries_has_what_it_needs(files):
    for name in FILES:
        assert (files / name).exists() != name.startswith("no")
    assert Path(files, "run/best.safetensors").stat().st_size > 1000
