"""Render a MIDI file as sound without a synthesizer, and as a piano roll."""
import io
import math
import wave
from collections import defaultdict
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from d2lrnn.basics.checks import check_numbers, check_path
from d2lrnn.basics.figures import to_png
from d2lrnn.basics.files import write_whole
from d2lrnn.jazz.events import find_notes, read_midi
from d2lrnn.jazz.midi import QUARTERS, warn_of_time

__all__ = ["piano_roll", "render"]

ATTACK, RELEASE = 0.01, 0.12  # seconds
DECAY = 1.5  # per second: a held note loses 13 dB each second
LONGEST_NOTE = 8  # seconds; by then it has died away
LONGEST_MUSIC = 1800  # seconds
MOST_SOUND = 4  # hours, the lengths of all notes added up
HARMONICS = (1, 0.5, 0.25, 0.1, 0.06)
SOFT = 0.35  # the volume of chords beside a melody
PEAK = 0.9 * 32767
COLORS = {"chords": "#8fb3d9", "melody": "#c8334a"}
ROW = 12  # measures in a row of a piano roll
MOST_BARS = 720


class Sound(NamedTuple):
    """A note of a MIDI file.

    ``start`` and ``stop`` are in ticks, ``pitch`` is a MIDI number,
    ``velocity`` is from 1 to 127, and ``part`` is "chords" or "melody".
    """

    start: int
    stop: int
    pitch: int
    velocity: int
    part: str


def read_sounds(path):
    """Return the ``mido.MidiFile`` at a path, and its notes as ``Sound``.

    A track counts as chords if on average 1.5 notes or more sound at once,
    else as melody. Drums are left out. Raise ``FileNotFoundError`` if there is
    no such file, and ``ValueError`` if it has no notes or cannot be read.
    """
    midi = read_midi(check_path("midi", path))
    sounds = []
    for track in midi.tracks:
        notes = find_notes(track)
        loud = velocities(track)
        part = "chords" if polyphony(notes) >= 1.5 else "melody"
        # so that a note of length 0 is heard and seen
        sounds += [Sound(start, max(stop, start + 1), pitch,
                         loud[start, pitch], part)
                   for start, stop, pitch in notes]
    if not sounds:
        raise ValueError(f"{path} has no notes: take another file")
    return midi, sounds


def polyphony(notes):
    """Return how many notes sound at once, on average, ignoring silence.

    ``notes`` are ``(start, stop, pitch)``, in order of their starts.

    >>> polyphony([(0, 4, 60), (0, 4, 64), (8, 12, 62)])
    1.5
    """
    sounding, end = 0, 0
    for start, stop, _ in notes:
        sounding += max(0, stop - max(start, end))
        end = max(end, stop)
    return sum(stop - start for start, stop, _ in notes) / max(sounding, 1)


def velocities(track):
    """Return a dict from ``(tick, pitch)`` to the velocity of that note."""
    found, now = defaultdict(int), 0
    for message in track:
        now += message.time
        if message.type == "note_on":
            key = now, message.note
            found[key] = max(found[key], message.velocity)
    return found


def clock(midi):
    """Return a function that converts ticks to seconds at a file's tempos."""
    changes = [(0, 500_000)]  # microseconds per quarter note, by default
    for track in midi.tracks:
        ticks = accumulate(message.time for message in track)
        changes += [(tick, message.tempo) for tick, message
                    in zip(ticks, track, strict=True)
                    if message.type == "set_tempo"]
    changes.sort(key=lambda change: change[0])
    ticks = np.array([tick for tick, _ in changes])
    rates = np.array([tempo / 1e6 / midi.ticks_per_beat
                      for _, tempo in changes])
    begins = np.concatenate([[0], np.cumsum(np.diff(ticks) * rates[:-1])])

    def seconds(tick):
        i = np.searchsorted(ticks, tick, side="right") - 1
        return begins[i] + (tick - ticks[i]) * rates[i]
    return seconds


def frequency(pitch):
    """Return the frequency of a MIDI number in Hz; A4 (69) has 440 Hz.

    >>> frequency(69), frequency(57)
    (440.0, 220.0)
    """
    return 440 * 2 ** ((pitch - 69) / 12)


def tone(hertz, duration, sample_rate):
    """Return the samples of a note, which fades out after its end.

    ``hertz`` is the note's frequency, ``duration`` its length in seconds. It
    rises for ``ATTACK`` seconds, decays like a struck string, with higher
    harmonics faster, and fades for ``RELEASE`` seconds. Harmonics that the
    sample rate cannot represent are left out.
    """
    duration = min(duration, LONGEST_NOTE)
    end = duration + RELEASE
    t = np.arange(math.ceil(end * sample_rate)) / sample_rate
    # the imaginary part of z ** k is harmonic k, which decays k times as fast
    z = np.exp((2j * math.pi * hertz - DECAY) * t)
    total = np.zeros_like(z)
    for k in range(len(HARMONICS), 0, -1):  # Horner's rule
        if k * hertz < sample_rate / 2:
            total += HARMONICS[k - 1]
        total *= z
    fade = np.clip((end - t) / RELEASE, 0, 1)
    return total.imag * np.minimum(t / ATTACK, 1) * fade


def mix(midi, sounds, sample_rate):
    """Return the sum of all sounds of a file, an array of float32."""
    seconds = clock(midi)
    ends = [sum(message.time for message in track) for track in midi.tracks]
    duration = seconds(max(*ends, *(sound.stop for sound in sounds)))
    if duration > LONGEST_MUSIC:
        raise ValueError(f"the music lasts {duration / 60:.0f} minutes: take "
                         f"a file of at most {LONGEST_MUSIC // 60} minutes")
    check_work(sounds, seconds)
    samples = np.zeros(math.ceil((duration + RELEASE) * sample_rate) + 1,
                       np.float32)
    for sound in sounds:
        start, stop = seconds(sound.start), seconds(sound.stop)
        volume = sound.velocity * (SOFT if sound.part == "chords" else 1)
        note = volume * tone(frequency(sound.pitch), stop - start, sample_rate)
        first = int(start * sample_rate)
        samples[first:first + len(note)] += note
    return samples


def check_work(sounds, seconds):
    """Raise ``ValueError`` for notes that would take too long to render."""
    hours = sum(min(seconds(sound.stop) - seconds(sound.start), LONGEST_NOTE)
                + RELEASE for sound in sounds) / 3600
    if hours > MOST_SOUND:
        raise ValueError(f"the {len(sounds)} notes last {hours:.1f} hours in "
                         f"all: take a file of at most {MOST_SOUND} hours")


def render(midi, wav, *, sample_rate=22050):
    """Render a MIDI file as sound, a WAV file; return its path.

    The sound has one channel of 16 bits, and ends 0.12 seconds after the MIDI
    file, so that the last note can fade. Tempos and velocities are those of
    the file, and the loudest moment is scaled to 90% of the range; notes in
    chords are softer than others. Notes are cut off after 8 seconds, and the
    music must not last longer than 30 minutes. Raise ``ValueError`` or
    ``OSError`` if the file cannot be read or the sound cannot be written.
    """
    wav = check_suffix(wav, ".wav")
    sample_rate = check_numbers(sample_rate=sample_rate)["sample_rate"]
    samples = mix(*read_sounds(midi), sample_rate)
    samples *= PEAK / max(samples.max(), -samples.min(), 1e-9)
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.rint(samples).astype("<i2").tobytes())
    write_whole(wav, data.getvalue())
    return wav


def check_suffix(path, suffix):
    """Return a path as a ``Path`` if it ends in ``suffix``.

    >>> check_suffix("tune.WAV", ".wav").name
    'tune.WAV'
    """
    path = check_path(suffix[1:], path)
    if path.suffix.lower() != suffix:
        raise ValueError(f"{path} does not end in {suffix}: give a path that "
                         f"does")
    return path


def piano_roll(midi, png):
    """Draw a MIDI file as a piano roll, a PNG file; return its path.

    The melody has one colour, the chords another. Bars have four quarter
    notes; if the file's own do not, a ``D2LRNNWarning`` says so. Raise
    ``ValueError`` or ``OSError`` if the file cannot be read or the picture
    cannot be written.
    """
    png = check_suffix(png, ".png")
    file, sounds = read_sounds(midi)
    warn_of_time(midi, file)
    figure = draw_roll(file, sounds, check_path("midi", midi).name)
    write_whole(png, to_png(figure))
    return png


def draw_roll(midi, sounds, title):
    """Return a piano roll as a matplotlib ``Figure``, up to 12 bars per row.

    A note that lasts beyond the end of a row continues in the next one.
    """
    from matplotlib.figure import Figure  # slow to import

    ticks = midi.ticks_per_beat * QUARTERS  # per measure
    end = max(sound.stop for sound in sounds) / ticks
    bars = max(1, math.ceil(end))
    if bars > MOST_BARS:
        raise ValueError(f"the music has {bars} bars: take a file of at most "
                         f"{MOST_BARS} bars")
    row_bars = min(bars, ROW)
    rows = math.ceil(bars / row_bars)
    low = min(sound.pitch for sound in sounds) - 2
    high = max(sound.pitch for sound in sounds) + 2
    height = min(max((high - low) * 0.055, 1.2), 3.5)  # inches of a row
    figure = Figure(figsize=(14, rows * (height + 0.35) + 0.9),
                    layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, parse_math=False)
    grid = figure.subplots(rows, squeeze=False)[:, 0]
    for row, axes in enumerate(grid):
        first, last = row * row_bars, (row + 1) * row_bars
        prepare(axes, range(first, last), low, high)
        for part in COLORS:  # the melody on top
            draw_part(axes, part, [
                (sound.start / ticks, sound.stop / ticks, sound.pitch)
                for sound in sounds if sound.part == part
                and sound.start < last * ticks and sound.stop > first * ticks])
    grid[-1].set_xlabel("bar")
    draw_legend(figure, {sound.part for sound in sounds})
    return figure


def draw_part(axes, part, notes):
    """Draw a part's notes, ``(start, stop, pitch)``; times in measures."""
    from matplotlib.collections import PolyCollection  # slow to import

    corners = [[(start, pitch - 0.45), (stop, pitch - 0.45),
                (stop, pitch + 0.45), (start, pitch + 0.45)]
               for start, stop, pitch in notes]
    axes.add_collection(PolyCollection(
        corners, facecolor=COLORS[part], edgecolor="white", linewidth=0.6,
        label=part, zorder=3))


def prepare(axes, bars, low, high):
    """Draw a row's background: bar lines, note names and shaded black keys."""
    axes.set(xlim=(bars.start, bars.stop), ylim=(low, high))
    axes.set_xticks(bars, [str(bar + 1) for bar in bars], ha="left")
    named = [pitch for pitch in range(low, high) if pitch % 12 in (0, 4, 7)]
    axes.set_yticks(named, [f"{'C   E  G'[pitch % 12]}{pitch // 12 - 1}"
                            for pitch in named])
    axes.tick_params(length=0, labelsize=8)
    axes.spines[:].set_visible(False)
    for pitch in range(low, high + 1):
        if pitch % 12 in (1, 3, 6, 8, 10):
            axes.axhspan(pitch - 0.5, pitch + 0.5, color="#f3f4f6", zorder=0)
    for bar in (*bars, bars.stop):
        axes.axvline(bar, color="#b9bec6", linewidth=0.8, zorder=1)


def draw_legend(figure, parts):
    """Add a legend of the parts' colours above the rows."""
    from matplotlib.patches import Patch  # slow to import

    figure.legend(handles=[Patch(color=color, label=part)
                           for part, color in COLORS.items() if part in parts],
                  loc="upper right", ncols=2, frameon=False)
