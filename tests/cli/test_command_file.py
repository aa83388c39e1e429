"""What is in a run's folder after a training that fails before it saves."""
import os

import pytest

from d2lrnn_cli.command_file import read_command, written_command

KINDS = {"held_out": float | str, "seed": int}


def pipe(text):
    """Return the path of a pipe from which a text can be read once."""
    output, into = os.pipe()
    os.write(into, text.encode())
    os.close(into)
    return f"/dev/fd/{output}"


def fail(folder, text, **settings):
    with pytest.raises(KeyError), written_command(folder, text, settings,
                                                  resume=False):
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
            "held_out": pipe("other"), "seed": 1}, False):
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
        with written_command(run, pipe("first"), {}, False):
            pass
    assert files(run) == {"text.txt": "mine"}


def test_a_text_elsewhere_with_the_name_of_a_copy(run, monkeypatch, tmp_path):
    (tmp_path / "texts").mkdir()
    for name in ("text.txt", "held_out.txt"):
        (tmp_path / "texts" / name).write_text("to be")
    monkeypatch.setenv("D2LRNN_DATA", str(tmp_path / "texts"))
    with written_command(run, "text.txt", {"held_out": "held_out.txt"},
                         False):
        pass
    assert read_command(run, KINDS) == (
        "text.txt", {"held_out": "held_out.txt"})
