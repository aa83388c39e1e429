"""What export takes, where it writes, and what it refuses in a sentence."""
import re
import subprocess
import sys
from pathlib import Path

import d2lrnn as d2l
import pytest
from commands import run
from d2lrnn.export.card import to_card
from d2lrnn.models import checkpoint
from exported import make, save

ROOT = Path(__file__).parents[2]
TEXT = "the cat sat on the mat; the dog lay on the log.\n" * 30


def has_onnx():
    return pytest.importorskip("onnx", reason="pip install -e '.[onnx]'")


@pytest.fixture
def saved(tmp_path):
    return save(make(), tmp_path / "m.safetensors")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a finished training, whose second epoch is the best."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    (folder.parent / "cats.txt").write_text(TEXT, "utf-8")
    corpus = d2l.load_corpus(folder.parent / "cats.txt")
    d2l.fit(d2l.CharRNN(corpus.vocab_size, 4, 8, 1), corpus, 4, 0.05,
            batch_size=4, num_steps=8, folder=folder)
    return folder


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_result_lies_beside_its_model(saved, tmp_path):
    assert d2l.export(saved, "torch") == tmp_path / "m-torch"
    has_onnx()
    assert d2l.export(str(saved), "onnx") == tmp_path / "m.onnx"
    assert names_in(tmp_path) == ["m-torch", "m.onnx", "m.safetensors"]


def test_it_goes_where_out_says(saved, tmp_path):
    out = tmp_path / "new" / "folder" / "here"
    assert d2l.export(saved, "torch", out) == out and out.is_dir()


def test_the_folder_of_a_training(trained, tmp_path):
    written = d2l.export(trained, "torch", tmp_path / "out")
    alone = d2l.export(trained / "best.safetensors", "torch",
                       tmp_path / "alone")
    for name in names_in(written):
        assert (written / name).read_bytes() == (alone / name).read_bytes()


def test_the_default_place_of_a_trainings_folder(trained):
    written = d2l.export(trained, "torch")
    assert written == trained / "best-torch"


def test_what_fails_leaves_nothing(saved, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("d2lrnn.basics.files.os.fsync", fail)
    for to in ("torch", "page", "onnx"):
        if to == "onnx":
            has_onnx()
        with pytest.raises(OSError, match=r"cannot be written \(No space"):
            d2l.export(saved, to, tmp_path / "new" / "out")
        assert names_in(tmp_path) == ["m.safetensors"]


WRONG = [
    ("nowhere.safetensors", "torch", None, r"no checkpoint at \S*nowhere"),
    ("m.safetensors", "tflite", None,
     r"to is 'tflite': it must be one of onnx, torch"),
    ("m.safetensors", "torch", "", "out is ''"),
    ("m.safetensors", "torch", "there", "there exists already: give another"),
    ("m.safetensors", "onnx", "there", "there exists already: give another"),
    ("m.safetensors", "torch", "link", "link exists already: give another"),
    ("m.safetensors", "torch", "m.safetensors/out", "cannot be created"),
    ("there", "torch", None, r"there is a folder without a best\.safetens"),
    ("poems.safetensors", "torch", None,
     r"holds a WindowLSTM, and torch is for a CharRNN: give"),
    ("mute.safetensors", "torch", None, "a model without a vocabulary: save"),
    ("text.txt", "torch", None, "text.txt .*get a new copy")]


@pytest.mark.parametrize("name, to, out, words", WRONG)
def test_an_error_is_one_sentence(saved, tmp_path, monkeypatch, name, to, out,
                                  words):
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    Path("link").symlink_to("nothing")
    Path("text.txt").write_text(TEXT)
    save(make(d2l.WindowLSTM, num_hiddens=4, Tx=3), "poems.safetensors")
    mute = make()
    mute.idx_to_char = None
    save(mute, "mute.safetensors")
    before = names_in(tmp_path)
    with pytest.raises((ValueError, OSError), match=words) as raised:
        d2l.export(name, to, out)
    assert ": " in str(raised.value) and "\n" not in str(raised.value)
    assert names_in(tmp_path) == before


def test_without_onnx_it_says_what_to_type(saved, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"cannot be imported .*: type pip "
                       r"install 'onnx>=[\d.]+,<[\d.]+'$"):
        d2l.export(saved, "onnx")
    assert names_in(tmp_path) == ["m.safetensors"]


def table(card):
    """Return the rows of a card's tables."""
    return dict(re.findall(r"^\| (.+?) \| (.+?) \|$", card, re.MULTILINE))


def test_the_card_of_the_best_model(trained):
    path = trained / "best.safetensors"
    card = to_card(path, d2l.load_model(path))
    found = table(card)
    corpus = d2l.load_corpus(trained.parent / "cats.txt")
    assert card.startswith("# run\n")
    assert found["text"] == "cats.txt"
    assert found["licence of the text"] == "not known"
    assert found["sha256 of the text"] == corpus.sha256
    assert found["num_epochs"] == "4" and found["cell"] == "lstm"
    epochs = read_history(trained)
    best = min(epochs, key=lambda record: record["held_out_loss"])
    assert found["perplexity on held-out text"] == (
        f"{best['held_out_perplexity']:.3f}")
    assert found["epochs"] == f"{best['epoch']} of 4"


def read_history(folder):
    _, metadata = checkpoint.read(folder / "last.safetensors")
    return metadata["training"]["history"]


def test_the_card_of_the_last_model(trained):
    path = trained / "last.safetensors"
    found = table(to_card(path, d2l.load_model(path)))
    assert found["epochs"] == "4 of 4"
    assert found["perplexity on held-out text"] == (
        f"{read_history(trained)[-1]['held_out_perplexity']:.3f}")


def test_the_card_of_a_copy_does_not_guess(trained, tmp_path):
    path = tmp_path / "best.safetensors"
    path.write_bytes((trained / "best.safetensors").read_bytes())
    found = table(to_card(path, d2l.load_model(path)))
    assert found["text"] == found["perplexity on held-out text"] == (
        "not known")
    last = path.with_name("last.safetensors")
    save(make(), last)  # of another training
    assert table(to_card(path, d2l.load_model(path))) == found
    last.write_text("no model")
    assert table(to_card(path, d2l.load_model(path))) == found
    last.write_bytes((trained / "last.safetensors").read_bytes())
    known = table(to_card(path, d2l.load_model(path)))
    assert known["text"] == "not known"  # without the record of the run
    assert known["perplexity on held-out text"] != "not known"


@pytest.mark.parametrize("steps, settings", [
    ({"losses": [[1.5]], "norms": [[1.0]]}, {}),  # saved within an epoch
    ({}, {"average": 0.9})])  # the averages of its weights were measured
def test_the_card_of_a_model_that_was_not_measured(trained, tmp_path, steps,
                                                   settings):
    arrays, metadata = checkpoint.read(trained / "last.safetensors")
    metadata["training"] |= steps
    metadata["training"]["settings"] |= settings
    path = tmp_path / "last.safetensors"
    checkpoint.write(path, arrays, metadata)
    found = table(to_card(path, d2l.load_model(path)))
    assert found["num_epochs"] == "4" and "epochs" not in found
    assert found["perplexity on held-out text"] == "not known"


def test_a_strange_name_stays_text(tmp_path):
    path = save(make(), tmp_path / "<b>|`x\u202e.safetensors")
    assert to_card(path, d2l.load_model(path)).startswith(
        "# \\<b>\\|\\`x\ufffd\n")


@pytest.mark.parametrize("text, licence", [
    ("original_lyrics.txt",
     "CC0 1.0, if it is the text published as original_lyrics.txt"),
    ("mine.txt", "not known")])
def test_the_licence_is_that_of_a_text_that_ships(tmp_path, original, text,
                                                  licence):
    (tmp_path / text).write_text(TEXT, "utf-8")
    corpus = d2l.load_corpus(tmp_path / text)
    d2l.fit(d2l.CharRNN(corpus.vocab_size, 2, 2, 1), corpus, 1, 0.05,
            batch_size=4, num_steps=8, folder=tmp_path / "run")
    path = tmp_path / "run" / "last.safetensors"
    assert table(to_card(path, d2l.load_model(path)))[
        "licence of the text"] == licence


@pytest.mark.process
def test_the_command_prints_the_path(trained, tmp_path):
    done = run("export", trained, "--to", "torch", "--out", "mine",
               folder=tmp_path)
    assert done.stdout == "mine\n" and not done.stderr
    assert "model.py" in names_in(tmp_path / "mine")
    again = run("export", trained, "--to", "torch", "--out", "mine",
                folder=tmp_path, code=1)
    assert again.stderr == ("d2lrnn: mine exists already: give another path "
                            "as out\n") and not again.stdout


@pytest.mark.process
def test_the_command_needs_a_format(trained, tmp_path):
    done = run("export", trained, folder=tmp_path, code=2)
    assert "--to" in done.stderr


@pytest.mark.process
def test_the_examples_of_the_reference(tmp_path):
    """They print what d2lrnn writes at temperature 0."""
    page = (ROOT / "docs" / "api" / "export.md").read_text("utf-8")
    in_onnx, in_torch = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    model = make(idx_to_char=" beot", cell="gru", num_layers=2)
    text = "".join(d2l.generate(model, "to be", 100, temperature=0))
    path = save(model, tmp_path / "best.safetensors")
    for to, package, code, expected in (
            ("onnx", "onnxruntime", in_onnx, f"to be{text}"),
            ("torch", "torch", in_torch, text)):
        pytest.importorskip(to, reason="pip install -e '.[oracle,onnx]'")
        pytest.importorskip(package, reason="pip install -e '.[oracle]'")
        written = d2l.export(path, to)
        folder = written if written.is_dir() else tmp_path
        (folder / "example.py").write_text(code, "utf-8")
        done = subprocess.run([sys.executable, "example.py"], cwd=folder,
                              encoding="utf-8", capture_output=True)
        assert done.stdout == expected + "\n", done.stderr
