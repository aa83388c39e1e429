"""MIDI files to notes and back, against files written byte by byte."""
import random
import re
import struct
import time
from fractions import Fraction

import mido
import pytest
from d2lrnn.basics.files import write_whole
from d2lrnn.jazz.events import find_endless, find_stops
from d2lrnn.jazz.grammar import to_tokens, tokens_of
from d2lrnn.jazz.midi import (
    Note,
    find_chords,
    read_tune,
    snap,
    track_notes,
    write_tune,
)
from hypothesis import given
from hypothesis import strategies as st

grid = st.one_of(st.integers(0, 80).map(lambda n: Fraction(n, 4)),
                 st.integers(0, 60).map(lambda n: Fraction(n, 3)))
C, G, A = (48, 52, 55), (55, 59, 62, 65), (57, 60, 64)


def note(onset, length, *pitches):
    return Note(Fraction(onset), Fraction(length), pitches)


def flat(measures):
    return [n for notes in measures for n in notes]


def make(path, *tracks, ticks=12, names=("tempo", "solo", "piano", "bass")):
    """Write tracks of notes ``(start, stop, *pitches)`` in ticks."""
    midi = mido.MidiFile(ticks_per_beat=ticks)
    for name, notes in zip(names, tracks, strict=False):
        events = sorted((tick, on, pitch) for start, stop, *pitches in notes
                        for pitch in pitches
                        for tick, on in ((start, 1), (stop, 0)))
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        now = 0
        for tick, on, pitch in events:
            track.append(mido.Message("note_on", note=pitch,
                                      velocity=64 * on, time=tick - now))
            now = tick
        midi.tracks.append(track)
    midi.save(path)
    return path


def raw(path, *tracks, ticks=4, kind=1):
    """Write tracks given as bytes, each with its end of track."""
    data = struct.pack(">4sIHHH", b"MThd", 6, kind, len(tracks), ticks)
    for track in tracks:
        track += b"\x00\xff\x2f\x00"
        data += struct.pack(">4sI", b"MTrk", len(track)) + track
    path.write_bytes(data)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tune.mid"


# -- the grid -------------------------------------------------------------

@pytest.mark.parametrize("quarters, expected", [
    (0, "0"), (0.1, "0"), (0.124, "0"), (0.125, "0"), (0.126, "1/4"),
    (0.29, "1/4"), (Fraction(7, 24), "1/4"), (0.292, "1/3"), (0.4, "1/3"),
    (Fraction(5, 12), "1/3"), (0.42, "1/2"), (0.5, "1/2"), (0.6, "2/3"),
    (Fraction(17, 24), "2/3"), (0.71, "3/4"), (0.87, "3/4"), (0.875, "3/4"),
    (0.88, "1"), (3.33, "10/3"), (100.99, "101"),
    # nearer to 1/3 by less than the errors are rounded to
    (Fraction(7, 24) + Fraction(1, 10**9), "1/4"),
    (Fraction(7, 24) + Fraction(1, 10**6), "1/3")])
def test_snap(quarters, expected):
    assert snap(quarters) == Fraction(expected)


@given(quarters=st.fractions(0, 500))
def test_nothing_on_the_grid_is_nearer_by_more_than_rounding(quarters):
    candidates = [Fraction(n, d) for d in (3, 4)
                  for n in range(int(quarters * d) - 2,
                                 int(quarters * d) + 4)]
    best = min(abs(near - quarters) for near in candidates)
    assert snap(quarters) in candidates
    assert abs(snap(quarters) - quarters) <= best + Fraction(1, 10**7)


@given(grid)
def test_the_grid_stays(quarters):
    assert snap(quarters) == quarters


# -- bytes to notes -------------------------------------------------------

def test_a_file_written_byte_by_byte(path):
    # four ticks a quarter; delta, status, pitch, velocity
    solo = (b"\x00\xff\x03\x04solo"
            b"\x00\x90\x3c\x40" b"\x04\x3c\x00"  # C for a quarter, running
            b"\x00\x90\x40\x40" b"\x02\x80\x40\x00"  # E for an eighth
            b"\x0a\x90\x43\x40")  # G in the second measure, without end
    piano = (b"\x00\x91\x30\x40" b"\x00\x91\x34\x40" b"\x08\x91\x24\x40"
             b"\x08\x81\x30\x00" b"\x00\x81\x34\x00" b"\x01\x81\x24\x00")
    measures, chords = read_tune(raw(path, solo, piano))
    assert measures == [[note(0, 1, 60), note(1, "1/2", 64)],
                        [note(4, "1/4", 67)]]
    assert chords == [[note(0, 4, 48, 52)], [note(4, 4, 48, 52)]]
    for n in flat(measures) + flat(chords):
        assert isinstance(n, Note) and isinstance(n.onset, Fraction)
        assert isinstance(n.length, Fraction)


def test_a_note_ends_at_its_first_note_off(path):
    solo = (b"\x00\x90\x3c\x40" b"\x04\x90\x3c\x40"  # C, and C again
            b"\x04\x80\x3c\x00" b"\x04\x80\x3c\x00"  # 0 to 8, and 4 to 12
            b"\x00\x80\x3c\x00" b"\x00\x81\x3c\x00"  # ends without a note
            b"\x04\x90\x3c\x40" b"\x04\x81\x3c\x00"  # another channel's
            b"\x04\x90\x3c\x00")
    piano = b"\x00\x91\x30\x40\x00\x91\x34\x40\x04\x81\x30\x40\x00\x81\x34\x40"
    measures, _ = read_tune(raw(path, solo, piano))
    assert flat(measures) == [note(0, 2, 60), note(1, 2, 60), note(4, 2, 60)]


def test_notes_without_end_last_to_the_end_of_the_track(path):
    solo = b"\x00\x90\x3c\x40" b"\x06\x90\x3e\x40" b"\x0a\xb0\x07\x40"
    piano = b"\x00\x91\x30\x40\x00\x91\x34\x40"
    measures, chords = read_tune(raw(path, solo, piano))
    assert measures == [[note(0, 4, 60), note("3/2", "5/2", 62)]]
    assert chords == [[note(0, "1/4", 48, 52)]]  # of no length: a sixteenth


@pytest.mark.parametrize("ticks, notes, expected", [
    # a sixteenth of a quarter is 30 ticks
    (480, [(0, 480, 60), (30, 510, 64), (31, 480, 67)],
     [note(0, 1, 60, 64), note(0, 1, 67)]),
    (480, [(0, 480, 60), (5, 511, 64)], [note(0, 1, 60), note(0, 1, 64)]),
    (480, [(0, 480, 60), (30, 450, 64)], [note(0, 1, 60, 64)]),
    # a unison is one note; the chord is where its first note is
    (480, [(0, 480, 64), (2, 482, 60), (3, 479, 60)], [note(0, 1, 60, 64)]),
    # sixteenths of six ticks are no chord
    (24, [(0, 6, 60), (6, 12, 62)], [note(0, "1/4", 60),
                                     note("1/4", "1/4", 62)])])
def test_what_is_a_chord(path, ticks, notes, expected):
    make(path, notes, ticks=ticks)
    assert track_notes(mido.MidiFile(path).tracks[0], ticks) == expected


@given(notes=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40),
                                st.integers(0, 9)), max_size=30),
       tolerance=st.integers(0, 6))
def test_chords_are_those_of_a_naive_search(notes, tolerance):
    notes.sort(key=lambda n: n[0])  # as struck, whenever they end
    left, expected = list(notes), []
    while left:
        first = left[0]
        together = [n for n in left if n[0] - first[0] <= tolerance
                    and abs(n[1] - first[1]) <= tolerance]
        for n in together:
            left.remove(n)
        expected.append((*first[:2], tuple(sorted({n[2] for n in together}))))
    assert list(find_chords(notes, tolerance)) == expected


def events(*timed):
    """Return a track's bytes of ``(tick, status, data...)``."""
    now, data = 0, b""
    for tick, *message in timed:
        data += bytes([0x80 | tick - now >> 7, tick - now & 127, *message])
        now = tick
    return data


ON, OFF = 0x90, 0x80
UNDER = events((0, ON, 48, 64), (0, ON, 52, 64), (48, OFF, 48, 0),
               (48, OFF, 52, 0))


def melody_of(path, *timed, ticks=4):
    """Return onset and length of each note of a melody, in quarters."""
    measures, _ = read_tune(raw(path, events(*timed), UNDER, ticks=ticks),
                            melody=0)
    return [(n.onset, n.length) for n in flat(measures)]


def test_a_note_released_before_it_is_struck_harms_no_other(path):
    notes = [event for i in range(1, 8) for event in (
        (20 * i, ON, 60, 64), (20 * i + 4, OFF, 60, 0))]
    assert melody_of(path, (0, OFF, 60, 0), (0, ON, 60, 64), *notes) == [
        (0, 5), *((5 * i, 1) for i in range(1, 8))]


@pytest.mark.parametrize("lost", range(8))
@pytest.mark.parametrize("gap", [0, 4])
@pytest.mark.parametrize("struck_first", [False, True])
def test_a_lost_note_off_harms_its_own_note_alone(path, lost, gap,
                                                  struck_first):
    """Whether a key is released before it is struck again, or after."""
    step = 4 + gap
    timed = [(step * i, ON, 60, 64) for i in range(8)] + [
        (step * i + 4, OFF, 60, 0) for i in range(8) if i != lost]
    timed.sort(key=lambda event: (event[0], (event[1] == ON) != struck_first))
    found = melody_of(path, *timed)
    assert [onset for onset, _ in found] == [Fraction(step * i, 4)
                                             for i in range(8)]
    right = [(Fraction(step * i, 4), 1) for i in range(8)]
    wrong = [i for i in range(8) if found[i] != right[i]]
    assert wrong in ([], [lost])


def test_of_overlapping_notes_of_a_key_the_first_ends_first(path):
    assert melody_of(path, (0, ON, 60, 64), (4, ON, 60, 64), (8, ON, 60, 64),
                     (8, OFF, 60, 0), (20, OFF, 60, 0), (24, OFF, 60, 0)) == [
        (0, 2), (1, 4), (2, 4)]
    # the first of them lacks its note-off
    assert melody_of(path, (0, ON, 60, 64), (4, ON, 60, 64), (8, ON, 60, 64),
                     (12, OFF, 60, 0), (20, OFF, 60, 0)) == [
        (0, 1), (1, 2), (2, 3)]


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=30),
       st.integers(0, 30))
def test_stops_are_those_of_a_naive_search(steps, rest):
    """And where no note-off is lacking those of a queue."""
    now, numbered, struck = 0, [], 0
    for step, on in steps:
        now += step
        numbered.append((now, struck if on else None))
        struck += on
    end = now + rest
    stops = find_stops(numbered, end)
    starts = {n: tick for tick, n in numbered if n is not None}
    assert stops.keys() == starts.keys()
    assert all(starts[n] <= stops[n] <= end for n in starts)
    queue, expected = [], {}
    for tick, number in numbered:
        if number is not None:
            queue.append(number)
        elif queue:
            expected[queue.pop(0)] = tick
    endless = find_endless(numbered)
    assert len(endless) == len(queue)
    if not queue:
        assert stops == expected
    for number in endless:  # until the key is struck again
        after = [starts[n] for n in starts if n > number]
        assert stops[number] == (after or [end])[0]
    others = [event for event in numbered if event[1] not in endless]
    assert stops == {**find_stops(others, end),
                     **{number: stops[number] for number in endless}}


def test_drums_are_left_out(path):
    drums = b"\x00\x99\x24\x40\x00\x99\x26\x40\x04\x89\x24\x40\x00\x89\x26\x40"
    solo = b"\x00\x90\x3c\x40\x04\x80\x3c\x40"
    with pytest.raises(ValueError, match="has notes in one track only"):
        read_tune(raw(path, solo, drums))


def test_the_first_that_is_struck_decides_who_is_in_its_chord(path):
    """53, 58, 57, 62 within 6 ticks of it, whoever is released first."""
    timed = [(0, ON, 53, 64), (2, ON, 58, 64), (4, ON, 57, 64),
             (6, ON, 62, 64)]
    for late in (53, 58, 57, 62):
        ends = [(54 if pitch == late else 60, OFF, pitch, 0)
                for pitch in (53, 58, 57, 62)]
        piano = events(*timed, *sorted(ends))
        solo = events((0, ON, 70, 64), (96, OFF, 70, 0))
        _, chords = read_tune(raw(path, solo, piano, ticks=96))
        assert [n.pitches for n in flat(chords)] == [(53, 57, 58, 62)]
    # the last one is released 7 ticks after the first: it is not along
    piano = events(*timed, (60, OFF, 53, 0), (60, OFF, 58, 0),
                   (60, OFF, 57, 0), (67, OFF, 62, 0))
    midi = mido.MidiFile(raw(path, piano, ticks=96))
    assert [n.pitches for n in track_notes(midi.tracks[0], 96)] == [
        (53, 57, 58), (62,)]


@pytest.mark.parametrize("first, second, token", [
    ((56, 65, 53, 90), (63, 61, 60, 45), "C,1.000"),
    ((63, 61, 60, 45), (56, 65, 53, 90), "X,1.000")])
def test_of_two_chords_at_once_the_current_is_the_last_that_is_struck(
        path, first, second, token):
    """Not the one that is longer, or shorter, higher or lower."""
    struck = [(0, ON, pitch, 64) for *pitches, _ in (first, second)
              for pitch in pitches]
    ends = sorted((2 * length, OFF, pitch, 0)
                  for *pitches, length in (first, second) for pitch in pitches)
    solo = events((0, ON, 49, 64), (96, OFF, 49, 0))
    measures, chords = read_tune(raw(path, solo, events(*struck, *ends),
                                     ticks=96), melody=0)
    assert [n.pitches for n in flat(chords)] == [
        tuple(sorted(first[:3])), tuple(sorted(second[:3]))]
    assert tokens_of(measures, chords) == [token]


def test_events_of_one_onset_keep_the_order_of_the_file(path):
    """Also where they are struck a little apart and snap to one onset."""
    timed = [(0, ON, 72, 64), (1, ON, 60, 64), (1, ON, 65, 64),
             (2, ON, 50, 64)]
    ends = [(24, OFF, 65, 0), (48, OFF, 60, 0), (72, OFF, 50, 0),
            (96, OFF, 72, 0)]
    midi = mido.MidiFile(raw(path, events(*timed, *ends), ticks=48))
    notes = track_notes(midi.tracks[0], 48)
    assert notes == [note(0, 2, 72), note(0, 1, 60), note(0, "1/2", 65),
                     note(0, "3/2", 50)]
    write_tune(path, notes, [note(0, 4, *C)])
    assert flat(read_tune(path)[0]) == notes


class Counted(int):
    """A number that counts how often it is compared by a difference."""

    seen = 0

    def __sub__(self, other):
        Counted.seen += 1
        return int(self) - int(other)


@pytest.mark.parametrize("starts, stops", [
    (lambda i: 0, lambda i: 100 * i), (lambda i: 0, lambda i: 0),
    (lambda i: i, lambda i: 31 * (i % 97)), (lambda i: i // 50, lambda i: i),
    (lambda i: 0, lambda i: -i), (lambda i: i // 9, lambda i: i % 2 * 31)])
def test_notes_are_compared_a_few_times_however_many_there_are(starts, stops):
    n = 16_000
    Counted.seen = 0
    chords = list(find_chords([(starts(i), Counted(stops(i)), 60 + i % 9)
                               for i in range(n)], tolerance=30))
    assert chords and Counted.seen <= 4 * n


def test_many_notes_at_once_are_read_at_once(path):
    """16,000 in the melody and in the chords, each of another length."""
    pitches = [60 + i % 12 for i in range(8000)]
    make(path, [], [(0, 100 * i + 100, pitch)
                    for i, pitch in enumerate(pitches)],
         [(0, 100 * i + 100, pitch, pitch + 12)
          for i, pitch in enumerate(pitches)], ticks=480)
    start = time.process_time()
    measures, chords = read_tune(path)
    tokens = tokens_of(measures, chords)
    assert time.process_time() - start < 5
    assert len(tokens) == len(flat(chords)) == 8000


# -- measures -------------------------------------------------------------

def test_measures_and_their_chords(path):
    solo = [(0, 6, 72), (47, 60, 74), (96, 100, 76), (240, 252, 77)]
    piano = [(0, 96, *C), (24, 96, *A), (48, 60, 40), (96, 99, *G),
             (120, 144, *C), (144, 192, *A)]
    measures, chords = read_tune(make(path, [], solo, piano))
    assert measures == [
        [note(0, "1/2", 72)],  # 47 ticks are nearest to 4 quarters
        [note(4, 1, 74)], [note(8, "1/3", 76)], [note(20, 1, 77)]]
    assert chords == [
        [note(0, 8, *C), note(2, 6, *A)],
        [note(4, 4, *A)],  # of its own it has a single note only
        [note(8, "1/4", *G), note(10, 2, *C)],
        [note(20, 4, *A)]]  # the silent measures are gone, with their chords


def test_before_the_first_chord_there_is_the_first_chord(path):
    solo = [(0, 6, 72), (50, 60, 74), (90, 94, 76)]
    measures, chords = read_tune(make(path, [], solo, [(84, 100, *G)]))
    assert [len(notes) for notes in measures] == [1, 2]
    assert chords == [[note(0, 4, *G)], [note(7, "4/3", *G)]]


def test_a_range_has_both_its_ends(path):
    solo = [(12 * n, 12 * n + 12, 60 + n) for n in range(16)]
    piano = [(24 * n, 24 * n + 24, *(C, A, G)[n % 3]) for n in range(12)]
    make(path, [], solo, piano)
    measures, chords = read_tune(path, quarters=(3, 8))
    assert [n.pitches for n in flat(measures)] == [(p,) for p in range(63, 69)]
    assert [[n.pitches for n in notes] for notes in chords] == [
        [A],  # struck at quarter 2, before the range
        [G, C], [A]]
    assert chords[0] == [note(0, 4, *A)]
    # a chord after the melody's last measure is dropped
    measures, chords = read_tune(path, quarters=(12, 16))
    assert [n.pitches for n in flat(measures)] == [(p,) for p in range(72, 76)]
    assert [n.pitches for n in flat(chords)] == [C, A]
    # not the chord at quarter 10, after the range
    measures, chords = read_tune(path, quarters=(9, 9.5))
    assert (measures, chords) == ([[note(9, 1, 69)]], [[note(8, 4, *A)]])


def test_melody_and_chords_are_the_tracks_with_most_of_them(path):
    solo = [(12 * n, 12 * n + 6, 72) for n in range(7)]
    bass = [(12 * n, 12 * n + 12, 36) for n in range(6)] + [(72, 84, 36, 43)]
    piano = [(0, 24, *C), (24, 48, *A)] + [
        (12 * n + 6, 12 * n + 12, 50) for n in range(9)]
    for tracks, names in (((bass, solo, piano), ("bass", "solo", "piano")),
                          ((piano, solo, bass), ("piano", "solo", "bass"))):
        make(path, *tracks, names=names)
        by_default = read_tune(path)
        assert {n.pitches for n in flat(by_default[0])} == {(72,)}
        assert {n.pitches for n in flat(by_default[1])} == {C, A}
        for melody in ("solo", "1", 1):
            assert read_tune(path, melody=melody) == by_default
            for chords in ("piano", names.index("piano")):
                assert read_tune(path, melody=melody,
                                 chords=chords) == by_default
        measures, chords = read_tune(path, melody="piano")
        assert flat(chords)[0].pitches == (36, 43)
        assert flat(measures)[0].pitches == (55,)  # a chord's highest note
        assert {n.pitches for n in flat(read_tune(path, chords="bass")[0])
                } == {(50,), (55,), (64,)}


def test_the_track_of_a_name_is_the_one_with_notes(path):
    make(path, [], [(0, 9, 72)], [(0, 9, *C)], names=("solo", "solo", "\0p "))
    assert read_tune(path, melody="solo", chords="p")[0] == [
        [note(0, "3/4", 72)]]


# -- notes to bytes -------------------------------------------------------

def test_the_file_that_is_written(path):
    melody = [note(0, "1/3", 60), note("1/3", 1, 60), note(2, 1),
              note(4, "1/4", 62)]
    write_tune(path, melody, [note(0, 4, *C), note(4, 4, *A)], tempo=120)
    midi = mido.MidiFile(path)
    assert midi.type == 1 and midi.ticks_per_beat == 480
    assert [track.name for track in midi.tracks] == ["tempo", "melody",
                                                     "chords"]
    tempo, time = midi.tracks[0][1:3]
    assert mido.tempo2bpm(tempo.tempo) == 120 and tempo.time == 0
    assert (time.numerator, time.denominator) == (4, 4)
    events, now = [], 0
    for message in midi.tracks[1]:
        now += message.time
        if not message.is_meta:
            events.append((message.type, now, message.note))
    assert events == [
        ("note_on", 0, 60), ("note_off", 160, 60), ("note_on", 160, 60),
        ("note_off", 640, 60), ("note_on", 1920, 62), ("note_off", 2040, 62)]
    assert midi.length == 4  # two bars of four at 120 quarters a minute
    assert [m.channel for m in midi.tracks[2] if not m.is_meta] == [1] * 12


def test_the_tempo_by_default(path):
    write_tune(path, [note(0, 1, 60)], [])
    tempo = mido.MidiFile(path).tracks[0][1].tempo
    assert mido.tempo2bpm(tempo) == pytest.approx(130, abs=1e-3)


@given(melody=st.lists(st.tuples(grid, grid, st.integers(0, 127)), min_size=1,
                       max_size=20, unique_by=lambda n: (n[0], n[2])),
       chords=st.lists(st.tuples(grid, grid, st.sets(
           st.integers(0, 127), min_size=2, max_size=5)),
           min_size=1, max_size=8, unique_by=lambda n: n[0]))
def test_notes_to_midi_to_notes(tmp_path_factory, melody, chords):
    path = tmp_path_factory.mktemp("tune") / "tune.mid"
    melody = apart([Note(onset, length or Fraction(1, 4), (pitch,))
                    for onset, length, pitch in sorted(melody)])
    chords = apart([Note(onset, length or Fraction(1, 4),
                         tuple(sorted(pitches)))
                    for onset, length, pitches in sorted(
                        chords, key=lambda n: n[0])])
    write_tune(path, melody, chords)
    measures, under = read_tune(path, melody="melody", chords="chords")
    assert flat(measures) == melody
    numbers = [notes[0].onset // 4 for notes in measures]
    assert numbers == sorted({n.onset // 4 for n in melody})
    for number, notes in zip(numbers, under, strict=True):
        own = [n for n in chords if n.onset // 4 == number]
        *_, last = chords[:1] + [n for n in chords if n.onset < 4 * number]
        assert notes == (own or [note(4 * number, 4, *last.pitches)])
    again = path.with_name("again.mid")
    write_tune(again, flat(measures), chords)
    assert again.read_bytes() == path.read_bytes()


def apart(notes):
    """Leave out and shorten notes so that none begins within another.

    Both what is left between onsets and the lengths stay on the grid.
    """
    kept = []
    for n in reversed(notes):
        gap = kept[-1].onset - n.onset if kept else n.length
        if gap and snap(gap) == gap:
            kept.append(n._replace(length=min(n.length, gap)))
    return kept[::-1]


def test_overlapping_voices_come_back(path):
    melody = [note(0, 4, 60), note(1, 1, 64), note(1, 2, 67), note(2, 4, 60)]
    write_tune(path, melody, [note(0, 4, *C)])
    assert flat(read_tune(path)[0]) == melody


# -- sentences ------------------------------------------------------------

def test_no_file_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file at"):
        read_tune(tmp_path / "nothing.mid")
    with pytest.raises(ValueError, match=r"a name of 300 bytes: give one of"):
        read_tune(tmp_path / ("x" * 300))
    for name in ("", "a\0b", None, b"tune.mid", 3):
        with pytest.raises(ValueError, match=r"path is .*: give the name"):
            read_tune(name)
        with pytest.raises(ValueError, match=r"path is .*: give the name"):
            write_tune(name, [note(0, 1, 60)], [])
    with pytest.raises(ValueError, match="is a folder: give the path"):
        read_tune(tmp_path)
    with pytest.raises(OSError, match=r"cannot be written \(Is a directory"):
        write_tune(tmp_path, [note(0, 1, 60)], [])


def test_every_truncation_of_a_file_is_a_sentence(path):
    write_tune(path, [note(0, 1, 60), note(4, 1, 64)], [note(0, 4, *C)])
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=re.escape(f"{path} ") + (
                "(is not a MIDI file, or only|ends within track [012], or|"
                "has no notes: take|has notes in one track only: take)")):
            read_tune(path)


@pytest.mark.filterwarnings("ignore:.* time from quarter")
def test_changed_and_random_bytes_are_notes_or_a_sentence(path):
    write_tune(path, [note(0, 1, 60), note(4, 1, 64)], [note(0, 4, *C)])
    data, draw, sentences = path.read_bytes(), random.Random(0), 0
    for n in range(600):
        changed = bytearray(data)
        for _ in range(draw.randint(1, 4)):
            changed[draw.randrange(len(data))] = draw.randrange(256)
        if n % 3 == 0:
            at = draw.choice((4, 14, 22, 60))
            changed = data[:at] + draw.randbytes(draw.randint(0, 60))
        path.write_bytes(changed)
        try:
            measures, chords = read_tune(path)
        except ValueError as error:
            sentences += 1
            assert type(error) is ValueError and str(path) in str(error)
            assert ": " in str(error) and "\n" not in str(error)
        else:
            assert len(measures) == len(chords) and all(measures + chords)
    assert 200 < sentences < 500


@pytest.mark.parametrize("ticks", [0, 0xE728, 0x8000])
def test_time_in_frames(path, ticks):
    solo = b"\x00\x90\x3c\x40\x04\x80\x3c\x40"
    with pytest.raises(ValueError, match=r"in frames \(SMPTE\) or not at all"):
        read_tune(raw(path, solo, solo, ticks=ticks))


def test_separate_pieces(path):
    solo = b"\x00\x90\x3c\x40\x04\x80\x3c\x40"
    with pytest.raises(ValueError, match=r"of format 2.*: save it in"):
        read_tune(raw(path, solo, solo, kind=2))


SOLO, PIANO = [(0, 12, 60), (96, 108, 62)], [(0, 48, *C)]


@pytest.mark.parametrize("tracks, options, sentence", [
    (([], []), {}, "has no notes: take another"),
    (([], SOLO), {}, "has notes in one track only: take a file"),
    (([], [], PIANO), {}, "has notes in one track only: take a file"),
    (([], SOLO, SOLO), {}, "has no chords in track 1: name another"),
    (([], SOLO, PIANO), {"melody": "piano"}, "has no chords in track 1"),
    (([], SOLO, PIANO), {"chords": 1, "melody": 1},
     "both the melody and the chords: take 1 'solo' or 2 'piano'"),
    (([], SOLO, PIANO), {"melody": "organ"},
     "no track 'organ' with notes: take 1 'solo' or 2 'piano'"),
    (([], SOLO, PIANO), {"chords": 3}, "no track 3 with notes: take 1 'so"),
    (([], SOLO, PIANO), {"chords": -1}, "no track -1 with notes: take 1 'so"),
    (([], SOLO, PIANO), {"melody": 0}, "no track 0 with notes: take 1 'so"),
    (([], SOLO, PIANO), {"melody": 1.5}, "no track 1.5 with notes"),
    (([], SOLO, PIANO), {"melody": ""}, "no track '' with notes: take 1"),
    (([], SOLO, PIANO), {"chords": True}, "no track True with notes: take"),
    (([], SOLO, PIANO), {"chords": ["piano"]}, "no track ['piano'] with no"),
    (([], SOLO, PIANO), {"quarters": (2, 7)},
     "no melody from quarter 2 to 7: its melody has onsets from 0 to 8"),
    (([], SOLO, PIANO), {"quarters": (3, 3)}, "the first less than the sec"),
    (([], SOLO, PIANO), {"quarters": (4, 3)}, "the first less than the sec"),
    (([], SOLO, PIANO), {"quarters": (0, float("nan"))}, "give two numbers"),
    (([], SOLO, PIANO), {"quarters": (0, 1, 2)}, "give two numbers"),
    (([], SOLO, PIANO), {"quarters": 7}, "give two numbers"),
    (([], SOLO, PIANO), {"quarters": ("1", "2")}, "give two numbers")])
def test_what_a_file_lacks(path, tracks, options, sentence):
    make(path, *tracks)
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        read_tune(path, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad, tempo, sentence", [
    (note(0, 0, 60), 130, "lasts 0: onsets are from 0"),
    (note(-1, 2, 60), 130, "starts at quarter -1"),
    (note(0, 10**6, 60), 130, "ends below 559240"),
    (note(0, 1, 128), 130, "has the pitch 128: give MIDI numbers"),
    (note(0, 1, -1), 130, "has the pitch -1: give MIDI numbers"),
    (note(0, 1, 60), 0, "tempo is 0: it must be 4 to 1000"),
    (note(0, 1, 60), float("nan"), "tempo is nan: it must be 4 to")])
def test_notes_that_cannot_be_written(path, bad, tempo, sentence):
    path.write_bytes(b"old")
    for melody, chords in (([bad], []), ([note(0, 1, 60)], [bad])):
        with pytest.raises(ValueError, match=sentence):
            write_tune(path, melody, chords, tempo)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("notes, sentence", [
    (None, "is None: give a list of notes"), (5, "is 5: give a list of notes"),
    ([60], "has 60: give notes such as Note(0, 1, (60,))"),
    ("C", "has 'C': give notes such as"),
    ([(0, 1, (60,))], "has (0, 1, (60,)): give notes such as"),
    ([Note("0", 1, (60,))], "has Note(onset='0', length=1, pitches=(60,)): "),
    ([Note(0, None, (60,))], "has Note(onset=0, length=None, pitches=(60,))"),
    ([Note(0, 1, 60)], "has Note(onset=0, length=1, pitches=60): give notes"),
    ([Note(0, 1, (60.5,))], "has Note(onset=0, length=1, pitches=(60.5,))")])
def test_what_is_no_note(path, notes, sentence):
    right = [note(0, 1, 48, 52)]
    for name, call in (("melody", lambda: write_tune(path, notes, right)),
                       ("chords", lambda: write_tune(path, right, notes)),
                       ("notes", lambda: to_tokens(notes, right)),
                       ("chords", lambda: to_tokens(right, notes))):
        with pytest.raises(ValueError, match=re.escape(f"{name} {sentence}")):
            call()
    with pytest.raises(ValueError, match="onsets are from 0, lengths above"):
        write_tune(path, [Note(float("nan"), 1, (60,))], [])
    with pytest.raises(ValueError, match="ends below 559240"):
        write_tune(path, [Note(0, float("inf"), (60,))], [])
    assert not path.exists()


@pytest.mark.parametrize("measures, sentence", [
    (None, "measures is None: give a list with a list of notes for each"),
    ("C", "measures is 'C': give a list with a list of notes for each"),
    ([], "there are 0 measures, and chords for 1: give each measure"),
    ([5], "notes is 5: give a list of notes"),
    ([[5]], "notes has 5: give notes such as Note(0, 1, (60,))")])
def test_what_are_no_measures(measures, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        tokens_of(measures, [[note(0, 1, 48, 52)]])
    with pytest.raises(ValueError, match="a measure has no chord, or one wit"):
        tokens_of([[note(0, 1, 60)]], [[]])


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    path.write_bytes(b"old")

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"cannot be written \(No space left"):
        write_tune(path, [note(0, 1, 60)], [])
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_places_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    for place in ("nowhere/tune.mid", "file/tune.mid", "x" * 300):
        with pytest.raises(OSError, match=r"cannot be written .*: give"):
            write_whole(tmp_path / place, b"new")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
