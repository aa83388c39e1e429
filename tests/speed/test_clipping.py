"""Clipping in one graph: the same as grad_clipping, to the last bit."""
import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn.speed.clipping import clip_in_graph
from mxnet import nd

SHAPES = ((90, 70), (3, 4, 5), (7,))


def with_gradients(ctx, scale, dtype):
    """Return parameters with the same gradients each time."""
    rng, params = np.random.default_rng(0), []
    for shape in SHAPES:
        params.append(nd.zeros(shape, ctx, dtype))
        params[-1].attach_grad()
        params[-1].grad[:] = nd.array(scale * rng.normal(size=shape), ctx,
                                      dtype)
    return params


@pytest.mark.parametrize("theta", [None, 0.5, 1e6])
@pytest.mark.parametrize("scale, dtype", [
    (1, "float32"), (0, "float32"), (1e30, "float32"), (1, "float64")])
def test_it_is_grad_clipping(ctx, theta, scale, dtype):
    ours, book = (with_gradients(ctx, scale, dtype) for _ in range(2))
    for _ in range(2):  # the second time, gradients are as clipped
        norm, expected = clip_in_graph(ours, theta), d2l.grad_clipping(
            book, theta)
        assert norm.shape == expected.shape and norm.dtype == expected.dtype
        np.testing.assert_array_equal(norm.asnumpy(), expected.asnumpy())
        for a, b in zip(ours, book, strict=True):
            np.testing.assert_array_equal(a.grad.asnumpy(), b.grad.asnumpy())


def test_a_norm_stays_when_the_next_is_taken(ctx):
    first = clip_in_graph(with_gradients(ctx, 1, "float32"), None)
    value = first.asscalar()
    clip_in_graph(with_gradients(ctx, 2, "float32"), None)
    assert first.asscalar() == value
