"""Names of pitches and intervals; qualities and scales of chords.

Pitches are MIDI numbers: 60 is the C of octave 4. A flat is written ``-``.
"""
import re
from functools import lru_cache

__all__ = ["chord_quality", "chord_root", "derived_scale", "interval_between",
           "interval_name", "parse_interval", "pitch_name", "scale_names"]

PITCH_NAMES = ("C", "C#", "D", "E-", "E", "F", "F#", "G", "G#", "A", "B-", "B")
LETTERS = "CDEFGAB"
MAJOR = (0, 2, 4, 5, 7, 9, 11)  # semitones above the tonic
DORIAN = (0, 2, 3, 5, 7, 9, 10)
TONICS = ("B", "B-", "A", "G#", "G", "F#", "F", "E", "E-", "D#", "D", "D-",
          "C#", "C", "C-")  # the preferred ones first
TRIADS = {(4, 7): "major", (3, 7): "minor", (3, 6): "diminished",
          (4, 8): "augmented", (4, None): "major", (3, None): "minor"}
INTERVAL = re.compile("(P|M|m|A+|d+)(-?)([1-9][0-9]{0,2})")


def pitch_name(pitch):
    """Return the name of a pitch, without its octave.

    >>> [pitch_name(pitch) for pitch in (60, 61, 63, 70, 84)]
    ['C', 'C#', 'E-', 'B-', 'C']
    """
    return PITCH_NAMES[pitch % 12]


def interval_between(first, second):
    """Return the interval between two pitches: ``(letter steps, semitones)``.

    Both are negative if the interval descends.

    >>> interval_between(60, 67), interval_between(60, 58)
    ((4, 7), (-1, -2))
    """
    steps = [pitch // 12 * 7 + LETTERS.index(pitch_name(pitch)[0])
             for pitch in (first, second)]
    return steps[1] - steps[0], second - first


def interval_name(steps, semitones):
    """Return the name of an interval of letter steps and semitones.

    P, M, m, A and d are perfect, major, minor, augmented and diminished. The
    number counts both letters, with a minus sign if the interval descends.

    >>> [interval_name(*i) for i in ((0, 0), (-4, -6), (9, 15), (4, 5))]
    ['P1', 'd-5', 'm10', 'dd5']
    """
    sign = "-" if steps < 0 else ""
    if steps < 0:
        steps, semitones = -steps, -semitones
    wider = semitones - natural_size(steps)
    if wider > 0:
        quality = "A" * wider
    elif is_perfect(steps):
        quality = "d" * -wider or "P"
    else:
        quality = ("M", "m")[-wider] if wider > -2 else "d" * (-wider - 1)
    return f"{quality}{sign}{steps + 1}"


def parse_interval(name):
    """Return the ``(letter steps, semitones)`` of an interval, given its name.

    Raise ``ValueError`` if no interval has this name.

    >>> parse_interval("m3"), parse_interval("d-5"), parse_interval("d1")
    ((2, 3), (-4, -6), (0, -1))
    """
    match = INTERVAL.fullmatch(name)
    if match:
        quality, sign, number = match.groups()
        steps = int(number) - 1
        sizes = {"P": 0, "A": len(quality), "d": -len(quality)}
        if not is_perfect(steps):
            sizes = {"M": 0, "m": -1, "A": len(quality),
                     "d": -len(quality) - 1}
        if quality[0] in sizes and (steps or not sign):
            semitones = natural_size(steps) + sizes[quality[0]]
            return (-steps, -semitones) if sign else (steps, semitones)
    raise ValueError(f"{name!r} is not an interval: write one such as P1, m3 "
                     f"or d-5")


def natural_size(steps):
    """Return the semitones of a perfect or major interval of letter steps.

    >>> [natural_size(steps) for steps in (0, 2, 4, 7)]
    [0, 4, 7, 12]
    """
    octaves, steps = divmod(steps, 7)
    return 12 * octaves + MAJOR[steps]


def is_perfect(steps):
    """Return whether an interval is a unison, fourth or fifth, plus octaves.

    >>> [is_perfect(steps) for steps in (0, 1, 2, 3, 4, 7)]
    [True, False, False, True, True, True]
    """
    return steps % 7 in (0, 3, 4)


def thirds_above(root, pitch):
    """Return how many thirds, by letters, lead from a root to a pitch.

    >>> [thirds_above(60, pitch) for pitch in (60, 64, 67, 70, 74)]
    [0, 1, 2, 3, 4]
    """
    # a third is two letters, and 4 * 2 is one letter more than an octave
    return interval_between(root, pitch)[0] * 4 % 7


def chord_root(pitches):
    """Return the pitch from which the chord is most nearly a stack of thirds.

    This is the lowest of those with the smallest sum of ``thirds_above`` over
    the chord's letters.

    >>> chord_root((59, 62, 65, 67))  # B D F G
    67
    """
    return min(sorted(pitches), key=lambda root: sum(
        {thirds_above(root, pitch) for pitch in pitches}))


def chord_quality(pitches):
    """Return "major", "minor", "diminished", "augmented" or "other".

    The third and the fifth above the root decide, as spelled, or the third
    alone if there is no fifth. A chord with two kinds of root, third or fifth
    is "other", and so is G# C E-, which sounds like a major triad but is not
    spelled like one.

    >>> [chord_quality(pitches) for pitches in (
    ...     (55, 59, 62, 65), (57, 60, 64), (59, 62, 65, 69), (56, 60, 63))]
    ['major', 'minor', 'diminished', 'other']
    """
    root = chord_root(pitches)
    triad = [{(pitch - root) % 12 for pitch in pitches
              if thirds_above(root, pitch) == thirds} for thirds in range(3)]
    if any(len(sizes) > 1 for sizes in triad):
        return "other"
    _, third, fifth = [min(sizes, default=None) for sizes in triad]
    return TRIADS.get((third, fifth), "other")


def scale_names(tonic, semitones):
    """Return the seven names of a scale, one for each letter.

    >>> scale_names("E-", DORIAN)
    ('E-', 'F', 'G-', 'A-', 'B-', 'C', 'D-')
    """
    letter = LETTERS.index(tonic[0])
    names = []
    for i, size in enumerate(semitones):
        octaves, degree = divmod(letter + i, 7)
        natural = 12 * octaves + MAJOR[degree]
        sharps = MAJOR[letter] + alteration(tonic) + size - natural
        names.append(LETTERS[degree] + "#" * sharps + "-" * -sharps)
    return tuple(names)


def alteration(name):
    """Return by how many semitones a name's sharps or flats raise its letter.

    >>> alteration("C##"), alteration("B-"), alteration("F")
    (2, -1, 0)
    """
    return name.count("#") - name.count("-")


@lru_cache(maxsize=4096)
def derived_scale(pitches):
    """Return the names of the scale that goes with a tuple of pitches.

    The scale is major if the chord is, else Dorian. Its tonic is the one whose
    scale contains the most pitches of the chord, as they sound, or the first
    such tonic in ``TONICS``.

    >>> derived_scale((55, 59, 62, 65))
    ('C', 'D', 'E', 'F', 'G', 'A', 'B')
    >>> derived_scale((50, 53, 57, 60))
    ('G', 'A', 'B-', 'C', 'D', 'E', 'F')
    """
    semitones = MAJOR if chord_quality(pitches) == "major" else DORIAN
    sounding = {pitch % 12 for pitch in pitches}
    return max((scale_names(tonic, semitones) for tonic in TONICS),
               key=lambda names: len(sounding & {
                   (MAJOR[LETTERS.index(name[0])] + alteration(name)) % 12
                   for name in names}))
