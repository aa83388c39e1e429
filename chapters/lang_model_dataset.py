# %% [markdown]
# # A corpus for a language model
#
# A language model learns which character follows which. Before it can learn
# anything, a text has to become numbers, and the numbers mini-batches. This
# lesson reads the lyrics, numbers their characters, and cuts them into
# mini-batches in two ways: at random, and consecutively.

# %%
import random

import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import nd

d2l.seed(1)

# %% [markdown]
# ## Reading the corpus
#
# `load_data_jay_lyrics` finds the text (see README.md for where it looks),
# keeps the first 10,000 characters and turns newlines into spaces. Whichever
# text was found, `source` says so.

# %%
corpus = d2l.load_data_jay_lyrics()
print("text:", corpus.source)
print(corpus.text[:40])

# %% [markdown]
# ## The vocabulary
#
# Each distinct character gets an id. Sorting the characters first gives every
# process the same ids, so that what one process learned, another can read.

# %%
idx_to_char = sorted(set(corpus.text))
char_to_idx = {char: i for i, char in enumerate(idx_to_char)}
vocab_size = len(char_to_idx)
print(f"{vocab_size:,} distinct characters in {len(corpus.text):,}")
assert idx_to_char == corpus.idx_to_char

# %% [markdown]
# Now the whole text can be written as ids: small integers, kept as integers.

# %%
corpus_indices = np.array([char_to_idx[char] for char in corpus.text])
sample = corpus_indices[:20]
print("chars:", "".join(idx_to_char[i] for i in sample))
print("indices:", sample)
assert (corpus_indices == corpus.corpus_indices).all()

# %% [markdown]
# The package returns all of this in one line, in the order of the book.

# %%
corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus

# %% [markdown]
# ## Random sampling
#
# A mini-batch holds `batch_size` examples of `num_steps` characters each. The
# label of a character is the character after it, so an example X comes with
# Y, which is X moved by one step. In random sampling the examples are taken
# in random order: two neighbouring mini-batches are not neighbours in the
# text, and a hidden state cannot be carried from one to the next.


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
# On the numbers 0 to 29 it is easy to see what happens: each row is a run of
# six numbers, and the rows stand in no order.

# %%
my_seq = np.arange(30)
for X, Y in data_iter_random(my_seq, batch_size=2, num_steps=6):
    print("X:", X, "\nY:", Y, "\n")
    assert X.shape == Y.shape == (2, 6)
    assert (Y == X + 1).min() == 1

# %% [markdown]
# ## Consecutive sampling
#
# Here the text is laid out in `batch_size` long rows, and a mini-batch is the
# next `num_steps` columns of them. Each row goes on where it stopped, so the
# hidden state after one mini-batch is the right one to begin the next with.


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
# ## The package's samplers
#
# `d2l.data_iter_random` and `d2l.data_iter_consecutive` give the same
# mini-batches. Besides, they say what is wrong instead of giving none.

# %%
d2l.seed(1)
ours = list(data_iter_random(my_seq, 2, 6))
d2l.seed(1)
theirs = list(d2l.data_iter_random(my_seq, 2, 6))
assert all((a == b).min() == 1 for pair in zip(ours, theirs, strict=True)
           for a, b in zip(*pair, strict=True))
try:
    d2l.data_iter_consecutive(my_seq, batch_size=8, num_steps=6)
except ValueError as error:
    print(error)

# %% [markdown]
# ## Summary
#
# * A vocabulary numbers the distinct characters of a text, in sorted order.
# * Random sampling shuffles examples: a state must start anew each time.
# * Consecutive sampling lets a state go on from mini-batch to mini-batch.
#
# ## Exercises
#
# 1. Some characters of the text are in no mini-batch. Which, and how many,
#    with each way of sampling, at the book's 35 steps and batches of 32?
# 2. In random sampling every epoch cuts the text at the same places. Start at
#    a random offset instead. Does a model learn better from it?
# 3. Number whole words instead of characters. What happens to vocab_size?
