"""A saved model is the same model; a broken file is refused in a sentence."""
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import d2lrnn as d2l
import mxnet as mx
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from d2lrnn.models import checkpoint
from d2lrnn.models.cells import CELLS
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.checkpoint import load_model, named_params, save_model
from mxnet import gluon, init, nd

LETTERS = [" ", "a", "é", "分", "开", "\U0001f3b5", "\n"]
BROKEN = re.compile(r"not a whole safetensors file|was altered|not written by"
                    r" d2lrnn|newer d2lrnn")


def make_model(ctx=None, idx_to_char=LETTERS, **config):
    model = CharRNN(**{"vocab_size": len(LETTERS), "embed_size": 5,
                       "num_hiddens": 4, "num_layers": 2, **config})
    model.initialize(init.Normal(0.8), ctx=ctx)
    model.idx_to_char = idx_to_char
    return model


def scores(model, ctx):
    X = nd.array([[1, 2, 3], [6, 0, 5]], ctx=ctx)
    output, state = model(X, model.begin_state(2, ctx))
    return [array.asnumpy() for array in (output, *state)]


@pytest.fixture
def saved(tmp_path):
    save_model(tmp_path / "model.safetensors", make_model())
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("config", [
    *({"cell": cell} for cell in CELLS),
    {"unroll": "foreach"}, {"unroll": "static", "dropout": 0.5},
    {"embed_size": None}, {"embed_size": 4, "tie_weights": True},
    {"num_layers": 1, "cell": "gru", "embed_size": None}])
@pytest.mark.parametrize("level", ["char", "word", "split"])
def test_the_round_trip(tmp_path, ctx, config, level):
    model = make_model(ctx, **config)
    model.level = level
    save_model(tmp_path / "m.safetensors", model)
    again = load_model(str(tmp_path / "m.safetensors"), ctx)
    assert again.config == model.config and again.level == level
    assert again.idx_to_char == LETTERS
    params, others = named_params(model), named_params(again)
    assert list(params) == list(others)
    for name, param in params.items():
        assert param.data().asnumpy().tobytes() == (
            others[name].data().asnumpy().tobytes())
    for a, b in zip(scores(model, ctx), scores(again, ctx), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    tied = again.output.weight is again.embedding.weight if (
        config.get("tie_weights")) else "output.weight" in params
    assert tied


def test_a_model_without_a_vocabulary(tmp_path, ctx):
    save_model(tmp_path / "m.safetensors", make_model(idx_to_char=None))
    assert load_model(tmp_path / "m.safetensors", ctx).idx_to_char is None


@pytest.mark.process
def test_another_process_writes_the_same_lyrics(tmp_path):
    code = """if True:
        import sys, d2lrnn as d2l
        model = d2l.load_model(sys.argv[1])
        text = "".join(d2l.generate(model, "分开", 60, seed=7))
        sys.stdout.buffer.write(text.encode("utf-8"))
        """
    model = make_model(dropout=0.3)
    save_model(tmp_path / "m.safetensors", model)
    written = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m.safetensors")],
        check=True, stdout=subprocess.PIPE, cwd=tmp_path).stdout
    here = "".join(d2l.generate(model, "分开", 60, seed=7))
    assert written.decode("utf-8") == here and len(set(here)) > 3


def test_nothing_in_the_file_can_run(saved):
    for module in Path(d2l.__file__).parent.rglob("*.py"):
        assert not re.search(r"\b(import pickle|from pickle|pickle\.|marshal|"
                             r"eval\(|exec\(|\.load_parameters|nd\.load)",
                             module.read_text("utf-8")), module
    data = saved.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    assert header.pop("__metadata__")["format"] == "d2lrnn"
    assert {entry["dtype"] for entry in header.values()} == {"F32"}
    with safetensors.safe_open(saved, "np") as file:  # any reader can
        assert set(file.keys()) == {f"model.{name}" for name
                                    in named_params(load_model(saved))}


def refused(path, data):
    """Return the sentence with which a file of these bytes is refused."""
    path.write_bytes(data)
    with pytest.raises(ValueError) as caught:
        load_model(path)
    sentence = str(caught.value)
    assert str(path) in sentence and "\n" not in sentence
    return sentence


def test_every_truncation(saved):
    data = saved.read_bytes()
    lengths = {*range(16), *range(0, len(data), 37),
               *range(len(data) - 8, len(data))}
    for length in sorted(lengths):
        assert "not a whole safetensors file" in refused(saved, data[:length])
    assert "not a whole safetensors file" in refused(saved, data + b"\0")


def same_content(path, data):
    """Say whether a file still holds exactly these arrays and metadata."""
    path.write_bytes(data)
    arrays, metadata = checkpoint.read(path)
    return metadata, {name: array.tobytes() for name, array in arrays.items()}


def test_every_altered_byte(saved, seed):
    """Only the spaces that pad the header may be other white space."""
    data, rng = saved.read_bytes(), np.random.default_rng(seed)
    header_size = 8 + struct.unpack("<Q", data[:8])[0]
    padding = range(len(data[:header_size].rstrip(b" ")), header_size)
    content = same_content(saved, data)
    places = {*range(8), *range(8 + seed % 5, header_size, 5), *padding,
              *range(header_size + seed % 31, len(data), 31)}
    for i in sorted(places):
        for other in {data[i] ^ 1, data[i] ^ 0x80, int(rng.integers(256))}:
            altered = data[:i] + bytes([other]) + data[i + 1:]
            if i in padding and chr(other) in " \t\r\n":
                assert same_content(saved, altered) == content
            elif other != data[i]:
                assert BROKEN.search(refused(saved, altered)), (i, other)


def test_no_array_may_be_exchanged(saved):
    """Two arrays of one shape in each other's place are an alteration."""
    data = saved.read_bytes()
    assert b"layers.0.i2h_bias" in data and b"layers.0.h2h_bias" in data
    exchanged = data.replace(b"layers.0.i2h_bias", b"layers.0.x2h_bias")
    exchanged = exchanged.replace(b"layers.0.h2h_bias", b"layers.0.i2h_bias")
    exchanged = exchanged.replace(b"layers.0.x2h_bias", b"layers.0.h2h_bias")
    assert "was altered" in refused(saved, exchanged)


def test_other_files(tmp_path):
    path = tmp_path / "other.safetensors"
    whole = "not a whole safetensors file"
    for data in (b"", b"A text, not a model. " * 9, b"\x80\x04K\x01.",
                 b"PK\x03\x04" + bytes(99), bytes(64),
                 struct.pack("<Q", 2 ** 63) + b"{}",
                 struct.pack("<Q", 99_000_000) + b"{}"):
        assert whole in refused(path, data)
    for entry in ({"dtype": "F32", "shape": [2 ** 40, 2 ** 20],
                   "data_offsets": [0, 2 ** 62]},
                  {"dtype": "F32", "shape": [10 ** 6],
                   "data_offsets": [0, 4 * 10 ** 6]}):
        header = json.dumps({"__metadata__": {"format": "d2lrnn"},
                             "huge": entry}).encode()
        assert whole in refused(
            path, struct.pack("<Q", len(header)) + header + bytes(8))
    for metadata in (None, {}, {"format": "pt"}):
        data = safetensors.numpy.save({"x": np.zeros(3)}, metadata)
        assert "was not written by d2lrnn" in refused(path, data)
    header = b'{"__metadata__":null}'
    assert "was not written by d2lrnn" in refused(
        path, struct.pack("<Q", len(header)) + header)


def test_paths_without_a_file(tmp_path, saved):
    for path in (tmp_path, tmp_path / "none", saved / "below"):
        with pytest.raises(FileNotFoundError,
                           match=re.escape(f"no checkpoint at {path}:")):
            load_model(path)


def test_a_newer_version(saved, monkeypatch):
    monkeypatch.setattr(checkpoint, "VERSION", 12)
    save_model(saved, make_model())
    load_model(saved)
    monkeypatch.undo()
    assert ("has format version 12, and this d2lrnn reads up to 1: install a "
            "newer d2lrnn") in refused(saved, saved.read_bytes())


@pytest.mark.parametrize("change, words", [
    ({"model": {}}, "missing"), ({"model": None}, "CharRNN"),
    ({"model": [1, 2]}, "CharRNN"), ({"idx_to_char": ...}, "idx_to_char"),
    ({"level": ...}, "level"), ({"model": ...}, "model"),
    ({"model": {"num_layers": -1}}, "num_layers is -1"),
    ({"model": {"cell": "brain"}}, "cell is 'brain'"),
    ({"model": {"hidden": 3}}, "hidden"),
    ({"model": {"vocab_size": "many"}}, "vocab_size is 'many'"),
    ({"model": {"num_hiddens": 10 ** 9}}, "must be at most"),
    ({"model": {"num_hiddens": 99}}, "has shape"),
    ({"model": {"num_layers": 3}}, "layers.2"),
    ({"model": {"cell": "gru"}}, "has shape"),
    ({"model": {"dropout": "half"}}, "holds no usable model"),
])
def test_a_model_that_cannot_be(saved, change, words):
    """The file is whole, and yet what it says is no model."""
    arrays, metadata = checkpoint.read(saved)
    for key, value in change.items():
        if value is ...:
            del metadata[key]
        elif isinstance(value, dict) and value:
            metadata[key] |= value
        else:
            metadata[key] = value
    checkpoint.write(saved, arrays, metadata)
    sentence = refused(saved, saved.read_bytes())
    assert "holds no usable model" in sentence and words in sentence


def test_a_vocabulary_of_another_size(saved):
    arrays, metadata = checkpoint.read(saved)
    for idx_to_char in (LETTERS[:-1], [*LETTERS, "x"], 7):
        checkpoint.write(saved, arrays, {**metadata,
                                         "idx_to_char": idx_to_char})
        assert "no usable model" in refused(saved, saved.read_bytes())


def test_writing_that_fails_leaves_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()

    def fail(*args):
        raise OSError("disk full")

    for target in ("os.fsync", "os.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(target, fail)
            with pytest.raises(OSError, match="disk full"):
                save_model(saved, make_model())
        assert [path.name for path in saved.parent.iterdir()] == [saved.name]
        assert saved.read_bytes() == before
    save_model(saved, make_model())
    assert saved.read_bytes() != before


def test_a_remnant_is_no_hindrance(saved):
    """A kill while writing may leave one."""
    (saved.parent / ".d2lrnn-0123456789abcdef.unfinished").write_bytes(b"half")
    save_model(saved, make_model())
    load_model(saved)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_the_file_is_synced_before_it_gets_its_name(tmp_path, monkeypatch):
    calls, path = [], tmp_path / "m.safetensors"
    sync = os.fsync

    def spy(file):
        calls.append((path.exists(), os.fstat(file).st_size))
        sync(file)

    monkeypatch.setattr("os.fsync", spy)
    save_model(path, make_model())
    assert calls == [(False, path.stat().st_size)]


def test_a_folder_that_cannot_be_written_to(saved):
    for folder in (saved.parent / "none", saved):
        with pytest.raises(OSError, match=r"No such file|Not a directory"):
            save_model(folder / "m.safetensors", make_model())


@pytest.mark.parametrize("make", [
    lambda: CharRNN(3, 2, 2, 1), dict,
    lambda: d2l.RNNModel(gluon.rnn.RNN(3), 3)])
def test_what_cannot_be_saved(tmp_path, make):
    with pytest.raises(ValueError, match="give a CharRNN or WindowLSTM or "):
        save_model(tmp_path / "m.safetensors", make())
    assert list(tmp_path.iterdir()) == []


def test_a_device_by_its_name(saved):
    assert load_model(saved, "cpu").output.weight.list_ctx() == [mx.cpu()]
    for wrong in ("tpu", "gpu(77)", 0, ""):
        with pytest.raises(ValueError, match=r"^ctx is "):
            load_model(saved, wrong)
