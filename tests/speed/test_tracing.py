"""A traced function gives what the function itself gives, or stays itself."""
import re

import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn.speed.tracing import Untraceable, check_close
from mxnet import autograd, nd
from mxnet import symbol as sym
from mxnet.base import MXNetError
from mxnet.gluon import loss as gloss
from mxnet.gluon import nn


def param(*shape, ctx=None):
    array = nd.random.normal(shape=shape, ctx=ctx)
    array.attach_grad()
    return array


def run(function, *inputs):
    """Return all results and the input's gradient as NumPy arrays."""
    with autograd.record():
        results = function(*inputs)
    results[0].backward()
    return [array.asnumpy() for array in results]


def assert_same_as_itself(function, params, *inputs):
    """Compare a function, as written, with itself on new inputs."""
    traced = d2l.Traced(function, params, rewrite=False)
    for _ in range(3):
        inputs = [nd.random.normal(shape=x.shape, ctx=x.context)
                  for x in inputs]
        want = run(function, *inputs)
        want += [p.grad.asnumpy() for p in params]
        got = run(traced, *inputs)
        got += [p.grad.asnumpy() for p in params]
        for a, b in zip(got, want, strict=True):
            np.testing.assert_array_equal(a, b)
    return traced


def test_a_graph_gives_the_same_results_and_gradients(ctx):
    W, b = param(3, 4, ctx=ctx), param(4, ctx=ctx)

    def step(x, h):
        h = nd.tanh(nd.dot(x, W) + b + h)
        return [(h ** 2).mean(), h]

    traced = assert_same_as_itself(step, [W, b], nd.zeros((2, 3), ctx=ctx),
                                   nd.zeros((2, 4), ctx=ctx))
    assert traced.reasons == []


def test_it_is_really_compiled():
    W, calls = param(3), []

    def step(x):
        calls.append(1)
        return [(W * x).sum()]

    traced = d2l.Traced(step, [W])
    for _ in range(5):
        run(traced, nd.ones(3))
    assert len(calls) == 2  # the trace and the comparison
    run(traced, nd.ones((2, 3)))
    assert len(calls) == 4  # another shape, another graph


def test_results_outlive_the_next_call():
    W = param(3)
    traced = d2l.Traced(lambda x: [(W * x).sum(), W * x], [W])
    first = [run(traced, x * nd.ones(3)) for x in range(4)]
    kept = []
    for x in range(4):
        with autograd.record():
            kept.append(traced(x * nd.ones(3)))
        kept[-1][0].backward()
    for want, got in zip(first, kept, strict=True):
        for a, b in zip(want, got, strict=True):
            np.testing.assert_array_equal(b.asnumpy(), a)


def test_a_rewritten_graph_need_not_use_an_input():
    """As of a cell that ignores one of its states."""
    W = param(3, 3)
    step = d2l.Traced(lambda X, state, ignored: [
        nd.tanh(nd.dot(X, W) + state).sum(), state], [W])
    inputs = [nd.random.normal(shape=(2, 3)) for _ in range(3)]
    (loss, *_), (expected, *_) = run(step, *inputs), run(step.function,
                                                         *inputs)
    assert step.reasons == [] and step.after
    assert loss == pytest.approx(expected, rel=1e-5)


def test_inputs_and_params_that_are_not_used():
    W, unused = param(3), param(2)
    traced = assert_same_as_itself(lambda x, y: [(W * x).sum(), x],
                                   [W, unused], nd.zeros(3), nd.zeros(5))
    assert traced.reasons == []


def reads_a_value(W):
    def step(x):
        if x.sum().asscalar() > 0:
            return [(W * x).sum()]
        return [(W * x * x).sum()]
    return step


def uses_an_array_from_outside(W):
    outside = nd.array([1.0, 2.0, 3.0])
    return lambda x: [(W * x * outside).sum()]


def trains_an_array_from_outside(W):
    outside = param(3)
    return lambda x: [(W * x * outside).sum()]


def changes_from_call_to_call(W):
    calls = []

    def step(x):
        calls.append(1)
        return [(W * x).sum() * len(calls)]
    return step


def draws_random_numbers(W):
    """So many that no two draws come to the same."""
    return lambda x: [nd.Dropout(nd.tile(W * x, 40_000), p=0.5).sum()]


def calls_a_hybridized_block(W):
    block = nn.HybridSequential()
    block.add(*(nn.Dense(3, in_units=3) for _ in range(3)))
    block.initialize()
    block.hybridize()
    block(nd.ones((1, 3)))
    return lambda x: [block((W * x).reshape((1, 3))).sum()]


def calls_a_function_of_autograd(W):
    class Twice(autograd.Function):
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    return lambda x: [Twice()(W * x).sum()]


def returns_a_constant(W):
    return lambda x: [(W * x).sum(), nd.zeros(2)]


@pytest.mark.parametrize("make, reason", [
    (reads_a_value, "reads values"),
    (uses_an_array_from_outside, "neither its inputs nor its params"),
    (trains_an_array_from_outside, "neither its inputs nor its params"),
    (changes_from_call_to_call, "differ"),
    (draws_random_numbers, "differ"),
    (calls_a_hybridized_block, "calls a hybridized block"),
    (calls_a_function_of_autograd, "or an autograd.Function"),
    (returns_a_constant, ""),
], ids=lambda x: getattr(x, "__name__", "reason"))
def test_what_no_graph_can_hold_stays_imperative(make, reason):
    W = param(3)
    function = make(W)
    traced = d2l.Traced(function, [W])
    run(traced, nd.ones(3))
    assert reason in traced.reasons[-1]
    # where there is a graph, rewritten or not, neither is run
    assert len(traced.reasons) == (2 if traced.before else 1)
    assert traced._compiled == {((3,),): function}
    assert traced.after == ""


def test_a_branch_on_values_goes_on_being_taken():
    W = param(3)
    traced = d2l.Traced(reads_a_value(W), [W])
    for x in (nd.ones(3), -2 * nd.ones(3)):
        (got,) = run(traced, x)
        want = (W * x).sum() if x.sum() > 0 else (W * x * x).sum()
        assert got == want.asscalar()


def looks_rows_up(W):
    """Return the sum of the rows of W for the ids, the book's way."""
    def step(ids):
        rows = nd.dot(nd.one_hot(ids, len(W)), W)
        return [(rows ** 2).sum(), rows]
    return step


def test_the_graph_is_rewritten_if_asked_to(ctx):
    W, ids = param(5, 3, ctx=ctx), nd.array([4, 0, 4], ctx=ctx)
    for rewrite, op in ((True, "take"), (False, "one_hot")):
        traced = d2l.Traced(looks_rows_up(W), [W], rewrite=rewrite)
        assert traced.before == traced.after == ""
        rows = run(traced, ids)[1]
        np.testing.assert_array_equal(rows, W.asnumpy()[[4, 0, 4]])
        grad = np.zeros((5, 3), "f")
        np.add.at(grad, [4, 0, 4], 2 * rows)
        np.testing.assert_allclose(W.grad.asnumpy(), grad, rtol=1e-6)
        assert "one_hot" in traced.before and op in traced.after
        assert (traced.before == traced.after) is not rewrite
        assert traced.reasons == []


def test_ids_outside_show_in_the_first_batch_or_raise(ctx):
    W = param(5, 3, ctx=ctx)
    outside = nd.array([4, 5, -1], ctx=ctx)
    traced = d2l.Traced(looks_rows_up(W), [W], rewrite=True)
    rows = run(traced, outside)[1]  # checked on these: as it is written
    assert (rows[0] == W.asnumpy()[4]).all() and (rows[1:] == 0).all()
    assert "one_hot" in traced.after
    assert len(traced.reasons) == 1 and re.match(
        "the rewritten graph is not run: .*out of bound", traced.reasons[0])
    traced = d2l.Traced(looks_rows_up(W), [W], rewrite=True)
    run(traced, nd.array([4, 0, 4], ctx=ctx))
    with pytest.raises(MXNetError, match="out of bound"):
        run(traced, outside)


def test_a_rewritten_graph_that_differs_is_not_run(monkeypatch, caplog):
    caplog.set_level("INFO", "d2lrnn.speed.tracing")

    def wrong(symbol, shapes):
        return sym.Group([y * 1.001 for y in symbol])

    W, ids = param(5, 3), nd.array([4, 0, 4])
    monkeypatch.setattr("d2lrnn.speed.tracing.rewrite", wrong)
    traced = d2l.Traced(looks_rows_up(W), [W], rewrite=True)
    rows = run(traced, ids)[1]
    np.testing.assert_array_equal(rows, W.asnumpy()[[4, 0, 4]])
    assert traced.after == traced.before != ""
    assert traced.reasons == ["the rewritten graph is not run: its results "
                              "differ from the function's own"]
    assert caplog.messages == traced.reasons


def test_the_check_accepts_rounding_and_nothing_more():
    want = [np.array([1.0, -1e-3, 0.0])]
    check_close([want[0] * (1 + 9e-5)], want)
    check_close([want[0] + 9e-6], want)
    for wrong in (want[0] * (1 + 2e-4), want[0] + 2e-5, want[0] * np.nan):
        with pytest.raises(Untraceable, match="differ"):
            check_close([wrong], want)


def test_a_gradient_that_nearly_vanishes_is_no_difference():
    """In "abcabc" the gradient of the last bias is the rest of 1 - 1."""
    params = d2l.get_params(3, 8, None)

    def step(X, Y, H):
        outputs, (H,) = d2l.rnn(d2l.to_onehot(X, 3), (H,), params)
        loss = gloss.SoftmaxCrossEntropyLoss()
        return [loss(nd.concat(*outputs, dim=0),
                     Y.T.reshape((-1,))).mean(), H]

    traced = d2l.Traced(step, params)
    run(traced, nd.array([[0, 1, 2] * 2]), nd.array([[1, 2, 0] * 2]),
        nd.zeros((1, 8)))
    assert traced.reasons == [] and traced.after != traced.before


def test_a_mistake_in_the_function_is_the_readers_to_see():
    def wrong(x):
        return [x.no_such_method()]

    with pytest.raises(AttributeError, match="no_such_method"):
        d2l.Traced(wrong, [])(nd.ones(3))
    assert nd.ones(1).asnumpy() == 1  # reading works again


@pytest.mark.parametrize("grad_req, want", [("write", 24), ("add", 31)])
def test_gradients_that_add_up_are_those_of_one_call(grad_req, want):
    w = nd.array([3.0])
    w.attach_grad(grad_req)
    w.grad[:] = 7
    square = d2l.Traced(lambda x: [(w * x) ** 2], [w])
    with autograd.record():
        (loss,) = square(nd.array([2.0]))
    loss.backward()
    assert w.grad.asscalar() == want and not square.reasons


def test_what_cannot_be_traced_at_all():
    w = nd.ones(1)
    with pytest.raises(ValueError, match="without gradients: call attach_g"):
        d2l.Traced(lambda x: [w * x], [w])
    w.attach_grad()
    with pytest.raises(ValueError, match=r"the inputs are .*: give arrays of"):
        d2l.Traced(lambda x: [w * x], [w])(np.ones(1))
