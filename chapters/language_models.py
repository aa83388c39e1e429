# %% [markdown]
# # Language models: what comes next?
#
# How surprised are you by the next character? Cover the rest of a line of a
# book with your hand, guess the next letter until you are right, write down
# how many guesses it took, and go on. Claude Shannon described this game in
# 1951. After a few words most letters take one guess, and the first letter of
# a word takes many. Whoever needs few guesses knows the language. A *language
# model* plays the same game by giving every character a probability of coming
# next; this lesson builds the oldest kind, which only counts.
#
# After this lesson you can
#
# * write a text's probability as a product of predictions, and turn it into
#   nats, bits and perplexity by hand;
# * count, smooth and measure n-grams, and let them write;
# * say which perplexities can be compared, and against which marks every
#   later model is measured.
#
# It needs no other lesson, and runs in seconds. $T$ and $x_t$ are those of
# the [notation](/notation.md); $n$, $c$, $w$, $d$ and $V$ have their meaning
# in this lesson alone.

# %%
import math
import random
from collections import Counter, defaultdict

import d2lrnn as d2l  # before mxnet
import numpy as np

d2l.seed(1)
corpus = d2l.load_corpus("jaychou_lyrics", newline=" ")
text, vocab_size = corpus.text, corpus.vocab_size
num_train = len(text) * 4 // 5
train, held_out = text[:num_train], text[num_train:]
print(f"{corpus.source}: {vocab_size:,} distinct characters")
print(f"{len(train):,} to count, {len(held_out):,} held out")

# %% [markdown]
# ## One line of probability
#
# The probability of a text of $T$ characters is the product of its
# predictions, each given all that came before:
#
# $$P(x_1, \ldots, x_T) = \prod_{t=1}^{T} P(x_t \mid x_1, \ldots, x_{t-1}).$$
#
# This is the chain rule. It is exact, and of no use by itself: a beginning of
# some length occurs once in all the texts of the world, so nothing that
# follows it can be counted. An *n-gram* model gives something up to be able
# to count: it looks at the last $n - 1$ characters alone, called the context.
#
# ```{figure} /figures/counting.svg
# :name: fig-counting
# :alt: A strip of letters, a table of counts, and bars over four letters.
#
# Counting 3-grams. Above, each window of two letters, and the letter after
# it, adds one to the table in the middle. Below, one of its rows as
# probabilities: what to expect after these two letters.
# ```
#
# {numref}`fig-counting` shows the whole training: slide a window over the
# text, and count.


# %%
def count(text, n):
    followers = defaultdict(Counter)  # from a context to what came after it
    for t in range(n - 1, len(text)):
        followers[text[t - n + 1:t]][text[t]] += 1
    return followers


tables = {n: count(train, n) for n in range(1, 6)}
after = tables[2]["我"]
print(f"after 我, {after.total()} times in {num_train:,}:")
for char, times in after.most_common(8):
    share = times / after.total()
    print(f"{char!r:<6} {share:.2f} {'#' * round(100 * share)}")

# %% [markdown]
# ## The game
#
# The tables can play now. They guess in the order of how often a character
# followed the last two; then the last one; then at all. Here is how many
# guesses they needed for some held-out text. A space is shown as `_`; `-`
# marks a character that was never counted.


# %%
def num_guesses(t):
    guesses = {}  # a dict keeps the order
    for n in (3, 2, 1):
        row = tables[n][text[t - n + 1:t]]
        guesses |= dict.fromkeys(char for char, _ in row.most_common())
    return [*guesses].index(text[t]) + 1 if text[t] in guesses else None


needed = [num_guesses(t) for t in range(num_train, num_train + 1000)]
for char, number in zip(held_out[:16], needed[:16], strict=True):
    print(f"{char.replace(' ', '_')}{number or '-'}", end="  ")
print(f"\nof 1,000 characters, {needed.count(1)} were guessed at once, and "
      f"{needed.count(None)} never")
assert needed.count(1) > 100

# %% [markdown]
# ## They write
#
# A model that predicts can also write: draw a character from the row of the
# table, append it, move on. The number beside each n says how many characters
# there were to choose from, on average.


# %%
def write(n, num_chars, followers):
    written, choices = train[:n - 1], []
    for _ in range(num_chars):
        row = followers[written[len(written) - n + 1:]] or tables[1][""]
        choices.append(len(row))
        written += random.choices(list(row), list(row.values()))[0]
    return written[n - 1:], np.mean(choices)


samples = {n: write(n, 50, tables[n]) for n in (1, 2, 3, 5)}
for n, (sample, choices) in samples.items():
    print(f"{n}-gram ({choices:,.1f} to choose from):\n  {sample}")

# %% [markdown]
# With each longer context the text gets better before your eyes: from
# characters to words to phrases. And there is ever less to choose. Where a
# context has occurred once, the table can only go on quoting, and the last
# sample is little more than quotations. Is that a better model of the
# language, or only a better memory?
#
# ## What if it never happened?
#
# To answer this, the tables must predict a text that they have not counted. A
# context was followed by a character $c$ times, $w$ of these times by $x$.
# The share $w / c$ is zero for whatever has not happened yet, and one such
# zero makes the whole product zero.
#
# So keep something for the unseen; but how much? Ask how often there was news
# before. Of the $c$ characters that came after the context, $d$ were
# distinct, so $d$ of the $c$ times something came that was new there. Count
# that as an event of its own: news has the share $d / (c + d)$ of what may
# happen, and $x$ keeps $w / (c + d)$. What comes then is left to the shorter
# context, with the probability $p_{n-1}$ (it may be a known character after
# all; that keeps the formula short):
#
# $$p_n = \frac{w + d\, p_{n-1}}{c + d}, \qquad p_0 = \frac{1}{V},$$
#
# where $V$ is the size of the vocabulary. A context that was never seen
# leaves everything to the shorter one: $p_n = p_{n-1}$. To mix longer and
# shorter n-grams like this is called interpolation; these weights are those
# of Witten and Bell (1991), and the beginning of the text counts as a
# context, too.
#
# ## By hand: abab?
#
# Let the text be *abab*, with $V = 2$. Without a context, both characters
# have the probability $p_1 = (2 + 2 \cdot 0.5) / (4 + 2) = 0.50$. After *b*
# came one *a*: $c = w = d = 1$, so $p_2 = (1 + 0.50) / 2 = 0.75$. After *a*
# came two *b*: $p_2 = (2 + 0.50) / 3 = 0.83$. At the beginning came one *a*,
# which again gives 0.75. So the model expects, after *abab*, an *a* with the
# probability 0.75. Its predictions of the text itself:
#
# | | a | b | a | b | mean |
# |---|---:|---:|---:|---:|---:|
# | probability $p$ | 0.75 | 0.83 | 0.75 | 0.83 | |
# | nats, $-\ln p$ | 0.29 | 0.18 | 0.29 | 0.18 | 0.24 |
# | bits, $-\log_2 p$ | 0.42 | 0.26 | 0.42 | 0.26 | 0.34 |
#
# $-\log p$ is the *surprise*: 0 for what was certain, and the smaller $p$,
# the larger. The logarithm makes a sum of the product above. The mean
# surprise is the *cross-entropy*, and
#
# $$\text{perplexity} = e^{\text{nats}} = 2^{\text{bits}} = 1.26$$
#
# is the number of equally likely characters between which the model is, in
# effect, choosing. Guessing evenly has the perplexity $V$.
#
# A neural network computes no counts, but a *score* for each character, which
# may be any number. *Softmax* turns scores into probabilities: it takes the
# exponential of each, and divides by their sum. Scores of 1.10 for *a* and
# 0.00 for *b* give $3.00 / 4.00 = 0.75$ and $1.00 / 4.00 = 0.25$, as the
# counts do. If *a* comes, the surprise is 0.29 nats; if *b* comes, 1.39.

# %%
scores = np.array([1.1, 0.0])
softmax = np.exp(scores) / np.exp(scores).sum()
print("softmax:", softmax.round(2), "nats:", -np.log(softmax).round(2))
assert [*softmax.round(2)] == [0.75, 0.25]

# %% [markdown]
# ## All at once
#
# For whole texts, NumPy counts faster than dictionaries. Each context is a
# number; context times $V$ plus character is the number of the n-gram.
# `np.unique` numbers the n-grams that occur anew, from 0 on, so that the
# numbers stay small; the new number is the next longer context of the
# character that follows. The beginning of the text, which no n-gram precedes,
# gets a number of its own.


# %%
def ngram_probabilities(corpus_indices, n, vocab_size, held_out=(),
                        smooth=True):
    ids = np.append(corpus_indices, held_out).astype(np.int64)
    num_counted = len(corpus_indices)
    contexts, p = np.zeros_like(ids), 1 / vocab_size
    for _ in range(n):
        ngrams, which = np.unique(contexts * vocab_size + ids,
                                  return_inverse=True)
        counts = np.bincount(which[:num_counted], minlength=len(ngrams))
        c = np.bincount(ngrams // vocab_size, counts)[contexts]
        d = smooth * np.bincount(ngrams // vocab_size, counts > 0)[contexts]
        p = np.where(c > 0, (counts[which] + d * p) / np.maximum(c + d, 1),
                     smooth * p)
        yield p[num_counted if len(held_out) else 0:]
        contexts = np.append(len(ngrams), which[:-1])


def ngram_perplexity(corpus_indices, n, vocab_size, held_out=(), smooth=True):
    *_, p = ngram_probabilities(corpus_indices, n, vocab_size, held_out,
                                smooth)
    with np.errstate(divide="ignore"):  # log(0) is -inf
        return d2l.perplexity(-np.log(p).mean())


# %%
abab = [0, 1, 0, 1]
*_, by_hand = ngram_probabilities(abab, 2, vocab_size=2)
nats = -np.log(by_hand).mean()
print(by_hand.round(2), f"{nats:.2f} nats, {nats / math.log(2):.2f} bits, "
      f"perplexity {ngram_perplexity(abab, 2, 2):.2f}")
assert abs(by_hand - [3 / 4, 5 / 6, 3 / 4, 5 / 6]).max() < 1e-12

# %% [markdown]
# ## Knowing, or remembering?
#
# Now to the question. For each n: the perplexity of the training text and of
# the held-out text, the number of distinct n-grams in the training text, and
# the share of those in the held-out text that are not among them.

# %%
ids = corpus.corpus_indices
train_ids, held_out_ids = ids[:num_train], ids[num_train:]
orders, sizes, news = range(1, 7), [], []
curves = {name: [d2l.perplexity(-np.log(p).mean()) for p in
                 ngram_probabilities(train_ids, 6, vocab_size, part)]
          for name, part in (("training text", ()),
                             ("held-out text", held_out_ids))}
print("n  perplexity: training  held out   n-grams counted  never counted")
for n in orders:
    seen = {train[t:t + n] for t in range(num_train - n + 1)}
    sizes.append(len(seen))
    news.append(np.mean([text[t - n + 1:t + 1] not in seen
                         for t in range(num_train, len(text))]))
    print(f"{n}{curves['training text'][n - 1]:22.2f}"
          f"{curves['held-out text'][n - 1]:10.1f}{sizes[-1]:18,}"
          f"{news[-1]:15.0%}")

# %%
figure = d2l.new_figure((9, 3.2))
for axes, (name, values) in zip(figure.subplots(1, 3), {
        **curves, "held-out n-grams never counted": news}.items(),
        strict=True):
    axes.plot(orders, values, "o-")
    axes.set(title=name, xlabel="n", ylabel="perplexity")
    axes.title.set_fontsize("medium")
figure.axes[0].set_yscale("log")
figure.axes[2].set(ylabel="share", ylim=(0, 1))
figure

# %%
fit, unseen = curves.values()
best = unseen.index(min(unseen)) + 1
print(f"the best n is {best}: {min(unseen):.1f}; of {vocab_size ** 3:,} "
      f"possible triples, {num_train:,} characters show {sizes[2]:,}")
assert fit == sorted(fit, reverse=True) and fit[-1] < 1.2
assert best == 2 and unseen[-1] > 1.2 * min(unseen)

# %% [markdown]
# On the training text each longer context helps, down to almost 1: that is
# memory. On the held-out text pairs help, and triples already harm. The
# counts say why. Of $V^3$ possible triples the training text shows a
# vanishing part, and most triples of the held-out text are not among them.
# Where a context was never seen, $p_3 = p_2$ loses nothing. Where it was
# seen, half of the probability or more goes to the few characters that
# followed then (since $d$ is never above $c$), and most often another one
# follows now.
#
# ## The marks to beat
#
# Later lessons train on the first 10,000 characters of these lyrics, and
# report the perplexity of the training text itself. On it, unsmoothed n-grams
# are a mark with a meaning: no model that sees only the last character can
# get below the 2-gram's. Whatever gets below the 3-gram's looks further back
# than two characters. Tiny Shakespeare, in the later lessons, has its last
# tenth held out; where it cannot be had, the sonnets that come with the
# package stand in. Every [report](rnn_scratch.py) shows the uniform, unigram,
# bigram and trigram guess beside the model.

# %%
lyrics = d2l.load_data_jay_lyrics()
print(f"{lyrics.source}, learned by heart:\n  uniform {lyrics.vocab_size:,}",
      *(f"{n}-gram " + format(ngram_perplexity(
          lyrics.corpus_indices, n, lyrics.vocab_size, smooth=False), ".2f")
        for n in (1, 2, 3)), sep=", ")
plays = d2l.load_corpus("tinyshakespeare")
train_part, rest, _ = d2l.split(plays, 0.1)
marks = [d2l.perplexity(-np.log(p).mean()) for p in ngram_probabilities(
    train_part, 6, plays.vocab_size, rest)]
print(f"{plays.source}, held out:\n  uniform {plays.vocab_size}, 1-gram "
      f"{marks[0]:.2f}, best {marks.index(min(marks)) + 1}-gram "
      f"{min(marks):.2f} ({math.log(min(marks)):.3f} nats)")
assert min(marks) < marks[0] / 2

# %% [markdown]
# ## Common mistakes
#
# **Smoothing forgotten.** One pair that never happened, and the product is
# zero, whatever the model knew about all the others.

# %%
print("2-gram, unsmoothed, held out:", ngram_perplexity(
    train_ids, 2, vocab_size, held_out_ids, smooth=False))
assert ngram_perplexity(train_ids, 2, vocab_size, held_out_ids, False) == (
    math.inf)

# %% [markdown]
# **Perplexities of two vocabularies compared.** The same lyrics can be read
# as bytes, of which most of these characters have three. A model of bytes has
# at most 256 to choose between, and a fine perplexity (here with 3-grams;
# longer ones do worse). But it has to choose more often. What can be compared
# is the surprise of the whole text, divided by one unit for both, such as the
# number of its characters.

# %%
for name, n, size, counted, rest in (
        ("characters", 2, vocab_size, train_ids, held_out_ids),
        ("bytes", 3, 256, *(np.frombuffer(part.encode(), np.uint8)
                            for part in (train, held_out)))):
    value = ngram_perplexity(counted, n, size, rest)
    bits = math.log2(value) * len(rest) / len(held_out)
    print(f"{name:<10} {n}-gram: perplexity {value:6.1f}, {len(rest):,} "
          f"choices, {bits:.2f} bits a character")
assert value < 20 and bits > math.log2(min(unseen))

# %% [markdown]
# The perplexity of the bytes is a small fraction of the other, and yet it is
# the model of characters that needs fewer bits. (The model of characters has
# one advantage left: it knew beforehand which characters the whole text has.)
#
# ## Summary
#
# * A language model gives each character a probability, given those before.
#   Its mean surprise is the cross-entropy, in nats or bits; the exponential
#   of that is the perplexity.
# * n-grams count. Up to some n, which grows with the text, a longer context
#   predicts better; beyond it, it only quotes better, since most of what
#   comes has never been counted.
# * A perplexity says something beside others of the same text in the same
#   vocabulary. Across vocabularies, compare bits a character.
#
# That is the wall. No n is long enough: a sentence may depend on a word
# twenty characters back, and no text is long enough to count contexts of
# twenty. A table treats each context as unlike any other. What if the past
# were not looked up but remembered, in a vector that similar pasts share?
#
# ## Exercises
#
# 1. (\*) A model gives each character of *abab* the probability 0.25. How
#    many nats and bits a character is that, and what is the perplexity? And
#    what is the perplexity of *abba* under the 2-grams of *abab*?
# 2. (\*) A player of the game needs one guess for eight letters of ten, and
#    two guesses for the others. Why can a twin, who guesses alike, read the
#    text from the numbers of guesses, and how many bits a letter do these
#    take?
# 3. (\*\*) Add-k smoothing takes $(w + k) / (c + k V)$. Find the best k for
#    the 2-grams. Why does it lose, by far, against interpolation?
# 4. (\*\*) Count only half, a quarter and an eighth of the training text.
#    How does the best n change?
# 5. (\*\*\*) Measure the sonnets, `d2l.load_corpus("shakespeare")`, by
#    character and by word. Which level needs fewer bits a character? What
#    does the model of words know beforehand, and what is left of its lead
#    if it has to pay for that?
#
# ## Further reading
#
# * C. E. Shannon, *A Mathematical Theory of Communication*, 1948: n-grams
#   that write; *Prediction and Entropy of Printed English*, 1951: the game.
# * I. H. Witten and T. C. Bell, *The Zero-Frequency Problem: Estimating the
#   Probabilities of Novel Events in Adaptive Text Compression*, 1991.
# * S. F. Chen and J. Goodman, *An Empirical Study of Smoothing Techniques for
#   Language Modeling*, 1996.
# * *Dive into Deep Learning*, in Chinese: sections 6.1 and 6.2 of the [first
#   edition](https://zh-v1.d2l.ai), 8.3 of the [second](https://zh.d2l.ai).
#
# Next: [a corpus for a language model](lang_model_dataset.py).
