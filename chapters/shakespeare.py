# %% [markdown]
# # A poem from windows
#
# The char-RNN reads a text from left to right and carries its state along.
# This lesson's model is simpler to explain: it is shown a *window* of 40
# characters, and asked for the one that follows. Each window is an example
# like any other, so the examples can be shuffled, and every one begins with a
# state of zeros. To write, the model is shown the last 40 characters again
# and again, each time one later:
#
# $$\hat{\mathbf{y}} = \mathrm{softmax}\big(\mathbf{W}\,
#   \mathrm{LSTM}_2(\mathrm{LSTM}_1(\mathbf{x}_1, \ldots,
#   \mathbf{x}_{40}))_{40} + \mathbf{b}\big), \qquad
#   x_{41} \sim \hat{\mathbf{y}}.$$

# %%
import inspect
import math
import sys
from pathlib import Path

import d2lrnn as d2l  # before mxnet
import numpy as np
from d2lrnn import shakespeare
from d2lrnn.generation import choose
from d2lrnn.models import context_of
from d2lrnn.models.plot import plot_model, summary
from d2lrnn.report import writable
from d2lrnn.shakespeare import (
    check_characters,
    check_probabilities,
    check_windows,
    generate_output,
)
from mxnet import autograd, nd

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
poems = shakespeare.load_poems()
corpus_indices, char_to_idx, idx_to_char, vocab_size = poems
print(f"text: {poems.source}")
print(f"{poems.num_chars:,} characters, {vocab_size} distinct, on {ctx}")

# %% [markdown]
# ## Windows
#
# A window every three characters: neighbours overlap, but a text of 94,275
# characters still gives 31,412 of them.


# %%
def build_data(text, Tx=40, stride=3):
    check_windows(text, Tx, stride)
    starts = range(0, len(text) - Tx, stride)
    X = [text[i:i + Tx] for i in starts]
    Y = [text[i + Tx] for i in starts]
    print("number of training examples:", len(X))
    return X, Y


Tx = 40
X, Y = build_data(poems.text, Tx)
for i in range(3):
    print(f"{X[i]!r} -> {Y[i]!r}")

# %% [markdown]
# As vectors, each window is `Tx` rows with a single one in each. Of booleans,
# one byte each, a text of a million characters would need almost a gigabyte;
# training itself therefore keeps the windows as numbers, of which nothing is
# copied, and makes vectors of one mini-batch at a time.


# %%
def vectorization(X, Y, n_x, char_indices, Tx=40):
    check_characters(X, Y, n_x, char_indices, Tx)
    x = np.zeros((len(X), Tx, n_x), dtype=bool)
    y = np.zeros((len(X), n_x), dtype=bool)
    for i, window in enumerate(X):
        for t, char in enumerate(window):
            x[i, t, char_indices[char]] = True
        y[i, char_indices[Y[i]]] = True
    return x, y


x, y = vectorization(X[:1000], Y[:1000], vocab_size, char_to_idx)
print(x.shape, y.shape, f"{x.nbytes * len(X) // 1000 / 1e6:.0f} MB for all")
assert x.sum() == 1000 * Tx and y.sum() == 1000

# %% [markdown]
# ## The model
#
# Two LSTMs, with dropout after each. The first hands all its outputs on, the
# second only its last one. An id of -1 becomes a vector of zeros: that is how
# a beginning shorter than the window is padded on the left.

# %%
model = d2l.WindowLSTM(vocab_size, num_hiddens=128, dropout=0.5, Tx=Tx)
print(inspect.getsource(model.hybrid_forward))
print(summary(model))

# %%
folder = writable(Path("runs"))
d2l.show(plot_model(model, folder / "shakespeare.svg"))

# %% [markdown]
# ## Training
#
# Adam, mini-batches of 128 windows, and the last twentieth of the text held
# out. Here is an epoch from nothing: a uniform guess would cost
# $\ln 38 = 3.64$ nats.

# %%
history = shakespeare.fit(model, poems, num_epochs=1, lr=1e-3, seed=seed,
                          ctx=ctx)
print(f"loss {history[-1]['loss']:.3f}, held out "
      f"{history[-1]['held_out_loss']:.3f}, uniform guess "
      f"{math.log(vocab_size):.3f}")

# %% [markdown]
# After twenty epochs the loss is below 1.95. Who does not want to wait begins
# with a model that was trained before: this one has read fifty original
# sonnets again and again. The file has its weights and its characters;
# training goes on from there, for one epoch more.

# %%
model = shakespeare.load_pretrained(ctx)
sonnets = shakespeare.load_poems("original_sonnets.txt")
more = shakespeare.fit(model, sonnets, num_epochs=1, lr=1e-4, seed=seed,
                       ctx=ctx)

# %% [markdown]
# ## Temperature
#
# The scores say how probable each character is; which one is written is
# drawn. `sample` draws from $p^{1/T}$, normalised: a low temperature $T$
# makes what is probable more so, at 0 only the most probable is left, and 1
# leaves the probabilities as they are.


# %%
def sample(preds, temperature=1.0, rng=None):
    check_probabilities(preds)
    with np.errstate(divide="ignore"):
        scores = np.log(preds)
    return choose(scores, temperature, rng=rng or np.random.default_rng())


preds = np.array([0.5, 0.3, 0.2, 0.0])
for temperature in (0, 0.5, 1, 2):
    rng = np.random.default_rng(seed)
    drawn = [sample(preds, temperature, rng) for _ in range(1000)]
    print(f"temperature {temperature:<4}", np.bincount(drawn, minlength=4))


# %% [markdown]
# ## Writing
#
# The window moves on by one character at a time.


# %%
def write_on(model, window, num_chars, temperature, rng):
    ctx = context_of(model)
    for _ in range(num_chars):
        scores, _ = model(nd.array([window], ctx=ctx))
        i = sample(scores[0].softmax().asnumpy(), temperature, rng)
        window = [*window[1:], i]
        yield model.idx_to_char[i]


for temperature in (0.2, 0.7, 1.5):
    text = "".join(shakespeare.write(model, "my love ", 60, temperature,
                                     seed))
    print(f"temperature {temperature}: {text!r}")

# %% [markdown]
# Where there is somebody to ask, `generate_output` asks how the poem begins;
# without a terminal it is given here.

# %%
prompt = None if sys.stdin and sys.stdin.isatty() else "when all the lamps"
poem = generate_output(model, prompt, num_chars=400, temperature=0.7,
                       seed=seed)

# %% [markdown]
# Dropout is off while the model writes, so the same window always has the
# same scores.

# %%
window = nd.array([[-1] * (Tx - 1) + [0]], ctx=ctx)
assert (model(window)[0] == model(window)[0]).asnumpy().all()
with autograd.train_mode():
    dropped = [model(window)[0].asnumpy() for _ in range(2)]
assert not np.array_equal(*dropped)

# %% [markdown]
# ## The perplexity report

# %%
report = d2l.write_report(
    "shakespeare", {"an epoch from nothing": history}, poems,
    {**model.config, "batch_size": 128, "stride": 3, "lr": 1e-3,
     "optimizer": "adam", "seed": seed, "ctx": ctx})

# %% [markdown]
# ## What was seen
#
# On two cores of an AMD EPYC: the epoch from nothing took 18 seconds and
# ended at a perplexity of 21.529, no better than the frequencies of the
# characters alone (19.8); on the text held out it was 20.013. The model that
# ships ends its one epoch more at 5.4, and at 5.6 on sonnets that it never
# read: its words are mostly not words, but they look like some.
#
# `python -m benchmarks.studies.sonnets` trains from nothing for twenty
# epochs, on Shakespeare's sonnets: a loss of 3.069 after the first, 2.112
# after the eighth, 1.828 after the last, and 1.900 on the text held out.
#
# ## Summary
#
# * A language model can read windows instead of carrying a state. That is
#   simple, but each character is read some thirteen times in an epoch, and
#   nothing older than the window can matter.
# * The model gives probabilities; how to draw from them is a choice made
#   later. A low temperature repeats what is certain, a high one makes errors.
# * Training goes on from any weights: from a file as well as from nothing.
#
# ## Exercises
#
# 1. Write 200 characters at temperature 0. Why does the poem begin to go
#    round in circles, and why not at 0.7?
# 2. Train on windows of 10 and of 80 characters. What does the held-out loss
#    say, and what the seconds?
# 3. `CharRNN` with `embed_size=None`, two layers of 128 and `dropout=0.5` has
#    weights of the same shapes. Train it for as many seconds on the same
#    poems. Which one predicts the text held out better?
