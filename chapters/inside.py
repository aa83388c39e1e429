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
# [char-RNN](char_rnn.py). On two cores this one takes about two minutes. The
# letters are those of the [notation](/notation.md).

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
    history = d2l.fit(model, corpus, d2l.epochs(40), lr=1e-2, batch_size=20,
                      num_steps=50, schedule="one_cycle", seed=seed)
    print(f"held out: {history[-1]['held_out_loss']:.3f} nats")
    return model


# %% [markdown]
# The text is the sonnets that come with the package, so every reader has the
# same. The model is small: one LSTM layer of 128 units.

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
# $\mathbf{C}_t$, its candidate and the gates $\mathbf{I}_t$, $\mathbf{F}_t$
# and $\mathbf{O}_t$. Each letter becomes a matrix with a row for each
# character and a column for each unit. They are the model's own numbers: the
# scores computed from them are those that the model gives.

# %%
layer = d2l.trace(model, text).layers[0]
scores = d2l.trace(model, held_out).scores
Y, _ = model(nd.array([held_out_ids]), model.begin_state(1))
assert np.allclose(scores, Y.asnumpy(), atol=1e-3)
print({letter: array.shape for letter, array in layer.items()})

# %%
line = text.split("\n")[4]
begin = text.index(line)
end = begin + sum(len(line) + 1 for line in text.split("\n")[4:8])
figure = d2l.new_figure((10, 4))
for axes, letter in zip(figure.subplots(1, 3), "HCF", strict=True):
    values = layer[letter][begin:begin + len(line)]
    limit = 1 if letter != "C" else 4
    image = axes.imshow(values.T, vmin=-limit, vmax=limit, cmap="RdBu",
                        aspect="auto")
    axes.set(title=letter, xlabel="step", ylabel="unit")
    axes.set_xticks(range(len(line)), line, fontsize=5)
    figure.colorbar(image, ax=axes)
figure

# %% [markdown]
# Most rows of $\mathbf{H}$ flicker with the characters. In $\mathbf{C}$ some
# keep their colour for many steps. A heat map shows that there is
# structure, but with 128 rows the eye finds whatever it looks for. One unit
# is easier to read on the text itself: each character is coloured by the
# unit's value just after the character was read.


# %%
def paint(axes, chars, values, title):
    lines, at = chars.replace("\n", "↵\n").splitlines(), 0
    grid = np.full((len(lines), max(map(len, lines))), np.nan)
    for row, line in enumerate(lines):
        grid[row, :len(line)] = values[at:at + len(line)]
        at += len(line)
        for column, char in enumerate(line):
            axes.text(column, row, char, ha="center", va="center", size=8)
    limit = 1.5 * np.nanmax(abs(grid))  # pale enough to read
    axes.imshow(grid, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    axes.set(title=title, xticks=[], yticks=[])


figure = d2l.new_figure((9, 1.6))
paint(figure.subplots(), text[begin:end], layer["C"][begin:end, 117],
      "C of unit 117")
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
# $\bar u$ and $\bar v$. It is 1 or $-1$ if one is a straight line of the
# other. By hand: a unit with the values 0, 1, 2 and a property 1, 0, 1 have
# the differences $-1, 0, 1$ and $\frac13, -\frac23, \frac13$ from their
# means. The products add up to 0, so $r = 0$.


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


def unit_117(values):
    return correlations(layer["C"][:, [117]], values)[0]


for name, property_of in properties.items():
    print(f"C of unit 117, {name:<18} {unit_117(property_of(text)):5.2f}")

# %% [markdown]
# So much for unit 117. Now the other way round: for each property, the best
# of all six arrays of 128 units. Among 768 columns there is always a best
# one, so a correlation alone says nothing. It is compared with three others:
#
# * *held out*: the same column on a text on which it was not searched;
# * *chance*: the best of all columns where the property belongs to another
#   place, shifted by half the text. (Shuffling would also destroy the rhythm
#   of the property, and make chance look smaller than it is.)
# * *untrained*: the best column of a model with the same sizes and random
#   weights. What this one has, training did not put there.


# %%
def columns(model, chars):
    return np.hstack(list(d2l.trace(model, chars).layers[0].values()))


def name_of(column):
    letter, unit = list(layer)[column // 128], column % 128
    return letter, int(unit)


d2l.seed(seed)
untrained = d2l.CharRNN(corpus.vocab_size, 32, 128, 1)
untrained.initialize(init.Xavier())
untrained.idx_to_char = model.idx_to_char
units, others, raw = (np.hstack(list(layer.values())),
                      columns(model, held_out), columns(untrained, text))
print("property           best        r    held out  chance  untrained")
for name, property_of in properties.items():
    values = property_of(text)
    r = correlations(units, values)
    best = abs(r).argmax()
    letter, unit = name_of(best)
    again = correlations(others, property_of(held_out))[best]
    chance = abs(correlations(units, np.roll(values, len(text) // 2))).max()
    print(f"{name:<18} {letter:<8}{unit:4}{r[best]:6.2f}{again:10.2f}"
          f"{chance:9.2f}{abs(correlations(raw, values)).max():9.2f}")
    assert abs(r[best]) > chance

# %% [markdown]
# All four are found again on the held-out text, far above chance. But the
# last column sorts them. Whether a character is a vowel can be read off the
# character, and a random matrix that reads the character separates vowels
# quite well without any training. Such a unit is no discovery. The place in
# the line is another matter: it cannot be seen in the character, and random
# weights follow it only weakly. To know it, a network must count.

# %%
place = place_in_line(text)
r = correlations(layer["C"], place)
counter = int(abs(r).argmax())
sign = int(np.sign(r[counter]))
C, F = layer["C"][:, counter], layer["F"][:, counter]
print(f"unit {counter}: C has r = {r[counter]:.2f} with the place in the line")
is_end = properties["is a line end"](text)
print(f"its forget gate: {F[is_end].mean():.2f} at line ends, "
      f"{F[~is_end].mean():.2f} elsewhere")
figure = d2l.new_figure((9, 3))
for axes, letter in zip(figure.subplots(2, 1), "CF", strict=True):
    paint(axes, text[begin:end], layer[letter][begin:end, counter],
          f"{letter} of unit {counter}")
figure

# %% [markdown]
# When we ran this, with five seeds, each model had such a unit, with $|r|$
# above 0.8. It is a counter as one would build it by hand: with each
# character the memory cell moves on a little, and at the line end the forget
# gate shuts and the count starts again.
#
# ## Hold it still
#
# A correlation shows what a unit *knows*, not what the model *does* with it.
# An experiment does: before each step, the unit's memory is set to a fixed
# value, and all else is left as it is. The early value is the one that 10 %
# of the text's characters are below, on the side of the beginning of a line;
# the late value is the same on the other side. For comparison, the unit that
# follows the place least is held at its own two values.


# %%
class Held:
    def __init__(self, model, unit, value):
        self.model, self.unit, self.value = model, unit, value
        self.vocab_size, self.idx_to_char = model.vocab_size, model.idx_to_char
        self.begin_state = model.begin_state

    def __call__(self, X, state):
        outputs = []
        for t in range(X.shape[1]):
            H, C = state
            C[:, self.unit] = self.value
            Y, state = self.model(X[:, t:t + 1], (H, C))
            outputs.append(Y)
        return nd.concat(*outputs, dim=0), state


other, texts = int(abs(r).argmin()), {}
trials = {"as it is": model}
for unit in (counter, other):
    early, late = np.quantile(layer["C"][:, unit], (0.1, 0.9))[::sign]
    trials[f"unit {unit}, early"] = Held(model, unit, float(early))
    trials[f"unit {unit}, late"] = Held(model, unit, float(late))
print("                      held-out loss   characters for a line end")
for name, trial in trials.items():
    loss = d2l.evaluate(trial, held_out_ids, 20)[0].mean()
    written = zip(*d2l.generate(trial, ["\n"] * 20, 200, 0.8, seed=seed),
                  strict=True)
    texts[name] = ["".join(chars) for chars in written]
    ends = "".join(texts[name]).count("\n")
    print(f"{name:<20} {loss:10.3f} {20 * 200 / max(1, ends):18.1f}")
for name in list(texts)[:3]:
    print(f"--- {name}\n{texts[name][0].strip()}")

# %% [markdown]
# With the count held early, the model writes on and on; held late, it breaks
# off after a few words. The other unit hardly changes anything. So the model
# not only has a counter, it uses it. The loss says how much: much less than
# the texts suggest, since only about one character in forty is a line end.
#
# ## Which characters does a prediction hang on?
#
# Now from the other end. The saliency of the earlier character $s$ for the
# prediction of $x_t$ is the gradient of its log-probability, times the
# input:
#
# $$a_s = \mathbf{X}_s \cdot
#   \frac{\partial \log P(x_t \mid x_1, \ldots, x_{t-1})}
#   {\partial \mathbf{X}_s}.$$
#
# If the input $\mathbf{X}_s$ grew by one percent, the log-probability would
# grow by about $a_s$ percent of a nat. We check this for one character, by
# doing it: the embedding of a character that occurs once grows a little.

# %%
def log_probability(chars):
    scores = nd.array(d2l.trace(model, chars).scores[-2], dtype="float64")
    return nd.log_softmax(scores)[corpus.char_to_idx[chars[-1]]].asscalar()


sentence = "The hand that turned the key is dust\n"
figure = d2l.new_figure((10, 4))
for axes, char in zip(figure.subplots(2, 1), "y\n", strict=True):
    position = sentence.index(char)
    values = d2l.saliency(model, sentence, position)
    axes.bar(range(position), values)
    axes.set_xticks(range(position), sentence[:position].replace(" ", "␣"))
    axes.set(title=f"log-probability of {char!r}: "
             f"{log_probability(sentence[:position + 1]):.2f}",
             ylabel="saliency", xlim=(-1, len(sentence) - 1))
figure

# %%
chars = sentence[:sentence.index("y") + 1]
by_gradient = d2l.saliency(model, chars, len(chars) - 1)[chars.index("k")]
vector = model.embedding.weight.data()[corpus.char_to_idx["k"]]
before = log_probability(chars)
vector *= 1.01
by_trying = (log_probability(chars) - before) / 0.01
vector /= 1.01
print(f"k in the first bars: {by_gradient:.3f} by the gradient, "
      f"{by_trying:.3f} by trying")
assert abs(by_gradient - by_trying) < 0.05

# %% [markdown]
# A bar above zero speaks for the character that came, a bar below zero speaks
# against it. Both predictions hang mostly on the last word. For the line end
# this is surprising: should the model not look back to where the line began?
# The last mistake below explains it.
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
axes.plot(range(1, k + 1), by_context, label="after this many characters")
axes.plot(range(1, k + 1), reset, label="state reset every so many")
axes.set(xlabel="characters read", ylabel="held-out loss in nats")
axes.legend()
for length in (1, 2, 5, 10, 30, 60):
    print(f"{length:2} characters read: {by_context[length - 1]:.2f} nats; "
          f"reset every {length:2}: {reset[length - 1]:.2f}")
assert by_context[0] > by_context[-20:].mean()
figure

# %% [markdown]
# Most of what the context gives comes from a handful of characters: the word
# so far. What lies further back is worth little on average, though it decides
# where the line ends.
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
print(f"{name_of(best)} follows the coin: r = {found[best]:.2f}; "
      f"on the next 50 characters {again:.2f}")
assert abs(found[best]) > abs(again)

# %% [markdown]
# *To read a unit's sign or number.* Below, the sign of the counter's memory
# is changed, in all weights that write or read it: it now counts down, and
# the model's scores are the same. And a training with another seed puts the
# counter elsewhere. There is no unit 117 that does the same in every model.

# %%
recurrent, h, u = model.layers[0], 128, counter
for weight in (recurrent.i2h_weight.data(), recurrent.h2h_weight.data(),
               recurrent.i2h_bias.data(), recurrent.h2h_bias.data()):
    weight[2 * h + u] *= -1  # the candidate's rows follow those of I and F
for weight in (recurrent.h2h_weight.data(), model.output.weight.data()):
    weight[:, u] *= -1
flipped = d2l.trace(model, held_out)
assert np.allclose(flipped.scores, scores, atol=1e-4)
place = place_in_line(held_out)
r = correlations(flipped.layers[0]["C"], place)[counter]
print(f"flipped: unit {counter}, r = {r:.2f}, equal scores")
second = d2l.trace(train(seed + 1), held_out).layers[0]
r = correlations(second["C"], place)
print(f"seed {seed + 1}: unit {abs(r).argmax()}, r = {r[abs(r).argmax()]:.2f}")

# %% [markdown]
# *To take a small saliency for a small influence.* A line ends early, after
# two words. What does the line end *before* it have to do with that? By the
# saliency, nothing; but replace it by a blank, so that the line seems long,
# and see.

# %%
early = line + "\nHis eye\n"
at = early.index("\n")
small = d2l.saliency(model, early, len(early) - 1)[at]
change = log_probability(early.replace("\n", " ", 1)) - log_probability(early)
print(f"saliency {small:.3f}; replaced: {change:+.2f} nats")
assert abs(small) < abs(change)

# %% [markdown]
# At the line end the forget gate shut and the counter went as far as it goes;
# a one percent larger input would not have shut it any further. So the
# gradient is small just where the influence is largest. A saliency is about
# small changes of what was read, and says nothing about what would have
# happened if something else had been read.
#
# ## What one may conclude
#
# * *A correlation* that is found again on another text, that is far above
#   chance, and that neither the input nor an untrained network explains, says
#   that the unit carries the property, in this model and on such texts. It
#   does not say that the model uses it, or that no other unit carries it.
# * *Holding a unit still* says that the model uses it, and for what. It does
#   not say that this is all that the unit does; and a held unit brings the
#   model into states that it never met in training.
# * *A saliency* says which small changes would matter. It is no measure of
#   influence.
# * None of them explains the model. We knew what a line is before we began;
#   units that follow something for which we have no word are not found in
#   this way.
#
# ## Summary
#
# * `trace` reads off all states and gates of a model, step by step.
# * A best unit always exists. It becomes a finding by three comparisons:
#   another text, the shifted property, and an untrained model.
# * This model keeps a counter of the place in the line in one memory cell,
#   and stops ending its lines if that is held early.
#
# ## Exercises
#
# 1. (\*) Why is the counter found in $\mathbf{C}$, with a lower correlation
#    in $\mathbf{H}$? Look at $\mathbf{O}$ of the same unit.
# 2. (\*) Add a property of your own to the search, such as "is inside a
#    quotation" or "is the second half of a word". Which of the three
#    comparisons does it pass?
# 3. (\*\*) Which column predicts best whether the *next* character is a
#    line end? Is it the counter?
# 4. (\*\*) Train a GRU (`"gru"`) and a plain network (`"rnn"`). Do they count,
#    and where?
# 5. (\*\*\*) Replace each earlier character in turn by a blank, and compare
#    the changes of the log-probability with the saliencies.
#
# ## Further reading
#
# * A. Karpathy, J. Johnson and L. Fei-Fei, *Visualizing and Understanding
#   Recurrent Networks*, 2015: units that follow line length and quotes.
# * A. Radford, R. Jozefowicz and I. Sutskever, *Learning to Generate Reviews
#   and Discovering Sentiment*, 2017: one unit held still decides the mood.
# * K. Simonyan, A. Vedaldi and A. Zisserman, *Deep Inside Convolutional
#   Networks: Visualising Image Classification Models and Saliency Maps*, 2013.
# * A. Shrikumar, P. Greenside, A. Shcherbina and A. Kundaje, *Not Just a Black
#   Box: Learning Important Features Through Propagating Activation
#   Differences*, 2016: the gradient times the input.
# * A. Madsen, *Visualizing memorization in RNNs*, 2019: saliency of
#   predictions, by context.
#
# *Dive into Deep Learning* has no section on this; its LSTM is section 6.8 of
# the first Chinese edition and 9.2 of the second. Next: [recurrent cells by
# hand](numpy_rnn.py).
