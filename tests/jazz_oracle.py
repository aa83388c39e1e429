"""MIDI tracks to tokens once more: naive, slow, by the rules alone.

A track is a list of ``(tick, pitch, is_on)`` in the order of the file. All
that is shared with the package is what a chord's quality is.
"""
from fractions import Fraction

from d2lrnn.jazz.theory import chord_quality

SPELLED = "C C# D E- E F F# G G# A B- B".split()
# the highest first; of those that sound alike the one that ranks first counts
TONICS = "B B- A G# G F# F E E- D# D D- C# C C-".split()
NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def notes_of(track):
    """Return (start, stop, pitch); a note ends at its first note-off."""
    used, notes = set(), []
    for i, (start, pitch, is_on) in enumerate(track):
        if not is_on:
            continue
        for j in range(i + 1, len(track)):
            stop, other, other_is_on = track[j]
            if other == pitch and not other_is_on and j not in used:
                used.add(j)
                notes.append((start, stop, pitch))
                break
    return notes


def snapped(quarters):
    """Return the nearest multiple of 1/4 or 1/3, found by trying."""
    near = [Fraction(n, d) for d in (3, 4)
            for n in range(int(quarters * d) - 1, int(quarters * d) + 3)]
    errors = {n: round(float(abs(n - quarters)), 7) for n in near if n >= 0}
    return min(n for n in errors if errors[n] == min(errors.values()))


def events_of(track, ticks):
    """Return (onset, length, pitches) on the grid, in order."""
    left, events = notes_of(track), []
    while left:
        start, stop, _ = left[0]
        chord = [note for note in left
                 if abs(note[0] - start) <= Fraction(ticks, 16)
                 and abs(note[1] - stop) <= Fraction(ticks, 16)]
        for note in chord:
            left.remove(note)
        events.append((snapped(Fraction(start, ticks)),
                       snapped(Fraction(stop - start, ticks))
                       or Fraction(1, 4), sorted({p for *_, p in chord})))
    events.sort(key=lambda event: event[0])  # keeps the order of equals
    return events


def scale_of(chord):
    """Return the names of the scale that goes with a chord."""
    kind = ([0, 2, 4, 5, 7, 9, 11] if chord_quality(tuple(chord)) == "major"
            else [0, 2, 3, 5, 7, 9, 10])
    best, most = None, -1
    for tonic in TONICS:
        letters = "CDEFGABCDEFGAB"["CDEFGAB".index(tonic[0]):][:7]
        low = NATURAL[tonic[0]] + tonic.count("#") - tonic.count("-")
        names = []
        for letter, size in zip(letters, kind, strict=True):
            wrong = (low + size - NATURAL[letter] + 6) % 12 - 6
            names.append(letter + "#" * wrong + "-" * -wrong)
        sounds = {(low + size) % 12 for size in kind}
        covered = len(sounds & {pitch % 12 for pitch in chord})
        if covered > most:
            best, most = names, covered
    return best


def type_of(pitch, chord):
    """Return C, S, A or X."""
    if SPELLED[pitch % 12] in [SPELLED[tone % 12] for tone in chord]:
        return "C"
    if SPELLED[pitch % 12] in scale_of(chord):
        return "S"
    if any(abs(pitch - tone) % 12 in (1, 11) for tone in chord):
        return "A"
    return "X"


def interval(steps, semitones):
    """Return the name of an interval, such as m3 or d-5."""
    if steps < 0:
        name = interval(-steps, -semitones)
        number = name.lstrip("PMmAd")
        return name[:-len(number)] + "-" + number
    wide = semitones - steps // 7 * 12 - NATURAL["CDEFGAB"[steps % 7]]
    if steps % 7 in (0, 3, 4):
        quality = "A" * wide or "d" * -wide or "P"
    else:
        quality = {0: "M", -1: "m"}.get(wide) or "A" * wide or "d" * (-wide
                                                                      - 1)
    return quality + str(steps + 1)


def tokens_of(melody, chords, ticks, quarters=None):
    """Return the tokens of two tracks."""
    first, last = quarters or (0, 10 ** 9)
    tune = [event for event in events_of(melody, ticks)
            if first <= event[0] <= last]
    struck = [event for event in events_of(chords, ticks)
              if len(event[2]) > 1]
    tokens = []
    for number in sorted({int(event[0]) // 4 for event in tune}):
        measure = [event for event in tune if int(event[0]) // 4 == number]
        under = [event for event in struck if int(event[0]) // 4 == number
                 and first <= event[0] <= last]
        if not under:
            under = ([event for event in struck if event[0] <= measure[0][0]]
                     or struck[:1])[-1:]
        previous = None
        for onset, length, pitches in measure:
            pitch = max(pitches)
            begun = [event for event in under if event[0] <= onset]
            chord = (begun[-1] if begun else under[0])[2]
            token = f"{type_of(pitch, chord)},{float(length):.3f}"
            if previous is not None:
                steps = (pitch // 12 - previous // 12) * 7 + (
                    "CDEFGAB".index(SPELLED[pitch % 12][0])
                    - "CDEFGAB".index(SPELLED[previous % 12][0]))
                upper = interval(steps + 2, pitch - previous + 3)
                lower = interval(steps - 2, pitch - previous - 3)
                token += f",<{upper},{lower}>"
            tokens.append(token)
            previous = pitch
    return tokens
