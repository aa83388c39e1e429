"""Read texts from UTF-8 files, streams and zips."""
import codecs
import os
import re
import stat
import zipfile
from contextlib import contextmanager
from pathlib import Path
from unicodedata import category

from d2lrnn.basics.checks import shown
from d2lrnn.basics.files import to_text

__all__ = ["read_pieces", "read_source", "read_text", "readable"]

LIMIT = 2 * 10 ** 9  # bytes of a text, and of its zip
PIECE = 2 ** 18  # bytes
# the names under which a program reads what is piped into it
STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


def read_text(path):
    """Read a UTF-8 file, or the text inside a zip, without its BOM.

    Raise ``FileNotFoundError`` or ``ValueError`` if the text is missing,
    unusable, or larger than LIMIT bytes.
    """
    return read_source(path)[0]


def read_source(path):
    """Return the text of a file, and a printable name for it.

    In a zip, the .txt with the zip's name is read, or else the largest .txt;
    hidden files and those in ``__MACOSX`` are ignored.
    """
    pieces, name = read_pieces(path)
    return "".join(pieces), name


def read_pieces(path, member=None):
    """Return the text of a file piece by piece, and a printable name for it.

    If the file is a zip, ``member`` names the text in it; None means the one
    that ``read_source`` takes.

    The text is an iterator of str, which keeps one piece of a file in memory
    at a time, and raises ``ValueError`` at the first unusable piece.
    """
    path, source = Path(path), readable(path)
    check_file(path)
    if path.suffix.lower() == ".zip":
        # read whole, since the checksum is at its end
        with opened(path, source) as file:
            data, what = unzip(file, path, member)
        check_size(len(data), source)
        return decoded_pieces([data], source), readable(path.name) + what
    return (decoded_pieces(byte_pieces(path, source), source),
            readable(path.name))


def opened(path, source):
    """Return the open file at a path, or raise ``ValueError``."""
    try:
        return open(path, "rb")
    except OSError as error:
        raise ValueError(f"{source} cannot be read ({error.strerror}): give "
                         f"a text that can") from None


def check_file(path):
    """Raise an error unless a file can be read to its end."""
    source = readable(path)
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        if re.match(r"\w+:/", source):
            raise FileNotFoundError(
                f"{source} is an address: download it, and give the path of "
                f"the file") from None
        raise FileNotFoundError(
            f"there is no text at {source}: check the path") from None
    except OSError as error:
        raise ValueError(f"{shown(source)} cannot be read "
                         f"({error.strerror}): check the path") from None
    if stat.S_ISDIR(status.st_mode):
        raise ValueError(f"{source} is a folder: give the path of a text in "
                         f"it")
    if not stat.S_ISREG(status.st_mode) and not (
            source.startswith(STREAMS) and path.suffix.lower() != ".zip"
            and (not stat.S_ISCHR(status.st_mode) or os.isatty(0))):
        raise ValueError(f"{source} is not a regular file, and may have no "
                         f"end: give the path of a text")
    check_size(status.st_size, source)


def check_size(size, source):
    """Raise ``ValueError`` if a text has more than LIMIT bytes."""
    if size > LIMIT:
        raise ValueError(f"{source} has more than the {LIMIT / 1e9:g} GB "
                         f"that a text may have: give a part of it")


def readable(path):
    r"""Return a name as one line that can be printed and written.

    >>> readable("caf\udce9\n.txt")
    'caf??.txt'
    """
    return "".join("?" if category(char) in ("Cc", "Cs", "Zl", "Zp")
                   else char for char in to_text(path))


@contextmanager
def _one_sentence(source, what):
    """Turn any error from a damaged file into a ``ValueError``."""
    try:
        yield
    except Exception as error:
        reason = readable(" ".join(str(error).split()))
        raise ValueError(
            f"{source} is not {what} ({reason or type(error).__name__}): get "
            f"a new copy of it") from None


def byte_pieces(path, source):
    """Yield the bytes of a file in pieces."""
    size = 0
    with opened(path, source) as file:
        while True:
            with _one_sentence(source, "readable"):
                piece = file.read(PIECE)
            if not piece:
                return
            size += len(piece)
            check_size(size, source)
            yield piece


def read_bytes(file):
    """Return the bytes of a file, or just over LIMIT if it has more."""
    data = bytearray()
    while len(data) <= LIMIT and (piece := file.read(PIECE)):
        data += piece
    return data


def unzip(file, path, name=None):
    """Return the bytes of a zip's text, and its name if not the zip's.

    ``name`` is that of the text, or None to choose one.

    The sizes that the zip claims are checked before anything is unpacked.
    """
    source = readable(path)
    with _one_sentence(source, "a readable zip"):
        archive = zipfile.ZipFile(file)
        for member in archive.infolist():
            check_names(archive, member)
    member, what = choose_member(
        archive.infolist(), path) if name is None else (
        named_member(archive.infolist(), path, name), f": {name}")
    if member.flag_bits & 1:
        raise ValueError(f"{source} is encrypted: unpack it, and give the "
                         f"text in it")
    check_size(member.file_size, f"the text in {source}")
    with _one_sentence(source, "a readable zip"), archive.open(
            member) as text:
        return read_bytes(text), what


def check_names(archive, member):
    """Raise an error if a zip lists a member under a name not its own."""
    try:
        archive.open(member).close()
    except (RuntimeError, NotImplementedError):
        pass  # encrypted, or compressed in an unknown way


def choose_member(members, path):
    """Return the member of a zip that is its text, and a suffix that names it.

    >>> infos = [zipfile.ZipInfo(name) for name in (
    ...     "__MACOSX/._my.txt", "my/notes.TXT", "my/.hidden.txt", "my.png")]
    >>> choose_member(infos, Path("my.zip"))[1]
    ': my/notes.TXT'
    >>> choose_member([*infos, zipfile.ZipInfo("my.txt")], Path("my.zip"))[1]
    ''
    """
    texts = {member: member.filename.replace("\\", "/").split("/")
             for member in members}
    texts = {member: parts[-1].lower() for member, parts in texts.items()
             if parts[-1].lower().endswith(".txt") and not any(
                 part == "__MACOSX" or part.startswith(".")
                 for part in parts)}
    if not texts:
        raise ValueError(f"{readable(path)} has no .txt in it: put the text "
                         f"in as {readable(path.stem)}")
    own = path.stem.lower()
    for member, name in texts.items():
        if name in (own, f"{own}.txt"):
            return member, ""
    member = max(texts, key=lambda member: member.file_size)
    others = f", the largest of {len(texts)} texts" if len(texts) > 1 else ""
    return member, f": {readable(member.filename)}{others}"


def named_member(members, path, name):
    """Return the member of a zip that has this name."""
    for member in members:
        if member.filename == name:
            return member
    raise ValueError(f"{readable(path)} has no {name} in it: get a new copy "
                     f"of it")


def decoded_pieces(pieces, source):
    """Yield the text of UTF-8 bytes, without a byte order mark.

    Raise ``ValueError`` at the first byte that cannot be decoded.
    """
    start, place, rest = b"", 0, b""  # rest: bytes that begin a character
    for piece in pieces:
        if not start:
            start = piece[:PIECE]
            check_encoding(start, source)
        data = rest + piece if rest else piece
        if b"\0" in data:
            raise ValueError(f"{source} has a NUL (byte "
                             f"{place + data.index(0)}), which no text has: "
                             f"save it as UTF-8, or take that out")
        try:
            text, done = codecs.utf_8_decode(data, "strict", False)
        except UnicodeDecodeError as error:
            raise not_utf_8(place + error.start, start, source) from None
        yield text if place else text.removeprefix("\ufeff")
        place, rest = place + done, data[done:]
    if rest:
        raise not_utf_8(place, start, source)
    if not place:
        raise ValueError(f"{source} is empty: a corpus needs characters")


def check_encoding(start, source):
    """Raise ``ValueError`` if the start of a text is UTF-16 or UTF-32."""
    if encoding := wide_encoding(start):
        raise ValueError(f"{source} looks like {encoding}: save it as UTF-8")


def not_utf_8(place, start, source):
    """Return the error of a text with a byte that is not UTF-8."""
    like = ", but may be GBK" if looks_chinese(start) else ""
    return ValueError(f"{source} is not UTF-8 (byte {place}){like}: save it "
                      f"as UTF-8")


def wide_encoding(data):
    """Return "UTF-16" or "UTF-32" if bytes look like one of them, or None.

    Bytes without a byte order mark do so if they contain NULs and decode to
    ordinary characters only. A few NULs in valid UTF-8 are no sign of UTF-16.

    >>> wide_encoding("one".encode("utf-16-le")), wide_encoding(b"one")
    ('UTF-16', None)
    """
    if data[:4] in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        return "UTF-32"
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "UTF-16"
    names = ["UTF-32", "UTF-16"]
    if data.count(0) <= len(data) // 20 and decoded(data, "utf-8"):
        names.remove("UTF-16")
    for name in names:
        for order in ("-le", "-be"):
            text = 0 in data and decoded(data, name + order)
            if text and not any(category(char) in ("Cc", "Cn", "Co")
                                for char in set(text) - set("\t\n\f\r")):
                return name
    return None


def decoded(data, encoding):
    """Decode bytes, which may end inside a character, or return None."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return None


def looks_chinese(data):
    """Return whether bytes may be Chinese text in GBK or GB18030.

    They may be if most of the characters outside ASCII are punctuation or
    common in Chinese.

    >>> text = "落霞与孤鹜齐飞,秋水共长天一色。"
    >>> looks_chinese(text.encode("gbk")), looks_chinese("é".encode("latin-1"))
    (True, False)
    """
    codes = [char.encode("gb18030") for char in decoded(data, "gb18030") or ""
             if ord(char) > 127]
    common = sum(code[0] in range(0xa1, 0xa4) or code[0] in range(0xb0, 0xd8)
                 for code in codes if len(code) == 2 and code[1] > 0xa0)
    return common > 0.8 * len(codes)
