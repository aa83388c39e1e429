"""ONNX Runtime computes what the model does, however the steps are cut."""
import json

import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn.export.onnx import OPSET, PACKAGE, to_onnx
from exported import CELLS, HOSTILE, SIZES, compute, draw, in_pieces, make
from mxnet import nd

onnx = pytest.importorskip("onnx", reason="pip install -e '.[onnx]'")
onnxruntime = pytest.importorskip("onnxruntime",
                                  reason="pip install onnxruntime")
NUM_STEPS = 6


def session_of(data):
    return onnxruntime.InferenceSession(data,
                                        providers=["CPUExecutionProvider"])


def runner(data):
    session = session_of(data)
    return lambda ids, state: session.run(["scores", "new_state"],
                                          {"ids": ids, "state": state})


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_the_scores_are_the_models(cell, size, seed):
    model = make(cell=cell, **size)
    run, tolerance = runner(to_onnx(model)), (
        5e-5 if cell == "ln_lstm" else 1e-5)
    for batch_size in (1, 3):
        ids, state = draw(model, batch_size, NUM_STEPS, seed)
        expected = compute(model, ids, state)
        for length in (NUM_STEPS, NUM_STEPS // 2, 1):
            for one, other in zip(in_pieces(run, ids, state, length),
                                  expected, strict=True):
                np.testing.assert_allclose(one, other, atol=tolerance)


def test_the_poem_writers_scores_are_its_own(seed):
    model = make(d2l.WindowLSTM, num_hiddens=6, Tx=5)
    session = session_of(to_onnx(model))
    assert [value.name for value in session.get_inputs()] == ["ids"]
    for batch_size in (1, 3):
        ids, _ = draw(model, batch_size, model.Tx, seed)
        ids[:, :2] = -1  # as before a short prompt
        expected, _ = model(nd.array(ids))
        (scores,) = session.run(None, {"ids": ids})
        np.testing.assert_allclose(scores, expected.asnumpy(), atol=1e-5)


def test_the_improvisers_scores_are_its_own(seed):
    model = make(d2l.DJModel, Tx=4, n_a=6)
    run = runner(to_onnx(model))
    for batch_size in (1, 3):
        ids, _ = draw(model, batch_size, model.Tx, seed)
        ids[:, 0] = -1  # as in training
        expected, _ = model(nd.array(ids))
        state = np.zeros((2, batch_size, 6), np.float32)
        for length in (4, 2, 1):
            scores, _ = in_pieces(run, ids, state, length)
            np.testing.assert_allclose(
                scores.swapaxes(0, 1), expected.asnumpy(), atol=1e-5)


@pytest.mark.parametrize("level", ["char", "word"])
def test_the_metadata_say_what_the_ids_mean(level):
    model = make(cell="gru")
    model.level = level
    data = to_onnx(model)
    found = session_of(data).get_modelmeta().custom_metadata_map
    assert json.loads(found["vocabulary"]) == HOSTILE
    assert json.loads(found["settings"]) == model.config
    assert {**found, "vocabulary": "", "settings": ""} == {
        "cell": "gru", "level": level, "class": "CharRNN", "vocabulary": "",
        "settings": ""}
    made = onnx.load_from_string(data)
    assert (made.ir_version, made.producer_name) == (8, "d2lrnn")
    assert [(o.domain, o.version) for o in made.opset_import] == [("", OPSET)]


def test_batch_and_time_are_open():
    made = onnx.load_from_string(to_onnx(make(cell="lstm", num_layers=2)))
    shapes = {value.name: [dim.dim_param or dim.dim_value for dim
                           in value.type.tensor_type.shape.dim]
              for value in [*made.graph.input, *made.graph.output]}
    assert shapes == {
        "ids": ["batch", "steps"], "state": [4, "batch", 8],
        "scores": ["batch", "steps", len(HOSTILE)],
        "new_state": [4, "batch", 8]}


def test_tied_weights_are_in_the_file_once():
    made = onnx.load_from_string(to_onnx(make(
        embed_size=8, tie_weights=True, cell="rnn")))
    arrays = {array.name: tuple(array.dims)
              for array in made.graph.initializer}
    assert [name for name, shape in arrays.items()
            if shape == (len(HOSTILE), 8)] == ["embedding"]


@pytest.mark.parametrize("cell", CELLS)
def test_equal_models_are_equal_files(cell):
    model = make(cell=cell)
    assert to_onnx(model) == to_onnx(model)


def test_a_file_with_other_scores_is_refused(monkeypatch):
    # a GRU that resets before the product is another cell
    model = make(cell="gru")
    make_node = onnx.helper.make_node

    def reset_before(kind, inputs, outputs, **attributes):
        attributes.pop("linear_before_reset", None)
        return make_node(kind, inputs, outputs, **attributes)

    monkeypatch.setattr(onnx.helper, "make_node", reset_before)
    with pytest.raises(ValueError, match=r"differ by [\d.]+ from those of "
                       r"the model: .*try another version"):
        to_onnx(model)


def test_large_scores_may_differ_by_more(seed):
    model = make(cell="lstm", num_layers=2)
    model.output.weight.set_data(model.output.weight.data() * 1e5)
    to_onnx(model)


def test_the_requirement_is_that_of_the_extra():
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11")
    from pathlib import Path
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml"
                             ).read_text("utf-8"))["project"]
    assert project["optional-dependencies"]["onnx"] == [PACKAGE]
