"""The command in odd terminals, locales and folders, and for any user."""
import json
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import d2lrnn
import pytest
from surroundings import (
    C_LOCALE,
    D2LRNN,
    SMALL,
    STRANGER,
    TEXT,
    as_user,
    in_terminal,
    run,
    why_no_other_user,
    widths,
)

pytestmark = pytest.mark.process
ROOT = Path(d2lrnn.__file__).parents[1]
DINOSAUR = (sys.executable, "-m", "d2lrnn.dinosaur", "--iterations", "2")
other_user = pytest.mark.skipif(bool(why_no_other_user()),
                                reason=str(why_no_other_user()))


def errors(done, code=0):
    """Return what a process wrote to stderr, after a look at its end."""
    said = done.stderr.decode()
    assert done.returncode == code, said
    assert "Traceback" not in said and "atplotlib" not in said
    return said


@pytest.fixture(scope="module")
def place():
    """Return a folder that all may write to, with a text and root's run."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    (folder / "my_text.txt").write_text(TEXT, "utf-8")
    errors(run(D2LRNN, "train", "my_text.txt", *SMALL, "--out", "run",
               folder=folder, umask=0o022))
    yield folder
    shutil.rmtree(folder)


def test_a_terminal_of_80_columns(place):
    model = "run/best.safetensors"
    shown = in_terminal(
        f"{D2LRNN} train my_text.txt {' '.join(SMALL)} --out run; "
        f"{D2LRNN} --help; {D2LRNN} train --help; {D2LRNN} inspect {model}; "
        f"{D2LRNN} generate {model} --prefix 猫 --num-chars 3", 80, place,
        PYTHONIOENCODING="utf-8")
    lines = widths(shown)
    assert max(lines.values()) <= 80 and "Traceback" not in shown
    said = " ".join(shown.split())
    assert ("d2lrnn: run already holds a training run: give another --out, or "
            "type d2lrnn train --resume run to continue it") in said
    assert any(line.startswith("猫") for line in lines)


@pytest.mark.parametrize("columns, environment, bars", [
    (80, {"PYTHONIOENCODING": "utf-8"}, True),
    (80, {"TERM": "dumb", **C_LOCALE}, False), (80, {"NO_COLOR": "1"}, False),
    (40, {"PYTHONIOENCODING": "latin-1"}, True), (0, C_LOCALE, True)])
def test_a_training_in_a_terminal(place, tmp_path, columns, environment,
                                  bars):
    shown = in_terminal(f"{D2LRNN} train {place}/my_text.txt "
                        f"{' '.join(SMALL)} --out run", columns, tmp_path,
                        **environment)
    lines = widths(shown)
    assert "Traceback" not in shown and "…" not in shown
    assert ("\x1b" in shown) == bars == any("/86 steps, " in line
                                            for line in lines)
    assert "epoch 1, perplexity " in shown and "run/best.safetensors" in lines
    if columns == 40:  # there the numbers have no bar, and longer lines wrap
        assert not any("━" in line or "--" in line for line in lines)
    else:
        assert max(lines.values()) <= 80


def test_the_doctor_and_the_names_fit_a_terminal(place):
    (place / "names.txt").write_text("霸王龙\n恐龙\n三角龙\n" * 4, "utf-8")
    shown = in_terminal(f"{D2LRNN} doctor; {shlex.join(DINOSAUR)} "
                        f"--list names.txt; {shlex.join(DINOSAUR)} --help",
                        80, place, TERM="dumb", D2LRNN_DATA="", **C_LOCALE)
    assert max(widths(shown).values()) <= 80
    assert "Traceback" not in shown and "codec" not in shown
    assert "names: names.txt, 12 names" in shown and "\n?" in shown
    assert "\n       " in shown  # the rest of a note, below its beginning


def test_a_redirected_lyric_is_exact_in_the_c_locale(place):
    lyric = (D2LRNN, "generate", "run/best.safetensors", "--prefix", "猫",
             "--num-chars", "40", "--seed", "1")
    done = run(*lyric, folder=place, **C_LOCALE)
    text = done.stdout.decode()
    assert errors(done) == "" and len(text) == 1 + 40 + 1
    assert text[0] == "猫" and set(text) <= set(TEXT)


def test_a_lesson_in_the_c_locale(tmp_path):
    lesson = ROOT / "chapters" / "lang_model_dataset.py"
    done = run(sys.executable, lesson, folder=tmp_path, **C_LOCALE)
    assert errors(done) == "" and not done.stdout.isascii()
    assert "?" not in done.stdout.decode()


@pytest.mark.parametrize("redirection, code, sentence", [
    ("| head -1", 1, ""), (">&- 2>&-", 0, ""),
    (">/dev/full", 1, "the output cannot be written (No space left on "
                      "device): write it where there is space\n")])
def test_where_the_names_cannot_be_printed(tmp_path, redirection, code,
                                           sentence):
    done = run("bash", "-c", f"set -o pipefail; {shlex.join(DINOSAUR)} "
               f"{redirection}", folder=tmp_path)
    if "head" in redirection:  # which may have left before or after the end
        assert done.returncode in (0, 1) and done.stderr == b""
    else:
        assert errors(done, code) == sentence


@other_user
def test_a_user_without_name_and_home(place):
    """He has no entry in /etc/passwd, and HOME is not set."""
    scraps = place / "scraps"
    scraps.mkdir()
    scraps.chmod(0o777)

    def stranger(*arguments):
        return as_user(STRANGER, D2LRNN, *arguments, folder=place,
                       TMPDIR=scraps,
                       without=("HOME", "USER", "LOGNAME", "D2LRNN_DATA",
                                "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
                                "MPLCONFIGDIR"))

    errors(stranger("train", "my_text.txt", *SMALL, "--out", "his"))
    said = errors(stranger("train", "--resume", "his", "--num-epochs", "2"))
    assert "epoch 2, perplexity" in said
    done = stranger("generate", "his/best.safetensors", "--num-chars", "5")
    assert errors(done) == "" and len(done.stdout.decode()) == 7
    done = stranger("report", "his", "run", "--out", "both")
    assert errors(done) == "" and done.stdout.endswith(b"/both/report.html\n")
    assert (place / "both" / "report.html").stat().st_uid == STRANGER
    listed = stranger("data", "list")
    assert b"tinyshakespeare not here; original_sonnets" in listed.stdout
    assert not list(scraps.iterdir())  # such as matplotlib's folder


@other_user
def test_a_user_whose_folders_cannot_be_written(place):
    """Neither home, nor cache, nor the folders for settings and scraps."""
    def nobody(*arguments, **environment):
        return as_user(65534, D2LRNN, *arguments, folder=place, **{
            "HOME": "/nonexistent", "XDG_CACHE_HOME": place / "my_text.txt",
            "MPLCONFIGDIR": "/dev/null/x", "TMPDIR": "/no/such",
            "D2LRNN_DATA": "", **environment})

    done = nobody("report", "run", "--out", "his_report")
    assert errors(done) == ""
    assert (place / "his_report" / "perplexity.png").stat().st_size > 1000
    assert errors(nobody("train", "--resume", "run"), 1) == (
        "d2lrnn: run cannot be written to (Permission denied): give a folder "
        "that can\n")
    said = errors(nobody("train", "my_text.txt", "--out", "run/mine"), 1)
    assert said == ("d2lrnn: run/mine cannot be created as a folder "
                    "(Permission denied): give another one, in a folder that "
                    "can be written to\n")


def test_a_current_folder_that_was_removed(place, tmp_path):
    def lost(command, **environment):
        folder = tmp_path / "lost"
        folder.mkdir()
        return run("bash", "-c", f"rmdir ../lost; {command}", folder=folder,
                   **environment)

    said = errors(lost(f"{D2LRNN} report {place}/run"), 1)
    assert "is in the current folder, which was removed: go to" in said
    said = errors(lost(f"{D2LRNN} train {place}/my_text.txt"), 1)
    assert said.count("\n") == 1 and "cannot be created as a folder" in said
    out = tmp_path / "out"
    assert errors(lost(f"{D2LRNN} report {place}/run --out {out}")) == ""
    assert (out / "report.html").is_file()


def test_blanks_and_chinese_in_every_path(place, tmp_path):
    """The package, the text, the run and the report have them."""
    package = tmp_path / "程序 目录"
    for name in ("d2lrnn", "d2lrnn_cli", "lyrics_data"):
        shutil.copytree(ROOT / name, package / name)
    folder = tmp_path / "周 杰伦"
    folder.mkdir()
    (folder / "歌 词.txt").write_text(TEXT, "utf-8")

    def command(*arguments, **locale):
        return run(sys.executable, "-c", "import d2lrnn_cli.main as command; "
                   "command.main()", *arguments, folder=folder,
                   PYTHONPATH=package, **locale)

    done = command("train", "歌 词.txt", *SMALL, "--out", "runs/晴 天",
                   "--prefix", "猫", **C_LOCALE)
    errors(done)
    assert done.stdout.decode() == "runs/晴 天/best.safetensors\n"
    typed = json.loads((folder / "runs/晴 天/command.json").read_text("utf-8"))
    assert typed["text"] == str(folder / "歌 词.txt")
    assert typed["settings"]["prefix"] == "猫"
    for n, locale in ((2, {}), (3, C_LOCALE)):
        done = command("train", "--resume", "runs/晴 天", "--num-epochs", n,
                       **locale)
        assert f"epoch {n}, " in errors(done)
    record = json.loads((folder / "runs/晴 天/record.json").read_text("utf-8"))
    assert record["name"] == "晴 天" and "runs/晴 天" in record["command"]
    assert record["text"]["source"] == "歌 词.txt"
    done = command("report", "runs/晴 天", place / "run", "--out", "报 告",
                   **C_LOCALE)
    assert done.stdout.decode() == f"{folder}/报 告/report.html\n"
    assert "晴 天" in (folder / "报 告/report.html").read_text("utf-8")


def test_paths_with_line_ends_and_quotes(place, tmp_path):
    name = "it's\n\"my\" run"
    shutil.copytree(place / "run", tmp_path / name)
    said = errors(run(D2LRNN, "train", place / "my_text.txt", "--out", name,
                      folder=tmp_path), 1)
    assert said.count("\n") == 1 and said.startswith("d2lrnn: it's \"my\" run")
    typed = said.split(", or type d2lrnn ")[1].split(" to continue it")[0]
    done = run("bash", "-c", f"{D2LRNN} {typed} --num-epochs 2",
               folder=tmp_path)
    assert "epoch 2, " in errors(done)
    assert done.stdout.decode() == f"{name}/best.safetensors\n"


def test_the_longest_names(place, tmp_path):
    text = "歌" * 83 + ".txt"  # 253 bytes; one of a file has at most 255
    shutil.copy(place / "my_text.txt", tmp_path / text)
    done = run(D2LRNN, "train", text, *SMALL, folder=tmp_path)
    errors(done)
    out = Path(done.stdout.decode().strip()).parent
    assert (tmp_path / out / "record.json").is_file()
    done = run(D2LRNN, "report", out, "--out", "报" * 85, folder=tmp_path)
    assert errors(done) == "" and (tmp_path / ("报" * 85)).is_dir()
    deep = "/".join(["歌" * 85] * 20)
    said = errors(run(D2LRNN, "inspect", deep, folder=tmp_path), 1)
    assert said.count("\n") == 1 and "(File name too long): " in said


@pytest.mark.parametrize("umask", [0o022, 0o077], ids=oct)
def test_files_have_the_permissions_of_ordinary_ones(place, umask):
    folder = place / f"umask {umask}"
    folder.mkdir(mode=0o755)
    done = run("bash", "-c", f"""set -e
        cat ../my_text.txt | {D2LRNN} train /dev/stdin {' '.join(SMALL)} \\
            --out new/run
        {D2LRNN} report new/run --out reports/both
        {shlex.join(DINOSAUR)} --save names.safetensors""", folder=folder,
               umask=umask)
    errors(done)
    paths = list(folder.rglob("*"))
    assert {"command.json", "text.txt", "last.safetensors", "record.json",
            "perplexity.png", "perplexity.svg", "report.md", "both",
            "names.safetensors"} <= {path.name for path in paths}
    for path in paths:
        ordinary = (0o777 if path.is_dir() else 0o666) & ~umask
        assert path.stat().st_mode & 0o777 == ordinary, path
    if not why_no_other_user():
        done = run("cat", folder / "reports/both/report.html", folder="/",
                   user=STRANGER, group=STRANGER, extra_groups=[])
        assert bool(done.stdout) == (umask == 0o022)


@other_user
def test_another_user_may_not_write_here():
    done = as_user(STRANGER, sys.executable, "-c", "open('x', 'w')",
                   folder=ROOT)
    assert b"PermissionError" in done.stderr and not os.path.exists(
        ROOT / "x")
