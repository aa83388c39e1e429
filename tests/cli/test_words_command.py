"""The commands on words, and on a text that has its own held-out part."""
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from commands import SMALL, lyric_of, run
from surroundings import D2LRNN

pytestmark = pytest.mark.process

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


def test_a_text_without_words(tmp_path):
    (tmp_path / "text.txt").write_text("<unk> " * 99)
    done = run("train", "text.txt", *SMALL, "--level", "split", code=1,
               folder=tmp_path)
    assert done.stderr.endswith("no token but <unk>: give another text\n")
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


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
