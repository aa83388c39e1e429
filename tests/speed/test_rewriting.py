"""Each rule applies where it should, changes nothing else, and no result."""
import re

import numpy as np
import oracle
import pytest
from d2lrnn.speed import rewriting as rules
from d2lrnn.speed.graph import graph_table, read_graph, write_graph
from d2lrnn.speed.rewriting import rewrite
from hypothesis import given, settings
from hypothesis import strategies as st
from mxnet import autograd, nd
from mxnet import symbol as sym
from mxnet.base import MXNetError

B, H, V, T = 3, 4, 7, 5  # all different, so that no transposed axis hides
x, h, k, W, U, b, c, ids, y = map(sym.var, "x h k W U b c ids y".split())


def arrays(**shapes):
    """Draw arrays; those of ids and labels are whole numbers below V."""
    return {name: np.random.randint(0, V, shape).astype("f")
            if name.startswith(("ids", "y"))
            else np.random.normal(size=shape).astype("f")
            for name, shape in shapes.items()}


def add(left, right):
    return sym.broadcast_add(left, right)


def shapes_of(values):
    return {name: value.shape for name, value in values.items()}


def results(symbol, values, ctx=None):
    """Return outputs, and gradients of a random sum of them, by name."""
    inputs = {name: nd.array(values[name], ctx=ctx, dtype=values[name].dtype)
              for name in symbol.list_inputs()}
    for array in inputs.values():
        array.attach_grad()
    operator = nd.CachedOp(symbol, [("static_alloc", True)])
    with autograd.record():
        outputs = operator(*inputs.values())
    outputs = outputs if isinstance(outputs, list) else [outputs]
    rng = np.random.default_rng(1)
    autograd.backward(outputs, [
        nd.array(rng.normal(size=out.shape), ctx=ctx, dtype=out.dtype)
        for out in outputs])
    return [out.asnumpy() for out in outputs], {
        name: array.grad.asnumpy() for name, array in inputs.items()}


def close(got, want, operators=10, size=1):
    """Each of the operators adds up a row or column, there and back."""
    oracle.close(got, want, 2 * operators * V, size)


def assert_same(new, old, values, ctx=None):
    """Compare all results and gradients of two symbols."""
    (ours, grads), (theirs, their_grads) = (
        results(symbol, values, ctx) for symbol in (new, old))
    assert grads.keys() == their_grads.keys()
    ours, theirs = [*ours, *grads.values()], [*theirs, *(
        their_grads[name] for name in grads)]
    size = max(np.abs(want).max() for want in theirs)
    for got, want in zip(ours, theirs, strict=True):
        close(got, want, sum(counts(old).values()), size)


def counts(symbol):
    """Return the table's counts of operators."""
    *_, line = graph_table(symbol).splitlines()
    return {op: int(n) for n, op in re.findall(r"(\d+) (\w+)(?:,|$)", line)}


def apply(rule, symbol, values):
    graph = read_graph(symbol, shapes_of(values))
    rule(graph)
    return write_graph(graph)


def assert_applied(rule, symbol, values, ctx=None, **want):
    """Check a rule's counts of operators, and that the results stay."""
    new = apply(rule, symbol, values)
    got = counts(new)
    assert {op: got.get(op, 0) for op in want} == want
    assert_same(new, symbol, values, ctx)
    return new


def assert_left(rule, symbol, values):
    assert counts(apply(rule, symbol, values)) == counts(symbol)


def test_a_product_with_onehot_vectors_is_a_lookup(ctx):
    values = arrays(ids=(B,), W=(V, H))
    new = assert_applied(rules.look_up_rows, sym.dot(sym.one_hot(ids, V), W),
                         values, ctx, dot=0, one_hot=0, take=1)
    i, table = values["ids"].astype(int), values["W"]
    (rows,), grads = results(new, values, ctx)
    np.testing.assert_array_equal(rows, table[i])
    want = np.zeros_like(table)
    np.add.at(want, i, np.random.default_rng(1).normal(size=(B, H)))
    close(grads["W"], want)


def test_ids_of_two_axes_are_looked_up(ctx):
    assert_applied(rules.look_up_rows, sym.dot(sym.one_hot(ids, V), W),
                   arrays(ids=(B, T), W=(V, H)), ctx, dot=0, take=1)


def test_onehot_vectors_stay_for_what_else_reads_them(ctx):
    onehot = sym.one_hot(ids, V)
    assert_applied(rules.look_up_rows,
                   sym.Group([sym.dot(onehot, W), onehot * 2, onehot]),
                   arrays(ids=(B,), W=(V, H)), ctx, dot=0, take=1, one_hot=1)


@pytest.mark.parametrize("tables, lookups", [(7, 7), (8, 0)])
def test_many_lookups_of_the_same_ids(tables, lookups, ctx):
    """MXNet refuses to add the gradients of the ids of many lookups up."""
    onehot = sym.one_hot(ids, V)
    symbol = sym.add_n(*(sym.dot(onehot, W * i) for i in range(tables)))
    assert_applied(rules.look_up_rows, symbol, arrays(ids=(B,), W=(V, H)),
                   ctx, take=lookups, dot=tables - lookups)


@pytest.mark.parametrize("symbol", [
    sym.dot(sym.one_hot(ids, V, on_value=2), W),
    sym.dot(sym.one_hot(ids, V, off_value=-1), W),
    sym.dot(sym.one_hot(ids, V, dtype="float64"), W),
    sym.dot(sym.one_hot(ids, V), W, transpose_a=True),
    sym.dot(sym.one_hot(ids, V), W, transpose_b=True),
    sym.dot(W, sym.one_hot(ids, V)),
    sym.dot(sym.one_hot(ids, V) * 2, W),
], ids=["on", "off", "dtype", "a", "b", "right", "changed"])
def test_other_products_are_not_lookups(symbol):
    assert_left(rules.look_up_rows, symbol, arrays(ids=(V,), W=(V, V)))


@pytest.mark.parametrize("outside", [-1, V, 1e6])
def test_a_lookup_refuses_ids_outside(outside, ctx):
    values = arrays(ids=(B,), W=(V, H))
    new = apply(rules.look_up_rows, sym.dot(sym.one_hot(ids, V), W), values)
    values["ids"][1] = outside
    with pytest.raises(MXNetError, match="out of bound"):
        results(new, values, ctx)


def test_equal_views_are_shared(ctx):
    symbol = sym.Group([sym.dot(value, sym.transpose(W))
                        for value in (x, h, k)])
    values = arrays(x=(B, V), h=(B, V), k=(B, V), W=(H, V))
    assert_applied(rules.share_views, symbol, values, ctx, transpose=1)


def test_other_views_are_not_shared():
    symbol = sym.Group([sym.transpose(W), sym.transpose(U),
                        W.reshape((-1,)), W.reshape((1, -1)),
                        sym.Dropout(x, mode="always"),
                        sym.Dropout(x, mode="always")])
    assert_left(rules.share_views, symbol, arrays(W=(H, V), U=(H, V),
                                                  x=(B, V)))


def test_several_lookups_in_a_table_are_one(ctx):
    steps = [add(sym.take(W, sym.var(f"ids{t}")), b) for t in range(T)]
    values = arrays(W=(V, H), b=(H,), **{f"ids{t}": (B,) for t in range(T)})
    assert_applied(rules.join_rows, sym.Group(steps), values, ctx,
                   take=1, broadcast_add=1, SliceChannel=1)


@pytest.mark.parametrize("transposed", [False, True])
def test_several_products_with_a_matrix_are_one(transposed, ctx):
    symbol = sym.Group([sym.dot(value, W, transpose_b=transposed)
                        for value in (x, sym.tanh(h), k)])
    values = arrays(x=(B, V), h=(B, V), k=(B, V),
                    W=(H, V) if transposed else (V, H))
    assert_applied(rules.join_rows, symbol, values, ctx, dot=1, tanh=1)


def test_products_that_depend_on_each_other_stay():
    first = sym.dot(x, W)
    symbol = sym.Group([first, sym.dot(sym.tanh(first), W)])
    assert_left(rules.join_rows, symbol, arrays(x=(B, H), W=(H, H)))


def test_only_independent_products_are_joined_in_a_recurrence(ctx):
    state, W_hq, symbols = h, sym.var("W_hq"), []
    for t in range(T):
        state = sym.tanh(sym.dot(sym.var(f"x{t}"), W) + sym.dot(state, U))
        symbols.append(add(sym.dot(state, W_hq), b))
    values = arrays(h=(B, H), W=(V, H), U=(H, H), W_hq=(H, V), b=(V,),
                    **{f"x{t}": (B, V) for t in range(T)})
    assert_applied(rules.join_rows, sym.Group([*symbols, state]), values, ctx,
                   dot=T + 2, broadcast_add=1)


def test_joining_never_makes_a_circle(ctx):
    """Either pair can be joined, but not both."""
    a1, b2 = sym.dot(x, W), sym.dot(h, U)
    b1, a2 = sym.dot(sym.tanh(a1), U), sym.dot(sym.tanh(b2), W)
    values = arrays(x=(B, H), h=(B, H), W=(H, H), U=(H, H))
    assert_applied(rules.join_rows, sym.Group([a1, a2, b1, b2]), values, ctx,
                   dot=3)


@pytest.mark.parametrize("symbols, shapes", [
    ([sym.dot(x, W), sym.dot(h, W)], {"x": (B, V), "h": (T, V),
                                      "W": (V, H)}),
    ([sym.dot(x, W), sym.dot(h, U)], {"x": (B, V), "h": (B, V),
                                      "W": (V, H), "U": (V, H)}),
    ([sym.dot(x, W), sym.dot(h, W)], {"x": (2, B, V), "h": (2, B, V),
                                      "W": (V, H)}),
    ([sym.dot(x, W, transpose_a=True), sym.dot(h, W, transpose_a=True)],
     {"x": (V, B), "h": (V, B), "W": (V, H)}),
    ([sym.take(W, ids, axis=1), sym.take(W, y, axis=1)],
     {"W": (H, V), "ids": (B,), "y": (B,)}),
], ids=["rows", "matrices", "dimensions", "transposed", "axis"])
def test_what_is_no_row_of_one_product_stays(symbols, shapes):
    assert_left(rules.join_rows, sym.Group(symbols), arrays(**shapes))


@pytest.mark.parametrize("n", [2, 4])
def test_the_gates_are_one_sum_of_products(n, ctx):
    gates = [add(add(sym.dot(x, sym.var(f"W{i}")), sym.var(f"b{i}")),
                 sym.dot(h, sym.var(f"U{i}"))) for i in range(n)]
    values = arrays(x=(B, V), h=(B, T), **{
        f"{name}{i}": shape for i in range(n) for name, shape in
        (("W", (V, H)), ("U", (T, H)), ("b", (H,)))})
    assert_applied(rules.join_columns, sym.Group(list(map(sym.tanh, gates))),
                   values, ctx, dot=2, broadcast_add=2, SliceChannel=1,
                   tanh=n)


def test_gates_with_lookups(ctx):
    symbol = sym.Group([sym.take(sym.var(f"W{i}"), ids)
                        + sym.dot(h, sym.var(f"U{i}")) for i in range(3)])
    values = arrays(ids=(B,), h=(B, T), **{
        f"{name}{i}": shape for i in range(3) for name, shape in
        (("W", (V, H)), ("U", (T, H)))})
    assert_applied(rules.join_columns, symbol, values, ctx, dot=1, take=1)


@pytest.mark.parametrize("symbols, shapes", [
    ([sym.dot(x, W) + sym.dot(h, U), sym.dot(x, W) + sym.dot(k, U)], {}),
    ([sym.dot(x, W) + h, sym.dot(x, U) + h],
     {"W": (V, V), "U": (V, V)}),
    ([sym.dot(x, W), sym.dot(x, U)], {}),
    ([sym.dot(x, W) + sym.dot(h, W), sym.dot(x, U * 2) + sym.dot(h, U * 2)],
     {}),
], ids=["inputs", "sums", "products", "computed"])
def test_what_are_no_gates_stays(symbols, shapes):
    values = arrays(**{"x": (B, V), "h": (B, V), "k": (B, V), "W": (V, H),
                       "U": (V, H), **shapes})
    symbol = sym.Group(symbols)
    values = {name: values[name] for name in symbol.list_inputs()}
    assert_left(rules.join_columns, symbol, values)


@pytest.mark.parametrize("symbol", [
    add(add(sym.dot(sym.one_hot(ids, V), W), sym.dot(h, U)), b),
    add(add(sym.dot(h, U), sym.dot(sym.one_hot(ids, V), W)), b),
    add(b, add(sym.dot(h, U), sym.dot(sym.one_hot(ids, V), W))),
])
def test_a_bias_goes_to_the_inputs(symbol, ctx):
    values = arrays(W=(V, H), ids=(B,), h=(B, T), U=(T, H), b=(H,))
    new = assert_applied(rules.add_biases_first, symbol, values, ctx,
                         broadcast_add=2)
    lines = graph_table(new).splitlines()
    (product,) = (line.split()[0] for line in lines if line.endswith(" W"))
    assert any(line.endswith(f" {product} b") for line in lines)


@pytest.mark.parametrize("symbol", [
    (lambda both: sym.Group([add(both, b), both]))(add(x, h)),
    add(add(x, b), h), add(add(x, h), k), add(add(x, h), b * 2),
    add(add(x, b), c),
])
def test_other_sums_keep_their_order(symbol):
    values = arrays(x=(B, H), h=(B, H), k=(B, H), b=(H,), c=(H,))
    values = {name: values[name] for name in symbol.list_inputs()}
    new = apply(rules.add_biases_first, symbol, values)
    tables = [re.sub(r"_?\d+", "", graph_table(s)) for s in (new, symbol)]
    assert tables[0] == tables[1]


@pytest.mark.parametrize("symbol", [
    sym.concat(*sym.split(x, num_outputs=3, axis=0), dim=0),
    sym.stack(*sym.split(x, num_outputs=3, axis=0), axis=0),
    sym.concat(*sym.split(x, num_outputs=2, axis=1), dim=1),
])
def test_a_split_put_together_is_what_was_split(symbol, ctx):
    assert_applied(rules.undo_splits, symbol + 1, arrays(x=(6, 4)), ctx,
                   SliceChannel=0, Concat=0, stack=0)


@pytest.mark.parametrize("parts, axis", [
    ([2, 1, 0], 0), ([0, 1], 0), ([0, 1, 1], 0), ([0, 1, 2], 1)])
def test_other_parts_are_not(parts, axis):
    split = sym.split(x, num_outputs=3, axis=0)
    symbol = sym.concat(*(split[i] for i in parts), dim=axis)
    assert_left(rules.undo_splits, symbol, arrays(x=(6, 4)))


@pytest.mark.parametrize("symbol", [add(x, b),
                                    add(b, x)])
def test_a_bias_is_a_product_with_ones(symbol, ctx):
    values = arrays(x=(B, H), b=(H,))
    new = assert_applied(rules.add_biases_as_products, symbol, values, ctx,
                         broadcast_add=0, dot=1)
    (sums,), grads = results(new, values, ctx)
    close(sums, values["x"] + values["b"])
    close(grads["b"], np.random.default_rng(1).normal(size=(B, H)).sum(0))


@pytest.mark.parametrize("shape", [(B, H), (B, 1), (1, H), (1,)])
def test_other_sums_are_no_products(shape):
    assert_left(rules.add_biases_as_products, add(x, b),
                arrays(x=(B, H), b=shape))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("scale", [1, 10_000])
def test_the_logarithm_is_taken_of_one_number_a_row(keepdims, scale, ctx):
    """Even where the probability of y is too small for a float."""
    symbol = sym.pick(sym.log_softmax(x), y, keepdims=keepdims)
    values = arrays(x=(T, V), y=(T,))
    values["x"] *= scale
    new = assert_applied(rules.pick_before_logarithm, symbol, values, ctx,
                         log_softmax=0, softmax=1, log=1)
    s, i = values["x"].astype("d"), values["y"].astype(int)
    s -= s.max(axis=1, keepdims=True)
    want = (s - np.log(np.exp(s).sum(axis=1, keepdims=True)))[range(T), i]
    (got,), _ = results(new, values, ctx)
    close(got.reshape(-1), want)


@pytest.mark.parametrize("symbol", [
    sym.pick(sym.log_softmax(x, axis=0), y),
    sym.pick(sym.log_softmax(x), y, axis=0),
    sym.pick(sym.log_softmax(x, temperature=2), y),
    sym.pick(sym.softmax(x), y),
    sym.pick(sym.log(sym.softmax(x)), y),
])
def test_other_picks_stay(symbol):
    assert_left(rules.pick_before_logarithm, symbol, arrays(x=(V, V),
                                                            y=(V,)))


def test_a_log_softmax_that_is_used_elsewhere_stays():
    scores = sym.log_softmax(x)
    symbol = sym.Group([sym.pick(scores, y), scores.sum()])
    assert_left(rules.pick_before_logarithm, symbol, arrays(x=(B, V),
                                                            y=(B,)))


def test_faster_operators(ctx):
    symbol = sym.Group([sym.tanh(x), sym.sigmoid(x), sym.exp(x)])
    values = arrays(x=(30, 40))
    assert_applied(rules.choose_faster_operators, symbol, values, ctx,
                   Activation=2, exp=1, tanh=0, sigmoid=0)
    close(results(rewrite(symbol, shapes_of(values)), values)[0][0],
          np.tanh(values["x"]))


def test_a_bias_of_a_product_that_is_no_sum():
    """b = 0 everywhere but in one place shows where it is added."""
    values = {"x": np.eye(B, V, dtype="f"), "W": np.zeros((V, H), "f"),
              "b": np.arange(H, dtype="f")}
    symbol = add(sym.dot(x, W), b)
    (out,), _ = results(rewrite(symbol, shapes_of(values)), values)
    np.testing.assert_array_equal(out, [np.arange(H)] * B)


def test_a_loop_is_left_alone():
    outputs, state = sym.contrib.foreach(
        lambda x, h: (sym.tanh(x + h),) * 2, x, h)
    symbol = sym.Group([outputs, state])
    assert rewrite(symbol, {"x": (T, B, H), "h": (B, H)}) is symbol


def test_sums_of_a_thousand_products_are_left_alone():
    def chain(value):
        total = sym.dot(value, W)
        for i in range(1000):
            total = total + sym.dot(value * i, W)
        return total

    symbol = sym.Group([chain(x), chain(h)])
    assert rewrite(symbol, {"x": (B, H), "h": (B, H), "W": (H, H)}) is symbol


def any_row(draw, rows, matrices, biases, lookups):
    """Draw an operator, and what it works on."""
    def pick(choices):
        return choices[draw(st.integers(0, len(choices) - 1))]

    kind = pick(["product", "bias", "sum", "tanh", "lookup", "gate"])
    if kind == "product":
        return sym.dot(pick(rows), pick(matrices)) * 0.3
    if kind == "bias":
        return add(pick(rows), pick(biases))
    if kind == "sum":
        return add(pick(rows), pick(rows))
    if kind == "tanh":
        return sym.tanh(pick(rows))
    if kind == "lookup":
        return sym.dot(pick(lookups), pick(matrices))
    return sym.sigmoid(add(add(sym.dot(pick(rows), pick(matrices)),
                               sym.dot(pick(rows), pick(matrices))),
                           pick(biases)))


@settings(max_examples=40)
@given(st.data())
def test_any_graph_keeps_its_results(data):
    """Build graphs of what the rules look for, in any arrangement."""
    values = arrays(M0=(V, V), M1=(V, V), M2=(V, V), b0=(V,), b1=(V,),
                    ids0=(B,), ids1=(B,), y=(2 * B,))
    variables = {name: sym.var(name) for name in values}
    matrices = [variables[name] for name in ("M0", "M1", "M2")]
    lookups = [sym.one_hot(variables[name], V) for name in ("ids0", "ids1")]
    rows = [sym.dot(onehot, matrices[0]) for onehot in lookups]
    for _ in range(data.draw(st.integers(1, 12))):
        rows.append(any_row(data.draw, rows, matrices,
                            [variables["b0"], variables["b1"]], lookups))
    scores = sym.concat(rows[-2], rows[-1], dim=0)
    symbol = sym.Group([sym.pick(sym.log_softmax(scores), variables["y"]),
                        *rows[-3:]])
    values = {name: values[name] for name in symbol.list_inputs()}
    assert_same(rewrite(symbol, shapes_of(values)), symbol, values)
