# %% [markdown]
# # A corpus for a language model
#
# How do you cut a text into mini-batches without cutting its sense? A
# [language model](language_models.py) predicts each character from all those
# before it. But a whole text is too long to learn from at once, and wherever
# it is cut, a character loses its past. There are two usual ways of cutting,
# and this lesson counts what each of them costs.
#
# After this lesson you can
#
# * turn a text into ids, and say what is input and what is label;
# * cut it into mini-batches at random or consecutively, and say how much
#   context each of the two leaves to a character;
# * count the characters that an epoch leaves out.
#
# It needs no other lesson. The letters are those of the
# [notation](/notation.md). It runs in seconds.

# %%
import random
from itertools import islice

import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import autograd, nd
from mxnet.gluon import loss as gloss

d2l.seed(1)

# %% [markdown]
# ## Reading the corpus
#
# `load_data_jay_lyrics` finds the text (see README.md for where it looks),
# keeps the first 10,000 characters and turns newlines into spaces. `source`
# says which text was found: Jay Chou's lyrics or, where they are not found,
# the lyrics that come with the package. Both are Chinese; the latter begin
# "The clock on the platform is three minutes slow".

# %%
corpus = d2l.load_data_jay_lyrics()
print("text:", corpus.source)
print(corpus.text[:40])

# %% [markdown]
# ## The vocabulary
#
# Each distinct character gets an id. There are many, since a Chinese
# character is a syllable, and often a word. The characters are sorted first:
# the order of a set differs from process to process, and a model that one
# process has trained would read other characters in the next.

# %%
idx_to_char = sorted(set(corpus.text))
char_to_idx = {char: i for i, char in enumerate(idx_to_char)}
vocab_size = len(char_to_idx)
print(f"{vocab_size:,} distinct characters in {len(corpus.text):,}")
assert idx_to_char == corpus.idx_to_char

# %% [markdown]
# Now the whole text can be written as ids. The package does all of this in
# one line, and returns the four values in the order of the book.

# %%
corpus_indices = np.array([char_to_idx[char] for char in corpus.text])
print("chars:", "".join(idx_to_char[i] for i in corpus_indices[:20]))
print("indices:", corpus_indices[:20])
assert (corpus_indices == corpus.corpus_indices).all()
corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus

# %% [markdown]
# ## One example, many questions
#
# An example X is `num_steps` characters in a row. Its labels Y are the same
# characters one step later. Reading X from left to right, a recurrent network
# makes a prediction at every step, so that one example asks `num_steps`
# questions, each with all the characters of X so far as its context. What it
# has read so far, it keeps in its *hidden state*, an array that is zeros at
# the start.

# %%
X, Y = corpus.text[:5], corpus.text[1:6]
for t in range(5):
    print(f"after {X[:t + 1]!r} comes {Y[t]!r}")

# %% [markdown]
# ## Why mini-batches?
#
# Reading the whole text before each update would give one update an epoch,
# and every step would have to be kept in memory until the gradient has passed
# back through it. A mini-batch of `batch_size` examples by `num_steps`
# characters bounds that memory and gives many updates an epoch. Its rows are
# read side by side: one product of matrices computes a step of all of them,
# and fewer steps have to wait for one another.

# %%
batch_size, num_steps = 32, 35
num_chars = len(corpus_indices)
num_batches = (num_chars // batch_size - 1) // num_steps
print(f"one row: {num_chars - 1:,} steps one after another, 1 update")
print(f"{batch_size} rows: {num_batches * num_steps} steps one after another,"
      f" {num_batches} updates")

# %% [markdown]
# ## Random sampling
#
# ```{figure} /figures/two_samplings.svg
# :name: fig-two-samplings
# :alt: Rows of numbers coloured by mini-batch, for each way of sampling.
#
# The numbers 0 to 29, coloured by mini-batch. Above, random sampling: every
# row begins with a state of zeros. Below, consecutive sampling: the state of
# each row is carried on to the next mini-batch.
# ```
#
# In random sampling the text is cut into examples, which are taken in random
# order ({numref}`fig-two-samplings`). Neighbouring mini-batches are not
# neighbours in the text, so a hidden state cannot be carried from one to the
# next: each example starts without a past.


# %%
def data_iter_random(corpus_indices, batch_size, num_steps, ctx=None):
    num_examples = (len(corpus_indices) - 1) // num_steps
    example_indices = list(range(num_examples))
    random.shuffle(example_indices)
    for i in range(num_examples // batch_size):
        chosen = example_indices[i * batch_size:(i + 1) * batch_size]
        starts = np.array(chosen)[:, None] * num_steps
        X = starts + np.arange(num_steps)  # (batch_size, num_steps)
        yield (nd.array(corpus_indices[X], ctx=ctx),
               nd.array(corpus_indices[X + 1], ctx=ctx))


# %% [markdown]
# The numbers 0 to 29 let you check it by eye: each row is a run of six
# numbers, its labels are greater by one, and the rows are in random order.

# %%
my_seq = np.arange(30)
for X, Y in data_iter_random(my_seq, batch_size=2, num_steps=6):
    print("X:", X, "\nY:", Y, "\n")
    assert X.shape == Y.shape == (2, 6)
    assert (Y == X + 1).min() == 1

# %% [markdown]
# ## Consecutive sampling
#
# Here the text is laid out in `batch_size` long rows, and a mini-batch is
# their next `num_steps` columns. Each row continues where it stopped, so the
# hidden state at the end of one mini-batch is the right one to begin the next
# with: the sense is cut only where a row begins.


# %%
def data_iter_consecutive(corpus_indices, batch_size, num_steps, ctx=None):
    batch_len = len(corpus_indices) // batch_size
    indices = corpus_indices[:batch_size * batch_len].reshape(
        batch_size, batch_len)
    for i in range(0, (batch_len - 1) // num_steps * num_steps, num_steps):
        yield (nd.array(indices[:, i:i + num_steps], ctx=ctx),
               nd.array(indices[:, i + 1:i + num_steps + 1], ctx=ctx))


# %%
batches = list(data_iter_consecutive(my_seq, batch_size=2, num_steps=6))
for X, Y in batches:
    print("X:", X, "\nY:", Y, "\n")
assert (batches[1][0][:, 0] == batches[0][1][:, -1]).min() == 1

# %% [markdown]
# Now with the text itself. The bar is where the second mini-batch begins: at
# random a row jumps to another place, consecutively it reads on.


# %%
def as_text(row):
    return "".join(idx_to_char[int(i)] for i in row.asnumpy())


for sampler in (data_iter_random, data_iter_consecutive):
    (first, _), (second, _) = islice(sampler(corpus_indices, 2, 12), 2)
    print(f"{as_text(first[0])} | {as_text(second[0])}  {sampler.__name__}")

# %% [markdown]
# ## What a cut costs
#
# If the state is carried on, the context of a character begins where its long
# row does; if not, where its example does. So the contexts have these
# lengths:

# %%
for way, row_len in (("at random", num_steps),
                     ("consecutively", num_batches * num_steps)):
    context = np.arange(1, row_len + 1)
    print(f"{way}: {context.mean()} characters on average, "
          f"a single one for {np.mean(context == 1):.1%} of the labels")

# %% [markdown]
# That is what the state *may* know. What training can teach it to keep is
# less: the gradient goes back to the beginning of the mini-batch in both
# cases. And random sampling shows the model its examples in a new order in
# each epoch, though cut at the same places. [The next
# lesson](rnn_scratch.py) trains with both, and shows what such cuts do.
#
# ## What an epoch leaves out
#
# A mini-batch is always full, so some characters are never a label. Sampling
# the positions of the characters instead of their ids counts them.

# %%
positions = np.arange(num_chars)
never = {}
for sampler in (data_iter_random, data_iter_consecutive):
    asked = [{int(i) for _, Y in sampler(positions, batch_size, num_steps)
              for i in Y.asnumpy().ravel()} for epoch in range(20)]
    assert len(asked[0]) == num_batches * batch_size * num_steps
    never[sampler] = num_chars - len(set.union(*asked))
    print(f"{sampler.__name__} leaves out {num_chars - len(asked[0]):,} "
          f"characters in an epoch, {never[sampler]:,} in all of 20")
assert never[data_iter_random] < never[data_iter_consecutive] == (
    num_chars - num_batches * batch_size * num_steps)

# %% [markdown]
# Both leave out the same number in an epoch. At random, nearly all are
# different each time; only the first character, which nothing precedes, and
# the last 24, too few for an example, are never labels. Consecutively, they
# are always the same: the first character and the last 31 of each row, and
# the 16 at the end that do not fill the rows.
#
# ## Common mistakes
#
# **Labels that are not shifted.** The model is asked for the character that
# it has just read. The smallest model shows what follows: a table W with one
# row of scores for each character, trained on the mini-batches above. A
# [perplexity](language_models.py) of 1 would mean that it is always certain,
# and right.


# %%
def learn(is_shifted, num_epochs=5, lr=1e3):
    W = nd.zeros((vocab_size, vocab_size))
    W.attach_grad()
    loss = gloss.SoftmaxCrossEntropyLoss()
    for _ in range(num_epochs):
        losses = []
        for X, Y in data_iter_random(corpus_indices, batch_size, num_steps):
            with autograd.record():
                scores = W.take(X.reshape(-1))
                l = loss(scores, (Y if is_shifted else X).reshape(-1)).mean()
            l.backward()
            d2l.sgd([W], lr, 1)
            losses.append(l.asscalar())
    return d2l.perplexity(np.mean(losses))


right, wrong = learn(True), learn(False)
print(f"perplexity after 5 epochs: {right:.1f}, not shifted {wrong:.1f}")
assert wrong < 5 < right

# %% [markdown]
# A perplexity that falls almost to 1 within a few epochs is no triumph: the
# model copies its input, and has learned nothing about the text.
#
# **One example too many.** Without the `- 1` in `num_examples`, a text whose
# length is a multiple of `num_steps` gets an example whose last label lies
# beyond its end:

# %%
X = len(my_seq) // 6 * 6 - 6 + np.arange(6)
try:
    my_seq[X + 1]
except IndexError as error:
    print(error)

# %% [markdown]
# **Too few characters.** The functions above then yield nothing at all, and
# an epoch trains nothing. `d2l.data_iter_random` and
# `d2l.data_iter_consecutive`, otherwise the same, say so:

# %%
assert not list(data_iter_consecutive(my_seq, batch_size=8, num_steps=6))
try:
    d2l.data_iter_consecutive(my_seq, batch_size=8, num_steps=6)
except ValueError as error:
    print(error)

# %% [markdown]
# ## Summary
#
# * A language model predicts each character from all those before it; the
#   labels are the inputs one step later.
# * Random sampling shuffles examples: a state must start anew each time.
# * Consecutive sampling lets a state go on from mini-batch to mini-batch, so
#   that contexts are long, and always leaves out the same characters.
#
# ## Exercises
#
# 1. (\*) With 5 steps and batches of 4, how many of 100 characters are no
#    label in an epoch, with each of the two samplers? Compute it, then count.
# 2. (\*) Close this page and write `data_iter_consecutive` from its
#    description. `d2l.check("lang_model_dataset", 2, data_iter_consecutive)`
#    says what differs.
# 3. (\*\*) In random sampling every epoch cuts the text at the same places.
#    Write a sampler that begins each epoch at a random offset. Which offsets
#    does it need, and which characters are then never a label?
# 4. (\*\*) Write a sampler for several songs that never lets an example run
#    from one song into the next. With 6 steps and songs of 25, 4 and 12
#    characters, how many are never a label?
# 5. (\*\*\*) Number words instead of characters, with
#    `d2l.load_corpus("tinyshakespeare", level="word")`. How large is
#    `vocab_size`, which part of it occurs only once, and what can a model
#    learn about those words?
#
# ## Further reading
#
# * C. E. Shannon, *Prediction and Entropy of Printed English*, 1951.
# * Y. Bengio, R. Ducharme, P. Vincent and C. Jauvin, *A Neural Probabilistic
#   Language Model*, 2003.
# * *Dive into Deep Learning*, in Chinese: section 6.3 of the [first
#   edition](https://zh-v1.d2l.ai), 8.3 of the [second](https://zh.d2l.ai).
#
# Next: [a recurrent network from scratch](rnn_scratch.py).
