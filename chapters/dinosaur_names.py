# %% [markdown]
# # Names for new dinosaurs
#
# What does the name of a dinosaur sound like, and do 50 hidden units learn it
# better than a table of counts? Most lessons read one long text. Here each
# example is a short one, a name: a recurrent network reads it letter by
# letter, learns where a name ends, and then invents new ones. All of it is
# NumPy, down to the gradients.
#
# After this lesson you can
#
# * make examples of short texts, each with an end of its own;
# * train a character model in NumPy, and judge it by what counting achieves;
# * watch a name being drawn, and say what the temperature and the first state
#   do to it.
#
# You need [the plain network](rnn_scratch.py) and
# [recurrent cells by hand](numpy_rnn.py). The lesson runs in about a minute.
# Its names and settings are those of "Character level language model", an
# assignment in the course Sequence Models (Deep Learning Specialization);
# [notation](/notation.md) lists its letters beside those of the book. A name
# is one column,
#
# $$\begin{gathered} \mathbf{a}_t = \tanh(\mathbf{W}_{ax} \mathbf{x}_t
#   + \mathbf{W}_{aa} \mathbf{a}_{t-1} + \mathbf{b}), \\
#   \hat{\mathbf{y}}_t = \mathrm{softmax}(\mathbf{W}_{ya} \mathbf{a}_t
#   + \mathbf{b}_y), \end{gathered}$$
#
# and its loss is the sum $L = -\sum_t \log \hat{y}_{t, y_t}$ over its
# characters $y_t$.

# %%
import d2lrnn as d2l
import numpy as np
from d2lrnn import dinosaur
from d2lrnn.dinosaur import Buffers, encode, unpack
from d2lrnn.numpy_rnn import softmax

names, source = dinosaur.load_names()
print(f"names: {source}: {', '.join(names[:3])} ...")

# %% [markdown]
# ## A name is an example
#
# The newline has an id, like the letters: it ends a name, and the network has
# to learn where. `X` is what the network reads, with None, a zero vector,
# before the first letter. `Y` is what it should predict: one step ahead, with
# the newline at the end ({numref}`fig-name-example`).
#
# ```{figure} /figures/name_example.svg
# :name: fig-name-example
# :alt: A name's letters, a chain of states, and the letters one step ahead.
#
# A made-up name as an example. `X` begins with the zero vector, drawn as an
# empty cell; `Y` ends with the newline.
# ```

# %%
ix_to_char, char_to_ix = dinosaur.vocabulary(names)
vocab_size = len(char_to_ix)
X, Y = encode(names[0], char_to_ix)
print(f"{names[0]}\nX: {X}\nY: {Y}")

# %% [markdown]
# ## A mark to beat
#
# Before there is a model, count: how often does each character follow the
# $n - 1$ before it? A tenth of the names is held out, and tells how good
# these shares are as probabilities, in nats a character. Each count begins at
# 0.1, since a combination that the other names lack is not impossible. Before
# the first letter stand $n - 1$ newlines, whose id is 0.


# %%
def grams(n, examples):
    return [(*[0] * n, *Y)[t + 1:t + 1 + n]
            for _, Y in examples for t in range(len(Y))]


def counting(n, train, held_out):
    counts = np.full((vocab_size,) * n, 0.1)
    for gram in grams(n, train):
        counts[gram] += 1
    p = counts / counts.sum(axis=-1, keepdims=True)
    return -np.mean([np.log(p[gram]) for gram in grams(n, held_out)])


def divide(seed):
    examples = [encode(name, char_to_ix) for name in names]
    np.random.seed(seed)
    np.random.shuffle(examples)
    return examples[len(names) // 10:], examples[:len(names) // 10]


train, held_out = divide(0)
marks = {n: counting(n, train, held_out) for n in (1, 2, 3, 4)}
for n, mark in marks.items():
    print(f"counts of {n}: {vocab_size ** n:>7,} numbers, {mark:.3f} nats")

# %% [markdown]
# ## Forward
#
# `unpack` returns the five arrays of a dict. The cache keeps probabilities,
# states and inputs of all steps for the backward pass.


# %%
def initialize_parameters(n_a, n_x, n_y):
    np.random.seed(1)
    return {"Wax": np.random.randn(n_a, n_x) * 0.01,
            "Waa": np.random.randn(n_a, n_a) * 0.01,
            "Wya": np.random.randn(n_y, n_a) * 0.01,
            "b": np.zeros((n_a, 1)), "by": np.zeros((n_y, 1))}


def rnn_step_forward(parameters, a_prev, x):
    Wax, Waa, Wya, b, by = unpack(parameters)
    a_next = np.tanh(Wax @ x + Waa @ a_prev + b)
    return a_next, softmax(Wya @ a_next + by)


def rnn_forward(X, Y, a0, parameters, vocab_size=27):
    loss, x, a, y_hat = 0, {}, {-1: np.copy(a0)}, {}
    for t in range(len(X)):
        x[t] = np.zeros((vocab_size, 1))
        if X[t] is not None:
            x[t][X[t]] = 1
        a[t], y_hat[t] = rnn_step_forward(parameters, a[t - 1], x[t])
        loss -= np.log(y_hat[t][Y[t], 0])
    return loss, (y_hat, a, x)


# %% [markdown]
# ## Backward
#
# As in [recurrent cells by hand](numpy_rnn.py), the scores get the gradient
# $d\mathbf{s}_t = \hat{\mathbf{y}}_t - \mathbf{1}_{y_t}$, where
# $\mathbf{1}_{y_t}$ is the one-hot vector of $y_t$. A state acts on its
# own scores and on the next state, so before the tanh the gradient is
#
# $$d\mathbf{z}_t = (1 - \mathbf{a}_t^2) \odot (\mathbf{W}_{ya}^\top
#   d\mathbf{s}_t + \mathbf{W}_{aa}^\top d\mathbf{z}_{t+1}).$$
#
# The gradient of a matrix is the sum, over all steps, of the gradient of its
# product times its input, transposed: $d\mathbf{W}_{aa} = \sum_t
# d\mathbf{z}_t \mathbf{a}_{t-1}^\top$. `dinosaur.rnn_backward` calls the
# package's copy of this function at each step, with $d\mathbf{s}_t$ for
# `dy`.


# %%
def rnn_step_backward(dy, gradients, parameters, x, a, a_prev):
    _, Waa, Wya, _, _ = unpack(parameters)
    dWax, dWaa, dWya, db, dby = unpack(gradients, "d")
    dz = (1 - a ** 2) * (Wya.T @ dy + gradients["da_next"])  # (n_a, 1)
    dWax += dz @ x.T
    dWaa += dz @ a_prev.T
    dWya += dy @ a.T
    db += dz
    dby += dy
    gradients["da_next"] = Waa.T @ dz
    return gradients


# %% [markdown]
# ## Clipping and descending
#
# [The plain network](rnn_scratch.py) clips the norm of the whole gradient.
# Here each element is clipped by itself: simpler, but it can change the
# direction of the gradient.


# %%
def clip(gradients, maxValue):
    for gradient in unpack(gradients, "d"):
        np.clip(gradient, -maxValue, maxValue, out=gradient)
    return gradients


# %% [markdown]
# Forward, backward, clip, and subtract the learning rate times the gradient:
# that is an iteration. `Buffers` does the same faster: only what depends on
# the previous step is computed step by step, the rest for all steps at once.

# %%
n_a, zeros = 50, np.zeros((50, 1))
parameters, fast = (initialize_parameters(n_a, vocab_size, vocab_size)
                    for _ in range(2))
_, cache = rnn_forward(X, Y, zeros, parameters, vocab_size)
Buffers(fast).step(X, Y, zeros, fast, 0.01, 5)
gradients = clip(dinosaur.rnn_backward(X, Y, parameters, cache)[0], 5)
for key, param in parameters.items():
    assert abs(fast[key] - param + 0.01 * gradients[f"d{key}"]).max() < 1e-12

# %% [markdown]
# ## Inventing a name
#
# The network starts with zeros, draws a character from its probabilities,
# reads it, and so on, up to the newline, or until it has drawn 50 characters;
# then a newline is added. Dividing the scores by a temperature
# below 1 makes likely characters likelier still; one above 1 evens the
# probabilities out. Each draw has a seed, so a name can be drawn again.


# %%
def sample(parameters, char_to_ix, seed, *, temperature=1.0):
    Wax, Waa, Wya, b, by = unpack(parameters)
    x, a_prev = np.zeros((len(by), 1)), np.zeros((len(b), 1))
    indices, idx, counter = [], None, 0
    while idx != char_to_ix["\n"] and counter != 50:
        a_prev = np.tanh(Wax @ x + Waa @ a_prev + b)
        scores = Wya @ a_prev + by
        y = softmax((scores - scores.max()) / temperature)
        np.random.seed(counter + seed)
        idx = np.random.choice(len(y), p=y.ravel())
        indices.append(idx)
        x = np.zeros_like(x)
        x[idx] = 1
        seed, counter = seed + 1, counter + 1
    if counter == 50:
        indices.append(char_to_ix["\n"])
    return indices


# %% [markdown]
# ## Training
#
# In an iteration the network learns from one name. As in the assignment, the
# last state of a name is the first state of the next (the package's loop with
# the assignment's printing is `dinosaur.model`). If `carried` is false, each
# name starts with zeros instead; if `lr` is 0, nothing is learned, only read.
# The held-out names are read from zeros. The training loss is the mean over
# an epoch in which the network still learns, so it starts above the held-out
# loss. Names from some of the epochs, cut after 16 letters, stand below.


# %%
def one_epoch(examples, parameters, lr, carried):
    buffers, a_prev, total = Buffers(parameters), zeros, 0
    for X, Y in examples:
        loss, a_last = buffers.step(X, Y, a_prev, parameters, lr, 5)
        a_prev = a_last if carried else zeros
        total += loss
    return total / sum(len(Y) for _, Y in examples)  # nats a character


parameters = initialize_parameters(n_a, vocab_size, vocab_size)
curve, written = [], {}
for epoch in range(1, d2l.epochs(32) + 1):
    curve.append((one_epoch(train, parameters, 0.01, carried=True),
                  one_epoch(held_out, parameters, 0, carried=False)))
    if epoch in (1, 2, 4, 8, 16, 32):
        written[epoch] = [name[:16] for name, _ in dinosaur.invent(
            parameters, ix_to_char, char_to_ix, names, 4)]
print("nats a character: {:.3f}, held out {:.3f}".format(*curve[-1]),
      f"with {sum(map(np.size, parameters.values())):,} parameters")

# %%
axes = d2l.new_figure((9, 4)).add_subplot(ylabel="nats a character")
axes.plot(range(1, len(curve) + 1), curve, label=["training", "held out"])
for n, style in ((2, ":"), (3, "-."), (4, "--")):
    axes.axhline(marks[n], color="0.5", ls=style, label=f"counts of {n}")
axes.set_xscale("log", base=2)
axes.set_xticks(list(written), ["\n".join([f"epoch {epoch}", *four])
                                for epoch, four in written.items()],
                fontsize="small")
axes.legend()
axes.figure

# %% [markdown]
# The network ends far below the counts of two characters, but not below those
# of three, which take no gradient at all. What holds it back?
#
# ## Does the first state matter?
#
# It trains with the state carried from name to name, but writes from zeros,
# which it meets once an epoch. Train both ways, for three splits of the list,
# and read the held-out names from zeros. The numbers are nats a character,
# first those that counting achieves on the same names.

# %%
splits = [divide(seed) for seed in range(3)]
nats = {f"counts of {n}": [counting(n, *parts) for parts in splits]
        for n in (3, 4)}
for train, held_out in splits:
    for label, carried in (("carried", True), ("from zeros", False)):
        twin = initialize_parameters(n_a, vocab_size, vocab_size)
        for _ in range(d2l.epochs(16)):
            one_epoch(train, twin, 0.01, carried)
        nats.setdefault(f"trained {label}", []).append(
            one_epoch(held_out, twin, 0, carried=False))
for label, values in nats.items():
    print(f"{label:<20}", *np.round(values, 3), f"mean {np.mean(values):.3f}")
assert sum(nats["trained from zeros"]) < sum(nats["trained carried"])

# %% [markdown]
# ## One name, as it is drawn
#
# Each row shows the probabilities of one step, over the characters in the
# order of the alphabet; the orange one was drawn. The first letter is wide
# open; after *c*, *h* is likely. But unlikely letters are drawn now and then,
# such as the second *c*, where *a* was far likelier.

# %%
indices = sample(parameters, char_to_ix, 300)[:14]
_, (y_hat, _, _) = rnn_forward([None, *indices[:-1]], indices, zeros,
                               parameters, vocab_size)
labels = ["end" if char == "\n" else char for char in char_to_ix]
rows = d2l.new_figure((8, 1 + 0.5 * len(indices))).subplots(
    len(indices), sharex=True, sharey=True, squeeze=False)[:, 0]
for t, axes in enumerate(rows):
    bars = axes.bar(labels, y_hat[t][:, 0], color="0.7")
    bars[indices[t]].set_color("tab:orange")
    axes.set_ylabel(labels[indices[t]], rotation=0, labelpad=14)
axes.figure

# %% [markdown]
# ## New, or learned by heart?
#
# A name that is not new, but in the list, may have been learned by heart.

# %%
for temperature in (0.5, 1.0, 1.5):
    new = [name for name, kind in dinosaur.invent(
        parameters, ix_to_char, char_to_ix, names, 200,
        temperature=temperature) if kind == "new"]
    print(f"temperature {temperature}, {len(new)} of 200 new:", *new[:6])

# %% [markdown]
# Nearly all are new, so the network does not recite its list. A low
# temperature keeps to common endings, such as that of *Sauracephalus*; a high
# one writes *Wbula*.
#
# ## A common mistake: the newline is left out
#
# Without the newline in `Y`, a network never learns to stop: the few names
# that end do so by chance.

# %%
endless = initialize_parameters(n_a, vocab_size, vocab_size)
for _ in range(2):
    one_epoch([(X[:-1], Y[:-1]) for X, Y in train], endless, 0.01, True)
lengths = [len(sample(endless, char_to_ix, 100 * n)) for n in range(50)]
print(f"{np.mean(np.array(lengths) > 50):.0%} of the names reach the limit")
assert np.median(lengths) > 50

# %% [markdown]
# ## Results
#
# The first state of a name tells the network nothing: in a shuffled list, a
# name has nothing to do with the one before. The network that trains with the
# state carried has to learn that as well, and on average it does not get past
# the counts of three characters. The one that trains with zeros does: it is
# about level with those of four, at a hundredth of their size. It is also
# read from zeros, which the other one hardly met; these numbers do not tell
# the two causes apart. Either way: train with the state with which you will
# sample.
#
# ## Summary
#
# * With short texts as examples, a newline marks where one ends, and the
#   network learns to end its own.
# * A loss by itself says little. Count first: the mark of three characters
#   shows that something is wrong, and which way of training mends it.
# * In a small network, calling NumPy takes most of the time: what can wait
#   for the last step should be one product for all steps ([the
#   results](/results.md) have the ratio).
#
# ## Exercises
#
# 1. (\*) Close this page and write `clip` from its description.
#    `d2l.check("dinosaur_names", 1, clip)` says what differs.
# 2. (\*) Step $t$ of `sample` has the seed `seed + 2 * t`. What do the names
#    with the seeds 0 and 2 share before the training, and why? (The seeds of
#    `dinosaur.invent` are 100 apart.)
# 3. (\*\*) Spell every name backwards and count again. Why does the mark of
#    two characters stay the same, to the last digit?
# 4. (\*\*) $\mathbf{W}_{aa}$ is square: transpose its gradient. What notices
#    it: a shape, the falling loss, the names, or `gradient_check` of
#    [recurrent cells by hand](numpy_rnn.py)?
# 5. (\*\*) Read the held-out names from zeros, and measure the mean loss of
#    the first letters and that of all others, for a network trained with the
#    state carried and for one trained from zeros. Where do they differ?
# 6. (\*\*\*) Replace the plain cell by the LSTM of
#    [recurrent cells by hand](numpy_rnn.py), with about as many parameters.
#    What do the held-out names gain?
#
# ## Further reading
#
# * J. L. Elman, *Finding Structure in Time*, 1990: a recurrent network that
#   predicts the next letter.
# * A. Graves, *Generating Sequences With Recurrent Neural Networks*, 2013.
# * A. Karpathy, *The Unreasonable Effectiveness of Recurrent Neural
#   Networks*, 2015, and his *makemore*, 2022, which invents people's names,
#   first from counts.
#
# Next: [A window or a memory?](shakespeare.py) writes poems.
