# %% [markdown]
# # Solutions: language models
#
# The exercises are at the end of `language_models.py`. In a notebook of that
# lesson the code below runs after its last cell; on its own it begins with
# what it needs.

# %%
import math

import d2lrnn as d2l
import numpy as np

corpus = d2l.load_corpus("jaychou_lyrics", newline=" ")
ids, vocab_size = np.array(corpus.corpus_indices), corpus.vocab_size
num_train = len(ids) * 4 // 5
train_ids, held_out_ids = ids[:num_train], ids[num_train:]


def perplexities(counted, n, size, rest):
    return [d2l.perplexity(-np.log(p).mean()) for p in
            d2l.ngram_probabilities(counted, n, size, rest)]


# %% [markdown]
# ## 1
#
# Where all probabilities are equal, so are all surprises. The second b of
# *abba* is the only character that never followed its context in *abab*.
#
# ### Solution
#
# $-\ln 0.25 = 1.39$ nats, $-\log_2 0.25 = 2$ bits, and the perplexity is
# $2^2 = 4$: as if the model chose between four equally likely characters.
#
# In *abba* the model gives a the probability 0.75, and b after it 0.83, as in
# the lesson. After *b* the character b has never come: $w = 0$ and $c = d =
# 1$, so it gets $(0 + 0.50) / 2 = 0.25$. The last a has 0.75 again. The mean
# is $(0.29 + 0.18 + 1.39 + 0.29) / 4 = 0.54$ nats, and the perplexity
# $e^{0.536} = 1.71$.

# %%
assert abs(d2l.perplexity(-math.log(0.25)) - 4) < 1e-9
*_, p = d2l.ngram_probabilities([0, 1, 0, 1], 2, 2, [0, 1, 1, 0])
assert abs(p - [3 / 4, 5 / 6, 1 / 4, 3 / 4]).max() < 1e-12
assert abs(-np.log(p).mean() - 0.54) < 5e-3
assert abs(d2l.perplexity(-np.log(p).mean()) - 1.71) < 5e-3

# %% [markdown]
# ## 2
#
# What would the twin do with the number 2? A number whose share is $p$ costs
# $-\log_2 p$ bits.
#
# ### Solution
#
# The twin has read the same text so far, makes the same guesses in the same
# order, and takes the first one where the number is 1, and the second where
# it is 2. So the numbers are another way to write the text. They take at most
# $-0.8 \log_2 0.8 - 0.2 \log_2 0.2 = 0.72$ bits a letter: nothing is needed
# but the two shares. This is how Shannon found that written English needs so
# few bits.

# %%
shares = np.array([0.8, 0.2])
assert abs(-(shares * np.log2(shares)).sum() - 0.72) < 5e-3

# %% [markdown]
# ## 3
#
# Count the pairs in an array of $V$ rows and $V$ columns with `np.add.at`,
# and try powers of 10 first.
#
# ### Solution
#
# The best k is far below 1: there are $V$ characters that may follow, and
# each gets k, so with k = 1 the $c$ counts of a context are outweighed by
# $V$ counts that never happened. But the best k loses, too. It treats all
# characters alike that have not followed the context yet, whereas
# interpolation asks the shorter context, and expects frequent characters more
# often than rare ones. A single k also keeps the same share for news
# after every context with the same $c$, however many different characters
# have followed it.

# %%
pairs = np.zeros((vocab_size, vocab_size))
np.add.at(pairs, (train_ids[:-1], train_ids[1:]), 1)
contexts = np.append(train_ids[-1], held_out_ids[:-1])
w, c = pairs[contexts, held_out_ids], pairs.sum(axis=1)[contexts]
add_k = {k: d2l.perplexity(-np.log((w + k) / (c + k * vocab_size)).mean())
         for k in (1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)}
best = min(add_k, key=add_k.get)
_, interpolated = perplexities(train_ids, 2, vocab_size, held_out_ids)
print({k: round(value) for k, value in add_k.items()})
print(f"best k: {best}; interpolated: {interpolated:.0f}")
assert 0.003 < best < 0.3 and add_k[best] > 1.2 * interpolated

# %% [markdown]
# ## 4
#
# `d2l.ngram_probabilities` yields one array of probabilities for each n. Keep
# `vocab_size`, and take the part of the training text that lies next to the
# held-out text.
#
# ### Solution
#
# The less there is to count, the shorter is the context worth having: of an
# eighth of the lyrics, the 1-gram is already the best. A context must have
# been seen several times before its counts say anything, and each further
# character divides the same text among more contexts.

# %%
best_n = []
for part in (1, 2, 4, 8):
    counted = train_ids[-(num_train // part):]
    row = perplexities(counted, 4, vocab_size, held_out_ids)
    best_n.append(row.index(min(row)) + 1)
    print(f"{len(counted):>6,}", *(f"{value:6.0f}" for value in row))
assert best_n[0] == 2 and best_n[-1] == 1
assert best_n == sorted(best_n, reverse=True)

# %% [markdown]
# ## 5
#
# Divide the bits of both by the number of characters of the same held-out
# text. Which words does it have that the training text lacks, and what would
# it cost to spell them?
#
# ### Solution
#
# Words seem to need fewer bits a character. But the vocabulary was made of
# the whole text: the model of words knows beforehand the spelling of every
# held-out word, even of those that the training text lacks. To pay for that,
# let one word, here with the number $V$, stand for all of these, and add the
# bits by which the model of characters spells each of them. (So that the
# 1-grams know how often there is such news, the words that turn up in the
# second half of the training text get that number where they first do.) This
# takes nearly all of the lead away, or more than all of it, and the bill is
# still a little too small: it does not say where a spelled word ends.

# %%
level = {name: d2l.load_corpus("shakespeare", level=name)
         for name in ("char", "word")}
words = np.array(level["word"].corpus_indices)
chars = np.array(level["char"].corpus_indices)
num_words, num_known = level["word"].vocab_size, len(words) * 9 // 10
lengths = np.array([len(level["word"].idx_to_char[i])
                    for i in words[num_known:]])
num_chars = lengths.sum()
counted, rest = words[:num_known], words[num_known:]
news = ~np.isin(rest, counted)


def bits(counted, rest, size):
    every = [-np.log2(p) for p in
             d2l.ngram_probabilities(counted, 6, size, rest)]
    return min(every, key=np.sum)


by_char = bits(chars[:-num_chars], chars[-num_chars:],
               level["char"].vocab_size)
by_word = bits(counted, rest, num_words)
_, first = np.unique(counted, return_index=True)
told = counted.copy()
told[first[first > num_known // 2]] = num_words
marked = bits(told, np.where(news, num_words, rest), num_words + 1)
spelled = by_char[np.repeat(news, lengths)]
paid = (marked.sum() + spelled.sum()) / num_chars
print(f"bits a character: {by_char.sum() / num_chars:.2f} by character, "
      f"{by_word.sum() / num_chars:.2f} by word, {paid:.2f} by word with "
      f"{news.sum()} of {len(rest):,} words spelled")
lead = (by_char.sum() - by_word.sum()) / num_chars
assert 0 < lead and paid - by_word.sum() / num_chars > 0.7 * lead
