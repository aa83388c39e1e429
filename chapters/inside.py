# %% [markdown]
# # Inside a model
#
# What does unit 117 do? A trained network is a few arrays of numbers, and
# nobody wrote down what they are for. But we can watch them while the network
# reads, look for a unit that follows something that we know, and then hold
# that unit still and see what breaks.
#
# After this lesson you can
#
# * read the states and gates of a model at each step, and search them for a
#   property of the text;
# * tell a finding from what chance and the input alone give;
# * test what a unit does by holding it still, and ask which characters a
#   prediction hangs on.
#
# You need the lessons on the [LSTM](lstm.py) and on the
# [char-RNN](char_rnn.py). On two cores this one takes two to four minutes.
# The letters are those of the [notation](/notation.md).

# %%
import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import init, nd

seed = 1
corpus = d2l.load_corpus("original_sonnets.txt")
train_ids, held_out_ids, _ = d2l.split(corpus, 0.1)
text, held_out = corpus.text[:10_000], corpus.text[len(train_ids):]


def train(seed):
    d2l.seed(seed)
    model = d2l.CharRNN(corpus.vocab_size, 32, 128, 1, dropout=0.3)
    d2l.fit(model, corpus, d2l.epochs(40), lr=1e-2, batch_size=20,
            num_steps=50, schedule="one_cycle", seed=seed)
    return model


# %% [markdown]
# The text is the sonnets that come with the package. The model is small: one
# LSTM layer of 128 units.

# %%
model = train(seed)

# %% [markdown]
# ## What there is to see
#
# ```{figure} /figures/traced.svg
# :name: fig-traced
# :alt: Arrays read off at each of four steps; a gradient runs back to inputs.
#
# At each step the arrays $\mathbf{H}_t$, $\mathbf{C}_t$ and the gates are
# kept. From one prediction, a gradient runs back to all earlier inputs.
# ```
#
# `trace` lets a model read a text and keeps every array of every step
# ({numref}`fig-traced`): the hidden state $\mathbf{H}_t$, the memory cell
# $\mathbf{C}_t$, its candidate and the three gates. Each of these arrays is a
# matrix with a row for each character of the text and a column for each unit,
# and `trace` names it by its letter, such as `"H"`. The scores computed from
# them are those that the model gives.

# %%
_, (layer,), scores = d2l.trace(model, text)
Y, _ = model(nd.array([train_ids[:len(text)]]), model.begin_state(1))
assert np.allclose(scores, Y.asnumpy(), atol=1e-3)

# %%
line = text.split("\n")[4]
begin = text.index(line)
end = begin + sum(len(line) + 1 for line in text.split("\n")[4:8])
figure = d2l.new_figure((10, 4))
for axes, letter, limit in zip(figure.subplots(1, 3), "HCF", (1, 4, 1),
                               strict=True):
    image = axes.imshow(
        layer[letter][begin:begin + len(line)].T, vmin=-limit, vmax=limit,
        cmap="RdBu", aspect="auto", interpolation="nearest")
    figure.colorbar(image, ax=axes)
    axes.set(title=letter, xlabel="step", ylabel="unit")
    axes.set_xticks(range(len(line)), line, fontsize=5)
figure

# %% [markdown]
# In the pictures the matrices are turned: a row is a unit. Most rows of
# $\mathbf{H}$ flicker with the characters. In $\mathbf{C}$ some keep their
# colour for many steps. But among 128 rows the eye finds whatever it looks
# for. One unit is easier to read on the text itself: each character is
# coloured by the unit's value just after the character was read.


# %%
def paint(axes, letter, unit):
    lines, at = text[begin:end].replace("\n", "↵\n").splitlines(), begin
    grid = np.full((len(lines), max(map(len, lines))), np.nan)
    for row, line in enumerate(lines):
        grid[row, :len(line)] = layer[letter][at:at + len(line), unit]
        at += len(line)
        for column, char in enumerate(line):
            axes.text(column, row, char, ha="center", va="center", size=8)
    limit = 1.5 * np.nanmax(abs(grid))  # pale enough to read
    axes.imshow(grid, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    axes.set(title=f"{letter} of unit {unit}", xticks=[], yticks=[])


figure = d2l.new_figure((9, 1.6))
paint(figure.subplots(), "C", 117)
figure

# %% [markdown]
# Look at the colours and make a guess before you go on.
#
# ## A search
#
# A property gives each character of the text a number: how far it is from the
# beginning of its line, whether it is a letter, a vowel, a line end. How well
# a unit follows a property is measured by their correlation, over all steps
# $t$ of the text:
#
# $$r = \frac{\sum_t (u_t - \bar u)(v_t - \bar v)}
#   {\sqrt{\sum_t (u_t - \bar u)^2} \sqrt{\sum_t (v_t - \bar v)^2}},$$
#
# with the values $u_t$ of the unit, $v_t$ of the property, and their means
# $\bar u$ and $\bar v$. It is 1 or $-1$ if one is a linear function of the
# other. By hand: a unit with the values 0, 1, 2 and a property with the
# values 1, 0, 1 differ from their means by $-1, 0, 1$ and
# $\frac13, -\frac23, \frac13$. The products add up to 0, so $r = 0$.


# %%
def correlations(units, values):
    units = units - units.mean(axis=0)
    values = values - values.mean()
    spread = units.std(axis=0) * values.std()
    return (units * values[:, None]).mean(axis=0) / np.maximum(spread, 1e-12)


assert correlations(np.array([[0], [1], [2]]), np.array([1, 0, 1]))[0] == 0


def place_in_line(chars):
    return np.array([i - chars.rfind("\n", 0, i) for i in range(len(chars))])


properties = {
    "place in its line": place_in_line,
    "is a letter": lambda chars: np.array([c.isalpha() for c in chars]),
    "is a vowel": lambda chars: np.array([c in "aeiouAEIOU" for c in chars]),
    "is a line end": lambda chars: np.array([c == "\n" for c in chars])}

# %% [markdown]
# The table has unit 117, and then, for each property, the best of all six
# arrays of 128 units. Among 768 columns there is always a best one, so a
# correlation alone says nothing. It is compared with three others, of which
# the last two are printed without a sign:
#
# * *held out*: the same column on a text that took no part in the search;
# * *chance*: the best of all columns where the property belongs to another
#   place, shifted by half the text. (Shuffling would also destroy the rhythm
#   of the property, and make chance look smaller than it is.)
# * *untrained*: the best column of a model with the same sizes and random
#   weights. What this one has, training did not put there.


# %%
def columns(model, chars):
    traced = d2l.trace(model, chars, vocabulary=corpus.idx_to_char)
    return np.hstack(list(traced.layers[0].values()))


def name_of(column):
    return f"{[*layer][column // 128]} of unit {column % 128}"


d2l.seed(seed)
untrained = d2l.CharRNN(corpus.vocab_size, 32, 128, 1)
untrained.initialize(init.Xavier())
units, others, raw = (columns(model, text), columns(model, held_out),
                      columns(untrained, text))
print("                 C of 117  best                   r  held out  chance"
      "  untrained")
for name, property_of in properties.items():
    values = property_of(text)
    r = correlations(units, values)
    best = abs(r).argmax()
    chance = abs(correlations(units, np.roll(values, len(text) // 2))).max()
    print(f"{name:<18}{r[128 + 117]:7.2f}  {name_of(best):<19}{r[best]:5.2f}"
          f"{correlations(others, property_of(held_out))[best]:10.2f}"
          f"{chance:8.2f}{abs(correlations(raw, values)).max():11.2f}")
    assert abs(r[best]) > chance

# %% [markdown]
# In our run, unit 117 follows whether the character is a letter: its memory
# builds up along a word and falls at the blank. But a column of the untrained
# model follows it about as closely: this is not yet something that training
# put there.
#
# All four best columns are found again on the held-out text, far above
# chance. But not all of them say the same about the model. Whether a
# character is a letter, a vowel or a line end can be read off the character,
# and random weights that read it follow these properties in part (0.75, 0.66
# and 0.41 in our run). Training has made this sharper, but such a unit need
# not remember anything. The place in the line is another matter: it cannot be
# seen in the character, and random weights follow it only weakly. To know it,
# a network must count.

# %%
r = correlations(layer["C"], place_in_line(text))
counter = int(abs(r).argmax())
figure = d2l.new_figure((9, 3))
for axes, letter in zip(figure.subplots(2, 1), "CF", strict=True):
    paint(axes, letter, counter)
figure

# %% [markdown]
# It is a counter, but look closely at what it counts: inside most words the
# colour stands still, and at the blank it jumps. So in our run the unit
# counts words rather than characters, and its correlation with the place in
# the line comes from that. At the line end, marked ↵, the forget gate shuts,
# and a few characters later the count begins anew. When we ran this with five
# seeds, each model had a unit with $|r|$ above 0.8.
#
# ## Hold it still
#
# A correlation shows what a unit *knows*, not what the model *does* with it.
# For that we need an experiment: before each step, the unit's memory cell is
# set to a fixed value, and all else is left as it is. The two values are
# those that the unit falls below, or rises above, at one character in ten:
# *early* is the one on the side of the beginning of a line, *late* the other.
# For comparison, the unit that follows the place least is held in the same
# way.


# %%
class Held:
    vocab_size, idx_to_char = corpus.vocab_size, corpus.idx_to_char

    def __init__(self, model, unit, value):
        self.model, self.unit, self.value = model, unit, value
        self.begin_state = model.begin_state

    def __call__(self, X, state):
        outputs = []
        for t in range(X.shape[1]):
            H, C = state
            C[:, self.unit] = self.value
            Y, state = self.model(X[:, t:t + 1], (H, C))
            outputs.append(Y)
        return nd.concat(*outputs, dim=0), state


trials = {"as it is": model}
for unit in (counter, int(abs(r).argmin())):
    early, late = np.quantile(layer["C"][:, unit], (0.1, 0.9))[
        ::1 if r[counter] > 0 else -1]
    trials[f"unit {unit}, early"] = Held(model, unit, float(early))
    trials[f"unit {unit}, late"] = Held(model, unit, float(late))
print("                  held-out loss  characters to a line end")
for name, trial in trials.items():
    loss = d2l.evaluate(trial, held_out_ids, 20)[0].mean()
    steps = [*d2l.generate(trial, ["\n"] * 20, 200, 0.8, seed=seed)]
    ends = sum(step.count("\n") for step in steps)
    print(f"{name:<17}{loss:14.3f}{20 * 200 / max(1, ends):26.1f}\n"
          f"    {''.join(step[0] for step in steps)[:75]!r}")

# %% [markdown]
# Each trial writes 20 texts of 200 characters; a number of 4000.0 means that
# they had one line end or none. With the count held early, the model writes
# on and on; held late, it breaks off after a few words. The other unit hardly
# changes anything. So the model not only has a counter, it uses it. The loss
# changes less than the texts suggest, since only about one character in forty
# is a line end.
#
# ## Which characters does a prediction hang on?
#
# Now from the other end. A *saliency* says of each character that was read
# how much the log-probability of $x_t$ depends on it. It is the gradient with
# respect to the input, times the input:
#
# $$a_s = \mathbf{X}_s \cdot
#   \frac{\partial \log P(x_t \mid x_1, \ldots, x_{t-1})}
#   {\partial \mathbf{X}_s}.$$
#
# Here $s$ is an earlier step. If $\mathbf{X}_s$ grew by one percent, the
# log-probability would grow by about $a_s$ hundredths of a nat.


# %%
sentence = "The hand that turned the key is dust\n"
figure = d2l.new_figure((10, 4))
for axes, char in zip(figure.subplots(2, 1), "y\n", strict=True):
    position = sentence.index(char)
    axes.bar(range(position), d2l.saliency(model, sentence, position))
    axes.set_xticks(range(position), sentence[:position].replace(" ", "␣"))
    axes.set(title=f"prediction of {char!r}", ylabel="saliency")
figure

# %% [markdown]
# A bar above zero speaks for the character that came, a bar below zero speaks
# against it. Both predictions hang mostly on the last word. For the line end
# this is surprising: should the model not count from where the line began?
# This text has no line end before it, so the model begins at a state of
# zeros; but the last mistake below shows that a line end, too, may have next
# to no saliency.
#
# ## How much context does it use?
#
# The plainest question needs no look inside. Let the model begin with a state
# of zeros at each place of the held-out text, and average the loss of the
# first character after that, of the second, and so on. If the state is reset
# every $k$ characters, the mean loss is the mean of the first $k$.

# %%
k = 60
rows = [held_out_ids[i:i + k + 1] for i in range(len(held_out_ids) - k)]
losses, _ = d2l.evaluate(model, np.concatenate([*rows, [0]]), len(rows))
by_context = losses[:, :k].mean(axis=0)  # after k, the next row begins
reset = by_context.cumsum() / np.arange(1, k + 1)
figure = d2l.new_figure((7, 3))
axes = figure.subplots()
axes.plot(range(1, k + 1), np.stack([by_context, reset], axis=1),
          label=["after so many characters", "state reset every so many"])
axes.set(xlabel="characters read", ylabel="held-out loss in nats")
axes.legend()
print("after 1, 5, 20, 60:", by_context[[0, 4, 19, 59]].round(2))
assert by_context[0] > by_context[-20:].mean()
figure

# %% [markdown]
# Most of what the context gives comes from the last few characters. A second,
# smaller drop comes between 20 and 40 characters, about the length of a line:
# perhaps because the model has then read a line end, and can count. What lies
# further back is worth little on average; but an average over all characters
# hides what matters for a few.
#
# ## Common mistakes
#
# *To believe a correlation where it was found.* We toss a coin for each of
# 50 characters, and look for the column that follows the coin best. On the
# next 50 characters it no longer does.

# %%
coin = np.random.default_rng(seed).integers(2, size=100)
found = correlations(units[:50], coin[:50])
best = abs(found).argmax()
again = correlations(units[50:100], coin[50:])[best]
print(f"{name_of(best)}: r = {found[best]:.2f}, then {again:.2f}")
assert abs(found[best]) > abs(again)

# %% [markdown]
# *To read a meaning into a unit's number or sign.* Nothing holds a task to a
# place: the same training with another seed puts the counter elsewhere, and
# whether it counts up or down is chance, too. There is no unit 117 that does
# the same in every model.

# %%
C = d2l.trace(train(seed + 1), text).layers[0]["C"]
again = correlations(C, place_in_line(text))
print(f"unit {counter}: r = {r[counter]:.2f}; with the next seed, unit "
      f"{abs(again).argmax()}: r = {again[abs(again).argmax()]:.2f}")

# %% [markdown]
# *To take a small saliency for a small influence.* A line ends early, after
# two words. What does the line end *before* it have to do with that? By the
# saliency, next to nothing. So let us replace it by a blank, as if there were
# one long line.


# %%
def log_probability(chars):
    scores = nd.array(d2l.trace(model, chars).scores[-2], dtype="float64")
    return nd.log_softmax(scores)[corpus.char_to_idx[chars[-1]]].asscalar()


early = line + "\nHis eye\n"
small = d2l.saliency(model, early, len(early) - 1)[len(line)]
change = log_probability(early.replace("\n", " ", 1)) - log_probability(early)
print(f"saliency {small:.3f}; replaced: {change:+.2f} nats")
assert abs(small) < 0.5

# %% [markdown]
# Without that line end, the next one is $e^{4.37}$, about 80 times, as
# probable in our run: the line now is long enough. At a line end the
# counter's forget gate is shut already, as the picture shows: an input that
# is larger by one percent cannot shut it any further. A gate that does its
# work completely leaves no gradient. A saliency is about small changes of
# what was read; it says nothing about what would have happened if the model
# had read something else.
#
# ## What one may conclude
#
# A correlation that is found again on another text, that is far above chance
# and much stronger than in an untrained network, says that the unit carries
# the property, in this model and on such texts. It does not say that the
# model uses it. Holding the unit still says that it does; it does not say
# that the unit does nothing else, and it brings the model into states that it
# never met in training. And we found only what we had a word for: we knew
# what a line is before we began. Here the unit even followed something else,
# the words of a line, and the place in the line along with them.
#
# ## Try it
#
# In the book, a studio stands below, with a model of the same size that was
# trained on the same sonnets. At its end, under *Inside*, it searches for
# units as we did; a click on one that is found colours the text. Hold that
# unit, let the model write, and compare.
#
# ```{raw} html
# <iframe class="studio" title="d2lrnn studio" loading="lazy"
#   src="../_static/studio.html#text=When+evening+comes,+"></iframe>
# ```
#
# ## Summary
#
# * A best unit always exists. It becomes a finding by three comparisons:
#   another text, the shifted property, and an untrained model.
# * What a unit knows is a correlation, what the model does with it an
#   experiment. A saliency is about small changes; what a large one does, only
#   a trial shows.
#
# ## Exercises
#
# 1. (\*) The memory cell of a counter grows by 0.2 with each of the forty
#    characters of a line, then falls to 0. What are the correlations of
#    $\mathbf{C}$ and of $\tanh \mathbf{C}$ with the place in the line? What
#    else can lower that of $\mathbf{H}$?
# 2. (\*\*) Change signs in the weights of the model so that the counter
#    counts the other way and all scores stay the same. Which weights are
#    these?
# 3. (\*\*) Train an LSTM, a GRU (`"gru"`) and a plain network (`"rnn"`) on
#    lines of six letters each, drawn at random from a and b. Which of them
#    know when a line ends, and which of their arrays follows the place best?
# 4. (\*\*\*) Replace each character of `sentence` before its y by a blank,
#    one at a time, then each before its line end. How are the losses in
#    log-probability correlated with the saliencies, and why is that not 1?
#
# ## Further reading
#
# * A. Karpathy, J. Johnson and L. Fei-Fei, *Visualizing and Understanding
#   Recurrent Networks*, 2015: units that follow line length and quotes.
# * A. Radford, R. Jozefowicz and I. Sutskever, *Learning to Generate Reviews
#   and Discovering Sentiment*, 2017: one unit held still decides the mood.
# * K. Simonyan, A. Vedaldi and A. Zisserman, *Deep Inside Convolutional
#   Networks: Visualising Image Classification Models and Saliency Maps*,
#   2013.
# * A. Shrikumar and others, *Not Just a Black Box: Learning Important
#   Features Through Propagating Activation Differences*, 2016: the gradient
#   times the input.
# * A. Madsen, *Visualizing memorization in RNNs*, 2019: saliency of
#   predictions, by context.
#
# *Dive into Deep Learning* has no section on this; its LSTM is section 6.8 of
# the first Chinese edition and 9.2 of the second. Next: [recurrent cells by
# hand](numpy_rnn.py).
