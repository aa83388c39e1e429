"""Notes from MIDI files, and back: a melody, and the chords under it.

Times are quarter notes, in exact fractions; a measure has four.
"""
import io
import math
import os.path
from bisect import bisect_right
from collections import defaultdict, deque
from fractions import Fraction
from itertools import groupby
from numbers import Real
from pathlib import Path
from typing import NamedTuple

import mido
from d2lrnn.files import write_whole

QUARTERS = 4  # of a measure
TICKS = 480  # of a quarter, in the files that are written
LONGEST = 2**28 - 1  # ticks, what MIDI can say at once
PERCUSSION = 9  # the channel whose numbers are drums, not pitches


class Note(NamedTuple):
    """Hold a note, a chord, or a rest: one pitch, several, or none.

    ``onset`` and ``length`` are quarters, as ``Fraction``; ``pitches`` is a
    tuple of MIDI numbers, ascending.
    """

    onset: Fraction
    length: Fraction
    pitches: tuple


def snap(quarters):
    """Return the nearest multiple of 1/4 or 1/3, of two as near the smaller.

    Errors are compared after rounding to 7 decimals.

    >>> [str(snap(quarters)) for quarters in (0.3, 0.26, 1.125, 2)]
    ['1/3', '1/4', '1', '2']
    """
    quarters = Fraction(quarters)
    grid = [Fraction(math.floor(quarters * n) + i, n)
            for n in (4, 3) for i in (0, 1)]
    return min(grid, key=lambda near: (round(abs(near - quarters), 7), near))


def read_tune(path, *, melody=None, chords=None, quarters=None):
    """Return ``(measures, chords)`` of a MIDI file, a list of notes a measure.

    ``melody`` and ``chords`` are two tracks, by name or number from 0; by
    default the chords are in the track with most chords, and the melody in
    that of the others with most single notes. Drums are left out. In the
    melody a chord counts as its highest note; among the chords single notes
    do not count. ``quarters`` is ``(start, stop)``: only what begins from one
    to the other, both included, is kept.

    Measures without melody are left out, with their chords. A measure without
    a chord of its own has the one that was struck last, over all of it, and
    before the first chord of all that one. Raise ``FileNotFoundError`` or
    ``ValueError`` in one sentence.
    """
    check_range(quarters)
    midi = read_midi(path)
    parts = {number: track_notes(track, midi.ticks_per_beat)
             for number, track in enumerate(midi.tracks)}
    names = [track.name.strip("\0 ") for track in midi.tracks]
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
    """Say what is wrong with a range of quarters."""
    if quarters is None:
        return
    if not (isinstance(quarters, (tuple, list)) and len(quarters) == 2
            and all(isinstance(end, Real) for end in quarters)
            and quarters[0] < quarters[1]):
        raise ValueError(f"quarters is {quarters!r}: give two numbers, the "
                         f"first less than the second")


def read_midi(path):
    """Return the ``mido.MidiFile`` of a path, or say why there is none."""
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder: give the path of a MIDI file")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file at {path}: check the path")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): check "
                         f"its permissions") from None
    try:
        midi = mido.MidiFile(file=io.BytesIO(data))
    except Exception:  # mido raises errors of any kind
        raise ValueError(f"{path} is no MIDI file, or a broken one: get a new "
                         f"copy of it") from None
    if midi.ticks_per_beat < 1:
        raise ValueError(f"{path} counts time in frames (SMPTE) or not at "
                         f"all: save it with ticks per quarter")
    if midi.type == 2:
        raise ValueError(f"{path} is a MIDI file of format 2, whose tracks "
                         f"are separate pieces: save it in format 1")
    return midi


def track_notes(track, ticks_per_beat):
    """Return the notes and chords of a track on the grid, by onset."""
    # fewer than 6 in coarse files, whose shortest notes have as many
    tolerance = min(6, ticks_per_beat // 16)
    notes = []
    for start, stop, pitches in find_chords(find_notes(track), tolerance):
        length = snap(Fraction(stop - start, ticks_per_beat))
        notes.append(Note(snap(Fraction(start, ticks_per_beat)),
                          length or Fraction(1, 4), pitches))
    return notes


def find_notes(track):
    """Return ``(start, stop, pitch)`` of each note of a track, in ticks.

    A note ends at its first note-off; one without ends with the track.
    """
    notes, sounding, now = [], defaultdict(deque), 0
    for message in track:
        now += message.time
        if (message.type not in ("note_on", "note_off")
                or message.channel == PERCUSSION):
            continue
        key = message.channel, message.note
        if message.type == "note_on" and message.velocity:
            sounding[key].append(now)
        elif sounding[key]:
            notes.append((sounding[key].popleft(), now, message.note))
    notes += [(start, now, pitch) for (_, pitch), starts in sounding.items()
              for start in starts]
    return sorted(notes)


def find_chords(notes, tolerance):
    """Yield ``(start, stop, pitches)``, pitches together where notes are.

    Those are together whose starts and whose stops are within ``tolerance``
    of those of the first of them.

    >>> list(find_chords([(0, 9, 60), (1, 8, 64), (1, 30, 67)], tolerance=2))
    [(0, 9, (60, 64)), (1, 30, (67,))]
    """
    notes = deque(notes)
    while notes:
        start, stop, pitch = notes.popleft()
        pitches, others = {pitch}, []
        while notes and notes[0][0] <= start + tolerance:
            note = notes.popleft()
            if abs(note[1] - stop) <= tolerance:
                pitches.add(note[2])
            else:
                others.append(note)
        notes.extendleft(reversed(others))
        yield start, stop, tuple(sorted(pitches))


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

    ``counts`` has the numbers of the tracks with notes for its keys.
    """
    found = ([number for number in counts if names[number] == track]
             or [number for number in counts if str(number) == str(track)])
    if not found:
        raise ValueError(f"{path} has no track {track!r} with notes: "
                         f"{remedy(names, counts)}")
    return found[0]


def remedy(names, numbers):
    """Return the end of a sentence, which lists tracks.

    >>> remedy(["tempo", "solo", "piano"], [1, 2])
    "take 1 'solo' or 2 'piano'"
    """
    return "take " + " or ".join(
        f"{number} {names[number]!r}" for number in numbers)


def group_measures(path, melody, chords, quarters):
    """Return measures of melody and chords as ``read_tune`` does."""
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
    """Return the number, from 0, of the measure in which a note begins.

    >>> measure_number(Note(Fraction(15, 4), Fraction(1), (60,)))
    0
    """
    return note.onset // QUARTERS


def write_tune(path, melody, chords, tempo=130):
    """Write notes to a MIDI file of format 1, whole or not at all.

    The tracks are "tempo" (in quarters a minute, and 4/4), "melody" and
    "chords"; ``melody`` and ``chords`` are iterables of ``Note``. Raise
    ``ValueError`` in one sentence for notes or a tempo that cannot be, and
    ``OSError`` for such a path.
    """
    if not 4 <= tempo <= 1000:
        raise ValueError(f"tempo is {tempo}: give 4 to 1000 quarters a minute")
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
    # with the ends first, so that a note may follow on itself
    for tick, loudness, pitch in sorted(events):
        track.append(mido.Message(
            "note_on" if loudness else "note_off", channel=channel,
            note=pitch, velocity=loudness, time=tick - now))
        now = tick
    return track


def check_ticks(note):
    """Return the ticks where a note starts and stops, or what is wrong."""
    start = note.onset * TICKS
    stop = start + note.length * TICKS
    if not 0 <= start < stop <= LONGEST:
        raise ValueError(f"a note starts at quarter {note.onset} and lasts "
                         f"{note.length}: onsets are from 0, lengths above 0, "
                         f"and ends below {LONGEST // TICKS}")
    for pitch in note.pitches:
        if not 0 <= pitch <= 127:
            raise ValueError(f"a note has the pitch {pitch}: give MIDI "
                             f"numbers from 0 to 127")
    return round(start), max(round(start) + 1, round(stop))
