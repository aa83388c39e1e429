# %% [markdown]
# # Recurrent networks that train in parallel
#
# Must a recurrent network wait for itself? Each state needs the one before
# it, so a text of 4,096 characters takes 4,096 steps one after another,
# however many processors stand idle. In 2024 two old cells came back with
# gates that no longer read the state. Their steps can be joined in any
# grouping, as the terms of a sum can. After this lesson you can
#
# * recognise a recurrence that is linear in its state, and join its steps in
#   a tree;
# * write this scan forward and backward, and say what it saves, what it
#   costs, and where it pays;
# * name a task that such a cell cannot learn, and the reason.
#
# You need [the GRU](gru.py), [the LSTM](lstm.py) and [making it
# fast](making_it_fast.py). On two CPU cores the lesson takes about two
# minutes. The letters are those of the [notation](/notation.md).

# %%
import io
import timeit
from contextlib import redirect_stdout

import d2lrnn as d2l  # before mxnet
import numpy as np
from d2lrnn import numpy_rnn
from mxnet import autograd, gluon, nd, optimizer

# %% [markdown]
# ## What makes it wait
#
# Not the recurrence as such. A sum is a recurrence too,
# $s_t = s_{t-1} + x_t$, and two people can add up half the terms each. With
# $\mathbf{H}_t = \tanh(\mathbf{X}_t \mathbf{W}_{xh} + \mathbf{H}_{t-1}
# \mathbf{W}_{hh} + \mathbf{b}_h)$ nobody can begin with the second half: a
# tanh of a tanh has no shorter form and is computed from the inside out. In
# a GRU only products and sums lie on the line from state to state, but its
# gates read $\mathbf{H}_{t-1}$ and pass it through a sigmoid.
#
# Feng et al. (2024) take the state out of the gates and out of the candidate,
# so that the reset gate has nothing left to do, and take the tanh off. What
# remains of the GRU is the minGRU:
#
# $$\begin{aligned}
#   \mathbf{Z}_t &= \sigma(\mathbf{X}_t \mathbf{W}_{xz} + \mathbf{b}_z), \\
#   \tilde{\mathbf{H}}_t &= \mathbf{X}_t \mathbf{W}_{xh} + \mathbf{b}_h, \\
#   \mathbf{H}_t &= (1 - \mathbf{Z}_t) \odot \mathbf{H}_{t-1}
#   + \mathbf{Z}_t \odot \tilde{\mathbf{H}}_t.
#   \end{aligned}$$
#
# (Here $\mathbf{Z}_t$ is the share of the new; in the GRU it was that of the
# old.) The minLSTM, `d2l.minlstm`, has gates $\mathbf{F}_t$ and
# $\mathbf{I}_t$ that read the input in the same way. Divided by their sum,
# they take the places of $1 - \mathbf{Z}_t$ and $\mathbf{Z}_t$.


# %%
def mingru(inputs, state, params):
    W_xz, b_z, W_xh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        Z = nd.sigmoid(nd.dot(X, W_xz) + b_z)
        H_tilde = nd.dot(X, W_xh) + b_h
        H = (1 - Z) * H + Z * H_tilde
        Y = nd.dot(H, W_hq) + b_q
        outputs.append(Y)
    return outputs, (H,)


# %% [markdown]
# ## Two steps are one step
#
# For one unit, both cells have the form
#
# $$h_t = a_t h_{t-1} + b_t,$$
#
# where the factor $a_t$ and the summand $b_t$ come from the input alone, so
# they can be computed for all steps at once. Such a recurrence is *linear in
# the state*. Put one step into the next:
#
# $$\begin{aligned} h_{t+1} &= a_{t+1} (a_t h_{t-1} + b_t) + b_{t+1} \\
#   &= (a_{t+1} a_t)\, h_{t-1} + (a_{t+1} b_t + b_{t+1}). \end{aligned}$$
#
# That is a step of the same form. So the pair of $t$ and the pair of $t + 1$
# are *joined* to one pair, which leads over both steps:
#
# $$\begin{gathered} (a_t, b_t), (a_{t+1}, b_{t+1}) \;\to \\
#   (a_{t+1} a_t,\; a_{t+1} b_t + b_{t+1}). \end{gathered}$$
#
# Three pairs can be joined in two groupings, and either way the result is
# $(a_3 a_2 a_1,\; a_3 a_2 b_1 + a_3 b_2 + b_3)$: joining is *associative*, as
# it has to be, since it applies one function of the state after another. So
# neighbours can be joined first, all at the same time, then the pairs that
# result, as in {numref}`fig-scan-tree`.
#
# ```{figure} /figures/scan_tree.svg
# :name: fig-scan-tree
# :alt: Eight pairs are joined in three levels to one; below, eight states.
#
# Eight steps, each a factor above a summand. Upwards, neighbours are joined,
# in three levels; the last pair leads from $h_0$ to $h_8$. Below, the loop
# takes eight steps to the same number.
# ```
#
# Take the first two pairs of the figure, $(1/2, 2)$ and $(1, 2)$. Joined,
# they are $(1 \cdot 1/2,\; 1 \cdot 2 + 2) = (1/2, 4)$. From $h_0 = 4$ that
# gives $1/2 \cdot 4 + 4 = 6$, and so does the loop: $4 \to 4 \to 6$.


# %%
def join(first, second):
    (a, b), (a_next, b_next) = first, second
    return a_next * a, a_next * b + b_next


h_0, steps = 4, [(0.5, 2), (1, 2), (0.5, 1), (0.5, 0),
                 (1, 3), (1, 1), (0.5, -1), (0.5, 3)]
pairs = steps
while len(pairs) > 1:
    pairs = [join(*two) for two in zip(pairs[::2], pairs[1::2], strict=True)]
    print("joined:", *pairs)
assert pairs == [(1 / 32, 31 / 8)] and 1 / 32 * h_0 + 31 / 8 == 4

# %% [markdown]
# ## All states: the scan
#
# The tree gives the last state, but training needs each of them. Let every
# position $t$ hold a pair that reaches back over some steps, at first one. In
# each level the pair that ends just before this one begins is joined to it,
# and its reach doubles. After $\log_2 T$ levels all pairs reach back to the
# start, and with $h_0 = 0$ their summands are the states (Hillis and Steele,
# 1986). Within a level no position waits for another: the first two lines
# below `while` work on whole arrays. Another $h_0$ goes into the first
# summand.


# %%
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


a, b = np.array(steps).T
b[0] += a[0] * h_0
print("states:", scan(a, b))
assert [*scan(a, b)] == [*loop(a, b)] == [4, 6, 4, 2, 5, 6, 2, 4]

# %% [markdown]
# A whole minGRU is two products, which read all inputs at once, and a scan.
# We compare it with the loop, in float64, and with `mingru`, in float32.

# %%
rng, T, n, h = np.random.default_rng(1), 1000, 4, 16
W_xz, b_z, W_xh, b_h, *output = params = d2l.get_mingru_params(8, h)
for param in params:
    param[:] = 50 * param  # gates that differ from one half
inputs = d2l.to_onehot(nd.array(rng.integers(8, size=(n, T))), 8)
X = nd.stack(*inputs)  # (T, n, 8)
Z = nd.sigmoid(nd.dot(X, W_xz) + b_z).asnumpy().astype("float64")
b = Z * (nd.dot(X, W_xh) + b_h).asnumpy()
H = scan(1 - Z, b)
_, (H_last,) = mingru(inputs, d2l.init_mingru_state(n, h, None), params)
from_loop = abs(H - loop(1 - Z, b)).max()
from_mingru = abs(H[-1] - H_last.asnumpy()).max()
print(f"from loop: {from_loop:.0e}, from mingru: {from_mingru:.0e}")
assert from_loop < 1e-12 and from_mingru < 1e-5

# %% [markdown]
# ## Backward, from the end
#
# Let $dh_t$ be the gradient that $h_t$ gets from its own output, and $g_t$
# its whole gradient. The state also reaches the loss through
# $h_{t+1} = a_{t+1} h_t + b_{t+1}$, so
#
# $$g_t = a_{t+1}\, g_{t+1} + dh_t:$$
#
# again a recurrence that is linear, but from the end. Turn the arrays around,
# and the scan computes this one too. Then $g_t$ is the gradient of $b_t$, and
# $g_t h_{t-1}$ that of $a_t$. The [numeric check](numpy_rnn.py) judges.


# %%
def scan_backward(a, H, dH):
    # the last factor after the roll meets a state of 0
    G = scan(np.roll(a, -1, axis=0)[::-1], dH[::-1])[::-1]
    return {"da": G * np.concatenate([0 * H[:1], H[:-1]]), "db": G}


a, b, direct = rng.uniform(size=(3, 20, 4))
differences = numpy_rnn.gradient_check(
    lambda p: (loop(p["a"], p["b"]) * direct).sum(), {"a": a, "b": b},
    scan_backward(a, scan(a, b), direct))
print(*(f"{name}: {r:.0e}" for name, r in differences.items()))
assert max(differences.values()) < 1e-7

# %% [markdown]
# ## What it costs, and what it saves
#
# The loop has $T$ steps, and each waits for the one before. The scan has
# $\log_2 T$ levels, but with reach $r$ a level makes $T - r$ joins: in all $T
# \log_2 T - T + 1$. (A tree that gives all states needs fewer than $2T$ joins
# and steps, in fewer than $2 \log_2 T$ levels: Blelloch, 1990.) Fewer waits
# are paid for with more work. Which counts for more? We time both in NumPy,
# on one core, at two widths: the number of examples times the number of
# hidden units. 16 is tiny; 2,048 is 32 examples with 64 units.

# %%
joins = sum(2 ** 12 - 2 ** level for level in range(12))
print(f"4,096 steps, or 12 levels with {joins:,} joins")
assert joins == 4096 * 12 - 4096 + 1


def seconds(way, T, width):
    a, b = rng.uniform(size=(2, T, width)).astype("float32")
    return min(timeit.repeat(lambda: way(a, b), number=1, repeat=3))


lengths = [2 ** k for k in range(6, 13)]
panels = d2l.new_figure((9, 3.8)).subplots(1, 2, sharey=True)
for axes, width in zip(panels, (16, 2048), strict=True):
    for way in (loop, scan):
        times = [seconds(way, T, width) for T in lengths]
        axes.loglog(lengths, times, "o-", label=way.__name__)
        print(f"width {width:,}, {way.__name__}: {times[-1]:.4f} s")
    axes.set(xlabel="steps", title=f"width {width:,}")
    axes.legend()
panels[0].set_ylabel("seconds")
panels[0].figure

# %% [markdown]
# Where the arrays are tiny, the time is the price of an operator, as in
# [making it fast](making_it_fast.py): the loop calls thousands of them, the
# scan a few dozen, and wins even on one core. Where they are wide, each
# operator has enough to do. In our run the scan, which does more work and
# moves large arrays through memory at each level, then took several times as
# long as the loop. So `CharRNN` runs these cells as a loop on a CPU.
#
# If $p$ processors share each level evenly, and a join takes as long as a
# step, the scan takes as long as about $T (\log_2 T - 1) / p$ steps. Against
# a loop on one of them, it breaks even at $p = \log_2 T - 1$: 11 for 4,096
# steps, and our machine has two. A GPU has thousands, and there it is the
# sequential steps that cost. With a scan written for GPUs, Martin and Cundy
# (2018) report training that is up to 9 times as fast.
#
# ## Common mistakes
#
# **The closed form.** With $h_0 = 0$ and $p_t = a_1 \cdots a_t$, the
# recurrence has the solution $h_t = p_t \sum_{k \le t} b_k / p_k$, which is
# one line of NumPy. But a product of shares vanishes, and what is divided by
# it overflows.

# %%
for kind, limit in (("float32", 160), ("float64", 1100)):
    a, b = np.full(2000, 0.5, kind), np.ones(2000, kind)
    with np.errstate(all="ignore"):
        closed = a.cumprod() * (b / a.cumprod()).cumsum()
    step = np.isfinite(closed).argmin()  # the first that is not
    print(f"{kind}: {closed[step]} at step {step + 1}, {closed[-1]} at 2000")
    assert step < limit and abs(scan(a, b) - loop(a, b)).max() < 1e-6

# %% [markdown]
# One half is where the gates begin. Logarithms alone do not help:
# $\exp(\log b_k - \log p_k)$ overflows as well. The whole sum has to stay a
# logarithm, which needs positive summands; Feng et al. make their candidates
# positive. Our scan multiplies shares and never divides.
#
# **The wrong order.** The grouping is free, the order is not.

# %%
a, b = join(steps[1], steps[0])
print(f"h_2 would be {a * h_0 + b}, not 6")
assert a * h_0 + b == 5

# %% [markdown]
# ## What is given up: a task
#
# Read bits, and say after each whether the ones so far are odd or even in
# number. A minGRU cannot learn this *parity* for strings of every length. Its
# factors $1 - z_t$ lie between 0 and 1 and depend on the bit alone. While it
# reads ones and nothing else, $a$ and $b$ stay the same, and each unit
# approaches $b / (1 - a)$ from one side: its distance is multiplied by $a >
# 0$ at each step. The difference of the two scores is then a constant plus a
# weighted sum of powers $a^t$, one for each unit. With positive $a$ such a
# sum changes its sign at most as often as there are units, so the answer
# cannot alternate for ever.
#
# Is it the nonlinearity that is missing? Let the state be 1 for even and $-1$
# for odd: a one multiplies it by $-1$, a zero by 1. That is linear in the
# state! (Our cells begin at 0: with the summand 1, a one gives $h \to 1 - h$,
# and the state goes between 0 and 1.) The minGRU lacks a negative factor. So
# we try a third cell, which the scan can compute as well: its factor is a
# tanh of the input.


# %%
def signed(inputs, state, params):
    W_xa, b_a, W_xh, b_h, W_hq, b_q = params
    (H,), outputs = state, []
    for X in inputs:
        H = nd.tanh(nd.dot(X, W_xa) + b_a) * H + nd.dot(X, W_xh) + b_h
        outputs.append(nd.dot(H, W_hq) + b_q)
    return outputs, (H,)


def read_bits(cell, params, batch_size, num_steps, rng):
    X = rng.integers(2, size=(batch_size, num_steps))
    outputs, _ = cell(d2l.to_onehot(nd.array(X), 2),
                      (nd.zeros((batch_size, 16)),), params)
    return nd.stack(*outputs), nd.array(X.cumsum(axis=1).T % 2)


def learn_parity(cell, params, seed):
    rng, loss = np.random.default_rng(seed), gluon.loss.SoftmaxCELoss()
    update = optimizer.get_updater(optimizer.Adam(0.02))
    for _ in range(d2l.epochs(400)):
        with autograd.record():
            L = loss(*read_bits(cell, params, 32, 16, rng)).mean()
        L.backward()
        for i, param in enumerate(params):
            update(i, param.grad, param)
    for T in (16, 64):
        scores, parity = read_bits(cell, params, 256, T, rng)
        yield (scores[-1].argmax(axis=1) == parity[-1]).mean().asscalar()


for cell, get_params in {d2l.rnn: d2l.get_params,
                         mingru: d2l.get_mingru_params,
                         signed: d2l.get_mingru_params}.items():
    for seed in (1, 2, 3):
        d2l.seed(seed)
        params = get_params(2, 16)
        for param in params:
            param[:] = 20 * param  # the recurrence of rnn begins near size 1
        at_16, at_64 = learn_parity(cell, params, seed)
        print(f"{cell.__name__:<7}{at_16:4.0%} of 16, {at_64:4.0%} of 64")
        assert cell is not mingru or at_64 < 0.75

# %% [markdown]
# The table counts the answers after the last bit; half is chance. All were
# trained on 16 bits, with an answer at every step. In our run the plain
# network and the cell with negative factors found the rule with every seed,
# and it held for strings four times as long; the minGRU stayed at chance. So
# what fails here is the positive factor, not the linear state.
#
# A factor for each unit cannot do everything either. Under which of three
# cups the ball is depends on the *order* of the swaps. In a single layer,
# that takes a matrix in the place of $a_t$, or a nonlinear step; how far
# linear states reach is the question of Merrill et al. and of Grazzi et al.
# (both 2024).
#
# ## What is given up: nats
#
# Does a text ask for such things? Four cells with 128 units read the same
# text, with three seeds each and equally many updates; the loss is measured
# on the last tenth, which they do not train on.

# %%
corpus = d2l.load_corpus("shakespeare")
axes = d2l.new_figure().subplots()
for cell in ("gru", "lstm", "mingru", "minlstm"):
    runs = []
    for seed in (1, 2, 3):
        model = d2l.CharRNN(corpus.vocab_size, 64, 128, 1, cell=cell)
        with redirect_stdout(io.StringIO()):
            history = d2l.fit(model, corpus, d2l.epochs(10), lr=1e-2,
                              batch_size=16, num_steps=50, seed=seed)
        runs.append([(r["seconds"], r["held_out_loss"]) for r in history])
    times, nats = np.moveaxis(runs, 2, 0)  # (3, num_epochs)
    times = np.median(times, axis=0).cumsum()
    least, median, most = np.sort(nats, axis=0)
    print(f"{cell:<8}{times[-1]:5.1f} s, at the end {median[-1]:.3f} nats "
          f"({least[-1]:.3f} to {most[-1]:.3f}), at best {median.min():.3f}")
    axes.fill_between(times, least, most, alpha=0.2)
    axes.plot(times, median, "o-", label=cell)
axes.set(xlabel="seconds", ylabel="held-out nats", title=corpus.source)
axes.legend()
axes.figure

# %% [markdown]
# In our run the minGRU took least time for its ten epochs, but it and the
# minLSTM ended more than a tenth of a nat behind the LSTM; after equal times
# they were behind as well. The GRU was ahead at first, then began to learn
# the text by heart. One layer of a minGRU adds up what single characters
# contribute, faded by gates that see single characters, too; how one
# character changes the meaning of another is left to a further layer. Feng et
# al. stack several. And equally many units are not equally many weights: the
# layer of the LSTM has about six times those of the minGRU. One small text,
# read by one layer, settles little.
#
# ## From here to state-space models
#
# A linear state with a learned matrix in the place of $a_t$, the same at all
# steps, is the core of S4 (Gu et al., 2021) and of the linear recurrent unit
# (Orvieto et al., 2023), whose factors are complex numbers of size below 1.
# Mamba (Gu and Dao, 2023) lets factors depend on the input, as the minGRU
# does, and gives each unit several of them. All stack such layers with
# nonlinear ones in between: the state stays linear in time, the network does
# not. How they stand beside Transformers is on the page [after recurrent
# networks](/after_rnns.md).
#
# ## Summary
#
# * If the state enters linearly, and the factors come from the input alone,
#   two steps are one step of the same form, and all can be joined in
#   $\log_2 T$ levels. The gradient is such a recurrence too, from the end.
# * The scan does more work in fewer steps that wait for one another. It pays
#   where steps are tiny or processors are many.
# * Positive factors that read the input alone cannot count modulo 2; a
#   negative factor can, and still fits the scan.
#
# ## Exercises
#
# 1. (\*) Join the last four pairs of {numref}`fig-scan-tree` in another
#    grouping. Which pair has to come out?
# 2. (\*\*) Which is linear in the state: $h_t = \max(h_{t-1}, x_t)$,
#    $h_t = x_t h_{t-1}^2$ or $h_t = h_{t-1} / x_t$? The other two can be
#    scanned as well, one of them for positive numbers. How?
# 3. (\*\*) Write the tree for all states as a function of `a` and `b` that
#    calls itself: join neighbours, find the states after each pair, take one
#    step to those in between. How many joins and steps does it need for 4,096
#    steps, and which of the other two ways does it beat, at each width?
# 4. (\*\*) Give the minGRU two layers, and train for as many epochs. Does it
#    end behind one layer of the LSTM, or ahead of it?
# 5. (\*\*\*) Three cups, and a ball under the first. Each input is one of the
#    three swaps of two cups, drawn at random. Train the plain network and
#    `signed` on strings of six swaps to say after each where the ball is. How
#    often is each of them right after the sixth?
#
# ## Further reading
#
# * G. E. Blelloch, *Prefix Sums and Their Applications*, 1990; W. D. Hillis
#   and G. L. Steele, *Data Parallel Algorithms*, 1986: the two scans.
# * E. Martin and C. Cundy, *Parallelizing Linear Recurrent Neural Nets over
#   Sequence Length*, 2018.
# * L. Feng et al., *Were RNNs All We Needed?*, 2024: minGRU and minLSTM.
# * A. Gu, K. Goel and C. Ré, *Efficiently Modeling Long Sequences with
#   Structured State Spaces*, 2021: S4.
# * A. Orvieto et al., *Resurrecting Recurrent Neural Networks for Long
#   Sequences*, 2023; A. Gu and T. Dao, *Mamba: Linear-Time Sequence Modeling
#   with Selective State Spaces*, 2023.
# * W. Merrill, J. Petty and A. Sabharwal, *The Illusion of State in
#   State-Space Models*, 2024; R. Grazzi et al., *Unlocking State-Tracking in
#   Linear RNNs Through Negative Eigenvalues*, 2024.
#
# The book has no section on this; its recurrent networks are 6.1 to 6.10 in
# the first edition, and chapters 8 and 9 in the second. Next: [training
# together](together.py).
