"""The figure of a measure of jazz: notes, tokens, notes again."""
from docs.figures.pen import COLORS, Drawing, number

CHORD = (60, 64, 67)
QUARTERS = (1, 0.5, 0.5, 1, 1)
MELODY = (64, 69, 68, 67, None)  # pitches; None is a rest
TOKENS = ("C,1.000", "S,0.500,<m6,M2>", "A,0.500,<M2,d-4>", "C,1.000,<d3,M-3>",
          "R,1.000")
PREVIOUS, SEED = 64, 5  # with which to_notes draws these:
SOLO = (67, 74, 73, 72, None)
WINDOWS = (None, (8, 2), (2, -4), (2, -4), None)  # in semitones
STEPS = (0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 5, 6)  # of a scale, by semitone
KINDS = {"C": "input", "S": "state", "A": "gate", "X": "output", "R": "faint"}
GAP = 10  # between two lines of a staff
COLUMNS = [92 + 58 * i for i in range(5)]


def height_of(pitch, bottom):
    """Return the y of a pitch on a staff whose lowest line is E4's."""
    steps = 7 * (pitch // 12 - 5) + STEPS[pitch % 12] - STEPS[4]
    return bottom - steps * GAP / 2


def staff(d, bottom, pitches):
    """Draw five lines, the chord at the left, and the notes."""
    for i in range(5):
        d.line((12, bottom - GAP * i), (348, bottom - GAP * i), width=1)
    for x in (12, 58, 348):
        d.line((x, bottom), (x, bottom - 4 * GAP), width=1.4)
    for pitch in CHORD:
        note(d, 36, height_of(pitch, bottom), pitch, bottom, 4)
    for x, pitch, quarters in zip(COLUMNS, pitches, QUARTERS, strict=True):
        if pitch is None:
            rest(d, x, bottom - 2 * GAP)
        else:
            note(d, x, height_of(pitch, bottom), pitch, bottom, quarters)


def note(d, x, y, pitch, bottom, quarters):
    """Draw a note: four quarters are hollow, half of one has a flag."""
    ink = COLORS["line"][1]
    d.add("ellipse", cx=x, cy=y, rx=6, ry=4.4, stroke=ink, stroke_width=1.6,
          fill=COLORS["line"][0] if quarters == 4 else ink,
          transform=f"rotate(-18 {number(x)} {number(y)})")
    if y > bottom + GAP / 2:
        d.line((x - 10, y), (x + 10, y), width=1)
    if STEPS[pitch % 12] == STEPS[(pitch - 1) % 12]:
        sharp(d, x - 14, y)
    if quarters == 4:
        return
    up = 1 if y > bottom - 2 * GAP else -1
    x, end = x + 5.5 * up, y - 32 * up
    d.line((x, y - up), (x, end), width=1.5)
    if quarters < 1:
        d.path(["M", (x, end), "C", (x + up, end + 8 * up),
                (x + 12 * up, end + 9 * up), (x + 7 * up, end + 20 * up)],
               width=2)


def sharp(d, x, y):
    """Draw the sign that raises a note by a semitone."""
    for shift in (-2, 2):
        d.line((x + shift, y - 8 - shift / 2), (x + shift, y + 8 - shift / 2),
               width=1.1)
        d.line((x - 5, y + 1.8 * shift / 1.4 + 1.2),
               (x + 5, y + 1.8 * shift / 1.4 - 1.2), width=1.8)


def rest(d, x, y):
    """Draw a rest of a quarter."""
    d.path(["M", (x - 4, y - 15), "L", (x + 4, y - 5), "Q", (x - 4, y + 1),
            (x + 5, y + 10), "Q", (x - 5, y + 6), (x, y + 16)], width=2.4)


def windows(d, bottom):
    """Shade where each note of the solo may lie, from the one before."""
    for i, window in enumerate(WINDOWS):
        if window:
            top, end = (height_of(SOLO[i - 1] + semitones, bottom)
                        for semitones in window)
            d.box(COLUMNS[i], (top + end) / 2, 40, end - top + GAP,
                  kind=KINDS[TOKENS[i][0]], radius=6, dashed=True)


def jazz_measure():
    """Draw a measure, its tokens, and notes drawn from the tokens."""
    d = Drawing(340, "A measure as notes, as tokens, as notes again",
                "Above, a chord and five notes of one measure. In the middle, "
                "a token for each: a type, a length in quarters and a window "
                "of intervals. Below, other notes of the same types and "
                "lengths, each within its shaded window.")
    staff(d, 82, MELODY)
    for x, token in zip(COLUMNS, TOKENS, strict=True):
        d.arrow((x, 106), (x, 124))
        kind = KINDS[token[0]]
        d.box(x, 162, 56, 72, kind=kind)
        for i, part in enumerate(token.split(",", 2)):
            d.text(x, 141 + 21 * i, part, 16 if i == 0 else 12, literal=True)
        d.arrow((x, 200), (x, 218))
    windows(d, 304)
    staff(d, 304, SOLO)
    return d
