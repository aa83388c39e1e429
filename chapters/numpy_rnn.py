# %% [markdown]
# # Recurrent cells by hand, forward and backward
#
# A framework computes the gradients of a recurrent network by itself. This
# lesson derives them, for the plain cell and for the LSTM, writes them in
# NumPy alone, and checks each one against differences of the loss. At the end
# the same functions show how far back in time a gradient reaches. Their names
# are those of "Building your RNN step by step" in the course Sequence Models
# of the Deep Learning Specialization.
#
# Here an example is a column: a step's inputs $\mathbf{X}_t$ have shape
# (n_x, m) for m examples, a sequence has shape (n_x, m, T_x). With n_a hidden
# units and n_y outputs, the plain cell is
#
# $$\mathbf{A}_t = \tanh(\mathbf{W}_{ax} \mathbf{X}_t
#   + \mathbf{W}_{aa} \mathbf{A}_{t-1} + \mathbf{b}_a), \qquad
#   \hat{\mathbf{Y}}_t = \mathrm{softmax}(\mathbf{W}_{ya} \mathbf{A}_t
#   + \mathbf{b}_y).$$

# %%
from pathlib import Path

import numpy as np
from d2lrnn import numpy_rnn
from d2lrnn.basics.figures import new_figure
from d2lrnn.numpy_rnn import LSTM, RNN, sigmoid, softmax
from d2lrnn.report import writable

# %% [markdown]
# ## The plain cell, forward
#
# One step returns, besides, what the way back will need: the cache. Softmax
# and sigmoid come from the package: they take no exponential of a number
# above 0, so they never overflow. The package has the functions of this
# lesson too, and there they say which array does not fit.


# %%
def rnn_cell_forward(xt, a_prev, parameters):
    p = parameters
    a_next = np.tanh(p["Wax"] @ xt + p["Waa"] @ a_prev + p["ba"])
    yt_pred = softmax(p["Wya"] @ a_next + p["by"])
    return a_next, yt_pred, (a_next, a_prev, xt, parameters)


def rnn_forward(x, a0, parameters):
    steps, a_next = [], a0
    for t in range(x.shape[2]):
        steps.append(rnn_cell_forward(x[:, :, t], a_next, parameters))
        a_next = steps[-1][0]
    a, y_pred, caches = zip(*steps, strict=True)
    return np.stack(a, axis=2), np.stack(y_pred, axis=2), (list(caches), x)


# %% [markdown]
# All sizes differ, so that a transposed matrix cannot go unnoticed.

# %%
n_x, n_a, n_y, m, T_x = 3, 5, 2, 10, 7
np.random.seed(1)
x, a0 = np.random.randn(n_x, m, T_x), np.random.randn(n_a, m)
parameters = numpy_rnn.random_parameters(RNN, n_x, n_a, n_y)
a, y_pred, caches = rnn_forward(x, a0, parameters)
print("a:", a.shape, "y_pred:", y_pred.shape, "caches:", len(caches[0]))
assert a.shape == (n_a, m, T_x) and y_pred.shape == (n_y, m, T_x)

# %% [markdown]
# ## The plain cell, backward
#
# Write $d\mathbf{V}$ for the gradient of the loss $L$ with respect to
# $\mathbf{V}$. Two rules are enough for everything that follows.
#
# **A product.** In $\mathbf{Z} = \mathbf{W} \mathbf{X} + \mathbf{b}$ the
# element $W_{ik}$ reaches $L$ through $Z_{ij} = \sum_k W_{ik} X_{kj} + b_i$,
# for every example $j$; so $\partial L / \partial W_{ik} = \sum_j dZ_{ij}
# X_{kj}$. In the same way for $X_{kj}$ and for $b_i$:
#
# $$d\mathbf{W} = d\mathbf{Z}\, \mathbf{X}^\top, \qquad
#   d\mathbf{X} = \mathbf{W}^\top d\mathbf{Z}, \qquad
#   db_i = \sum_j dZ_{ij}.$$
#
# **A function of each element.** In $\mathbf{A} = g(\mathbf{Z})$ each element
# has its own slope: $d\mathbf{Z} = d\mathbf{A} \odot g'(\mathbf{Z})$. Both
# slopes can be read off the result: $\tanh' = 1 - \tanh^2$ and
# $\sigma' = \sigma (1 - \sigma)$.
#
# For the plain cell this gives $d\mathbf{Z}_t = d\mathbf{A}_t \odot
# (1 - \mathbf{A}_t^2)$, and from it
#
# $$d\mathbf{W}_{ax} = d\mathbf{Z}_t \mathbf{X}_t^\top, \quad
#   d\mathbf{W}_{aa} = d\mathbf{Z}_t \mathbf{A}_{t-1}^\top, \quad
#   d\mathbf{X}_t = \mathbf{W}_{ax}^\top d\mathbf{Z}_t, \quad
#   d\mathbf{A}_{t-1} = \mathbf{W}_{aa}^\top d\mathbf{Z}_t.$$


# %%
def rnn_cell_backward(da_next, cache):
    a_next, a_prev, xt, p = cache
    dz = da_next * (1 - a_next ** 2)  # (n_a, m)
    return {"dxt": p["Wax"].T @ dz, "da_prev": p["Waa"].T @ dz,
            "dWax": dz @ xt.T, "dWaa": dz @ a_prev.T,
            "dba": dz.sum(axis=1, keepdims=True)}


# %% [markdown]
# A state reaches the loss in two ways: through the output of its own step,
# which is `da[:, :, t]`, and through the next state, which is `da_prev` of
# the step after it. The gradients of both ways add up. The weights serve
# every step, so their gradients add up too.


# %%
def rnn_backward(da, caches):
    dx, total, da_prev = [], {}, np.zeros_like(da[:, :, 0])
    for t in reversed(range(da.shape[2])):
        step = rnn_cell_backward(da[:, :, t] + da_prev, caches[0][t])
        dx.append(step.pop("dxt"))
        da_prev = step.pop("da_prev")
        total = {name: total.get(name, 0) + step[name] for name in step}
    return {"dx": np.stack(dx[::-1], axis=2), "da0": da_prev, **total}


# %% [markdown]
# Now a loss. Let $\mathbf{Y}$ be one-hot labels and $L = -\sum \mathbf{Y}
# \odot \log \hat{\mathbf{Y}}$ the cross-entropy. In a column with the scores
# $S_j$, $\log \hat{Y}_j = S_j - \log \sum_k e^{S_k}$; its slope in $S_k$ is
# $-\hat{Y}_k$, and 1 more for $j = k$. As the labels of a column add up to 1,
# what remains is $d\mathbf{S} = \hat{\mathbf{Y}} - \mathbf{Y}$, and by the
# rule for a product `da` is $\mathbf{W}_{ya}^\top (\hat{\mathbf{Y}}_t -
# \mathbf{Y}_t)$ at each step.

# %%
y = np.eye(n_y)[:, np.random.randint(n_y, size=(m, T_x))]  # (n_y, m, T_x)
da = np.tensordot(parameters["Wya"].T, y_pred - y, axes=1)  # (n_a, m, T_x)
gradients = rnn_backward(da, caches)
for name, gradient in gradients.items():
    print(f"{name:>5}", gradient.shape)

# %% [markdown]
# ## Is it right?
#
# Move one number $\theta$ up and down by a small $\varepsilon$ and look at
# the loss: the slope is $(L(\theta + \varepsilon) - L(\theta - \varepsilon))
# / 2 \varepsilon$, but for an error of the order $\varepsilon^2$. That is far
# too slow to train with, as it takes two forward passes for each number, but
# it knows nothing of our derivation. How far both are apart is measured for
# each gradient as
#
# $$\frac{\lVert \text{numeric} - \text{analytic} \rVert}
#   {\lVert \text{numeric} \rVert + \lVert \text{analytic} \rVert}.$$
#
# The package's `gradient_check` moves every number of every array that it is
# given a gradient of. In float64 a right gradient comes out below $10^{-7}$
# (if it is not so small that rounding drowns it), one with a mistake in the
# derivation far above.

# %%
differences = numpy_rnn.gradient_check(
    lambda p: -(y * np.log(rnn_forward(p["x"], p["a0"], p)[1])).sum(),
    {**parameters, "x": x, "a0": a0}, gradients)
print(*(f"{d} {r:.0e}" for d, r in differences.items()), sep=", ")
assert max(differences.values()) < 1e-7

# %% [markdown]
# ## The LSTM, forward
#
# The gates act on the state and the inputs, one above the other; that is one
# product for each instead of two:
#
# $$\mathbf{F}_t, \mathbf{I}_t, \mathbf{O}_t = \sigma\left(
#   \mathbf{W}_{f, i, o} \begin{bmatrix} \mathbf{A}_{t-1} \\ \mathbf{X}_t
#   \end{bmatrix} + \mathbf{b}_{f, i, o}\right), \qquad
#   \tilde{\mathbf{C}}_t = \tanh\left(\mathbf{W}_c \begin{bmatrix}
#   \mathbf{A}_{t-1} \\ \mathbf{X}_t \end{bmatrix} + \mathbf{b}_c\right),$$
#
# $$\mathbf{C}_t = \mathbf{F}_t \odot \mathbf{C}_{t-1}
#   + \mathbf{I}_t \odot \tilde{\mathbf{C}}_t, \qquad
#   \mathbf{A}_t = \mathbf{O}_t \odot \tanh(\mathbf{C}_t).$$


# %%
def lstm_cell_forward(xt, a_prev, c_prev, parameters):
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


def lstm_forward(x, a0, parameters):
    steps, a_next, c_next = [], a0, np.zeros_like(a0)
    for t in range(x.shape[2]):
        steps.append(lstm_cell_forward(x[:, :, t], a_next, c_next,
                                       parameters))
        a_next, c_next, *_ = steps[-1]
    a, c, y, caches = zip(*steps, strict=True)
    return (np.stack(a, axis=2), np.stack(y, axis=2), np.stack(c, axis=2),
            (list(caches), x))


# %%
parameters = numpy_rnn.random_parameters(LSTM, n_x, n_a, n_y)
a, y_pred, c, caches = lstm_forward(x, a0, parameters)
print("a:", a.shape, "y:", y_pred.shape, "c:", c.shape)

# %% [markdown]
# State and memory have the same shape, so nothing complains when they change
# places. In a published listing of the course the cell returns `c_next`
# before `a_next`, and the loop takes them in the other order. It runs; only,
# each step then reads the memory as the state. One can tell from the numbers:
# a state is a sigmoid times a tanh, so it lies between -1 and 1.

# %%
a_next, c_next = a0, np.zeros_like(a0)
for t in range(T_x):
    c_next, a_next, *_ = lstm_cell_forward(x[:, :, t], a_next, c_next,
                                           parameters)
print(f"largest number in the last state: {np.abs(a[:, :, -1]).max():.3f}, "
      f"with the two swapped: {np.abs(a_next).max():.3f}")
assert np.abs(a).max() < 1 < np.abs(a_next).max()

# %% [markdown]
# ## The LSTM, backward
#
# The memory reaches the loss in two ways as well: through the state of its
# own step, and through the memory of the next, $d\mathbf{C}_\text{next}$.
# Together
#
# $$d\mathbf{C}_t = d\mathbf{C}_\text{next}
#   + d\mathbf{A}_t \odot \mathbf{O}_t \odot (1 - \tanh^2 \mathbf{C}_t).$$
#
# Each factor of a product gets the gradient times the other factor; times its
# slope, that is the gradient before the sigmoid or the tanh:
#
# $$d\mathbf{Z}_f = d\mathbf{C}_t \odot \mathbf{C}_{t-1}
#   \odot \mathbf{F}_t \odot (1 - \mathbf{F}_t), \qquad
#   d\mathbf{Z}_i = d\mathbf{C}_t \odot \tilde{\mathbf{C}}_t
#   \odot \mathbf{I}_t \odot (1 - \mathbf{I}_t),$$
#
# $$d\mathbf{Z}_c = d\mathbf{C}_t \odot \mathbf{I}_t
#   \odot (1 - \tilde{\mathbf{C}}_t^2), \qquad
#   d\mathbf{Z}_o = d\mathbf{A}_t \odot \tanh(\mathbf{C}_t)
#   \odot \mathbf{O}_t \odot (1 - \mathbf{O}_t).$$
#
# The rule for a product gives the weights, the biases, and a gradient of both
# blocks, $\sum_g \mathbf{W}_g^\top d\mathbf{Z}_g$: its upper n_a rows are
# $d\mathbf{A}_{t-1}$, the others $d\mathbf{X}_t$. The memory before is
# reached by the forget gate alone: $d\mathbf{C}_{t-1} = d\mathbf{C}_t \odot
# \mathbf{F}_t$.


# %%
def lstm_cell_backward(da_next, dc_next, cache):
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


def lstm_backward(da, caches):
    dx, total = [], {}
    da_prev = dc_prev = np.zeros_like(da[:, :, 0])
    for t in reversed(range(da.shape[2])):
        step = lstm_cell_backward(da[:, :, t] + da_prev, dc_prev,
                                  caches[0][t])
        dx.append(step.pop("dxt"))
        da_prev, dc_prev = step.pop("da_prev"), step.pop("dc_prev")
        total = {name: total.get(name, 0) + step[name] for name in step}
    return {"dx": np.stack(dx[::-1], axis=2), "da0": da_prev, **total}


# %%
def loss(p):
    return -(y * np.log(lstm_forward(p["x"], p["a0"], p)[1])).sum()


point = {**parameters, "x": x, "a0": a0}
da = np.tensordot(parameters["Wy"].T, y_pred - y, axes=1)
differences = numpy_rnn.gradient_check(loss, point, lstm_backward(da, caches))
print(*(f"{d} {r:.0e}" for d, r in differences.items()), sep=", ")
assert max(differences.values()) < 1e-7

# %% [markdown]
# A well-known published solution goes back through every step, but forgets to
# hand `da_prev` and `dc_prev` on: each step starts with zeros. Then what a
# step does to the loss of later steps is lost, and that is what a recurrent
# network has to learn. The shapes are as they should be; the check sees it.

# %%
forgotten = [lstm_cell_backward(da[:, :, t], 0 * a0, cache)
             for t, cache in enumerate(caches[0])]
differences = numpy_rnn.gradient_check(loss, point, {
    f"dW{g}": sum(step[f"dW{g}"] for step in forgotten) for g in "fico"})
print(*(f"{d} {r:.0e}" for d, r in differences.items()), sep=", ")
assert min(differences.values()) > 1e-2

# %% [markdown]
# ## How far back does a gradient reach?
#
# From one step to the one before, the plain cell multiplies a gradient by the
# slopes of tanh, which are 1 at most, and by $\mathbf{W}_{aa}^\top$. Over $k$
# steps that is $k$ times: small weights make the gradient vanish, large ones
# can make it explode. In the LSTM there is a way through the memories, where
# it is multiplied by $\mathbf{F}_t$ only, which a bias can hold near 1. To
# see it, put a gradient on the last state and on nothing else, and go back.
#
# Weights of size $s$ are drawn with the standard deviation $s / \sqrt{n_a}$,
# so that a product with them makes a state about $s$ times as large.


# %%
def norms_back(backward, caches, state):
    norms = []
    for cache in reversed(caches):
        norms.append(np.linalg.norm(np.stack(state)))
        step = backward(*state, cache)
        state = [step[d] for d in ("da_prev", "dc_prev") if d in step]
    return np.array(norms) / norms[0]


def draw(shapes, size):
    p = numpy_rnn.random_parameters(shapes, n_x, n_a, n_y)
    return {name: value * size / np.sqrt(n_a) for name, value in p.items()}


n_a, T_x = 40, 60
np.random.seed(1)
x, a0 = np.random.randn(n_x, m, T_x) / 10, np.zeros((n_a, m))
da, curves = np.random.randn(n_a, m), {}
for size in (3, 1, 0.5):
    _, _, (caches, _) = rnn_forward(x, a0, draw(RNN, size))
    curves[f"RNN, weights of size {size}"] = norms_back(
        rnn_cell_backward, caches, [da])
for bias in (2, 0):
    parameters = draw(LSTM, 0.5)
    parameters["bf"] += bias
    *_, (caches, _) = lstm_forward(x, a0, parameters)
    curves[f"LSTM, forget bias {bias}"] = norms_back(
        lstm_cell_backward, caches, [da, 0 * da])

# %%
axes = new_figure().add_subplot()
for label, curve in curves.items():
    print(f"{label:<24} 10 back: {curve[10]:.0e}, 40 back: {curve[40]:.0e}")
    axes.plot(curve, "--" if "LSTM" in label else "-", label=label)
axes.set(xlabel="steps back in time", yscale="log",
         ylabel="norm of the gradient, 1 at the last step")
axes.grid(alpha=0.3)
axes.legend()
axes.figure

# %%
path = writable(Path("runs")) / "numpy_rnn.png"
axes.figure.savefig(path, dpi=150)
print(f"picture: {path}")

# %% [markdown]
# ## What was seen
#
# The differences of the right gradients were below 1e-9, those of the
# forgotten ones between 0.3 and 0.8. The largest number in the last state was
# 0.770, and 1.529 with state and memory swapped. The gradient's norm:
#
# | | 10 steps back | 40 steps back |
# |---|---:|---:|
# | RNN, weights of size 3 | 6 | 8,000 |
# | RNN, weights of size 1 | 0.8 | 0.9 |
# | RNN, weights of size 0.5 | 9e-4 | 2e-12 |
# | LSTM, forget bias 2 | 0.2 | 0.07 |
# | LSTM, forget bias 0 | 3e-3 | 5e-9 |
#
# Weights of size 1 are on the edge, and only as long as the inputs are small.
# The LSTM's are of size 0.5. A forget gate with a bias of 2 is then near 0.9;
# without it, near 0.5, which halves what goes through the memory each step.
#
# ## Summary
#
# * Two rules, for a product and for a function of each element, give every
#   gradient of both cells.
# * What is used more than once gets the sum of its gradients: the state, the
#   memory, and the weights, which all steps share.
# * A gradient is right when it agrees with the differences of the loss; that
#   it has the right shape says little.
# * Through the plain cell a gradient vanishes or explodes with the distance;
#   a forget gate near 1 lets it through.
#
# ## Exercises
#
# 1. `rnn_backward` returns no gradients of $\mathbf{W}_{ya}$ and
#    $\mathbf{b}_y$. Derive them, and let `gradient_check` judge.
# 2. Give `gradient_check` an `epsilon` of $10^{-1}$, $10^{-3}$, ...,
#    $10^{-11}$. Where is the difference smallest, and why does it grow again?
# 3. Give `rnn_backward` only the first three steps of `da`. For which steps
#    is there a `dx` now, and why would it be zero for the others?
# 4. Multiply by 10 the `x` of the curves. Which curves change, and what does
#    that have to do with the slope of tanh?
# 5. Derive and check the gated recurrent unit of the lesson `gru.py`.
