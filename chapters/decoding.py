# %% [markdown]
# # Who chooses the next character?
#
# A language model gives a probability to every character that may come next.
# It does not say which one to write. If you always take the likeliest, the
# text soon repeats itself for ever; if you draw one from all of them, an
# unlikely one comes up now and then and leads the text astray. After this
# lesson you can
#
# * explain why greedy text runs in circles, and find its period;
# * choose with a temperature, top-k and top-p, and say what each one keeps;
# * judge a text by its diversity, by its perplexity, and by how much of it is
#   copied from the training text.
#
# You need [the LSTM](lstm.py), of which the model here is made. The lesson
# takes about three minutes on two cores. The letters are those of the
# [notation](/notation.md).

# %%
import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import nd

seed = 1
ctx = d2l.try_gpu()
corpus = d2l.load_corpus("tinyshakespeare", num_chars=330_000)
_, char_to_idx, idx_to_char, vocab_size = corpus
train_ids, held_out_ids, _ = d2l.split(corpus, 0.1)
print(f"{corpus.source}: {vocab_size} distinct characters, on {ctx}")

# %% [markdown]
# ## A model that can write
#
# `CharRNN` looks up a vector for the character, passes it through an LSTM of
# 256 units, and computes a score for every character; the lesson on [the
# char-RNN](char_rnn.py) takes it apart, and explains dropout. `fit` trains it
# on nine tenths of the text and measures it on the last tenth. If tiny
# Shakespeare is not there, as when this page was recorded, the text is the
# sonnets that come with the package.

# %%
model = d2l.CharRNN(vocab_size, 64, 256, 1, dropout=0.3)
num_epochs = d2l.epochs(min(20, round(1e6 / corpus.num_chars)))
history = d2l.fit(model, corpus, num_epochs, lr=8e-3, schedule="one_cycle",
                  batch_size=20, num_steps=50, seed=seed)

# %% [markdown]
# ## The likeliest character, again and again
#
# *Greedy* decoding takes the highest score at every step. The function below
# also keeps the states, since we want to see what becomes of them. A loop of
# period $p$ begins where, from there on, every character equals the one $p$
# places later. `find_loop` returns this place, and the shortest period of the
# last 500 characters. If that is above 250, these characters do not hold two
# full turns, and we do not count it as a loop. Brackets enclose the first
# turn.


# %%
def greedy(prefix, num_chars):
    ids = [char_to_idx[char] for char in prefix]
    state, states = model.begin_state(1, ctx), []
    for t in range(num_chars):
        Y, state = model(nd.array([ids[t:t + 1]], ctx), state)
        states.append(nd.concat(*state, dim=1).asnumpy()[0])  # H and C
        if t + 1 == len(ids):
            ids.append(int(Y.argmax(axis=1).asscalar()))
    return "".join(idx_to_char[i] for i in ids), np.stack(states)


def find_loop(text, last=500):
    tail = text[-last:]
    period = next(p for p in range(1, last + 1) if tail[p:] == tail[:-p])
    return next(i for i in range(len(text))
                if text[i:-period] == text[i + period:]), period


# %%
axes = d2l.new_figure().subplots()
for prefix in ("The ", "What ", "And ", "I "):
    text, states = greedy(prefix, 1200)
    start, period = find_loop(text)
    circle = text[start:start + period]
    print(f"{prefix!r}, period {period}: {text[:start]}⟦{circle}⟧ ...")
    distance = np.linalg.norm(states[period:] - states[:-period], axis=1)
    axes.semilogy(range(period, len(states)), distance, label=prefix)
axes.set(xlabel="characters", ylabel="distance of states a period apart")
axes.legend()
axes.figure

# %% [markdown]
# Why a loop? Greedy decoding leaves nothing to chance: state and character
# determine the next state and the next character. Such a map on a finite set
# must come back some day to where it has been, and from there it can only
# repeat itself. The states are a finite set, since they are made of numbers
# of 32 bits, but there are so many of them that an exact return may be a long
# time in coming.
#
# The figure shows what happens instead. The *characters* come back first,
# while the states still differ: only the highest score has to be the same.
# That character is read next, and with the same characters as input, the
# states come closer and closer. The nearly straight fall on the logarithmic
# axis means: by about the same factor at each turn, down to where float32
# rounds. When we ran this, all four prefixes ended in one and the same loop.
#
# A text that people wrote is not made of the likeliest words alone (Holtzman
# et al. 2019), so a likelier text need not be a better one. What helps is
# chance.
#
# ## Temperature, by hand
#
# Softmax turns the scores $y_j$ of the next character into probabilities. A
# *temperature* $\tau$ divides the scores first:
#
# $$p_j = \frac{\exp(y_j / \tau)}{\sum_i \exp(y_i / \tau)}.$$
#
# Take three scores, 2, 1 and 0. A difference of 1 is a factor of
# $e^{1 / \tau}$ between two probabilities: 7.39 for $\tau = 0.5$, 2.72 for
# $\tau = 1$, and 1.65 for $\tau = 2$.
#
# | $\tau$ | $\exp(y_j / \tau)$ | sum | $p_j$ |
# |---|---|---:|---|
# | 0.5 | 54.60, 7.39, 1 | 62.99 | 0.867, 0.117, 0.016 |
# | 1 | 7.39, 2.72, 1 | 11.11 | 0.665, 0.245, 0.090 |
# | 2 | 2.72, 1.65, 1 | 5.37 | 0.506, 0.307, 0.186 |
#
# As $\tau$ approaches 0, all probability goes to the highest score, which is
# greedy decoding; as $\tau$ grows, all characters become equally likely. The
# order never changes.
#
# ## Cutting off the tail
#
# The unlikely characters are many, and together they have some probability:
# in a long text one of them is drawn now and then, and the model has to go on
# from something that it never read in training. *Top-k* (Fan et al. 2018)
# keeps the $k$ likeliest characters and gives the others the probability 0.
# But a fixed $k$ is too large where the model is sure, and too small where
# much is possible. *Top-p*, or nucleus sampling (Holtzman et al. 2019), keeps
# the fewest of the likeliest characters that together reach the probability
# $p$. Both act after the temperature, top-k first and top-p on what it keeps,
# and the probabilities that remain are scaled up until their sum is 1 again.
#
# ```{figure} /figures/choosing.svg
# :name: fig-choosing
# :alt: Scores become probabilities, some are kept, and one is drawn.
#
# From scores to the next character, here with a temperature of 2 and a top-p
# of 0.8. The random number $u$ between 0 and 1 falls into one of the parts.
# ```
#
# In code, {numref}`fig-choosing` is two functions. `allowed_scores` returns
# the scores in float64, with -inf for the ids in `banned`. Subtracting the
# highest score changes no probability, but no exponential overflows then.


# %%
def kept_ids(scores, weights, top_k, top_p):
    if top_k is None and top_p is None:
        return np.arange(len(scores))
    best = np.argsort(-scores, kind="stable")[:top_k]
    if top_p is not None:
        reached = weights[best].cumsum()
        # rounding must not let in one more character
        enough = top_p * reached[-1] * (1 - 1e-12)
        best = best[:1 + reached.searchsorted(enough)]
    return np.sort(best)


def choose(scores, temperature=1.0, top_k=None, top_p=None, rng=None,
           banned=()):
    scores = d2l.allowed_scores(scores, banned)
    if temperature == 0:
        return int(scores.argmax())
    # a tiny temperature may turn a difference into -inf: its weight is 0
    with np.errstate(over="ignore", under="ignore"):
        weights = np.exp((scores - scores.max()) / temperature)
    ids = kept_ids(scores, weights, top_k, top_p)
    cumulative = weights[ids].cumsum()
    draw = rng.random() * cumulative[-1]
    return int(ids[cumulative.searchsorted(draw, side="right")])


# %% [markdown]
# Do ten thousand draws follow the last row of the table? Chance alone moves
# each share by about 0.005:

# %%
rng = np.random.default_rng(seed)
drawn = [choose([2, 1, 0], temperature=2, rng=rng) for _ in range(10_000)]
print(np.bincount(drawn) / len(drawn))
assert np.allclose(np.bincount(drawn) / 1e4, [.506, .307, .186], atol=0.03)

# %% [markdown]
# Now the model's own scores. The bars are the twenty likeliest characters
# after "the "; `top_p=0.9` keeps the blue ones, and `top_k=5` those on the
# left of the dotted line. At a temperature of 2, `top_p` may keep more
# characters than there are bars: each title says how many it keeps.


# %%
def nucleus(text, tau):
    ids = nd.array([[char_to_idx[char] for char in text]], ctx)
    Y, _ = model(ids, model.begin_state(1, ctx))
    scores = Y[-1].asnumpy().astype("float64")
    weights = np.exp((scores - scores.max()) / tau)
    return weights / weights.sum(), kept_ids(scores, weights, None, 0.9)


best = np.argsort(-nucleus("the ", 1)[0])[:20]
names = [repr(idx_to_char[i])[1:-1].replace(" ", "␣") for i in best]
grid = d2l.new_figure((10, 2.6)).subplots(1, 3, sharey=True)
for axes, tau in zip(grid, (0.5, 1, 2), strict=True):
    p, ids = nucleus("the ", tau)
    axes.bar(names, p[best], color=["C0" if i in ids else "0.8"
                                    for i in best])
    axes.axvline(4.5, color="k", linestyle=":")
    axes.set(title=f"temperature {tau}, {len(ids)} kept", ylabel="$p_j$")
axes.figure

# %% [markdown]
# How many characters top-p keeps depends on how sure the model is:

# %%
for text in ("the ", "And ", "And th", "And wit"):
    _, ids = nucleus(text, 1)
    print(f"after {text!r}: {len(ids)}, {[idx_to_char[i] for i in ids]}")

# %% [markdown]
# ## Seeds
#
# `generate` calls `choose` at every step. Its random numbers come from a
# generator that begins with a seed, so the same seed gives the same text: an
# experiment can be repeated, and a good line found again.

# %%
texts = ["".join(d2l.generate(model, "The ", 60, seed=s)) for s in (1, 1, 2)]
print(*map(repr, texts), sep="\n")
assert texts[0] == texts[1] != texts[2]

# %% [markdown]
# ## Which temperature?
#
# Three measures of a text help to judge it:
#
# * *Diversity*, the share of distinct pieces among all pieces of four
#   characters: low in a loop, but highest in noise.
# * *Perplexity to the model*, which says how much a text surprises the model,
#   here always measured with $\tau = 1$, whatever the text was written with:
#   high in noise, but lowest in a loop.
# * *Copied span*, from `d2l.copied`: for every position of the text, the
#   length of the longest piece that begins there and occurs anywhere in the
#   training text; then the mean over all positions. It is low in noise, but
#   highest in a copy.
#
# So neither low nor high is good: the yardstick is the held-out text, which a
# person wrote. Five texts of 500 characters at each temperature stand beside
# five such pieces of the held-out text. Lines are medians, dashed for the
# held-out text; bands go from the lowest of the five to the highest.


# %%
def write(model, tau):
    return ["".join(chars) for chars in zip(*d2l.generate(
        model, ["\n"] * 5, 500, temperature=tau, seed=seed), strict=True)]


def judge(text):
    ids = [char_to_idx[char] for char in text]
    return (len({text[i:i + 4] for i in range(497)}) / 497,
            np.exp(d2l.evaluate(model, ids, 1)[0].mean()),
            d2l.copied(text, corpus.text[:len(train_ids)]).mean)


taus = np.arange(0.2, 1.7, 0.2).round(1)
written = {tau: write(model, tau) for tau in taus}
measured = [[judge(text) for text in texts] for texts in written.values()]
human = np.median([judge(corpus.text[-500 * i:][:500])
                   for i in range(1, 6)], axis=0)

# %%
low, middle, high = np.percentile(measured, [0, 50, 100], axis=1)
gap = (middle - human) * np.sign(middle[-1] - middle[0])  # from - to +
met = [np.interp(0, column, taus) for column in gap.T]
grid = d2l.new_figure((10, 3.2)).subplots(1, 3)
names = "distinct pieces", "perplexity to the model", "mean copied span"
for i, (axes, name) in enumerate(zip(grid, names, strict=True)):
    axes.axvspan(min(met), max(met), color="0.9")
    axes.fill_between(taus, low[:, i], high[:, i], alpha=0.3)
    axes.plot(taus, middle[:, i])
    axes.axhline(human[i], color="C1", linestyle="--")
    axes.set(title=name, xlabel="temperature")
print(f"the held-out text: {human.round(2)}, met at {np.round(met, 2)}")
assert middle[0, 0] < middle[-1, 0] and middle[0, 1] < middle[-1, 1]
axes.figure

# %% [markdown]
# Each measure meets that of the held-out text at some temperature; the grey
# range goes from the lowest of the three to the highest. Below it, the text
# repeats itself more than the held-out text, surprises less, and has more
# from the training text; above it, the other way round. Read one text from
# each side, and one written at a temperature of 1. In our run the texts at
# this temperature came near the held-out text by diversity and copied span,
# and surprised the model only a little less; and yet many of their words do
# not exist: such measures show what is wrong with a text, not that it is
# good.

# %%
for tau in (taus[0], taus[4], taus[-1]):
    print(f"--- temperature {tau}\n{written[tau][0][:250].strip()}")

# %% [markdown]
# ## By heart
#
# A model that knows its training text by heart may write well, but nothing of
# its own. Even large models can be made to give away passages that they were
# trained on, word for word (Carlini et al. 2021). Here we watch a model begin
# to do so: it gets a shorter text and no dropout, and after each epoch it
# writes five texts at $\tau = 1$.

# %%
part = d2l.load_corpus("tinyshakespeare", num_chars=20_000)
cut = len(d2l.split(part, 0.1)[0])


def look(model, record):
    copies = [d2l.copied(text, part.text[:cut]) for text in write(model, 1)]
    record["copied"] = float(np.mean([copy.mean for copy in copies]))
    record["span"] = max(copies).span


curve = d2l.fit(
    d2l.CharRNN(part.vocab_size, 64, 256, 1), part, d2l.epochs(24), lr=1e-2,
    batch_size=20, num_steps=50, seed=seed, on_epoch_end=look)

# %%
axes = d2l.new_figure().subplots()
for key in ("perplexity", "held_out_perplexity", "copied"):
    axes.plot(range(1, len(curve) + 1), [r[key] for r in curve], label=key)
axes.axhline(d2l.copied(part.text[cut:], part.text[:cut]).mean, c="C2")
axes.set(xlabel="epoch", ylim=(0, 20))
axes.legend()
best = min(curve, key=lambda record: record["held_out_perplexity"])
for record in (best, curve[-1]):
    print(f"after epoch {record['epoch']}, copied: {record['span']!r}")
axes.figure

# %% [markdown]
# `copied` is the mean copied span, and the horizontal line is that of the
# held-out text. While the training perplexity falls, the held-out perplexity
# turns up, and the copied span goes on growing, past that of the held-out
# text: from there on the model repeats its training text more than another
# part of the same text does. The epoch to stop at is the one with the lowest
# held-out perplexity. The longest span copied at that epoch is printed first,
# that of the last epoch second. When we tried five seeds on tiny Shakespeare,
# the copied span grew in the same way with each of them.
#
# ## Common mistakes
#
# *The temperature after top-p.* If top-p cuts at $\tau = 1$, and only the
# scores that are left are divided by the temperature, another set is kept,
# and its share of the probability at that temperature need not reach $p$.
# Some programs choose this order, so the same settings do not mean the same
# everywhere:

# %%
p, after = nucleus("the ", 2)
_, before = nucleus("the ", 1)
print(f"cut after the temperature of 2: {len(after)} characters with "
      f"{p[after].sum():.2f} of the probability; before it: {len(before)} "
      f"with {p[before].sum():.2f}")
assert p[before].sum() < 0.9 < p[after].sum() + 1e-9

# %% [markdown]
# *Drawing `<unk>`.* A vocabulary of words has a token `<unk>` for all rare
# words together, and together they are frequent: a model learns that, and
# writes `<unk>` into its text. Words drawn by their frequency alone show how
# often. A banned id gets the score -inf, and its probability is shared among
# the others; `generate` does that for you.

# %%
words = d2l.load_corpus("tinyshakespeare", level="word", min_freq=5)
scores = np.log(np.bincount(words.corpus_indices))
unk = words.char_to_idx["<unk>"]
for banned in ([], [unk]):
    drawn = [choose(scores, rng=rng, banned=banned) for _ in range(2000)]
    print(f"banned {banned}: {drawn.count(unk) / 2000:.1%} <unk>")
assert drawn.count(unk) == 0

# %% [markdown]
# *A state that has not read the prefix.* If the model begins with a state of
# zeros and the last character of the prefix, no error is raised, but the text
# is a continuation of this character alone. Here are 40 places of the
# held-out text, and the perplexity of the ten characters that follow, each of
# which the model reads before the next:

# %%
rows = held_out_ids[:40 * 60].reshape(40, 60)
for known in (50, 10, 1):
    ids = [*rows[:, 50 - known:].reshape(-1), 0]
    loss = d2l.evaluate(model, ids, 40)[0][:, known - 1:-1].mean()
    print(f"{known} characters read: perplexity {np.exp(loss):.2f}")

# %% [markdown]
# ## Try it
#
# In the book, a studio stands below, with a model that was trained on the
# sonnets that ship. Write with it at the temperatures 0, 0.5, 1 and 2, then
# with top-k and top-p. A click on a character shows the bars among which the
# choice was made, and a click on a bar takes that character instead.
#
# ```{raw} html
# <iframe class="studio" title="d2lrnn studio" loading="lazy"
#   src="../_static/studio.html#text=When+evening+comes,+"></iframe>
# ```
#
# ## Summary
#
# * Greedy text runs into a loop: states that choose the same characters
#   come nearer to one another, and so go on choosing the same.
# * The temperature makes differences larger or smaller; then top-k cuts off
#   unlikely characters by their number, top-p by their probability.
# * Judge a text by several measures, beside those of a held-out text.
# * A model trained for too long copies more and more.
#
# ## Exercises
#
# 1. (\*) With scores 2, 1 and 0, what does `top_p=0.9` keep at temperatures
#    of 0.5, 1 and 2?
# 2. (\*) Apart from `temperature=0`, with which `top_k`, and with which
#    `top_p`, does `choose` return what greedy decoding does for all scores of
#    $n$ characters?
# 3. (\*\*) Does a little chance end the loop? Write ten texts of 1,000
#    characters at each temperature from 0 to 0.5, in steps of 0.1. Which is
#    the lowest at which none of them ends in a loop?
# 4. (\*\*) Judge texts at a temperature of 1 with several $p$ of top-p. At
#    which $p$, if any, does each of the three measures meet that of the
#    held-out text?
# 5. (\*\*\*) Write a beam search (sections 10.10 and 9.8 of the book's two
#    editions) that keeps the ten likeliest texts, and judge what it finds
#    after 200 characters. Is the likelier text the better one?
#
# ## Further reading
#
# * A. Karpathy, *The Unreasonable Effectiveness of Recurrent Neural
#   Networks*, 2015: samples at several temperatures.
# * A. Fan, M. Lewis and Y. Dauphin, *Hierarchical Neural Story Generation*,
#   2018: top-k.
# * A. Holtzman, J. Buys, L. Du, M. Forbes and Y. Choi, *The Curious Case of
#   Neural Text Degeneration*, 2019: loops, and top-p.
# * N. Carlini et al., *Extracting Training Data from Large Language Models*,
#   2021.
#
# The book's predictions are greedy: section 6.4 of the first edition, 8.5 of
# the second. Next: [the char-RNN](char_rnn.py).
