"""The rules together, on the steps of the book's cells."""
import re

import d2lrnn as d2l
import numpy as np
import oracle
import pytest
from book_cells import GRU, LSTM, MINGRU, MINLSTM, RNN, both_ways, deep
from mxnet import autograd, nd
from mxnet.gluon import loss as gloss

B, H, V, T = 3, 4, 7, 5  # all different, so that no transposed axis hides


def close(got, want, operators=10, size=1):
    """Each of the operators adds up a row or column, there and back."""
    oracle.close(got, want, 2 * operators * V, size)


def losses_as_in_the_book(outputs, Y):
    loss = gloss.SoftmaxCrossEntropyLoss()
    return loss(nd.concat(*outputs, dim=0), Y.T.reshape((-1,))).mean()


def trace_cell(cell, ctx, losses=losses_as_in_the_book, **options):
    """Return a traced step of the book, its parameters and its inputs."""
    cell, get_params, init_state = cell
    params = get_params(V, H, ctx)
    for param in params:
        param[:] = nd.random.normal(scale=0.5, shape=param.shape, ctx=ctx)

    def step(X, Y, *state):
        outputs, state = cell(d2l.to_onehot(X, V), state, params)
        return [losses(outputs, Y), *state]

    X, Y = (nd.array(np.random.randint(0, V, (B, T)), ctx=ctx)
            for _ in range(2))
    return d2l.Traced(step, params, **options), params, [
        X, Y, *init_state(B, H, ctx)]


def run(traced, params, inputs):
    with autograd.record():
        results = traced(*inputs)
    results[0].backward()
    return [a.asnumpy() for a in [*results, *(p.grad for p in params)]]


# what is left: of each step the products of the state, and one of the inputs
# or the outputs for each matrix or each bias
CELLS = {
    "rnn": (RNN, {"take": 1, "dot": T + 1 + 2}),
    "gru": (GRU, {"take": 2, "dot": 2 * T + 1 + 3}),
    "lstm": (LSTM, {"take": 1, "dot": T + 1 + 2}),
    "mingru": (MINGRU, {"take": 2, "dot": 1 + 3}),
    "minlstm": (MINLSTM, {"take": 3, "dot": 1 + 4}),
    "deep rnn": (deep(*RNN), {"take": 1, "dot": 2 * T + 2 + 3}),
    "deep gru": (deep(*GRU), {"take": 2, "dot": 4 * T + 3 + 5}),
    "deep lstm": (deep(*LSTM), {"take": 1, "dot": 2 * T + 2 + 3}),
    "both ways": (both_ways(*RNN), {"take": 2, "dot": 2 * T + 2 + 4}),
}


@pytest.mark.parametrize("name", CELLS)
def test_the_cells_of_the_book(name, ctx, seed):
    cell, want = CELLS[name]
    both = []
    for rewriting in (True, False):
        np.random.seed(seed)
        d2l.seed(seed)
        traced, params, inputs = trace_cell(cell, ctx, rewrite=rewriting)
        both.append(run(traced, params, inputs))
        assert traced.reasons == []
        if rewriting:
            got = {op: int(n) for n, op in re.findall(
                r"(\d+) (take|dot|one_hot|log_softmax)\b",
                traced.after.splitlines()[-1])}
            assert got == want
    for a, b in zip(*both, strict=True):
        close(a, b, 2 * 2 * T)  # products with two states in two layers


def stacked(outputs, Y):
    loss = gloss.SoftmaxCrossEntropyLoss()
    return loss(nd.stack(*outputs).reshape((-1, V)),
                Y.T.reshape((-1,))).mean()


def step_by_step(outputs, Y):
    loss = gloss.SoftmaxCrossEntropyLoss()
    return sum(loss(Y_t, y_t).mean()
               for Y_t, y_t in zip(outputs, Y.T, strict=True)) / T


@pytest.mark.parametrize("losses", [stacked, step_by_step])
def test_other_ways_to_write_the_loss(losses, ctx):
    traced, params, inputs = trace_cell(RNN, ctx, losses, rewrite=True)
    got = run(traced, params, inputs)
    for a, b in zip(got, run(traced.function, params, inputs), strict=True):
        close(a, b)
    assert f"{T + 1 + 2} dot" in traced.after and traced.reasons == []
