"""MIDI files written byte by byte, and notes to write."""
import struct
from fractions import Fraction

import mido
from d2lrnn.jazz.midi import Note
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


def events(*timed):
    """Return a track's bytes of ``(tick, status, data...)``."""
    now, data = 0, b""
    for tick, *message in timed:
        data += bytes([0x80 | tick - now >> 7, tick - now & 127, *message])
        now = tick
    return data
