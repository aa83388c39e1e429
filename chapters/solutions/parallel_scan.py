# %% [markdown]
# # Solutions: recurrent networks that train in parallel
#
# The exercises are at the end of `parallel_scan.py`. In a notebook of that
# lesson the code below runs after its last cell; on its own it begins with
# what it needs.

# %%
import io
import timeit
from contextlib import redirect_stdout
from functools import reduce

import d2lrnn as d2l
import numpy as np
from mxnet import autograd, gluon, nd, optimizer


def join(first, second):
    (a, b), (a_next, b_next) = first, second
    return a_next * a, a_next * b + b_next


def scan(a, b):
    a, b, reach = a.copy(), b.copy(), 1
    while reach < len(a):
        b[reach:] += a[reach:] * b[:-reach]
        a[reach:] *= a[:-reach]
        reach *= 2
    return b


def loop(a, b):
    H, state = np.empty_like(b), np.zeros_like(b[0])
    for t in range(len(b)):
        state = a[t] * state + b[t]
        H[t] = state
    return H


rng = np.random.default_rng(1)

# %% [markdown]
# ## 1
#
# The figure joins them as $(1\ 2)\ (3\ 4)$. Try it from left to right.
#
# ### Solution
#
# The same pair as in the figure, $(1/4, 7/2)$, since joining is associative.
# From left to right, $(1, 3)$ and $(1, 1)$ give $(1, 4)$; with $(1/2, -1)$
# that becomes $(1/2, 1)$, and with $(1/2, 3)$ it becomes $(1/4, 7/2)$.

# %%
last_four = [(1, 3), (1, 1), (0.5, -1), (0.5, 3)]
assert reduce(join, last_four[:2]) == (1, 4)
assert reduce(join, last_four[:3]) == (0.5, 1)
assert reduce(join, last_four) == (1 / 4, 7 / 2)
assert join(join(*last_four[:2]), join(*last_four[2:])) == (1 / 4, 7 / 2)

# %% [markdown]
# ## 2
#
# Linear means $h_t = a_t h_{t-1} + b_t$. For the others, look for an operation
# that is associative, or take logarithms.
#
# ### Solution
#
# $h_t = h_{t-1} / x_t$ is linear, with the factor $1 / x_t$ and the summand 0.
# The maximum is not linear, but it is associative: replace the sum by it, and
# the scan needs no factors. With positive numbers, the logarithm of
# $h_t = x_t h_{t-1}^2$ is linear: $\log h_t = 2 \log h_{t-1} + \log x_t$, with
# the factor 2 and the summand $\log x_t$.


# %%
def scan_of_maxima(x):
    h, reach = x.copy(), 1
    while reach < len(h):
        h[reach:] = np.maximum(h[reach:], h[:-reach])
        reach *= 2
    return h


x, h = rng.uniform(0.5, 2, size=11), [1.0]
for x_t in x:
    h.append(x_t * h[-1] ** 2)
log_h = scan(np.full(11, 2.0), np.log(x))  # from log 1, which is 0
assert np.allclose(log_h, np.log(h[1:]))
assert [*scan_of_maxima(x)] == [max(x[:t + 1]) for t in range(11)]

# %% [markdown]
# ## 3
#
# `a[::2]` and `a[1::2]` are the first and the second of each pair. The states
# after the pairs are the states at odd positions; each of the others but the
# first is one step after one of them.
#
# ### Solution
#
# For $T$ steps, a power of two, a call makes $T / 2$ joins and $T / 2 - 1$
# steps, and leaves $T / 2$ pairs to the next. In all that is
# $2T - 2 - \log_2 T$, or 8,178 for 4,096 steps, against 45,057 joins of the
# scan. So where the arrays are tiny, the tree beats the loop as the scan does,
# since it calls few operators; where they are wide, it beats the scan, which
# does more work. Whether it beats the loop there depends on the machine.


# %%
def tree(a, b):
    if len(b) == 1:
        return b
    pairs = 2 * (len(b) // 2)
    H = b.copy()
    H[1::2] = tree(*join((a[:pairs:2], b[:pairs:2]), (a[1::2], b[1::2])))
    H[2::2] += a[2::2] * H[1:-1:2]
    return H


def work(T):
    return 0 if T == 1 else T // 2 + T // 2 - 1 + work(T // 2)


assert work(4096) == 2 * 4096 - 2 - 12 == 8178
for T in (1, 2, 11, 64):
    a, b = rng.uniform(size=(2, T, 3))
    assert np.allclose(tree(a, b), loop(a, b))


def seconds(way, width):
    a, b = rng.uniform(size=(2, 4096, width)).astype("float32")
    return min(timeit.repeat(lambda: way(a, b), number=1, repeat=3))


for width in (16, 2048):
    for way in (loop, scan, tree):
        print(f"width {width:,}, {way.__name__}: {seconds(way, width):.4f} s")


# %% [markdown]
# ## 4
#
# `d2l.CharRNN(vocab_size, 64, 128, 2, cell="mingru")`: the fourth argument is
# the number of layers.
#
# ### Solution
#
# It still ends behind. The second layer sees what single characters
# contributed so far, but its gates do not read its own state either. Here in
# small, with 64 units and the beginning of the text:

# %%
corpus = d2l.load_corpus("shakespeare", num_chars=20_000)
nats = {}
for cell, num_layers in (("lstm", 1), ("mingru", 1), ("mingru", 2)):
    d2l.seed(1)
    model = d2l.CharRNN(corpus.vocab_size, 32, 64, num_layers, cell=cell)
    with redirect_stdout(io.StringIO()):
        history = d2l.fit(model, corpus, 8, lr=1e-2, batch_size=16,
                          num_steps=50, seed=1)
    nats[cell, num_layers] = history[-1]["held_out_loss"]
    print(f"{cell}, layers: {num_layers}: {nats[cell, num_layers]:.3f} nats,"
          f" {sum(epoch['seconds'] for epoch in history):.1f} s")
assert min(nats, key=nats.get) == ("lstm", 1)

# %% [markdown]
# ## 5
#
# Keep the place of the ball in an array of `batch_size` numbers. A table of
# three rows has the new place for each swap and each old place.
#
# ### Solution
#
# A guess is right one time in three. After six swaps the plain network is
# right nearly always, and `signed` not much more often than a guess. Whether
# the network found the rule, or learned short strings by heart, shows on
# strings of 64; it hangs on the seed.
#
# Why does `signed` fail? In each unit, a swap is a map $h \to a h + b$. For
# the unit to follow the cups exactly, a swap made twice has to change nothing:
# so it is a reflection, $h \to c - h$, or leaves all as it is. Two swaps in
# turn have to bring everything back after three rounds. But two reflections
# make a shift, $h \to h + (c' - c)$, which never comes back unless $c = c'$;
# and one reflection, made three times, is still a reflection. So each unit
# either does the same at every swap, and cannot tell them apart, or drifts
# away from the cups.


# %%
def signed(inputs, state, params):
    W_xa, b_a, W_xh, b_h, W_hq, b_q = params
    (H,), outputs = state, []
    for X in inputs:
        H = nd.tanh(nd.dot(X, W_xa) + b_a) * H + nd.dot(X, W_xh) + b_h
        outputs.append(nd.dot(H, W_hq) + b_q)
    return outputs, (H,)


AFTER = np.array([[0, 2, 1], [2, 1, 0], [1, 0, 2]])  # swap k leaves cup k


def swap_cups(cell, params, batch_size, num_steps, rng):
    X = rng.integers(3, size=(batch_size, num_steps))
    places = [np.zeros(batch_size, int)]
    for swaps in X.T:
        places.append(AFTER[swaps, places[-1]])
    outputs, _ = cell(d2l.to_onehot(nd.array(X), 3),
                      (nd.zeros((batch_size, 32)),), params)
    return nd.stack(*outputs), nd.array(places[1:])


def learn_cups(cell, params, seed):
    rng, loss = np.random.default_rng(seed), gluon.loss.SoftmaxCELoss()
    update = optimizer.get_updater(optimizer.Adam(0.01))
    for _ in range(400):
        with autograd.record():
            L = loss(*swap_cups(cell, params, 32, 6, rng)).mean()
        L.backward()
        for i, param in enumerate(params):
            update(i, param.grad, param)
    for T in (6, 64):
        scores, places = swap_cups(cell, params, 512, T, rng)
        yield (scores[-1].argmax(axis=1) == places[-1]).mean().asscalar()


for cell, get_params, seed in ((d2l.rnn, d2l.get_params, 1),
                               (d2l.rnn, d2l.get_params, 3),
                               (signed, d2l.get_mingru_params, 3)):
    d2l.seed(seed)
    params = get_params(3, 32)
    for param in params:
        param[:] = 20 * param
    at_6, at_64 = learn_cups(cell, params, seed)
    print(f"{cell.__name__:<7}{at_6:4.0%} of 6, {at_64:4.0%} of 64")
    assert at_6 < 0.6 if cell is signed else at_6 > 0.8
