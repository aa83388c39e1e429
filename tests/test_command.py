"""The command d2lrnn, each time as a process of its own."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.numpy

ROOT = Path(__file__).parents[1]
D2LRNN = Path(sys.executable).with_name("d2lrnn")
TEXT = "the cat sat on the mat. 猫坐在垫子上。\n" * 60
SMALL = ("--hidden", "8", "--embed", "4", "--steps", "5", "--batch", "4",
         "--epochs", "2")


def run(*arguments, code=0, folder=None, **environment):
    done = subprocess.run(
        [D2LRNN, *map(str, arguments)], cwd=folder, encoding="utf-8",
        capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8",
                                  **environment})
    assert done.returncode == code, done.stderr
    assert code == 2 or "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return the folder of a training, and what it printed."""
    folder = tmp_path_factory.mktemp("command")
    (folder / "my_text.txt").write_text(TEXT, "utf-8")
    done = run("train", "my_text.txt", *SMALL, "--out", "run", folder=folder)
    return folder, done


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
    run("train", "my_text.txt", *whole, "parts", "--epochs", "2",
        folder=folder)
    done = run("train", "--resume", "parts", "--epochs", "3", folder=folder)
    assert done.stdout == "parts/best.safetensors\n"
    assert "epoch 3, " in done.stderr and "epoch 2, " not in done.stderr
    parts, whole = (safetensors.numpy.load_file(
        folder / name / "best.safetensors") for name in ("parts", "whole"))
    assert parts.keys() == whole.keys()
    assert all((parts[name] == whole[name]).all() for name in parts)


def test_generate(trained):
    folder, _ = trained
    arguments = ("generate", "run/best.safetensors", "--prefix", "the 猫",
                 "--num-chars", "30", "--seed", "1")
    text = run(*arguments, folder=folder).stdout
    assert text.startswith("the 猫") and len(text) == 5 + 30 + 1
    assert run(*arguments, folder=folder).stdout == text
    read = json.loads(run(*arguments, "--json", "--n", "2",
                          folder=folder).stdout)
    assert len(read["lyrics"]) == 2 and read["seed"] == 1
    assert read["lyrics"][0] == text[:-1] != read["lyrics"][1]
    both = run(*arguments, "--n", "2", folder=folder).stdout
    assert both == "\n\n".join(read["lyrics"]) + "\n"
    greedy = run("generate", "run/best.safetensors", "--temperature", "0",
                 "--num-chars", "5", folder=folder).stdout
    assert greedy.startswith("\n") and len(greedy) == 7


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


def test_eval(trained):
    folder, _ = trained
    model = "run/best.safetensors"
    table = run("eval", model, "my_text.txt", folder=folder).stdout
    read = json.loads(run("eval", model, "my_text.txt", "--json",
                          folder=folder).stdout)
    assert f"perplexity          {read['perplexity']:.3f}\n" in table
    assert 1 < read["perplexity"] < 40 and read["left_out"] == 0
    assert read["bits_per_char"] == pytest.approx(
        read["loss"] / 0.6931471805599453)
    (folder / "other.txt").write_text("the XY cat", "utf-8")
    read = json.loads(run("eval", model, "other.txt", "--json",
                          folder=folder).stdout)
    assert read["left_out"] == pytest.approx(0.2) and read["unk"] == 0


def test_inspect(trained):
    folder, _ = trained
    page = run("inspect", "run/last.safetensors", folder=folder).stdout
    assert re.search(r"^model +CharRNN$", page, re.MULTILINE)
    assert re.search(r"^num_hiddens +8$", page, re.MULTILINE)
    assert re.search(r"^trained +2 epochs, ", page, re.MULTILINE)
    assert re.search(r"^output\.weight +\d+ x 8$", page, re.MULTILINE)


def test_the_models_settings_are_the_commands(trained):
    folder, _ = trained
    run("train", "my_text.txt", *SMALL, "--epochs", "1", "--embed", "8",
        "--cell", "gru", "--layers", "2", "--dropout", "0.1",
        "--tie-weights", "--unroll", "static", "--out", "tied",
        folder=folder)
    page = run("inspect", "tied/best.safetensors", folder=folder).stdout
    for name, value in {"cell": "gru", "num_layers": "2", "dropout": "0.1",
                        "tie_weights": "True", "unroll": "static"}.items():
        assert re.search(rf"^{name} +{value}$", page, re.MULTILINE), name
    run("train", "my_text.txt", *SMALL, "--epochs", "1", "--embed", "0",
        "--out", "onehot", folder=folder)
    page = run("inspect", "onehot/best.safetensors", folder=folder).stdout
    assert re.search(r"^embed_size +None$", page, re.MULTILINE)


WRONG = [
    (("generate", "no.safetensors"), "there is no checkpoint at no"),
    (("generate", "my_text.txt"), "not a whole safetensors file"),
    (("generate", "run/best.safetensors", "--prefix", "Q"), "'Q'"),
    (("generate", "run/best.safetensors", "--temperature", "-1"),
     "temperature is -1"),
    (("eval", "run/best.safetensors", "no.txt"), "there is no text at no.txt"),
    (("inspect", "no"), "there is no checkpoint at no"),
    (("train", "no.txt"), "there is no text at no.txt"),
    (("train", "my_text.txt", "--cell", "cnn"), "cell is 'cnn'"),
    (("train", "my_text.txt", "--unroll", "by hand"), "unroll is 'by hand'"),
    (("train", "my_text.txt", "--tie-weights"), "tie_weights"),
    (("train", "my_text.txt", "--lr", "-1", "--out", "other"), "lr is -1"),
    (("train", "my_text.txt", *SMALL, "--out", "run"), "already holds a"),
    (("train", "--resume", "nowhere"), "holds no training"),
    (("train", "my_text.txt", "--ctx", "gpu(9)"), "asks for gpu(9)"),
    (("report", "nowhere"), "nowhere"),
    (("data", "verify", "shakespeare"), "d2lrnn data get shakespeare"),
]


@pytest.mark.parametrize("arguments, words", WRONG, ids=[
    " ".join(arguments[:5]) for arguments, _ in WRONG])
def test_an_error_is_one_sentence(trained, arguments, words):
    folder, _ = trained
    before = set(folder.rglob("*"))
    done = run(*arguments, folder=folder, code=1, D2LRNN_DATA=str(folder))
    assert words in done.stderr and done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert set(folder.rglob("*")) == before, "something was left behind"


@pytest.mark.parametrize("arguments, words", [
    (("knit",), "knit"), (("train",), "give a TEXT"),
    (("train", "a", "--layers", "two"), "--layers"),
    (("generate",), "MODEL"), (("chapter", "knitting"), "rnn_scratch"),
    (("data", "get", "poems"), "jaychou_lyrics"),
    (("generate", "a", "--no-such"), "--no-such")])
def test_a_misuse_exits_with_2(arguments, words):
    assert words in run(*arguments, code=2).stderr


def test_debug_shows_the_traceback():
    done = subprocess.run([D2LRNN, "inspect", "no", "--debug"], text=True,
                          capture_output=True)
    assert done.returncode == 1 and "Traceback" in done.stderr


@pytest.mark.parametrize("arguments", [
    ("--help",), ("train", "--help"), ("data", "--help")])
def test_help_waits_for_nothing(arguments):
    code = (f"import sys; sys.argv = ['d2lrnn', *{arguments!r}]\n"
            f"from d2lrnn_cli.main import main\n"
            f"try: main()\n"
            f"except SystemExit as end: assert not end.code\n"
            f"slow = {{'mxnet', 'numpy', 'd2lrnn'}} & set(sys.modules)\n"
            f"sys.exit(' '.join(slow) or 0)")
    done = subprocess.run([sys.executable, "-c", code], text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    assert "d2lrnn" in done.stdout


def test_every_command_has_help():
    page = run("--help").stdout
    for name in ("train", "generate", "eval", "inspect", "data", "report",
                 "bench", "chapter", "doctor"):
        assert re.search(rf"^ +{name} +\w", page, re.MULTILINE), name


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("typed, expected", [
    ("d2lrnn ge", "generate"), ("d2lrnn train --cel", "--cell"),
    ("d2lrnn data ve", "verify")])
def test_the_shell_completes(shell, typed, expected):
    done = run(_D2LRNN_COMPLETE=f"complete_{shell}", COMP_WORDS=typed,
               COMP_CWORD=str(typed.count(" ")),
               _TYPER_COMPLETE_ARGS=typed,
               _TYPER_COMPLETE_FISH_ACTION="get-args")
    assert expected in done.stdout


def test_a_closed_stdout_is_no_traceback():
    done = subprocess.run(f"{D2LRNN} --help >&-", shell=True, text=True,
                          capture_output=True)
    assert "Traceback" not in done.stderr


def test_data(tmp_path):
    (tmp_path / "shakespeare.txt").write_text("no sonnet")
    environment = {"D2LRNN_DATA": str(tmp_path)}
    listed = run("data", "list", **environment).stdout
    assert f"shakespeare     {tmp_path / 'shakespeare.txt'}" in listed
    assert "dinosaur_genera.txt instead" in listed
    path = run("data", "get", "shakespeare", **environment).stdout
    assert path == f"{tmp_path / 'shakespeare.txt'}\n"
    done = run("data", "verify", "shakespeare", code=1, **environment)
    assert "shakespeare     altered: " in done.stdout
    assert "delete it" in done.stderr


def test_chapter(tmp_path):
    assert "rnn_scratch\n" in run("chapter").stdout
    done = run("chapter", "lang_model_dataset", folder=tmp_path)
    assert done.stdout


def test_bench():
    assert "| names " in run("bench", "names", "--tiny", "--rounds",
                             "1").stdout


def test_doctor_finds_nothing_wrong():
    lines = run("doctor").stdout.splitlines()
    assert "ok     MXNet imports and computes" in lines
    assert not [line for line in lines if line.startswith("wrong")]


def test_doctor_where_mxnet_does_not_import(tmp_path):
    (tmp_path / "mxnet.py").write_text("raise OSError('no such library')")
    path = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    done = run("doctor", code=1, PYTHONPATH=os.pathsep.join(path),
               OMP_NUM_THREADS="99", D2LRNN_DATA="/nowhere")
    wrong = [line for line in done.stdout.splitlines()
             if line.startswith("wrong")]
    assert len(wrong) == 3
    for words in ("OSError: no such library", "export OMP_NUM_THREADS=",
                  "unset D2LRNN_DATA"):
        assert any(words in line for line in wrong)


@pytest.mark.parametrize("name, value", [
    ("OMP_NUM_THREADS", "1,2"), ("MXNET_ENGINE_TYPE", "bogus")])
def test_doctor_names_a_setting_that_mxnet_cannot_read(name, value):
    wrong = [line for line in run("doctor", code=1, **{
        name: value}).stdout.splitlines() if line.startswith("wrong")]
    assert f"wrong  {name} is {value!r}: set it to " in "\n".join(wrong)


def test_readmes_path_works_as_written(tmp_path):
    readme = (ROOT / "README.md").read_text("utf-8")
    section = readme.split("\n## From a text to a lyric\n")[1]
    section = section.split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    commands = "".join(blocks).splitlines()
    assert len(commands) == 6
    (tmp_path / "my_text.txt").write_text(TEXT * 3, "utf-8")
    results = []
    for command in commands:
        name, *arguments = command.split()
        assert name == "d2lrnn"
        results.append(run(*arguments, folder=tmp_path).stdout)
    assert results[1].startswith("分开") and len(results[1]) == 2 + 50 + 1
    assert results[4].startswith("perplexity")
    page = (tmp_path / "runs/both/report.html").read_text("utf-8")
    assert results[5] == f"{tmp_path}/runs/both/report.html\n"
    assert "lyrics, fit: epoch 20, " in page and "mine, fit: epoch" in page
