# %% [markdown]
# # Solutions: who chooses the next character?
#
# The exercises are at the end of `decoding.py`. In a notebook of that lesson
# the code below runs after its last cell; on its own it begins with what it
# needs: a smaller model, which is trained in seconds and writes worse.

# %%
import d2lrnn as d2l
import numpy as np
from mxnet import nd

ctx = d2l.try_gpu()
corpus = d2l.load_corpus("tinyshakespeare", num_chars=50_000)
_, char_to_idx, idx_to_char, vocab_size = corpus
train_ids, held_out_ids, _ = d2l.split(corpus, 0.1)
model = d2l.CharRNN(vocab_size, 32, 96, 1)
history = d2l.fit(model, corpus, 6, lr=1e-2, schedule="one_cycle",
                  batch_size=20, num_steps=50, seed=1)


def write_texts(prefixes, num_chars, **how):
    return ["".join(chars) for chars in zip(*d2l.generate(
        model, prefixes, num_chars, seed=1, **how), strict=True)]


def judge(text):
    ids = [char_to_idx[char] for char in text]
    pieces = [text[i:i + 4] for i in range(len(text) - 3)]
    return (len({*pieces}) / len(pieces),
            np.exp(d2l.evaluate(model, ids, 1)[0].mean()),
            d2l.copied(text, corpus.text[:len(train_ids)]).mean)


human = np.median([judge(corpus.text[-500 * i:][:500])
                   for i in range(1, 6)], axis=0)

# %% [markdown]
# ## 1
#
# The probabilities are in the table. Add them up from the left.
#
# ### Solution
#
# At 0.5 the first two: 0.867 is not enough, 0.984 is. At 1 the first two as
# well, with 0.910. At 2 they have only 0.81, so all three are kept.

# %%
kept = []
for tau in (0.5, 1, 2):
    p = np.exp(np.array([2, 1, 0]) / tau)
    sums = (p / p.sum()).cumsum()
    kept.append(1 + int((sums < 0.9).sum()))
    print(tau, sums.round(3))
assert kept == [2, 2, 3]

# %% [markdown]
# ## 2
#
# If $n$ probabilities add up to 1, how small can the highest of them be?
#
# ### Solution
#
# `top_k=1`, and each `top_p` of at most $1/n$: the highest of $n$
# probabilities is never below $1/n$, so it reaches this $p$ alone. Both hold
# at every temperature, and `kind="stable"` chooses the first of equal scores,
# as `argmax` does. A `top_p` above $1/n$ keeps a second character if all
# scores are equal. A very low temperature is not enough either: it still
# draws between equal scores.

# %%
rng = np.random.default_rng(1)
for scores in ([0, 0, 0, 0], [1, 3, 3, 2], *rng.normal(size=(50, 4))):
    for tau in (0.1, 1, 10):
        for only in ({"top_k": 1}, {"top_p": 1 / 4}):
            assert np.argmax(scores) == d2l.choose(
                scores, temperature=tau, rng=rng, **only)
for other in ({"top_p": 0.26}, {"temperature": 1e-9}):
    assert len({d2l.choose([0, 0, 0, 0], rng=rng, **other)
                for _ in range(100)}) > 1

# %% [markdown]
# ## 3
#
# Begin with ten different prefixes from the held-out text. With a period of at
# most 250, the last 500 characters hold two turns of a loop; one of 499 only
# says that the first and the last of them are the same.
#
# ### Solution
#
# Yes: with a smaller model than the lesson's, all ten end in a loop at a
# temperature of 0, and none does at 0.1. A turn has places where two scores
# are close. There even a low temperature draws the other one sooner or later,
# and the text leaves its circle. A model that is surer, such as the lesson's,
# may need more.


# %%
def loops(text, last=500):
    tail = text[-last:]
    return any(tail[p:] == tail[:-p] for p in range(1, last // 2 + 1))


prefixes = [corpus.text[-100 * i:][:10] for i in range(1, 11)]
found = {tau: sum(map(loops, write_texts(prefixes, 1000, temperature=tau)))
         for tau in (0, 0.1, 0.2, 0.3, 0.4, 0.5)}
print(found)
assert found[0] == 10 and found[0.1] == found[0.5] == 0

# %% [markdown]
# ## 4
#
# Take the code of the lesson, with `top_p=p` instead of `temperature=tau`.
#
# ### Solution
#
# With a smaller model than the lesson's, diversity and perplexity grow with
# $p$, and meet those of the held-out text between 0.8 and 1. The mean copied
# span falls, and meets it at a lower $p$: above that, this model copies less
# than another part of the same text does. The lesson's own model, as
# recorded, meets diversity and perplexity only at temperatures a little above
# 1: at 1 both are still too low with $p = 1$, and a smaller $p$ lowers them
# further, so probably no $p$ meets them.

# %%
ps = np.array([0.3, 0.5, 0.7, 0.8, 0.9, 1])
middle = np.array([np.median([judge(text) for text in write_texts(
    ["\n"] * 5, 500, top_p=float(p))], axis=0) for p in ps])
gap = (middle - human) * np.sign(middle[-1] - middle[0])
met = [np.interp(0, column, ps) for column in gap.T]
print(f"the held-out text: {human.round(2)}, met at {np.round(met, 2)}")
assert 0.8 < min(met[:2]) and max(met[:2]) < 1 and met[2] < min(met[:2])
assert middle[0, 0] < middle[-1, 0] and middle[0, 1] < middle[-1, 1]
assert middle[0, 2] > human[2] > middle[-1, 2]


# %% [markdown]
# ## 5
#
# Keep ten texts in a batch, with the sums of their log-probabilities. At each
# step these and the log-probabilities of the next characters give
# `10 * vocab_size` candidates; keep the best ten, and their states.
#
# ### Solution
#
# No. From each prefix the search finds a text that is likelier than the
# greedy one, with a lower perplexity. But it repeats itself as well: its
# diversity is less than half that of the held-out text, which the model finds
# far less likely. For a translation, say, where the input leaves few
# possibilities, a search for the likeliest text pays; here it looks for the
# dullest one.


# %%
def beam_search(prefix, num_chars, width):
    ids = [[char_to_idx[char] for char in prefix]]
    Y, state = model(nd.array(ids, ctx), model.begin_state(1, ctx))
    texts, sums, scores = [""], np.zeros(1), Y[-1:]
    for _ in range(num_chars):
        sums = sums[:, None] + scores.log_softmax().asnumpy()
        best = np.argsort(-sums, axis=None)[:width]
        rows, ids = np.unravel_index(best, sums.shape)
        sums = sums[rows, ids]
        texts = [texts[row] + idx_to_char[i]
                 for row, i in zip(rows, ids, strict=True)]
        state = [s.take(nd.array(rows, ctx)) for s in state]
        scores, state = model(nd.array(ids[:, None], ctx), state)
    return texts[0], np.exp(-sums[0] / num_chars)


for prefix in ("The ", "And ", "I "):
    (greedy_text, alone), (likely, ten) = (
        beam_search(prefix, 200, width) for width in (1, 10))
    print(f"{alone:.2f} {greedy_text[:60]!r}\n{ten:.2f} {likely[:60]!r}")
    assert ten < alone < human[1] and judge(likely)[0] < human[0] / 2
