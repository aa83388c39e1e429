# %% [markdown]
# # Solutions: inside a model
#
# The exercises are at the end of `inside.py`. In a notebook of that lesson the
# code below runs after its last cell; on its own it begins with what it needs,
# and a smaller model.

# %%
import io
from contextlib import redirect_stdout

import d2lrnn as d2l  # before mxnet
import numpy as np
from mxnet import nd


def train(corpus, num_hiddens, num_epochs, cell="lstm"):
    d2l.seed(1)
    model = d2l.CharRNN(corpus.vocab_size, 16, num_hiddens, 1, cell=cell)
    with redirect_stdout(io.StringIO()):
        d2l.fit(model, corpus, num_epochs, lr=1e-2, batch_size=20,
                num_steps=50, schedule="one_cycle", seed=1)
    return model


def place_in_line(chars):
    return np.array([i - chars.rfind("\n", 0, i) for i in range(len(chars))])


rng = np.random.default_rng(1)
sonnets = d2l.load_corpus("original_sonnets.txt")
small = train(sonnets, 64, 5)

# %% [markdown]
# ## 1
#
# $\mathbf{H} = \mathbf{O} \odot \tanh \mathbf{C}$. Draw tanh from 0 to 8.
#
# ### Solution
#
# $\mathbf{C}$ is a linear function of the place, so its correlation is 1. For
# tanh all large numbers are nearly 1: past the first characters of a line it
# hardly changes, and its correlation is about 0.6. Then comes the output
# gate. If it opens and closes with the characters, as one drawn at random
# does here, $\mathbf{H}$ follows the place less again. So the count is in the
# memory cell, and its hidden state shows it when the gate opens.

# %%
place = np.tile(np.arange(1, 41), 25)
C = 0.2 * place
arrays = {"C": C, "tanh C": np.tanh(C),
          "H": rng.uniform(size=len(C)) * np.tanh(C)}
r = d2l.correlations(np.stack([*arrays.values()], axis=1), place)
print({name: round(float(number), 2)
       for name, number in zip(arrays, r, strict=True)})
assert abs(r[0] - 1) < 1e-6 and 0.55 < r[1] < 0.65 and r[2] < r[1]

# %% [markdown]
# ## 2
#
# The gates are shares, and have no sign to change. If the candidate of the
# unit changes its sign, so do $\mathbf{C}$ and $\mathbf{H}$. What reads this
# $\mathbf{H}$?
#
# ### Solution
#
# The weights that write its candidate: its column of $\mathbf{W}_{xc}$ and
# $\mathbf{W}_{hc}$, and its place in $\mathbf{b}_c$. And the weights that read
# its hidden state: its row of $\mathbf{W}_{hi}$, $\mathbf{W}_{hf}$,
# $\mathbf{W}_{ho}$, $\mathbf{W}_{hc}$ and $\mathbf{W}_{hq}$. (In Gluon's
# layers, rows and columns change places.) One weight, from the unit to its own
# candidate, is in both lists: its sign changes twice, and it stays. Since tanh
# is odd, $\mathbf{C}$ and $\mathbf{H}$ of the unit change their signs; and
# since whatever reads this $\mathbf{H}$ has changed its sign, too, the gates,
# the other units and the scores are what they were.

# %%
text, unit, num_hiddens = sonnets.text[:500], 3, 64
before = d2l.trace(small, text)
candidate = 2 * num_hiddens + unit  # the gates are in the order I, F, C~, O
for name, param in small.collect_params().items():
    array = param.data()
    if name.endswith(("i2h_weight", "i2h_bias", "h2h_weight", "h2h_bias")):
        array[candidate] *= -1
    if array.shape[-1] == num_hiddens:  # those that read the hidden state
        array[:, unit] *= -1
after = d2l.trace(small, text)
assert np.allclose(before.scores, after.scores, atol=1e-5)
for letter, array in before.layers[0].items():
    sign = np.ones(num_hiddens)
    sign[unit] = -1 if letter in ("H", "C", "C_tilde") else 1
    assert np.allclose(array * sign, after.layers[0][letter], atol=1e-5)

# %% [markdown]
# ## 3
#
# Make the text with a random number generator, and pass it to
# `d2l.load_corpus`. Then find the character with the highest score at each
# step.
#
# ### Solution
#
# All three: each expects a line end after nearly every sixth letter, and
# almost nowhere else. The plain network has only $\mathbf{H}$; in the other
# two, a unit of a gate may follow the place more closely than one of a state.
# No correlation has to be near 1. What the network needs is to tell the sixth
# place from the others, and several units can do that together.

# %%
lines = "".join("".join(rng.choice([*"ab"], 6)) + "\n" for _ in range(1500))
corpus, unread = d2l.load_corpus(lines), lines[-700:]
end = corpus.char_to_idx["\n"]
after_six = place_in_line(unread) == 6
for cell in ("lstm", "gru", "rnn"):
    _, (layer,), scores = d2l.trace(train(corpus, 16, 10, cell), unread)
    expects = scores.argmax(axis=1) == end
    best = {letter: abs(d2l.correlations(
        array, place_in_line(unread))).max() for letter, array in
        layer.items()}
    print(f"{cell}: {expects[after_six].mean():.0%} of the line ends;",
          *(f"{letter} {r:.2f}" for letter, r in best.items()))
    assert expects[after_six].mean() > 0.9 > 0.1 > expects[~after_six].mean()

# %% [markdown]
# ## 4
#
# The loss is the log-probability of the sentence as it is, less that of the
# changed one: use `log_probability` from the last mistake. Mind the blanks
# that are blanks already.
#
# ### Solution
#
# It is printed below, and the two need not even have the same sign. A saliency
# is a slope, times the vector of the character: it speaks of a small step from
# this vector towards zeros. A replacement is a large step, and it ends at the
# vector of the blank. Where a blank was, nothing is lost, though the saliency
# is not 0. And a blank in the last word cuts this word in two, which the model
# may take for something else altogether.


# %%
def log_probability(chars):
    scores = nd.array(d2l.trace(small, chars).scores[-2], dtype="float64")
    return nd.log_softmax(scores)[sonnets.char_to_idx[chars[-1]]].asscalar()


sentence = "The hand that turned the key is dust\n"
for char in "y\n":
    position = sentence.index(char)
    read = sentence[:position + 1]
    saliencies = d2l.saliency(small, sentence, position)
    lost = np.array([log_probability(read) - log_probability(
        f"{read[:t]} {read[t + 1:]}") for t in range(position)])
    r = np.corrcoef(saliencies, lost)[0, 1]
    print(f"before {char!r}: {r:.2f}; of the last five: saliencies",
          saliencies[-5:].round(2), "losses", lost[-5:].round(2))
    blanks = [t for t in range(position) if read[t] == " "]
    assert not lost[blanks].any() and saliencies[blanks].any() and r < 0.999
