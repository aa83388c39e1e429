# %% [markdown]
# # Solutions: back-propagation through time
#
# The exercises are at the end of `bptt.py`. In a notebook of that lesson the
# code below runs after its last cell; on its own it begins with what it
# needs.

# %%
import d2lrnn as d2l
import numpy as np
from mxnet import autograd, gluon, nd
from numpy.linalg import norm

ctx = d2l.try_gpu()
loss = gluon.loss.SoftmaxCrossEntropyLoss()
corpus_indices, char_to_idx, idx_to_char, vocab_size = (
    d2l.load_data_jay_lyrics())
text = corpus_indices[:1000]
rng = np.random.default_rng(1)

# %% [markdown]
# ## 1
#
# Where is tanh steep, and where does the state end?
#
# ### Solution
#
# First it grows, then it vanishes. Near 0 the slope is 1, so each step
# multiplies the product by nearly 1.5. But the state grows as well, and
# leaves the steep part of tanh: the product is largest after 10 steps, at 34.
# The state ends at 0.86, where a step has the factor $1.5 (1 - 0.86^2) =
# 0.39$. After 16 steps the product is below 1, and after 30 it is $2 \cdot
# 10^{-6}$.

# %%
h, slopes = 0.01, [1]
for _ in range(30):
    h = np.tanh(1.5 * h)
    slopes.append(slopes[-1] * 1.5 * (1 - h ** 2))
print([f"{slope:.2g}" for slope in slopes])
assert np.argmax(slopes) == 10 and round(slopes[10]) == 34
assert slopes[15] > 1 > slopes[16] and f"{slopes[30]:.0e}" == "2e-06"
assert round(h, 2) == 0.86 and round(1.5 * (1 - 0.86 ** 2), 2) == 0.39

# %% [markdown]
# ## 2
#
# What is the slope of the identity, and what does $\mathbf{J}_t$ become?
#
# ### Solution
#
# By the spectral radius: 0.7, 1 and 3. Every slope is 1, so each Jacobian is
# $\mathbf{W}_{hh}$, and the product of $k$ of them its $k$-th power, whatever
# the network reads. In the long run a power grows like that of the largest
# absolute eigenvalue. Nothing saturates any more, so the gradient with radius
# 3 goes on exploding. The code multiplies 400 times and takes the mean factor
# of the last 200 steps:

# %%
W_hh = rng.normal(size=(64, 64))
W_hh /= abs(np.linalg.eigvals(W_hh)).max()
for radius in (0.7, 1, 3):
    g, factors = np.eye(64)[0], []
    for _ in range(400):
        longer = radius * W_hh @ g
        factors.append(norm(longer) / norm(g))
        g = longer / norm(longer)  # so that nothing overflows
    factor = np.exp(np.log(factors[200:]).mean())
    print(f"radius {radius}: factor {factor:.3f}")
    assert abs(factor / radius - 1) < 0.01

# %% [markdown]
# ## 3
#
# An orthogonal matrix changes no norm. What is left in $\mathbf{J}_t$ that
# does?
#
# ### Solution
#
# All its singular values are 1, so only the slopes of tanh can shorten a
# gradient, and nothing can lengthen it. With the book's $\mathbf{W}_{xh}$ the
# states stay near 0, where the slopes are near 1: after 30 steps more than
# nine tenths of the norm are left. With inputs 50 times as large the units
# saturate, and less than a hundredth is left. So orthogonal weights keep a
# gradient alive only as long as the states stay small.

# %%
Q, _ = np.linalg.qr(rng.normal(size=(64, 64)))
assert np.allclose(np.linalg.svd(Q, compute_uv=False), 1)
d2l.seed(1)
W_xh, left = d2l.get_params(vocab_size, 64, ctx)[0].asnumpy(), {}
for scale in (1, 50):
    h, states, g = np.zeros(64), [], np.eye(64)[0]
    for i in text[:30]:
        h = np.tanh(scale * W_xh[i] + h @ Q)
        states.append(h)
    for h in states[::-1]:
        g = Q @ ((1 - h ** 2) * g)
    left[scale] = norm(g)
print(left)
assert 0.9 < left[1] < 1 and left[50] < 0.01


# %% [markdown]
# ## 4
#
# `train_and_predict_rnn` goes on with the parameters that its `get_params`
# returns: call it again and again with `lambda: params`.
#
# ### Solution
#
# No. The perplexity falls from each measurement to the next. The reach, only
# two or three steps at the start, becomes several times as long, but it goes
# up and down on the way. To learn a text by heart the network has to tell its
# places apart, and a short memory may be enough for many of them.


# %%
def train(params, num_epochs):
    return d2l.train_and_predict_rnn(
        d2l.rnn, lambda: params, d2l.init_rnn_state, 64, vocab_size, ctx,
        text, idx_to_char, char_to_idx, is_random_iter=False,
        num_epochs=num_epochs, num_steps=35, lr=1e2, clipping_theta=1e-2,
        batch_size=8, pred_period=999, pred_len=1,
        prefixes=[])[-1]["perplexity"]


def steps_felt(params):
    X = nd.array(text[:960], ctx=ctx).reshape((24, 40))
    E = nd.zeros((40, 24, 64), ctx)
    E.attach_grad()
    with autograd.record():
        H = nd.zeros((24, 64), ctx) + E[0]
        inputs = d2l.to_onehot(X[:, :39], vocab_size)
        for t, x in enumerate(inputs, start=1):
            _, (H,) = d2l.rnn([x], (H,), params)
            H = H + E[t]
        scores = nd.dot(H, params[3]) + params[4]
        l = loss(scores, X[:, 39])
    l.backward()
    norms = norm(E.grad.asnumpy()[::-1], axis=2)
    share = np.pad(norms / norms[0], [(0, 1), (0, 0)])
    return np.median((share < 0.01).argmax(axis=0))


d2l.seed(1)
params = d2l.get_params(vocab_size, 64, ctx)
felt, perplexities = [steps_felt(params)], []
for _ in range(8):
    perplexities.append(train(params, 15))
    felt.append(steps_felt(params))
print(felt, perplexities)
assert all(np.diff(perplexities) < 0) and 2 <= felt[0] <= 3
assert max(felt) > 2 * felt[0] and any(np.diff(felt) < 0)


# %% [markdown]
# ## 5
#
# Keep the states of one pass over the whole text. A mini-batch that predicts
# from place $t$ on starts from the state at $t - 10$, detached.
#
# ### Solution
#
# Here with the network of solution 4, and 8 rows of 60 characters. Without
# the ten, $k = 5$ has the largest error, and $k = 15$ a smaller one at the
# same price, one step for each prediction. With the ten, the error is well
# below that of $k = 15$. Both record graphs of at most 15 steps, but now each
# prediction has at least ten steps behind it, apart from those at the very
# beginning; with $k = 15$ the first of a mini-batch has none. The price is
# nearly three times as many steps, since each character is read three times.


# %%
def gradient(k, warm_up):
    scores, steps = [], 0
    with autograd.record():
        for t in range(0, 60, k):
            begin = max(t - warm_up, 0)
            outputs, _ = d2l.rnn(inputs[begin:t + k], states[begin], params)
            scores += outputs[t - begin:]
            steps += t + k - begin
        l = loss(nd.concat(*scores, dim=0), labels).mean()
    l.backward()
    flat = nd.concat(*(param.grad.reshape(-1) for param in params), dim=0)
    return flat.asnumpy(), steps / 60


X = nd.array(text[:8 * 61], ctx=ctx).reshape((8, 61))
inputs, labels = d2l.to_onehot(X[:, :60], vocab_size), X[:, 1:].T.reshape(-1)
states = [(nd.zeros((8, 64), ctx),)]
for x in inputs:
    states.append(d2l.rnn([x], states[-1], params)[1])
g, _ = gradient(60, 0)
errors, prices = {}, {}
for cut in ((5, 0), (15, 0), (5, 10)):
    g_k, prices[cut] = gradient(*cut)
    errors[cut] = norm(g_k - g) / norm(g)
    print(f"k = {cut[0]}, {cut[1]} read before: error {errors[cut]:.3f}, "
          f"{prices[cut]:.2f} steps for each prediction")
assert errors[5, 10] < 0.75 * errors[15, 0]
assert errors[15, 0] < errors[5, 0]
assert prices[5, 0] == prices[15, 0] == 1 and 2.5 < prices[5, 10] < 3
