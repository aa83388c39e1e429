"""RNN and LSTM cells in NumPy alone, forward and backward.

Arrays have the shape (features, batch) for a step and (features, batch, time)
for a sequence: n_x inputs, n_a hidden units, n_y outputs, m examples, T_x
steps. A gradient is named ``d`` plus the name of its array, and has the same
shape. A cache is what a forward pass keeps for the backward pass.

Names, arguments and results are those of "Building your RNN step by step"
(Deep Learning Specialization, Sequence Models, week 1).
"""
import numpy as np
from d2lrnn.basics.checks import check_memory, check_numbers, checked, shown
from d2lrnn.basics.shapes import (
    as_floats,
    check_cache,  # noqa: F401 - once defined here
    check_gradients,
    check_shape,  # noqa: F401
    takes,
    takes_cache,
    takes_caches,
)

__all__ = ["LSTM", "RNN", "gradient_check", "lstm_backward",
           "lstm_cell_backward", "lstm_cell_forward", "lstm_forward",
           "random_parameters", "rnn_backward", "rnn_cell_backward",
           "rnn_cell_forward", "rnn_forward", "sigmoid", "softmax"]

# the shapes of the parameters
RNN = {"Waa": "n_a n_a", "Wax": "n_a n_x", "Wya": "n_y n_a", "ba": "n_a 1",
       "by": "n_y 1"}
LSTM = {"Wf": "n_a n_a+n_x", "bf": "n_a 1", "Wi": "n_a n_a+n_x",
        "bi": "n_a 1", "Wc": "n_a n_a+n_x", "bc": "n_a 1",
        "Wo": "n_a n_a+n_x", "bo": "n_a 1", "Wy": "n_y n_a", "by": "n_y 1"}


def random_parameters(shapes, n_x, n_a, n_y):
    """Draw the parameters of a cell from the standard normal distribution.

    ``shapes`` is ``RNN`` or ``LSTM``. Return a dict of arrays, in the order in
    which they are drawn. ``np.random.seed`` makes the draw repeatable.

    >>> parameters = random_parameters(RNN, n_x=3, n_a=5, n_y=2)
    >>> {name: array.shape for name, array in parameters.items()}
    {'Waa': (5, 5), 'Wax': (5, 3), 'Wya': (2, 5), 'ba': (5, 1), 'by': (2, 1)}
    """
    if not isinstance(shapes, dict) or shapes not in (RNN, LSTM):
        raise ValueError(f"shapes is {shown(shapes)}: give RNN or LSTM")
    sizes = check_numbers(n_x=n_x, n_a=n_a, n_y=n_y)
    check_memory(8 * n_a * (n_a + n_x + n_y), f"parameters of n_a {n_a}")
    sizes |= {"n_a+n_x": sizes["n_a"] + sizes["n_x"], "1": 1}
    return {name: np.random.randn(*(sizes[dim] for dim in dims.split()))
            for name, dims in shapes.items()}


def softmax(x):
    """Return the softmax of each column: exp(x) divided by its sum.

    x has shape (features, ...); the sum is over the features.

    >>> softmax(np.array([[0.0, 1000.0], [0.0, 1001.0]])).round(3)
    array([[0.5  , 0.269],
           [0.5  , 0.731]])
    """
    x = as_floats(x)
    if not x.size or not x.ndim:
        raise ValueError(f"x has shape {x.shape}: give one column or more of "
                         f"shape (features, ...)")
    e = np.exp(x - np.max(x, axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


def sigmoid(x):
    """Return the logistic function of each element, without overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    x = as_floats(x)
    # 1 / (1 + exp(-x)), written so that no exponent is above 0
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


@takes(RNN, xt="n_x m", a_prev="n_a m")
def rnn_cell_forward(xt, a_prev, parameters):
    """Return ``(a_next, yt_pred, cache)`` of one step of an RNN.

    xt has shape (n_x, m), a_prev (n_a, m). ``parameters`` is a dict: Wax (n_a,
    n_x), Waa (n_a, n_a), Wya (n_y, n_a), ba (n_a, 1), by (n_y, 1). The state
    a_next has shape (n_a, m), the probabilities yt_pred (n_y, m); ``cache`` is
    ``(a_next, a_prev, xt, parameters)``. Raise ``ValueError`` for other shapes
    and for a missing parameter. Source: "Building your RNN step by step",
    section 1.1.
    """
    p = parameters
    a_next = np.tanh(p["Wax"] @ xt + p["Waa"] @ a_prev + p["ba"])
    yt_pred = softmax(p["Wya"] @ a_next + p["by"])
    return a_next, yt_pred, (a_next, a_prev, xt, parameters)


@takes(RNN, x="n_x m T_x", a0="n_a m")
def rnn_forward(x, a0, parameters):
    """Return ``(a, y_pred, caches)`` of an RNN over T_x steps.

    x has shape (n_x, m, T_x), the first state a0 (n_a, m); ``parameters`` and
    the errors are those of ``rnn_cell_forward``. The states a have shape (n_a,
    m, T_x), the probabilities y_pred (n_y, m, T_x); ``caches`` is ``(list of
    the steps' caches, x)``. Source: "Building your RNN step by step", section
    1.2.

    >>> x, a0 = np.ones((3, 10, 4)), np.zeros((5, 10))
    >>> parameters = random_parameters(RNN, n_x=3, n_a=5, n_y=2)
    >>> a, y_pred, (cells, _) = rnn_forward(x, a0, parameters)
    >>> a.shape, y_pred.shape, len(cells)
    ((5, 10, 4), (2, 10, 4), 4)
    """
    steps, a_next = [], a0
    for t in range(x.shape[2]):
        steps.append(rnn_cell_forward(x[:, :, t], a_next, parameters))
        a_next = steps[-1][0]
    a, y_pred, caches = zip(*steps, strict=True)
    return np.stack(a, axis=2), np.stack(y_pred, axis=2), (list(caches), x)


@takes(LSTM, xt="n_x m", a_prev="n_a m", c_prev="n_a m")
def lstm_cell_forward(xt, a_prev, c_prev, parameters):
    """Return ``(a_next, c_next, yt_pred, cache)`` of one step of an LSTM.

    xt has shape (n_x, m), a_prev and c_prev (n_a, m). ``parameters`` is a
    dict: Wf, Wi, Wc, Wo (n_a, n_a + n_x), which multiply a_prev stacked on xt;
    bf, bi, bc, bo (n_a, 1); Wy (n_y, n_a), by (n_y, 1). The state a_next and
    the memory c_next have shape (n_a, m), the probabilities yt_pred (n_y, m);
    ``cache`` is ``(a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt,
    parameters)``. Raise ``ValueError`` as ``rnn_cell_forward`` does. Source:
    "Building your RNN step by step", section 2.1.
    """
    p, concat = parameters, np.concatenate([a_prev, xt])  # (n_a + n_x, m)
    ft = sigmoid(p["Wf"] @ concat + p["bf"])  # what to keep
    it = sigmoid(p["Wi"] @ concat + p["bi"])  # what to let in
    cct = np.tanh(p["Wc"] @ concat + p["bc"])  # the candidate
    ot = sigmoid(p["Wo"] @ concat + p["bo"])  # what to show
    c_next = ft * c_prev + it * cct
    a_next = ot * np.tanh(c_next)
    yt_pred = softmax(p["Wy"] @ a_next + p["by"])
    return a_next, c_next, yt_pred, (a_next, c_next, a_prev, c_prev, ft, it,
                                     cct, ot, xt, parameters)


@takes(LSTM, x="n_x m T_x", a0="n_a m")
def lstm_forward(x, a0, parameters):
    """Return ``(a, y, c, caches)`` of an LSTM over T_x steps.

    x has shape (n_x, m, T_x), the first state a0 (n_a, m); the first memory is
    zero. ``parameters`` and the errors are those of ``lstm_cell_forward``. The
    states a and the memories c have shape (n_a, m, T_x), the probabilities y
    (n_y, m, T_x); ``caches`` is ``(list of the steps' caches, x)``. Source:
    "Building your RNN step by step", section 2.2.
    """
    steps, a_next, c_next = [], a0, np.zeros_like(a0)
    for t in range(x.shape[2]):
        steps.append(lstm_cell_forward(x[:, :, t], a_next, c_next,
                                       parameters))
        a_next, c_next, *_ = steps[-1]
    a, c, y, caches = zip(*steps, strict=True)
    return (np.stack(a, axis=2), np.stack(y, axis=2), np.stack(c, axis=2),
            (list(caches), x))


@takes_cache(4, "rnn_cell_forward")
def rnn_cell_backward(da_next, cache):
    """Return a dict of the gradients of one step of an RNN.

    da_next, of shape (n_a, m), is the gradient of the loss with respect to the
    state that the step returned. The dict has dxt, da_prev, dWax, dWaa and
    dba. Raise ``ValueError`` if a shape does not fit or the cache is not from
    ``rnn_cell_forward``. Source: "Building your RNN step by step", section
    3.1.
    """
    a_next, a_prev, xt, p = cache
    dz = da_next * (1 - a_next ** 2)  # (n_a, m)
    return {"dxt": p["Wax"].T @ dz, "da_prev": p["Waa"].T @ dz,
            "dWax": dz @ xt.T, "dWaa": dz @ a_prev.T,
            "dba": dz.sum(axis=1, keepdims=True)}


@takes_caches(4, "rnn_forward")
def rnn_backward(da, caches):
    """Return a dict of the gradients of an RNN over the steps of da.

    da, of shape (n_a, m, T_x), has for each step the gradient of the loss with
    respect to the state, through that step's output alone; the gradients from
    later steps are added here. If da has fewer steps than the caches, it
    belongs to the first ones. The dict has dx, with the steps of da, and da0,
    dWax, dWaa, dba. Raise ``ValueError`` as ``rnn_cell_backward`` does, and if
    da has too many steps. Source: "Building your RNN step by step", section
    3.1.
    """
    dx, total, da_prev = [], {}, np.zeros_like(da[:, :, 0])
    for t in reversed(range(da.shape[2])):
        step = rnn_cell_backward(da[:, :, t] + da_prev, caches[0][t])
        dx.append(step.pop("dxt"))
        da_prev = step.pop("da_prev")
        total = {name: total.get(name, 0) + step[name] for name in step}
    return {"dx": np.stack(dx[::-1], axis=2), "da0": da_prev, **total}


@takes_cache(10, "lstm_cell_forward")
def lstm_cell_backward(da_next, dc_next, cache):
    """Return a dict of the gradients of one step of an LSTM.

    da_next and dc_next, of shape (n_a, m), are the gradients of the loss with
    respect to the state and the memory that the step returned; dc_next
    excludes what reaches the memory through that state. The dict has dxt,
    da_prev, dc_prev, and dW and db for each of f, i, c, o. Raise
    ``ValueError`` as ``rnn_cell_backward`` does. Source: "Building your RNN
    step by step", section 3.2.
    """
    _, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p = cache
    tanh_c = np.tanh(c_next)
    dc = dc_next + da_next * ot * (1 - tanh_c ** 2)  # (n_a, m)
    dz = {"f": dc * c_prev * ft * (1 - ft), "i": dc * cct * it * (1 - it),
          "c": dc * it * (1 - cct ** 2),
          "o": da_next * tanh_c * ot * (1 - ot)}
    concat, n_a = np.concatenate([a_prev, xt]), len(a_prev)
    dconcat = sum(p[f"W{g}"].T @ dz[g] for g in dz)
    return {"dxt": dconcat[n_a:], "da_prev": dconcat[:n_a],
            "dc_prev": dc * ft, **{f"dW{g}": dz[g] @ concat.T for g in dz},
            **{f"db{g}": dz[g].sum(axis=1, keepdims=True) for g in dz}}


@takes_caches(10, "lstm_forward")
def lstm_backward(da, caches):
    """Return a dict of the gradients of an LSTM over the steps of da.

    da, caches and the errors are those of ``rnn_backward``. The dict has dx,
    with the steps of da, and da0, and dW and db for each of f, i, c, o.
    Source: "Building your RNN step by step", section 3.3.
    """
    dx, total = [], {}
    da_prev = dc_prev = np.zeros_like(da[:, :, 0])
    for t in reversed(range(da.shape[2])):
        step = lstm_cell_backward(da[:, :, t] + da_prev, dc_prev,
                                  caches[0][t])
        dx.append(step.pop("dxt"))
        da_prev, dc_prev = step.pop("da_prev"), step.pop("dc_prev")
        total = {name: total.get(name, 0) + step[name] for name in step}
    return {"dx": np.stack(dx[::-1], axis=2), "da0": da_prev, **total}


@checked(check_gradients)
def gradient_check(f, parameters, gradients, *, epsilon=1e-5):
    """Return a dict of how far gradients are from central differences.

    ``f(parameters)`` returns the loss, and ``parameters`` is a dict of arrays.
    ``gradients`` is a dict of the gradients to check, each named ``d`` plus
    the name of its parameter. The result has, for each of them, ``|numeric -
    analytic| / (|numeric| + |analytic|)``, a number between 0 and 1: below
    about 1e-7 for a correct gradient that is well above rounding errors, and 0
    if both are zero. The parameters are copied to float64, and each element is
    moved up and down by ``epsilon``. Raise ``ValueError`` if a gradient has an
    unknown name or a wrong shape, if epsilon is not above 0, or if the loss is
    not a single number. Source: "Gradient checking" (Deep Learning
    Specialization, Improving Deep Neural Networks, week 1).

    >>> cubes = lambda parameters: (parameters["x"] ** 3).sum()
    >>> x = np.array([1.0, 2.0])
    >>> gradient_check(cubes, {"x": x}, {"dx": 3 * x ** 2})["dx"] < 1e-7
    True
    >>> round(gradient_check(cubes, {"x": x}, {"dx": 6 * x ** 2})["dx"], 3)
    0.333
    """
    point = {name: np.array(value, dtype=np.float64)
             for name, value in parameters.items()}
    differences = {}
    for name, analytic in gradients.items():
        value = point[name[1:]]
        numeric = np.zeros_like(value)
        for index in np.ndindex(value.shape):
            kept = value[index]
            value[index] = kept + epsilon
            above = f(point)
            value[index] = kept - epsilon
            numeric[index] = (above - f(point)) / (2 * epsilon)
            value[index] = kept
        norms = np.linalg.norm(numeric) + np.linalg.norm(analytic)
        distance = np.linalg.norm(numeric - analytic)
        differences[name] = float(distance / norms) if norms else 0.0
    return differences
