"""The files of a model of names, and the command that writes them."""
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from d2lrnn import dinosaur
from dinosaur_oracle import (
    CHAR_TO_IX,
    IX_TO_CHAR,
    NAMES,
    VOCAB_SIZE,
    draw,
    same,
)

# files

def test_what_is_saved_is_loaded(tmp_path):
    path, parameters = tmp_path / "m.safetensors", draw(4, VOCAB_SIZE)
    parameters["Wax"] = np.asfortranarray(parameters["Wax"])
    dinosaur.save(str(path), parameters, IX_TO_CHAR)
    again, ix_to_char, char_to_ix = dinosaur.load(str(path))
    assert ix_to_char == IX_TO_CHAR and char_to_ix == CHAR_TO_IX
    assert set(again) == set(parameters)
    for key, array in parameters.items():
        assert again[key].dtype == array.dtype
        assert (again[key] == array).all()
    X, Y = dinosaur.encode("yi", CHAR_TO_IX)  # it can be trained on
    same(dinosaur.optimize(X, Y, np.zeros((4, 1)), again),
         dinosaur.optimize(X, Y, np.zeros((4, 1)), parameters))
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def test_saving_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    dinosaur.save(path, draw(4, VOCAB_SIZE), IX_TO_CHAR)
    before = path.read_bytes()

    def full(file):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        dinosaur.save(path, draw(4, VOCAB_SIZE), IX_TO_CHAR)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]


def broken_files(folder):
    """Yield files that hold no model of names, and what is to be said."""
    path = folder / "good"
    dinosaur.save(path, draw(4, VOCAB_SIZE), IX_TO_CHAR)
    data = path.read_bytes()
    (folder / "short").write_bytes(data[:-9])
    yield "short", "no usable model"
    (folder / "empty").touch()
    yield "empty", "no usable model"
    (folder / "text").write_text("Zuul\n" * 100)
    yield "text", "no usable model"
    arrays = draw(4, VOCAB_SIZE)
    metadata = {"format": "d2lrnn.dinosaur 1",
                "ix_to_char": json.dumps(list(CHAR_TO_IX))}
    for name, change, words in (
            ("strange", {"format": "d2lrnn"}, "was not written by"),
            ("other", {"ix_to_char": json.dumps(["\n", "a"])}, "Wax is for"),
            ("twice", {"ix_to_char": json.dumps(["\n"] * VOCAB_SIZE)},
             "Wax is for"),
            ("nested", {"ix_to_char": json.dumps([["\n"]])}, "no usable"),
            ("number", {"ix_to_char": "3"}, "no usable"),
            ("garbled", {"ix_to_char": "["}, "no usable")):
        safetensors.numpy.save_file(arrays, folder / name,
                                    {**metadata, **change})
        yield name, words
    del metadata["ix_to_char"]
    safetensors.numpy.save_file(arrays, folder / "mute", metadata)
    yield "mute", "ix_to_char"
    safetensors.numpy.save_file(arrays, folder / "bare")
    yield "bare", "was not written by"
    del arrays["Wya"]
    safetensors.numpy.save_file(arrays, folder / "less", {
        **metadata, "ix_to_char": json.dumps(list(CHAR_TO_IX))})
    yield "less", "no Wya"
    arrays["Wya"] = np.zeros((3, 3))
    safetensors.numpy.save_file(arrays, folder / "shapes", {
        **metadata, "ix_to_char": json.dumps(list(CHAR_TO_IX))})
    yield "shapes", "Wya has shape"


def test_broken_files_are_named_in_one_sentence(tmp_path):
    for name, words in broken_files(tmp_path):
        with pytest.raises(ValueError, match=words) as caught:
            dinosaur.load(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value), name
        assert "\n" not in str(caught.value), name


@pytest.mark.parametrize("function, words", [
    (lambda folder: dinosaur.load(folder / "none"), "there is no file at"),
    (lambda folder: dinosaur.load(folder), "there is no file at"),
    (lambda folder: dinosaur.save(folder, draw(4, VOCAB_SIZE), IX_TO_CHAR),
     "is a folder"),
    (lambda folder: dinosaur.save(folder / "a" / "b", draw(4, VOCAB_SIZE),
                                  IX_TO_CHAR), "not a folder that can"),
    (lambda folder: dinosaur.save(folder / "m", draw(4, 5), IX_TO_CHAR),
     "Wax is for 5 characters")])
def test_files_that_cannot_be(tmp_path, function, words):
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        function(tmp_path)


# the command

@pytest.fixture
def a_list(tmp_path):
    (tmp_path / "names.txt").write_text("\n".join(NAMES), "utf-8")
    return str(tmp_path / "names.txt")


def test_the_command_trains_saves_and_loads(tmp_path, a_list, capsys):
    path = str(tmp_path / "m.safetensors")
    common = ["--list", a_list, "--names", "4", "--seed", "9",
              "--temperature", "0.8"]
    dinosaur.main([*common, "--iterations", "2001", "--save", path])
    trained = capsys.readouterr().out
    assert trained.startswith("names: names.txt, 6 names\n")
    assert "Iteration: 2000, Loss: " in trained
    *_, names, saved = trained.rstrip().split("\n\n")
    assert saved == f"saved: {path}"
    assert len(names.splitlines()) == 4
    for line in names.splitlines():
        assert re.fullmatch(r"\S* +(new|in the list|empty)", line)
    dinosaur.main([*common, "--load", path])
    loaded = capsys.readouterr().out
    assert loaded.rstrip().split("\n\n") == ["names: names.txt, 6 names",
                                             names]
    parameters, ix_to_char, char_to_ix = dinosaur.load(path)
    want = dinosaur.invent(parameters, ix_to_char, char_to_ix, NAMES, 4,
                           seed=9, temperature=0.8)
    assert [tuple(re.split(" +", line, maxsplit=1))
            for line in names.splitlines()] == want


def test_a_file_of_another_kind_stays(tmp_path, a_list, capsys):
    with pytest.raises(SystemExit, match="exists already, and holds no model"):
        dinosaur.main(["--list", a_list, "--save", a_list])
    assert (tmp_path / "names.txt").read_text("utf-8") == "\n".join(NAMES)
    assert not capsys.readouterr().out
    model = tmp_path / "m.safetensors"
    first, second = (draw(4, VOCAB_SIZE) for _ in range(2))
    for parameters in (first, second):  # one may take the other's place
        dinosaur.save(model, parameters, IX_TO_CHAR)
    assert (dinosaur.load(model)[0]["b"] == second["b"]).all()


@pytest.mark.parametrize("arguments, words", [
    (["--iterations", "0"], "num_iterations is 0"),
    (["--names", "0"], "num_names is 0"),
    (["--temperature", "0"], "temperature is 0"),
    (["--seed", "-3"], "seed is -3"),
    (["--list", "nowhere.txt"], "there is no text at nowhere.txt"),
    (["--load", "nowhere"], "there is no file at nowhere"),
    (["--save", "nowhere/m"], "nowhere is not a folder")])
def test_mistakes_on_the_command_line(a_list, arguments, words, capsys):
    with pytest.raises(SystemExit) as caught:
        dinosaur.main(["--list", a_list, *arguments])
    assert words in caught.value.code and "\n" not in caught.value.code
    assert "Iteration" not in capsys.readouterr().out


def test_a_loaded_model_is_not_trained(capsys):
    with pytest.raises(SystemExit):
        dinosaur.main(["--load", "m", "--iterations", "5"])
    assert "--load trains no more" in capsys.readouterr().err


@pytest.mark.process
def test_as_a_module(a_list, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "d2lrnn.dinosaur", "--list", a_list, "--names",
         "2", "--iterations", "3"], cwd=Path(__file__).parents[2], text=True,
        capture_output=True)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.count("Iteration: ") == 1
    done = subprocess.run(
        [sys.executable, "-m", "d2lrnn.dinosaur", "--list", a_list, "--load",
         str(tmp_path / "none")], cwd=Path(__file__).parents[2], text=True,
        capture_output=True)
    assert done.returncode == 1
    assert done.stderr == (f"there is no file at {tmp_path / 'none'}: check "
                           f"the path\n")
