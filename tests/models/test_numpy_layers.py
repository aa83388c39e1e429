"""Layers in NumPy: the same as one step after another, gradients too."""
import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn.models import numpy_scans
from d2lrnn.models.cells import CELLS
from d2lrnn.models.numpy_layers import LAYERS
from d2lrnn.models.numpy_operator import memory_of
from d2lrnn.models.numpy_recurrences import normalise, normalise_gradient
from mxnet import autograd, nd

NUM_GATES = {"rnn_relu": 1, **{name: cell.num_gates
                               for name, cell in CELLS.items()}}
every = pytest.mark.parametrize("cell", LAYERS)
without_operator = pytest.mark.parametrize(
    "cell", [name for name, cell in CELLS.items() if not cell.mode])


def state_of(model, batch_size):
    """Return a state of random numbers, with gradients."""
    state = tuple(nd.random.normal(shape=s.shape)
                  for s in model.begin_state(batch_size))
    for s in state:
        s.attach_grad()
    return state


def computed(model, X, weight, from_last):
    """Return outputs, states, and all gradients of a loss.

    The loss depends on the last states if ``from_last`` says so.
    """
    d2l.seed(3)
    state = state_of(model, len(X))
    for _ in range(2):  # a graph of static shapes begins in the second call
        with autograd.record():
            output, last = model(X, state)
            loss = (output * weight).sum()
            if from_last:
                loss = loss + sum((s * s).sum() for s in last)
        loss.backward()
    arrays = [output, *last, *(s.grad for s in state),
              *(p.grad() for p in model.collect_params().values())]
    return [array.asnumpy() for array in arrays]


@without_operator
@pytest.mark.parametrize("from_last", [True, False])
@pytest.mark.parametrize("options", [None, {}, {
    "static_alloc": True, "static_shape": True}])
@pytest.mark.parametrize("num_steps, batch_size, num_hiddens", [
    (1, 1, 1), (5, 3, 4), (40, 8, 64)])
def test_it_is_one_step_after_another(cell, from_last, options, num_steps,
                                      batch_size, num_hiddens):
    found = []
    for unroll in ("static", "fused"):
        d2l.seed(1)
        model = d2l.CharRNN(7, num_hiddens, num_hiddens, 2, cell,
                            unroll=unroll)
        model.initialize()
        for param in model.collect_params().values():
            param.set_data(nd.random.normal(0, 0.5, shape=param.shape))
        if options is not None:
            model.hybridize(**options)
        X = nd.random.randint(0, 7, shape=(batch_size, num_steps))
        weight = nd.random.normal(shape=(num_steps * batch_size, 7))
        found.append(computed(model, X.astype("float32"), weight, from_last))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4,
                                   atol=1e-5 * max(1, abs(a).max()))


@every
def test_gradients_are_numeric_ones(cell):
    """In float64, beside differences."""
    rng, (T, B, n) = np.random.default_rng(0), (4, 3, 5)
    layer, rows = LAYERS[cell](), NUM_GATES[cell] * n
    shapes = {"X": (T, B, rows), "h2h_weight": (rows, n), "h2h_bias": (rows,),
              "gamma": (rows,), "beta": (rows,), "H": (B, n), "C": (B, n)}
    inputs = [nd.array(rng.normal(size=shapes[name]), dtype="float64")
              for name in layer.INPUTS]
    output = nd.zeros((T + ("C" in layer.INPUTS), B, n), dtype="float64")
    weight = nd.array(rng.normal(size=output.shape), dtype="float64")
    grads = [nd.ones(array.shape, dtype="float64") for array in inputs]

    def loss():
        layer.forward(True, ["write"], inputs, [output], [])
        return float((output * weight).sum().asscalar())

    loss()
    reqs = ["add", *["write"] * (len(inputs) - 1)]
    layer.backward(reqs, [weight], inputs, [output], grads, [])
    for req, array, grad in zip(reqs, inputs, grads, strict=True):
        numbers = memory_of(array)
        for i in np.ndindex(numbers.shape):
            before, values = numbers[i], []
            for change in (1e-5, -1e-5):
                numbers[i] = before + change
                values.append(loss())
            numbers[i] = before
            expected = (values[0] - values[1]) / 2e-5 + (req == "add")
            assert grad.asnumpy()[i] == pytest.approx(expected, rel=1e-6,
                                                      abs=1e-8)


@without_operator
def test_large_inputs_stay_finite(cell):
    model = d2l.CharRNN(3, 4, 4, 1, cell)
    model.initialize()
    for param in model.collect_params().values():
        param.set_data(1e4 * nd.random.normal(shape=param.shape))
    X, weight = nd.array([[0, 1, 2, 2, 1]]), nd.ones((5, 3))
    for array in computed(model, X, weight, True):
        assert np.isfinite(array).all()


@pytest.mark.filterwarnings("error")
@every
def test_what_overflows_is_not_warned_of(cell):
    layer, rows = LAYERS[cell](), NUM_GATES[cell] * 3
    shapes = {"X": (2, 1, rows), "h2h_weight": (rows, 3),
              "H": (1, 3), "C": (1, 3)}
    inputs = [nd.full(shapes.get(name, (rows,)), 3e38)
              for name in layer.INPUTS]
    output = nd.zeros((2 + ("C" in layer.INPUTS), 1, 3))
    layer.forward(True, ["write"], inputs, [output], [])
    layer.backward(["write"] * len(inputs), [output], inputs, [output],
                   [nd.zeros(array.shape) for array in inputs], [])


def test_two_calls_at_once_keep_their_own_arrays():
    """What a call keeps for its gradient is not another call's."""
    model = d2l.CharRNN(5, 4, 4, 1, "mingru")
    model.initialize()
    inputs = [nd.array([[0, 1, 2]]), nd.array([[4, 4, 3]])]
    weight = nd.random.normal(shape=(3, 5))
    alone = [computed(model, X, weight, False)[2:] for X in inputs]
    for param in model.collect_params().values():
        param.grad_req = "add"
        param.zero_grad()
    states = []
    for _ in inputs:
        d2l.seed(3)
        states.append(state_of(model, 1))
    with autograd.record():
        losses = [(model(X, state)[0] * weight).sum()
                  for X, state in zip(inputs, states, strict=True)]
    autograd.backward(losses)
    grads = [*(s.grad for state in states for s in state),
             *(p.grad() for p in model.collect_params().values())]
    expected = [alone[0][0], alone[1][0],
                *(a + b for a, b in zip(alone[0][1:], alone[1][1:],
                                        strict=True))]
    for a, b in zip(grads, expected, strict=True):
        np.testing.assert_allclose(a.asnumpy(), b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", ["mingru", "minlstm"])
def test_threads_share_the_examples(cell, monkeypatch):
    """The numbers are the same to the last bit."""
    rng, (T, B, n) = np.random.default_rng(0), (9, 7, 40)
    X = nd.array(rng.normal(size=(T, B, NUM_GATES[cell] * n)))
    inputs = [X, nd.array(rng.normal(size=(B, n)))]
    output = nd.zeros((T, B, n))
    weight, found = nd.array(rng.normal(size=output.shape)), []
    monkeypatch.setattr(numpy_scans, "CACHED", 64)
    for number in ("1", "3", "50"):
        monkeypatch.setenv("OMP_NUM_THREADS", number)
        layer = LAYERS[cell]()
        layer.forward(True, ["write"], inputs, [output], [])
        grads = [nd.zeros(array.shape) for array in inputs]
        layer.backward(["write"] * 2, [weight], inputs, [output], grads, [])
        found.append([array.asnumpy() for array in (output, *grads)])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_row_is_normalised():
    X = np.random.default_rng(0).normal(3, 5, (2, 4, 6))
    normal, over_std = np.empty_like(X), np.empty((2, 4))
    normalise(X, normal, over_std)
    assert np.allclose(normal.mean(axis=2), 0) and np.allclose(
        normal.std(axis=2), 1, atol=1e-5)
    dX = np.empty_like(X)
    normalise_gradient(np.ones_like(X), normal, dX, over_std)
    assert np.allclose(dX, 0)  # to add the same to a row changes nothing
