# %% [markdown]
# # Improvising jazz
#
# A solo is a sequence, like a text. What are its characters? Not pitches: the
# same phrase a third higher would be made of others. So a *grammar* describes
# each note by what it does: whether it belongs to the chord that sounds,
# how long it is, and how far it may be from the note before. An LSTM learns
# sequences of such values,
#
# $$\mathbf{a}_t, \mathbf{c}_t = \mathrm{LSTM}(\mathbf{x}_t,
#   \mathbf{a}_{t-1}, \mathbf{c}_{t-1}), \qquad \hat{\mathbf{y}}_t =
#   \mathrm{softmax}(\mathbf{W} \mathbf{a}_t + \mathbf{b}),$$
#
# makes up new ones, and the chords of the tune turn them back into notes.

# %%
import math
from pathlib import Path

import d2lrnn as d2l  # before mxnet
import numpy as np
from d2lrnn import jazz
from d2lrnn.jazz import djmodel, one_hot, training_data
from d2lrnn.jazz.grammar import to_tokens
from d2lrnn.jazz.model import check_layers, predict_and_sample
from d2lrnn.models import context_of
from d2lrnn.report import writable
from mxnet import init, nd

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
music = jazz.load_music_utils()
X, Y, n_values, indices_values = music
print(f"tune: {music.corpus.source}, {len(music.chords)} measures, "
      f"{len(music.corpus[0])} notes, {n_values} values")

# %% [markdown]
# ## From notes to values
#
# `read_tune` takes melody and chords from two tracks of a MIDI file, brings
# them to a grid of quarters of a quarter note and thirds of one, and groups
# them into measures. A value is a type, a duration, and from a measure's
# second note on a window of intervals: how far the note is from the one
# before, give or take a minor third. The types are:
#
# * C: the note is in the chord that sounds;
# * S: it is in the scale that goes with this chord;
# * A: it lies a semitone from a note of the chord, and approaches it;
# * X: anything else, and R is a rest.

# %%
path = training_data.default_tune()
measures, chords = jazz.read_tune(path)
for note, value in zip(measures[0], to_tokens(measures[0], chords[0]),
                       strict=True):
    print(f"quarter {float(note.onset):<6.3f} "
          f"pitch {note.pitches[0]}  {value}")

# %% [markdown]
# ## Windows of values
#
# Sixty windows of thirty values each, from anywhere in the tune. What is
# predicted at a step is what is read at the next; before the first value
# there is nothing to read, and after the last one nothing to predict, so that
# a row of X and a row of Y are empty.


# %%
def windows(ids, n_values, m=60, Tx=30):
    if len(ids) <= Tx:
        raise ValueError(f"the tune has {len(ids)} tokens, too few for a "
                         f"window of {Tx}: use a longer tune, or a wider "
                         f"range of quarters")
    starts = np.random.RandomState(0).choice(len(ids) - Tx, m)
    chosen = ids[starts[:, None] + np.arange(Tx)]  # (m, Tx)
    X = np.eye(n_values, dtype=np.float32)[chosen]
    X[:, 0] = 0
    Y = np.zeros((Tx, m, n_values), dtype=np.float32)
    Y[:-1] = X[:, 1:].transpose(1, 0, 2)
    return X, Y


m, Tx, n_values = X.shape
assert Y.shape == (Tx, m, n_values)
assert X.sum() == Y.sum() == m * (Tx - 1)
print("X:", X.shape, "Y:", Y.shape)

# %% [markdown]
# ## One cell, and a loop
#
# The model is a cell and a dense layer, and a loop that applies them at every
# step: the weights are the same at all of them.


# %%
def unrolled(lstm_cell, densor, X, a, c):
    """Return the scores of each step: Tx arrays of (m, n_values)."""
    outputs = []
    for t in range(X.shape[1]):
        x = X[:, t].expand_dims(0)  # (1, m, n_values), one step
        Y, (a, c) = lstm_cell(x, [a, c])
        outputs.append(densor(Y)[0])
    return outputs


n_a = 64
model = djmodel(Tx, n_a, n_values)
model.initialize(init.Xavier(), ctx=ctx)
a0, c0 = nd.zeros((m, n_a), ctx=ctx), nd.zeros((m, n_a), ctx=ctx)
by_hand = unrolled(model.lstm_cell, model.densor, nd.array(X, ctx=ctx), a0,
                   c0)

# %% [markdown]
# While it is trained, all inputs are known beforehand, so the steps can be
# one operator, as in the char-RNN. It computes the same.

# %%
scores, _ = model(nd.array(X, ctx=ctx))
assert np.allclose(nd.stack(*by_hand).asnumpy(), scores.asnumpy(), atol=1e-5)
print("scores:", scores.shape)

# %% [markdown]
# ## Training
#
# Each step has a loss, and their sum is made smaller. Before training it is
# close to that of a uniform guess, $29 \ln n$, since the last step has
# nothing to predict. Adam begins at a rate of 0.01, which decays.

# %%
print(f"uniform guess: {(Tx - 1) * math.log(n_values):.1f}")
history = jazz.fit(model, music, d2l.epochs(100), seed=seed, ctx=ctx)

# %%
print("step: loss in the last epoch")
for t in range(0, Tx, 6):
    print("  ".join(f"{t + i:>2}: {l:.3f}" for i, l in enumerate(
        history[-1]["step_losses"][t:t + 6])))

# %% [markdown]
# The first value cannot be known; after some of them, it is clear where in
# the tune they come from.
#
# ## Playing
#
# To play, the same two layers run on what they themselves have chosen. With
# the most probable value at each step, there is one phrase, always the same;
# drawn by their probabilities, there are many.


# %%
def music_inference_model(lstm_cell, densor, n_values, n_a, Ty=50):
    check_layers(lstm_cell, densor, n_values, n_a, Ty)

    def inference_model(x, a, c, pick=np.argmax):
        outputs = []
        for _ in range(Ty):
            Y, (a, c) = lstm_cell(x.expand_dims(0), [a, c])  # one step
            outputs.append(densor(Y)[0, 0].softmax().asnumpy())
            x = one_hot([pick(outputs[-1])], n_values, a.context)
        return outputs

    inference_model.n_values, inference_model.n_a = n_values, n_a
    inference_model.ctx = context_of(densor)
    return inference_model


inference_model = music_inference_model(model.lstm_cell, model.densor,
                                        n_values, n_a, Ty=50)
results, indices = predict_and_sample(
    inference_model, np.zeros((1, n_values)), np.zeros((1, n_a)),
    np.zeros((1, n_a)))
print("results:", results.shape, "indices:", indices.shape)
print("the first values:", *(indices_values[i] for i in indices[:4, 0]))

# %% [markdown]
# ## From values to music
#
# For each measure's chords a phrase is played, here of ten values. A value
# gives a note's length and type; which note of this type it is, within the
# window, is drawn. The phrases follow one another, with the chords under
# them.

# %%
folder = writable(Path("runs"))
soloist = music_inference_model(model.lstm_cell, model.densor, n_values, n_a,
                                Ty=10)
midi = jazz.generate_music(soloist, music, folder / "jazz.mid",
                           temperature=0.8, seed=seed)
wav = jazz.render(midi, folder / "jazz.wav")
png = jazz.piano_roll(midi, folder / "jazz.png")
print("notes:", midi)
d2l.show(png)

# %%
d2l.show(wav)

# %% [markdown]
# ## The perplexity report

# %%
report = d2l.write_report(
    "jazz", {"improviser": history}, music.corpus,
    {**model.config, "batch_size": 32, "optimizer": "adam",
     "lr": "0.01 / (1 + 0.01 step)", "seed": seed, "ctx": ctx})

# %% [markdown]
# ## Two lessons, one idea
#
# The improviser and the writer of poems are the same idea twice: an LSTM that
# predicts the next symbol, and is then fed what it predicted.
#
# |  | the writer of poems | the improviser |
# |---|---|---|
# | a symbol is | a character | a note's type, length and window |
# | the steps are | two whole LSTM layers | one cell, in a loop |
# | there is a loss | at the window's end | at every step, summed |
# | to go on | it reads the last 40 again | it keeps its state |
# | the next one is | drawn, with a temperature | the likeliest, or drawn |
# | a symbol becomes | itself | a note, which the chord decides |
#
# In both, the weights are fixed when it writes or plays, and dropout is off;
# what changes is the window there, and the state here.
#
# ## What was seen
#
# On two cores of an AMD EPYC: the tune that ships has 36 measures and 263
# notes with 80 distinct values. The loss fell from 126.2 in the first epoch,
# where a uniform guess would be 127.1, to 5.98 in the hundredth, in two
# seconds in all. Most of what is left, 3.56, is the first value's, which
# nobody can know; per value it is a perplexity of 1.229. Over the tune's
# chords the soloist plays 360 notes in some 56 measures.
#
# ## Summary
#
# * What a model can learn depends on what its symbols say. Types and windows
#   say what a note does, so a phrase is the same over any chord.
# * A loop over one cell and one fused operator are the same function. The
#   loop is needed where the next input is not known yet.
# * Sixty windows of one tune are learned by heart within a hundred epochs.
#   The model plays like that tune because it knows no other.
#
# ## Exercises
#
# 1. Improvise with the most probable values only (`temperature=None`), and at
#    temperatures of 0.5 and 1.5. Which phrases does one recognise?
# 2. Load a MIDI file of your own with `load_music_utils(path)`. Which tracks
#    has it, and how many values?
# 3. Move all notes of the tune up by two semitones, chords too. Which of its
#    values change, and why any at all?
