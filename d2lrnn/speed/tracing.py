"""Trace a reader's own function once, then run it as a compiled graph.

An imperative step calls MXNet's operators one by one, and each call takes some
time in Python. Once recorded, the same step is a graph, which can be rewritten
and runs as a single operator. The function stays as its author wrote it.
"""
import logging
from collections import Counter
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps

import numpy as np
from d2lrnn.basics.checks import check_function, shown
from d2lrnn.speed.graph import (
    Graph,
    graph_table,
    is_plain,
    read_nodes,
    write_graph,
)
from d2lrnn.speed.rewriting import rewrite
from mxnet import autograd, nd
from mxnet import symbol as sym
from mxnet.base import MXNetError

__all__ = ["Traced", "Untraceable"]


class Untraceable(Exception):  # noqa: N818 - an outcome, not an error
    """The function depends on something that no graph can contain."""


class Traced:
    """A function of arrays that runs compiled if that gives the same results.

    ``function(*inputs)`` takes arrays and returns a list or tuple of arrays,
    the first of which is the loss; ``params`` are the arrays with gradients
    that it uses. On the first call with inputs of new shapes, the function is
    traced and its graph is rewritten to compute the same in less time, unless
    ``rewrite`` is False. The graph's results and gradients are compared with
    the function's own on the same inputs: a number may differ by 1e-4 of
    itself, plus 1e-5 of the largest in its array, plus 1e-7 of the loss. If
    the rewritten graph differs by more, the original graph is used, whose
    results equal the function's own to the last bit. If that differs too, or
    if the function reads values, draws random numbers, or uses arrays that are
    neither inputs nor params, the function itself is called from then on.
    ``reasons`` lists why graphs are not run; the logger d2lrnn.speed.tracing
    records each reason at level INFO.

    ``before`` and ``after`` are tables of the last graph (see ``graph_table``)
    as traced and as run, as text. They are empty if there is none.

    >>> w = nd.array([3.0])
    >>> w.attach_grad()
    >>> square = Traced(lambda x: [(w * x) ** 2], [w])
    >>> with autograd.record():
    ...     (loss,) = square(nd.array([2.0]))
    >>> loss.backward()
    >>> loss.asscalar(), w.grad.asscalar(), square.reasons
    (36.0, 24.0, [])
    >>> print(square.after)
    broadcast_mul_0  broadcast_mul  param_0 input_0
    _power_scalar_0  _power_scalar  broadcast_mul_0
    <BLANKLINE>
    2 operators: 1 _power_scalar, 1 broadcast_mul
    """

    def __init__(self, function, params, *, rewrite=True):
        check_function("function", function)
        if not isinstance(params, (list, tuple)) or not all(
                isinstance(param, nd.NDArray) for param in params):
            raise ValueError(f"params is {shown(params)}: give a list of the "
                             f"arrays with gradients")
        if any(param.grad is None for param in params):
            raise ValueError("params has arrays without gradients: call "
                             "attach_grad on each")
        self.function = function
        self.params = list(params)
        self.rewrite = rewrite
        self.reasons = []
        self.before = self.after = ""
        self._compiled = {}  # shapes of the inputs -> what to call

    def __call__(self, *inputs):
        """Return the function's arrays for these inputs."""
        if not all(isinstance(x, nd.NDArray) for x in inputs):
            raise ValueError(f"the inputs are {shown(inputs)}: give arrays of "
                             f"mxnet.nd")
        shapes = tuple(x.shape for x in inputs)
        if shapes not in self._compiled:
            before = [param.grad.copy() for param in self.params]
            self._compiled[shapes] = self._compile(inputs)
            for param, grad in zip(self.params, before, strict=True):
                param.grad[:] = grad  # to which the next one may be added
        return self._compiled[shapes](*inputs)

    def _compile(self, inputs):
        """Return the compiled function, or else the function itself."""
        self.before = self.after = ""
        try:
            graph = trace(self.function, self.params, inputs)
            want = self._results(self.function, inputs)
        except (Untraceable, MXNetError) as error:
            self._note(last_line(error))
            return self.function
        self.before = graph_table(graph)
        graphs = {"the graph": graph}
        if self.rewrite:
            arrays = labelled(inputs, self.params)
            # a function may leave some of its inputs unused
            shapes = {name: arrays[name].shape
                      for name in graph.list_inputs()}
            graphs = {"the rewritten graph": rewrite(graph, shapes), **graphs}
        for name, graph in graphs.items():
            compiled = compile_graph(graph, self.params)
            try:
                check_close(self._results(compiled, inputs), want)
            except (Untraceable, MXNetError) as error:
                self._note(f"{name} is not run: {last_line(error)}")
            else:
                self.after = graph_table(graph)
                return compiled
        return self.function

    def _note(self, reason):
        """Keep a reason, and log it for users who cannot see this object."""
        self.reasons.append(reason)
        logging.getLogger(__name__).info(reason)

    def _results(self, function, inputs):
        """Return the outputs and gradients of one run, as NumPy arrays."""
        with autograd.record():
            outputs = function(*inputs)
        for param in self.params:
            param.grad[:] = 0  # it may be of the kind to which others add
        outputs[0].backward()
        return [array.asnumpy() for array
                in [*outputs, *(p.grad for p in self.params)]]


def check_close(ours, theirs):
    """Raise ``Untraceable`` if arrays differ by more than rounding.

    The first of the arrays is the loss.
    """
    # a gradient may be the small difference of large sums over all steps
    parts = 1e-7 * np.abs(theirs[0]).max()
    for got, want in zip(ours, theirs, strict=True):
        if not np.allclose(got, want, rtol=1e-4,
                           atol=1e-5 * np.abs(want).max() + parts):
            raise Untraceable("its results differ from the function's own")


def trace(function, params, inputs):
    """Return ``function`` as a graph for inputs of these shapes.

    Its variables are named input_0, input_1, ... and param_0, param_1, ...,
    and its operators dot_0, dot_1 and so on.
    """
    inputs = [x.copy() for x in inputs]
    for x in inputs:
        x.attach_grad()  # gives the input a name in the graph
    with autograd.record(), _no_host_reads():
        outputs = function(*inputs)
    graph = sym.Group([autograd.get_symbol(y) for y in outputs])
    if not is_plain(graph):
        raise Untraceable("the function changes arrays in place, or calls a "
                          "hybridized block or an autograd.Function")

    labels = {autograd.get_symbol(array).name: label
              for label, array in labelled(inputs, params).items()}
    if not set(graph.list_inputs()) <= set(labels):
        raise Untraceable("the function uses arrays that are neither its "
                          "inputs nor its params")
    nodes, heads = read_nodes(graph)
    named, counts = Graph([(nodes[name], i) for name, i in heads]), Counter()
    for node in named.nodes:
        node.name = (labels[node.name] if node.op == "null"
                     else f"{node.op.lower()}_{counts[node.op]}")
        counts[node.op] += 1
    return write_graph(named)


def labelled(inputs, params):
    """Return a dict of the arrays by the names of a graph's variables."""
    return {f"{kind}_{i}": array
            for kind, arrays in (("input", inputs), ("param", params))
            for i, array in enumerate(arrays)}


def compile_graph(graph, params):
    """Return a traced graph as a function of its inputs."""
    operator = nd.CachedOp(graph, [("static_alloc", True),
                                   ("static_shape", True)])
    names = graph.list_inputs()

    def compiled(*inputs):
        arrays = labelled(inputs, params)
        results = operator(*(arrays[name] for name in names))
        return results if isinstance(results, list) else [results]

    return compiled


@contextmanager
def _no_host_reads():
    """Make reading values an error, since a graph cannot branch on them.

    Only the thread that traces is affected.
    """
    token = TRACING.set(True)
    try:
        yield
    finally:
        TRACING.reset(token)


def refuse_while_tracing(asnumpy):
    """Return NDArray.asnumpy as a method that fails while tracing."""
    @wraps(asnumpy)
    def read(array):
        if TRACING.get():
            raise Untraceable("the function reads values of arrays while it "
                              "runs")
        return asnumpy(array)

    return read


TRACING = ContextVar("TRACING", default=False)
# for good, since overlapping threads could not undo this in order
nd.NDArray.asnumpy = refuse_while_tracing(nd.NDArray.asnumpy)


def last_line(error):
    """Return what an error says, without the traceback that MXNet prepends."""
    return str(error).strip().split("\n")[-1]
