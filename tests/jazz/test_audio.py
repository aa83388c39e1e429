"""What is rendered, by its spectrum; what is drawn, by its shapes."""
import io
import math
import random
import re
import struct
import wave

import mido
import numpy as np
import pytest
from d2lrnn.jazz import audio
from d2lrnn.jazz.audio import (
    RELEASE,
    draw_roll,
    piano_roll,
    read_sounds,
    render,
)
from d2lrnn.jazz.midi import Note, write_tune
from matplotlib.collections import PolyCollection

RATE = 22050
QUARTER = mido.bpm2tempo(120)  # half a second


def on(pitch, time=0, velocity=64, channel=0):
    return mido.Message("note_on", note=pitch, time=time, velocity=velocity,
                        channel=channel)


def off(pitch, time=0):
    return mido.Message("note_off", note=pitch, time=time)


def tempo(time=0, microseconds=QUARTER):
    return mido.MetaMessage("set_tempo", tempo=microseconds, time=time)


def silence(time):
    return mido.MetaMessage("end_of_track", time=time)


@pytest.fixture
def make(tmp_path):
    """A function that writes tracks, 100 ticks a quarter, at 120 bpm."""
    def make(*tracks, ticks=100):
        file = mido.MidiFile(ticks_per_beat=ticks)
        file.tracks += [mido.MidiTrack(track) for track in tracks]
        file.save(tmp_path / "tune.mid")
        return tmp_path / "tune.mid"
    return make


@pytest.fixture
def play(make, tmp_path):
    """A function that renders tracks and returns the samples, -1 to 1."""
    def play(*tracks, ticks=100, **options):
        path = render(make(*tracks, ticks=ticks), tmp_path / "tune.wav",
                      **options)
        return read(path)
    return play


def read(path):
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        data = file.readframes(file.getnframes())
    return np.frombuffer(data, "<i2") / 32768


def between(samples, start, stop, rate=RATE):
    return samples[int(start * rate):int(stop * rate)]


def loudness(samples):
    return math.sqrt((samples ** 2).mean())


def spectrum(samples, rate=RATE):
    """Return the Hz and the strengths, at a resolution of 0.1 Hz."""
    strength = np.abs(np.fft.rfft(samples * np.hanning(len(samples)),
                                  10 * rate))
    return np.arange(len(strength)) / 10, strength


def pitch_heard(samples, rate=RATE):
    hertz, strength = spectrum(samples, rate)
    return hertz[strength.argmax()]


# -- pitch and loudness ---------------------------------------------------

@pytest.mark.parametrize("pitch, hertz", [
    (69, 440), (57, 220), (81, 880), (60, 261.63), (61, 277.18)])
def test_a_note_has_its_frequency(play, pitch, hertz):
    samples = play([on(pitch), off(pitch, 200)])
    assert abs(pitch_heard(between(samples, 0, 1)) - hertz) < 0.3


@pytest.mark.parametrize("rate", [8000, 44100])
def test_at_any_sample_rate(play, make, tmp_path, rate):
    samples = play([on(69), off(69, 200)], sample_rate=rate)
    assert abs(pitch_heard(between(samples, 0, 1, rate), rate) - 440) < 0.3
    with wave.open(str(tmp_path / "tune.wav")) as file:
        assert file.getframerate() == rate


def test_overtones_are_whole_multiples_and_never_fold_back(play):
    hertz, strength = spectrum(play([on(69), off(69, 200)]))
    overtones = [strength[abs(hertz - 440 * k) < 3].max()
                 for k in range(1, 7)]
    assert overtones[:5] == sorted(overtones[:5], reverse=True)
    assert overtones[4] > 10 * overtones[5]
    # its third overtone would be at 12,558 Hz, and be heard at 9,492
    hertz, strength = spectrum(play([on(108), off(108, 200)]))
    assert abs(hertz[strength.argmax()] - 4186) < 0.3
    assert (strength[abs(hertz - 9492) < 100].max()
            < 1e-3 * strength.max())


def test_a_file_of_notes_too_high_to_render_is_silence(play):
    assert not play([on(127), off(127, 100)]).any()


def test_a_louder_velocity_is_louder_in_proportion(play):
    samples = play([on(69, 0, 30), off(69, 100), on(69, 100, 90),
                    off(69, 100)])
    soft, loud = between(samples, 0, 0.6), between(samples, 1, 1.6)
    assert loudness(loud) / loudness(soft) == pytest.approx(3, rel=0.01)


def test_a_note_dies_away_as_it_is_held(play):
    samples = play([on(69), off(69, 600)])
    first, third = between(samples, 0.1, 0.2), between(samples, 2.1, 2.2)
    assert loudness(first) / loudness(third) == pytest.approx(
        math.exp(2 * audio.DECAY), rel=0.1)


def test_a_chord_is_softer_than_a_melody_as_loud(play):
    melody = [on(81), off(81, 200)]
    chords = [on(57), on(61), on(64), off(57, 200), off(61), off(64)]
    hertz, strength = spectrum(play(melody, chords))
    heard = {k: strength[abs(hertz - k) < 1].max() for k in (880, 220)}
    assert heard[880] > 2 * heard[220]


# -- time -----------------------------------------------------------------

def test_it_lasts_as_long_as_the_file_and_the_release(play):
    samples = play([on(69), off(69, 300)])
    assert len(samples) / RATE == pytest.approx(1.5 + RELEASE, abs=2 / RATE)
    samples = play([on(69), off(69, 300), silence(100)])
    assert len(samples) / RATE == pytest.approx(2 + RELEASE, abs=2 / RATE)


def test_there_is_silence_between_notes_and_no_click(play):
    samples = play([on(69, 100), off(69, 100), on(69, 200), off(69, 100)])
    assert not between(samples, 0, 0.5).any()
    assert not between(samples, 1 + RELEASE + 0.001, 2).any()
    assert loudness(between(samples, 0.5, 1)) > 0.1
    assert loudness(between(samples, 2, 2.5)) > 0.1
    # at most what a sine of 440 Hz and its overtones rise in a sample
    assert abs(np.diff(samples)).max() < 0.4
    for start in (0.5, 1 + RELEASE, 2, 2.5 + RELEASE):
        near = between(samples, start - 0.0005, start + 0.0005)
        assert abs(near).max() < 0.05


def test_tempo_changes_are_honoured_wherever_they_stand(play):
    beats = [on(69, 0), off(69, 50), on(69, 50), off(69, 50), on(69, 50),
             off(69, 50)]
    slower = [tempo(), tempo(100, mido.bpm2tempo(60))]
    samples = play(slower, beats)  # quarters at 0, 0.5 and 1.5 seconds
    assert len(samples) / RATE == pytest.approx(2 + RELEASE, abs=2 / RATE)
    for start, stop in ((0, 0.25), (0.5, 1), (1.5, 2)):
        assert loudness(between(samples, start, stop)) > 0.1
        assert not between(samples, stop + RELEASE + 0.001, stop + 0.2).any()
    assert not between(samples, 1.2, 1.5).any()
    assert np.array_equal(play(beats, slower), samples)


def test_a_note_can_sound_while_the_tempo_changes(play):
    samples = play([on(69), tempo(100, mido.bpm2tempo(60)), off(69, 100)])
    assert len(samples) / RATE == pytest.approx(1.5 + RELEASE, abs=2 / RATE)


def test_of_two_tempos_at_once_the_last_counts(play):
    samples = play([tempo(0, 10**6), tempo(0, QUARTER), on(69), off(69, 200)])
    assert len(samples) / RATE == pytest.approx(1 + RELEASE, abs=2 / RATE)


# -- the whole ------------------------------------------------------------

def test_many_notes_together_do_not_clip(play):
    pitches = range(36, 97)
    samples = play([on(pitch, 0, 127) for pitch in pitches]
                   + [off(pitches[0], 200)] + [off(p) for p in pitches[1:]])
    assert 0.89 < abs(samples).max() < 0.91
    assert (abs(samples) > 0.89).sum() < 5


def test_the_sum_of_notes_is_their_sum(play):
    one = [on(60, 0, 100), off(60, 200)]
    two = [on(67, 100, 50), off(67, 100)]
    both, first, second = play(one, two), play(one), play(two)
    parts = np.stack([first, second[:len(first)]], axis=1)
    (a, b), *_ = np.linalg.lstsq(parts, both[:len(first)], rcond=None)
    assert abs(both - a * first - b * second).max() < 1e-4
    assert a > 0.5 and b > 0.1


def test_drums_are_left_out(play):
    drums = [on(40, 0, 127, channel=9), silence(100)]
    melody = [on(69), off(69, 100)]
    assert np.array_equal(play(melody, drums), play(melody))


def test_a_note_that_never_ends_and_one_without_length(play):
    samples = play([on(69), silence(200)], ticks=200)
    assert len(samples) / RATE == pytest.approx(0.5 + RELEASE, abs=2 / RATE)
    assert loudness(samples) > 0.1
    assert loudness(play([on(69), off(69, 0), silence(100)])) > 0.01


def test_a_long_note_takes_no_more_than_it_sounds():
    assert len(audio.tone(440, 1700, RATE)) < 10 * RATE


# -- piano roll -----------------------------------------------------------

def test_a_picture_has_sane_dimensions(make, tmp_path):
    path = tmp_path / "roll.png"
    melody = [on(69), off(69, 100)]
    sizes = []
    for bars in (1, 12, 13, 60):
        tune = make(melody, [on(60), off(60, 400 * bars)])
        assert piano_roll(tune, path) == path
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        sizes.append(struct.unpack(">II", data[16:24]))
    assert {width for width, _ in sizes} == {1400}
    heights = [height for _, height in sizes]
    assert 150 < heights[0] == heights[1] < heights[2] < heights[3] < 1200


def shapes(figure):
    """Return the notes drawn, ``(row, color, (x0, y0, x1, y1))``."""
    return [(row, collection.get_label(),
             tuple(path.get_extents().extents.round(6)))
            for row, axes in enumerate(figure.axes)
            for collection in axes.collections
            if isinstance(collection, PolyCollection)
            for path in collection.get_paths()]


def test_each_note_is_drawn_at_its_place_in_the_colour_of_its_part(make):
    melody = [on(72), off(72, 100), on(74, 100), off(74, 50)]
    chords = [on(60), on(64), off(60, 200), off(64)]
    figure = draw_roll(*read_sounds(make(melody, chords)), "tune")
    assert sorted(shapes(figure)) == [
        (0, "chords", (0, 59.55, 0.5, 60.45)),
        (0, "chords", (0, 63.55, 0.5, 64.45)),
        (0, "melody", (0, 71.55, 0.25, 72.45)),
        (0, "melody", (0.5, 73.55, 0.625, 74.45))]
    chords, melody = figure.axes[0].collections
    assert tuple(chords.get_facecolor()[0]) != tuple(
        melody.get_facecolor()[0])
    legend, = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "chords", "melody"]


def test_bar_lines_and_names(make):
    figure = draw_roll(*read_sounds(make([on(60), off(60, 1600)])),
                       r"a $\frac$")
    axes, = figure.axes
    assert axes.get_xlim() == (0, 4)
    assert [line.get_xdata()[0] for line in axes.lines] == [0, 1, 2, 3, 4]
    assert [text.get_text() for text in axes.get_xticklabels()] == list("1234")
    assert axes.get_xlabel() == "bar"
    assert dict(zip(axes.get_yticks(), [
        text.get_text() for text in axes.get_yticklabels()], strict=True)
        ) == {60: "C4"}
    figure.savefig(io.BytesIO())  # the title is no formula


def test_a_note_without_length_is_seen(make):
    figure = draw_roll(*read_sounds(make([on(60, 4800), off(60),
                                          silence(400)])), "tune")
    (row, _, (start, _, stop, _)), = shapes(figure)
    assert row == 1 and 12 == start < stop < 12.01


def test_long_music_goes_on_in_rows(make):
    bar = 400
    figure = draw_roll(*read_sounds(make([
        on(60, 11 * bar), off(60, 2 * bar), on(62, 11 * bar), off(62, bar)])),
        "tune")
    assert [axes.get_xlim() for axes in figure.axes] == [
        (0, 12), (12, 24), (24, 36)]
    assert [(row, shape[0], shape[2]) for row, _, shape in shapes(figure)] == [
        (0, 11, 13), (1, 11, 13), (2, 24, 25)]
    rows = [axes.get_xticklabels()[0].get_text() for axes in figure.axes]
    assert rows == ["1", "13", "25"]


def test_the_tune_of_write_tune_has_both_parts(tmp_path):
    path = tmp_path / "tune.mid"
    melody = [Note(i, 1, (72 + i % 3,)) for i in range(40)]
    chords = [Note(4 * i, 4, (48, 52, 55, 59)) for i in range(10)]
    write_tune(path, melody, chords)
    figure = draw_roll(*read_sounds(path), "tune")
    parts = [part for _, part, _ in shapes(figure)]
    assert (parts.count("melody"), parts.count("chords")) == (40, 40)


# -- errors ---------------------------------------------------------------

both = pytest.mark.parametrize("write, name", [
    (render, "tune.wav"), (piano_roll, "tune.png")])
PLAIN = [on(69), off(69, 100)]


@both
def test_a_source_that_is_none(write, name, make, tmp_path):
    target = tmp_path / name
    with pytest.raises(FileNotFoundError, match=r"no file at .*none\.mid: "):
        write(tmp_path / "none.mid", target)
    with pytest.raises(ValueError, match=r"is a folder: give"):
        write(tmp_path, target)
    (tmp_path / "text.mid").write_text("no music")
    with pytest.raises(ValueError, match=r"text\.mid is not a MIDI file"):
        write(tmp_path / "text.mid", target)
    with pytest.raises(ValueError, match=r"has no notes: take another"):
        write(make([tempo()]), target)
    assert not target.exists()


@both
@pytest.mark.parametrize("path", ["", None, b"tune", 7, "a\0.wav"])
def test_names_that_name_no_file(write, name, path, make, tmp_path):
    for argument, call in (
            ("midi", lambda: write(path, tmp_path / name)),
            (name[-3:], lambda: write(make(PLAIN), path))):
        with pytest.raises(ValueError, match=re.escape(
                f"{argument} is {path!r}: give the name of a file or folder")):
            call()


@both
def test_a_target_that_cannot_be_written(write, name, make, tmp_path):
    tune = make(PLAIN)
    with pytest.raises(OSError, match=r"cannot be written \(No such file.*: "):
        write(tune, tmp_path / "none" / name)
    with pytest.raises(ValueError, match=rf"does not end in \.{name[-3:]}: "):
        write(tune, tune)
    (tmp_path / name).mkdir()
    with pytest.raises(OSError, match=r"cannot be written \(Is a dir.*: "):
        write(tune, tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {"tune.mid", name}


@both
def test_a_failed_write_leaves_the_old_file(write, name, make, tmp_path,
                                            monkeypatch):
    tune, target = make(PLAIN), tmp_path / name
    target.write_bytes(b"old")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match=r"No space left on device.*: give"):
        write(tune, target)
    assert target.read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == {"tune.mid", name}


@pytest.mark.parametrize("rate", [7999, 48001, 22050.5, "high", None])
def test_sample_rates_that_cannot_be(make, tmp_path, rate):
    with pytest.raises(ValueError, match=r"sample_rate is .*: it must be "):
        render(make(PLAIN), tmp_path / "tune.wav", sample_rate=rate)


def test_music_that_is_too_long(make, tmp_path):
    tune = make([tempo(0, 10**7), on(69), off(69, 100 * 4 * 721)])
    with pytest.raises(ValueError, match=r"lasts 481 minutes: take .* 30 min"
                                         r"utes$"):
        render(tune, tmp_path / "tune.wav")
    with pytest.raises(ValueError, match=r"has 721 bars: take .* 720 bars$"):
        piano_roll(tune, tmp_path / "tune.png")
    assert [path.name for path in tmp_path.iterdir()] == ["tune.mid"]


def test_more_notes_than_can_be_rendered(make, tmp_path):
    tune = make([on(69)] * 3000 + [off(69, 10 ** 4)] + [off(69)] * 2999)
    with pytest.raises(ValueError, match=r"the 3000 notes last 6\.8 hours "
                                         r"in all: take a file of at most 4"):
        render(tune, tmp_path / "tune.wav")


def test_broken_files_are_a_sentence_or_music(make, tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "LONGEST_MUSIC", 60)
    tune = make([tempo(), *PLAIN], [on(60), on(64), off(60, 50), off(64, 9)])
    whole, wav = tune.read_bytes(), tmp_path / "tune.wav"
    rng, played = random.Random(0), 0
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        tune.write_bytes(data)
        try:
            render(tune, wav, sample_rate=8000)
            draw_roll(*read_sounds(tune), "tune")
            played += 1
        except ValueError as error:
            assert ": " in str(error) and "\n" not in str(error)
    assert 30 < played < 300


def test_the_parts_of_a_file_are_those_of_its_tracks(make):
    melody = [on(72), on(74, 90), off(72, 10), off(74, 90)]  # legato
    chords = [on(60), on(64), off(60, 100), off(64)]
    _, sounds = read_sounds(make(chords, melody))
    assert [sound.part for sound in sounds] == ["chords"] * 2 + ["melody"] * 2
