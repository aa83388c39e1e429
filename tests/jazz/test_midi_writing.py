"""Notes to MIDI files and back, and files that cannot be read or written."""
import random
import re
from fractions import Fraction

import mido
import pytest
from d2lrnn.basics.files import write_whole
from d2lrnn.jazz.grammar import to_tokens, tokens_of
from d2lrnn.jazz.midi import Note, read_tune, snap, write_tune
from hypothesis import given
from hypothesis import strategies as st
from midi_files import A, C, flat, grid, make, note, raw


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tune.mid"


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
    ([], "there are 0 measures, but chords for 1: give each measure"),
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
