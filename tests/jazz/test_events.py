"""MIDI files that are odd, damaged or foreign, written byte by byte."""
import os
import re
import struct
from fractions import Fraction

import pytest
from d2lrnn.basics.errors import D2LRNNWarning
from d2lrnn.jazz.audio import piano_roll, render
from d2lrnn.jazz.events import LARGEST_MIDI, read_midi
from d2lrnn.jazz.midi import Note, read_tune


def note(onset, length, *pitches):
    return Note(Fraction(onset), Fraction(length), pitches)


def flat(measures):
    return [n for notes in measures for n in notes]


def events(*timed):
    """Return a track's bytes of ``(tick, status, data...)``."""
    now, data = 0, b""
    for tick, *message in timed:
        data += bytes([tick - now, *message])
        now = tick
    return data


ON, OFF = 0x90, 0x80
UNDER = events((0, ON, 48, 64), (0, ON, 52, 64), (48, OFF, 48, 0),
               (48, OFF, 52, 0))
SING = events((0, ON, 60, 64), (4, OFF, 60, 0), (16, ON, 62, 64),
              (20, OFF, 62, 0))
END = b"\x00\xff\x2f\x00"
SUNG = [note(0, 1, 60), note(4, 1, 62)]


def chunk(data, length=None, mark=b"MTrk"):
    return mark + struct.pack(">I", len(data) if length is None else length
                              ) + data


def head(tracks=2, kind=1, ticks=4, more=b""):
    return chunk(struct.pack(">HHH", kind, tracks, ticks) + more, mark=b"MThd")


TRACKS = chunk(SING + END) + chunk(UNDER + END)

@pytest.fixture
def path(tmp_path):
    return tmp_path / "tune.mid"


@pytest.mark.parametrize("before", [
    b"\x00\xff\x59\x02\x40\x07",  # a key of 64 sharps, of no mode
    b"\x00\xff\x59\x00", b"\x00\xff\x59\x01\xfa",
    b"\x00\xff\x51\x02\x01\x01", b"\x00\xff\x58\x01\x03",
    b"\x00\xff\x58\x04\x00\x02\x18\x08", b"\x00\xff\x58\x04\x04\xff\x18\x08",
    b"\x00\xff\x54\x05\xff\xff\xff\xff\xff", b"\x00\xff\x00\x01\x07",
    b"\x00\xff\xee\x03abc", b"\x00\xff\x90\x02\x3c\x40",  # of no meaning
    b"\x00\xff\x03\x02\xff\xfe", b"\x00\xff\x7f\x81\x00" + bytes(128),
    b"\x00\xb0\x07\xff", b"\x00\xb0\x07\x80",  # a controller above 127
    b"\x00\xc0\xff", b"\x00\xe0\xff\xff", b"\x00\xd0\x80",
    b"\x00\x90\x80\x40",  # a pitch above 127 is none
    b"\x00\xf0\x03\x41\xff\xf7", b"\x00\xf7\x02\xf3\x01",
    b"\x00\xf1\x07", b"\x00\xf2\x07\x07", b"\x00\xf4", b"\x00\xf6",
    b"\x00\xf8", b"\x00\xfe", b"\x80\x80\x80\x80\xb0\x07\x07",
    b"\x00\xb0\x07\x07" b"\x00\xff\x01\x01a" b"\x00\x08\x08",
    b"\x00\xb0\x07\x07" b"\x00\xf0\x01\xf7" b"\x00\x08\x08",
    b"\x00\xb0\x07\x07" b"\x00\xf8" b"\x00\x08\x08"])
def test_what_makes_no_music_is_passed_over(path, before):
    path.write_bytes(head() + chunk(before + SING + END) + chunk(UNDER + END))
    assert flat(read_tune(path, melody=0)[0]) == SUNG
    assert render(path, path.with_suffix(".wav")).exists()


def test_a_velocity_above_127_is_127(path):
    loud = events((0, ON, 60, 200), (4, OFF, 60, 255), (16, ON, 62, 0x80),
                  (20, ON, 62, 0))
    path.write_bytes(head() + chunk(loud + END) + chunk(UNDER + END))
    assert flat(read_tune(path, melody=0)[0]) == SUNG
    assert [m.velocity for m in read_midi(path).tracks[0]
            if m.type == "note_on"] == [127, 127, 0]


@pytest.mark.parametrize("data", [
    head(3) + TRACKS, head(65535) + TRACKS, head(kind=0) + TRACKS,
    head(kind=7) + TRACKS, head(more=b"more") + TRACKS,
    head() + TRACKS + b"garbage", head() + TRACKS + bytes(99),
    head() + TRACKS + TRACKS,  # more than announced
    head() + TRACKS + head() + TRACKS,
    head() + chunk(b"unknown", mark=b"XFIH") + TRACKS,
    b"RIFF\x99\0\0\0RMIDdata\x99\0\0\0" + head() + TRACKS,
    bytes(128) + head() + TRACKS,
    # without end, of a wrong length, with bytes after the end
    head() + chunk(SING) + chunk(UNDER),
    head() + chunk(SING + END, 2 ** 32 - 1) + chunk(UNDER + END, 2 ** 31),
    head() + chunk(SING + END, len(SING) - 1) + chunk(UNDER + END),
    head() + chunk(SING + END + b"\x90\xff\0") + chunk(UNDER + END + b"\0"),
    head() + chunk(SING + b"\x00\xff\x2f\x01\x00") + chunk(UNDER + END)])
def test_what_is_wrong_about_tracks_and_their_ends(path, data):
    path.write_bytes(data)
    measures, chords = read_tune(path, melody=0)
    assert flat(measures) == SUNG
    assert flat(chords)[0] == note(0, 12, 48, 52)


@pytest.mark.parametrize("data, sentence", [
    (b"", "is not a MIDI file, or only the beginning of one: get a new copy"),
    (bytes(300) + head() + TRACKS, "is not a MIDI file"),
    (head()[:12], "is not a MIDI file"),
    (head(0) + TRACKS, "has no notes: take"),
    (head() + TRACKS[:20], "ends within track 0, or is broken there: get a"),
    (head() + TRACKS[:-1], "ends within track 1, or is broken there: get a"),
    (head() + TRACKS[:-4], "ends within track 1, or is broken there: get a"),
    (head() + chunk(b"\x00\x3c\x40" + SING + END) + chunk(UNDER + END),
     "is broken at byte 23, in track 0: get a new copy of it"),
    (head() + chunk(b"\x00\xff\x01\xff\xff\x7f" + SING + END)
     + chunk(UNDER + END), "ends within track 0, or is broken there")])
def test_what_cannot_be_played(path, data, sentence):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(f"{path} {sentence}")):
        read_tune(path)


def test_a_file_that_is_too_large_for_one(path):
    with path.open("wb") as file:
        file.write(head() + TRACKS)
        file.truncate(LARGEST_MIDI)
    assert flat(read_tune(path, melody=0)[0]) == SUNG
    os.truncate(path, LARGEST_MIDI * 2)
    with pytest.raises(ValueError, match="has 8 MiB: take a MIDI file of at"):
        read_tune(path)


@pytest.mark.parametrize("name, charset", [
    *((name, charset) for charset in ("utf-8", "cp932") for name in (
        "ソロ", "メロディ", "旋律", "ﾒﾛﾃﾞｨ", "ピアノ 1", "solo")),
    *((name, charset) for charset in ("utf-8", "latin-1")
      for name in ("Ténor", "élégie"))])
def test_tracks_are_found_by_their_names(path, name, charset):
    data = name.encode(charset)
    names = [b"\0\xff\3" + bytes([len(text)]) + text
             for text in (data + b"\0", b" left ")]
    path.write_bytes(head() + chunk(names[0] + SING + END)
                     + chunk(names[1] + UNDER + END))
    assert flat(read_tune(path, melody=name, chords="left")[0]) == SUNG
    sentence = f"no track 'x' with notes: take 0 {name!r} or 1 'left'"
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read_tune(path, melody="x")


@pytest.mark.parametrize("numerator, power, warned", [
    (3, 2, "3/4 time from quarter 2 on"), (6, 3, "6/8 time from quarter 2"),
    (4, 2, None), (2, 1, None), (8, 3, None), (2, 2, "2/4 time from quarter")])
def test_other_bars_than_those_of_four_quarters(path, numerator, power,
                                                warned):
    sign = bytes([8, 0xFF, 0x58, 4, numerator, power, 24, 8])
    path.write_bytes(head(3) + chunk(sign + END) + TRACKS)
    for reader in (lambda: read_tune(path, melody=1),
                   lambda: piano_roll(path, path.with_suffix(".png"))):
        if warned:
            with pytest.warns(D2LRNNWarning, match=warned) as caught:
                reader()
            assert caught[0].filename == __file__
        else:
            reader()  # a warning would be an error
