"""The tune that ships: its bytes, its form, and what a model reads in it."""
import doctest
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from importlib import resources
from itertools import pairwise

import mido
import pytest
from d2lrnn.jazz.events import find_notes
from d2lrnn.jazz.grammar import note_type, tokens_of
from d2lrnn.jazz.midi import read_tune
from d2lrnn.jazz.theory import chord_quality

from lyrics_data import compose_tune

TUNE = resources.files("lyrics_data") / "original_tune.mid"
EIGHTS = ["A1", "A2", "B", "A3"]


@pytest.fixture(scope="module")
def tune():
    return read_tune(TUNE)


@pytest.fixture(scope="module")
def midi():
    return mido.MidiFile(TUNE)


def notes_of(tune):
    return [note for notes in tune[0] for note in notes]


@pytest.mark.process
def test_the_script_writes_the_same_bytes_each_time(tmp_path):
    path = tmp_path / "tune.mid"
    for _ in range(2):
        compose_tune.compose(path)
        assert path.read_bytes() == TUNE.read_bytes()
        path.unlink()
    subprocess.run([sys.executable, "-m", "lyrics_data.compose_tune",
                    path], check=True)
    assert path.read_bytes() == TUNE.read_bytes()


def test_the_examples_of_the_script_are_right():
    done = doctest.testmod(compose_tune)
    assert done.attempted >= 5 and not done.failed


def test_the_file_is_what_mido_expects(midi):
    assert midi.type == 1
    assert [track.name for track in midi.tracks] == [
        "tempo", "melody", "chords"]
    tempos = [message.tempo for message in midi.tracks[0]
              if message.type == "set_tempo"]
    assert tempos == [mido.bpm2tempo(compose_tune.TEMPO)]
    assert midi.length == pytest.approx(36 * 4 * 60 / 126, rel=1e-5)


def test_its_form_is_a_a_b_a_and_a_tag():
    for name in EIGHTS:
        assert len(compose_tune.measures(getattr(compose_tune, name))) == 8
    assert len(compose_tune.measures(compose_tune.TAG)) == 4
    bars = compose_tune.measures(compose_tune.TUNE)
    assert len(bars) == 36
    assert all(len(beats) == 4 and len(symbols) in (1, 2)
               for symbols, beats in bars)


def test_there_is_enough_to_learn_from(tune):
    measures, chords = tune
    tokens = tokens_of(measures, chords)
    assert len(measures) == len(chords) == 36
    assert len(notes_of(tune)) == len(tokens) == 263
    assert len(set(tokens)) == 80
    types = Counter(token[0] for token in tokens)
    assert types["C"] > types["S"] > types["A"] >= 20


def test_all_kinds_of_chords_are_there(tune):
    under = [chord.pitches for chords in tune[1] for chord in chords]
    qualities = Counter(map(chord_quality, under))
    assert set(qualities) == {"major", "minor", "diminished"}
    assert min(qualities.values()) >= 15
    tones = {frozenset((pitch - pitches[0]) % 12 for pitch in pitches)
             for pitches in under}
    assert tones >= {frozenset(kind) for kind in (
        (0, 4, 7, 11), (0, 3, 7, 10), (0, 4, 7, 10), (0, 3, 6, 10),
        (0, 3, 6, 9))}


def test_it_is_on_the_grid_exactly(midi):
    grid = {Fraction(n, 12) for n in (0, 3, 4, 6, 8, 9)}
    for track in midi.tracks[1:]:
        for start, stop, _ in find_notes(track):
            for ticks in (start, stop - start):
                assert Fraction(ticks, midi.ticks_per_beat) % 1 in grid


def test_the_melody_has_one_voice_in_a_singable_range(tune):
    notes = notes_of(tune)
    pitches = [note.pitches[0] for note in notes]
    assert (min(pitches), max(pitches)) == (55, 84)  # G3 and C6
    for note, after in pairwise(notes):
        assert note.onset + note.length <= after.onset
    leaps = [abs(b - a) for a, b in pairwise(pitches)]
    assert 0 < max(leaps) <= 14
    assert sum(leap <= 4 for leap in leaps) > 0.8 * len(leaps)


def test_it_breathes_every_five_measures_at_the_latest(tune):
    breaths = [0] + [
        after.onset for note, after in pairwise(notes_of(tune))
        if after.onset - note.onset - note.length >= Fraction(1, 3)] + [144]
    assert len(breaths) >= 15
    assert max(b - a for a, b in pairwise(breaths)) <= 20


def test_strong_beats_have_notes_of_the_chord(tune):
    measures, chords = tune
    strong = [note_type(note.pitches[0], chord.pitches)
              for notes, under in zip(measures, chords, strict=True)
              for note in notes if note.onset % 2 == 0
              for chord in under[::-1][:1 + (note.onset % 4 == 0)][-1:]]
    assert len(strong) > 40
    assert strong.count("C") > 0.9 * len(strong)


def test_the_second_cadence_is_the_first_a_fifth_higher(tune):
    first, second = (
        [(note.onset % 8, note.length, note.pitches[0])
         for notes in tune[0][start:start + 2] for note in notes]
        for start in (16, 20))
    assert [(onset, length, pitch + 7) for onset, length, pitch in first
            ] == second
