# %% [markdown]
# # Back-propagation through time
#
# Why does it forget? Nothing in the equations of a recurrent network limits
# its memory: in principle, every character it has read can change every
# prediction that it will make. But what it learns, it learns from gradients,
# and these have to travel back through all the steps in between.
#
# After this lesson you can
#
# * write the gradient through time as a product of matrices, and check it;
# * say when such a product vanishes or explodes, what clipping repairs, and
#   what it does not;
# * measure how far back a network feels, and how wrong a truncated gradient
#   is.
#
# You need the [recurrent network from scratch](rnn_scratch.py). The letters
# are those of the [notation](/notation.md). On two CPU cores the lesson takes
# about a minute and a half.

# %%
from itertools import accumulate, product

import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import autograd, gluon, nd
from numpy.linalg import norm

ctx = d2l.try_gpu()
corpus = d2l.load_data_jay_lyrics()
corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus
print(f"{corpus.source}: {vocab_size:,} distinct characters, on {ctx}")

# %% [markdown]
# ## One unit
#
# Take a network with one hidden unit and no input, $h_t = \tanh(w h_{t-1})$.
# If $h_{t-1}$ moves a little, $h_t$ moves by $w (1 - h_t^2)$ times as much:
# tanh has the slope $1 - \tanh^2$. Over several steps the chain rule
# multiplies these factors:
#
# $$\frac{\partial h_T}{\partial h_0} = \prod_{t=1}^{T} w (1 - h_t^2).$$
#
# By hand, for three weights and three steps from $h_0 = 0.5$:
#
# | $w$ | $h_1, h_2, h_3$ | factors | product |
# |---:|---|---|---:|
# | 0.5 | 0.24, 0.12, 0.06 | 0.47, 0.49, 0.50 | 0.12 |
# | 1 | 0.46, 0.43, 0.41 | 0.79, 0.81, 0.83 | 0.53 |
# | 1.5 | 0.64, 0.74, 0.80 | 0.89, 0.68, 0.53 | 0.32 |
#
# From $h_0 = 0$ the state stays 0 and the slope 1, so the product is $w^3$:
# 0.125, 1 and 3.375. What happens in thirty steps?

# %%
for w, start in product((0.5, 1, 1.5), (0.5, 0)):
    h, slopes = start, [1]
    for _ in range(30):
        h = np.tanh(w * h)
        slopes.append(slopes[-1] * w * (1 - h ** 2))
    print(f"w = {w}, from {start}: {slopes[3]:.3f}, then {slopes[30]:.1e}")

# %% [markdown]
# From 0 the product is a power: it vanishes for 0.5 and explodes for 1.5.
# From 0.5 it vanishes for 1.5 as well. The state moves to where tanh is flat,
# and the factors drop below 1. So a weight above 1 is no cure: here it makes
# the gradient explode, or saturates the unit.
#
# ## Many units: a product of matrices
#
# Now the book's network, with $h$ hidden units.


# %%
def rnn(inputs, state, params):
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        H = nd.tanh(nd.dot(X, W_xh) + nd.dot(H, W_hh) + b_h)
        Y = nd.dot(H, W_hq) + b_q
        outputs.append(Y)
    return outputs, (H,)


# %% [markdown]
# For one example $\mathbf{H}_t$ is a row of $h$ numbers. Each of them depends
# on each number in $\mathbf{H}_{t-1}$, so the factor of a step becomes a
# matrix, the Jacobian. Its element $(i, j)$ says how fast unit $j$ moves if
# unit $i$ moves one step earlier:
#
# $$\mathbf{J}_t = \frac{\partial \mathbf{H}_t}{\partial \mathbf{H}_{t-1}}
#   = \mathbf{W}_{hh}\, \mathrm{diag}(1 - \mathbf{H}_t^2).$$
#
# The diagonal matrix multiplies each column by the slope of its unit. For
# three steps the chain rule gives
#
# $$\frac{\partial \mathbf{H}_3}{\partial \mathbf{H}_0}
#   = \mathbf{J}_1 \mathbf{J}_2 \mathbf{J}_3.$$
#
# The gradient of a loss $\ell_3$ goes the other way, by the transposes:
#
# $$\frac{\partial \ell_3}{\partial \mathbf{H}_0}
#   = \frac{\partial \ell_3}{\partial \mathbf{H}_3}
#   \mathbf{J}_3^\top \mathbf{J}_2^\top \mathbf{J}_1^\top.$$
#
# ```{figure} /figures/jacobians.svg
# :name: fig-jacobians
# :alt: Three losses, and the path of each gradient back to the first state.
#
# The gradient of each loss reaches $\mathbf{H}_0$ through one Jacobian for
# each step in between; there the three add up.
# ```
#
# The earlier losses have shorter paths ({numref}`fig-jacobians`). The weights
# get a sum of such gradients, too, since all steps share them: [recurrent
# cells by hand](numpy_rnn.py) derives it in full.
#
# ## Is it what autograd computes?
#
# `draw` draws the book's parameters. It can scale $\mathbf{W}_{hh}$ to a
# given spectral radius, which is the largest absolute value of its
# eigenvalues. `gradients_back` measures: it adds zeros to each state, and
# their gradients are those with respect to the states. `last` computes a loss
# from the last state.


# %%
def spectral_radius(params):
    return abs(np.linalg.eigvals(params[1].asnumpy())).max()


def draw(seed, radius=None, sizes=(vocab_size, 64)):
    d2l.seed(seed)
    params = d2l.get_params(*sizes, ctx)
    params[1][:] *= radius / spectral_radius(params) if radius else 1
    return params


def gradients_back(inputs, H, params, last):
    E = nd.zeros((len(inputs) + 1, *H.shape), ctx, dtype=H.dtype)
    E.attach_grad()
    with autograd.record():
        states = [H + E[0]]
        for t, X in enumerate(inputs, start=1):
            _, (H,) = rnn([X], (states[-1],), params)
            states.append(H + E[t])
        l = last(states[-1])
    l.backward()
    return states, E.grad.asnumpy()


# %% [markdown]
# Now take matrices with the spectral radius 0.7, 1 and 3, read 30 characters,
# and follow the gradient of the first unit back, in float64. By the chain
# rule, the gradient $k$ steps back is the first column of
# $\mathbf{J}_{T-k+1} \cdots \mathbf{J}_T$; for each step, `accumulate`
# multiplies by one more Jacobian from the left. The blue line is the norm
# of this column, and the dots are autograd's. No gradient of norm 1 can
# become longer than the product's largest singular value (dashed) or shorter
# than its smallest one (dotted).

# %%
ids = nd.array([corpus_indices[:30]], ctx=ctx)
inputs = [X.astype("float64") for X in d2l.to_onehot(ids, vocab_size)]
panels = d2l.new_figure((9, 4)).subplots(1, 3, sharey=True)
for radius, axes in zip((0.7, 1, 3), panels, strict=True):
    params = [param.astype("float64") for param in draw(1, radius)]
    states, grads = gradients_back(
        inputs, nd.zeros((1, 64), ctx, "float64"), params, lambda H: H[0, 0])
    W_hh, k = params[1].asnumpy(), range(1, 31)
    chain = [W_hh * (1 - H.asnumpy() ** 2) for H in states[:0:-1]]
    products = [*accumulate(chain, lambda P, J: J @ P)]
    computed, measured = np.stack(products)[:, :, 0], grads[-2::-1, 0]
    errors = norm(computed - measured, axis=1) / norm(computed, axis=1)
    assert errors.max() < 1e-10
    print(f"radius {radius}: norm {norm(measured[2]):.1e} after 3 steps, "
          f"{norm(measured[29]):.1e} after 30, off by {errors.max():.0e}")
    # the smallest singular values are tiny, the inverses' largest are not
    inverses = accumulate(map(np.linalg.inv, chain), np.matmul)
    axes.semilogy(k, [norm(P, 2) for P in products], "k--",
                  k, [1 / norm(P, 2) for P in inverses], "k:",
                  k, norm(computed, axis=1), "C0-",
                  k[2::3], norm(measured[2::3], axis=1), "C1o")
    axes.set(title=f"radius {radius}", xlabel="steps back", ylim=(1e-9, 1e9))
panels[0].set_ylabel("norm of the gradient, 1 at the last step")
axes.figure

# %% [markdown]
# Product and autograd agree up to rounding. On this axis a power is a
# straight line. With radius 0.7 the gradient vanishes. With radius 1 it falls
# to about a quarter and then hardly changes: the product keeps the length of
# some directions. With radius 3 it first drops, since the unit is saturated
# at the last step, but then explodes, most of all in the last steps back,
# where the states are still near 0 and tanh is steep. Whatever the radius,
# the dotted line leaves the picture within a few steps: some directions are
# always forgotten.
#
# The largest singular value of $\mathbf{W}_{hh}$ gives a guarantee one way
# only. If it is below 1, every gradient vanishes; if it is above 1, as in all
# three panels, a gradient may vanish all the same.
#
# ## How far back does a network feel?
#
# So much for random matrices. Does training find better ones? Five networks
# learn the first 2,000 characters of the text. Then each reads 60 of them, at
# 24 places, and we follow the gradient of its last prediction back. How far
# it feels is here the number of steps after which the norm is below 1 % of
# that at the last state.


# %%
def train(params):
    value = d2l.train_and_predict_rnn(
        rnn, lambda: params, d2l.init_rnn_state, 64, vocab_size, ctx, text,
        idx_to_char, char_to_idx, is_random_iter=False,
        num_epochs=d2l.epochs(100), num_steps=35, lr=1e2, clipping_theta=1e-2,
        batch_size=8, pred_period=999, pred_len=1,
        prefixes=[])[-1]["perplexity"]
    print(f"perplexity {value:.1f}, radius {spectral_radius(params):.1f}")
    return params


text = corpus_indices[:2000]
networks = {"at the start": [draw(seed) for seed in range(1, 6)],
            "trained": [train(draw(seed)) for seed in range(1, 6)]}

# %%
loss = gluon.loss.SoftmaxCrossEntropyLoss()
X = nd.array(text[:1920], ctx=ctx).reshape((24, 80))
inputs = d2l.to_onehot(X[:, :60], vocab_size)
reach, axes = {}, d2l.new_figure().subplots()
for name, five in networks.items():
    curves = []
    for params in five:
        states, grads = gradients_back(
            inputs, nd.zeros((24, 64), ctx), params, lambda H, p=params: loss(
                nd.dot(H, p[3]) + p[4], X[:, 60]))
        curves.append(norm(grads[::-1], axis=2) / norm(grads[-1], axis=1))
    # a 0 after the last step, in case a gradient stays above 1 %
    steps = (np.pad(curves, [(0, 0), (0, 1), (0, 0)]) < 0.01).argmax(axis=1)
    low, reach[name], high = np.percentile(steps, [10, 50, 90])
    print(f"{name}: below 1 % after {reach[name]:.0f} steps ({low:.0f} to "
          f"{high:.0f}), by seed:", *np.median(steps, axis=1))
    print(f"mean slope {1 - (states[-1] ** 2).mean().asscalar():.2f}")
    low, middle, high = np.percentile(np.hstack(curves), [10, 50, 90], axis=1)
    axes.fill_between(range(61), low, high, alpha=0.2)
    axes.semilogy(middle, label=name)
axes.set(xlabel="steps back", ylabel="norm of the gradient", ylim=(1e-7, 3))
axes.legend()
assert 1 < reach["at the start"] < 4 <= 1 + reach["trained"]
axes.figure

# %% [markdown]
# Lines are medians; bands hold the middle 80 % of all places and seeds. At
# the start a plain network feels nothing to speak of beyond two characters,
# since its weights are tiny. Training lengthens its memory: when we ran this,
# it felt 14 steps back on the lyrics that come with the package, and 23 on
# the Jay Chou lyrics, of which it had learned more by heart. The spectral
# radius is far above 1 by then, which promised an explosion. But the states
# have saturated, like the single unit: see the mean slope of tanh, here that
# of the fifth network's last states. (At the right end, the states are still
# near the zeros that the reading began with, and tanh is steep there.)
#
# ## Truncation is a bias
#
# With mini-batches of $k$ steps, a gradient stops where its mini-batch begins
# ({numref}`fig-truncated`). There `detach` keeps the value of the state, but
# puts zero in the place of its Jacobian, and so in the place of all products
# that contain it. The loss stays the same; the gradient does not.
#
# How wrong does it become? Read the text in 8 rows of 120 characters, and
# compare the gradient $\mathbf{g}$ of the mean loss with $\mathbf{g}_k$,
# which is cut every $k$ steps, by the relative error $\|\mathbf{g}_k -
# \mathbf{g}\| / \|\mathbf{g}\|$ and by the cosine of the angle between them.


# %%
def gradient(params, k):
    H, scores = nd.zeros((8, 64), ctx), []
    with autograd.record():
        for t in range(0, 120, k):
            outputs, (H,) = rnn(inputs[t:t + k], (H.detach(),), params)
            scores += outputs
        l = loss(nd.concat(*scores, dim=0), labels).mean()
    l.backward()
    flat = nd.concat(*(param.grad.reshape(-1) for param in params), dim=0)
    return l.asscalar(), flat.asnumpy()


X = nd.array(text, ctx=ctx).reshape((8, 250))
inputs = d2l.to_onehot(X[:, :120], vocab_size)
labels, cuts = X[:, 1:121].T.reshape(-1), (1, 2, 5, 10, 20, 35, 60)
axes = d2l.new_figure().subplots()
for name, five in networks.items():
    rows = []
    for params in five:
        l, g = gradient(params, 120)
        for l_k, g_k in (gradient(params, k) for k in cuts):
            assert l_k == l
            rows.append((norm(g_k - g) / norm(g),
                         g_k @ g / norm(g_k) / norm(g)))
    rows = np.sort(np.reshape(rows, (5, len(cuts), 2)), axis=0)
    for values, label in zip(rows.T, ("error", "cosine"), strict=True):
        axes.fill_between(cuts, values[:, 0], values[:, 4], alpha=0.2)
        axes.plot(cuts, values[:, 2], "o-", label=f"{label}, {name}")
    for k, (error, cosine) in zip(cuts, rows[2], strict=True):
        print(f"{name}, k = {k:2}: error {error:.3f}, cosine {cosine:.3f}")
    assert rows[2, 0, 0] > rows[2, -1, 0]
axes.set(xscale="log", xlabel="k", xticks=cuts, xticklabels=cuts)
axes.legend()
axes.figure

# %% [markdown]
# Lines are medians over the seeds, bands go from the least to the most. The
# error is a bias, not noise: both gradients are of the same characters, and
# more rows of text in a mini-batch would not take it away. Only gradients
# that go farther back make it smaller. At the start there is little to cut
# off. In the trained networks, even the book's 35 steps leave an error,
# although the networks feel less far: right after a cut there is no past at
# all. But the cosine is near 1 by then, so a small step against the truncated
# gradient still goes downhill.
#
# ## Common mistakes
#
# **Clipping sold as a cure for vanishing.** [Clipping](rnn_scratch.py)
# multiplies the whole gradient by one number. That bounds a gradient which
# explodes, but what comes from far back keeps its tiny share. As a test, a
# small network reads one of eight symbols, then a number of zeros, and has to
# name the symbol. A guess has the loss $\log 8 = 2.079$. Printed are the
# radius, the number of zeros, and $\theta$.


# %%
def recall(radius, num_zeros, theta, seed):
    params, norms = draw(seed, radius, (8, 32)), []
    params[0][:] *= 50
    inputs = [nd.eye(8, ctx=ctx)] + [nd.zeros((8, 8), ctx)] * num_zeros
    for _ in range(100):
        with autograd.record():
            (*_, Y), _ = rnn(inputs, d2l.init_rnn_state(8, 32, ctx), params)
            l = loss(Y, nd.arange(8, ctx=ctx)).mean()
        l.backward()
        norms.append(d2l.grad_clipping(params, theta, ctx).asscalar())
        d2l.sgd(params, 1, 1)
    return l.asscalar(), max(norms)


ends = {}
for task in product((1, 0.5), (3, 10), (None, 0.1)):
    ends[task], largest = np.median([recall(*task, s) for s in (1, 2, 3)], 0)
    print(f"{task}: loss {ends[task]:.3f}, largest norm {largest:.0e}")
assert ends[1, 10, None] > np.log(8) > 1 > ends[1, 10, 0.1]
assert ends[0.5, 3, 0.1] < 0.1 < 2.07 < ends[0.5, 10, 0.1]

# %% [markdown]
# These are medians of three seeds. Over three zeros the networks learn with
# either radius, clipped or not. Over ten, with radius 1, the gradient
# explodes during training: without clipping the loss ends far above that of a
# guess, and with clipping the network learns. With radius 0.5 the gradient
# has vanished. Its norm never reaches $\theta$, so clipping does not even
# act.
#
# **`detach` at every step** instead of every mini-batch: that is $k = 1$
# above. The loss is right, and nothing complains, but the network is never
# told what a state is good for in later steps.
#
# ## Summary
#
# * Back through time, a gradient is multiplied by one Jacobian for each step,
#   $\mathbf{W}_{hh}\, \mathrm{diag}(1 - \mathbf{H}_t^2)$. Such a product
#   vanishes or explodes, unless all is just right.
# * A plain network feels two steps back at its start, and some fourteen to
#   twenty-three after this training, depending on the text. Its spectral
#   radius is far above 1 by then, but its units saturate.
# * Clipping bounds a gradient that explodes. It does nothing for one that
#   vanishes; that takes another cell.
# * Truncation makes the gradient wrong by an amount that can be measured, and
#   that more examples in a mini-batch do not mend.
#
# ## Exercises
#
# 1. (\*) Run the single unit with $w = 1.5$ from $h_0 = 0.01$, and print the
#    product at each step. Does it vanish or explode? Say at which step it is
#    largest, and why.
# 2. (\*) Replace tanh by the identity. By which factor does the gradient
#    change in the long run, on average over the steps, with each of the three
#    radii?
# 3. (\*\*) Make $\mathbf{W}_{hh}$ orthogonal (`np.linalg.qr`). What are its
#    singular values? How much of the norm of a gradient is left after 30
#    steps, with the book's $\mathbf{W}_{xh}$ and with one 50 times as large?
# 4. (\*\*) Train one network on the first 1,000 characters, and measure after
#    every 15 epochs how far back it feels. Does it feel farther each time?
# 5. (\*\*\*) Let each mini-batch of 5 characters begin with ten more that are
#    read but not predicted. Compare the error of the gradient, and the number
#    of steps that it takes, with those of $k = 5$ and $k = 15$.
#
# ## Further reading
#
# * P. J. Werbos, *Backpropagation Through Time: What It Does and How to Do
#   It*, 1990.
# * J. L. Elman, *Finding Structure in Time*, 1990: the network.
# * Y. Bengio, P. Simard and P. Frasconi, *Learning Long-Term Dependencies
#   with Gradient Descent Is Difficult*, 1994.
# * R. Pascanu, T. Mikolov and Y. Bengio, *On the Difficulty of Training
#   Recurrent Neural Networks*, 2013: singular values, and clipping.
# * *Dive into Deep Learning*: section 6.6 of the first Chinese edition,
#   section 8.7 of the second, which is 9.7 of the English one.
#
# Next: [gated recurrent units](gru.py), whose factor can be 1.
