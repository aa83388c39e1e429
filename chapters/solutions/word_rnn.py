# %% [markdown]
# # Solutions: words
#
# The exercises are at the end of `word_rnn.py`. In a notebook of that lesson
# the code below runs after its last cell; on its own it begins with what it
# needs.

# %%
import io
from contextlib import redirect_stdout
from itertools import islice, pairwise

import d2lrnn as d2l
import numpy as np

ctx = d2l.try_gpu()
corpus, valid, test = d2l.load_ptb()
vocab_size = corpus.vocab_size
model = d2l.CharRNN(vocab_size, 64, 64, 1, dropout=0.4, tie_weights=True)
with redirect_stdout(io.StringIO()):
    d2l.fit(model, corpus, max(1, round(6e4 / len(corpus.corpus_indices))),
            lr=2e-2, batch_size=10, num_steps=20, schedule="one_cycle",
            held_out=valid, seed=1, ctx=ctx)

# %% [markdown]
# ## 1
#
# How many bits is a step? Over how many characters are they spread?
#
# ### Solution
#
# A step costs $\log_2 90 = 6.49$ bits, which are spread over 5.6 characters:
# 1.16 bits a character. A model of characters with as many bits a
# character has the perplexity $2^{1.16} = 2.23$. A perplexity of 90 by word
# and one of 2.23 by character are equally good.

# %%
bits = np.log2(90) / 5.6
print(f"{bits:.2f} bits a character, perplexity {2 ** bits:.2f}")
assert np.isclose((2 ** bits) ** 5.6, 90)

# %% [markdown]
# ## 2
#
# Which matrix is no longer there, and what is its shape?
#
# ### Solution
#
# One of the two matrices of shape $(V, h)$ goes:
# $10\,000 \cdot 650 = 6\,500\,000$ parameters. The bias of the output layer
# stays, and the recurrent layers do not change.

# %%
sizes = {}
for tied in (False, True):
    either = d2l.CharRNN(10_000, 650, 650, 2, tie_weights=tied)
    sizes[tied] = sum(np.prod(param.shape) for param
                      in either.collect_params().values())
    print(f"tied: {tied}, {sizes[tied]:,} parameters")
assert sizes[False] - sizes[True] == 10_000 * 650

# %% [markdown]
# ## 3
#
# The loss at a step belongs to the word that is predicted there, which is the
# next one.
#
# ### Solution
#
# Published tables count `<unk>` like any other word. It is frequent, and so
# easier to predict than most words: without it, the perplexity is higher.
# Here `<unk>` is a quarter of the test part, so the two numbers are far
# apart; on the Penn Treebank it is about one word in twenty.

# %%
losses, _ = d2l.evaluate(model, test.corpus_indices, 1)
known = test.corpus_indices[1:] != corpus.char_to_idx["<unk>"]
every, without = np.exp(losses.mean()), np.exp(losses[0, known].mean())
print(f"all words {every:.1f}, those that it knows {without:.1f}")
assert without > every

# %% [markdown]
# ## 4
#
# Without smoothing, a model of pairs picks one of the words that follow the
# last one in the training part. Which pairs can it write?
#
# ### Solution
#
# A model of pairs writes no new pair at all: it has only ever counted. The
# network gives every pair some probability, and more where the two words are
# like others that it saw together. That is what it knows beyond counting, and
# also why it writes nonsense that counting would not. The triples that the
# model of pairs writes are new more often than not. (It writes `<unk>`, too,
# which the network never does.)

# %%
words = [corpus.idx_to_char[i] for i in corpus.corpus_indices]
followers = {}
for word, following in pairwise(words):
    followers.setdefault(word, []).append(following)
rng = np.random.default_rng(1)
counted = ["<eos>"]
while len(counted) < 500:
    counted.append(str(rng.choice(followers[counted[-1]])))
text = "".join(islice(d2l.generate(model, "\n", 500, seed=1), 500))
written = text.replace("\n", " <eos> ").split()
for name, those in (("network", written), ("pairs", counted)):
    new = [len(set(zip(*(those[i:] for i in range(n)), strict=False))
               - set(zip(*(words[i:] for i in range(n)), strict=False)))
           for n in (2, 3)]
    print(f"{name}: {new[0]} new pairs, {new[1]} new triples")
    assert (new[0] == 0) == (name == "pairs") and new[1] > 250
