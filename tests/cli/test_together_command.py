"""Several workers train as one process does, and end together."""
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
import typer
from launching import (
    SETTINGS,
    TEXT,
    TOO_LONG,
    Launch,
    is_listening,
    launched,
    losses,
    resumed,
    same_bits,
    sentence,
    training,
    until,
)
from surroundings import D2LRNN, in_terminal, run

from d2lrnn_cli.meeting import free_port
from d2lrnn_cli.together import launch

pytestmark = pytest.mark.process
GO_ON = "to go on, type d2lrnn train --resume run\n"
OWN = """
import d2lrnn as d2l
corpus = d2l.load_corpus(open("text.txt").read())
model = d2l.CharRNN(corpus.vocab_size, 4, 8, 1)
d2l.fit(model, corpus, 1, 0.01, batch_size=6, num_steps=5, folder="own",
        together=d2l.Workers())
"""
# does without MXNet, and so starts at once
RAISE = """
import os, time
if os.environ["D2LRNN_RANK"] == "{}":
    raise ValueError("no more rows")
time.sleep(100)
"""
DEAF = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("ready", file=sys.stderr, flush=True)
time.sleep(100)
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with a training of two workers that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    with training(folder, D2LRNN_WORKERS="2") as training_:
        assert training_.ends() == 0, training_.said()
        assert training_.printed() == "run/best.safetensors\n"
        for epoch in (1, 2, 3, 4):  # worker 0 alone says it
            assert training_.said().count(f"epoch {epoch}, perplexity") == 1
        assert training_.said().count("\n") == 5
    return folder


def close(folder, other):
    """Say whether two trainings differ in their last digits only."""
    return np.allclose(losses(folder / "run"), losses(other / "run"), 1e-5, 0)


def test_two_workers_are_one_process(whole, tmp_path):
    with training(tmp_path) as alone:
        assert alone.ends() == 0
    assert close(tmp_path, whole)


def test_a_worker_is_killed_and_all_go_on(whole, tmp_path):
    with training(tmp_path, "--workers", 2, "--max-restarts", 1) as crew:
        crew.trains()
        worker = crew.members()["worker 1"]
        os.kill(worker, signal.SIGKILL)
        assert crew.ends() == 0, crew.said()
        assert sentence(crew.said()) == (
            f"worker 1 (process {worker}) was killed by SIGKILL, so all were "
            f"ended: going on from the last checkpoint")
        assert crew.printed() == "run/best.safetensors\n"
    assert same_bits(tmp_path / "run", whole / "run")


def test_a_worker_is_killed_before_it_begins(whole, tmp_path):
    with training(tmp_path, "--workers", 2, "--max-restarts", 1) as crew:
        os.kill(until(lambda: crew.members().get("worker 1")), signal.SIGKILL)
        assert not (tmp_path / "run").exists()
        assert crew.ends() == 0, crew.said()
    assert same_bits(tmp_path / "run", whole / "run")


def test_ctrl_c_before_it_begins(tmp_path):
    with training(tmp_path, "--workers", 2) as crew:
        until(lambda: crew.members().get("worker 1"))
        os.kill(crew.process.pid, signal.SIGINT)
        assert crew.ends(20) == 130
        assert sentence(crew.said()) == "stopped"
    with training(tmp_path, "--workers", 2) as crew:
        number = until(lambda: crew.members().get("worker 1"))
        os.kill(number, signal.SIGKILL)
        assert crew.ends(20) == 1
        assert sentence(crew.said()) == (
            f"worker 1 (process {number}) was killed by SIGKILL, so all were "
            f"ended: type the same command again")
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A folder with a training that SIGTERM has stopped."""
    folder = tmp_path_factory.mktemp("stopped")
    with training(folder, "--workers", 2) as crew:
        crew.trains()
        os.kill(crew.process.pid, signal.SIGTERM)
        assert crew.ends() == 128 + signal.SIGTERM, crew.said()
        assert crew.said().endswith(GO_ON) and crew.printed() == ""
        assert "d2lrnn:" not in crew.said()
    return folder


@pytest.mark.parametrize("workers", [1, 3])
def test_other_workers_go_on(whole, stopped, tmp_path, workers):
    shutil.copytree(stopped, tmp_path, dirs_exist_ok=True)
    with resumed(tmp_path, workers) as crew:
        assert crew.ends() == 0, crew.said()
    assert close(tmp_path, whole)


def test_ctrl_c_in_a_terminal(whole, tmp_path):
    """It loses nothing: the same number of workers goes on."""
    (tmp_path / "text.txt").write_text(TEXT, "utf-8")
    parent, child = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", D2LRNN, "train", "text.txt", *SETTINGS,
         "--num-epochs", "4", "--out", "run", "--workers", "2"],
        stdin=child, stdout=child, stderr=child, cwd=tmp_path)
    os.close(child)
    try:
        shown = shown_until_ctrl_c(parent, "epoch 1, perplexity")
        assert process.wait(TOO_LONG) == 130, shown
    finally:
        process.kill()
        os.close(parent)
    assert "Traceback" not in shown and "--resume run" in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h")  # the cursor
    with resumed(tmp_path, 2) as crew:
        assert crew.ends() == 0, crew.said()
    assert same_bits(tmp_path / "run", whole / "run")


def shown_until_ctrl_c(terminal, words):
    """Type Ctrl-C once words are shown; return all that is, until the end."""
    shown, is_typed = b"", False
    while select.select([terminal], [], [], TOO_LONG)[0]:
        try:
            block = os.read(terminal, 65536)
        except OSError:  # all have closed it
            break
        shown += block
        if words.encode() in shown and not is_typed:
            os.write(terminal, b"\x03")
            is_typed = True
    return shown.decode()


def test_the_bar_of_a_killed_worker(tmp_path):
    """It is removed, and the terminal gets its cursor back."""
    (tmp_path / "my.py").write_text(
        "import os, sys\n"
        "print('\x1b[?25lbar', end='', file=sys.stderr, flush=True)\n"
        "os.kill(os.getpid(), 9)\n")
    shown = in_terminal(
        f"{sys.executable} -m d2lrnn_cli.together --workers 1 -- "
        f"{sys.executable} my.py", 80, tmp_path, TERM="xterm")
    assert shown.startswith(
        "\x1b[?25lbar\r\x1b[2K\x1b[?25hd2lrnn: worker 0 (process ")


def test_a_script_trains_together(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT, "utf-8")
    with launched(tmp_path, "--workers", 2, OWN) as crew:
        assert crew.ends() == 0, crew.said()
        assert crew.printed().count("epoch 1, perplexity") == 1
    assert (tmp_path / "own" / "record.json").exists()


def test_a_script_that_raises_ends_all(tmp_path):
    with launched(tmp_path, "--workers", 2, RAISE.format(1)) as crew:
        assert crew.ends(10) == 1
        assert sentence(crew.said()) == "worker 1: ValueError: no more rows"
    with launched(tmp_path, "--workers", 2, RAISE.format(0)) as crew:
        assert crew.ends(10, traceback=True) == 1
        assert crew.said().endswith("\nValueError: no more rows\n")
    with launched(tmp_path, "--workers", 2, "raise SystemExit(7)") as crew:
        assert crew.ends(10) == 7 and crew.said() == ""


def test_what_a_worker_has_started_ends_with_it(tmp_path):
    code = ("import subprocess, sys\n"
            "subprocess.Popen(['sleep', '100'])\n"
            "print('ready', file=sys.stderr, flush=True)\n"
            "raise SystemExit(3)")
    with launched(tmp_path, "--workers", 1, code) as crew:
        assert crew.ends(10) == 3


def test_a_second_ctrl_c_ends_at_once(tmp_path):
    with launched(tmp_path, "--workers", 2, DEAF) as crew:
        until(lambda: "ready" in crew.said())
        os.kill(crew.process.pid, signal.SIGINT)
        with pytest.raises(AssertionError, match="it goes on"):
            crew.ends(1)
        os.kill(crew.process.pid, signal.SIGINT)
        assert crew.ends(10) == 130
        assert sentence(crew.said()) == "stopped"


def test_ctrl_c_before_the_script_listens(tmp_path):
    """A script has Python's own handler, and SIGTERM none."""
    for number in (signal.SIGINT, signal.SIGTERM):
        code = DEAF.replace("signal.signal", "(lambda *_: None)")
        with launched(tmp_path, "--workers", 2, "--max-restarts", 3,
                      code) as crew:
            until(lambda: "ready" in crew.said())
            os.kill(crew.process.pid, number)
            assert crew.ends(10, number == signal.SIGINT) == 128 + number


@pytest.mark.parametrize("rank", [0, 1])
def test_ctrl_c_while_waiting_for_others(tmp_path, rank):
    port = free_port()
    with launched(tmp_path, "--workers", 2, "--rank", rank, "--at",
                  f"127.0.0.1:{port}", "pass") as crew:
        if rank == 0:
            until(lambda: is_listening(port))
        else:  # it has called a port at which nobody is
            until(lambda: catches_ctrl_c(crew.process.pid))
        os.kill(crew.process.pid, signal.SIGINT)
        assert crew.ends(10) == 130
        assert sentence(crew.said()) == "stopped"
    assert not is_listening(port)


def catches_ctrl_c(number):
    """Say whether a process handles SIGTERM, as a launcher does."""
    with open(f"/proc/{number}/status") as file:
        caught = next(line for line in file if line.startswith("SigCgt"))
    return int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1


@pytest.mark.parametrize("options, said", [
    ("--rank 2 --at 127.0.0.1:9", "2 is too high for 2 workers, which count "
     "from 0"),
    ("--rank 1", "give both --rank and --at, or neither"),
    ("--at 127.0.0.1:9", "give both --rank and --at, or neither"),
    ("--rank 0 --at here", "'here' is not an address such as 10.0.0.1:9187"),
    ("--rank 0 --at 127.0.0.1:99999", "'127.0.0.1:99999' is not an address "
     "such as 10.0.0.1:9187"),
    ("--rank 0 --at 0.0.0.0:9187", "0.0.0.0 is any address of this machine: "
     "give the one that the others reach")])
def test_options_that_do_not_fit(tmp_path, options, said):
    (tmp_path / "text.txt").write_text(TEXT, "utf-8")
    done = run(D2LRNN, "train", "text.txt", "--workers", "2",
               *options.split(), folder=tmp_path)
    assert done.returncode == 2 and done.stdout == b""
    name = "--at" if "address" in said else "--rank"
    assert done.stderr.decode().endswith(
        f"\nError: Invalid value for {name}: {said}\n")


def test_an_address_without_workers(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT, "utf-8")
    done = run(D2LRNN, "train", "text.txt", "--rank", "1", folder=tmp_path)
    assert done.returncode == 2 and done.stderr.decode().endswith(
        "--rank: give both --rank and --at, or neither\n")


def test_more_workers_than_a_machine_can_run(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT, "utf-8")
    done = run(D2LRNN, "train", "text.txt", "--workers", "1000",
               folder=tmp_path)
    assert done.returncode == 2 and re.search(
        r"--workers: 1000 are too many for the \d+ cores of one machine: "
        r"give --rank and --at on each of several\n$", done.stderr.decode())


def test_a_text_from_a_pipe(tmp_path):
    done = run(D2LRNN, "train", "/dev/stdin", "--workers", "2",
               folder=tmp_path, input=TEXT.encode())
    assert done.returncode == 2 and done.stderr.decode().endswith(
        "/dev/stdin cannot be read by several workers: give a file\n")


def test_a_batch_that_does_not_divide(tmp_path):
    with training(tmp_path, "--workers", 2, "--batch-size", 5) as crew:
        assert crew.ends() == 1
        assert sentence(crew.said()) == (
            "batch_size 5 cannot be divided among 2 workers: make it 4 or 6")


def test_a_command_that_does_not_exist(tmp_path):
    with Launch(tmp_path, sys.executable, "-m", "d2lrnn_cli.together",
                "--workers", 2, "--", "no_such_command") as crew:
        assert crew.ends(10) == 1
        assert sentence(crew.said()) == (
            "no_such_command cannot be started (No such file or directory): "
            "check the command")
    with Launch(tmp_path, sys.executable, "-m", "d2lrnn_cli.together",
                "--workers", 2, "--", sys.executable, "none.py") as crew:
        assert crew.ends(10) == 2
        assert re.fullmatch(r".*can't open file.*\n", crew.said())


def answered(capsys, rank, at):
    """Return how a launcher in this process ends."""
    code = launch(["true"], ["true"], lambda: "go on", 2, rank, at, 0)
    return code, sentence(capsys.readouterr().err)


def test_machines_that_cannot_meet(capsys, monkeypatch):
    monkeypatch.setattr("d2lrnn_cli.meeting.WAIT", 1)
    port = free_port()
    come = "within 1 seconds: start the same command there, with its own"
    assert answered(capsys, 0, f"127.0.0.1:{port}") == (
        1, f"worker 1 did not come to 127.0.0.1:{port} {come} --rank")
    assert answered(capsys, 1, f"127.0.0.1:{port}") == (
        1, f"worker 0 did not come to 127.0.0.1:{port} {come} --rank")
    assert answered(capsys, 1, "no.such.host.invalid:9187") == (
        1, "there is no machine called no.such.host.invalid: check --at")
    for at in ("a..b:9187", "é..b:9187", ":9187", "here:0", "here"):
        with pytest.raises(typer.BadParameter, match="is not an address such"):
            launch(["true"], ["true"], None, 2, 0, at, 0)
    # an address of another machine, reserved for examples
    code, said = answered(capsys, 0, "192.0.2.1:9187")
    assert code == 1 and "(Cannot assign requested address): give" in said


def test_a_port_that_is_taken(capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert answered(capsys, 0, f"127.0.0.1:{port}") == (
            1, f"worker 0 cannot listen at 127.0.0.1:{port} (Address already "
            f"in use): give --at an address of worker 0's own machine, and a "
            f"port that is free")
