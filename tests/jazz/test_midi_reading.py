"""MIDI files to notes, against files written byte by byte."""
import time
from fractions import Fraction

import mido
import pytest
from d2lrnn.jazz.events import find_endless, find_stops
from d2lrnn.jazz.grammar import tokens_of
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
from midi_files import A, C, G, events, flat, grid, make, note, raw


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
