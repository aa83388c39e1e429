"""d2lrnn train: its options, its folder, and how it is stopped."""
import json
import re
import shlex
import signal
import subprocess
from inspect import signature

import d2lrnn as d2l
import pytest
import safetensors.numpy
import typer
from commands import LONG, SMALL, run, start, wait_for
from surroundings import D2LRNN, TEXT

from d2lrnn_cli.command_file import OLD_NAMES
from d2lrnn_cli.main import app  # with its commands

pytestmark = pytest.mark.process


def test_train_prints_where_its_model_is(trained):
    folder, done = trained
    assert done.stdout == "run/best.safetensors\n"
    assert (folder / "run" / "best.safetensors").is_file()
    assert "epoch 2, perplexity " in done.stderr
    assert "epoch 3, " not in done.stderr
    record = json.loads((folder / "run" / "record.json").read_text())
    assert record["settings"]["num_epochs"] == 2
    assert len(record["trainings"]["fit"]["lyrics"]) == 1


def test_quiet_is_quiet(trained):
    folder, _ = trained
    for arguments in (("--quiet", "train"), ("train", "--quiet")):
        done = run(*arguments, "my_text.txt", *SMALL, folder=folder)
        assert done.stderr == ""
        assert re.fullmatch(r"runs/my_text-[\d-]+/best\.safetensors\n",
                            done.stdout)
        (folder / done.stdout.strip()).parent.rename(folder / arguments[0])


def test_a_training_goes_on(trained):
    folder, _ = trained
    whole = (*SMALL[:-1], "3", "--schedule", "constant", "--out")
    run("train", "my_text.txt", *whole, "whole", folder=folder)
    run("train", "my_text.txt", *whole, "parts", "--num-epochs", "2",
        folder=folder)
    done = run("train", "--resume", "parts", "--num-epochs", "3",
               folder=folder)
    assert done.stdout == "parts/best.safetensors\n"
    assert "epoch 3, " in done.stderr and "epoch 2, " not in done.stderr
    parts, whole = (safetensors.numpy.load_file(
        folder / name / "best.safetensors") for name in ("parts", "whole"))
    assert parts.keys() == whole.keys()
    assert all((parts[name] == whole[name]).all() for name in parts)


def test_the_models_settings_are_the_commands(trained):
    folder, _ = trained
    run("train", "my_text.txt", *SMALL, "--num-epochs", "1", "--embed-size",
        "8", "--cell", "gru", "--num-layers", "2", "--dropout", "0.1",
        "--tie-weights", "--unroll", "static", "--weight-drop", "0.2",
        "--variational", "--average", "0.9", "--out", "tied", folder=folder)
    page = run("inspect", "tied/best.safetensors", folder=folder).stdout
    for name, value in {"cell": "gru", "num_layers": "2", "dropout": "0.1",
                        "tie_weights": "True", "unroll": "static",
                        "weight_drop": "0.2", "variational": "True"}.items():
        assert re.search(rf"^{name} +{value}$", page, re.MULTILINE), name
    run("train", "my_text.txt", *SMALL, "--num-epochs", "1", "--embed-size",
        "0", "--out", "onehot", folder=folder)
    page = run("inspect", "onehot/best.safetensors", folder=folder).stdout
    assert re.search(r"^embed_size +None$", page, re.MULTILINE)


def test_options_have_the_names_of_fits_arguments():
    command = typer.main.get_command(app).commands["train"]
    spellings = {option.name: option.opts for option in command.params}
    arguments = {*signature(d2l.fit).parameters,
                 *signature(d2l.fit_feed).parameters,
                 *signature(d2l.CharRNN).parameters,
                 *signature(d2l.load_corpus).parameters}
    assert spellings.keys() - arguments == {
        "text", "prefix", "out", "workers", "rank", "at", "max_restarts"}
    for name, (first, *_) in spellings.items():
        assert first in (name, f"--{name.replace('_', '-')}")
    old = {name: option for option, (_, *short) in spellings.items()
           for name in short}
    assert old == {f"--{name}": new for name, new in OLD_NAMES.items()}


def test_the_spellings_of_0_1_0_mean_the_same(trained):
    folder, _ = trained
    run("train", "my_text.txt", "--hidden", "8", "--embed", "4", "--steps",
        "5", "--batch", "4", "--epochs", "2", "--layers", "1", "--clip", "1",
        "--val", "0.1", "--out", "short", folder=folder)
    short, long = (folder / name / "command.json" for name in
                   ("short", "run"))
    assert (json.loads(short.read_text("utf-8"))
            == json.loads(long.read_text("utf-8")))
    short, long = (safetensors.numpy.load_file(
        folder / name / "best.safetensors") for name in ("short", "run"))
    assert short.keys() == long.keys()
    assert all((short[name] == long[name]).all() for name in long)


def test_a_typed_context_wins_over_the_environments(trained, tmp_path):
    text = trained[0] / "my_text.txt"
    run("train", text, *SMALL, "--num-epochs", "1", "--ctx", "cpu", "--out",
        "run", folder=tmp_path, D2LRNN_CTX="gpu(9)")
    done = run("train", text, *SMALL, "--out", "no", code=1, folder=tmp_path,
               D2LRNN_CTX="gpu(9)")
    assert "D2LRNN_CTX asks for gpu(9)" in done.stderr


@pytest.mark.parametrize("number, code", [
    (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_training_says_what_to_type(trained, tmp_path, number,
                                              code):
    process = start("train", trained[0] / "my_text.txt", *LONG, "my run",
                    folder=tmp_path)
    wait_for(process, "epoch 1, ")
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (code, "")
    *_, last = errors.splitlines()
    assert last.startswith("stopped ") and "Traceback" not in errors
    assert last.endswith("to go on, type d2lrnn train --resume 'my run'")
    epoch = re.search(r"(in|after) epoch (\d+)", last)
    done = int(epoch[2]) - (epoch[1] == "in")
    errors = run(*shlex.split(last)[-3:], "--num-epochs", done + 1,
                 folder=tmp_path).stderr
    assert f"epoch {done + 1}, " in errors and f"epoch {done}, " not in errors


def test_a_folder_in_use_is_refused(trained, tmp_path):
    text = trained[0] / "my_text.txt"
    process = start("train", text, *LONG, "run", folder=tmp_path)
    wait_for(process, "epoch 1, ")
    for arguments in (("train", text, *LONG, "run"),
                      ("train", "--resume", "run")):
        done = run(*arguments, code=1, folder=tmp_path)
        assert done.stderr == (
            "d2lrnn: run is in use by another training: give another folder, "
            "or wait until it has finished\n")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "command.json", "best.safetensors", "last.safetensors"}


@pytest.mark.parametrize("again", ["same", "resume"])
def test_a_training_that_was_never_saved_is_begun_anew(trained, tmp_path,
                                                       again):
    text = trained[0] / "my_text.txt"
    arguments = ("train", text, *SMALL, "--out", "run")
    process = start(*arguments, folder=tmp_path)
    wait_for(process, "chars to train on")
    process.kill()
    process.communicate()
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "command.json", ".lock"}
    if again == "resume":
        done = run("train", "--resume", "run", folder=tmp_path)
        assert done.stderr.startswith("nothing was saved in run before it "
                                      "stopped: training starts over\n")
    else:
        done = run(*arguments, folder=tmp_path)
    assert "epoch 2, " in done.stderr
    model, other = ((folder / "run" / "best.safetensors").read_bytes()
                    for folder in (tmp_path, trained[0]))
    model, other = map(safetensors.numpy.load, (model, other))
    assert all((model[name] == other[name]).all() for name in other)


def test_a_training_that_fails_leaves_no_folders(trained, tmp_path):
    text = trained[0] / "my_text.txt"
    done = run("train", text, *SMALL, "--lr", "1e38", "--clipping-theta",
               "1e38", "--optimizer", "sgd", "--schedule", "constant", "--out",
               "deep/new/run", code=1, folder=tmp_path)
    assert "the loss is " in done.stderr and not list(tmp_path.iterdir())


def test_a_closed_stderr_costs_nothing(trained, tmp_path):
    text = trained[0] / "my_text.txt"
    done = subprocess.run(
        f"{D2LRNN} train {text} {' '.join(SMALL)} --out run 2>&-",
        shell=True, cwd=tmp_path, text=True, capture_output=True)
    assert (done.returncode, done.stdout) == (0, "run/best.safetensors\n")


def test_a_text_from_a_pipe_is_kept_to_go_on_with(trained, tmp_path):
    arguments = ("train", "/dev/stdin", *SMALL, "--schedule", "constant",
                 "--out", "run")
    subprocess.run([D2LRNN, *arguments], cwd=tmp_path, text=True, check=True,
                   input=TEXT, capture_output=True)
    assert (tmp_path / "run" / "text.txt").read_text("utf-8") == TEXT
    (tmp_path / "run").rename(tmp_path / "moved")
    done = run("train", "--resume", "moved", "--num-epochs", "3",
               folder=tmp_path)
    assert "epoch 3, " in done.stderr and "epoch 2, " not in done.stderr
    subprocess.run([D2LRNN, *arguments, "--cell", "none"], cwd=tmp_path,
                   text=True, input=TEXT, capture_output=True)
    assert [path.name for path in tmp_path.iterdir()] == ["moved"]


@pytest.mark.parametrize("arguments, words", [
    (("train", "my_text.txt", *SMALL, "--out", "my_text.txt"),
     "my_text.txt cannot be created as a folder (File exists): give another"),
    (("train", "my_text.txt", *SMALL, "--out", "my_text.txt/run"),
     "my_text.txt/run cannot be created as a folder (Not a directory): give"),
    (("train", "my_text.txt", *SMALL, "--out", b"caf\xe9"),
     r"the run's folder is 'caf\udce9', whose characters are not UTF-8: give"),
    (("train", b"caf\xe9.txt", *SMALL, "--out", "other"),
     r"TEXT is 'caf\udce9.txt', whose characters are not UTF-8: give"),
])
def test_where_no_run_can_be(trained, arguments, words):
    folder, _ = trained
    before = set(folder.rglob("*"))
    done = subprocess.run([D2LRNN, *arguments], cwd=folder,
                          capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith(f"d2lrnn: {words}")
    assert done.stderr.count("\n") == 1 and set(folder.rglob("*")) == before


@pytest.mark.parametrize("options, words", [
    (("--resume", "run", "--out", "other"), "--out: a run goes on in its own"),
    (("my_text.txt", "--max-restarts", "3"),
     "--max-restarts: only several --workers are started again")])
def test_options_that_would_be_ignored(trained, options, words):
    done = run("train", *options, *SMALL, code=2, folder=trained[0])
    assert words in done.stderr
