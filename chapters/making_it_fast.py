# %% [markdown]
# # Making it fast
#
# Where does a second of training go? In the book's own code, [the concise
# version](rnn_gluon.py) of a model trains faster than [the one from
# scratch](rnn_scratch.py), although both compute the same products of
# matrices. That is not a law. This lesson takes the book's forward pass and
# clipping, with the book's settings, and makes them faster by one idea at a
# time; in the end, the book's own lines are fast, unchanged. Every version
# computes the same perplexities, which is asserted. What changes is how many
# operators a training step has, how large they are, and how often Python and
# memory get in the way.
#
# After this lesson you can
#
# * say which part of a training step is arithmetic, and which part is
#   overhead;
# * find products that are not needed, or that can become one;
# * trace a training step of your own, and check that it computes the same.
#
# You need the two lessons above. This one runs in about a minute; letters as
# in [notation](/notation.md).
#
# Two products of each time step of an RNN cannot be avoided (the third, of
# one-hot vectors, can): $\mathbf{H}_{t-1} \mathbf{W}_{hh}$ and $\mathbf{H}_t
# \mathbf{W}_{hq}$, and for each product $\mathbf{A} \mathbf{B}$ two more in
# the backward pass, $\mathbf{G} \mathbf{B}^\top$ and $\mathbf{A}^\top
# \mathbf{G}$, where $\mathbf{G}$ is the gradient of $\mathbf{A} \mathbf{B}$.
# A product of an $n \times k$ matrix and a $k \times m$ matrix takes $2 n k
# m$ operations. With the book's $n = 32$ and $h = 256$, $\mathbf{H}_{t-1}
# \mathbf{W}_{hh}$ takes $2 \cdot 32 \cdot 256 \cdot 256$, or 4.2 million. Is
# that much?

# %%
import math
import statistics
import time
from functools import partial

import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import autograd, gluon, nd

seed, ctx = 1, d2l.try_gpu()
num_hiddens, batch_size, num_steps, lr, theta = 256, 32, 35, 1e2, 1e-2
corpus = d2l.load_data_jay_lyrics()
corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus
loss, histories = gluon.loss.SoftmaxCrossEntropyLoss(), {}
print(f"text: {corpus.source}, {vocab_size:,} characters, on {ctx}")

# %% [markdown]
# ## What does an operator cost?
#
# Time four products: of two numbers, of a state with $\mathbf{W}_{hh}$ and
# with $\mathbf{W}_{hq}$, and of the states of all steps with
# $\mathbf{W}_{hq}$. A GFLOP/s is a billion operations a second.


# %%
def time_product(n, k, m, number=50):
    A, B, times = nd.ones((n, k), ctx), nd.ones((k, m), ctx), []
    for _ in range(number):
        start = time.perf_counter()
        nd.dot(A, B).wait_to_read()
        times.append(time.perf_counter() - start)
    took = min(times)  # the others were interrupted
    print(f"{n:>5} x {k:<4} times {k:>4} x {m:<5} {2 * n * k * m:>11,} "
          f"operations {took * 1e6:>6,.0f} microseconds "
          f"{2 * n * k * m / took / 1e9:>8.3f} GFLOP/s")
    return took


for shape in ((1, 1, 1), (batch_size, num_hiddens, num_hiddens),
              (batch_size, num_hiddens, vocab_size),
              (num_steps * batch_size, num_hiddens, vocab_size)):
    time_product(*shape)

# %% [markdown]
# The first line is the price of a call: hardly any arithmetic, and yet it
# takes microseconds, which every operator costs, however small. For the 4.2
# million operations of a state, that is a tenth or more; for the last line,
# it is nothing, and each operation is cheaper. So there are two ways to gain:
# fewer operators, and larger ones.
#
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
# the training step is the same for all, and fast from the start: one operator
# updates a parameter, and losses are read once an epoch. `measure` also
# counts the operators that MXNet records in one forward pass; in the recorded
# graph, "null" stands for an array, not for an operator. What needs no
# gradient, such as making the one-hot vectors, is not recorded.


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
# ## Clipping
#
# The dot product of a gradient with itself is the sum of its squares, without
# an array of squares in between. And Python never needs the norm's value, so
# the scale stays on the device. On a GPU, reading a number makes Python wait
# until the device is done, and then the device wait for Python. On a CPU,
# d2lrnn runs each operator as soon as it is called, so there is nothing to
# wait for: what is saved here is arrays. (`d2l.fit` calls the operators below
# as one graph.)


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
# The product of a one-hot vector and a matrix is a row of the matrix: all
# other rows are multiplied by zero. `nd.take` looks up the rows of all steps,
# those of the first step first. Taking these out again adds two operators a
# time step, but saves a product, and a one-hot operator that was not counted.


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
# No output depends on another, so their products can wait until all states
# are known, and become one ({numref}`fig-one-product`). A large product uses
# caches and threads better than a small one for each step.
#
# ```{figure} /figures/one_product.svg
# :name: fig-one-product
# :alt: Three states times a matrix, one by one and stacked into one matrix.
#
# On the left, a product with $\mathbf{W}_{hq}$ for each state. On the right,
# the rows of all states stand in one matrix, and one product is enough.
# ```


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
# Python still calls each operator by itself. Once recorded, a forward pass is
# a graph: `d2l.Traced` plans the memory of all its arrays once, and Python
# calls the graph as one operator. The first call checks that the graph gives
# the function's own results and gradients.

# %%
as_written = partial(d2l.Traced, rewrite=False)
measure("traced", with_one_output, trace=as_written)

# %% [markdown]
# A graph can also be rewritten by rules of algebra. The lookup and the one
# output product are two of them; other rules, such as one that turns the
# gradient of a bias into a product, save more time still. So the book's own
# code becomes fast unchanged.

# %%
measure("the book's, traced and rewritten", as_in_the_book, trace=d2l.Traced)

# %% [markdown]
# ## The fused operator
#
# The book's concise version takes all steps in one operator. This operator
# multiplies its inputs by weights of its own; here the rows have been looked
# up already, so these weights are the identity. It wants all weights as one
# array: joined as matrices, and only then laid end to end, they are copied
# faster than joined end to end. (The package's `d2l.RNNModel` looks rows up
# as well, and on a CPU its steps are an operator written in NumPy.)


# %%
def fused(params, X, Y, H):
    W_xh, W_hh, b_h, W_hq, b_q = params
    weights = nd.concat(identity, W_hh.T, zeros, b_h.reshape((1, -1)), dim=0)
    states, H = nd.RNN(nd.take(W_xh, X.T), weights.reshape(-1),
                       H.expand_dims(0), state_size=num_hiddens, num_layers=1,
                       mode="rnn_tanh", state_outputs=True)
    outputs = nd.dot(states.reshape((-3, 0)), W_hq) + b_q
    return loss(outputs, Y.T.reshape((-1,))).mean(), H[0]


identity = nd.eye(num_hiddens, ctx=ctx)
zeros = nd.zeros((1, num_hiddens), ctx=ctx)
measure("the fused operator", fused)

# %% [markdown]
# ## A common mistake: fast, but not the same
#
# The scores stand in the order of the steps, and so must the labels. If they
# stand in the order of the examples, all shapes are right, the operators are
# the same, and the perplexity falls nearly as well at first, while a model
# learns only how frequent each character is, whatever the order: only the
# assertion notices.


# %%
def in_wrong_order(params, X, Y, H):
    return with_one_output(params, X, Y.reshape((num_steps, -1)).T, H)


label = "labels in the wrong order"
try:
    measure(label, in_wrong_order)
except AssertionError:
    wrong, right = histories.pop(label), histories["as in the book"]
    print(f"{label}: perplexity {wrong[-1]['perplexity']:.1f} instead of "
          f"{right[-1]['perplexity']:.1f}")
assert label not in histories

# %% [markdown]
# ## The limit
#
# Only the products, with nothing in between: those of the states, step by
# step, forward and backward, and four large ones, of the gradient of
# $\mathbf{W}_{hh}$ and of the outputs. They are timed for one mini-batch, and
# multiplied by the number of mini-batches.

# %%
rows = batch_size * num_steps
num_batches = (len(corpus_indices) // batch_size - 1) // num_steps
limit = num_batches * (
    2 * num_steps * time_product(batch_size, num_hiddens, num_hiddens)
    + time_product(num_hiddens, rows, num_hiddens)
    + time_product(rows, num_hiddens, vocab_size)
    + time_product(rows, vocab_size, num_hiddens)
    + time_product(num_hiddens, rows, vocab_size))
operations = 6 * rows * num_hiddens * (num_hiddens + vocab_size) * num_batches
print(f"the products: {limit:.3f} s, {operations / limit / 1e9:.0f} GFLOP/s")

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
for label in histories:
    print(f"{label:<34}{limit / seconds(label):4.0%} of the time is products")

# %% [markdown]
# ## Results
#
# The bars above are measurements on the machine that built this page. In our
# run on two cores tracing gained most; the lookup and the one output product
# each saved about a fifth of what was left, the other rules about a quarter,
# clipping nothing that stands out from the noise. The book's own code, traced
# and rewritten, was fastest, ahead of the fused operator with its product
# with the identity. Such gains vary from run to run. The last lines compare
# each epoch with the products that must remain, at their fastest: what is
# left is an upper bound on what can still be saved. It is not all overhead:
# the book's loop also multiplies one-hot vectors, over a third of its
# operations, and its small products are slow. (The same two products took
# twice as long at the top of this page as under "The limit", so take these
# shares as rough.) [Results](/results.md) has timings of code from scratch
# and of Gluon's layers on an otherwise idle machine, beside those of other
# packages.
#
# ## Summary
#
# * A model is fast if the device always has work, and the work is large
#   products. Each operator has its price, however small it is.
# * Look for products with zeros, for one product in many pieces, and for
#   numbers that are read without need.
# * A faster version must compute the same: assert that, then measure.
#
# ## Exercises
#
# 1. (\*) Count the operations of the products in a forward pass of the book's
#    loop. Which share of them does the lookup save?
# 2. (\*) Close this page and write `grad_clipping` from its description.
#    `d2l.check("making_it_fast", 2, grad_clipping)` says what differs.
# 3. (\*\*) Time a product of a state with $\mathbf{W}_{hh}$ for a
#    `batch_size` of 2 and of 256. What does a row cost in each? Which ideas
#    of this lesson help the small one, and which the large one?
# 4. (\*\*) From its first call on, a `d2l.Traced` keeps tables of its graph
#    as text, `before` and `after` the rewriting. Wrap the book's training
#    step, call it once while recording, and print both. How many products are
#    left, and what has become of the one-hot vectors?
# 5. (\*\*\*) Make a training step of [the LSTM](lstm.py) faster in the same
#    way, and assert that it computes the same. How many products does its
#    forward pass need?
#
# ## Further reading
#
# * S. Williams, A. Waterman and D. Patterson, *Roofline: An Insightful Visual
#   Performance Model for Multicore Architectures*, 2009: limits.
# * T. Chen et al., *MXNet: A Flexible and Efficient Machine Learning Library
#   for Heterogeneous Distributed Systems*, 2015.
# * J. Appleyard, T. Kočiský and P. Blunsom, *Optimizing Performance of
#   Recurrent Neural Networks on GPUs*, 2016: fused operators.
#
# In the book, computational performance is chapter 8 of the first edition and
# 12 of the second. Next: [training in parallel](parallel_scan.py).
