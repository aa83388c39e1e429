# %% [markdown]
# # Improvising jazz
#
# A solo is a sequence, like a text. But what are its characters? If they were
# pitches, the same phrase three semitones higher would consist of other ones,
# and nothing learned over one chord would help over the next. What must a
# symbol say, so that a model can learn music from a single tune?
#
# After this lesson you can
#
# * turn a measure of notes into symbols of a *grammar*, and symbols back into
#   notes over any chord;
# * train one LSTM cell on them, and let it play on what it has chosen itself;
# * compare its solos with the tune by counting what a listener would notice.
#
# It needs [LSTM](lstm.py); [A window or a memory?](shakespeare.py) does the
# same for poems. It takes less than a minute. The letters are those of the
# [notation](/notation.md).

# %%
import io
import math
from contextlib import redirect_stdout
from pathlib import Path

import d2lrnn as d2l  # before mxnet
import numpy as np
from d2lrnn import jazz
from d2lrnn.jazz import djmodel, one_hot, training_data
from d2lrnn.jazz.grammar import (
    chord_at,
    note_type,
    to_notes,
    to_tokens,
    tokens_of,
)
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
# `read_tune` takes melody and chords from two tracks of a MIDI file, rounds
# times to quarters and thirds of a quarter note, and groups the notes into
# measures of four quarter notes. A *value* describes what a note does: a
# type, a duration in quarter notes, and, from the second note of a measure
# on, a window of intervals, from a minor third above to a minor third below
# the step that the melody took. The types, tested in this order, are
#
# * C: the note is in the chord that sounds;
# * S: it is in the scale that goes with this chord (`derived_scale` says
#   which: a major scale for a major chord, else a Dorian one);
# * A: it lies a semitone from a note of the chord;
# * X: any other note; and R is a rest.
#
# A is for *approach*: such a note often leads to its neighbour. But only the
# distance is tested, not where the melody goes.

# %%
measures, chords = jazz.read_tune(training_data.default_tune())
notes = [note for measure in measures for note in measure]
values = tokens_of(measures, chords)
types = [value[0] for value in values]
steps = np.diff([note.pitches[-1] for note in notes])
led = [abs(step) == 1 for step, kind in zip(steps, types[:-1], strict=True)
       if kind == "A"]
print({kind: types.count(kind) for kind in "CSAXR"})
print(f"of the notes of type A, {sum(led)} of {len(led)} go on by a semitone")
pairs = {(note.pitches[-1], note.length) for note in notes}
print(f"{len(set(values))} different values, {len(pairs)} different pairs of "
      f"pitch and length")

# %% [markdown]
# So in this tune values are not fewer than pitches and lengths would be. What
# they buy is another thing: each of them can be played over any chord.

# %% [markdown]
# ## One measure by hand
#
# ```{figure} /figures/jazz_measure.svg
# :name: fig-jazz-measure
# :alt: A measure as notes, the value of each note, and notes again.
#
# The tune's fourth measure as notes, as values, and as notes again, each of
# the same type and within its shaded window.
# ```
#
# {numref}`fig-jazz-measure` shows the way there and back. The chord is
# C E G B♭; the pitches are MIDI numbers, and 60 is the C of octave 4:
#
# | note | in semitones | type | why | window |
# |---|---:|---|---|---|
# | E, 76 | | C | in the chord | none |
# | C, 72 | -4 | C | in the chord | -1 to -7 |
# | B♭, 70 | -2 | C | in the chord | 1 to -5 |
# | A, 69 | -1 | S | in the scale of F major | 2 to -4 |
# | F♯, 66 | -3 | A | a semitone below G | 0 to -6 |
# | G, 67 | 1 | C | in the chord | 4 to -2 |
#
# A value names the ends of its window as intervals: d1 is a semitone down,
# P-5 a perfect fifth down.

# %%
measure, chord = measures[3], chords[3]
tokens = to_tokens(measure, chord)
for note, token in zip(measure, tokens, strict=True):
    print(f"quarter {float(note.onset):<6.3f} pitch {note.pitches[-1]}  "
          f"{token}")
assert tokens == ["C,0.667", "C,0.333,<d1,P-5>", "C,0.667,<m2,P-4>",
                  "S,0.333,<M2,d-4>", "A,0.667,<P1,d-5>", "C,1.000,<d4,M-2>"]

# %% [markdown]
# On the way back, durations are rounded to quarters of a quarter note, and
# each note is drawn among those of its type within its window. So the phrase
# keeps its rhythm and its shape only roughly, and its pitches not at all:
# triplets become dotted notes, and a small step may even turn round.

# %%
back = to_notes(tokens, chord, np.random.default_rng(seed))
print(*(f"{note.pitches[0]} for {float(note.length)}" for note in back),
      sep=", ")
for token, note in zip(tokens, back, strict=True):
    assert token[0] == note_type(note.pitches[0],
                                 chord_at(chord, note.onset))

# %% [markdown]
# ## Windows of values
#
# Sixty windows of thirty values each, from anywhere in the tune. What is
# predicted at a step is read at the next. The first row of X is empty, so the
# first value of a window is neither read nor predicted; the last row of Y is
# empty, since nothing follows. A window of thirty therefore teaches 29
# values, the first of them from nothing.


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

# %% [markdown]
# ## One cell, and a loop
#
# The model is one LSTM cell and one output layer, applied at every step with
# the same weights:
#
# $$\begin{gathered} \mathbf{H}_t, \mathbf{C}_t =
#   \mathrm{LSTM}(\mathbf{x}_t, \mathbf{H}_{t-1}, \mathbf{C}_{t-1}), \\
#   \mathbf{Y}_t = \mathbf{H}_t \mathbf{W}_{hq} + \mathbf{b}_q.
#   \end{gathered}$$
#
# In the code the two states are called `a` and `c`. In training all inputs
# are known beforehand, so that one operator can take all steps, as in the
# [char-RNN](char_rnn.py). It computes the same as the loop.


# %%
def unrolled(lstm_cell, densor, X, a, c):
    """Return the scores of each step: Tx arrays of (m, n_values)."""
    outputs = []
    for t in range(X.shape[1]):
        x = X[:, t].expand_dims(0)  # (1, m, n_values), one step
        H, (a, c) = lstm_cell(x, [a, c])
        outputs.append(densor(H)[0])
    return outputs


n_a = 64
model = djmodel(Tx, n_a, n_values)
model.initialize(init.Xavier(), ctx=ctx)
zeros = nd.zeros((m, n_a), ctx=ctx)
by_hand = unrolled(model.lstm_cell, model.densor, nd.array(X, ctx=ctx),
                   zeros, zeros)
scores, _ = model(nd.array(X, ctx=ctx))
assert np.allclose(nd.stack(*by_hand).asnumpy(), scores.asnumpy(), atol=1e-5)

# %% [markdown]
# ## Training
#
# Each step has a loss, and their sum is minimised. For a uniform guess it is
# $29 \ln n$ with $n$ values, since the last step has nothing to predict.

# %%
print(f"uniform guess: {(Tx - 1) * math.log(n_values):.1f}")
history = jazz.fit(model, music, d2l.epochs(100), seed=seed, ctx=ctx)
by_step = history[-1]["step_losses"]
figure = d2l.new_figure((6, 2.4))
axes = figure.subplots()
axes.bar(range(1, Tx), by_step[:-1])
axes.set(xlabel="step", ylabel="loss, nats")
print(f"the first step has {by_step[0] / sum(by_step):.0%} of what is left")
figure

# %% [markdown]
# The first prediction is made from nothing, so it can only be a guess. After
# a few values it is clear where in the tune they are from.
#
# ## Playing
#
# To play, the same two layers run on what they have chosen themselves, so
# here the loop is needed.


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


soloist = music_inference_model(model.lstm_cell, model.densor, n_values, n_a,
                                Ty=10)
_, indices = predict_and_sample(soloist)
print("the likeliest phrase:", *(indices_values[i] for i in indices[:5, 0]))

# %% [markdown]
# Over each measure's chords the soloist plays ten values, each time from
# zeros and an empty value; the first note is drawn from octaves 4 and 5. The
# phrases follow one another: where one is longer than its measure, the chords
# are struck again.

# %%
folder = writable(Path("runs"))


def play(temperature):
    """Write a solo over the whole tune; return the path of its MIDI file."""
    path = folder / f"jazz-{temperature}.mid"
    with redirect_stdout(io.StringIO()):  # a line for each phrase
        return jazz.generate_music(soloist, music, path,
                                   temperature=temperature, seed=seed)


midi = play(0.8)
png = jazz.piano_roll(midi, folder / "jazz.png")
wav = jazz.render(midi, folder / "jazz.wav")
d2l.show(png)

# %%
d2l.show(wav)  # in a notebook, it can be heard

# %% [markdown]
# ## A listener's check
#
# A loss says how well the model knows the tune, and nothing of what its solos
# sound like. A listener notices how often a note fits the chord, how often a
# turn of phrase comes back, and how wide the melody ranges. A turn is four
# steps of pitch in a row, wherever it begins. Beside tune and solos, there is
# a melody that no model wrote: the tune's own values, turned into notes over
# the tune's own chords.


# %%
def listen(measures, chords):
    """Return the shares of chord tones and repeated turns, and the range."""
    pitches = [note.pitches[-1] for measure in measures for note in measure]
    steps = np.diff(pitches)
    turns = [tuple(steps[i:i + 4]) for i in range(len(steps) - 3)]
    types = [token[0] for token in tokens_of(measures, chords)]
    return (types.count("C") / len(types), 1 - len(set(turns)) / len(turns),
            max(pitches) - min(pitches))


rng, drawn = np.random.default_rng(seed), []
for i, (measure, chord) in enumerate(zip(measures, chords, strict=True)):
    phrase = to_notes(to_tokens(measure, chord), chord, rng, onset=4 * i)
    drawn.append([note._replace(onset=note.onset + 4 * i) for note in phrase])
melodies = {"the tune": (measures, chords), "its own values": (drawn, chords)}
for tau in (0.5, 1, 1.5):
    melodies[f"temperature {tau}"] = jazz.read_tune(play(tau))
print(f"{'':<16}{'chord tones':>12}{'repeated':>10}{'range':>7}")
for label, melody in melodies.items():
    tones, repeated, width = listen(*melody)
    print(f"{label:<16}{tones:>12.0%}{repeated:>10.0%}{width:>7}")
    assert (repeated > 0.1) == (label == "the tune")

# %% [markdown]
# All play about as many chord tones as the tune, since a value says whether
# its note is one. But a listener hears hardly any turn come back, and hears
# the melody wander. Is the model to blame? No: the tune's own values lose as
# much. The pitch of each note is drawn anew, each window starts from the note
# drawn before, and deviations add up. The grammar kept what a note does, and
# gave up the melody; no better model of these values could bring it back.
#
# ## A common mistake: always the likeliest value
#
# Then each phrase has the same values, over any chords, and only the draw of
# the pitches differs.

# %%
for tau in (0, 1):
    phrases = {tuple(predict_and_sample(soloist, temperature=tau, rng=rng)
                     [1][:, 0]) for _ in range(20)}
    print(f"temperature {tau}: {len(phrases)} different phrases of 20")
    assert tau or len(phrases) == 1

# %% [markdown]
# ## Results

# %%
report = d2l.write_report(
    "jazz", {"improviser": history}, music.corpus,
    {**model.config, "batch_size": 32, "optimizer": "adam",
     "lr": "0.01 / (1 + 0.01 step)", "seed": seed, "ctx": ctx})

# %% [markdown]
# The perplexity above is that of a value, beside what the frequencies of the
# values alone give. The model knows the tune by heart. No tune is held out,
# so nothing here says how well it knows jazz. The recorded perplexity was:
#
# ```{include} ../../benchmarks/records/README.md
# :start-after: <!-- jazz -->
# :end-before: <!-- end of jazz -->
# ```
#
# The improviser and the [writer of poems](shakespeare.py) are the same idea
# twice, an LSTM that predicts the next symbol and is fed what it chose:
#
# |  | the writer of poems | the improviser |
# |---|---|---|
# | a symbol is | a character | a note's type, length and window |
# | there is a loss | at the window's end | at every step, summed |
# | to go on | it reads the last 40 again | it keeps its state |
# | a symbol becomes | itself | a note, drawn to suit the chord |
#
# ## Summary
#
# * What a model can learn depends on what its symbols say. Types and windows
#   say what a note does, so a phrase is the same over any chord.
# * A loop over one cell and one fused operator are the same function. The
#   loop is needed where the next input is not known yet.
# * A loss does not say how a solo sounds: count what a listener notices, and
#   count it in the data, too, in the form in which the model sees them.
#
# ## Exercises
#
# 1. (\*) Over the chord C E G, with which the grammar puts the scale G A B C
#    D E F♯, which type does each of the twelve pitches from 60 to 71 have?
#    Which of them is neither in the scale nor next to a tone of the
#    chord?
# 2. (\*) On the way back, durations are rounded to quarters of a quarter
#    note. In how many of the tune's measures does the sum of the durations
#    stay the same, and why not in the others?
# 3. (\*\*) The three numbers of the listener's check hardly follow the
#    temperature. Shuffle the tune's own values, play them, and take the
#    three numbers again. Why are they much the same?
# 4. (\*\*) Move all notes of the tune up by two semitones, chords too. Which
#    of its values change, and why any at all?
# 5. (\*\*\*) Train on the first half of the tune and measure the loss on the
#    second. How much of the tune is repetition?
#
# ## Further reading
#
# * R. M. Keller and D. R. Morrison, *A Grammatical Approach to Automatic
#   Improvisation*, 2007: the abstract melodies behind this grammar.
# * S. Hochreiter and J. Schmidhuber, *Long Short-Term Memory*, 1997.
#
# In the book, the LSTM is section 6.8 of the first edition and 9.2 of the
# second. Next: [Making it fast](making_it_fast.py).
