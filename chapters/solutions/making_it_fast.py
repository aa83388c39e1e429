# %% [markdown]
# # Solutions: making it fast
#
# The exercises are at the end of `making_it_fast.py`. In a notebook of that
# lesson the code below runs after its last cell; on its own it begins with
# what it needs.

# %%
import time
from functools import partial

import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import autograd, gluon, nd

seed, ctx = 1, d2l.try_gpu()
num_hiddens, batch_size, num_steps = 256, 32, 35
corpus_indices, _, _, vocab_size = d2l.load_data_jay_lyrics()
loss = gluon.loss.SoftmaxCrossEntropyLoss()


def as_in_the_book(params, X, Y, H):
    inputs = d2l.to_onehot(X, vocab_size)
    outputs, (H,) = d2l.rnn(inputs, (H,), params)
    outputs = nd.concat(*outputs, dim=0)
    return loss(outputs, Y.T.reshape((-1,))).mean(), H


def with_lookup(params, X, Y, H):
    W_xh, W_hh, b_h, W_hq, b_q = params
    outputs = []
    for rows in nd.take(W_xh, X.T):
        H = nd.tanh(rows + nd.dot(H, W_hh) + b_h)
        outputs.append(nd.dot(H, W_hq) + b_q)
    outputs = nd.concat(*outputs, dim=0)
    return loss(outputs, Y.T.reshape((-1,))).mean(), H


# %% [markdown]
# ## 1
#
# A time step has three products: of the one-hot vectors with
# $\mathbf{W}_{xh}$, of the state with $\mathbf{W}_{hh}$ and with
# $\mathbf{W}_{hq}$.
#
# ### Solution
#
# With $n$ examples, $h$ units and $d$ characters, a step takes $2 n (d h + h
# h + h d)$ operations. The lookup saves the first term, $d / (2 d + h)$ of
# all: just under half, if there are many more characters than units.

# %%
terms = 2 * batch_size * np.array([vocab_size * num_hiddens, num_hiddens ** 2,
                                   num_hiddens * vocab_size])
share = terms[0] / terms.sum()
print(f"{num_steps * terms.sum():,} operations, {share:.0%} saved")
assert np.isclose(share, vocab_size / (2 * vocab_size + num_hiddens))
assert 0.4 < share < 0.5

# %% [markdown]
# ## 2
#
# The norm is that of all gradients together. Change the gradients in place,
# with `out=`, and never ask for a number.
#
# ### Solution
#
# `d2l.check` calls your function with random gradients and thresholds, and
# compares the gradients that it leaves. The package's own passes:

# %%
assert d2l.check("making_it_fast", 2, d2l.grad_clipping)

# %% [markdown]
# ## 3
#
# Divide the time of a product by `batch_size`. Which part of it is the price
# of the call?
#
# ### Solution
#
# A row costs many times more in the small batch. There a product has hardly
# any arithmetic, and only two rows share the price of the call and of reading
# $\mathbf{W}_{hh}$. So a graph, which spares the calls, gains far more with 2
# rows than with 256, where the arithmetic takes the time. The lookup helps
# both: it spares the small one reading all of $\mathbf{W}_{xh}$ for two rows,
# and the large one the operations of exercise 1.


# %%
def shortest(function, number):
    times = []
    for _ in range(number):
        start = time.perf_counter()
        function()
        nd.waitall()
        times.append(time.perf_counter() - start)
    return min(times)


def train_step(step, *inputs):
    with autograd.record():
        l, _ = step(*inputs)
    l.backward()


def mini_batch(n, num_steps):
    ids = np.array(corpus_indices[:n * num_steps + 1])
    return [nd.array(ids[i:i + n * num_steps].reshape(n, num_steps), ctx)
            for i in (0, 1)]


W_hh = nd.ones((num_hiddens, num_hiddens), ctx)
for n in (2, 256):
    H = nd.ones((n, num_hiddens), ctx)
    row = shortest(partial(nd.dot, H, W_hh), 100) / n
    d2l.seed(seed)
    params = d2l.get_params(vocab_size, num_hiddens, ctx)
    book, looked_up = (partial(forward, params)
                       for forward in (as_in_the_book, with_lookup))
    steps = (book, d2l.Traced(book, params, rewrite=False),
             d2l.Traced(looked_up, params, rewrite=False))
    imperative, traced, with_both = (
        shortest(partial(train_step, step, *mini_batch(n, 10), H), 4)
        for step in steps)
    print(f"{n:>3} rows: {row * 1e6:.1f} microseconds a row; a graph "
          f"{imperative / traced:.1f} x, and a lookup in it "
          f"{traced / with_both:.1f} x")

# %% [markdown]
# ## 4
#
# `step = d2l.Traced(partial(as_in_the_book, params), params)`; after one call
# under `autograd.record()`, the last lines of `step.before` and `step.after`
# count the operators.
#
# ### Solution
#
# 38 products are left of 105. 35 are those of the states, and one is that of
# all outputs; the other two multiply a column of ones and a bias, so that its
# gradient, too, is a product. No one-hot vector is left: 35 of them and 35
# products have become a single `take`, of the rows of all steps.

# %%
params = d2l.get_params(vocab_size, num_hiddens, ctx)
step = d2l.Traced(partial(as_in_the_book, params), params)
H = nd.zeros((batch_size, num_hiddens), ctx)
train_step(step, *mini_batch(batch_size, num_steps), H)
for table in (step.before, step.after):
    print(table.splitlines()[-1])
assert step.before.endswith("2 transpose") and "105 dot, " in step.before
assert "35 one_hot, " in step.before and "one_hot, " not in step.after
assert "38 dot, " in step.after and "1 take, " in step.after
assert sum(" dot " in line and "_ones" in line
           for line in step.after.splitlines()) == 2

# %% [markdown]
# ## 5
#
# Put the matrices of the three gates and of the candidate side by side, once
# for each mini-batch: then one product gives the arguments of all four.
#
# ### Solution
#
# In a step of the LSTM from scratch there are eight products and one for the
# outputs. With a lookup, matrices side by side and one output product, one is
# left, and one for all outputs: 36 instead of 315. Loss and gradients are the
# same. How much time this saves depends on the machine; a graph
# (`d2l.Traced`) then takes Python's part away, as for the plain cell.


# %%
def lstm_as_in_the_book(params, X, Y, H, C):
    inputs = d2l.to_onehot(X, vocab_size)
    outputs, (H, C) = d2l.lstm(inputs, (H, C), params)
    outputs = nd.concat(*outputs, dim=0)
    return loss(outputs, Y.T.reshape((-1,))).mean(), H


def fast_lstm(params, X, Y, H, C):
    *gates, W_hq, b_q = params
    W_x, W_h, b = (nd.concat(*gates[i::3], dim=-1) for i in range(3))
    states = []
    for rows in nd.take(W_x, X.T) + b:
        I, F, O, C_tilde = (rows + nd.dot(H, W_h)).split(4, axis=1)
        C = nd.sigmoid(F) * C + nd.sigmoid(I) * nd.tanh(C_tilde)
        H = nd.sigmoid(O) * nd.tanh(C)
        states.append(H)
    outputs = nd.dot(nd.concat(*states, dim=0), W_hq) + b_q
    return loss(outputs, Y.T.reshape((-1,))).mean(), H


d2l.seed(seed)
params = d2l.get_lstm_params(vocab_size, num_hiddens, ctx)
X, Y = mini_batch(batch_size, num_steps)
results, products = [], []
for forward in (lstm_as_in_the_book, fast_lstm):
    took = shortest(partial(train_step, partial(forward, params), X, Y, H, H),
                    3)
    with autograd.record():
        l, _ = forward(params, X, Y, H, H)
    products.append(autograd.get_symbol(l).tojson().count('"op": "dot"'))
    l.backward()
    results.append([l.asnumpy(), *(p.grad.asnumpy() for p in params)])
    print(f"{forward.__name__}: {products[-1]} products, {took:.3f} s")
assert products == [9 * num_steps, num_steps + 1]
for ours, theirs in zip(*results, strict=True):
    assert np.allclose(ours, theirs, 1e-3, 1e-6)
