"""A file may be whole, with a right sha256, and yet hold no model.

Each is refused in one sentence, and soon: nobody builds what it asks for.
"""
import json
import time
from pathlib import Path

import d2lrnn as d2l
import numpy as np
import pytest
import safetensors.numpy
from d2lrnn import dinosaur
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.checkpoint import load_model, read, save_model, write
from mxnet import init, nd
from power_cut import power_cut

from d2lrnn_cli.inspect import description

TEXT = "the quick brown fox jumps over the lazy dog. " * 12


def train(folder, **options):
    """Train a small model, or go on; the first epoch and a half are saved."""
    corpus = d2l.load_corpus(TEXT)
    model = CharRNN(corpus.vocab_size, 3, 4, 1)
    return d2l.fit(model, corpus, 2, 0.01, batch_size=4, num_steps=10,
                   folder=folder, save_minutes=0, **options)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a training that stopped in its second epoch."""
    folder = tmp_path_factory.mktemp("crafted") / "run"
    with power_cut(after=15):
        train(folder)
    return folder


@pytest.fixture
def crafted(stopped, tmp_path):
    """Change what a copy of the training's file holds; return its path."""
    path = tmp_path / "run" / "last.safetensors"

    def craft(change):
        arrays, metadata = read(stopped / "last.safetensors")
        change(arrays, metadata)
        path.parent.mkdir(exist_ok=True)
        write(path, arrays, metadata)
        return path

    return craft


def sentence(function, *arguments, **options):
    """Return the sentence that is raised, before long."""
    start = time.process_time()
    with pytest.raises(ValueError) as caught:
        function(*arguments, **options)
    assert time.process_time() - start < 5
    words = str(caught.value)
    assert "\n" not in words and len(words) < 500
    return words


def put(*keys, value):
    """Return a change that puts a value into nested dicts and lists."""
    def change(arrays, metadata):
        place = metadata
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
    return change


def array(name, value=None):
    """Return a change that replaces an array, or takes it away."""
    def change(arrays, metadata):
        if value is None:
            del arrays[name]
        else:
            arrays[name] = value(arrays[name]) if callable(value) else value
    return change


def spoilt(number):
    def spoil(a):
        a = a.copy()
        a.flat[1] = number
        return a
    return spoil


MODEL = [
    (put("class", value="RNNModel"), "its model is a 'RNNModel'"),
    (put("class", value=["CharRNN"]), "its model is a ['CharRNN']"),
    (put("model", "num_layers", value=100_000), "num_layers is 100000: it"),
    (put("model", "num_layers", value=1000), "arrays for 1000 layers"),
    (put("model", "num_layers", value="1"), "num_layers is '1'"),
    (put("model", "num_layers", value=True), "num_layers is True"),
    (put("model", "vocab_size", value=10 ** 30), "vocab"),
    (put("model", "num_hiddens", value=2 ** 24), "would take"),
    (put("model", "embed_size", value=0), "embed_size is 0"),
    (put("model", "dropout", value=float("nan")), "dropout is nan"),
    (put("model", "prefix", value="x"), "has no setting 'prefix'"),
    (put("model", "params", value={}), "has no setting 'params'"),
    (put("model", "kwargs", value={}), "has no setting 'kwargs'"),
    (put("model", "a\nb", value=1), r"has no setting 'a\nb'"),
    (put("model", value={"num_layers": 1}), "is missing"),
    (put("level", value="line"), "its level is 'line'"),
    (put("level", value=None), "its level is None"),
    (put("idx_to_char", value="abc"), "its vocabulary is 'abc', not a list"),
    (put("idx_to_char", value={}), "its vocabulary is {}, not a list"),
    (put("idx_to_char", value=[1] * 28), "not a list of str"),
    (put("idx_to_char", value=["a"] * 28), "its vocabulary has 'a' twice"),
    (put("idx_to_char", value=["a", "b"]), "has 2 entries, not 28"),
    (array("model.output.bias", spoilt(np.nan)), "output.bias"),
    (array("model.output.weight", spoilt(-np.inf)), "not finite floats"),
    (array("model.output.weight", lambda a: a.T), "output.weight has shape"),
    (array("model.output.bias", lambda a: a.astype("int32")), "type int32"),
    (array("model.output.bias"), "it has no array 'output.bias'"),
    (array("model.more", np.ones(3)), "it has an array 'more'"),
    (array("model.layers.0.i2h_weight", np.float32(1)), "has shape ()"),
]


@pytest.mark.parametrize("change, words", MODEL)
def test_models_that_cannot_be(crafted, change, words):
    path = crafted(change)
    words_said = sentence(load_model, path)
    assert words in words_said and str(path) in words_said
    train_on = sentence(train, path.parent, resume=True)
    assert str(path) in train_on


@pytest.mark.parametrize("change", [
    change for change, words in MODEL if "vocabulary" in words
    or "level" in words or "setting" in words or "finite" in words])
def test_what_is_refused_is_not_inspected(crafted, change):
    path = crafted(change)
    if "entries, not" not in sentence(load_model, path):
        assert "holds no usable model" in sentence(description, path)


def drop(*names):
    """Return a change that takes a key of the training away."""
    def change(arrays, metadata):
        place = metadata["training"]
        for name in names[:-1]:
            place = place[name]
        del place[names[-1]]
    return change


TRAINING = [
    (put("training", value=[1]), "its training is [1]"),
    (drop("history"), "as history None, which is not a list"),
    (drop("settings"), "as settings None"), (drop("losses"), "as losses"),
    (drop("norms"), "norms"), (drop("optimizer"), "optimizer"),
    (drop("step"), "'step' None"), (drop("seconds"), "'seconds' None"),
    (put("training", "step", value=-1), "its training has done -1 steps"),
    (put("training", "step", value=1.5), "has done 1.5 steps"),
    (put("training", "step", value=10 ** 30), "as 'step' 1000"),
    (put("training", "seconds", value="long"), "as 'seconds' 'long'"),
    (put("training", "history", value=[1]), "the record of its epoch 1 is 1"),
    (put("training", "history", 0, "loss", value="low"), "'loss' 'low'"),
    (put("training", "history", 0, "epoch", value=7), "that of epoch 7"),
    (put("training", "history", 0, "held_out_loss", value=None),
     "as 'held_out_loss' None"),
    (drop("history", 0, "perplexity"), "'perplexity' None"),
    (put("training", "losses", value=[1.0]), "losses"),
    (put("training", "losses", value=[[1.0]]), "3 norms of 1 steps"),
    (put("training", "losses", 0, value=[[1.0]]), "of its epoch is [[1.0]]"),
    (put("training", "losses", 0, value=[1.0, 2.0]), "of its epoch is"),
    (put("training", "norms", 0, value=None), "of its epoch is None"),
    (put("training", "norms", 0, value=["x"]), "of its epoch is ['x']"),
    (put("training", "optimizer", "lr", value="x"), "as 'lr' 'x'"),
    (put("training", "optimizer", "update", value=3), "has 'update' 3"),
    (put("training", "optimizer", "idx2name", value=3), "has 'idx2name' 3"),
    (put("training", "optimizer", "beta2", value=2), "has 'beta2' 2, and not "
                                                     "0.999"),
    (array("training.state.0"), "it has no array 'state.0'"),
    (array("training.optimizer.0.1"), "it has no array 'optimizer.0.1'"),
    (array("training.optimizer.9.0", np.ones(2)), "an array 'optimizer.9.0'"),
    (array("training.state.0", lambda a: a[1:]), "state.0 has shape"),
    (array("training.optimizer.0.0", lambda a: a.astype("float64")),
     "optimizer.0.0, of the type float64, contains values that are not "
     "finite float32 numbers"),
    (array("training.optimizer.0.0", spoilt(np.nan)), "optimizer.0.0, of the"),
    (array("training.state.0", spoilt(np.inf)),
     "state.0, of the type float32, contains values that are not finite"),
]


@pytest.mark.parametrize("change, words", TRAINING)
def test_trainings_that_cannot_be(crafted, change, words):
    path = crafted(change)
    words_said = sentence(train, path.parent, resume=True)
    assert words in words_said.replace('"', "'") and str(path) in words_said
    assert "holds no usable model" in words_said


def test_what_was_changed_in_vain_goes_on(crafted):
    """The tests above would hold for a file that is never read."""
    path = crafted(put("training", "seconds", value=1.0))
    assert len(train(path.parent, resume=True)) == 2


def test_metadata_that_are_none(stopped, tmp_path):
    arrays, _ = read(stopped / "last.safetensors")
    path = tmp_path / "m"
    for metadata in (None, 3, [], "x", {}, {"class": "CharRNN"}):
        write(path, arrays, metadata)
        assert "holds no usable model" in sentence(load_model, path)
    nested = []
    for _ in range(900):
        nested = [nested]
    write(path, arrays, {"class": nested})
    assert "holds no usable model" in sentence(load_model, path)


def test_a_model_of_20000_layers_and_of_1000(tmp_path):
    """It has all its arrays, 4 a layer; the smaller one is a model."""
    def arrays(num_layers):
        one = np.ones((1, 1), "float32")
        return {"model.output.weight": one, "model.output.bias": one[0], **{
            f"model.layers.{i}.{name}": one if "weight" in name else one[0]
            for i in range(num_layers)
            for name in ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias")}}

    config = {"vocab_size": 1, "embed_size": None, "num_hiddens": 1,
              "cell": "rnn"}
    metadata = {"class": "CharRNN", "model": config, "idx_to_char": ["a"],
                "level": "char"}
    path = tmp_path / "m.safetensors"
    write(path, arrays(20_000), metadata | {
        "model": config | {"num_layers": 20_000}})
    assert "num_layers is 20000: it must be at" in sentence(load_model, path)
    write(path, arrays(1000), metadata | {
        "model": config | {"num_layers": 1000}})
    start = time.process_time()
    assert len(load_model(path).layers) == 1000
    assert time.process_time() - start < 30


@pytest.mark.parametrize("change, words", [
    ({"idx_to_char": ["a", "a"]}, "its vocabulary has 'a' twice"),
    ({"idx_to_char": ["a"]}, "its vocabulary has 1 entries, not 2"),
    ({"idx_to_char": "ab"}, "its vocabulary is 'ab', not a list of str"),
    ({"idx_to_char": ["a", "\ud800"]},
     r"'\ud800', which is not a character"),
    ({"level": "line"}, "its level is 'line'")])
def test_what_could_not_be_loaded_is_not_saved(tmp_path, change, words):
    model = CharRNN(2, None, 3, 1)
    model.initialize()
    vars(model).update(change)
    said = sentence(save_model, tmp_path / "m.safetensors", model)
    assert said.startswith("cannot save a CharRNN to ") and words in said
    assert not list(tmp_path.iterdir())


def test_a_model_that_has_diverged_is_not_saved(tmp_path):
    model = CharRNN(2, None, 3, 1)
    model.initialize(init.One())
    save_model(tmp_path / "m.safetensors", model)
    before = (tmp_path / "m.safetensors").read_bytes()
    model.output.bias.set_data(nd.array([1, np.nan]))
    with pytest.raises(FloatingPointError, match=r"its output\.bias has numb"):
        save_model(tmp_path / "m.safetensors", model)
    assert (tmp_path / "m.safetensors").read_bytes() == before


NAMES = dinosaur.vocabulary(["mei", "zuul"])[0]


def names_model():
    rng, n = np.random.default_rng(3), len(NAMES)
    shapes = {"Wax": (3, n), "Waa": (3, 3), "Wya": (n, 3), "b": (3, 1),
              "by": (n, 1)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("change, words", [
    ({"Wax": lambda a: a.astype("int64")}, "Wax"),
    ({"by": lambda a: a * np.nan}, "by has numbers that are not finite"),
    ({"Waa": lambda a: a / 0}, "Waa has numbers that are not finite"),
    ({"b": lambda a: a.T}, "b has shape (1, 3)"),
    ({"ba": lambda a: a}, "it has an array 'b'"),
    ({"text": {"ix_to_char": '{"\\n": 0}'}}, "not a list of str"),
    ({"text": {"ix_to_char": "[" * 9000}}, "holds no usable model of names"),
    ({"text": {"ix_to_char": json.dumps(["\n"] * 7)}}, "Wax is for 7"),
    ({"text": {"more": "text"}}, "lacks the ix_to_char"),
    ({"text": {"sha256": "0" * 64}}, "it was altered after it was written")])
def test_models_of_names_that_cannot_be(tmp_path, change, words):
    arrays, path = names_model(), tmp_path / "names.safetensors"
    text = {"format": "d2lrnn.dinosaur 1", "ix_to_char": json.dumps(
        list(NAMES.values())), **change.pop("text", {})}
    with np.errstate(all="ignore"):
        for name, function in change.items():
            arrays[name] = np.ascontiguousarray(
                function(arrays.get(name, arrays["b"])))
    safetensors.numpy.save_file(arrays, path, text)
    said = sentence(dinosaur.load, path)
    assert words in said and str(path) in said


def test_an_altered_model_of_names_is_refused(tmp_path):
    path = Path(tmp_path / "names.safetensors")
    dinosaur.save(path, names_model(), NAMES)
    dinosaur.load(path)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert "it was altered after it was" in sentence(dinosaur.load, path)
    spoilt_model = names_model()
    spoilt_model["Waa"][0, 1] = np.inf
    assert "Waa has numbers" in sentence(dinosaur.save, path, spoilt_model,
                                         NAMES)
