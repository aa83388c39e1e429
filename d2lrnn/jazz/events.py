"""Read the bytes of a MIDI file as notes, as players do.

Anything that makes no music is skipped, whatever it contains. A wrong number
or length of tracks, a missing end, and bytes after the end are tolerated.
"""
import io
import os
from collections import defaultdict, deque
from contextlib import suppress
from pathlib import Path

import mido

__all__ = ["find_notes", "read_midi", "spellings"]

LARGEST_MIDI = 2 ** 22  # bytes: a million notes
FOREWORD = 256  # the most bytes that some systems put before a file
# How many bytes follow a status byte: of a channel message, by its first hex
# digit, and of a system message; other system messages have none
CHANNEL_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
PERCUSSION = 9  # the channel whose numbers are drums, not pitches
SYSTEM, META, EXCLUSIVE = 0xF0, 0xFF, (0xF0, 0xF7)
TRACK_NAME, END_OF_TRACK, SET_TEMPO, TIME_SIGNATURE = 0x03, 0x2F, 0x51, 0x58


def read_midi(path):
    """Return the ``mido.MidiFile`` at a path.

    Its tracks keep their names, in Latin-1, notes, tempos, time signatures and
    ends. Raise ``FileNotFoundError`` or ``ValueError`` if it cannot be read.
    """
    data = read_midi_bytes(path)
    begin = data.find(b"MThd", 0, FOREWORD)
    header = data[begin + 8:begin + 14]
    if begin < 0 or len(header) < 6:
        raise ValueError(f"{path} is not a MIDI file, or only the beginning "
                         f"of one: get a new copy of it")
    kind, number, ticks = (int.from_bytes(header[i:i + 2], "big")
                           for i in (0, 2, 4))
    if not 0 < ticks < 2 ** 15:
        raise ValueError(f"{path} counts time in frames (SMPTE) or not at "
                         f"all: save it with ticks per quarter")
    if kind == 2:
        raise ValueError(f"{path} is a MIDI file of format 2, whose tracks "
                         f"are separate pieces: save it in format 1")
    midi = mido.MidiFile(type=1, ticks_per_beat=ticks)
    midi.tracks += read_tracks(path, data, begin, number)
    return midi


def read_midi_bytes(path):
    """Return the bytes of a file, or raise an error that says why not."""
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder: give the path of a MIDI file")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file at {path}: check the path")
    size = os.path.getsize(path)
    if size > LARGEST_MIDI:
        raise ValueError(f"{path} has {size / 2 ** 20:.0f} MiB: take a MIDI "
                         f"file of at most {LARGEST_MIDI / 2 ** 20:.0f} MiB")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): check "
                         f"its permissions") from None


def read_tracks(path, data, begin, number):
    """Yield at most ``number`` tracks of a file.

    Each track is found by its mark, since lengths may be wrong.
    """
    file = io.BytesIO(data)
    for i in range(number):
        begin = data.find(b"MTrk", begin)
        if begin < 0:
            return
        file.seek(begin + 4)
        try:
            yield read_track(file)
        except EOFError:
            raise ValueError(f"{path} ends within track {i}, or is broken "
                             f"there: get a new copy of it") from None
        except LookupError:
            raise ValueError(f"{path} is broken at byte {file.tell()}, in "
                             f"track {i}: get a new copy of it") from None
        begin = file.tell()


def read_track(file):
    """Return the next track, reading a file from the track's length on.

    The track ends at its end mark or after its length; a message that crosses
    that point still counts. Raise ``EOFError`` if the file ends first, and
    ``LookupError`` if no message begins where one should.
    """
    stop = int.from_bytes(take(file, 4), "big") + file.tell()
    track, status, time, kind = mido.MidiTrack(), None, 0, None
    while kind != END_OF_TRACK and file.tell() < stop:
        time += read_number(file)
        first, = take(file, 1)
        if first < 0x80:  # data: the previous message's status applies
            file.seek(-1, os.SEEK_CUR)
            if status is None:
                raise LookupError
            first = status
        elif first < SYSTEM:
            status = first
        kind, content = read_content(file, first)
        message = make_message(kind, content, time)
        if message:
            track.append(message)
            time = 0
    track.append(mido.MetaMessage("end_of_track", time=time))
    return track


def read_content(file, first):
    """Return ``(kind, content)`` of a message, given its first byte.

    The kind is this byte or, for meta messages, the next one.
    """
    if first == META:
        first, = take(file, 1)
        return first & 0x7F, take(file, read_number(file))
    if first in EXCLUSIVE:
        return first, take(file, read_number(file))
    number = (SYSTEM_BYTES.get(first, 0) if first > SYSTEM
              else CHANNEL_BYTES[first >> 4])
    return first, take(file, number)


def make_message(kind, content, time):
    """Return a mido message, or None for one that makes no music.

    >>> make_message(0x91, bytes([60, 200]), 4)
    Message('note_on', channel=1, note=60, velocity=127, time=4)
    >>> make_message(0xB0, bytes([7, 200]), 4)
    """
    if kind >> 4 in (0x8, 0x9) and content[0] < 0x80:
        return mido.Message(
            "note_on" if kind >> 4 == 0x9 else "note_off", channel=kind & 15,
            note=content[0], velocity=min(content[1], 127), time=time)
    if kind == TRACK_NAME:
        return mido.MetaMessage("track_name", name=content.decode("latin-1"),
                                time=time)
    if kind == SET_TEMPO and len(content) == 3:
        return mido.MetaMessage("set_tempo", time=time,
                                tempo=int.from_bytes(content, "big"))
    if kind == TIME_SIGNATURE and len(content) > 1 and (
            content[0] and content[1] < 7):
        return mido.MetaMessage("time_signature", numerator=content[0],
                                denominator=2 ** content[1], time=time)
    return None


def read_number(file):
    """Return the next number in a file: up to 4 bytes with 7 bits each.

    >>> read_number(io.BytesIO(bytes([0x83, 0x00, 0x40])))
    384
    """
    number = 0
    for _ in range(4):
        byte, = take(file, 1)
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return number


def take(file, number):
    """Return the next bytes of a file, or raise ``EOFError``."""
    data = file.read(number)
    if len(data) < number:
        raise EOFError
    return data


def find_notes(track):
    """Return ``(start, stop, pitch)`` of each note of a track, in ticks.

    The notes are in the order in which the track strikes them; they end where
    ``find_stops`` says.
    """
    struck, events, now = [], defaultdict(list), 0
    for message in track:
        now += message.time
        if (message.type not in ("note_on", "note_off")
                or message.channel == PERCUSSION):
            continue
        number = None
        if message.type == "note_on" and message.velocity:
            number = len(struck)
            struck.append((now, message.note))
        events[message.channel, message.note].append((now, number))
    stops = {}
    for of_a_key in events.values():
        stops.update(find_stops(of_a_key, now))
    return [(start, stops[number], pitch)
            for number, (start, pitch) in enumerate(struck)]


def find_stops(events, end):
    """Return a dict from the numbers of a key's notes to their last ticks.

    ``events`` are ``(tick, number)``, where a note-off has the number None. A
    note ends at the first note-off that does not belong to an earlier note; if
    there is none, at the key's next note, or else at ``end``.

    >>> find_stops([(0, 0), (4, 1), (8, None), (12, None)], end=20)
    {0: 8, 1: 12}
    >>> find_stops([(0, 0), (4, 1), (8, None), (12, 2)], end=20)
    {0: 4, 1: 8, 2: 20}
    """
    endless, stops = find_endless(events), {}
    sounding, last = deque(), None
    for tick, number in events:
        if number is None:
            if sounding:
                stops[sounding.popleft()] = tick
            continue
        if last is not None:
            stops[last], last = tick, None
        if number in endless:
            last = number
        else:
            sounding.append(number)
    if last is not None:
        stops[last] = end
    return stops


def find_endless(events):
    """Return a set of the numbers of a key's notes that lack a note-off.

    They must be known before note-offs are assigned in order: otherwise every
    note from there on would get the next note's note-off. Here each note-off
    goes to the latest possible note, which leaves over the notes that lack
    one. A note at the same tick is the last choice, since some files strike a
    key again before they release it.

    >>> find_endless([(0, 0), (4, 1), (4, None), (8, 2), (9, None)])
    {1}
    """
    before, now, at = [], [], None
    for tick, number in events:
        if tick != at:
            before += now
            now, at = [], tick
        if number is not None:
            now.append(number)
        elif before or now:
            (before or now).pop()
    return {*before, *now}


def spellings(name):
    r"""Return the possible names of a track, the likeliest first.

    A file does not name its encoding: UTF-8, Shift-JIS and Latin-1 are tried.
    ``name`` was decoded as Latin-1.

    >>> spellings("piano"), spellings("caf\xe9"), spellings("caf\xc3\xa9")
    (['piano'], ['café'], ['café', 'cafﾃｩ', 'cafÃ©'])
    """
    data, names = name.encode("latin-1").strip(b"\0 "), []
    # in a Japanese name most characters, if not most bytes, are above 127
    japanese = 3 * sum(byte > 127 for byte in data) > len(data)
    for charset in ("utf-8", *("cp932", "latin-1")[::1 if japanese else -1]):
        with suppress(UnicodeDecodeError):
            names.append(data.decode(charset))
    return list(dict.fromkeys(names))
