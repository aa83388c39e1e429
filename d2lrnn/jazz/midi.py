"""Read notes from MIDI files and write them: a melody and its chords.

Times are in quarter notes, as exact fractions; a measure has four.
"""
import io
import math
import warnings
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable
from fractions import Fraction
from itertools import groupby
from numbers import Integral
from typing import NamedTuple

import mido
import numpy as np
from d2lrnn.basics.checks import check_numbers, check_path, is_number, shown
from d2lrnn.basics.errors import D2LRNNWarning
from d2lrnn.basics.files import write_whole
from d2lrnn.jazz.events import find_notes, read_midi, spellings

__all__ = ["MOST_TICKS", "QUARTERS", "TICKS", "Note", "check_notes",
           "measure_number", "read_tune", "snap", "warn_of_time",
           "write_tune"]

QUARTERS = 4  # per measure
TICKS = 480  # per quarter note, in files that are written
MOST_TICKS = 2**28 - 1  # the largest time that a MIDI message can have


class Note(NamedTuple):
    """A note, a chord, or a rest: one pitch, several, or none.

    ``onset`` and ``length`` are in quarter notes, as ``Fraction``; ``pitches``
    is a tuple of MIDI numbers, ascending.
    """

    onset: Fraction
    length: Fraction
    pitches: tuple


def snap(quarters):
    """Return the nearest multiple of 1/4 or 1/3, or the smaller of two.

    Distances are compared after rounding to 7 decimals.

    >>> [str(snap(quarters)) for quarters in (0.3, 0.26, 1.125, 2)]
    ['1/3', '1/4', '1', '2']
    """
    quarters = Fraction(quarters)
    grid = [Fraction(math.floor(quarters * n) + i, n)
            for n in (4, 3) for i in (0, 1)]
    return min(grid, key=lambda near: (round(abs(near - quarters), 7), near))


def read_tune(path, *, melody=None, chords=None, quarters=None):
    """Return ``(measures, chords)`` of a MIDI file: a list for each measure.

    ``melody`` and ``chords`` are two tracks, given by name or by number from
    0. By default the chords are in the track with the most chords, and the
    melody is in the other track with the most single notes. Drums are left
    out. A chord in the melody counts as its highest note; single notes among
    the chords do not count. Notes with the same onset stay in the order in
    which the file strikes them. ``quarters`` is ``(start, stop)``, in quarter
    notes: only notes that begin from start to stop, inclusive, are kept.

    Measures without melody are left out, with their chords. A measure without
    chords gets the last chord struck before it, for its whole length, or else
    the first chord. Measures have four quarter notes; if the file's own do
    not, a ``D2LRNNWarning`` says so. Raise ``FileNotFoundError`` or
    ``ValueError`` if there is no such tune.
    """
    check_range(quarters)
    path = check_path("path", path)
    midi = read_midi(path)
    warn_of_time(path, midi)
    parts = {number: track_notes(track, midi.ticks_per_beat)
             for number, track in enumerate(midi.tracks)}
    names = [spellings(track.name) for track in midi.tracks]
    melody, chords = choose_tracks(path, parts, names, melody, chords)
    tune = [note._replace(pitches=note.pitches[-1:])
            for note in parts[melody]]
    chords_only = [note for note in parts[chords] if len(note.pitches) > 1]
    if not chords_only:
        raise ValueError(f"{path} has no chords in track {chords}: name "
                         f"another track for the chords, or take another "
                         f"file")
    return group_measures(path, tune, chords_only, quarters)


def check_range(quarters):
    """Raise ``ValueError`` unless this is ``(start, stop)`` or None."""
    if quarters is None:
        return
    if not (isinstance(quarters, (tuple, list)) and len(quarters) == 2
            and all(is_number(end) for end in quarters)
            and quarters[0] < quarters[1]):
        raise ValueError(f"quarters is {shown(quarters)}: give two numbers, "
                         f"the first less than the second")


def warn_of_time(path, midi):
    """Warn of a file's first time signature that is not four quarter notes."""
    others = []
    for track in midi.tracks:
        now = 0
        for message in track:
            now += message.time
            if message.type == "time_signature" and (
                    4 * message.numerator != QUARTERS * message.denominator):
                others.append((now, message.numerator, message.denominator))
    if others:
        now, numerator, denominator = min(others)
        warnings.warn(f"{path} has {numerator}/{denominator} time from "
                      f"quarter {now / midi.ticks_per_beat:g} on: it is "
                      f"read as if its measures had four quarters",
                      D2LRNNWarning, stacklevel=3)


def track_notes(track, ticks_per_beat):
    """Return the notes and chords of a track on the grid, by onset.

    Notes with the same onset stay in the order in which they are struck.
    """
    notes = []
    for start, stop, pitches in find_chords(find_notes(track),
                                            ticks_per_beat // 16):
        length = snap(Fraction(stop - start, ticks_per_beat))
        notes.append(Note(snap(Fraction(start, ticks_per_beat)),
                          length or Fraction(1, 4), pitches))
    return sorted(notes, key=lambda note: note.onset)


def find_chords(notes, tolerance):
    """Yield ``(start, stop, pitches)``, joining notes that sound together.

    ``notes`` are ``(start, stop, pitch)``, in the order in which they are
    struck. The first note that is not yet in a chord is joined by all others
    whose starts and stops are within ``tolerance`` of its own.

    >>> list(find_chords([(0, 9, 60), (1, 8, 64), (1, 30, 67)], tolerance=2))
    [(0, 9, (60, 64)), (1, 30, (67,))]
    """
    # by stop, so that a note is compared only with those that end near it
    near, width, taken = defaultdict(deque), tolerance + 1, set()
    for number, (_, stop, _) in enumerate(notes):
        near[stop // width].append(number)
    for number, (start, stop, _) in enumerate(notes):
        if number in taken:
            continue
        together = [other for i in (-1, 0, 1) for other in take_along(
            notes, near.get(stop // width + i, ()), start, stop, tolerance)]
        taken.update(together)
        yield start, stop, tuple(sorted({notes[i][2] for i in together}))


def take_along(notes, numbers, start, stop, tolerance):
    """Remove and return the numbers of the notes that sound with a given one.

    ``numbers``, a deque, are the candidates, in the order of the notes.
    """
    together, others = [], []
    while numbers and notes[numbers[0]][0] <= start + tolerance:
        number = numbers.popleft()
        near = abs(notes[number][1] - stop) <= tolerance
        (together if near else others).append(number)
    if others:
        numbers.extendleft(reversed(others))
    return together


def choose_tracks(path, parts, names, melody, chords):
    """Return the numbers of the tracks with the melody and the chords."""
    counts = {number: sum(len(note.pitches) > 1 for note in notes)
              for number, notes in parts.items() if notes}
    if not counts:
        raise ValueError(f"{path} has no notes: take another file")
    if len(counts) == 1:
        raise ValueError(f"{path} has notes in one track only: take a file "
                         f"with melody and chords in two tracks")
    melody, chords = (
        track if track is None else find_track(path, track, names, counts)
        for track in (melody, chords))
    if chords is None:
        chords = max(counts.keys() - {melody},
                     key=lambda number: (counts[number], -number))
    if melody is None:
        melody = max(counts.keys() - {chords}, key=lambda number: (
            len(parts[number]) - counts[number], -number))
    if melody == chords:
        raise ValueError(f"track {melody} of {path} cannot be both the melody "
                         f"and the chords: {remedy(names, counts)}")
    return melody, chords


def find_track(path, track, names, counts):
    """Return the number of a track with notes, given its name or number.

    ``names`` has the spellings of each track's name; the keys of ``counts``
    are the numbers of the tracks with notes.
    """
    can_be = isinstance(track, (str, Integral))
    found = can_be and (
        [number for number in counts if track and track in names[number]]
        or [number for number in counts if str(number) == str(track)])
    if not found:
        raise ValueError(f"{path} has no track {shown(track)} with notes: "
                         f"{remedy(names, counts)}")
    return found[0]


def remedy(names, numbers):
    """Return the end of an error message: the tracks to choose from.

    >>> remedy([["tempo"], ["solo"], ["piano"]], [1, 2])
    "take 1 'solo' or 2 'piano'"
    """
    return "take " + " or ".join(
        f"{number} {names[number][0]!r}" for number in numbers)


def group_measures(path, melody, chords, quarters):
    """Return the measures of melody and chords as ``read_tune`` does."""
    start, stop = quarters or (0, math.inf)
    tune = [note for note in melody if start <= note.onset <= stop]
    if not tune:
        raise ValueError(
            f"{path} has no melody from quarter {start} to {stop}: its melody "
            f"has onsets from {float(melody[0].onset):g} to "
            f"{float(melody[-1].onset):g}")
    own = defaultdict(list)
    for chord in chords:
        if start <= chord.onset <= stop:
            own[measure_number(chord)].append(chord)
    onsets = [chord.onset for chord in chords]
    measures, chords_of_measures = [], []
    for number, notes in groupby(tune, measure_number):
        measures.append(list(notes))
        struck = bisect_right(onsets, measures[-1][0].onset)
        last = chords[max(struck - 1, 0)]._replace(
            onset=Fraction(QUARTERS * number), length=Fraction(QUARTERS))
        chords_of_measures.append(own.get(number) or [last])
    return measures, chords_of_measures


def measure_number(note):
    """Return the number of the measure, from 0, in which a note begins.

    >>> measure_number(Note(Fraction(15, 4), Fraction(1), (60,)))
    0
    """
    return note.onset // QUARTERS


def write_tune(path, melody, chords, tempo=130):
    """Write notes to a MIDI file of format 1, whole or not at all.

    The tracks are "tempo" (with ``tempo``, in quarter notes per minute, and
    4/4), "melody" and "chords"; ``melody`` and ``chords`` are iterables of
    ``Note``, and those with the same onset are struck in this order. Raise
    ``ValueError`` for impossible notes or an impossible tempo, and ``OSError``
    if the file cannot be written.
    """
    path = check_path("path", path)
    tempo = check_numbers(tempo=tempo)["tempo"]
    melody = check_notes("melody", melody)
    chords = check_notes("chords", chords)
    midi = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    midi.tracks.append(mido.MidiTrack([
        mido.MetaMessage("track_name", name="tempo"),
        mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo)),
        mido.MetaMessage("time_signature", numerator=4, denominator=4)]))
    midi.tracks.append(make_track("melody", melody, channel=0, velocity=96))
    midi.tracks.append(make_track("chords", chords, channel=1, velocity=64))
    data = io.BytesIO()
    midi.save(file=data)
    write_whole(path, data.getvalue())


def make_track(name, notes, channel, velocity):
    """Return a ``mido.MidiTrack`` of notes, all equally loud."""
    events = []
    for note in notes:
        start, stop = check_ticks(note)
        for pitch in note.pitches:
            events += [(start, velocity, int(pitch)), (stop, 0, int(pitch))]
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    now = 0
    # ends first, so that a note can follow one of the same pitch
    for tick, loudness, pitch in sorted(events, key=lambda event: event[:2]):
        track.append(mido.Message(
            "note_on" if loudness else "note_off", channel=channel,
            note=pitch, velocity=loudness, time=tick - now))
        now = tick
    return track


def check_notes(name, notes):
    """Return notes as a list, after checking them.

    >>> check_notes("melody", [60])
    Traceback (most recent call last):
    ValueError: melody has 60: give notes such as Note(0, 1, (60,))
    """
    if not isinstance(notes, Iterable) or isinstance(notes, np.ndarray):
        raise ValueError(f"{name} is {shown(notes)}: give a list of notes")
    notes = list(notes)
    for note in notes:
        if not (isinstance(note, Note) and isinstance(note.pitches, tuple)
                and is_number(note.onset) and is_number(note.length)
                and all(is_number(p, Integral) for p in note.pitches)):
            raise ValueError(f"{name} has {shown(note)}: give notes such as "
                             f"Note(0, 1, (60,))")
        for pitch in note.pitches:
            if not 0 <= pitch <= 127:
                raise ValueError(f"a note has the pitch {pitch}: give MIDI "
                                 f"numbers from 0 to 127")
    return notes


def check_ticks(note):
    """Return the ticks where a note starts and stops, after checking them."""
    start = note.onset * TICKS
    stop = start + note.length * TICKS
    if not 0 <= start < stop <= MOST_TICKS:
        raise ValueError(f"a note starts at quarter {note.onset} and lasts "
                         f"{note.length}: onsets are from 0, lengths above 0, "
                         f"and ends below {MOST_TICKS // TICKS}")
    return round(start), max(round(start) + 1, round(stop))
