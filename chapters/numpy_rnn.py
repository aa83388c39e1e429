# %% [markdown]
# # Recurrent cells by hand, forward and backward
#
# A framework finds the gradients of a recurrent network for you. Could you
# find them yourself, and would you know whether they are right? And which way
# does a gradient take through an LSTM? After this lesson you can
#
# * derive the backward pass of a cell from two rules, and check it;
# * say what each step must hand back to the step before it;
# * measure by which way a gradient travels back through an LSTM.
#
# You need [the plain network](rnn_scratch.py), [back-propagation through
# time](bptt.py) and [the LSTM](lstm.py). The lesson runs in a few seconds.
#
# The names are those of "Building your RNN step by step", an assignment in
# the course Sequence Models (Deep Learning Specialization). There an example
# is a column: a step's inputs $\mathbf{X}_t$ have shape (n_x, m) for m
# examples, a sequence has shape (n_x, m, T_x). The hidden state, elsewhere
# $\mathbf{H}_t$, is $\mathbf{A}_t$; $\mathbf{W}_{ax}$, $\mathbf{W}_{aa}$,
# $\mathbf{b}_a$, $\mathbf{W}_{ya}$, $\mathbf{b}_y$ are the transposes of
# $\mathbf{W}_{xh}$, $\mathbf{W}_{hh}$, $\mathbf{b}_h$, $\mathbf{W}_{hq}$,
# $\mathbf{b}_q$ (see [notation](/notation.md)). With n_a hidden units and n_y
# outputs, the plain cell is
#
# $$\begin{gathered} \mathbf{A}_t = \tanh(\mathbf{W}_{ax} \mathbf{X}_t
#   + \mathbf{W}_{aa} \mathbf{A}_{t-1} + \mathbf{b}_a), \\
#   \hat{\mathbf{Y}}_t = \mathrm{softmax}(\mathbf{W}_{ya} \mathbf{A}_t
#   + \mathbf{b}_y). \end{gathered}$$

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
# Each step also returns a cache: what the backward pass will need. The loop
# over the steps comes from the package, which has this lesson's cells, too.


# %%
def rnn_cell_forward(xt, a_prev, parameters):
    p = parameters
    a_next = np.tanh(p["Wax"] @ xt + p["Waa"] @ a_prev + p["ba"])
    yt_pred = softmax(p["Wya"] @ a_next + p["by"])
    return a_next, yt_pred, (a_next, a_prev, xt, parameters)


# %%
# all sizes differ, so that a transposed matrix cannot go unnoticed
n_x, n_a, n_y, m, T_x = 3, 5, 2, 10, 7
np.random.seed(1)
x, a0 = np.random.randn(n_x, m, T_x), np.random.randn(n_a, m)
parameters = numpy_rnn.random_parameters(RNN, n_x, n_a, n_y)
a, y_pred, caches = numpy_rnn.rnn_forward(x, a0, parameters)
print("a:", a.shape, "y_pred:", y_pred.shape, "caches:", len(caches[0]))

# %% [markdown]
# ## The plain cell, backward
#
# The gradient of the loss $L$ with respect to $\mathbf{V}$ is written
# $d\mathbf{V}$. Two rules are enough for everything that follows.
#
# **A product.** In $\mathbf{Z} = \mathbf{W} \mathbf{X} + \mathbf{b}$ the
# element $W_{ik}$ reaches $L$ through $Z_{ij} = \sum_k W_{ik} X_{kj} + b_i$
# of every example $j$, so $\partial L / \partial W_{ik} = \sum_j dZ_{ij}
# X_{kj}$. The same reasoning holds for $X_{kj}$ and $b_i$:
#
# $$\begin{gathered} d\mathbf{W} = d\mathbf{Z}\, \mathbf{X}^\top, \quad
#   d\mathbf{X} = \mathbf{W}^\top d\mathbf{Z}, \\ db_i = \sum_j dZ_{ij}.
#   \end{gathered}$$
#
# **A function of each element.** In $\mathbf{A} = g(\mathbf{Z})$ each element
# has its own slope: $d\mathbf{Z} = d\mathbf{A} \odot g'(\mathbf{Z})$. Tanh
# and the sigmoid give their slopes away: $\tanh' = 1 - \tanh^2$ and
# $\sigma' = \sigma (1 - \sigma)$.
#
# For the plain cell this gives $d\mathbf{Z}_t = d\mathbf{A}_t \odot
# (1 - \mathbf{A}_t^2)$, and from it
#
# $$\begin{aligned}
#   d\mathbf{W}_{ax} &= d\mathbf{Z}_t \mathbf{X}_t^\top, &
#   d\mathbf{X}_t &= \mathbf{W}_{ax}^\top d\mathbf{Z}_t, \\
#   d\mathbf{W}_{aa} &= d\mathbf{Z}_t \mathbf{A}_{t-1}^\top, &
#   d\mathbf{A}_{t-1} &= \mathbf{W}_{aa}^\top d\mathbf{Z}_t.
#   \end{aligned}$$
#
# ```{figure} /figures/backward_step.svg
# :name: fig-backward-step
# :alt: One step as a graph: values go forward, and gradients come back.
#
# One step of the plain cell. Solid arrows carry values forward, dashed ones
# gradients back, which add up where a value is used twice.
# ```


# %%
def rnn_cell_backward(da_next, cache):
    a_next, a_prev, xt, p = cache
    dz = da_next * (1 - a_next ** 2)  # (n_a, m)
    return {"dxt": p["Wax"].T @ dz, "da_prev": p["Waa"].T @ dz,
            "dWax": dz @ xt.T, "dWaa": dz @ a_prev.T,
            "dba": dz.sum(axis=1, keepdims=True)}


# %% [markdown]
# A state reaches the loss in two ways ({numref}`fig-backward-step`): by the
# output of its own step, which contributes `da[:, :, t]`, and by the next
# state, which contributes `da_prev`. The two add up; so do the gradients of
# the weights, which all steps share.


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
# By hand, with one unit and two steps: let $w_{ax} = 1$, $w_{aa} = 0.5$, all
# biases and $a_0$ be 0, the inputs 1 and 0, and the loss the last state. Then
# $a_1 = \tanh 1 = 0.76$ and $a_2 = \tanh(0.5 \cdot 0.76) = 0.36$. Backward:
# $da_2 = 1$ and $dz_2 = 1 - 0.36^2 = 0.87$; $da_1 = 0.5 \cdot 0.87 = 0.43$
# and $dz_1 = 0.43 \cdot (1 - 0.76^2) = 0.18$. Both steps contribute:
# $dw_{ax} = dz_1 \cdot 1 + dz_2 \cdot 0 = 0.18$ and
# $dw_{aa} = dz_1 \cdot 0 + dz_2 \cdot 0.76 = 0.66$.

# %%
one = {name: np.array([[value]]) for name, value in zip(
    RNN, (0.5, 1.0, 1.0, 0.0, 0.0), strict=True)}  # Waa, Wax, Wya, ba, by
_, _, steps = numpy_rnn.rnn_forward(np.array([[[1.0, 0.0]]]), one["ba"], one)
by_hand = rnn_backward(np.array([[[0.0, 1.0]]]), steps)
print({name: by_hand[name].round(2) for name in ("dWax", "dWaa")})
assert round(by_hand["dWaa"].item(), 2) == 0.66

# %% [markdown]
# Now a real loss: the cross-entropy $L = -\sum \mathbf{Y} \odot \log
# \hat{\mathbf{Y}}$ with one-hot labels $\mathbf{Y}$. In a column with scores
# $S_k$, $\log \hat{Y}_j = S_j - \log \sum_k e^{S_k}$, whose slope in $S_k$
# is $1 - \hat{Y}_k$ for $k = j$, else $-\hat{Y}_k$. That leaves $d\mathbf{S}
# = \hat{\mathbf{Y}} - \mathbf{Y}$, and by the rule for a product `da` is
# $\mathbf{W}_{ya}^\top d\mathbf{S}_t$.

# %%
y = np.eye(n_y)[:, np.random.randint(n_y, size=(m, T_x))]  # (n_y, m, T_x)
da = np.tensordot(parameters["Wya"].T, y_pred - y, axes=1)  # (n_a, m, T_x)
gradients = rnn_backward(da, caches)

# %% [markdown]
# ## Is it right?
#
# Move one number $\theta$ up and down by a small $\varepsilon$: the slope is
# $(L(\theta + \varepsilon) - L(\theta - \varepsilon)) / 2 \varepsilon$, up to
# an error of order $\varepsilon^2$. Two forward passes a number are too slow
# for training, but owe nothing to our derivation. For each array,
# `gradient_check` returns a difference, $|n - g| / (|n| + |g|)$ in norms,
# with the numeric gradient $n$ and ours, $g$. In float64, the difference is
# below $10^{-7}$ for a correct gradient, unless the gradient is tiny, and far
# above for most mistakes.

# %%
differences = numpy_rnn.gradient_check(
    lambda p: -(y * np.log(numpy_rnn.rnn_forward(
        p["x"], p["a0"], p)[1])).sum(),
    {**parameters, "x": x, "a0": a0}, gradients)
print(*(f"{d} {r:.0e}" for d, r in differences.items()), sep=", ")
assert max(differences.values()) < 1e-7

# %% [markdown]
# ## The LSTM, forward
#
# State and inputs are stacked, so that each gate takes one product, not two:
#
# $$\begin{aligned}
#   \mathbf{F}_t, \mathbf{I}_t, \mathbf{O}_t &= \sigma(\mathbf{W}_{f, i, o}
#   [\mathbf{A}_{t-1}; \mathbf{X}_t]\\ &\qquad + \mathbf{b}_{f, i, o}), \\
#   \tilde{\mathbf{C}}_t &= \tanh(\mathbf{W}_c
#   [\mathbf{A}_{t-1}; \mathbf{X}_t] + \mathbf{b}_c), \\
#   \mathbf{C}_t &= \mathbf{F}_t \odot \mathbf{C}_{t-1} + \mathbf{I}_t \odot
#   \tilde{\mathbf{C}}_t, \\
#   \mathbf{A}_t &= \mathbf{O}_t \odot \tanh(\mathbf{C}_t).\end{aligned}$$


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


# %%
# the loops are the plain cell's, with one more array to hand on
parameters = numpy_rnn.random_parameters(LSTM, n_x, n_a, n_y)
a, y_pred, c, caches = numpy_rnn.lstm_forward(x, a0, parameters)

# %% [markdown]
# ## The LSTM, backward
#
# A memory cell reaches the loss in two ways as well: through the state of its
# own step, and through the next memory cell, which hands back
# $d\mathbf{C}_\text{next}$. Together
#
# $$\begin{aligned} d\mathbf{C}_t = {} & d\mathbf{C}_\text{next} \\
#   & + d\mathbf{A}_t \odot \mathbf{O}_t \odot (1 - \tanh^2 \mathbf{C}_t).
#   \end{aligned}$$
#
# Each factor of an elementwise product gets the gradient times the other
# factor. Times the slope of the sigmoid or of tanh, that is
#
# $$\begin{aligned}
#   d\mathbf{Z}_f &= d\mathbf{C}_t \odot \mathbf{C}_{t-1}
#   \odot \mathbf{F}_t \odot (1 - \mathbf{F}_t), \\
#   d\mathbf{Z}_i &= d\mathbf{C}_t \odot \tilde{\mathbf{C}}_t
#   \odot \mathbf{I}_t \odot (1 - \mathbf{I}_t), \\
#   d\mathbf{Z}_c &= d\mathbf{C}_t \odot \mathbf{I}_t
#   \odot (1 - \tilde{\mathbf{C}}_t^2), \\
#   d\mathbf{Z}_o &= d\mathbf{A}_t \odot \tanh(\mathbf{C}_t)
#   \odot \mathbf{O}_t \odot (1 - \mathbf{O}_t).
#   \end{aligned}$$
#
# The rule for a product gives the gradients of weights and biases, and that
# of the stacked arrays, $\sum_g \mathbf{W}_g^\top d\mathbf{Z}_g$: its first
# n_a rows are $d\mathbf{A}_{t-1}$, the others $d\mathbf{X}_t$. The previous
# memory cell gets $d\mathbf{C}_{t-1} = d\mathbf{C}_t \odot \mathbf{F}_t$.
# The check below runs the package's loop, with its copy of this cell.


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


# %%
def loss(p):
    y_pred = numpy_rnn.lstm_forward(p["x"], p["a0"], p)[1]
    return -(y * np.log(y_pred)).sum()


point = {**parameters, "x": x, "a0": a0}
da = np.tensordot(parameters["Wy"].T, y_pred - y, axes=1)
differences = numpy_rnn.gradient_check(
    loss, point, numpy_rnn.lstm_backward(da, caches))
print(*(f"{d} {r:.0e}" for d, r in differences.items()), sep=", ")
assert max(differences.values()) < 1e-7

# %% [markdown]
# ## A common mistake: nothing is handed back
#
# Each step starts with zeros in place of the next step's `da_prev` and
# `dc_prev`. All shapes are right, but what a step does to later losses, which
# a recurrent network has to learn, is lost.

# %%
forgotten = [lstm_cell_backward(da[:, :, t], 0 * a0, cache)
             for t, cache in enumerate(caches[0])]
differences = numpy_rnn.gradient_check(loss, point, {
    f"dW{g}": sum(step[f"dW{g}"] for step in forgotten) for g in "fico"})
print(*(f"{d} {r:.2f}" for d, r in differences.items()), sep=", ")
assert min(differences.values()) > 1e-2

# %% [markdown]
# ## How far back does a gradient reach, and which way?
#
# At each step back, the plain cell multiplies a gradient by the slopes of
# tanh and by $\mathbf{W}_{aa}^\top$. In the LSTM one way leads along the
# memory cells, where it is multiplied by $\mathbf{F}_t$ alone, which a bias
# can hold near 1. Is that the way it takes?
#
# Take one unit whose gates I and O are one half, and whose memory cell is
# near 0, where tanh has slope 1. A change of $c_{t-1}$ reaches $c_t$ through
# the forget gate, times $f$, but also by a detour: times $o$ into the state,
# times $w_c$ into the candidate, times $i$ into the memory cell. Together,
# that is $f + o\, w_c\, i$. With $w_c = 0.5$ and a bias of 2, for which $f =
# 0.88$, it is $0.88 + 0.5 \cdot 0.5 \cdot 0.5 = 1.0$. After forty steps the
# gate alone leaves $0.88^{40} = 0.006$; with the detour, nothing is lost.
#
# Forty units have weights of both signs, so let us measure. Put a gradient on
# the last state alone, and send it back. All ways but the forget gate's lead
# through $\mathbf{W}_g^\top d\mathbf{Z}_g$, so `only` closes some, in the
# backward pass alone, by zeros in place of $\mathbf{W}_g$. Weights of size
# $s$ have the standard deviation $s / \sqrt{n_a}$: a product with them makes
# a state about $s$ times as large. There are 20 draws: lines are medians,
# bands hold the middle 80 %.


# %%
def norms_back(backward, caches, state):
    norms = []
    for cache in reversed(caches):
        norms.append(np.linalg.norm(np.stack(state)))
        step = backward(*state, cache)
        state = [step[d] for d in ("da_prev", "dc_prev") if d in step]
    return np.array(norms) / norms[0]


def only(ways, caches):
    return [(*arrays, {name: array * (name[1] in ways)
                       for name, array in p.items()})
            for *arrays, p in caches]


def draw(shapes, size):
    p = numpy_rnn.random_parameters(shapes, n_x, n_a, n_y)
    return {name: value * size / np.sqrt(n_a) for name, value in p.items()}


n_a, T_x, a0, curves = 40, 50, np.zeros((40, m)), {}
ways = {"whole": "fico", "gates F and candidate": "c", "gates F alone": ""}
for seed in range(20):
    np.random.seed(seed)
    x, da = np.random.randn(n_x, m, T_x) / 10, np.random.randn(n_a, m)
    for size in (3, 1, 0.5):
        _, _, (caches, _) = numpy_rnn.rnn_forward(x, a0, draw(RNN, size))
        curves.setdefault(f"RNN, weights of size {size}", []).append(
            norms_back(rnn_cell_backward, caches, [da]))
    for bias in (2, 0):
        parameters = draw(LSTM, 0.5)
        parameters["bf"] += bias
        *_, (caches, _) = numpy_rnn.lstm_forward(x, a0, parameters)
        for way, gates in ways.items():
            curves.setdefault(f"LSTM, bias {bias}, {way}", []).append(
                norms_back(lstm_cell_backward, only(gates, caches),
                           [da, 0 * da]))

# %%
medians, panels = {}, new_figure((9, 4.2)).subplots(1, 2, sharey=True)
for label, norms in curves.items():
    low, middle, high = np.percentile(norms, [10, 50, 90], axis=0)
    medians[label] = middle
    print(f"{label:<34}", *(f"{k} back: {middle[k]:.0e} ({low[k]:.0e} to "
                            f"{high[k]:.0e})" for k in (10, 40)), sep="  ")
    style = "k:" if "candidate" in label else ("-", "--")["alone" in label]
    axes = panels[int("LSTM" in label)]
    axes.fill_between(range(T_x), low, high, alpha=0.2)
    axes.plot(middle, style, label=label)
    axes.set(xlabel="steps back in time", yscale="log")
    axes.legend(fontsize="x-small")
panels[0].set_ylabel("norm of the gradient, 1 at the last step")
for bias in (2, 0):
    whole, most, alone = (medians[f"LSTM, bias {bias}, {way}"][40]
                          for way in ways)
    assert alone < whole / 5 and 0.5 < whole / most < 2
axes.figure.savefig(writable(Path("runs")) / "numpy_rnn.png", dpi=150)
axes.figure

# %% [markdown]
# ## Results
#
# The plain cell keeps a gradient only if its weights are just right, and even
# with size 1 the draws spread over orders of magnitude after 40 steps.
#
# In the LSTM a bias of 2 keeps more than a bias of 0, as the forget gates
# alone promise, but they promise too little. The detour through the candidate
# adds about 8 % at each step with a bias of 2, and 15 % with 0, which
# compounds to factors of some 25 and 250 after forty. Forget gates and detour
# together all but meet the whole curve: the other gates hardly carry anything
# back.
#
# ## Summary
#
# * Two rules give every gradient of both cells. What is used more than once
#   gets the sum of its gradients: states, memory cells, and weights.
# * The right shape says little about a gradient; a numeric check says much.
# * Forget gates near 1 let a gradient through; detours through the candidate
#   add to it.
#
# ## Exercises
#
# 1. (\*) `rnn_backward` returns no gradients of $\mathbf{W}_{ya}$ and
#    $\mathbf{b}_y$. Derive them from $d\mathbf{S}_t$, and let
#    `gradient_check` judge.
# 2. (\*) Close this page and write `lstm_cell_backward` from its equations.
#    After `import d2lrnn as d2l`,
#    `d2l.check("numpy_rnn", 2, lstm_cell_backward)` says what differs.
# 3. (\*\*) Which `epsilon` of $10^{-1}, 10^{-2}, \ldots, 10^{-13}$ gives the
#    smallest difference for $\mathbf{W}_{ax}$, and why does a smaller one not
#    do better?
# 4. (\*\*) With many units, the factor $f + o\, w_c\, i$ becomes the matrix
#    $f \mathbf{1} + o\, i \mathbf{W}_c^\top$, where $\mathbf{1}$ is the
#    identity matrix and $\mathbf{W}_c$ stands for its first n_a columns. With
#    a bias of 2 its powers promise more than the curve shows. Which of the
#    assumptions made for one unit fails?
# 5. (\*\*\*) Derive the backward pass of [the gated recurrent unit](gru.py),
#    and check it.
#
# ## Further reading
#
# * P. J. Werbos, *Backpropagation Through Time: What It Does and How to Do
#   It*, 1990; Y. Bengio, P. Simard and P. Frasconi, *Learning Long-Term
#   Dependencies with Gradient Descent Is Difficult*, 1994.
# * F. A. Gers, J. Schmidhuber and F. Cummins, *Learning to Forget: Continual
#   Prediction with LSTM*, 2000.
#
# In the book, 6.6 in the first edition and 8.7 in the second. Next: [names
# for new dinosaurs](dinosaur_names.py).
