"""An original jazz tune, written down here, and the MIDI file of it.

It is in F, 36 measures of swing: A A B A of eight each, and a tag of four.
Run ``python -m lyrics_data.compose_tune`` to write original_tune.mid anew.

A line is a measure: its chords, then the melody, beat by beat. A beat of

- one note is a quarter; ``-`` holds on, ``r`` is a rest
- two, ``a.b``, is a swung pair, 2/3 and 1/3; ``a/b`` is an even one
- three, ``a.b.c``, is a triplet, and four are sixteenths

Flats are ``-`` after the letter, as in B-4. One chord is struck on the first
beat and, swung, after the second; two get half of the measure each.
"""
import sys
from fractions import Fraction
from itertools import cycle
from pathlib import Path

from d2lrnn.jazz.midi import Note, write_tune

TEMPO = 126  # quarters a minute

# The motif climbs in thirds to a note tied over the middle of the measure and
# comes down again. In measure 2 one note of it is lowered, and that makes the
# diminished chord; in 5 and 6 it does so once more, higher.
A1 = """
Fmaj7         | r.A4     C5.E5      -.D5        C5.A4
F#dim7        | r.A4     C5.E-5     -.D5        C5.A4
Gm7           | B-4      -.r        D5.F5.A5    G5.F5
C7            | E5.C5    B-4.A4     F#4.G4      -.r
Am7           | r.C5     E5.G5      -.F5        E5.C5
G#dim7        | r.B4     D5.F5      -.E5        D5.B4
Gm7 C7        | B-4.A4   G4.B-4     E5.E-5.D5   C5.B-4
Fmaj7 C7      | A4.C5    A4.F4      G4          -.r
"""

# The motif with turns in sixteenths, and even eighths against the swing. The
# way leads to B-flat, and back from there by the diminished chord on B.
A2 = """
Fmaj7         | r.A4          C5.E5    -.D5        C5.D5.C5.A4
F#dim7        | r.A4          C5.E-5   -.D5        E-5.D5.C5.A4
Gm7           | B-4/D5        G5/F5    -/D5        B-4/A4
C7            | G4.A4.B-4.B4  C5.E5    -.D5        C5.r
Cm7 F7        | E-5.D5.C5     G4.C5    B-4.G#4.A4  C5.E-5
B-maj7 Bdim7  | D5.C#5.D5     F5.A5    G#5.F5      D5.B4
Gm7 C7        | B-4.C5.D5.E-5 F5.D5    E5          G4.B-4
Fmaj7         | A4.G4         E4.F4    C4          r
"""

# Two cadences, in D minor and, a fifth higher, the same in A minor; the way
# home leads over F# and E up to the highest note of the tune.
B = """
Em7b5         | r.E4      G4.B-4   D5        -.C5
A7            | C#5       -.B-4    A4.G4     E4.C#4
Dm7           | F4.E4.D4  F4.A4    C5        -.A4
Dm7           | B4.A4     F4.D4    C#4.D4    A3
Bm7b5         | r.B4      D5.F5    A5        -.G5
E7            | G#5       -.F5     E5.D5     B4.G#4
Am7 D7        | C5.B4.A4  C5.E5    F#5.E5.D5 C5.A4
Gm7 C7        | B-4.D5    F5.G5    E5.G5.B-5 C6
"""

# From the top down an octave, and the motif once more as it was first; then
# long chromatic lines, and down to the lowest note.
A3 = """
Fmaj7         | -.A5          G5.F5    E5.E-5.D5     C5.r
F#dim7        | r.A4          C5.E-5   -.D5          C5.A4
Gm7           | B-4.A4.G4     B-4.D5   F5            -.D5
C7            | E5/C5         B-4.G4   E4.F4.F#4.G4  B-4.r
Cm7 F7        | E-5.D5.C5     B4.B-4   A4.C5.E-5     G5.E-5
B-maj7 Bdim7  | D5            -.r      G#5.F5.D5.B4  G#4.B4
Am7 D7        | C5.D5.E-5.E5  G5.E5    F#5.A4        C5.E-5
Gm7 C7        | D5.B-4        G4.D4    B-3.G3        C4
"""

# The turnaround again, one figure in B-flat and, a fourth higher, in E-flat,
# and home.
TAG = """
Am7 G#dim7    | r/C5          A4/E4    F4.G#4.B4    D5.F5
Gm7 C7        | D5.B-4.A4.G4  F#4.G4   B-4.A4.G4    E5.C#5
B-maj7 E-maj7 | D5.C5.A4      F4       G5.F5.D5     B-4
Fmaj9         | A4.C5.E5.G5   A5       -            -
"""

TUNE = A1 + A2 + B + A3 + TAG

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
CHORDS = {"maj7": (4, 7, 11), "maj9": (4, 7, 11, 14), "7": (4, 7, 10),
          "m7": (3, 7, 10), "m7b5": (3, 6, 10), "dim7": (3, 6, 9)}
BASS, CHORD = 41, 53  # F2 and F3, the lowest pitches of roots and of the rest
SWING = (Fraction(2, 3), Fraction(1, 3))
BEATS = {1: (Fraction(1),), 2: SWING, 3: (Fraction(1, 3),) * 3,
         4: (Fraction(1, 4),) * 4}
EVEN = (Fraction(1, 2),) * 2
# onsets and lengths of chords, in quarters
TWO_CHORDS = [(Fraction(0), Fraction(2)), (Fraction(2), Fraction(2))]
CHARLESTON = [(Fraction(0), Fraction(3, 2)), (Fraction(5, 3), Fraction(2))]


def measures(tune):
    """Return ``(chords, beats)`` of each measure, two lists of words.

    >>> measures("Gm7 C7 | D5.B-4 G4 E4 r")
    [(['Gm7', 'C7'], ['D5.B-4', 'G4', 'E4', 'r'])]
    """
    return [tuple(part.split() for part in line.split("|"))
            for line in tune.strip().splitlines() if line]


def degree(name):
    """Return the semitones of a name, such as B-, above the C below it.

    >>> degree("C"), degree("B-"), degree("F#")
    (0, 10, 6)
    """
    return LETTERS[name[0]] + name.count("#") - name.count("-")


def voicing(symbol):
    """Return the MIDI numbers of a chord: its root low, the rest close above.

    The rest always lies between F3 and E4, so that from chord to chord its
    notes move by small steps or stay.

    >>> voicing("Gm7"), voicing("C7")
    ((43, 53, 58, 62), (48, 55, 58, 64))
    """
    end = 2 if symbol[1] in "#-" else 1
    root, quality = degree(symbol[:end]), symbol[end:]
    return (BASS + (root - BASS) % 12, *sorted(
        CHORD + (root + tone - CHORD) % 12 for tone in CHORDS[quality]))


def comping(number, symbols):
    """Return the chords of a measure, counted from 0, as ``Note``.

    >>> [(str(note.onset), str(note.length)) for note in comping(1, ["C7"])]
    [('4', '3/2'), ('17/3', '2')]
    """
    rhythm = TWO_CHORDS if len(symbols) == 2 else CHARLESTON
    return [Note(4 * number + onset, length, voicing(symbol))
            for symbol, (onset, length) in zip(cycle(symbols), rhythm)]


def melody_of(beats):
    """Return the melody of beats, a list of words, as ``Note``.

    >>> [(str(note.onset), str(note.length), note.pitches)
    ...  for note in melody_of(["C5.A4", "-.r"])]
    [('0', '2/3', (72,)), ('2/3', '1', (69,))]
    """
    notes, resting = [], True
    for beat, word in enumerate(beats):
        names = word.replace("/", ".").split(".")
        lengths = EVEN if "/" in word else BEATS[len(names)]
        onset = Fraction(beat)
        for name, length in zip(names, lengths, strict=True):
            if name == "-" and not resting:
                notes[-1] = notes[-1]._replace(
                    length=notes[-1].length + length)
            elif name not in "-r":
                pitch = 12 * (int(name[-1]) + 1) + degree(name[:-1])
                notes.append(Note(onset, length, (pitch,)))
            resting = name == "r" or (name == "-" and resting)
            onset += length
    return notes


def compose(path):
    """Write the tune to a MIDI file, the same bytes each time."""
    bars = measures(TUNE)
    melody = melody_of([beat for _, beats in bars for beat in beats])
    chords = [chord for number, (symbols, _) in enumerate(bars)
              for chord in comping(number, symbols)]
    write_tune(path, melody, chords, TEMPO)


if __name__ == "__main__":
    compose(sys.argv[1] if len(sys.argv) > 1
            else Path(__file__).with_name("original_tune.mid"))
