# %% [markdown]
# # Making it fast
#
# In the book's own code, the concise version of a model trains faster than
# the one from scratch, although both compute the same products of matrices.
# That is not a law. This lesson takes the book's forward pass and clipping,
# with the book's settings, and makes them faster by one idea at a time; in
# the end, the same lines run about three times as fast without a change to
# them. Every version computes the same perplexities, which is asserted; what
# changes is how many operators a step has, and how often Python, memory and
# threads get in the way.
#
# What cannot be saved are the products. In each step of an RNN there are
# $\mathbf{H}_{t-1} \mathbf{W}_{hh}$ and $\mathbf{H}_t \mathbf{W}_{hq}$, and
# for each product $\mathbf{A} \mathbf{B}$ two more on the way back,
# $\mathbf{G} \mathbf{B}^\top$ and $\mathbf{A}^\top \mathbf{G}$.

# %%
import math
import os
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import d2lrnn as d2l  # before mxnet
import numpy as np
from d2lrnn.report import writable
from mxnet import autograd, gluon, nd

seed, ctx = 1, d2l.try_gpu()
num_hiddens, batch_size, num_steps, lr, theta = 256, 32, 35, 1e2, 1e-2
corpus = d2l.load_data_jay_lyrics()
corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus
loss = gluon.loss.SoftmaxCrossEntropyLoss()
histories = {}
print(f"text: {corpus.source}, {vocab_size:,} characters, on {ctx}")

# %% [markdown]
# ## The book's loop
#
# The forward pass as the book writes it, and the book's clipping, which
# squares every gradient, adds the squares up, and reads the norm.


# %%
def as_in_the_book(params, X, Y, H):
    inputs = d2l.to_onehot(X, vocab_size)
    outputs, (H,) = d2l.rnn(inputs, (H,), params)
    outputs = nd.concat(*outputs, dim=0)
    return loss(outputs, Y.T.reshape((-1,))).mean(), H


def clipping_as_in_the_book(params, theta, ctx):
    norm = nd.array([0], ctx)
    for param in params:
        norm += (param.grad ** 2).sum()
    norm = norm.sqrt().asscalar()
    if norm > theta:
        for param in params:
            param.grad[:] *= theta / norm


# %% [markdown]
# `measure` trains a version for some epochs from the same parameters, and
# asserts that its perplexities are those of the first version. The rest of
# the step is the same for all, and fast from the start: one operator updates
# a parameter, and losses are read once an epoch. `measure` also counts the
# operators of one forward pass that MXNet records for the gradient; in the
# graph, "null" stands for an array, not for an operator.


# %%
def measure(label, forward, clip=None, trace=None):
    d2l.seed(seed)
    params = d2l.get_params(vocab_size, num_hiddens, ctx)
    step, history = partial(forward, params), []
    if trace:
        step = trace(step, params)
    for epoch in range(d2l.epochs(6)):
        losses, start = [], time.time()
        (H,) = d2l.init_rnn_state(batch_size, num_hiddens, ctx)
        for X, Y in d2l.data_iter_consecutive(corpus_indices, batch_size,
                                              num_steps, ctx):
            with autograd.record():
                l, H = step(X, Y, H.detach())
            l.backward()
            (clip or grad_clipping)(params, theta, ctx)
            d2l.sgd(params, lr, 1)
            losses.append(l)
        loss_mean = np.mean([l.asscalar() for l in losses])
        history.append({"epoch": epoch + 1, "perplexity": math.exp(loss_mean),
                        "seconds": time.time() - start,
                        "characters": len(losses) * X.size})
    histories[label] = history
    with autograd.record():
        l, _ = step(X, Y, H.detach())
    graph = autograd.get_symbol(l).tojson().replace('"op": "null"', "")
    operators = graph.count('"op": ')
    first = next(iter(histories.values()))
    for ours, theirs in zip(history, first, strict=True):
        assert math.isclose(ours["perplexity"], theirs["perplexity"],
                            rel_tol=1e-3)
    print(f"{label:<34}{operators:>4} operators, {seconds(label):.3f} s an "
          f"epoch, {seconds(next(iter(histories))) / seconds(label):.1f} x")


def seconds(label):
    times = [epoch["seconds"] for epoch in histories[label]]
    return statistics.median(times[1:] or times)  # the first prepares


measure("as in the book", as_in_the_book, clipping_as_in_the_book)

# %% [markdown]
# ## Threads
#
# By default MXNet uses half of the cores; d2lrnn lets it use all of them.
# The number is fixed when MXNet is loaded, so each needs a process of its
# own.

# %%
cores = d2l.basics.machine.num_cores()
setup = (f"import d2lrnn; from mxnet import nd; "
         f"A = nd.ones(({batch_size * num_steps}, {num_hiddens})); "
         f"B = nd.ones(({num_hiddens}, {vocab_size}))")
for threads in sorted({max(1, cores // 2), cores}):
    print(f"{threads} threads, the product of all outputs:", end=" ",
          flush=True)
    subprocess.run([sys.executable, "-m", "timeit", "-s", setup,
                    "nd.dot(A, B).wait_to_read()"], check=True,
                   env={**os.environ, "OMP_NUM_THREADS": str(threads)})

# %% [markdown]
# ## Clipping
#
# The dot product of a gradient with itself is the sum of its squares,
# without an array of squares in between. And Python never needs the norm's
# value, so the scale stays on the device. On a GPU, reading a number makes
# Python wait until the device is done, and then the device wait for Python;
# on a CPU, d2lrnn runs each operator at once, and there is nothing to wait
# for.


# %%
def grad_clipping(params, theta, ctx=None):
    # a dot product adds up in many places at once: fast, and off by 2e-6 on
    # a million numbers, where multi_sum_sq and norm are off by 5e-4
    flat = [param.grad.reshape(-1) for param in params]
    norm = nd.add_n(*(nd.dot(grad, grad) for grad in flat)).sqrt()
    if theta is not None:
        scale = nd.minimum(theta / norm, 1)
        for param in params:
            nd.broadcast_mul(param.grad, scale.reshape((1,) * param.ndim),
                             out=param.grad)
    return norm


measure("clipping that reads nothing", as_in_the_book)

# %% [markdown]
# ## A lookup
#
# The product of a one-hot vector with a matrix is a row of the matrix: all
# other rows are multiplied by zero. `nd.take` looks up the rows, those of
# the first step first. Taking them out one by one adds two operators a step,
# and saves a product.


# %%
def with_lookup(params, X, Y, H):
    W_xh, W_hh, b_h, W_hq, b_q = params
    outputs = []
    for rows in nd.take(W_xh, X.T):
        H = nd.tanh(rows + nd.dot(H, W_hh) + b_h)
        outputs.append(nd.dot(H, W_hq) + b_q)
    outputs = nd.concat(*outputs, dim=0)
    return loss(outputs, Y.T.reshape((-1,))).mean(), H


measure("a lookup", with_lookup)

# %% [markdown]
# ## One output product
#
# No output depends on another one, so their products can wait until all
# states are there, and become one. A large product uses caches and threads
# better than 35 small ones.


# %%
def with_one_output(params, X, Y, H):
    W_xh, W_hh, b_h, W_hq, b_q = params
    states = []
    for rows in nd.take(W_xh, X.T) + b_h:
        H = nd.tanh(rows + nd.dot(H, W_hh))
        states.append(H)
    outputs = nd.dot(nd.concat(*states, dim=0), W_hq) + b_q
    return loss(outputs, Y.T.reshape((-1,))).mean(), H


measure("one output product", with_one_output)

# %% [markdown]
# ## Tracing
#
# Python still hands over every operator. Once recorded, a forward pass is a
# graph: `d2l.Traced` lays out the memory of all its arrays once, and Python
# hands over the graph as one operator. The first call checks that it gives
# the function's own results and gradients.

# %%
as_written = partial(d2l.Traced, rewrite=False)
measure("traced", with_one_output, trace=as_written)

# %% [markdown]
# A graph can also be rewritten by rules of algebra: the lookup and the one
# output product are such rules. So the book's own code becomes fast without
# a change to it.

# %%
measure("the book's, traced and rewritten", as_in_the_book, trace=d2l.Traced)

# %% [markdown]
# ## The fused operator
#
# The concise version of the book takes all steps in one operator. It
# multiplies its inputs by weights of its own; here the rows have been looked
# up already, so these weights are the identity.


# %%
def fused(params, X, Y, H):
    W_xh, W_hh, b_h, W_hq, b_q = params
    weights = nd.concat(identity, W_hh.T.reshape(-1), zeros, b_h, dim=0)
    states, H = nd.RNN(nd.take(W_xh, X.T), weights, H.expand_dims(0),
                       state_size=num_hiddens, num_layers=1, mode="rnn_tanh",
                       state_outputs=True)
    outputs = nd.dot(states.reshape((-3, 0)), W_hq) + b_q
    return loss(outputs, Y.T.reshape((-1,))).mean(), H[0]


identity = nd.array(np.eye(num_hiddens).reshape(-1), ctx=ctx)
zeros = nd.zeros(num_hiddens, ctx=ctx)
measure("the fused operator", fused)

# %% [markdown]
# ## The limit
#
# Only the products, with nothing between them: the large ones of the
# outputs, and those of the states, step by step, forwards and backwards.

# %%
rows = batch_size * num_steps
X, G, H, W_hh, W_hq = (nd.ones(shape, ctx) for shape in (
    (rows, num_hiddens), (rows, vocab_size), (batch_size, num_hiddens),
    (num_hiddens, num_hiddens), (num_hiddens, vocab_size)))


def products():
    start = time.time()
    for _ in range(num_steps):
        nd.dot(H, W_hh)
        nd.dot(H, W_hh, transpose_b=True)
    nd.dot(X, X, transpose_a=True)
    nd.dot(X, W_hq)
    nd.dot(G, W_hq, transpose_b=True)
    nd.dot(X, G, transpose_a=True)
    nd.waitall()
    return time.time() - start


num_batches = (len(corpus_indices) // batch_size - 1) // num_steps
limit = num_batches * statistics.median(products() for _ in range(20))
print(f"{'the products alone':<34}{limit:.3f} s an epoch")

# %%
axes = d2l.new_figure(figsize=(7, 3.6)).add_subplot()
axes.bar_label(axes.barh(list(histories), list(map(seconds, histories))),
               fmt="%.2f", padding=3)
axes.axvline(limit, color="0.3", linestyle="--",
             label=f"the products alone ({limit:.2f})")
axes.invert_yaxis()
axes.set(xlabel="seconds an epoch")
axes.legend(loc="lower right")
axes.figure

# %%
path = writable(Path("runs")) / "making_it_fast.png"
axes.figure.savefig(path, dpi=150)
print("picture:", path)

# %% [markdown]
# ## What was seen
#
# On two cores of an AMD EPYC, with the Jay Chou lyrics, an epoch took in
# three runs 0.77 to 0.85 seconds as in the book, 0.70 to 0.84 with clipping
# that reads nothing and 0.64 to 0.86 with a lookup (alone, neither stands
# out from the noise), 0.47 to 0.59 with one output product, 0.29 to 0.38
# traced, 0.28 to 0.36 with the fused operator, which is not traced, and 0.22
# to 0.29 for the book's own code, traced and rewritten. The product of all
# outputs took 5.9 milliseconds with one thread and 3.0 with two. The
# products alone took 0.13 to 0.16: that is the floor, and only what lies
# above it can still be saved.
#
# ## Summary
#
# * A model is fast when the device always has work, and the work is large
#   products. Python, memory and small operators only get in the way.
# * Look for products with zeros, for one product in 35 pieces, and for a
#   number that is read without need.
# * A faster version must compute the same: assert it, then measure it.
#
# ## Exercises
#
# 1. Measure with `batch_size` 2 and with 256. Which ideas help the small
#    one, and which the large one?
# 2. Look up with `nd.Embedding` instead of `nd.take`. Is it the same?
# 3. Let `measure` print `step.before` and `step.after` of the book's step,
#    traced. How many operators of which kind are left?
