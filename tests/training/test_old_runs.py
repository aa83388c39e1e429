"""What version 0.1.0 left goes on today: its runs, and its models' files.

data/run-0.1.0 was written by that version: harbour.txt was trained on with
--hidden 4 --embed 3 --batch 4 --steps 8 --epochs 2 --dropout 0.2; in stopped
with a Ctrl-C in the middle of the second epoch, in finished to the end. The
text was written for this test, CC0.
"""
import json
import shutil
from inspect import signature
from pathlib import Path

import d2lrnn as d2l
import numpy as np
import pytest
import safetensors.numpy
from commands import run
from d2lrnn import dinosaur
from d2lrnn.models.checkpoint import named_params, read, write
from d2lrnn.report.records import read_record
from d2lrnn.report.write import write_pages
from d2lrnn.training import fit as fitting

from d2lrnn_cli.command_file import OLD_NAMES, read_command
from d2lrnn_cli.inspect import description
from d2lrnn_cli.train import kinds_of_settings

OLD = Path(__file__).parent / "data" / "run-0.1.0"


@pytest.fixture
def old(tmp_path):
    """A copy of what the old version left."""
    return Path(shutil.copytree(OLD, tmp_path / "old"))


def resume(folder, text, **options):
    """Go on with the old training in Python; ``options`` override its own."""
    corpus = d2l.load_corpus(text)
    config = {"dropout": 0.2, **options.pop("config", {})}
    model = d2l.CharRNN(corpus.vocab_size, 3, 4, 1, **config)
    return d2l.fit(model, corpus, folder=folder, resume=True, **{
        "num_epochs": 2, "lr": 4e-3, "batch_size": 4, "num_steps": 8,
        "schedule": "one_cycle", **options})


def as_the_old_version(folder):
    """Assert that a training came to where the old version came."""
    for name in ("last", "best"):
        arrays, expected = (safetensors.numpy.load_file(
            place / f"{name}.safetensors") for place in (
                folder, OLD / "finished"))
        assert arrays.keys() == expected.keys()
        for key, array in arrays.items():
            np.testing.assert_allclose(array, expected[key], atol=1e-5)
    history, expected = (read_record(place)["trainings"]["fit"]["history"]
                         for place in (folder, OLD / "finished"))
    assert len(history) == len(expected) == 2
    for record, other in zip(history, expected, strict=True):
        for key, value in other.items():
            if key not in ("seconds", "lyrics"):
                assert record[key] == pytest.approx(value, rel=1e-4), key


def test_a_stopped_run_goes_on(old):
    history = resume(old / "stopped", old / "harbour.txt")
    assert [record["epoch"] for record in history] == [1, 2]
    as_the_old_version(old / "stopped")


@pytest.mark.process
def test_a_run_that_was_moved_with_its_text_goes_on(old, tmp_path):
    """Its command.json names the folder where the text once was."""
    done = run("train", "--resume", "old/stopped", folder=tmp_path)
    assert done.stdout == "old/stopped/best.safetensors\n"
    as_the_old_version(old / "stopped")


@pytest.mark.process
def test_a_run_without_its_text_says_what_it_needs(old, tmp_path):
    (old / "harbour.txt").rename(tmp_path / "other.txt")
    shutil.move(old / "stopped", tmp_path / "a" / "b" / "c" / "d" / "run")
    done = run("train", "--resume", "a/b/c/d/run", folder=tmp_path, code=1)
    assert done.stderr.startswith("d2lrnn: there is no text at /")
    assert "say where it is, as in d2lrnn train TEXT --resume " in done.stderr
    run("train", "other.txt", "--resume", "a/b/c/d/run", folder=tmp_path)
    as_the_old_version(tmp_path / "a" / "b" / "c" / "d" / "run")


def test_a_finished_run_goes_nowhere(old, capsys):
    before = json.loads((old / "finished" / "record.json").read_text())
    history = resume(old / "finished", old / "harbour.txt")
    assert history == before["trainings"]["fit"]["history"]
    assert "epoch" not in capsys.readouterr().out


def test_a_finished_run_is_reported(old, tmp_path):
    record = read_record(old / "finished")
    pages = write_pages(tmp_path / "pages", [record])
    assert "harbour.txt" in (pages / "report.html").read_text("utf-8")
    assert "34.358" in (pages / "report.md").read_text("utf-8")


def test_an_old_model_is_loaded_inspected_and_writes(old):
    path = old / "stopped" / "last.safetensors"
    model = d2l.load_model(path)
    expected = safetensors.numpy.load_file(path)
    for name, param in named_params(model).items():
        assert (param.data().asnumpy() == expected[f"model.{name}"]).all()
    assert len("".join(d2l.generate(model, "The ", 20, seed=1))) == 20
    page = description(path)
    assert "1 epochs, 24 steps" in page and "one_cycle" in page


def test_an_old_model_of_names_is_loaded(old):
    """0.1.0 gave such files no sha256."""
    parameters, ix_to_char, _ = dinosaur.load(old / "names.safetensors")
    assert ix_to_char == dict(enumerate("\neilmuz"))
    expected = safetensors.numpy.load_file(old / "names.safetensors")
    assert {key: array.tolist() for key, array in parameters.items()} == {
        key: array.tolist() for key, array in expected.items()}
    parameters["b"] += 1  # it can be trained on


@pytest.mark.parametrize("name, config, other", [
    ("tie_weights", {}, None), ("clipping_theta", {}, None),
    ("dropout", {"dropout": 0.2},
     "dropout 0.0, but you are resuming with 0.2"),
    ("optimizer", {}, None), ("seed", {}, None)])
def test_an_option_added_later_had_its_default(old, name, config, other):
    """As if the old version had not known it."""
    path = old / "stopped" / "last.safetensors"
    arrays, metadata = read(path)
    del metadata["training"]["settings"][name]
    metadata["model"].pop(name, None)
    write(path, arrays, metadata)
    if other:
        with pytest.raises(ValueError, match=other):
            resume(old / "stopped", old / "harbour.txt", config=config)
    else:
        resume(old / "stopped", old / "harbour.txt", config=config)
        as_the_old_version(old / "stopped")


def test_another_value_than_the_default_is_refused(old):
    path = old / "stopped" / "last.safetensors"
    arrays, metadata = read(path)
    for name in ("clipping_theta", "unroll"):
        del metadata["training"]["settings"][name]
    write(path, arrays, metadata)
    for options, words in (
            ({"clipping_theta": 2.0}, "clipping_theta 1.0, but you are"),
            ({"config": {"unroll": "static"}}, "unroll 'fused', but you are")):
        with pytest.raises(ValueError, match="was trained with") as caught:
            resume(old / "stopped", old / "harbour.txt", **options)
        assert words in str(caught.value)


def test_every_setting_of_fit_has_the_name_of_its_option(old):
    """Else a setting added later would have no default to stand in."""
    names = read(old / "stopped" / "last.safetensors")[1]["training"][
        "settings"].keys()
    options = set(signature(fitting.fit_feed).parameters)
    options |= set(signature(fitting.fit).parameters)
    options |= set(signature(d2l.CharRNN).parameters)
    assert names - options == {"text_sha256"}


@pytest.mark.process
def test_an_option_of_the_command_added_later(old):
    path = old / "stopped" / "command.json"
    typed = json.loads(path.read_text())
    for name in ("tie_weights", "unroll", "optimizer", "min_freq", "prefix"):
        del typed["settings"][name]
    path.write_text(json.dumps(typed))
    run("train", "--resume", "stopped", folder=old)
    as_the_old_version(old / "stopped")


def test_an_old_command_is_read_by_todays_names(old):
    typed = json.loads((old / "stopped" / "command.json").read_text())
    assert typed["settings"].keys() >= OLD_NAMES.keys()
    text, settings = read_command(old / "stopped", kinds_of_settings())
    assert text == typed["text"]
    later = {"weight_drop", "variational", "average"}
    assert settings.keys() == kinds_of_settings().keys() - later
    assert list(settings.values()) == list(typed["settings"].values())
    assert settings["num_hiddens"] == 4 and settings["held_out"] == 0.1


def damaged(folder):
    """Return the sentence with which a run's command is refused."""
    with pytest.raises(ValueError) as caught:
        read_command(folder, kinds_of_settings())
    sentence = str(caught.value)
    assert str(folder) in sentence and "\n" not in sentence
    return sentence


@pytest.mark.parametrize("change, words", [
    ({"hidden": "4"}, "its hidden is '4', which is not of type int"),
    ({"hidden": 4.5}, "its hidden is 4.5"), ({"lr": [1]}, "its lr is [1]"),
    ({"hidden": True}, "its hidden is True"), ({"cell": 3}, "its cell is 3"),
    ({"seed": None}, "its seed is None"), ({"tie_weights": 1}, "tie_weights"),
    ({"prefix": {"a\nb": 1}}, "its prefix is {'a\\nb': 1}"),
    ({"num_hiddens": "4"}, "its num_hiddens is '4'"),
    ({"clip": None}, "its clip is None"),
    ({"patience": 1.5}, "its patience is 1.5, which is not of type int"),
    ({"brains": 2}, "it has an option 'brains', which this d2lrnn does not")])
def test_a_damaged_command_is_refused(old, change, words):
    path = old / "stopped" / "command.json"
    typed = json.loads(path.read_text())
    typed["settings"] |= change
    path.write_text(json.dumps(typed))
    sentence = damaged(old / "stopped")
    assert "command.json is damaged (" in sentence and words in sentence


@pytest.mark.parametrize("data", [
    b"", b"{", b"\xff\xfe{}", b"[" * 100_000, b"[]", b"3", b"{}",
    b'{"settings": 3}', b'{"settings": {}, "text": 3}', b"\0" * 1000,
    b'{"settings": {"seed": ' + b"9" * 5000 + b"}}", b" " * 3_000_000],
    ids=lambda data: f"{data[:9]}{len(data)}")
def test_a_command_that_is_none_is_refused(old, data):
    (old / "stopped" / "command.json").write_bytes(data)
    assert "stopped/command.json is damaged (" in damaged(old / "stopped")


def test_a_folder_without_a_command_is_refused(old):
    (old / "stopped" / "command.json").unlink()
    assert "holds no run of d2lrnn train" in damaged(old / "stopped")
    (old / "stopped" / "command.json").mkdir()
    assert "holds no run of d2lrnn train" in damaged(old / "stopped")


@pytest.mark.process
@pytest.mark.parametrize("change, words", [
    ({"epochs": -1}, "num_epochs is -1: it must be"),
    ({"batch": 10 ** 400}, "it must be at most 16,777,216"),
    ({"cell": "a\nb"}, "cell is 'a\\nb': it must be one of")])
def test_the_command_says_what_is_wrong_in_one_sentence(old, change, words):
    path = old / "stopped" / "command.json"
    typed = json.loads(path.read_text())
    typed["settings"] |= change
    path.write_text(json.dumps(typed))
    done = run("train", "--resume", "stopped", folder=old, code=1)
    assert done.stderr.count("\n") == 1 and words in done.stderr
    assert done.stderr.startswith("d2lrnn: ") and done.stdout == ""
