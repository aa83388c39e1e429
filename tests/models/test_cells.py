"""The table of cells: what each entry says is what the cell does."""
import re

import d2lrnn as d2l
import mxnet as mx
import numpy as np
import pytest
from commands import run
from d2lrnn.generation.numpy_steps import Stepper, stepper_of
from d2lrnn.models.cells import CELLS, RecurrentLayer
from d2lrnn.models.plot import model_layers
from mxnet import nd

VOCAB_SIZE, NUM_HIDDENS = 11, 7
every = pytest.mark.parametrize("cell", CELLS)


@every
def test_an_entry_says_what_a_layer_has(cell):
    entry = CELLS[cell]
    layer = RecurrentLayer(cell, VOCAB_SIZE, NUM_HIDDENS, "fused")
    rows = entry.num_gates * NUM_HIDDENS
    shapes = {name: param.shape for name, param in layer._reg_params.items()}
    assert shapes == {
        "i2h_weight": (rows, VOCAB_SIZE),
        **({"h2h_weight": (rows, NUM_HIDDENS)} if entry.reads_state else {}),
        **{name: (rows,) for name in entry.vectors}}
    assert list(shapes) == list(entry.params)
    assert layer.way == ("fused" if entry.mode else "numpy")


@pytest.mark.parametrize("unroll, ways", [
    ("fused", ["numpy", "static", "numpy"]), ("static", ["static"] * 3),
    ("foreach", ["foreach"] * 3)])
def test_numpy_computes_on_the_cpu_alone(unroll, ways):
    layer = RecurrentLayer("mingru", VOCAB_SIZE, NUM_HIDDENS, unroll)
    for device, way in zip((mx.cpu(), mx.gpu(), mx.cpu(1)), ways, strict=True):
        layer.prepare(5, device)
        assert layer.way == way
        assert not layer.prepare(5, device)
        assert layer.prepare(6, device) == (way == "static")


@every
def test_gates_read_the_state_where_the_entry_says_so(cell, ctx):
    """Without that, a step is linear in the state."""
    model = d2l.CharRNN(VOCAB_SIZE, None, NUM_HIDDENS, 1, cell)
    model.initialize(ctx=ctx)
    X = nd.ones((1, 1), ctx=ctx)
    shape = (1, NUM_HIDDENS)

    def next_state(number):
        state = [number * nd.ones(shape, ctx=ctx)
                 for _ in range(CELLS[cell].num_states)]
        return model(X, state)[1][0].asnumpy()

    bend = next_state(2) - 2 * next_state(1) + next_state(0)
    assert (abs(bend).max() > 1e-3) == CELLS[cell].reads_state


@pytest.mark.process
def test_the_command_names_every_cell():
    text = " ".join(run("train", "--help").stdout.split())
    named = re.search(r"--cell (?:\S+ )?(rnn[^.]*)\.", text)[1]
    assert named.replace(" or ", ", ").split(", ") == list(CELLS)


@every
def test_the_docstring_names_every_cell(cell):
    assert cell in d2l.CharRNN.__doc__


@every
def test_a_picture_counts_the_parameters(cell):
    model = d2l.CharRNN(VOCAB_SIZE, None, NUM_HIDDENS, 2, cell)
    model.initialize()
    counts = {name: count for name, _, _, count in model_layers(model)}
    entry = CELLS[cell]
    for i, input_size in enumerate((VOCAB_SIZE, NUM_HIDDENS)):
        columns = (input_size + NUM_HIDDENS * entry.reads_state
                   + len(entry.vectors))
        assert counts[f"layers.{i}"] == (
            entry.num_gates * NUM_HIDDENS * columns)


@pytest.mark.parametrize("i, f, share", [
    (-200, -200, 0.5), (-200, -190, 1), (-190, -200, 0), (-500, 500, 1),
    (500, -500, 0), (900, 900, 0.5)])
def test_gates_that_round_to_nothing_are_still_shares(i, f, share, ctx):
    """The minLSTM divides by a sum that may be 0 in float32."""
    model = d2l.CharRNN(2, None, 1, 1, "minlstm")
    model.initialize(ctx=ctx)
    layer = model.layers[0]
    layer.i2h_weight.set_data(nd.array([[i, i], [f, f], [0, 3]], ctx=ctx))
    model.output.weight.set_data(nd.array([[1], [0]], ctx=ctx))
    _, (H,) = model(nd.ones((1, 1), ctx=ctx), [nd.ones((1, 1), ctx=ctx)])
    assert H.asscalar() == pytest.approx(share + (1 - share) * 3, abs=1e-3)
    steps = stepper_of(model, 2)
    assert isinstance(steps, Stepper)
    scores, _ = steps([1], steps.begin_state(1))  # from a state of 0
    assert scores[0, 0] == pytest.approx((1 - share) * 3, abs=1e-3)


@pytest.mark.parametrize("cell", ["mingru", "minlstm"])
def test_no_memory_is_counted_for_weights_that_a_cell_lacks(cell):
    """The square of this width would be more than any machine has."""
    wide = 2 ** 22
    with pytest.raises(ValueError, match="GiB, and this machine has"):
        d2l.CharRNN(1, 1, wide, 2, cell)
    d2l.CharRNN(1, 1, wide, 1, cell)
    params = getattr(d2l, f"get_{cell}_params")(1, wide)
    assert params[0].shape == (1, wide)
    with pytest.raises(ValueError, match="GiB, and this machine has"):
        d2l.get_params(1, wide)


@every
def test_numpys_step_leaves_its_input_as_it_is(cell, ctx):
    model = d2l.CharRNN(VOCAB_SIZE, None, NUM_HIDDENS, 1, cell)
    model.initialize(ctx=ctx)
    steps = stepper_of(model, VOCAB_SIZE)
    (layer,) = steps.begin_state(3)
    X = np.random.normal(size=layer.gates.shape).astype(np.float32)
    before = X.copy()
    layer.step(X)
    assert (X == before).all()
