"""Trainings are killed at any moment, go on, and end with the same bits.

They are forked from a process of their own, which computes nothing: one that
has computed cannot be forked, since OpenMP's threads stay behind.
"""
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import d2lrnn as d2l
import pytest
from d2lrnn.basics import files
from d2lrnn.models.checkpoint import load_model, read
from launching import same_bits

TEXT = "the quick brown fox jumps over the lazy dog. " * 8
NUM_STEPS = 30  # of the whole training
TOO_LONG = 60  # seconds for a part of a training


def train(folder):
    """Train, or go on with it, saving after every step."""
    corpus = d2l.load_corpus(TEXT)
    model = d2l.CharRNN(corpus.vocab_size, 4, 6, 1, dropout=0.2)
    d2l.fit(model, corpus, 3, 0.02, batch_size=4, num_steps=8, seed=3,
            schedule="one_cycle", folder=folder, save_minutes=0,
            resume=(folder / "last.safetensors").exists())


def told(pipe, call):
    """Return a function that says on a pipe when it begins and ends.

    It waits for a moment, so that a kill finds it at work.
    """
    def telling(*args):
        os.write(pipe, b"(")
        time.sleep(0.002)
        call(*args)
        time.sleep(0.002)
        os.write(pipe, b")")

    return telling


def child(folder, pipe):
    """Train in this process, a child, and exit: 1 after an error."""
    code = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        signal.alarm(TOO_LONG)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # a kill within either is one in the middle of a save
        files.os.fsync = told(pipe, os.fsync)
        files.os.replace = told(pipe, os.replace)
        train(folder)
        code = 0
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:
        code = 130
    finally:
        os._exit(code)


def start(folder):
    """Return the process id of a training, and a pipe of its saves."""
    out, pipe = os.pipe()
    process = os.fork()
    if not process:
        os.close(out)
        child(folder, pipe)
    os.close(pipe)
    return process, out


def stop(folder, wanted, delay, number, in_save):
    """Send a training a signal after half of so many saves, and a delay.

    Return whether that was within one, and how the training has ended: -9
    after a kill.
    """
    process, out = start(folder)
    marks = b""
    while marks.count(b"(") < wanted:  # two of them are a save
        mark = os.read(out, 1)
        marks += mark
        if not mark:
            break
    if not in_save:
        marks += os.read(out, 1)
        time.sleep(delay)
    os.kill(process, number)
    while mark := os.read(out, 1):  # what it did before it got the signal
        marks += mark
    os.close(out)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return marks.count(b"(") > marks.count(b")"), code


def finish(folder):
    """Train to the end; return the exit code."""
    process, out = start(folder)
    while os.read(out, 4096):
        pass
    os.close(out)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def serve():
    """Stop and finish trainings as lines of JSON ask for it."""
    for line in sys.stdin:
        name, folder, *others = json.loads(line)
        done = {"stop": stop, "finish": finish}[name](Path(folder), *others)
        print(json.dumps(done), flush=True)


@pytest.fixture
def ask():
    """A function that asks the process that forks trainings."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from campaigns.test_kills import serve\n"
         "serve()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[1])

    def answer(name, folder, *others):
        process.stdin.write(json.dumps([name, str(folder), *others]) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield answer
    process.stdin.close()
    process.wait(10)


def check_whole(folder):
    """Return the step of a folder's training, all of whose files are whole."""
    for name in ("best", "last"):
        path = folder / f"{name}.safetensors"
        if path.exists():
            load_model(path)
    if not path.exists():
        return 0
    return read(path)[1]["training"]["step"]


@pytest.mark.process
@pytest.mark.campaign
def test_kills(campaign, ask, tmp_path):
    """Killed trainings, half of them and more inside a save, go on."""
    assert ask("finish", tmp_path / "whole") == 0
    for n in campaign.tries(short=4, long=120):
        folder = tmp_path / str(n)
        number = signal.SIGTERM if n % 4 == 1 else signal.SIGKILL
        in_save, code = ask("stop", folder, int(campaign.rng.integers(
            1, 2 * NUM_STEPS)), campaign.rng.uniform(0, 0.02), number,
            n % 4 != 3)
        try:
            step = check_whole(folder)
        except ValueError as error:
            campaign.failed(f"try {n}: {error}")
            continue
        campaign.became["inside a save"] += in_save
        campaign.became["before the first checkpoint"] += not step
        campaign.became["SIGTERM"] += number == signal.SIGTERM
        if code not in {-signal.SIGKILL: [-9, 0], -15: [143, 0]}[-number]:
            campaign.failed(f"try {n}: ended with {code}")
        elif ask("finish", folder) or check_whole(folder) != NUM_STEPS:
            campaign.failed(f"try {n}: does not go on after step {step}")
        elif not same_bits(folder, tmp_path / "whole"):
            campaign.failed(f"try {n}: other bits, stopped in step {step}")
        elif list(folder.glob(".*")):
            campaign.failed(f"try {n}: left {list(folder.glob('.*'))}")
