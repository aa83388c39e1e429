"""Damaged zips: the right text, or one sentence, and nothing else."""
import io
import resource
import signal
import zipfile
from contextlib import contextmanager

import pytest
from d2lrnn.data.reading import read_source

METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2,
           zipfile.ZIP_LZMA]
NAMES = ["poem.txt", "a.txt", "notes.TXT", "b/c.txt", "d.png", ".e.txt",
         "__MACOSX/._poem.txt", "落霞.txt"]
# the fields of the three records: from which byte to which
FIELDS = {
    b"PK\3\4": [(4, 6), (6, 8), (8, 10), (10, 14), (14, 18), (18, 22),
                (22, 26), (26, 28), (28, 30)],
    b"PK\1\2": [(4, 6), (6, 8), (8, 10), (10, 12), (12, 16), (16, 20),
                (20, 24), (24, 28), (28, 30), (30, 32), (32, 34), (34, 36),
                (36, 38), (38, 42), (42, 46)],
    b"PK\5\6": [(4, 6), (6, 8), (8, 10), (10, 12), (12, 16), (16, 20),
                (20, 22)],
}
VALUES = [0, 1, 8, 12, 14, 98, 0x7f, 0xff, 0xffff, 2 ** 31, 2 ** 32 - 1]


class Stream(io.RawIOBase):
    """A file that cannot be sought in: sizes come after the data."""

    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.data += data
        return len(data)


def make(rng):
    """Return the bytes of a whole zip, and the text of each member."""
    names = [str(name) for name in rng.permutation(NAMES)[:rng.integers(1, 6)]]
    if not any(name[0] not in "._" and name.lower().endswith(".txt")
               for name in names):
        names.append("last.txt")
    texts = {}
    for name in names:
        words = rng.integers(0, 10 ** rng.integers(1, 7),
                             rng.integers(1, 2000))
        texts[name] = f"{name}: {' '.join(map(str, words))} 天"
    out = Stream() if rng.random() < 0.3 else io.BytesIO()
    with zipfile.ZipFile(out, "w", METHODS[rng.integers(4)]) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
        if rng.random() < 0.2:
            archive.comment = rng.bytes(20)
    return bytearray(out.data if isinstance(out, Stream) else out.getvalue()
                     ), texts


def flip(data, rng):
    for place in rng.integers(0, len(data), rng.integers(1, 5)):
        data[place] ^= 1 << int(rng.integers(8))


def cut(data, rng):
    place = int(rng.integers(len(data)))
    if rng.random() < 0.7:
        del data[place:]
    else:
        del data[:place]


def splice(data, rng):
    start, other = map(int, rng.integers(0, len(data), 2))
    piece = [b"", bytes(30), rng.bytes(30), data[other:other + 50]]
    data[start:start + int(rng.integers(60))] = piece[rng.integers(4)]


def places(data, signature):
    found, start = [], data.find(signature)
    while start >= 0:
        found.append(start)
        start = data.find(signature, start + 4)
    return found


def field(data, rng):
    """Give a field of a record, or the same of each, another value."""
    signature = list(FIELDS)[rng.integers(3)]
    start, end = FIELDS[signature][rng.integers(len(FIELDS[signature]))]
    value = (VALUES[rng.integers(len(VALUES))] if rng.random() < 0.7
             else int(rng.integers(2 ** 32))) % 256 ** (end - start)
    found = places(data, signature)
    for place in found if rng.random() < 0.5 else [
            found[rng.integers(len(found))]]:
        data[place + start:place + end] = value.to_bytes(end - start,
                                                         "little")


def method(data, rng):
    """Say of each member that it was packed otherwise."""
    value = [0, 1, 6, 8, 9, 12, 14, 93, 99][rng.integers(9)]
    for signature, start in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        for place in places(data, signature):
            data[place + start] = value


def swap(data, rng):
    """Let the directory exchange two members' names, or places."""
    found = places(data, b"PK\1\2")
    one, two = (found[i] for i in rng.integers(0, len(found), 2))
    if rng.random() < 0.5:
        spans = [slice(place + 42, place + 46) for place in (one, two)]
    else:
        spans = [slice(place + 46, place + 46 + data[place + 28])
                 for place in (one, two)]
        if spans[0].stop - spans[0].start != spans[1].stop - spans[1].start:
            return
    data[spans[0]], data[spans[1]] = data[spans[1]], data[spans[0]]


MUTATIONS = [flip, flip, cut, splice, field, field, method, swap]


class Hung(BaseException):
    """Raised in a try that takes too long; no handler may catch it."""


@contextmanager
def bounds(seconds=20, memory=2 * 10 ** 9):
    """Interrupt what takes too long, and bound the memory it can get."""
    def stop(*_):
        raise Hung

    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read(path):
    """Return a zip's text and which it is, or the error, and its sentence."""
    try:
        with bounds():
            return read_source(path)
    except Hung:
        return Hung, "it took too long"
    except Exception as error:
        return type(error), str(error)


def judge(result, words, right, texts):
    """Return what became of a damaged zip; a failure begins with "!"."""
    if isinstance(result, str):
        if (result, words) == right:
            return "read"
        # another text of the same zip is right only where it is named
        for name, text in texts.items():
            if result == text and words.startswith(f"poem.zip: {name}"):
                return "another_text_named"
        return f"! another text, as {words}"
    if result not in (ValueError, FileNotFoundError):
        return f"! {result.__name__}: {words}"
    if len(words.splitlines()) != 1 or "MemoryError" in words:
        return f"! no sentence: {words!r}"
    return "refused"


@pytest.mark.campaign
def test_zips(campaign, tmp_path):
    """Damaged zips: the right text, or one sentence."""
    path = tmp_path / "poem.zip"
    for n in campaign.tries(short=100, long=1500):
        data, texts = make(campaign.rng)
        path.write_bytes(data)
        right = read(path)
        if right[0] not in texts.values():
            campaign.failed(f"try {n}: a whole zip: {right}")
        mutation = MUTATIONS[campaign.rng.integers(len(MUTATIONS))]
        mutation(data, campaign.rng)
        path.write_bytes(data)
        outcome = judge(*read(path), right, texts)
        if outcome[0] == "!":
            campaign.failed(f"try {n}, {mutation.__name__}: {outcome}")
        else:
            campaign.became[outcome] += 1


def test_the_judge_knows_a_failure():
    texts = {"poem.txt": "to be", "a.txt": "or not"}
    right = ("to be", "poem.zip")
    assert judge(*right, right, texts) == "read"
    assert judge("or not", "poem.zip", right, texts)[0] == "!"
    assert judge("to bo", "poem.zip", right, texts)[0] == "!"
    assert judge("or not", "poem.zip: a.txt, the largest of 2 texts", right,
                 texts) == "another_text_named"
    assert judge(KeyError, "a", right, texts)[0] == "!"
    assert judge(ValueError, "a\nb", right, texts)[0] == "!"
    assert judge(ValueError, "is no zip: get another", right,
                 texts) == "refused"
