"""Find, download and read texts."""
import codecs
import os
import re
import stat
import warnings
import zipfile
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import NamedTuple
from unicodedata import category

import pooch
from d2lrnn.basics.checks import shown
from d2lrnn.basics.errors import D2LRNNWarning, SettingError
from d2lrnn.basics.files import to_text

__all__ = ["TEXTS", "Text", "cache_folder", "find_text", "in_folders",
           "is_path", "read_source", "read_text", "readable",
           "text_in_folders"]


class Text(NamedTuple):
    """A text that the package knows by name, and its replacement."""

    file: str
    sha256: str
    url: str | None  # None: there is nothing to download
    fallback: str
    fallback_is: str = "the original lyrics"


TEXTS = {
    "jaychou_lyrics": Text(
        file="jaychou_lyrics.txt.zip",
        sha256="3cfedd7d174111cdad5a27eaffaa6a24"
               "32a2842cf2590a03dd8a97610ea07043",
        url="https://raw.githubusercontent.com/d2l-ai/d2l-zh/v1/data/"
            "jaychou_lyrics.txt.zip",
        fallback="original_lyrics.txt"),
    "tinyshakespeare": Text(
        file="tinyshakespeare.txt",
        sha256="86c4e6aa9db7c042ec79f339dcb96d42"
               "b0075e16b8fc2e86bf0ca57e2dc565ed",
        url="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
            "tinyshakespeare/input.txt",
        fallback="original_sonnets.txt",
        fallback_is="the original sonnets"),
    "shakespeare": Text(
        file="shakespeare.txt",
        sha256="1b454b67b44e6f367c83a17ed295c46c"
               "5d4a1173cf5d09161882af4041bae023",
        url=None,
        fallback="original_sonnets.txt",
        fallback_is="the original sonnets"),
    "dinos": Text(
        file="dinos.txt",
        sha256="ad6465621cf56c08f71d4fbb40cf7eab"
               "763f9df42c54cc460d6c4d86e9c927fb",
        url=None,
        fallback="dinosaur_genera.txt",
        fallback_is="the dinosaur genera"),
}
LIMIT = 2 * 10 ** 9  # bytes of a text, and of its zip
PIECE = 2 ** 20  # bytes
SUFFIXES = (".txt", ".text", ".zip", ".md", ".rst", ".tex", ".csv", ".tsv",
            ".json", ".xml", ".html", ".htm", ".log", ".gz")
# by these names a program reads what is piped into it
STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


def find_text(name, fallback=True):
    """Return the path of a known text, or of its replacement."""
    known = TEXTS[name]
    found = text_in_folders(name)
    if found:
        return found
    problem = f"{known.file} is neither in $D2LRNN_DATA nor lyrics_data/"
    no_download = None
    if known.url and (cache := cache_folder()) is None:
        problem += (", and there is no home folder to download it to (HOME "
                    "is not set)")
    elif known.url:
        try:
            return download(known, cache)
        except (OSError, ValueError) as error:
            no_download = error
            problem = (f"{known.file} is neither in $D2LRNN_DATA, "
                       f"lyrics_data/ nor {cache}, and could not be "
                       f"downloaded ({type(error).__name__})")
    if not fallback:
        raise FileNotFoundError(
            f"{problem}: put it into a folder and set D2LRNN_DATA to that "
            f"folder") from no_download
    warnings.warn(f"{problem}; using {known.fallback_is} that ship with "
                  f"d2lrnn ({known.fallback}) instead", D2LRNNWarning,
                  stacklevel=3)
    return Path(resources.files("lyrics_data") / known.fallback)


def text_in_folders(name):
    """Return the path of a known text in the folders of texts, or None."""
    file = TEXTS[name].file
    return in_folders(file, file.removesuffix(".zip"))


def in_folders(*names):
    """Return the first file with one of these names, or None.

    The folders of texts are searched in their order.
    """
    for folder in _folders():
        for name in names:
            if os.path.isfile(folder / name):
                return folder / name
    return None


def _folders():
    """Yield the folders of texts: first the user's, then the package's."""
    chosen = os.environ.get("D2LRNN_DATA")
    if chosen:
        if not Path(chosen).is_dir():
            raise SettingError(f"D2LRNN_DATA is {chosen}, which is not a "
                               f"folder: set it to the folder of your texts")
        yield Path(chosen)
    yield Path(resources.files("lyrics_data"))


def cache_folder():
    """Return the folder of downloads, or None for a user without a home."""
    try:
        folder = Path(pooch.os_cache("d2lrnn"))
    except (OSError, RuntimeError, ValueError, KeyError):
        return None
    return folder if folder.is_absolute() else None


def download(known, folder):
    """Fetch a known text into a folder and return its path.

    The sha256 is checked before the file gets its name, so a broken download
    leaves nothing behind. Connecting may take 3 seconds, and the server may
    be silent for 10.
    """
    return Path(pooch.retrieve(
        known.url, known_hash=f"sha256:{known.sha256}", fname=known.file,
        path=folder,
        downloader=pooch.HTTPDownloader(timeout=(3, 10))))


def is_path(text):
    r"""Return whether a str is the path of a text, and not the text itself.

    One line of at most 1,000 characters, with no line end, is a path if

    * a file or folder of this name exists, or
    * it ends with one of SUFFIXES, in upper or lower case, or
    * it begins as paths do: ``/x``, ``./``, ``../`` or ``~/``, or
    * it is a web address, or
    * the part before its last ``/`` is an existing folder.

    >>> is_path("data/input.md"), is_path("README.MD"), is_path("./poem")
    (True, True, True)
    >>> is_path("and/or"), is_path("Hello."), is_path("poem.txt\n")
    (False, False, False)
    """
    if not text or len(text.splitlines()) > 1 or len(text) > 1000 or (
            text[-1] in "\r\n"):
        return False
    folder, _, name = text.rpartition("/")
    return bool(os.path.exists(text) or text.lower().endswith(SUFFIXES)
                or re.match(r"/\S|\.\.?/|~[\w.-]*(/|$)|\w+://\S+$", text)
                or (folder and name and os.path.isdir(folder)))


def read_text(path):
    """Read a UTF-8 file, or the text inside a zip, without its BOM.

    Raise ``FileNotFoundError`` or ``ValueError`` if there is no usable text,
    or one of more than LIMIT bytes.
    """
    return read_source(path)[0]


def read_source(path):
    """Return the text of a file, and the name of the file in words.

    In a zip, the .txt with the name of the zip is read, or else the largest
    .txt, leaving out hidden files and those in ``__MACOSX``.
    """
    path, source = Path(path), readable(path)
    check_file(path)
    try:
        file = open(path, "rb")
    except OSError as error:
        raise ValueError(f"{source} cannot be read ({error.strerror}): give "
                         f"a text that can") from None
    with file:
        name = readable(path.name)
        if path.suffix.lower() == ".zip":
            data, member = unzip(file, path)
            name += member
        else:
            with _one_sentence(source, "readable"):
                data = read_bytes(file)
    check_size(len(data), source)
    return decode(data, source), name


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
        raise ValueError(f"{source} is no regular file, and may have no end: "
                         f"give the path of a text")
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
    """Turn whatever goes wrong with a damaged file into one sentence."""
    try:
        yield
    except Exception as error:
        reason = readable(" ".join(str(error).split()))
        raise ValueError(
            f"{source} is not {what} ({reason or type(error).__name__}): get "
            f"a new copy of it") from None


def read_bytes(file):
    """Return the bytes of a file, or just over LIMIT if it has more."""
    data = bytearray()
    while len(data) <= LIMIT and (piece := file.read(PIECE)):
        data += piece
    return data


def unzip(file, path):
    """Return the bytes of a zip's text, and its name if that is another.

    The sizes that the zip claims are checked before anything is unpacked.
    """
    source = readable(path)
    with _one_sentence(source, "a readable zip"):
        archive = zipfile.ZipFile(file)
        for member in archive.infolist():
            check_names(archive, member)
    member, what = choose_member(archive.infolist(), path)
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
    except (RuntimeError, NotImplementedError):  # encrypted, or packed oddly
        pass


def choose_member(members, path):
    """Return the member of a zip that is its text, and its name in words.

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


def decode(data, source):
    """Return UTF-8 bytes as text, without a byte order mark."""
    if not data:
        raise ValueError(f"{source} is empty: a corpus needs characters")
    if encoding := wide_encoding(data[:PIECE]):
        raise ValueError(f"{source} looks like {encoding}: save it as UTF-8")
    if b"\0" in data:
        raise ValueError(f"{source} has a NUL (byte {data.index(0)}), as no "
                         f"text has: save it as UTF-8, or take that out")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        like = ", but may be GBK" if looks_chinese(data[:PIECE]) else ""
        raise ValueError(f"{source} is not UTF-8 (byte {error.start}){like}: "
                         f"save it as UTF-8") from None


def wide_encoding(data):
    """Return "UTF-16" or "UTF-32" if bytes look like one of them, or None.

    Bytes without a byte order mark look like it if they contain NULs and
    decode to ordinary characters alone. A few NULs in valid UTF-8 are no sign
    of UTF-16.

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
    """Return the text that bytes begin with in an encoding, or None."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return None


def looks_chinese(data):
    """Return whether bytes may be Chinese text in GBK or GB18030.

    They may if most of the characters that are not ASCII are punctuation or
    in common use in Chinese.

    >>> text = "落霞与孤鹜齐飞,秋水共长天一色。"
    >>> looks_chinese(text.encode("gbk")), looks_chinese("é".encode("latin-1"))
    (True, False)
    """
    codes = [char.encode("gb18030") for char in decoded(data, "gb18030") or ""
             if ord(char) > 127]
    common = sum(code[0] in range(0xa1, 0xa4) or code[0] in range(0xb0, 0xd8)
                 for code in codes if len(code) == 2 and code[1] > 0xa0)
    return common > 0.8 * len(codes)
