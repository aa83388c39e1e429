"""The command where a stream is closed, full, or without UTF-8."""
import json
import os
import shutil
import subprocess

import pytest
import safetensors.numpy
from commands import SMALL, run
from surroundings import D2LRNN

pytestmark = pytest.mark.process

COMMANDS = ["--help", f"train my_text.txt {' '.join(SMALL)} --out new",
            "generate run/best.safetensors --num-chars 5 --seed 1",
            "generate run/best.safetensors --num-chars 5 --seed 1 --json",
            "eval run/best.safetensors my_text.txt",
            "inspect run/best.safetensors", "report run --out both",
            "data list", "doctor", "chapter"]
COMMANDS = pytest.mark.parametrize("command", COMMANDS)


@pytest.fixture
def shell(trained):
    """Return a function that runs d2lrnn in a shell, beside a training."""
    folder, _ = trained

    def shell(command, **environment):
        done = subprocess.run(
            ["bash", "-c", f"{D2LRNN} {command}"], cwd=folder, text=True,
            capture_output=True, env={**os.environ, **environment})
        assert "Traceback" not in done.stderr
        assert "NoneType" not in done.stderr + done.stdout
        assert "ignored" not in done.stderr
        return done

    yield shell
    for name in ("new", "both"):
        shutil.rmtree(folder / name, ignore_errors=True)


@COMMANDS
def test_a_closed_stdout_is_no_error(shell, command):
    done = shell(f"{command} >&-")
    assert done.returncode == 0 and done.stdout == ""
    assert "d2lrnn: " not in done.stderr


@COMMANDS
def test_a_closed_stderr_costs_no_result(shell, command):
    done = shell(f"{command} 2>&-")
    assert done.returncode == 0 and done.stdout


@COMMANDS
def test_a_result_that_nobody_reads_is_no_complaint(shell, command):
    done = shell(f"{command} | true; exit ${{PIPESTATUS[0]}}")
    assert done.returncode in (0, 1)  # read before the pipe was closed, or not
    assert "d2lrnn: " not in done.stderr


def test_all_streams_may_be_closed(shell, trained):
    folder, _ = trained
    done = shell(f"train my_text.txt {' '.join(SMALL)} --out new <&- >&- 2>&-")
    assert done.returncode == 0
    new, old = (safetensors.numpy.load_file(
        folder / name / "best.safetensors") for name in ("new", "run"))
    assert all((new[name] == old[name]).all() for name in old)
    assert shell("inspect no <&- >&- 2>&-").returncode == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_under_stdout_is_a_sentence(shell, unbuffered):
    done = shell("data list > /dev/full", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1
    assert done.stderr == ("d2lrnn: the output cannot be written (No space "
                           "left on device): write it where there is "
                           "space\n")


def test_a_pipe_that_closes_early(trained):
    folder, _ = trained
    done = subprocess.run(
        f"{D2LRNN} generate run/best.safetensors --num-chars 100000 "
        f"| head -c 5", shell=True, cwd=folder, capture_output=True)
    assert len(done.stdout) == 5 and done.stderr == b""


def test_a_terminal_without_utf_8(trained):
    folder, _ = trained
    done = run("generate", "run/best.safetensors", "--prefix", "猫",
               "--num-chars", "3", "--seed", "1", folder=folder,
               PYTHONIOENCODING="ascii")
    assert done.stdout.startswith("?") and done.stderr == ""


@pytest.mark.parametrize("environment", [
    {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "", "LC_ALL": "C", "PYTHONUTF8": "0",
     "PYTHONCOERCECLOCALE": "0"}])
def test_json_loses_nothing_where_there_is_no_utf_8(trained, environment):
    folder, _ = trained
    arguments = ("generate", "run/best.safetensors", "--num-chars", "60",
                 "--seed", "1", "--temperature", "3", "--json")
    done = run(*arguments, folder=folder, **environment)
    if environment["PYTHONIOENCODING"]:  # else it is UTF-8, being redirected
        assert done.stdout.isascii() and "\\u" in done.stdout
    there = run(*arguments, folder=folder).stdout
    assert json.loads(done.stdout) == json.loads(there)
    assert not there.isascii()
