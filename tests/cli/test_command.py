"""The command d2lrnn, each time as a process of its own."""
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from inspect import signature
from pathlib import Path

import d2lrnn as d2l
import pytest
import safetensors.numpy
import typer

from d2lrnn_cli import doctor
from d2lrnn_cli.app import app
from d2lrnn_cli.command_file import OLD_NAMES
from d2lrnn_cli.main import sentence

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
D2LRNN = Path(sys.executable).with_name("d2lrnn")
TEXT = "the cat sat on the mat. 猫坐在垫子上。\n" * 60
SMALL = ("--num-hiddens", "8", "--embed-size", "4", "--num-steps", "5",
         "--batch-size", "4", "--num-epochs", "2")


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


def test_eval_at_a_temperature(trained):
    folder, _ = trained
    read = json.loads(run("eval", "run", "my_text.txt", "--temperature",
                          "100", "--json", folder=folder).stdout)
    distinct = len(set((folder / "my_text.txt").read_text("utf-8")))
    assert read["perplexity"] == pytest.approx(distinct, rel=0.05)
    done = run("eval", "run", "my_text.txt", "--temperature", "2",
               "--dynamic", "my_text.txt", code=2, folder=folder)
    assert "--dynamic" in done.stderr


def test_eval_while_the_model_learns(trained):
    folder, _ = trained
    read = json.loads(run("eval", "run", "my_text.txt", "--dynamic",
                          "my_text.txt", "--lr", "0.01", "--json",
                          folder=folder).stdout)
    learning = read["dynamic"]
    assert 1 < learning["perplexity"] < read["perplexity"]
    assert learning["lr"] == 0.01 and learning["decay"] == 0.001
    page = run("eval", "run", "my_text.txt", "--dynamic", "my_text.txt",
               "--lr", "0.01", folder=folder).stdout.splitlines()
    assert page[4:] == [
        "while it learns (lr 0.01, decay 0.001):",
        f"perplexity          {learning['perplexity']:.3f}",
        f"bits per character  {learning['bits_per_char']:.3f}"]
    done = run("eval", "run", "my_text.txt", "--lr", "0.01", code=2,
               folder=folder)
    assert "--dynamic" in done.stderr


def test_eval_reads_as_a_model_that_learns_in_one_row(trained):
    folder, _ = trained
    (folder / "long.txt").write_text(TEXT * 12, "utf-8")  # two rows otherwise
    losses = [json.loads(run("eval", "run", "long.txt", *options, "--json",
                             folder=folder).stdout)["loss"]
              for options in (("--dynamic", "my_text.txt"), ("--rows", "1"),
                              ("--rows", "2"), ())]
    assert losses[0] == losses[1] != losses[2] == losses[3]


@pytest.mark.parametrize("options, words", [
    (("--dynamic", "typo.txt"), "there is no text at typo.txt"),
    (("--dynamic", "my_text.txt", "--lr", "-1"), "lr is -1.0: it must be"),
    (("--dynamic", "my_text.txt", "--decay", "-1"), "decay is -1.0: it must"),
    (("--rows", "100000000"), "rows is 100000000: it must be at most 16,777,"),
])
def test_eval_measures_nothing_that_it_must_throw_away(trained, options,
                                                       words):
    done = run("eval", "run", "my_text.txt", *options, code=1,
               folder=trained[0])
    assert words in done.stderr and done.stderr.count("\n") == 1
    assert not done.stdout


def test_eval_shows_what_it_has_before_the_model_learns(trained):
    done = run("eval", "run", "my_text.txt", "--dynamic", "my_text.txt",
               "--lr", "1e38", code=1, folder=trained[0])
    assert done.stdout.startswith("perplexity ")
    assert done.stderr.endswith("lower lr or decay\n")


def test_a_text_without_words(tmp_path):
    (tmp_path / "text.txt").write_text("<unk> " * 99)
    done = run("train", "text.txt", *SMALL, "--level", "split", code=1,
               folder=tmp_path)
    assert done.stderr.endswith("no token but <unk>: give another text\n")
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


def test_inspect(trained):
    folder, _ = trained
    page = run("inspect", "run/last.safetensors", folder=folder).stdout
    assert re.search(r"^model +CharRNN$", page, re.MULTILINE)
    assert re.search(r"^num_hiddens +8$", page, re.MULTILINE)
    assert re.search(r"^trained +2 epochs, ", page, re.MULTILINE)
    assert re.search(r"^output\.weight +\d+ x 8$", page, re.MULTILINE)


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


HELLO = ("Hello world, this is a small text about small things. To be or "
         "not to be, that is it.\n") * 40


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """Return the folder of a training on words, some of them unknown."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "small.txt").write_text("Rare: " + HELLO)
    options = (*SMALL[:-1], "1", "--level", "word")
    run("train", "small.txt", *options, "--out", "plain", folder=folder)
    run("train", "small.txt", *options, "--min-freq", "2", "--prefix",
        "Hello world", "--out", "typed", folder=folder)
    return folder


def lyric_of(folder):
    record = json.loads((folder / "record.json").read_text("utf-8"))
    (lyric,) = record["trainings"]["fit"]["lyrics"]
    return lyric["lyrics"][0] if isinstance(lyric, dict) else lyric


def test_words_from_the_first_command_to_the_last(words):
    model = "typed/best.safetensors"
    text = run("generate", model, "--prefix", "To be", "--num-chars", "5",
               folder=words).stdout
    assert text.startswith("To be") and text.endswith("\n")
    text = run("generate", model, "--num-chars", "5", folder=words).stdout
    assert text.startswith("\n")
    assert re.search(r"^level +word$", run("inspect", model,
                                           folder=words).stdout, re.M)
    (words / "other.txt").write_text("Rare: to be or no to be\n")
    read = json.loads(run("eval", model, "other.txt", "--json",
                          folder=words).stdout)
    assert read["level"] == "word" and read["left_out"] == 0
    assert read["unk"] == pytest.approx(2 / 14)  # : and no, after Rare
    read = json.loads(run("eval", "plain/best.safetensors", "other.txt",
                          "--json", folder=words).stdout)
    assert read["unk"] == 0 and read["left_out"] == pytest.approx(1 / 15)
    page = run("report", "plain", "typed", "--out", "both",
               folder=words).stdout
    assert Path(words / page.strip()).is_file()
    done = run("generate", model, "--prefix", "To bet", code=1, folder=words)
    assert "'To bet' has words that" in done.stderr


def test_the_first_sample_begins_with_the_first_known_token(words):
    (words / "rare.txt").write_text("Quiz: " + "the cat sat. " * 60)
    for level, first in (("word", " "), ("char", " ")):
        run("train", "rare.txt", *SMALL, "--level", level, "--min-freq", "3",
            "--out", level, folder=words)
        assert lyric_of(words / level).startswith(first)
    assert lyric_of(words / "plain").startswith("Rare")
    assert lyric_of(words / "typed").startswith("Hello world")


def test_an_unknown_word_as_prefix_leaves_nothing_behind(words):
    done = run("train", "small.txt", *SMALL, "--level", "word", "--prefix",
               "Hello Earth", "--out", "no", code=1, folder=words)
    assert "'Hello Earth' has words that the vocabulary" in done.stderr
    assert "('Earth')" in done.stderr and not (words / "no").exists()


def test_a_text_that_is_piped_in(words):
    done = subprocess.run(
        [D2LRNN, "train", "/dev/stdin", *SMALL, "--out", "piped"], cwd=words,
        input=HELLO, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (words / "piped" / "best.safetensors").is_file()


def test_eval_of_a_text_of_which_nothing_is_known(trained):
    folder, _ = trained
    (folder / "greek.txt").write_text("αβγ αβγ", "utf-8")
    done = run("eval", "run/best.safetensors", "greek.txt", code=1,
               folder=folder)
    assert "greek.txt has 1 chars that the model knows" in done.stderr


WRONG = [
    (("train", "/dev/zero"), "/dev/zero is not a regular file"),
    (("generate", "no.safetensors"), "there is no checkpoint at no"),
    (("generate", "my_text.txt"), "not a whole safetensors file"),
    (("generate", "run/best.safetensors", "--prefix", "Q"), "'Q'"),
    (("generate", "run/best.safetensors", "--temperature", "-1"),
     "temperature is -1"),
    (("eval", "run/best.safetensors", "no.txt"), "there is no text at no.txt"),
    (("eval", "run", "my_text.txt", "--dynamic", "no.txt"), "no.txt"),
    (("eval", "run", "my_text.txt", "--temperature", "0"),
     "temperature is 0.0: it must be between 0.01 and 100"),
    (("eval", "run", "my_text.txt", "--dynamic", "my_text.txt", "--decay",
      "-1"), "decay is -1"),
    (("train", "my_text.txt", "--cell", "mingru", "--weight-drop", "0.5"),
     "weight_drop is 0.5, and the cell mingru has no recurrent weights"),
    (("train", "my_text.txt", "--average", "1"), "average is 1"),
    (("inspect", "no"), "there is no checkpoint at no"),
    (("train", "no.txt"), "there is no text at no.txt"),
    (("train", "my_text.txt", "--cell", "cnn"), "cell is 'cnn'"),
    (("train", "my_text.txt", "--unroll", "by hand"), "unroll is 'by hand'"),
    (("train", "my_text.txt", "--tie-weights"), "tie_weights"),
    (("train", "my_text.txt", "--lr", "-1", "--out", "other"), "lr is -1"),
    (("train", "my_text.txt", *SMALL, "--out", "run"), "already holds a"),
    (("train", "--resume", "nowhere"), "holds no run of d2lrnn train"),
    (("train", "my_text.txt", "--ctx", "gpu(9)"), "ctx is gpu(9), but"),
    (("train", "my_text.txt", "--ctx", "tpu"), "ctx is 'tpu': it must be"),
    (("report", "nowhere"), "nowhere"),
    (("report", "run", "run"), "run is the same run as run"),
    (("report", "run", "--out", "my_text.txt"), "exists already"),
    (("report", "run", "--out", "my_text.txt/new/x"),
     "cannot be created as a folder"),
    (("report", "nowhere", "--out", "deep/new/x"), "nowhere"),
    (("report", "run/last.safetensors"), "is not the record of one run"),
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


LONG = (*SMALL[:-1], "500", "--schedule", "constant", "--out")


def start(*arguments, folder):
    """Start the command in a process that Ctrl-C reaches."""
    return subprocess.Popen(
        [D2LRNN, *arguments], cwd=folder, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))


def wait_for(process, words):
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"no {words}: {process.wait()}")


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


@pytest.mark.parametrize("module", ["mxnet/__init__",
                                    "d2lrnn/generation/__init__"])
def test_ctrl_c_before_the_training_is_one_line(trained, tmp_path, module):
    """It comes while a module is imported."""
    (tmp_path / "sitecustomize.py").write_text(f"""if True:
        import signal, sys
        def look(frame, event, _):
            if frame.f_code.co_filename.endswith({module!r} + ".py"):
                sys.setprofile(None)
                signal.raise_signal(signal.SIGINT)
        sys.setprofile(look)""")
    path = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [D2LRNN, "generate", trained[0] / "run/best.safetensors"], text=True,
        capture_output=True, cwd=tmp_path, env={
            **os.environ, "PYTHONPATH": os.pathsep.join(path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert (done.returncode, done.stderr) == (130, "d2lrnn: stopped\n")


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


def test_the_systems_own_errors_are_sentences():
    error = PermissionError(13, "Permission denied", "my.txt")
    assert sentence(error) == ("my.txt cannot be used (Permission denied): "
                               "check the path and its permissions")


@pytest.mark.parametrize("arguments, words", [
    (("knit",), "knit"), (("train",), "give a TEXT"),
    (("train", "a", "--num-layers", "two"), "--num-layers"),
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
                 "export", "studio", "bench", "chapter", "doctor"):
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


def test_data(tmp_path):
    (tmp_path / "shakespeare.txt").write_text("no sonnet")
    environment = {"D2LRNN_DATA": str(tmp_path)}
    listed = run("data", "list", **environment).stdout
    assert f"shakespeare     {tmp_path / 'shakespeare.txt'}" in listed
    assert "dinosaur_genera.txt instead" in listed
    assert "ptb_valid       not here\n" in listed
    path = run("data", "get", "shakespeare", **environment).stdout
    assert path == f"{tmp_path / 'shakespeare.txt'}\n"
    done = run("data", "verify", "shakespeare", code=1, **environment)
    assert "shakespeare     altered: " in done.stdout
    # nobody offers it for download
    assert done.stderr.endswith("put the published text there instead\n")
    (tmp_path / "ptb.zip").write_text("no words")
    done = run("data", "verify", "ptb", code=1, **environment)
    assert "download it again with d2lrnn data get" in done.stderr


def test_a_download_is_quiet(tmp_path):
    """Offline, here; what failed is said all the same."""
    there = {"D2LRNN_DATA": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path),
             "https_proxy": "http://127.0.0.1:9", "no_proxy": "",
             "NO_PROXY": ""}
    get = ("data", "get", "tinyshakespeare")
    assert "Downloading data from" in run(*get, code=1, **there).stderr
    done = run(*get, "--quiet", code=1, **there)
    assert done.stderr.startswith("d2lrnn: ")
    assert done.stderr.count("\n") == 1


def test_chapter(tmp_path):
    assert "rnn_scratch\n" in run("chapter").stdout
    done = run("chapter", "lang_model_dataset", folder=tmp_path)
    assert done.stdout
    assert run("chapter", "gru", "--print").stdout == (
        ROOT / "chapters/gru.py").read_text("utf-8")


def test_ctrl_c_lets_a_lesson_save():
    lesson = """if True:
        import time
        try:
            print("begun", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            time.sleep(1)
            print("saved")
            raise SystemExit(7)
        """
    command = f"""if True:
        from d2lrnn_cli import checkout, main
        main.signal.signal(main.signal.SIGINT, main.interrupt)
        try:
            checkout.run_python(["-c", {lesson!r}])
        except checkout.Exit as end:
            raise SystemExit(end.exit_code)
        """
    process = subprocess.Popen([sys.executable, "-c", command], text=True,
                               stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout.readline() == "begun\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "saved\n"
    assert process.returncode == 7


def test_bench():
    assert "| names " in run("bench", "names", "--tiny", "--rounds",
                             "1").stdout


def test_doctor_finds_nothing_wrong():
    lines = run("doctor").stdout.splitlines()
    assert "ok     MXNet imports and computes" in lines
    assert not [line for line in lines if line.startswith("wrong")]


@pytest.mark.parametrize(("settings", "line"), [
    ({"D2LRNN_LANG": "", "LC_ALL": "zh_CN.UTF-8"},
     "ok     reports in Chinese"),
    ({"LC_ALL": "C", "D2LRNN_LANG": "zh"}, "ok     reports in Chinese"),
    ({"LC_ALL": "zh_CN.UTF-8", "D2LRNN_LANG": "en"},
     "ok     reports in English"),
    ({"D2LRNN_LANG": "fr"}, "wrong  D2LRNN_LANG is 'fr': it must be en or zh: "
                            "export D2LRNN_LANG=en")])
def test_doctor_names_the_language_of_reports(settings, line):
    done = run("doctor", code=int(line.startswith("wrong")), **settings)
    assert line in done.stdout.splitlines()


def test_doctor_where_mxnet_does_not_import(tmp_path):
    (tmp_path / "mxnet.py").write_text("raise OSError('no such library')")
    path = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    done = run("doctor", code=1, PYTHONPATH=os.pathsep.join(path),
               OMP_NUM_THREADS="99", D2LRNN_DATA="/nowhere")
    wrong = [line for line in done.stdout.splitlines()
             if line.startswith("wrong")]
    assert len(wrong) == 3
    for words in ("wrong  MXNet's library does not load here (no such li",
                  "export OMP_NUM_THREADS=",
                  "unset D2LRNN_DATA"):
        assert any(words in line for line in wrong)


@pytest.mark.parametrize("busy, noted", [(0.1, 0), (1.9, 1), (None, 0)])
def test_doctor_notes_that_other_programs_are_busy(monkeypatch, busy, noted):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if busy is None:  # a machine that does not tell
        monkeypatch.delattr(os, "getloadavg", raising=False)
    else:
        monkeypatch.setattr(os, "getloadavg", lambda: (busy, 0, 0))
    assert [text for state, text in doctor.load() if state == "note"] == [
        "1.9 programs were busy in the last minute; beside them one thread "
        "is faster: export OMP_NUM_THREADS=1"] * noted
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert not list(doctor.load())


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
    assert len(commands) == 8
    (tmp_path / "my_text.txt").write_text(TEXT * 3, "utf-8")
    results = []
    for command in commands:
        name, *arguments = command.split()
        assert name == "d2lrnn"
        results.append(run(*arguments, folder=tmp_path,
                           BROWSER="true").stdout)
    assert results[1].startswith("分开") and len(results[1]) == 2 + 50 + 1
    assert results[4].startswith("perplexity")
    page = (tmp_path / "runs/both/report.html").read_text("utf-8")
    assert results[5] == f"{tmp_path}/runs/both/report.html\n"
    assert "lyrics, fit: epoch 20, " in page and "mine, fit: epoch" in page
    assert (tmp_path / "runs/mine/best-torch/model.py").is_file()
    assert results[7] == "runs/mine/best-studio.html\n"


def test_the_folder_of_a_training_stands_for_its_best_model(trained):
    folder, _ = trained
    for command in ("inspect", "generate", "eval"):
        more = {"generate": ["--seed", 1], "eval": ["my_text.txt"],
                "inspect": []}[command]
        one, other = (run(command, model, *more, folder=folder).stdout
                      for model in ("run", "run/best.safetensors"))
        assert one == other


TREEBANK = (" the <unk> rose N \n the yen fell to N \n a dollar rose \n" * 30,
            " the dollar fell \n a yen rose to N <unk> \n" * 5,
            " the yen rose \n" * 5)


@pytest.fixture(scope="module")
def treebank(tmp_path_factory):
    """Return the folder of a training on a treebank of a few lines."""
    folder = tmp_path_factory.mktemp("treebank")
    (folder / "texts").mkdir()
    for part, text in zip(("train", "valid", "test"), TREEBANK, strict=True):
        (folder / "texts" / f"ptb.{part}.txt").write_text(text)
    run("train", "ptb", "--held-out", "ptb_valid", *SMALL, "--schedule",
        "constant", "--out", "run", folder=folder,
        D2LRNN_DATA=str(folder / "texts"))
    return folder


def test_a_known_text_has_its_level_and_another_is_held_out(treebank):
    command = json.loads((treebank / "run/command.json").read_text("utf-8"))
    assert command["text"] == "ptb"
    assert command["settings"]["held_out"] == "ptb_valid"
    assert command["settings"]["level"] is None
    record = json.loads((treebank / "run/record.json").read_text("utf-8"))
    assert record["text"]["source"] == "ptb.train.txt"
    assert record["text"]["held_out"]["source"] == "ptb.valid.txt"
    assert lyric_of(treebank / "run").startswith("the")
    assert "  " not in lyric_of(treebank / "run")
    text = run("generate", "run", "--num-chars", "20", folder=treebank).stdout
    assert text.startswith("\n") and "<" not in text
    page = run("report", "run", "--out", "page", folder=treebank).stdout
    assert Path(treebank / page.strip()).is_file()
    assert "split" in run("inspect", "run", folder=treebank).stdout


def test_eval_reads_a_text_at_the_models_level(treebank):
    measured = [json.loads(run(
        "eval", "run", "ptb_test", *options, "--json", folder=treebank,
        D2LRNN_DATA=str(treebank / "texts")).stdout)
        for options in ((), ("--rows", "1"), ("--rows", "4"))]
    assert measured[0] == measured[1] != measured[2]
    assert (measured[0]["level"], measured[0]["units"]) == ("split", 20)
    done = run("eval", "run", "ptb_test", "--rows", "0", folder=treebank,
               code=1, D2LRNN_DATA=str(treebank / "texts"))
    assert "rows is 0: it must be a whole number" in done.stderr


def test_it_goes_on_with_the_other_text(treebank):
    go_on = ("train", "--resume", "run", "--num-epochs")
    there = {"folder": treebank, "D2LRNN_DATA": str(treebank / "texts")}
    assert "epoch 3, " in run(*go_on, "3", **there).stderr
    done = run(*go_on, "4", "--held-out", "ptb_test", code=1, **there)
    assert "was trained with held_out {'sha256': " in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_held_out_file_is_found_again_where_it_went(treebank, tmp_path):
    for name in ("ptb.train.txt", "ptb.valid.txt"):
        shutil.copy(treebank / "texts" / name, tmp_path)
    run("train", "ptb.train.txt", "--held-out", "ptb.valid.txt", *SMALL,
        "--level", "split", "--schedule", "constant", "--out", "run",
        folder=tmp_path)
    tmp_path.rename(moved := tmp_path.with_name("moved"))
    go_on = ("train", "--resume", "run", "--num-epochs", "3")
    assert "epoch 3, " in run(*go_on, folder=moved).stderr
    (moved / "ptb.valid.txt").rename(moved / "elsewhere.txt")
    done = run(*go_on, folder=moved, code=1)
    assert "d2lrnn train --held-out TEXT --resume " in done.stderr
    run(*go_on, "--held-out", "elsewhere.txt", folder=moved)


def test_a_held_out_text_from_a_pipe_is_kept(treebank, tmp_path):
    text = treebank / "texts" / "ptb.train.txt"
    subprocess.run(
        [D2LRNN, "train", text, "--held-out", "/dev/stdin", *SMALL,
         "--schedule", "constant", "--out", "run"], cwd=tmp_path, text=True,
        input=TREEBANK[1], capture_output=True, check=True)
    assert (tmp_path / "run" / "held_out.txt").read_text() == TREEBANK[1]
    done = run("train", "--resume", "run", "--num-epochs", "3",
               folder=tmp_path)
    assert "epoch 3, " in done.stderr


@pytest.mark.parametrize("held_out, words", [
    ("nowhere.txt", "there is no text at nowhere.txt"),
    ("2", "held_out is 2.0: it must be between 0 and 1, such as 0.1\n"),
    ("nan", "held_out is nan: it must be between 0 and 1"),
    ("my_text.txt", "my_text.txt has ")])
def test_what_cannot_be_held_out(treebank, held_out, words):
    (treebank / "my_text.txt").write_text("Quiz: 猫\n")
    done = run("train", "texts/ptb.test.txt", "--held-out", held_out, *SMALL,
               "--out", "no", code=1, folder=treebank)
    assert words in done.stderr and done.stderr.count("\n") == 1
    assert not (treebank / "no").exists()


@pytest.mark.parametrize("options, words", [
    (("--resume", "run", "--out", "other"), "--out: a run goes on in its own"),
    (("texts/ptb.train.txt", "--max-restarts", "3"),
     "--max-restarts: only several --workers are started again")])
def test_options_that_would_be_ignored(treebank, options, words):
    done = run("train", *options, *SMALL, code=2, folder=treebank)
    assert words in done.stderr


def test_several_workers_need_a_file_to_hold_out(treebank):
    done = run("train", "texts/ptb.train.txt", "--held-out", "/dev/null",
               "--workers", "2", *SMALL, code=2, folder=treebank)
    assert done.stderr.endswith("--held-out: /dev/null cannot be read by "
                                "several workers: give a file\n")


def test_several_workers_read_a_known_text_by_its_name(treebank, tmp_path):
    for name in ("ptb", "ptb_valid"):  # as when ptb.zip is unpacked here
        (tmp_path / name).mkdir()
    done = run("train", "ptb", "--held-out", "ptb_valid", "--workers", "2",
               *SMALL, "--batch-size", "5", code=1, folder=tmp_path,
               D2LRNN_DATA=str(treebank / "texts"))
    assert "batch_size 5 cannot be divided among 2 workers" in done.stderr
