"""The NumPy cells: published numbers, naive loops, PyTorch, differences."""
import warnings

import numpy as np
import pytest
from d2lrnn import numpy_rnn as nr
from hypothesis import example, given, settings
from hypothesis import strategies as st

randn = np.random.randn
# all different, so that no transposed axis can hide
N_X, N_A, N_Y, M, T_X = 3, 5, 2, 10, 7
both = pytest.mark.parametrize("cell", ["rnn", "lstm"])
SHAPES = {"rnn": nr.RNN, "lstm": nr.LSTM}
BACKWARD = {"rnn": nr.rnn_backward, "lstm": nr.lstm_backward}
WEIGHTS = {"rnn": ("dWax", "dWaa", "dba"),
           "lstm": tuple(f"d{kind}{g}" for g in "fico" for kind in "Wb")}


def draw(cell, n_x=N_X, n_a=N_A, n_y=N_Y, m=M, T_x=T_X):
    """Return x, a0, parameters and a gradient of every state."""
    return (randn(n_x, m, T_x), randn(n_a, m),
            nr.random_parameters(SHAPES[cell], n_x, n_a, n_y),
            randn(n_a, m, T_x))


def forward(cell, x, a0, parameters):
    """Return (a, y, caches) of either cell."""
    if cell == "rnn":
        return nr.rnn_forward(x, a0, parameters)
    a, y, _, caches = nr.lstm_forward(x, a0, parameters)
    return a, y, caches


def step(cell, p):
    """Return (a, y, c, cache) of a step; its inputs are in p, too."""
    if cell == "rnn":
        a, y, cache = nr.rnn_cell_forward(p["xt"], p["a_prev"], p)
        return a, y, 0 * a, cache
    a, c, y, cache = nr.lstm_cell_forward(p["xt"], p["a_prev"], p["c_prev"],
                                          p)
    return a, y, c, cache


def step_back(cell, da, dc, cache):
    if cell == "rnn":
        return nr.rnn_cell_backward(da, cache)
    return nr.lstm_cell_backward(da, dc, cache)


def close(got, want, tolerance=1e-10):
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def all_close(got, want):
    assert set(got) == set(want)
    for name in want:
        close(got[name], want[name])


def test_the_published_numbers():
    np.random.seed(1)
    xt, a_prev = randn(3, 10), randn(5, 10)
    parameters = nr.random_parameters(nr.RNN, n_x=3, n_a=5, n_y=2)
    assert list(parameters) == ["Waa", "Wax", "Wya", "ba", "by"]
    a_next, yt_pred, cache = nr.rnn_cell_forward(xt, a_prev, parameters)
    close(a_next[4], [0.59584544, 0.18141802, 0.61311866, 0.99808218,
                      0.85016201, 0.99980978, -0.18887155, 0.99815551,
                      0.6531151, 0.82872037], 1e-8)
    assert a_next.shape == (5, 10) and yt_pred.shape == (2, 10)
    assert cache[0] is a_next and cache[1] is a_prev
    assert cache[2] is xt and cache[3] is parameters


def product(W, v, b):
    """Return W v + b, one number after the other."""
    return np.array([sum(w * n for w, n in zip(row, v, strict=True)) + b[i, 0]
                     for i, row in enumerate(W)])


def logistic(z):
    return 1 / (1 + np.exp(-z))


def naive(cell, x, a0, p):
    """Return a, y and c, one example and one number after the other."""
    (_, m, T_x), W_y = x.shape, p["Wya" if cell == "rnn" else "Wy"]
    a, c = np.zeros((2, len(a0), m, T_x))
    y = np.zeros((len(W_y), m, T_x))
    for j in range(m):
        state, memory = a0[:, j], np.zeros(len(a0))
        for t in range(T_x):
            if cell == "rnn":
                state = np.tanh(product(p["Wax"], x[:, j, t], p["ba"])
                                + product(p["Waa"], state, 0 * p["ba"]))
            else:
                f, i, o, z = (product(p[f"W{g}"], [*state, *x[:, j, t]],
                                      p[f"b{g}"]) for g in "fioc")
                memory = logistic(f) * memory + logistic(i) * np.tanh(z)
                state = logistic(o) * np.tanh(memory)
            e = np.exp(product(W_y, state, p["by"]))
            a[:, j, t], c[:, j, t], y[:, j, t] = state, memory, e / e.sum()
    return a, y, c


@both
def test_naive_loops_give_the_same(cell):
    x, a0, parameters, _ = draw(cell)
    function = {"rnn": nr.rnn_forward, "lstm": nr.lstm_forward}[cell]
    *arrays, (cells, kept) = function(x, a0, parameters)
    want = naive(cell, x, a0, parameters)[:2 if cell == "rnn" else 3]
    for a, b in zip(arrays, want, strict=True):
        close(a, b)
    assert kept is x and isinstance(cells, list) and len(cells) == T_X


def test_the_lstms_cache_is_in_order():
    x, a0, p, _ = draw("lstm")
    p |= {"xt": x[:, :, 0], "a_prev": a0, "c_prev": randn(N_A, M)}
    a, _, c, cache = step("lstm", p)
    concat = np.concatenate([a0, x[:, :, 0]])
    f, i, z, o = (p[f"W{g}"] @ concat + p[f"b{g}"] for g in "fico")
    for got, want in zip(cache[:-1], (
            a, c, a0, p["c_prev"], logistic(f), logistic(i), np.tanh(z),
            logistic(o), x[:, :, 0]), strict=True):
        close(got, want)
    assert cache[-1] is p


def run_torch(cell, x, a0, c0, parameters, da, dc):
    """Return a, y, the last c, and all gradients, as NumPy arrays."""
    torch = pytest.importorskip("torch", reason="needs PyTorch as an oracle")
    leaves = {name: torch.tensor(array, requires_grad=True) for name, array
              in {**parameters, "x": x, "a0": a0, "c0": c0}.items()}
    a0, c0 = leaves["a0"].T[None], leaves["c0"].T[None]
    if cell == "rnn":
        W_a, W_x, b = leaves["Waa"], leaves["Wax"], leaves["ba"]
    else:  # the layer's order is i, f, g, o
        W = torch.cat([leaves[f"W{g}"] for g in "ifco"])
        W_a, W_x = W[:, :N_A], W[:, N_A:]
        b = torch.cat([leaves[f"b{g}"] for g in "ifco"])
    layer = getattr(torch.nn, cell.upper())(N_X, N_A, dtype=torch.float64)
    outputs, last = torch.func.functional_call(
        layer, {"weight_ih_l0": W_x, "weight_hh_l0": W_a,
                "bias_ih_l0": b[:, 0], "bias_hh_l0": 0 * b[:, 0]},
        (leaves["x"].permute(2, 1, 0), a0 if cell == "rnn" else (a0, c0)))
    a = outputs.permute(2, 1, 0)
    c = 0 * c0[0].T if cell == "rnn" else last[1][0].T
    ((a * torch.tensor(da)).sum() + (c * torch.tensor(dc)).sum()).backward()
    W_y = leaves["Wya" if cell == "rnn" else "Wy"]
    y = torch.softmax(torch.tensordot(W_y, a, 1) + leaves["by"][..., None], 0)
    return (*(array.detach().numpy() for array in (a, y, c)),
            {f"d{name}": leaf.grad.numpy() for name, leaf in leaves.items()
             if leaf.grad is not None})


@both
def test_pytorch_gives_the_same_sequence(cell):
    x, a0, parameters, da = draw(cell)
    a, y, c, grads = run_torch(cell, x, a0, 0 * a0, parameters, da, 0 * a0)
    got = forward(cell, x, a0, parameters)
    close(got[0], a)
    close(got[1], y)
    if cell == "lstm":
        close(nr.lstm_forward(x, a0, parameters)[2][:, :, -1], c)
    all_close(BACKWARD[cell](da, got[-1]), {
        name: grads[name] for name in ("dx", "da0", *WEIGHTS[cell])})


@both
def test_pytorch_gives_the_same_step(cell):
    x, a0, p, da = draw(cell, T_x=1)
    c0, dc = randn(N_A, M), randn(N_A, M)
    *arrays, grads = run_torch(cell, x, a0, c0, p, da, dc)
    grads |= {"dxt": grads["dx"][:, :, 0], "da_prev": grads["da0"],
              "dc_prev": grads["dc0"]}
    p |= {"xt": x[:, :, 0], "a_prev": a0, "c_prev": c0}
    *got, cache = step(cell, p)
    for a, b in zip(got, arrays, strict=True):
        close(a, b.reshape(a.shape))
    states = ("da_prev", "dc_prev")[:1 if cell == "rnn" else 2]
    all_close(step_back(cell, da[:, :, 0], dc, cache), {
        name: grads[name] for name in ("dxt", *states, *WEIGHTS[cell])})


def check(f, parameters, gradients):
    differences = nr.gradient_check(f, parameters, gradients)
    assert set(differences) == set(gradients)
    assert max(differences.values()) < 1e-7, differences


@both
def test_a_steps_gradients_are_differences_of_the_loss(cell):
    x, a0, p, da = draw(cell, m=4, T_x=1)
    da, dc = da[:, :, 0], randn(N_A, 4)
    p |= {"xt": x[:, :, 0], "a_prev": a0, "c_prev": randn(N_A, 4)}

    def loss(p):
        a, _, c, _ = step(cell, p)
        return (a * da).sum() + (c * dc).sum()

    check(loss, p, step_back(cell, da, dc, step(cell, p)[-1]))


sizes = st.fixed_dictionaries({
    **{name: st.integers(1, 4) for name in ("n_x", "n_a", "n_y", "m")},
    "T_x": st.integers(1, 3)})


@both
@settings(max_examples=25, deadline=None)
@example(sizes={"n_x": 3, "n_a": 5, "n_y": 2, "m": 4, "T_x": 7})
@given(sizes=sizes)
def test_gradients_are_differences_of_the_loss_at_any_size(cell, sizes):
    x, a0, parameters, da = draw(cell, **sizes)
    for parameter in parameters.values():
        parameter /= 2  # what vanishes is drowned in rounding
    a, y, caches = forward(cell, x, a0, parameters)
    assert a.shape == da.shape and y.shape == (
        sizes["n_y"], sizes["m"], sizes["T_x"])
    assert np.abs(a).max() < 1
    close(y.sum(axis=0), 1)
    check(lambda p: (forward(cell, p["x"], p["a0"], p)[0] * da).sum(),
          {**parameters, "x": x, "a0": a0}, BACKWARD[cell](da, caches))


@both
@pytest.mark.parametrize("steps", range(1, T_X + 1))
def test_da_may_have_fewer_steps(cell, steps):
    x, a0, parameters, da = draw(cell)
    caches = forward(cell, x, a0, parameters)[-1]
    got = BACKWARD[cell](da[:, :, :steps], caches)
    shorter = forward(cell, x[:, :, :steps], a0, parameters)[-1]
    all_close(got, BACKWARD[cell](da[:, :, :steps], shorter))
    da[:, :, steps:] = 0  # nothing on the later steps is the same
    whole = BACKWARD[cell](da, caches)
    assert not whole["dx"][:, :, steps:].any()
    all_close(got, {**whole, "dx": whole["dx"][:, :, :steps]})


def test_state_and_memory_must_not_be_swapped():
    x, a0, parameters, _ = draw("lstm", T_x=20)
    a, _, c, _ = nr.lstm_forward(x, a0, parameters)
    a_next, c_next, largest = a0, np.zeros_like(a0), []
    for t in range(20):
        c_next, a_next, *_ = nr.lstm_cell_forward(x[:, :, t], a_next, c_next,
                                                  parameters)
        largest.append(np.abs(a_next).max())
    assert np.abs(a_next - a[:, :, -1]).max() > 0.1
    assert np.abs(c_next - c[:, :, -1]).max() > 0.1
    assert np.abs(a).max() < 1 < max(largest)


@pytest.mark.parametrize("carry_a, carry_c", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_what_later_steps_say_must_be_carried(carry_a, carry_c):
    x, a0, parameters, da = draw("lstm")
    cells, _ = caches = nr.lstm_forward(x, a0, parameters)[-1]
    da_prev = dc_prev = np.zeros_like(a0)
    dWf = 0
    for t in reversed(range(T_X)):
        step = nr.lstm_cell_backward(da[:, :, t] + carry_a * da_prev,
                                     carry_c * dc_prev, cells[t])
        da_prev, dc_prev = step["da_prev"], step["dc_prev"]
        dWf = dWf + step["dWf"]
    right = nr.lstm_backward(da, caches)
    same = np.allclose(dWf, right["dWf"]), np.allclose(da_prev, right["da0"])
    assert same == ((True, True) if carry_a and carry_c else (False, False))


@both
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_given_is_changed_and_the_type_stays(cell, dtype):
    x, a0, parameters, da = draw(cell)
    arrays = {name: array.astype(dtype) for name, array in {
        **parameters, "x": x, "a0": a0, "da": da}.items()}
    before = {name: array.copy() for name, array in arrays.items()}
    a, y, caches = forward(cell, arrays["x"], arrays["a0"], arrays)
    gradients = BACKWARD[cell](arrays["da"], caches)
    all_close(BACKWARD[cell](arrays["da"], caches), gradients)
    nr.gradient_check(lambda p: p["a0"].sum(), arrays, {"da0": a0})
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, before[name])
    assert {array.dtype for array in (a, y, *gradients.values())} == {
        np.dtype(dtype)}


def test_softmax_and_sigmoid_never_overflow():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = np.array([-1e4, -1000.0, 0.0, 1000.0, 1e4])
        assert nr.sigmoid(x).tolist() == [0, 0, 0.5, 1, 1]
        assert nr.sigmoid(-1000.0) == 0 and nr.sigmoid(1000) == 1
        close(nr.softmax(x[:, None])[:, 0], [0, 0, 0, 0, 1])
    # small, but not rounded away
    np.testing.assert_allclose(nr.sigmoid(-30.0), 1 / (1 + np.exp(30.0)))


@given(x=st.lists(st.floats(-700, 700), min_size=1, max_size=6),
       shift=st.floats(-1e6, 1e6))
def test_softmax_and_sigmoid_of_anything(x, shift):
    x = np.array(x)
    close(nr.sigmoid(x), logistic(x))
    close(nr.softmax(np.array([x, np.zeros_like(x)]))[0], nr.sigmoid(x))
    columns = np.stack([x, x[::-1]], axis=1)
    p = nr.softmax(columns)
    close(p.sum(axis=0), 1)
    close(p[::-1], p[:, ::-1])
    close(nr.softmax(columns + shift), p, 1e-8)


def test_gradient_check_measures():
    point = {"x": randn(3, 4, 2), "y": randn(5).astype("float32"), "z": 3}
    right = {"dx": 3 * point["x"] ** 2, "dy": 2 * point["y"], "dz": 6}

    def loss(p):
        return (p["x"] ** 3).sum() + (p["y"] ** 2).sum() + p["z"] ** 2

    differences = nr.gradient_check(loss, point, right)
    assert list(differences) == ["dx", "dy", "dz"]
    assert 0 < max(differences.values()) < 1e-9
    for factor, want in ((2, 1 / 3), (-1, 1), (0, 1), (1.0001, 5e-5)):
        differences = nr.gradient_check(loss, point, {
            **right, "dx": factor * right["dx"]})
        assert differences["dx"] == pytest.approx(want, rel=1e-3)
        assert differences["dy"] < 1e-9
    assert nr.gradient_check(lambda p: 0.0, point, {"dy": np.zeros(5)}) == {
        "dy": 0.0}
    coarse = nr.gradient_check(lambda p: p["z"] ** 3, point, {"dz": 27},
                               epsilon=1)
    assert coarse["dz"] == pytest.approx(1 / 55)  # (64 - 8) / 2 = 28


def error(function, *args):
    with pytest.raises(ValueError) as caught:
        function(*args)
    message = str(caught.value)
    assert "\n" not in message and ":" in message
    return message


@pytest.mark.parametrize("cell, name, shape, wanted", [
    ("rnn", "x", (3, 10), "n_x, m, T_x"),
    ("rnn", "a0", (5, 9), "n_a = 5, m = 10"),
    ("rnn", "Wax", (3, 5), "n_a = 5, n_x = 3"),
    ("rnn", "Wya", (2, 4), "n_y = 2, n_a = 5"),
    ("rnn", "ba", (5,), "n_a = 5, 1"),
    ("rnn", "by", (2, 10), "n_y = 2, 1"),
    ("lstm", "Wi", (5, 5), "n_a = 5, n_a+n_x = 8"),
    ("lstm", "Wy", (5, 2), "n_y = 5, n_a = 5")])
def test_a_wrong_shape_is_one_sentence(cell, name, shape, wanted):
    x, a0, parameters, _ = draw(cell)
    arrays = {"x": x, "a0": a0, **parameters, name: np.ones(shape)}
    assert error(forward, cell, arrays["x"], arrays["a0"], arrays) == (
        f"{name} has shape {shape}: make it ({wanted}) to fit the rest")


@both
def test_other_wrong_inputs_are_one_sentence(cell):
    x, a0, parameters, _ = draw(cell)
    assert error(forward, cell, x[:, :, :0], a0, parameters) == (
        "x has shape (3, 10, 0): every size must be at least 1")
    assert error(forward, cell, x.tolist(), a0, parameters) == (
        "x is of the type list: give a NumPy array of numbers, of shape "
        "(n_x, m, T_x)")
    assert "type <U" in error(forward, cell, x, a0.astype(str), parameters)
    names = ", ".join(SHAPES[cell])
    for name in parameters:
        less = {n: p for n, p in parameters.items() if n != name}
        assert error(forward, cell, x, a0, less) == (
            f"parameters lacks {name}: give a dict with {names}")
    assert error(forward, cell, x, a0, None).endswith(f"dict with {names}")
    states = {"xt": x[:, :, 0], "a_prev": a0, "c_prev": a0}
    assert error(step, cell, {**parameters, **states, "xt": x}) == (
        "xt has shape (3, 10, 7): make it (n_x, m) to fit the rest")
    assert "by has" in error(step, cell, {**parameters, **states, "by": a0})


@both
def test_gradients_and_caches_must_fit(cell):
    x, a0, parameters, da = draw(cell)
    caches, back = forward(cell, x, a0, parameters)[-1], BACKWARD[cell]
    assert error(back, da[:, :, 0], caches) == (
        "da has shape (5, 10): make it (n_a = 5, m = 10, T_x) to fit the "
        "rest")
    assert error(back, da[1:], caches).startswith("da has shape (4, 10, 7)")
    assert error(back, randn(N_A, M, 8), caches) == (
        f"da has 8 steps, but {cell}_forward ran over 7: give at most as many")
    other = "lstm" if cell == "rnn" else "rnn"
    theirs = forward(other, x, a0, draw(other)[2])[-1]
    for wrong in (theirs, caches[0], ([], x), None, caches[0][0],
                  ([None], x), ([tuple("abcd")], x)):
        assert error(back, da, wrong) == (
            f"this is not a cache of {cell}_forward: give the last value that "
            f"it returned")
    da, cache = da[:, :, 0], caches[0][0]
    assert error(step_back, cell, da.T, da, cache) == (
        "da_next has shape (10, 5): make it (n_a = 5, m = 10) to fit the rest")
    assert "cell_forward: " in error(step_back, cell, da, da, theirs[0][0])
    if cell == "lstm":
        assert "dc_next has" in error(step_back, cell, da, da.T, cache)
        assert "c_prev has shape (4, 10): make it" in error(
            nr.lstm_cell_forward, x[:, :, 0], a0, a0[1:], parameters)


def test_gradient_check_says_what_is_wrong():
    x = np.ones(3)

    def wrong(f=lambda p: p["x"].sum(), epsilon=1e-5, **gradients):
        return error(lambda: nr.gradient_check(
            f, {"x": x}, gradients or {"dx": x}, epsilon=epsilon))

    assert wrong(dW=x) == ("gradients has 'dW', which belongs to none of x: "
                           "name it d and a parameter's name")
    assert wrong(x=x).startswith("gradients has 'x'")
    assert wrong(dx=x[1:]) == "dx has shape (2,): give it that of x, (3,)"
    assert wrong(epsilon=0) == "epsilon is 0: it must be a number above 0"
    assert wrong(lambda p: p["x"]) == (
        "f returned float64 of shape (3,): return the loss as one number")
    assert wrong(lambda p: None).startswith("f returned object of shape ()")


def test_integers_do_not_wrap():
    for kind in (np.uint8, np.int8, np.int64, bool):
        x = np.array([[0, 1], [1, 0]], kind)
        assert (nr.softmax(x) == nr.softmax(x.astype(float))).all()
        assert (nr.sigmoid(x) == nr.sigmoid(x.astype(float))).all()
    lowest = np.array([-128, 127], np.int8)
    assert nr.sigmoid(lowest) == pytest.approx([2.57e-56, 1], rel=1e-2)
    assert nr.softmax(np.array([0, 255], np.uint8)) == pytest.approx([0, 1])
    assert nr.softmax(np.ones(2, np.float32)).dtype == np.float32


@pytest.mark.parametrize("wrong", ["8", None, [[1], [2, 3]], np.array("a")])
def test_what_is_no_number_has_no_softmax(wrong):
    for function in (nr.softmax, nr.sigmoid):
        with pytest.raises(ValueError, match="give an array of numbers"):
            function(wrong)


def test_weights_that_are_integers_are_refused():
    parameters = nr.random_parameters(nr.RNN, n_x=3, n_a=5, n_y=2)
    parameters["Waa"] = np.full((5, 5), 100, np.int8)
    with pytest.raises(ValueError, match="Waa has the type int8: give floats"):
        nr.rnn_cell_forward(np.ones((3, 2)), np.ones((5, 2)), parameters)


@pytest.mark.parametrize("n_a", [0, -1, 2.5, None, 2 ** 31])
def test_parameters_of_no_size(n_a):
    with pytest.raises(ValueError, match=r"^n_a is "):
        nr.random_parameters(nr.RNN, n_x=3, n_a=n_a, n_y=2)
