# %% [markdown]
# # Solutions: recurrent cells by hand, forward and backward
#
# The exercises are at the end of `numpy_rnn.py`. In a notebook of that
# lesson the code below runs after its last cell; on its own it begins with
# what it needs.

# %%
import numpy as np
from d2lrnn import numpy_rnn
from d2lrnn.numpy_rnn import LSTM, RNN, sigmoid

# %% [markdown]
# ## 1
#
# The scores $\mathbf{S}_t = \mathbf{W}_{ya} \mathbf{A}_t + \mathbf{b}_y$ are
# a product: apply the first rule. All steps share the parameters.
#
# ### Solution
#
# $d\mathbf{W}_{ya} = \sum_t d\mathbf{S}_t \mathbf{A}_t^\top$, and
# $d\mathbf{b}_y$ is the sum of $d\mathbf{S}_t$ over examples and steps.
# Nothing comes back from later steps: a score acts on the loss of its own
# step alone. The check finds no difference but rounding:

# %%
n_x, n_a, n_y, m, T_x = 3, 5, 2, 10, 7
np.random.seed(1)
x, a0 = np.random.randn(n_x, m, T_x), np.random.randn(n_a, m)
parameters = numpy_rnn.random_parameters(RNN, n_x, n_a, n_y)
y = np.eye(n_y)[:, np.random.randint(n_y, size=(m, T_x))]


def cross_entropy(p):
    return -(y * np.log(numpy_rnn.rnn_forward(x, a0, p)[1])).sum()


a, y_pred, caches = numpy_rnn.rnn_forward(x, a0, parameters)
ds = y_pred - y  # (n_y, m, T_x)
outer = {"dWya": np.einsum("ymt,amt->ya", ds, a),
         "dby": ds.sum(axis=(1, 2)).reshape(-1, 1)}
differences = numpy_rnn.gradient_check(cross_entropy, parameters, outer)
print(differences)
assert max(differences.values()) < 1e-7

# %% [markdown]
# ## 2
#
# First the gradient of the memory cell, from both ways; then the four
# $d\mathbf{Z}$; then the rule for a product.
#
# ### Solution
#
# `d2l.check` calls your function with arrays of random sizes, and compares
# all gradients with those of the package. The package's own, which is the
# lesson's, passes:

# %%
import d2lrnn as d2l

assert d2l.check("numpy_rnn", 2, numpy_rnn.lstm_cell_backward)

# %% [markdown]
# ## 3
#
# Two errors add up: that of the formula, which is of order $\varepsilon^2$,
# and that of rounding, which a division by $2 \varepsilon$ enlarges.
#
# ### Solution
#
# From $10^{-1}$ on the difference falls with $\varepsilon^2$, about a
# hundredfold for each power of ten. It is smallest near $10^{-5}$. Below
# that, the two losses agree in nearly all of their 16 digits, so that their
# difference keeps only a few: rounding costs about $10^{-16} L /
# \varepsilon$, tenfold more for each power of ten. The two are equal where
# $\varepsilon^3$ is about $10^{-16}$.

# %%
da = np.tensordot(parameters["Wya"].T, ds, axes=1)
gradient = {"dWax": numpy_rnn.rnn_backward(da, caches)["dWax"]}
exact = {k: numpy_rnn.gradient_check(cross_entropy, parameters, gradient,
                                     epsilon=10.0 ** -k)["dWax"]
         for k in range(1, 14)}
print(*(f"1e-{k}: {r:.0e}" for k, r in exact.items()), sep=", ")
assert min(exact, key=exact.get) in (4, 5, 6)
assert 50 < exact[2] / exact[3] < 200 and exact[13] > 1000 * exact[5]

# %% [markdown]
# ## 4
#
# Send a gradient back by the matrix alone, and print how large the memory
# cells are, and how steep tanh is there.
#
# ### Solution
#
# A gradient of the state and one of the memory cell go back together: by
# $\mathbf{V} = d\mathbf{C} + o\, s \odot d\mathbf{A}$, where $s$ is the slope
# of tanh at the memory cell, then $d\mathbf{C} = f \mathbf{V}$ and
# $d\mathbf{A} = i \mathbf{W}_c^\top \mathbf{V}$ one step before. With $s = 1$
# these are the powers of the matrix. But a forget gate of 0.88 adds up what
# many steps let in, so with a bias of 2 the memory cell is not near 0, and
# the slope of tanh is below 1: that assumption fails. With the slopes in
# place most of the difference is gone. With a bias of 0 the cells stay small.


# %%
def predicted(W, da, f, slopes):
    dc, norms = np.zeros_like(da), []
    for s in slopes:
        norms.append(np.linalg.norm(np.stack([da, dc])))
        v = dc + 0.5 * s * da
        da, dc = 0.5 * W.T @ v, f * v
    return np.array(norms) / norms[0]


n_a, T_x, logs = 40, 41, {2: [], 0: []}
for seed in range(8):
    for bias in logs:
        np.random.seed(seed)
        x, da = np.random.randn(n_x, m, T_x) / 10, np.random.randn(n_a, m)
        p = {name: value / 2 / np.sqrt(n_a) for name, value in
             numpy_rnn.random_parameters(LSTM, n_x, n_a, n_y).items()}
        p["bf"] += bias
        *_, c, (steps, _) = numpy_rnn.lstm_forward(x, np.zeros((n_a, m)), p)
        slopes = (1 - np.tanh(c) ** 2).transpose(2, 0, 1)[::-1]
        state, norms = (da, 0 * da), []
        for cache in reversed(steps):
            norms.append(np.linalg.norm(np.stack(state)))
            step = numpy_rnn.lstm_cell_backward(*state, cache)
            state = step["da_prev"], step["dc_prev"]
        W, f = p["Wc"][:, :n_a], sigmoid(float(bias))
        logs[bias].append([slopes.mean(), *(
            np.log(predicted(W, da, f, s)[40] / norms[40] * norms[0])
            for s in (np.ones(T_x), slopes))])
for bias, rows in logs.items():
    slope, straight, bent = np.mean(rows, axis=0)
    print(f"bias {bias}: mean slope {slope:.2f}, after 40 steps predicted / "
          f"measured {np.exp(straight):.2f}, with slopes {np.exp(bent):.2f}")
(slope, straight, bent), (near_1, *_) = (
    np.mean(rows, axis=0) for rows in logs.values())
assert 1 - slope > 5 * (1 - near_1)
assert straight > np.log(1.5) and abs(bent) < straight / 2

# %% [markdown]
# ## 5
#
# With $\mathbf{A}_t = \mathbf{Z}_t \odot \mathbf{A}_{t-1} + (1 -
# \mathbf{Z}_t) \odot \tilde{\mathbf{A}}_t$, the previous state is used four
# times: in this sum, by both gates, and, times $\mathbf{R}_t$, by the
# candidate.
#
# ### Solution
#
# The factors of the elementwise products and the slopes give
#
# $$\begin{aligned}
#   d\mathbf{Z}_z &= d\mathbf{A}_t \odot (\mathbf{A}_{t-1} -
#   \tilde{\mathbf{A}}_t) \\
#   &\quad \odot \mathbf{Z}_t \odot (1 - \mathbf{Z}_t), \\
#   d\mathbf{Z}_c &= d\mathbf{A}_t \odot (1 - \mathbf{Z}_t) \\
#   &\quad \odot (1 - \tilde{\mathbf{A}}_t^2),
#   \end{aligned}$$
#
# $$\begin{aligned}
#   d\mathbf{Z}_r &= d(\mathbf{R}_t \odot \mathbf{A}_{t-1}) \\
#   &\quad \odot \mathbf{A}_{t-1} \odot \mathbf{R}_t \odot (1 - \mathbf{R}_t),
#   \end{aligned}$$
#
# where $d(\mathbf{R}_t \odot \mathbf{A}_{t-1})$ is the first n_a rows of
# $\mathbf{W}_c^\top d\mathbf{Z}_c$. The previous state gets the sum of its
# four gradients, in the last lines of `gru_cell_backward`.


# %%
def gru_cell_forward(xt, a_prev, p):
    concat = np.concatenate([a_prev, xt])
    zt = sigmoid(p["Wz"] @ concat + p["bz"])
    rt = sigmoid(p["Wr"] @ concat + p["br"])
    reset = np.concatenate([rt * a_prev, xt])
    cct = np.tanh(p["Wc"] @ reset + p["bc"])
    return zt * a_prev + (1 - zt) * cct, (concat, reset, zt, rt, cct)


def gru_cell_backward(da, cache, p):
    concat, reset, zt, rt, cct = cache
    a_prev, n_a = concat[:len(da)], len(da)
    dz = {"z": da * (a_prev - cct) * zt * (1 - zt),
          "c": da * (1 - zt) * (1 - cct ** 2)}
    dreset = p["Wc"].T @ dz["c"]
    dz["r"] = dreset[:n_a] * a_prev * rt * (1 - rt)
    dgates = p["Wz"].T @ dz["z"] + p["Wr"].T @ dz["r"]
    return {"da_prev": da * zt + dreset[:n_a] * rt + dgates[:n_a],
            "dxt": dreset[n_a:] + dgates[n_a:],
            **{f"dW{g}": dz[g] @ (reset if g == "c" else concat).T
               for g in dz},
            **{f"db{g}": dz[g].sum(axis=1, keepdims=True) for g in dz}}


n_a, T_x = 5, 4
x, a0 = np.random.randn(n_x, m, T_x), np.random.randn(n_a, m)
p = {f"{kind}{g}": np.random.randn(n_a, n_a + n_x if kind == "W" else 1)
     for g in "zrc" for kind in "Wb"}
weights = np.random.randn(n_a, m, T_x)  # of the states in the loss


def run(p):
    a, total, caches = p["a0"], 0, []
    for t in range(T_x):
        a, cache = gru_cell_forward(x[:, :, t], a, p)
        total += (weights[:, :, t] * a).sum()
        caches.append(cache)
    return total, caches


p["a0"], da_prev, total = a0, 0, {}
for t, cache in reversed([*enumerate(run(p)[1])]):
    step = gru_cell_backward(weights[:, :, t] + da_prev, cache, p)
    da_prev = step.pop("da_prev")
    del step["dxt"]  # the inputs are given
    total = {name: total.get(name, 0) + step[name] for name in step}
differences = numpy_rnn.gradient_check(lambda p: run(p)[0], p,
                                       {**total, "da0": da_prev})
print(*(f"{d} {r:.0e}" for d, r in differences.items()), sep=", ")
assert max(differences.values()) < 1e-7
