"""The command d2lrnn as a whole, and those of its parts that are small."""
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import SMALL, run
from surroundings import D2LRNN, TEXT

from d2lrnn_cli.main import sentence

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[2]


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


def test_inspect(trained):
    folder, _ = trained
    page = run("inspect", "run/last.safetensors", folder=folder).stdout
    assert re.search(r"^model +CharRNN$", page, re.MULTILINE)
    assert re.search(r"^num_hiddens +8$", page, re.MULTILINE)
    assert re.search(r"^trained +2 epochs, ", page, re.MULTILINE)
    assert re.search(r"^output\.weight +\d+ x 8$", page, re.MULTILINE)


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
    (("data", "verify", "shakespeare"),
     "put shakespeare.txt into a folder and set D2LRNN_DATA to it"),
    (("data", "verify", "ptb"), "d2lrnn data get ptb"),
    (("train", "my_text.txt", "--embed-size", "-1"),
     "at least 1, or 0 for one-hot vectors"),
    (("train", "my_text.txt", "--clipping-theta", "0"), "a number above 0\n"),
    (("train", "my_text.txt", "--patience", "0"), "at least 1, or left out"),
    (("generate", "run", "--top-k", "0"), "at least 1, or left out"),
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


def test_the_systems_own_errors_are_sentences():
    error = PermissionError(13, "Permission denied", "my.txt")
    assert sentence(error) == ("my.txt cannot be used (Permission denied): "
                               "check the path and its permissions")
    assert sentence(FileNotFoundError(2, "No usable temporary directory")) == (
        "No usable temporary directory: set TMPDIR to a folder with space")
    assert sentence(BlockingIOError(11, "Resource unavailable")) == (
        "the system refused what d2lrnn asked for (Resource unavailable): end "
        "other programs, and try again")
    assert sentence(OSError(28, "No space left on device")).startswith(
        "the output cannot be written (No space")


@pytest.mark.parametrize("arguments, words", [
    (("knit",), "knit"), (("train",), "give a TEXT"),
    (("train", "a", "--num-layers", "two"), "--num-layers"),
    (("generate",), "MODEL"), (("chapter", "knitting"), "rnn_scratch"),
    (("data", "get", "poems"), "jaychou_lyrics"),
    (("generate", "a", "--no-such"), "--no-such"),
    (("generate", "a", "--n", "0"), "--n"),
    (("generate", "a", "--stop", ""), "--stop"),
    (("generate", ""), "it is empty"),
    (("train", "a", "--out", ""), "it is empty"),
    (("report", "a", ""), "it is empty"),
    (("export", "a", "--to", "page", "--out", ""), "it is empty"),
    (("studio", "a", "--out", ""), "it is empty")])
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


def test_a_path_that_is_not_utf_8(tmp_path):
    folder = os.fsencode(tmp_path / "caf") + b"\xe9"
    os.mkdir(folder)
    Path(os.fsdecode(folder), "shakespeare.txt").write_text("a sonnet")
    done = subprocess.run([D2LRNN, "data", "get", "shakespeare"],
                          capture_output=True,
                          env={**os.environ, "D2LRNN_DATA": folder})
    assert done.stdout == folder + b"/shakespeare.txt\n"


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


LESSON = """
import d2lrnn as d2l
corpus = d2l.load_corpus("abc" * 500)
model = d2l.CharRNN(corpus.vocab_size, 4, 8, 1)
print("begun", flush=True)
{}
"""


@pytest.mark.parametrize("code, words, said", [
    ("import time; time.sleep(60)", "begun", "d2lrnn: stopped\n"),
    ("d2l.fit(model, corpus, 10 ** 6, 0.01)", "epoch 1, ", "")])
def test_ctrl_c_in_a_lesson(tmp_path, code, words, said):
    (tmp_path / "lesson.py").write_text(LESSON.format(code))
    command = f"""if True:
        import runpy
        from d2lrnn_cli import checkout, main
        main.signal.signal(main.signal.SIGINT, main.interrupt)
        try:
            checkout.run(runpy.run_path, {str(tmp_path / "lesson.py")!r})
        except checkout.Exit as end:
            raise SystemExit(end.exit_code)
        """
    process = subprocess.Popen([sys.executable, "-c", command], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = process.stdout.readline()
    while words not in line:
        line = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, said)
    assert bool(said) != ("stopped " in output)


def test_bench():
    assert "| names " in run("bench", "names", "--tiny", "--rounds",
                             "1").stdout


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
