"""Trace a reader's own function once, then run it as a compiled graph.

An imperative step hands MXNet its operators one by one, and each costs some
time of Python. The same step, recorded once, is a graph that runs as one
operator. The function stays as its author wrote it.
"""
from contextlib import contextmanager

import numpy as np
from mxnet import autograd, nd
from mxnet import symbol as sym
from mxnet.base import MXNetError


class Untraceable(Exception):  # noqa: N818 - an outcome, no error
    """The function depends on something that no graph can hold."""


class Traced:
    """A function of arrays that runs compiled wherever that is the same.

    ``function(*inputs)`` takes arrays and returns a list or tuple of arrays,
    the first of which is the loss; ``params`` are the arrays with gradients
    that it uses. On the first call for inputs of new shapes it is traced, and
    the graph's results and gradients are compared with the function's own on
    the same inputs. Where they differ, or the function reads values, draws
    random numbers or uses arrays that are neither inputs nor params, the
    function itself goes on being called, and ``reasons`` says why.

    >>> w = nd.array([3.0])
    >>> w.attach_grad()
    >>> square = Traced(lambda x: [(w * x) ** 2], [w])
    >>> with autograd.record():
    ...     (loss,) = square(nd.array([2.0]))
    >>> loss.backward()
    >>> loss.asscalar(), w.grad.asscalar(), square.reasons
    (36.0, 24.0, [])
    """

    def __init__(self, function, params):
        self.function = function
        self.params = list(params)
        self.reasons = []
        self._compiled = {}  # shapes of the inputs -> what to call

    def __call__(self, *inputs):
        """Return the function's arrays for these inputs."""
        shapes = tuple(x.shape for x in inputs)
        if shapes not in self._compiled:
            self._compiled[shapes] = self._compile(inputs)
        return self._compiled[shapes](*inputs)

    def _compile(self, inputs):
        """Return the compiled function, or the function if it must be."""
        try:
            compiled = compile_graph(self.function, self.params, inputs)
            self._check_same(compiled, inputs)
        except (Untraceable, MXNetError) as error:
            self.reasons.append(str(error).split("\n")[0])
            return self.function
        return compiled

    def _check_same(self, compiled, inputs):
        """Compare results and gradients with the function's own."""
        ours = self._results(compiled, inputs)
        for got, want in zip(ours, self._results(self.function, inputs),
                             strict=True):
            if not np.allclose(got, want, rtol=1e-4,
                               atol=1e-5 * np.abs(want).max()):
                raise Untraceable("the graph's results differ from the "
                                  "function's own")

    def _results(self, function, inputs):
        """Return outputs and gradients of one run, as NumPy arrays."""
        with autograd.record():
            outputs = function(*inputs)
        outputs[0].backward()
        return [array.asnumpy() for array
                in [*outputs, *(p.grad for p in self.params)]]


def compile_graph(function, params, inputs):
    """Return ``function`` as a compiled graph for inputs of these shapes."""
    inputs = [x.copy() for x in inputs]
    for x in inputs:
        x.attach_grad()  # gives the input a name in the graph
    with autograd.record(), _no_host_reads():
        outputs = function(*inputs)
    graph = sym.Group([autograd.get_symbol(y) for y in outputs])

    position = {}  # name in the graph -> which of the arguments
    for i, array in enumerate([*inputs, *params]):
        position[autograd.get_symbol(array).name] = i
    names = graph.list_inputs()
    if not set(names) <= set(position):
        raise Untraceable("the function uses arrays that are neither its "
                          "inputs nor its params")
    operator = nd.CachedOp(graph, [("static_alloc", True),
                                   ("static_shape", True)])
    used = [position[name] for name in names]

    def compiled(*inputs):
        arrays = [*inputs, *params]
        results = operator(*(arrays[i] for i in used))
        return results if isinstance(results, list) else [results]

    return compiled


@contextmanager
def _no_host_reads():
    """Refuse to read values: a graph cannot branch on what it computes."""
    asnumpy = nd.NDArray.asnumpy

    def refuse(array):
        raise Untraceable("the function reads values on the way")

    nd.NDArray.asnumpy = refuse
    try:
        yield
    finally:
        nd.NDArray.asnumpy = asnumpy
