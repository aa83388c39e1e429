"""MIDI files as no one would write them, and as anyone might."""
import signal
import warnings
from contextlib import contextmanager

import jazz_oracle
import mido
import pytest
from d2lrnn.jazz import audio
from d2lrnn.jazz.audio import piano_roll, render
from d2lrnn.jazz.grammar import tokens_of
from d2lrnn.jazz.midi import read_tune
from d2lrnn.jazz.training_data import default_tune

SECONDS = 20  # after which a try counts as hanging


@contextmanager
def limited():
    """Stop what takes too long; leave out warnings of odd bars."""
    def stop(*args):
        raise TimeoutError(f"took more than {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def to_track(events):
    """Return a track of ``(tick, pitch, is_on)``."""
    track, now = mido.MidiTrack(), 0
    for tick, pitch, is_on in events:
        track.append(mido.Message("note_on", note=pitch, time=tick - now,
                                  velocity=64 * is_on))
        now = tick
    return track


def in_order(rng, notes):
    """Return events of ``(start, stop, pitch)``, at one tick in any order.

    But no note is released before it is struck.
    """
    events = []
    for start, stop, pitch in notes:
        at = rng.random()
        events += [(start, at, pitch, 1),
                   (stop, rng.uniform(at if stop == start else 0, 1), pitch,
                    0)]
    return [(tick, pitch, is_on) for tick, _, pitch, is_on in sorted(events)]


def random_melody(rng, ticks):
    """Return ``(start, stop, pitch)`` of notes that follow or overlap."""
    notes, now, pitch = [], 0, 60
    for _ in range(rng.integers(1, 40)):
        now += int(rng.choice([0, 1, ticks // 16, ticks // 4, ticks // 3,
                               ticks, rng.integers(3 * ticks)]))
        pitch = int(min(max(pitch + rng.integers(-14, 15), 0), 127))
        length = int(rng.choice([0, ticks // 8, ticks // 3, ticks,
                                 rng.integers(5 * ticks)]))
        notes.append((now, now + length, pitch))
    return notes


def random_chords(rng, ticks):
    """Return notes struck and released about together, and single ones."""
    notes, now = [], 0
    near = ticks // 16 + 2  # some are just too far
    for _ in range(rng.integers(1, 16)):
        now += int(rng.choice([0, 0, 1, ticks, 2 * ticks,
                               rng.integers(5 * ticks)]))
        length = int(rng.integers(near, 5 * ticks))
        for pitch in rng.choice(range(40, 80), rng.integers(1, 6), False):
            start = now + int(rng.choice([0, rng.integers(near)]))
            stop = now + length + int(rng.choice([
                0, rng.integers(-near, near)]))
            notes.append((start, max(start, stop), int(pitch)))
    notes.append((now, now + ticks, 50))
    notes.append((now, now + ticks, 90))  # at least one chord
    return notes


@pytest.mark.campaign
def test_midi_files_to_tokens_as_a_naive_reader_does(campaign, tmp_path):
    """Random MIDI files: the tokens are those of a naive reader."""
    path = tmp_path / "tune.mid"
    for n in campaign.tries(short=60, long=3000):
        rng = campaign.rng
        ticks = int(rng.choice([4, 24, 96, 120, 480, 1024, 32767]))
        melody = in_order(rng, random_melody(rng, ticks))
        chords = in_order(rng, random_chords(rng, ticks))
        quarters = (None if rng.random() < 0.5
                    else (0, int(rng.integers(1, 40))))
        midi = mido.MidiFile(ticks_per_beat=ticks)
        midi.tracks += [to_track(melody), to_track(chords)]
        midi.save(path)
        expected = jazz_oracle.tokens_of(melody, chords, ticks, quarters)
        try:
            with limited():
                found = tokens_of(*read_tune(path, melody=0, chords=1,
                                             quarters=quarters))
        except Exception as error:
            if isinstance(error, ValueError) and not expected and (
                    "has no melody from" in str(error)):
                campaign.became["refused"] += 1
            else:
                campaign.failed(f"try {n}: {error!r}")
            continue
        campaign.became["tokens"] += len(found)
        if found != expected:
            campaign.failed(f"try {n}: {found} is not {expected}")


def random_file(rng):
    """Return the bytes of a small file with melody, chords and tempos."""
    midi = mido.MidiFile(ticks_per_beat=int(rng.choice([24, 96, 480])))
    ticks = midi.ticks_per_beat
    midi.tracks.append(mido.MidiTrack([
        mido.MetaMessage("track_name", name="tempo"),
        mido.MetaMessage("key_signature", key="F"),
        mido.MetaMessage("time_signature", numerator=int(rng.integers(1, 9))),
        mido.MetaMessage("set_tempo", tempo=200_000),
        mido.MetaMessage("set_tempo", tempo=100_000, time=3 * ticks)]))
    for make in (random_melody, random_chords):
        track = to_track(in_order(rng, make(rng, ticks)[:30]))
        for message in (
                mido.Message("control_change", control=7, value=100),
                mido.Message("program_change", program=26),
                mido.Message("pitchwheel", pitch=8191),
                mido.Message("sysex", data=[1, 2, 3]),
                mido.MetaMessage("lyrics", text="la")):
            track.insert(int(rng.integers(len(track) + 1)), message)
        midi.tracks.append(track)
    return midi


def mutate(rng, data):
    """Return bytes of which some are flipped, cut, inserted or moved."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        at, length = int(rng.integers(len(data) + 1)), int(rng.integers(9))
        kind = rng.integers(6)
        if kind == 0:
            data[at:at + 1] = rng.bytes(1)
        elif kind == 1:
            del data[at:at + length]
        elif kind == 2:
            data[at:at] = rng.bytes(length)
        elif kind == 3:
            data[at:at] = data[:int(rng.integers(len(data) + 1))][-length:]
        elif kind == 4:
            data[at:at + 1] = bytes([int(rng.choice([
                0, 1, 0x2F, 0x7F, 0x80, 0x90, 0xF0, 0xF7, 0xF8, 0xFF]))])
        elif rng.random() < 0.2:
            del data[at:]
    return bytes(data)


def mutate_events(rng, midi):
    """Take out, repeat, swap and shift some of a file's messages."""
    for track in midi.tracks:
        for _ in range(rng.integers(4)):
            i, j = (int(i) for i in rng.integers(len(track), size=2))
            kind = rng.integers(4)
            if kind == 0 and len(track) > 1:
                del track[i]
            elif kind == 1:
                track.insert(j, track[i])
            elif kind == 2:
                track[i], track[j] = track[j], track[i]
            else:
                track[i] = track[i].copy(time=int(rng.choice(
                    [0, 1, 10 ** 4, 2 ** 28 - 1])))


@pytest.mark.campaign
def test_broken_midi_files(campaign, tmp_path, monkeypatch):
    """Damaged MIDI files: music, or one sentence that says why not."""
    monkeypatch.setattr(audio, "LONGEST_MUSIC", 20)
    monkeypatch.setattr(audio, "MOST_BARS", 24)
    path, whole = tmp_path / "tune.mid", default_tune().read_bytes()
    readers = {
        "tokens": lambda: tokens_of(*read_tune(path)),
        "sounds": lambda: audio.read_sounds(path),
        "wav": lambda: render(path, tmp_path / "tune.wav", sample_rate=8000),
        "png": lambda: piano_roll(path, tmp_path / "tune.png")}
    for n in campaign.tries(short=60, long=3000):
        rng = campaign.rng
        midi = random_file(rng)
        mutate_events(rng, midi)
        midi.save(path)
        data = path.read_bytes() if rng.random() < 0.8 else whole[:2000]
        path.write_bytes(mutate(rng, data) if rng.random() < 0.8 else data)
        names = ["tokens", "sounds", "wav"] + ["png"] * (n % 10 == 0)
        for name in names:
            try:
                with limited():
                    readers[name]()
                campaign.became[name] += 1
            except ValueError as error:
                campaign.became["refused"] += 1
                if "\n" in str(error) or ": " not in str(error):
                    campaign.failed(f"try {n}, {name}: {error}")
            except Exception as error:
                campaign.failed(f"try {n}, {name}: {error!r}")
