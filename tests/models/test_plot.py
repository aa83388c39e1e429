"""A model as a table of its layers, and as a picture."""
import shutil

import d2lrnn as d2l
import graphviz
import numpy as np
import pytest
from d2lrnn.models import plot as model_plot
from mxnet import init, nd


@pytest.fixture
def model(ctx):
    """A small model with random weights."""
    model = d2l.WindowLSTM(28, 8, 0.5, Tx=5)
    model.initialize(init.Normal(0.8), ctx=ctx)
    return model


def test_the_layers_of_a_model(model):
    before = model.dense.weight.data().asnumpy()
    assert model_plot.model_layers(model) == [
        ("lstm1", "RecurrentLayer", "(5, batch_size, 8)",
         4 * 8 * (28 + 8 + 2)),
        ("dropout1", "Dropout", "(5, batch_size, 8)", 0),
        ("lstm2", "RecurrentLayer", "(5, batch_size, 8)",
         4 * 8 * (8 + 8 + 2)),
        ("dropout2", "Dropout", "(batch_size, 8)", 0),
        ("dense", "Dense", "(batch_size, 28)", 9 * 28)]
    assert np.array_equal(model.dense.weight.data().asnumpy(), before)
    total = sum(p.data().size for p in model.collect_params().values())
    assert f"{total:,}" in model_plot.summary(model)


@pytest.mark.parametrize("show", [model_plot.summary,
                                  model_plot.model_layers])
def test_one_more_model_is_made_to_show_one(show, monkeypatch):
    class Counted(d2l.CharRNN):
        made = 0

        def __init__(self, *args, **kwargs):
            Counted.made += 1
            super().__init__(*args, **kwargs)

    model = Counted(28, 8, 8, 2)
    show(model)
    assert Counted.made == 2  # the model itself is one of them
    assert all(param._data is None for param
               in model.collect_params().values())


def test_to_show_a_model_draws_no_random_numbers(model):
    d2l.seed(3)
    model_plot.summary(d2l.CharRNN(28, 8, 8, 2))
    model_plot.summary(model)
    after = nd.random.uniform(shape=4).asnumpy()
    d2l.seed(3)
    assert np.array_equal(after, nd.random.uniform(shape=4).asnumpy())


def test_what_is_no_model_has_no_layers():
    with pytest.raises(ValueError, match=r"model is 5: give a model that"):
        model_plot.model_layers(5)


def test_shared_parameters_count_once():
    model = d2l.CharRNN(28, 8, 8, 2, tie_weights=True)
    layers = model_plot.model_layers(model)
    assert sum(count for *_, count in layers) == sum(
        int(np.prod(p.shape)) for p in model.collect_params().values())
    assert [name for name, *_ in layers] == [
        "embedding", "dropout", "layers.0", "dropout", "layers.1", "dropout",
        "output"]


@pytest.mark.skipif(not shutil.which("dot"), reason="needs Graphviz's dot")
@pytest.mark.parametrize("suffix, begins", [
    (".svg", b"<?xml"), (".png", b"\x89PNG")])
def test_the_picture_of_a_model(model, tmp_path, suffix, begins):
    path = model_plot.plot_model(model, tmp_path / f"model{suffix}")
    data = path.read_bytes()
    assert data.startswith(begins)
    if suffix == ".svg":
        for words in ("lstm1: RecurrentLayer", "(5, batch_size, 8)", "1,216"):
            assert words.encode() in data
    assert list(tmp_path.iterdir()) == [path]


def test_without_graphviz_there_is_a_table(model, tmp_path, monkeypatch,
                                           capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert model_plot.plot_model(model, tmp_path / "model.png") is None
    assert list(tmp_path.iterdir()) == []
    *table, sentence = capsys.readouterr().out.splitlines()
    assert "\n".join(table) == model_plot.summary(model)
    assert "apt-get install graphviz" in sentence


def test_pictures_that_cannot_be(model, tmp_path):
    with pytest.raises(ValueError, match=r"neither \.svg nor \.png"):
        model_plot.plot_model(model, tmp_path / "model.txt")
    assert issubclass(graphviz.ExecutableNotFound, Exception)
