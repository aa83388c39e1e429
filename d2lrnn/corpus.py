"""Texts to ids: find a text, read it, number its characters or words."""
import hashlib
import os
import re
import sys
import warnings
import zipfile
from importlib import resources
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pooch
from d2lrnn.errors import D2LRNNWarning, SettingError


class Text(NamedTuple):
    """A text that the package knows by name, and the one that replaces it."""

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
UNKNOWN = "<unk>"  # never a token of a text: it would be three
IDEOGRAPH = ("\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
             "\U00020000-\U0003ffff")
PIECE = 2 ** 16  # characters
WORDS = re.compile(rf"[{IDEOGRAPH}]|[^\W{IDEOGRAPH}]+|\W")


class Corpus(tuple):
    """A text as ids: the book's four values, and where the text came from.

    Unpacks to ``(corpus_indices, char_to_idx, idx_to_char, vocab_size)``;
    corpus_indices is an int32 array of shape (number of tokens,). The tokens
    are characters if ``level`` is "char", words if it is "word"; the names
    stay the book's in both cases.

    ``source`` says in words which text it is, ``num_chars`` is the number of
    its characters, and ``sha256`` that of the text in UTF-8, as hexadecimal
    digits: both of the text as it was before rare tokens became "<unk>".

    >>> corpus = Corpus.from_text("abcab", source="five letters")
    >>> corpus_indices, char_to_idx, idx_to_char, vocab_size = corpus
    >>> corpus_indices.tolist(), idx_to_char, vocab_size
    ([0, 1, 2, 0, 1], ['a', 'b', 'c'], 3)
    >>> corpus.text, corpus.source
    ('abcab', 'five letters')
    """

    corpus_indices = property(lambda self: self[0])
    char_to_idx = property(lambda self: self[1])
    idx_to_char = property(lambda self: self[2])
    vocab_size = property(lambda self: self[3])
    source: str
    level: str
    num_chars: int
    sha256: str

    @classmethod
    def from_text(cls, text, source, level="char", min_freq=1):
        """Make a corpus of a text: number its distinct tokens, sorted.

        With a ``min_freq`` above 1, id 0 is "<unk>", and stands for every
        token that comes fewer than ``min_freq`` times. Raise ``ValueError``
        for another ``level`` than "char" and "word", for a ``min_freq`` below
        1, and for one that no token reaches.

        >>> corpus = Corpus.from_text("to be or not to be", "six words",
        ...                           level="word", min_freq=2)
        >>> corpus.idx_to_char, corpus.text
        (['<unk>', ' ', 'be', 'to'], 'to be <unk> <unk> to be')
        """
        if min_freq < 1:
            raise ValueError(f"min_freq is {min_freq}: it must be at least 1")
        if level == "char":
            ids, vocabulary = _number_chars(text)
        else:
            ids, vocabulary = _number_tokens(tokenize(text, level))
        if min_freq > 1:
            ids, vocabulary = _without_rare(ids, vocabulary, min_freq)
        return cls._numbered(ids, vocabulary, text, source, level)

    @classmethod
    def from_tokens(cls, tokens, source):
        """Make a corpus of a list of tokens, numbered in sorted order.

        Its ``level`` is "token".

        >>> Corpus.from_tokens(["C,1.000", "A,0.500"], "two notes").idx_to_char
        ['A,0.500', 'C,1.000']
        """
        return cls._numbered(*_number_tokens(tokens), "".join(tokens), source,
                             "token")

    @classmethod
    def _numbered(cls, ids, vocabulary, text, source, level):
        token_to_idx = {token: i for i, token in enumerate(vocabulary)}
        corpus = cls((ids, token_to_idx, vocabulary, len(vocabulary)))
        corpus.source, corpus.level = source, level
        corpus.num_chars = len(text)
        corpus.sha256 = hashlib.sha256(text.encode("utf-8")).hexdigest()
        return corpus

    @property
    def text(self):
        """The text again, from its ids, with "<unk>" for rare tokens."""
        return "".join(self.idx_to_char[i] for i in self.corpus_indices)


def tokenize(text, level):
    """Return the tokens of a text: a list of strings that join to the text.

    At level "char" each character is a token. At level "word" a run of
    letters, digits and underscores is one, and so is each CJK ideograph and
    each other character. Raise ``ValueError`` for another level.

    >>> tokenize("Dr. Wu 走了", "word")
    ['Dr', '.', ' ', 'Wu', ' ', '走', '了']
    """
    if level == "char":
        return list(text)
    if level == "word":
        return WORDS.findall(text)
    raise ValueError(f"level is {level!r}: it must be 'char' or 'word'")


def _number_chars(text):
    """Return the ids of a text's characters, and the characters, sorted.

    The text is read in pieces that fit into the processor's caches.
    """
    def pieces():
        for i in range(0, len(text), PIECE):
            piece = text[i:i + PIECE].encode("utf-32-le")
            yield i, np.frombuffer(piece, dtype=np.uint32)

    code_to_idx = np.zeros(sys.maxunicode + 1, dtype=np.int32)
    for _, codes in pieces():
        code_to_idx[codes] = 1
    vocabulary = np.flatnonzero(code_to_idx)
    code_to_idx[vocabulary] = np.arange(len(vocabulary))
    ids = np.empty(len(text), dtype=np.int32)
    for i, codes in pieces():
        code_to_idx.take(codes, out=ids[i:i + PIECE], mode="clip")
    return ids, [chr(code) for code in vocabulary]


def _number_tokens(tokens):
    """Return the ids of tokens, and the distinct tokens, sorted."""
    vocabulary = sorted(set(tokens))
    token_to_idx = {token: i for i, token in enumerate(vocabulary)}
    ids = np.fromiter(map(token_to_idx.__getitem__, tokens), np.int32,
                      count=len(tokens))
    return ids, vocabulary


def _without_rare(ids, vocabulary, min_freq):
    """Give id 0, "<unk>", to the tokens that come too seldom."""
    counts = np.bincount(ids, minlength=len(vocabulary))
    kept = counts >= min_freq
    if not kept.any():
        raise ValueError(
            f"min_freq is {min_freq}, but the commonest token comes only "
            f"{counts.max(initial=0)} times: use a smaller min_freq")
    new_ids = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return new_ids[ids], [UNKNOWN, *compress(vocabulary, kept)]


def load_data_jay_lyrics(*, fallback=True):
    """Load the first 10,000 characters of the Jay Chou lyrics, as the book.

    Newlines become spaces. The text is looked for in ``$D2LRNN_DATA``, in
    lyrics_data/, in the user's cache, and then downloaded from the book's
    repository. Without it, the original lyrics that ship with the package are
    used, with a warning, or ``FileNotFoundError`` is raised if ``fallback`` is
    false.

    Return a ``Corpus``, which unpacks to ``(corpus_indices, char_to_idx,
    idx_to_char, vocab_size)``. Source: D2L (Chinese, first edition) 6.3.
    """
    return load_corpus(find_text("jaychou_lyrics", fallback),
                       num_chars=10_000, newline=" ")


def load_corpus(path_or_text, *, num_chars=None, newline="\n", fallback=True,
                level="char", min_freq=1):
    r"""Read a UTF-8 text and return it as a ``Corpus``.

    ``path_or_text`` is the name of a known text ("jaychou_lyrics",
    "tinyshakespeare", "shakespeare", "dinos"), the path of a .txt or .zip
    file, the name of one in ``$D2LRNN_DATA`` or in lyrics_data/, or the text
    itself. A byte
    order mark is dropped, and every line end becomes ``newline``;
    ``num_chars`` keeps that many characters from the start. ``fallback`` is
    that of ``load_data_jay_lyrics``; ``level`` and ``min_freq`` are those of
    ``Corpus.from_text``. Raise ``ValueError`` or ``FileNotFoundError`` in one
    sentence where there is no usable text.

    >>> load_corpus("one\r\ntwo\n").text
    'one\ntwo\n'
    """
    if num_chars is not None and num_chars < 1:
        raise ValueError(f"num_chars is {num_chars}: it must be at least 1")
    if isinstance(path_or_text, str) and path_or_text in TEXTS:
        path = find_text(path_or_text, fallback)
        text, source = read_text(path), path.name
    elif _is_path(path_or_text):
        path = Path(path_or_text).expanduser()
        if not path.exists():
            path = _in_folders(path) or path
        text, source = read_text(path), path.name
    else:
        text, source = path_or_text, "a text given as a string"
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\n", newline)
    if not text:
        raise ValueError(f"{source} is empty: a corpus needs characters")
    kept = text[:num_chars]
    if len(kept) < len(text):
        source += f", first {len(kept):,} of {len(text):,} characters"
    return Corpus.from_text(kept, source, level, min_freq)


def find_text(name, fallback=True):
    """Return the path of a known text, or of the one that replaces it."""
    known = TEXTS[name]
    found = text_in_folders(name)
    if found:
        return found
    problem = f"{known.file} is neither in $D2LRNN_DATA nor lyrics_data/"
    no_download = None
    if known.url:
        try:
            return download(known)
        except (OSError, ValueError) as error:
            no_download = error
            problem = (f"{known.file} is neither in $D2LRNN_DATA, "
                       f"lyrics_data/ nor {pooch.os_cache('d2lrnn')}, and "
                       f"could not be downloaded ({type(error).__name__})")
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
    return _in_folders(file, file.removesuffix(".zip"))


def _in_folders(*names):
    """Return the first file of these names in the folders of texts."""
    for folder in _folders():
        for name in names:
            if (folder / name).is_file():
                return folder / name
    return None


def _folders():
    """Yield the folders of texts: the user's, then the package's."""
    chosen = os.environ.get("D2LRNN_DATA")
    if chosen:
        if not Path(chosen).is_dir():
            raise SettingError(f"D2LRNN_DATA is {chosen}, which is not a "
                               f"folder: set it to the folder of your texts")
        yield Path(chosen)
    yield Path(resources.files("lyrics_data"))


def download(known):
    """Fetch a known text into the user's cache and return its path.

    Its sha256 is checked before the file gets its name, so a broken download
    leaves nothing behind; a connection may take 3 seconds, a silence 10.
    """
    return Path(pooch.retrieve(
        known.url, known_hash=f"sha256:{known.sha256}", fname=known.file,
        path=pooch.os_cache("d2lrnn"),
        downloader=pooch.HTTPDownloader(timeout=(3, 10))))


def _is_path(path_or_text):
    """Tell a path from a text: a short single line that exists or looks so."""
    if isinstance(path_or_text, Path):
        return True
    if "\n" in path_or_text or len(path_or_text) > 1000:
        return False
    return (os.path.exists(path_or_text)
            or path_or_text.endswith((".txt", ".zip"))
            or path_or_text.startswith(("/", "./", "../", "~")))


def read_text(path):
    """Read a UTF-8 file, or the text inside a zip, without its BOM."""
    if not path.exists():
        raise FileNotFoundError(f"there is no text at {path}: check the path")
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give the path of a text in it")
    data = _unzip(path) if path.suffix == ".zip" else path.read_bytes()
    if not data:
        raise ValueError(f"{path} is empty: a corpus needs characters")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 (byte {error.start}): save it "
                         f"as UTF-8") from None


def _unzip(path):
    """Return the bytes of the .txt in a zip: the one of its name, or any."""
    try:
        with zipfile.ZipFile(path) as archive:
            texts = [name for name in archive.namelist()
                     if name.endswith(".txt")]
            named = [name for name in texts if Path(name).name == path.stem]
            if not texts:
                raise ValueError(f"{path} has no .txt in it: put the text in "
                                 f"as {path.stem}")
            return archive.read((named or texts)[0])
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError,
            RuntimeError) as error:
        raise ValueError(f"{path} is not a readable zip ({error}): get a new "
                         f"copy of it") from None
