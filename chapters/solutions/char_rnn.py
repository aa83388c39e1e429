# %% [markdown]
# # Solutions: the char-RNN
#
# The exercises are at the end of `char_rnn.py`. In a notebook of that lesson
# the code below runs after its last cell; on its own it begins with what it
# needs.

# %%
import io
from contextlib import redirect_stdout

import d2lrnn as d2l
import numpy as np

ctx = d2l.try_gpu()
part = d2l.load_corpus("tinyshakespeare", num_chars=10_000)


def train(model, corpus, num_epochs, **options):
    with redirect_stdout(io.StringIO()):
        return d2l.fit(model, corpus, num_epochs, lr=1e-2, batch_size=20,
                       num_steps=50, seed=1, ctx=ctx, **options)


# %% [markdown]
# ## 1
#
# When is each of the two measured, and how good is the model then?
#
# ### Solution
#
# The dotted curve is a mean over the epoch: at its first mini-batches the
# model knows nothing. The held-out text is read after the epoch, by a model
# that has learned from all of them. Measured at that same time, the training
# text, too, is far easier than its dotted curve says:

# %%
train_ids, _, _ = d2l.split(part, 0.1)


def look_again(model, record):
    measured, _ = d2l.evaluate(model, train_ids)
    record["again"] = float(np.exp(measured.mean()))


first = train(d2l.CharRNN(part.vocab_size, 16, 64, 1), part, 1,
              on_epoch_end=look_again)[0]
print(*(f"{name}: {first[name]:.1f}" for name in (
    "perplexity", "held_out_perplexity", "again")), sep=", ")
assert max(first["again"], first["held_out_perplexity"]) < first["perplexity"]

# %% [markdown]
# ## 2
#
# Each gate and the candidate has a matrix for its inputs, one for the state,
# and, in Gluon, two biases.
#
# ### Solution
#
# With $V$ characters: $64 V$ in the embedding; $4 \cdot 256\, (64 + 256 + 2)
# = 329{,}728$ in the first recurrent layer; $4 \cdot 256\, (256 + 256 + 2) =
# 526{,}336$ in the second; $(256 + 1) V$ in the output layer. Together that
# is $856{,}064 + 321 V$: with the sixty or so characters of an English text
# nearly all of it is in the recurrent layers, and most in the second; with
# thousands of Chinese characters it is not.

# %%
V = part.vocab_size
model = d2l.CharRNN(V, 64, 256, 2, dropout=0.3)
model.initialize(ctx=ctx)
size = sum(p.data().size for p in model.collect_params().values())
assert size == 856_064 + 321 * V and 526_336 > size / 2

# %% [markdown]
# ## 3
#
# The bits of a word are shared by its characters; take for their number the
# average of the whole text. The last record of the history has
# `held_out_unk`, the share of `<unk>` among the held-out words.
#
# ### Solution
#
# On this small scale, the model of words needs far fewer bits per character.
# But many of the held-out words are `<unk>`, and whoever predicts `<unk>` has
# not said which word it is, let alone how it is spelled. So this lead is no
# proof: the spelling has to be paid for, as in the last exercise on [language
# models](language_models.py), before the two can be compared.

# %%
words = d2l.load_corpus("tinyshakespeare", num_chars=10_000, level="word",
                        min_freq=5)
bits = {}
for name, corpus in (("characters", part), ("words", words)):
    history = train(d2l.CharRNN(corpus.vocab_size, 16, 64, 1), corpus, 4)
    best = min(history, key=lambda record: record["held_out_perplexity"])
    _, held_out_ids, _ = d2l.split(corpus, 0.1)
    per_piece = np.log2(best["held_out_perplexity"])
    num_chars = part.num_chars * len(held_out_ids) / len(corpus.corpus_indices)
    bits[name] = per_piece * len(held_out_ids) / num_chars
    print(f"{name:<10} {per_piece:.2f} bits each, {bits[name]:.2f} a "
          f"character, {best['held_out_unk']:.0%} <unk>")
unknown = best["held_out_unk"]
assert bits["words"] < bits["characters"] and unknown > 0.1

# %% [markdown]
# ## 4
#
# Multiply the state by a mask of zeros and ones before each step (without the
# division by $1 - p$, which one mask would repeat 35 times), and let the step
# itself be the best that a memory can do: keep everything. With which
# probability does one unit get through 35 new masks, and with which through a
# single one?
#
# ### Solution
#
# The new masks. A unit gets through 35 of them with the probability
# $0.7^{35}$, about four in a million, and through a single mask with 0.7. So
# with new masks nothing old is left in training, and there is nothing to
# learn from it; with one mask, the units that are not dropped keep what they
# hold for the whole sequence. Below, one of four symbols is kept as a random
# pattern of 256 units, and told from the other three at the end. With one
# mask it always is, with new masks this is a guess. (A trained network may do
# better with new masks than this one, if it learns to restore at each step
# what was dropped, from the units that were not.)

# %%
rng = np.random.default_rng(1)
symbols = rng.choice([-1, 1], (4, 256))
answers = rng.integers(4, size=1000)
assert abs(0.7 ** 35 - 4e-6) < 1e-6
right = {}
for name, num_masks in (("one mask", 1), ("new masks", 35)):
    H = symbols[answers]
    for _ in range(num_masks):  # of 0 and 1, so the same again does nothing
        H = H * (rng.random(H.shape) < 0.7)
    right[name] = np.mean((H @ symbols.T).argmax(axis=1) == answers)
print(right)
assert right["one mask"] == 1 and abs(right["new masks"] - 1 / 4) < 0.05
