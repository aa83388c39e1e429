# %% [markdown]
# # Solutions: a corpus for a language model
#
# The exercises are at the end of `lang_model_dataset.py`. In a notebook of
# that lesson the code below runs after its last cell; on its own it begins
# with what it needs.

# %%
import random

import d2lrnn as d2l
import numpy as np
from mxnet import nd

d2l.seed(1)

# %% [markdown]
# ## 1
#
# How many examples are there, and how many full mini-batches do they fill?
# Every mini-batch has $4 \cdot 5$ labels.
#
# ### Solution
#
# At random: a label follows each character but the last, so there are
# $\lfloor 99 / 5 \rfloor = 19$ examples, which fill 4 mini-batches. These
# have $4 \cdot 4 \cdot 5 = 80$ labels, and 20 characters are left out.
# Consecutively: each of the 4 rows has 25 characters, of which the first is
# no label. The other 24 give 4 mini-batches of 5 steps, so again 20
# characters are left out: the first and the last four of each row.


# %%
def labels(batches):
    return {int(i) for _, Y in batches for i in Y.asnumpy().ravel()}


positions = np.arange(100)
at_random = labels(d2l.data_iter_random(positions, 4, 5))
in_order = labels(d2l.data_iter_consecutive(positions, 4, 5))
assert len(at_random) == len(in_order) == 80
assert sorted(set(range(100)) - in_order) == [
    row + i for row in (0, 25, 50, 75) for i in (0, 21, 22, 23, 24)]

# %% [markdown]
# ## 2
#
# Lay the text out in rows with `reshape`, after cutting off what does not
# fill them. Where must the last slice of `num_steps` columns begin, so that
# its labels still lie in the row? The ids may come as a list, which
# `np.array(corpus_indices)` turns into an array.
#
# ### Solution
#
# `d2l.check` compares all mini-batches of your sampler with those of the
# package, for several sizes. It is content with this one:


# %%
def data_iter_consecutive(corpus_indices, batch_size, num_steps, ctx=None):
    batch_len = len(corpus_indices) // batch_size
    rows = np.array(corpus_indices)[:batch_size * batch_len].reshape(
        batch_size, batch_len)
    for i in range(0, batch_len - num_steps, num_steps):
        yield (nd.array(rows[:, i:i + num_steps], ctx=ctx),
               nd.array(rows[:, i + 1:i + num_steps + 1], ctx=ctx))


assert d2l.check("lang_model_dataset", 2, data_iter_consecutive)

# %% [markdown]
# ## 3
#
# A sampler of the text without its first few characters is enough. Compare
# the cuts of the offsets 0 and `num_steps`.
#
# ### Solution
#
# An offset of `num_steps` cuts at the same places as an offset of 0, and only
# loses an example. So the offsets 0 to `num_steps - 1` are all that is
# needed. Every character but the first, which nothing precedes, is then a
# label in some epoch, even the last ones, which a fixed cut can leave out for
# good.


# %%
def data_iter_offset(corpus_indices, batch_size, num_steps, ctx=None):
    offset = random.randrange(num_steps)
    yield from d2l.data_iter_random(corpus_indices[offset:], batch_size,
                                    num_steps, ctx)


positions = np.arange(30)
for sampler, left_out in ((d2l.data_iter_random, {0, *range(25, 30)}),
                          (data_iter_offset, {0})):
    epochs = [labels(sampler(positions, 2, 6)) for _ in range(200)]
    assert set(range(30)) - set.union(*epochs) == left_out

# %% [markdown]
# ## 4
#
# Cut each song into examples of `num_steps + 1` characters, inputs and last
# label, and shuffle the examples of all songs together.
#
# ### Solution
#
# Of a song with $n$ characters, the first is never a label, and neither are
# the last $(n - 1) \bmod 6$. Of 25 characters that leaves out 1, of 4 all 4,
# of 12 the first and the last five: 11 in all. (Examples that do not fill a
# mini-batch are left out, too: different ones in each epoch.)


# %%
def data_iter_songs(songs, batch_size, num_steps, ctx=None):
    examples = [song[i:i + num_steps + 1] for song in songs
                for i in range(0, len(song) - num_steps, num_steps)]
    random.shuffle(examples)
    for i in range(len(examples) // batch_size):
        chosen = np.array(examples[i * batch_size:(i + 1) * batch_size])
        yield nd.array(chosen[:, :-1], ctx=ctx), nd.array(chosen[:, 1:],
                                                          ctx=ctx)


songs = np.split(np.arange(25 + 4 + 12), [25, 25 + 4])
batches = list(data_iter_songs(songs, batch_size=5, num_steps=6))
assert len(labels(batches)) == 25 + 4 + 12 - 11
song_of = np.repeat([0, 1, 2], [25, 4, 12])
for X, Y in batches:
    first, last = X[:, 0].asnumpy(), Y[:, -1].asnumpy()
    assert (song_of[first.astype(int)] == song_of[last.astype(int)]).all()

# %% [markdown]
# ## 5
#
# `np.bincount(corpus.corpus_indices)` counts each token. A token here is a
# word, a space or a punctuation mark.
#
# ### Solution
#
# There are far more distinct words than distinct characters, and a large part
# of them occur only once. In an epoch, such a word is a label at most once
# and an input at most once. From its one place the model can learn by heart
# what precedes and follows it, but not how it is used elsewhere; and a
# held-out text has words that have no id at all. With `min_freq=2`, all words
# that occur once share the token `<unk>`: the model learns where a rare word
# is likely, and gives up saying which.

# %%
corpus = d2l.load_corpus("tinyshakespeare", level="word")
counts = np.bincount(corpus.corpus_indices)
once = int((counts == 1).sum())
print(f"{corpus.source}: {len(set(corpus.text))} characters, "
      f"{corpus.vocab_size:,} words, {once / corpus.vocab_size:.0%} of them "
      f"once")
assert corpus.vocab_size > 20 * len(set(corpus.text))
assert once > 0.4 * corpus.vocab_size
rare = d2l.load_corpus("tinyshakespeare", level="word", min_freq=2)
assert rare.vocab_size == corpus.vocab_size - once + 1
