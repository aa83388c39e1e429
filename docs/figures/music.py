"""The figure of a measure of jazz: notes, tokens, notes again."""
from docs.figures.pen import COLORS, Drawing, number

# the fourth measure of the tune that ships; its chord an octave higher
CHORD = (60, 67, 70, 76)
MELODY = (76, 72, 70, 69, 66, 67)
TOKENS = ("C,0.667", "C,0.333,<d1,P-5>", "C,0.667,<m2,P-4>",
          "S,0.333,<M2,d-4>", "A,0.667,<P1,d-5>", "C,1.000,<d4,M-2>")
WINDOWS = (None, (-1, -7), (1, -5), (2, -4), (0, -6), (4, -2))  # semitones
SEED = 1  # with which to_notes draws these:
SOLO = (70, 67, 67, 69, 63, 64)
# (how many flags, whether there is a dot), and the same for the solo
VALUES = ((0, False), (1, False)) * 3
SOLO_VALUES = ((1, True), (2, False)) * 2 + ((1, True), (0, False))
STEPS = (0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 6, 6)  # of a scale, by semitone
SHARPS, FLATS = {1, 3, 6, 8}, {10}
KINDS = {"C": "input", "S": "state", "A": "gate"}
GAP = 10  # between two lines of a staff
COLUMNS = [76 + 47 * i for i in range(6)]
INK = COLORS["line"][1]


def height_of(pitch, bottom):
    """Return the y of a pitch on a staff whose lowest line is E4's."""
    steps = 7 * (pitch // 12 - 5) + STEPS[pitch % 12] - STEPS[4]
    return bottom - steps * GAP / 2


def staff(d, bottom, pitches, values):
    """Draw five lines, the chord at the left, and the notes."""
    for i in range(5):
        d.line((10, bottom - GAP * i), (350, bottom - GAP * i), width=1)
    for x in (10, 48, 350):
        d.line((x, bottom), (x, bottom - 4 * GAP), width=1.4)
    for pitch in CHORD:
        head(d, 31, pitch, bottom, hollow=True)
    for x, pitch, (flags, dotted) in zip(COLUMNS, pitches, values,
                                         strict=True):
        note(d, x, pitch, bottom, flags)
        if dotted:
            d.dot(x + 12, height_of(pitch, bottom) - 3)


def head(d, x, pitch, bottom, hollow=False):
    """Draw the head of a note, and its sharp or flat."""
    y = height_of(pitch, bottom)
    d.add("ellipse", cx=x, cy=y, rx=5.6, ry=4.2, stroke=INK, stroke_width=1.6,
          fill=COLORS["line"][0] if hollow else INK,
          transform=f"rotate(-18 {number(x)} {number(y)})")
    if y > bottom + GAP / 2:
        d.line((x - 10, y), (x + 10, y), width=1)
    if pitch % 12 in SHARPS:
        sharp(d, x - 14, y)
    if pitch % 12 in FLATS:
        flat(d, x - 15, y)


def note(d, x, pitch, bottom, flags):
    """Draw a note with its stem and flags."""
    head(d, x, pitch, bottom)
    y = height_of(pitch, bottom)
    up = 1 if y > bottom - 2 * GAP else -1
    x, end = x + 5 * up, y - 32 * up
    d.line((x, y - up), (x, end), width=1.5)
    for i in range(flags):
        top = end + 8 * i * up
        d.path(["M", (x, top), "C", (x + 1, top + 7 * up),
                (x + 11, top + 8 * up), (x + 7, top + 18 * up)], width=2)


def sharp(d, x, y):
    """Draw the sign that raises a note by a semitone."""
    for shift in (-2, 2):
        d.line((x + shift, y - 8 - shift / 2), (x + shift, y + 8 - shift / 2),
               width=1.1)
        d.line((x - 5, y + 1.3 * shift + 1.2), (x + 5, y + 1.3 * shift - 1.2),
               width=1.8)


def flat(d, x, y):
    """Draw the sign that lowers a note by a semitone."""
    d.path(["M", (x, y - 13), "L", (x, y + 5), "Q", (x + 8, y - 1),
            (x + 6, y - 4), "Q", (x + 4, y - 6), (x, y - 2)], width=1.5)


def triplets(d, bottom):
    """Mark thirds of a quarter, and tie the last note to its rest."""
    top = bottom - 4 * GAP - 16
    for left, right in (*zip(COLUMNS[::2], COLUMNS[1::2], strict=True),
                        (338, 338)):
        middle = (left + right) / 2
        d.text(middle, top, "3", 12)
        for end, way in ((left - 4, -1), (right + 6, 1)):
            if left != right:
                d.line((middle + 8 * way, top), (end, top), (end, top + 6),
                       width=1)
    x, y = COLUMNS[-1], height_of(MELODY[-1], bottom)
    note(d, 338, MELODY[-1], bottom, 0)
    d.path(["M", (x + 4, y + 7), "Q", ((x + 338) / 2, y + 14), (334, y + 7)],
           width=1.6)


def windows(d, bottom):
    """Shade where each note of the solo may lie, from the one before."""
    for i, window in enumerate(WINDOWS):
        if window:
            top, end = (height_of(SOLO[i - 1] + semitones, bottom)
                        for semitones in window)
            d.box(COLUMNS[i], (top + end) / 2, 42, end - top + GAP,
                  kind=KINDS[TOKENS[i][0]], radius=6, dashed=True)


def jazz_measure():
    """Draw a measure, its tokens, and notes drawn from the tokens."""
    d = Drawing(354, "A measure as notes, as tokens, as notes again",
                "Above, a chord and six notes of one measure. In the middle, "
                "a token for each: a type, a length in quarters and a window "
                "of intervals. Below, other notes of the same types, each "
                "within its shaded window.")
    staff(d, 88, MELODY, VALUES)
    triplets(d, 88)
    for x, token in zip(COLUMNS, TOKENS, strict=True):
        d.arrow((x, 106), (x, 124))
        d.box(x, 168, 44, 84, kind=KINDS[token[0]])
        for i, part in enumerate(token.split(",")):
            d.text(x, 140 + 19 * i, part, 12 if i else 16, literal=True)
        d.arrow((x, 212), (x, 230))
    windows(d, 322)
    staff(d, 322, SOLO, SOLO_VALUES)
    return d
