"""A grammar of jazz notes: from a melody over chords to tokens, and back.

A token is ``TYPE,duration``. Except for rests and the first note of a measure,
``,<upper,lower>`` follows: the window of intervals from the previous note in
which the note may lie, a minor third above and below the original. The types:

- C: the note is in the chord
- S: the note is in the scale that goes with the chord
- A: the note approaches one of the chord, a semitone away
- X: any other note
- R: a rest

Source: the abstract melodies of Keller and Morrison (2007).
"""
import math
import re
from bisect import bisect_right
from collections.abc import Iterable
from fractions import Fraction

from d2lrnn.basics.checks import shown
from d2lrnn.jazz.midi import Note, check_notes
from d2lrnn.jazz.theory import (
    derived_scale,
    interval_between,
    interval_name,
    parse_interval,
    pitch_name,
)

__all__ = ["check_chords", "note_type", "parse_token", "quantize", "to_notes",
           "to_tokens", "tokens_of"]

LOWEST, HIGHEST = 48, 95  # the pitches of octaves 3 to 6
MIDDLE = (60, 83)  # octaves 4 and 5, where a phrase begins
FOURTH = 5  # semitones
TOKEN = re.compile(r"([CSAXR]),([0-9]{1,9}\.[0-9]{3})(?:,<([^,]+),([^,]+)>)?")


def note_type(pitch, chord):
    """Return the type of a pitch over a chord, a tuple of pitches.

    >>> [note_type(pitch, (60, 64, 67)) for pitch in (72, 74, 70, 73)]
    ['C', 'S', 'X', 'A']
    """
    if pitch % 12 in {tone % 12 for tone in chord}:
        return "C"
    if pitch_name(pitch) in derived_scale(chord):
        return "S"
    if any((pitch - tone) % 12 in (1, 11) for tone in chord):
        return "A"
    return "X"


def chord_at(chords, onset):
    """Return the pitches of the last chord struck by an onset.

    Before the first chord, that one counts; of several with the same onset,
    the last one. ``chords`` are those of a measure, in order of onset.

    >>> chords = [Note(0, 4, (60, 64)), Note(0, 2, (62, 65)), Note(2, 2, (1,))]
    >>> chord_at(chords, 1), chord_at(chords, -1)
    ((62, 65), (60, 64))
    """
    struck = bisect_right(chords, onset, key=lambda chord: chord.onset)
    return chords[max(struck - 1, 0)].pitches


def check_chords(chords):
    """Return the chords of a measure as a list, after checking them."""
    chords = check_notes("chords", chords)
    if not chords or not all(chord.pitches for chord in chords):
        raise ValueError("a measure has no chord, or one without pitches: "
                         "give each measure its chords")
    return chords


def to_tokens(notes, chords):
    """Return the tokens of the melody of one measure over its chords.

    Both are lists of ``Note``, in order of onset; if several notes of the
    melody sound together, the highest one counts.

    >>> chords = [Note(0, 4, (57, 60, 64))]  # A C E
    >>> to_tokens([Note(0, 1, (72,)), Note(1, Fraction(1, 3), (69,))], chords)
    ['C,1.000', 'C,0.333,<P1,d-5>']
    """
    notes, chords = check_notes("notes", notes), check_chords(chords)
    tokens, previous = [], None
    for note in notes:
        if not note.pitches:
            tokens.append(f"R,{float(note.length):.3f}")
            continue
        pitch = note.pitches[-1]
        kind = note_type(pitch, chord_at(chords, note.onset))
        token = f"{kind},{float(note.length):.3f}"
        if previous is not None:
            token += f",<{','.join(window_names(previous, pitch))}>"
        tokens.append(token)
        previous = pitch
    return tokens


def window_names(previous, pitch):
    """Return the names of a note's window: ``(upper, lower)``.

    >>> window_names(72, 69), window_names(73, 75)
    (('P1', 'd-5'), ('dd5', 'd1'))
    """
    steps, semitones = interval_between(previous, pitch)
    return (interval_name(steps + 2, semitones + 3),
            interval_name(steps - 2, semitones - 3))


def tokens_of(measures, chords):
    """Return the tokens of all measures over their chords, in one list.

    >>> chord = Note(0, 4, (60, 64, 67))
    >>> tokens_of([[Note(0, 1, (67,))], [Note(4, 2, (74,))]], [[chord]] * 2)
    ['C,1.000', 'S,2.000']
    """
    measures = check_measures("measures", measures)
    chords = check_measures("chords", chords)
    if len(measures) != len(chords):
        raise ValueError(f"there are {len(measures)} measures, but chords for "
                         f"{len(chords)}: give each measure its chords")
    return [token for notes, under in zip(measures, chords, strict=True)
            for token in to_tokens(notes, under)]


def check_measures(name, measures):
    """Return measures as a list, after checking them.

    >>> check_measures("chords", 4)
    Traceback (most recent call last):
    ValueError: chords is 4: give a list with a list of notes for each measure
    """
    if not isinstance(measures, Iterable) or isinstance(measures, str):
        raise ValueError(f"{name} is {shown(measures)}: give a list with a "
                         f"list of notes for each measure")
    return list(measures)


def parse_token(token):
    """Return ``(type, length, window)`` of a token, after checking it.

    The length is a ``Fraction``, in quarter notes; the window is ``(upper,
    lower)`` in semitones from the previous note, or None.

    >>> parse_token("C,0.250,<dd5,d1>")
    ('C', Fraction(1, 4), (5, -1))
    """
    match = TOKEN.fullmatch(str(token))
    if not match or (match[1] == "R" and match[3]):
        raise ValueError(f"{shown(token)} is not a token: write one such as "
                         f"R,1.000, C,0.250 or C,0.250,<P1,d-5>")
    kind, length, *window = match.groups()
    if window[0] is None:
        return kind, Fraction(length), None
    upper, lower = (parse_interval(name)[1] for name in window)
    if upper < lower:
        raise ValueError(f"{token!r} has a window whose upper end is below "
                         f"its lower one: write the upper one first")
    return kind, Fraction(length), (upper, lower)


def quantize(tokens):
    """Return tokens with durations rounded to multiples of 0.25.

    Halfway between two multiples, the smaller one is taken.

    >>> quantize(["C,0.333", "S,0.667,<m3,m-3>", "R,1.125"])
    ['C,0.250', 'S,0.750,<m3,m-3>', 'R,1.000']
    """
    quantized = []
    for token in tokens:
        _, length, _ = parse_token(token)
        length = math.ceil(4 * length - Fraction(1, 2)) / 4
        kind, _, *window = token.split(",", 2)
        quantized.append(",".join([kind, f"{length:.3f}", *window]))
    return quantized


def to_notes(tokens, chords, rng, previous=None, onset=0):
    """Turn tokens into a phrase, a list of ``Note``, over a measure's chords.

    Durations are quantized, and notes and rests follow one another, beginning
    at 0. A note of length 0 is left out, unless it is the last one, which then
    gets 0.25. ``choose_pitch`` draws pitches from the window around the
    previous note, or around the pitch ``previous`` for the first one. A token
    without a window may move a fourth up or down; without a previous note,
    octaves 4 and 5 are allowed.

    ``rng`` is a NumPy ``Generator``; ``onset`` is the onset of the phrase as
    the chords count it, in quarter notes. Raise ``ValueError`` for a token
    that cannot be parsed.
    """
    chords = check_chords(chords)
    notes, now = [], Fraction(0)
    for token in quantize(tokens):
        kind, length, window = parse_token(token)
        pitches = ()
        if kind != "R":
            previous = choose_pitch(kind, chord_at(chords, onset + now),
                                    window_pitches(previous, window), rng)
            pitches = (previous,)
        notes.append(Note(now, length, pitches))
        now += length
    return [note._replace(length=note.length or Fraction(1, 4))
            for i, note in enumerate(notes)
            if note.length or i == len(notes) - 1]


def window_pitches(previous, window):
    """Return the lowest and the highest pitch of a window around a pitch.

    >>> window_pitches(60, (5, -1)), window_pitches(60, None)
    ((59, 65), (55, 65))
    >>> window_pitches(None, (5, -1))
    (60, 83)
    """
    if previous is None:
        return MIDDLE
    upper, lower = window or (FOURTH, -FOURTH)
    return previous + lower, previous + upper


def choose_pitch(kind, chord, window, rng):
    """Return a random pitch of a type over a chord, in octaves 3 to 6.

    ``window`` is the lowest and the highest pitch to draw from. If it has no
    pitch of this type, the nearest one outside is taken, or the lower of two
    equally near ones. If the chord has no pitch of this type at all, the next
    type in the order X, A, S, C is tried.
    """
    low, high = window
    pitches = {other: [] for other in "XASC"}
    for pitch in range(LOWEST, HIGHEST + 1):
        pitches[note_type(pitch, chord)].append(pitch)
    of_type = next(pitches[other] for other in "XASC"["XASC".index(kind):]
                   if pitches[other])
    inside = [pitch for pitch in of_type if low <= pitch <= high]
    if inside:
        return inside[rng.integers(len(inside))]
    return min(of_type, key=lambda pitch: (max(low - pitch, pitch - high),
                                           pitch))
