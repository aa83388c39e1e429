# %% [markdown]
# # Solutions: improvising jazz
#
# The exercises are at the end of `jazz.py`. In a notebook of that lesson the
# code below runs after its last cell; on its own it begins with what it
# needs.

# %%
import math

import numpy as np
from d2lrnn import jazz
from d2lrnn.jazz import djmodel, training_data
from d2lrnn.jazz.grammar import (
    note_type,
    to_notes,
    to_tokens,
    tokens_of,
)
from mxnet import init, nd

seed = 1
music = jazz.load_music_utils()
measures, chords = jazz.read_tune(training_data.default_tune())
values = tokens_of(measures, chords)

# %% [markdown]
# ## 1
#
# The scale that goes with C E G is that of G: G A B C D E F♯. Test the types
# in their order: C, S, A, X.
#
# ### Solution
#
# C, E and G are of type C; D, F♯, A and B of type S; C♯, E♭, F and G♯ of type
# A, since each lies a semitone from C, E or G. B♭ alone is of type X: it is
# not in the scale, and its neighbours are A and B, not in the chord. (F♯ is a
# semitone from G, too, and B from C, but the scale is asked first.)

# %%
types = "".join(note_type(pitch, (60, 64, 67)) for pitch in range(60, 72))
print(types)
assert types == "CASACASCASXS"

# %% [markdown]
# ## 2
#
# `quantize` rounds the durations in tokens, and `parse_token` reads them.
#
# ### Solution
#
# In a quarter of the measures, nine of 36. A third of a quarter note becomes
# 0.25, a twelfth less, and two thirds become 0.75, a twelfth more. So a pair
# of them, long and short, still makes a quarter note; but where a measure has
# more notes of one kind than of the other, the sum changes. The sums change
# by up to half a quarter note.

# %%
from d2lrnn.jazz.grammar import parse_token, quantize


def length(tokens):
    return float(sum(parse_token(token)[1] for token in tokens))


changes = []
for measure, chord in zip(measures, chords, strict=True):
    tokens = to_tokens(measure, chord)
    changes.append(length(quantize(tokens)) - length(tokens))
print(np.round(changes, 2))
assert len(changes) == 36 and np.isclose(changes, 0).sum() == 9
assert max(map(abs, changes)) < 0.51
assert quantize(["C,0.333", "C,0.667"]) == ["C,0.250", "C,0.750"]

# %% [markdown]
# ## 3
#
# `rng.permutation(values)` shuffles them. Which of the three numbers does the
# order of the values decide, and which do the pitches that are drawn for
# them?
#
# ### Solution
#
# A value says whether its note is in the chord, and four fifths of the tune's
# values say so. Any order of them has the same share, and so, roughly, has
# any draw that keeps to their frequencies. Turns and range depend on the
# pitches, and these are drawn anew for each note, so hardly a turn comes
# back, and the melody wanders as it pleases. The temperature only chooses
# values; it does not reach that draw.


# %%
def shares(melody):
    pitches = [note.pitches[-1] for note in melody]
    steps = np.diff(pitches)
    turns = [tuple(steps[i:i + 4]) for i in range(len(steps) - 3)]
    return 1 - len(set(turns)) / len(turns), max(pitches) - min(pitches)


print("the tune:", shares([note for measure in measures for note in measure]))
rng = np.random.default_rng(seed)
for _ in range(3):
    shuffled, melody, kept = rng.permutation(values), [], []
    for i, chord in enumerate(chords):
        phrase = to_notes(shuffled[7 * i:7 * i + 7].tolist(), chord, rng,
                          onset=4 * i)
        melody += phrase
        kept += [token[0] for token in shuffled[7 * i:7 * i + 7]]
    repeated, width = shares(melody)
    print(f"shuffled: {kept.count('C') / len(kept):.0%} chord tones, "
          f"{repeated:.0%} repeated, range {width}")
    assert abs(kept.count("C") / len(kept) - 0.8) < 0.03
    assert repeated < 0.05 and width > 29

# %% [markdown]
# ## 4
#
# A `Note` is a tuple: `note._replace(pitches=...)` returns a changed copy.
# Print the pairs of values that differ.
#
# ### Solution
#
# 22 of 263. No duration changes, and no window moves by even a semitone: what
# changes is mostly spelling. The grammar gives each pitch one name, C♯ and
# never D♭, and reads intervals off the letters. From E to G♯ it is a major
# third; the same two notes two semitones higher are F♯ and B♭, a diminished
# fourth. In three notes the type changes, since scales are found by names as
# well. Moved by an octave, nothing changes. So the same phrase has the same
# values over any chord only up to spelling, and where it is spelled
# differently, a model has to learn it twice.

# %%
from d2lrnn.jazz.theory import interval_between, interval_name


def moved(measures, semitones):
    return [[note._replace(pitches=tuple(pitch + semitones
                                         for pitch in note.pitches))
             for note in measure] for measure in measures]


def differing(semitones):
    new = tokens_of(moved(measures, semitones), moved(chords, semitones))
    return [pair for pair in zip(values, new, strict=True)
            if pair[0] != pair[1]]


pairs = differing(2)
print(f"{len(pairs)} of {len(values)}:", *pairs[:4])
assert len(pairs) == 22 and len(values) == 263 and not differing(12)
assert all(parse_token(old)[1:] == parse_token(new)[1:] for old, new in pairs)
assert interval_name(*interval_between(64, 68)) == "M3"
assert interval_name(*interval_between(66, 70)) == "d4"
assert sum(old[0] != new[0] for old, new in pairs) == 3

# %% [markdown]
# ## 5
#
# `training_data.windows` makes windows of ids, so it can make them of half of
# the ids. The first value of a window is predicted from nothing; look at
# later steps.
#
# ### Solution
#
# Less than it seems. Three quarters of the second half's values occur in the
# first, but only a third of its pairs of neighbours do. The model knows its
# own half by heart, and has a higher loss in the other than a uniform guess:
# where the tune goes on in another way, the model is sure of the wrong value.


# %%
def step_losses(model, ids):
    X, Y = training_data.windows(ids, music.n_values)
    scores, _ = model(nd.array(X))
    losses = -nd.pick(nd.log_softmax(scores), nd.array(Y.argmax(axis=2)))
    return losses.mean(axis=1).asnumpy()[:-1]  # the last row of Y is empty


ids = np.asarray(music.corpus.corpus_indices)
first, second = ids[:len(ids) // 2], ids[len(ids) // 2:]
X, Y = training_data.windows(first, music.n_values)
half = jazz.Music((X, Y, music.n_values, music.indices_values))
half.chords, half.corpus = music.chords, music.corpus
model = djmodel(30, 64, music.n_values)
model.initialize(init.Xavier())
jazz.fit(model, half, 80, seed=seed)
known, new = step_losses(model, first), step_losses(model, second)
print(f"from the tenth step on: {known[9:].mean():.2f} nats in the first "
      f"half, {new[9:].mean():.2f} in the second, uniform "
      f"{math.log(music.n_values):.2f}")
assert known[9:].mean() < 0.5
assert new[9:].mean() > math.log(music.n_values)
occurs = [np.mean([tuple(second[i:i + n]) in {
    tuple(first[j:j + n]) for j in range(len(first) - n + 1)}
    for i in range(len(second) - n + 1)]) for n in (1, 2)]
print(f"{occurs[0]:.0%} of the values and {occurs[1]:.0%} of the pairs occur")
assert 0.7 < occurs[0] < 0.8 and 0.3 < occurs[1] < 0.4
