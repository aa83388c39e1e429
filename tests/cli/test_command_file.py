"""The command that a run's folder keeps, and what a failed start leaves."""
import os
from pathlib import Path

import pytest
from d2lrnn.basics.files import write_whole

from d2lrnn_cli.command_file import find_again, read_command, written_command

KINDS = {"held_out": float | str, "seed": int, "prefix": str}


def pipe(text):
    """Return the path of a pipe from which a text can be read once."""
    output, into = os.pipe()
    os.write(into, text.encode())
    os.close(into)
    return f"/dev/fd/{output}"


def fail(folder, text, **settings):
    with pytest.raises(KeyError), written_command(folder, text, settings):
        raise KeyError


def files(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def test_the_files_of_an_earlier_start_are_back(run):
    """It read both texts from pipes, and was killed before it saved."""
    with written_command(run, pipe("first"), {
            "held_out": pipe("other"), "seed": 1}):
        before = files(run)
    assert before["text.txt"] == "first" and before["held_out.txt"] == "other"
    fail(run, pipe("second"), held_out=pipe("another"), seed=2)
    assert files(run) == before
    assert read_command(run, KINDS) == (
        str(run / "text.txt"),
        {"held_out": str(run / "held_out.txt"), "seed": 1})


def test_a_first_start_leaves_nothing(run):
    fail(run, pipe("first"), held_out=0.1)
    assert not files(run)


def test_ones_own_text_in_the_folder_stays(run):
    (run / "text.txt").write_text("mine")
    fail(run, str(run / "text.txt"), held_out=0.1)
    assert files(run) == {"text.txt": "mine"}
    with pytest.raises(ValueError, match=r"would replace .*text\.txt: give"):
        with written_command(run, pipe("first"), {}):
            pass
    assert files(run) == {"text.txt": "mine"}


def test_a_text_elsewhere_with_the_name_of_a_copy(run, monkeypatch, tmp_path):
    (tmp_path / "texts").mkdir()
    for name in ("text.txt", "held_out.txt"):
        (tmp_path / "texts" / name).write_text("to be")
    monkeypatch.setenv("D2LRNN_DATA", str(tmp_path / "texts"))
    with written_command(run, "text.txt", {"held_out": "held_out.txt"}):
        pass
    assert read_command(run, KINDS) == (
        "text.txt", {"held_out": "held_out.txt"})


def test_a_copy_that_is_lost_is_no_other_text(run, tmp_path, monkeypatch):
    with written_command(run, pipe("first"), {"held_out": 0.1}):
        pass
    (run / "text.txt").unlink()
    (tmp_path / "text.txt").write_text("another")
    monkeypatch.chdir(tmp_path)
    text, _ = read_command(run, KINDS)
    assert text == str(run / "text.txt")


def test_a_copy_as_version_0_1_0_noted_it(run):
    (run / "text.txt").write_text("first")
    (run / "command.json").write_text(
        '{"text": "text.txt", "settings": {"held_out": 0.1}}')
    assert read_command(run, KINDS)[0] == str(run / "text.txt")


def test_what_a_resumed_training_was_given_is_noted_once_it_saves(run):
    with written_command(run, "ptb", {"held_out": 0.1, "seed": 1}):
        (run / "last.safetensors").write_text("epoch 1")
    fail(run, "ptb", held_out=0.1, seed=2)
    assert read_command(run, KINDS) == ("ptb", {"held_out": 0.1, "seed": 1})
    with pytest.raises(KeyboardInterrupt), written_command(
            run, "ptb", {"held_out": 0.1, "seed": 2}):
        write_whole(run / "last.safetensors", b"epoch 2")
        raise KeyboardInterrupt
    assert read_command(run, KINDS) == ("ptb", {"held_out": 0.1, "seed": 2})


def test_a_best_model_that_was_there_is_not_what_is_saved(run):
    """A training was killed between its first best and its first last."""
    with written_command(run, "ptb", {"held_out": 0.1, "seed": 1}):
        (run / "best.safetensors").write_text("epoch 1")
    before = files(run)
    fail(run, "ptb", held_out=0.1, seed=2)
    assert files(run) == before


@pytest.mark.parametrize("name", ["best.safetensors", "report.html",
                                  "studio.html", "command.json"])
@pytest.mark.parametrize("contents", ["mine", '{"settings": 1}'])
def test_files_that_no_training_began_stay(run, name, contents):
    (run / name).write_text(contents)
    with pytest.raises(ValueError, match=f"{name} is there already: give an"):
        fail(run, "ptb")
    assert files(run) == {name: contents}


def test_a_file_that_is_redirected_is_kept(run, tmp_path):
    """The stream from which it is read will be another one later."""
    (tmp_path / "my_text.txt").write_text("to be")
    with (tmp_path / "my_text.txt").open() as file, written_command(
            run, f"/dev/fd/{file.fileno()}", {"held_out": 0.1}):
        assert (run / "text.txt").read_text() == "to be"
    assert read_command(run, KINDS)[0] == str(run / "text.txt")


def test_a_text_at_home(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my_text.txt").write_text("to be")
    with written_command(run, "~/my_text.txt", {"held_out": "~/none.txt"}):
        pass
    text, settings = read_command(run, KINDS)
    assert text == str(tmp_path / "my_text.txt")
    assert find_again("~/my_text.txt", run) == text
    assert settings["held_out"] == str(tmp_path / "none.txt")


def test_a_name_that_is_not_utf_8(run, monkeypatch, tmp_path):
    (tmp_path / "caf\udce9").mkdir()
    monkeypatch.chdir(tmp_path / "caf\udce9")
    Path("my_text.txt").write_text("to be")
    with written_command(run, "my_text.txt", {"held_out": 0.1,
                                              "prefix": "\udce9"}):
        pass
    assert read_command(run, KINDS)[0] == str(
        tmp_path / "caf\udce9" / "my_text.txt")
