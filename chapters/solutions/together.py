# %% [markdown]
# # Solutions: training together
#
# The exercises are at the end of `together.py`. In a notebook of that lesson
# the code below runs after its last cell; on its own it begins with what it
# needs.

# %%
import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import autograd, gluon, nd


def portion(count, rank, size):
    return slice(count * rank // size, count * (rank + 1) // size)


def new_model(vocab_size, num_hiddens, num_layers, seed=1):
    d2l.seed(seed)
    model = d2l.CharRNN(vocab_size, 64, num_hiddens, num_layers)
    model.initialize()
    model.hybridize()
    return model


def weights_of(model):
    return [param.data() for param in model.collect_params().values()]


def gradient(model, X, Y, rows):
    x, y = X[rows], Y[rows].T.reshape(-1)
    with autograd.record():
        scores, _ = model(x, model.begin_state(len(x)))
        loss = gluon.loss.SoftmaxCELoss()(scores, y).mean()
        loss = loss * (len(x) / len(X))
    loss.backward()
    grads = [w.grad.reshape((1, -1)) for w in weights_of(model)]
    return nd.concat(*grads, loss.reshape((1, -1)), dim=1)[0]


def clipped(g, theta=1e-2):
    return g * nd.minimum(theta / nd.dot(g, g).sqrt(), 1)


def update(model, g, lr=1e2):
    start = 0
    for w in weights_of(model):
        w -= lr * g[start:start + w.size].reshape(w.shape)
        start += w.size


corpus_indices, _, _, vocab_size = d2l.load_corpus("original_sonnets.txt")
d2l.seed(1)
epoch = [*d2l.data_iter_random(corpus_indices, 32, 50)]

# %% [markdown]
# ## 1
#
# Ask `portion`. The parts add up if each row has the same weight in all of
# them.
#
# ### Solution
#
# They get 2, 3, 2 and 3 rows. A mean over own rows is their sum divided by
# their number $n_r$; for the sum divided by 10, multiply it by $n_r / 10$.

# %%
rows = [portion(10, r, 4) for r in range(4)]
assert rows == [slice(0, 2), slice(2, 5), slice(5, 7), slice(7, 10)]
g = np.arange(10.0) ** 2
parts = [g[own].mean() * (own.stop - own.start) / 10 for own in rows]
assert np.isclose(sum(parts), g.mean())

# %% [markdown]
# ## 2
#
# How likely is it that an example lies in the first half of its mini-batch
# for worker 0? And in the second half of its mini-batch for worker 1?
#
# ### Solution
#
# Both are 1/2, and one order says nothing about the other. So about a quarter
# of the examples is read by nobody, and a quarter by both.

# %%
read = np.concatenate([
    np.random.default_rng(r).permutation(1024).reshape(-1, 32)[
        :, portion(32, r, 2)].reshape(-1) for r in range(2)])
counts = np.bincount(np.bincount(read, minlength=1024))
print(", ".join(f"{n} examples {i} times" for i, n in enumerate(counts)))
assert sum(counts) == 1024 and abs(counts[[0, 2]] - 256).max() < 50

# %% [markdown]
# ## 3
#
# Write the inequality down, and divide by $k - 1$. Then solve $k = \sqrt{c /
# b}$ for $b$.
#
# ### Solution
#
# $c / k + b (k - 1) + u < c + u$ means $b (k - 1) < c (k - 1) / k$, so $c > k
# b$. By the formula eight machines are best at $b = c / 64$. The 26.4 MB of
# $8 P$ bytes then take 1/64 of a second: 1.7 GB or 13.5 Gbit a second. The
# number of machines is whole, though. Eight win against seven and nine from
# $b = c / 72$ to $c / 56$, so 11.8 Gbit a second is enough.

# %%
c, P = 1.0, 3.3e6
b = c / 8 ** 2
k = np.arange(1, 65)
steps = c / k + b * (k - 1)
assert k[steps.argmin()] == 8
assert ((steps < c) == (c > k * b))[1:-1].all()
print(f"{8 * P / b * 8 / 1e9:.1f} Gbit/s")

# %% [markdown]
# ## 4
#
# `part.astype("float16").astype("float32")` is what arrives. The smallest
# number above zero in float16 is $2^{-24}$, about $6 \cdot 10^{-8}$.
#
# ### Solution
#
# A number keeps 11 binary digits, so it is off by up to $2^{-11}$ of itself:
# the sum is still good enough for a step. But gradients below half of
# $2^{-24}$ become zero, and just above it they are coarse. A power of two
# helps: multiply the loss by it, so that all gradients are larger, and divide
# by it after the sum. It must not be too large either, since float16 ends at
# 65,504. This is called *loss scaling*.

# %%
model = new_model(vocab_size, 256, 1)
parts = [gradient(model, *epoch[0], portion(32, r, 2))[:-1]
         for r in range(2)]
right = sum(parts)
zeros = []
for scale in (1, 2 ** 10):
    sent = [(scale * part).astype("float16").astype("float32") / scale
            for part in parts]
    error = ((sum(sent) - right).norm() / right.norm()).asscalar()
    zeros.append(((sum(sent) == 0) * (right != 0)).mean().asscalar())
    print(f"scaled by {scale}: off by {error:.0e} of the norm, "
          f"{zeros[-1]:.2%} of the gradients lost")
    assert error < 1e-3
assert zeros[1] < zeros[0] or zeros[0] == 0

# %% [markdown]
# ## 5
#
# Train a model with `gradient(model, X[rows], Y[rows], slice(None))`, then
# set the weights of a third to the mean.
#
# ### Solution
#
# From the same start the mean is as good as the model that was trained
# together: after two epochs the models have not gone far from each other. In
# a run of 16 epochs, not shown here, it was worse than each of the two. From
# different starts it knows little more than how frequent each character is,
# since unit 7 of one model has nothing to do with unit 7 of the other. (Some
# methods do average every few dozen steps, to send less. They begin with the
# same weights each time.)


# %%
def apart(seeds):
    models = []
    for r, seed in enumerate(seeds):
        model, rows = new_model(vocab_size, 64, 1, seed), portion(32, r, 2)
        for X, Y in epoch * 2:
            g = gradient(model, X[rows], Y[rows], slice(None))[:-1]
            update(model, clipped(g))
        models.append(model)
    for ours, theirs in zip(*map(weights_of, models), strict=True):
        ours[:] = (ours + theirs) / 2
    return models[0]


def loss_of(model):
    return np.mean([gradient(model, X, Y, slice(None))[-1].asscalar()
                    for X, Y in epoch])


together = new_model(vocab_size, 64, 1)
for X, Y in epoch * 2:
    update(together, clipped(gradient(together, X, Y, slice(None))[:-1]))
losses = [loss_of(model) for model in (
    new_model(vocab_size, 64, 1), together, apart((1, 1)), apart((1, 2)))]
for name, loss in zip(("at the start", "together", "the mean, one start",
                       "the mean, two starts"), losses, strict=True):
    print(f"{name:<21}{loss:.3f}")
assert losses[1] < losses[3] and losses[2] < losses[3]

# %% [markdown]
# ## 6
#
# `pieces[r][i]` is piece $i$ on machine $r$. In round $t$, machine $r$ sends
# piece $r - t$ (modulo $k$) to machine $r + 1$. After the first $k - 1$
# rounds, which piece is finished on which machine?
#
# ### Solution
#
# Machine $r$ then has the whole sum of piece $r + 1$, and sends this one
# first. Each link carries $2 (k - 1)$ pieces of $4 P / k$ bytes, less than
# $8 P$ however many machines there are, and all links are busy at the same
# time. Without the update, a step takes $c / k + b\,(k - 1) / k$, which is
# $b + (c - b) / k$: as long as $c > b$, another machine never makes it
# slower, but a step always takes longer than $b$. What remains is the fixed
# price of each of the $2 (k - 1)$ messages. And since a sum is made once and
# handed around, all machines have the same bits.


# %%
def ring(arrays):
    k, sent = len(arrays), 0
    pieces = [np.array_split(array.copy(), k) for array in arrays]
    for t in range(2 * (k - 1)):
        moving = [((r - t) % k, pieces[r][(r - t) % k].copy())
                  for r in range(k)]  # all send at the same time
        for r, (i, piece) in enumerate(moving):
            there = pieces[(r + 1) % k]
            there[i] = there[i] + piece if t < k - 1 else piece
            sent += piece.nbytes * (r == 0)
    return [np.concatenate(own) for own in pieces], sent


rng = np.random.default_rng(1)
for k in (1, 2, 3, 8):
    arrays = rng.normal(size=(k, 1000)).astype("float32")
    sums, sent = ring(arrays)
    for own in sums:
        assert np.array_equal(own, sums[0])
        assert np.allclose(own, arrays.sum(axis=0), atol=1e-5)
    print(f"{k} machines: {sent:,} bytes through a link, of {8 * 1000:,}")
    assert sent <= 8 * 1000
