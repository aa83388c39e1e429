"""Turn a text into ids: number its characters or its words."""
import os
from collections import Counter
from collections.abc import Sequence
from itertools import compress
from pathlib import Path

import numpy as np
from d2lrnn.basics.checks import (
    COUNT,
    RANGES,
    check_number,
    check_numbers,
    shown,
)
from d2lrnn.data.numbering import narrow, number, number_tokens
from d2lrnn.data.pieces import Start, stripped, with_newline
from d2lrnn.data.reading import read_pieces
from d2lrnn.data.texts import TEXTS, find_text, in_folders, is_path
from d2lrnn.data.tokens import (
    EOS,
    UNKNOWN,
    check_level,
    check_text,
    is_of_words,
    spelled,
    units_of,
)

__all__ = ["Corpus", "check_corpus", "check_held_out", "check_vocabulary",
           "load_corpus", "load_data_jay_lyrics", "split"]


class Corpus(tuple):
    """A text as ids: the book's four values, and where the text came from.

    Unpacks to ``(corpus_indices, char_to_idx, idx_to_char, vocab_size)``;
    corpus_indices is an array of shape (number of tokens,), of the smallest
    of int8, int16 and int32 that holds all ids. The tokens are characters if
    ``level`` is "char", and words if it is "word" or "split"; the names are
    the book's in all cases.

    ``source`` describes the text for readers. ``num_chars`` counts its
    characters, and ``sha256`` is the hexadecimal hash of its UTF-8 bytes;
    both describe the text before rare tokens became "<unk>".
    ``own_vocabulary`` is false if the text was numbered with the vocabulary
    of another text.

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
    own_vocabulary = True

    @classmethod
    def from_text(cls, text: str, source: str, level: str = "char",
                  min_freq: int = 1, *,
                  vocabulary: Sequence[str] | None = None) -> "Corpus":
        """Make a corpus of a text: number its distinct tokens, sorted.

        With a ``min_freq`` above 1, id 0 is "<unk>" and stands for every
        token that occurs fewer than ``min_freq`` times. A ``vocabulary``,
        such as a model's ``idx_to_char``, is a list of str in which a token's
        position is its id; tokens that it lacks become its "<unk>". A
        vocabulary of level "split" always has "<eos>".

        Raise ``ValueError`` for a text that is not a str or has lone
        surrogates, a ``level`` that ``tokenize`` does not know, a ``min_freq``
        below 1 or above the count of every token, and a vocabulary of another
        level, or one that lacks "<unk>" and a token of the text.

        >>> corpus = Corpus.from_text("to be or not to be", "six words",
        ...                           level="word", min_freq=2)
        >>> corpus.idx_to_char, corpus.text
        (['<unk>', ' ', 'be', 'to'], 'to be <unk> <unk> to be')
        >>> other = Corpus.from_text("be to me", "others", level="word",
        ...                          vocabulary=corpus.idx_to_char)
        >>> other.corpus_indices.tolist(), other.vocab_size, other.text
        ([2, 1, 3, 1, 0], 4, 'be to <unk>')
        """
        check_text(text, source)
        check_numbers(min_freq=min_freq)
        return cls._numbered(number([text], check_level(level)), source, level,
                             min_freq, vocabulary)

    @classmethod
    def from_tokens(cls, tokens: list[str], source: str) -> "Corpus":
        """Make a corpus of level "token" from a list of tokens.

        The distinct tokens are numbered in sorted order.

        >>> Corpus.from_tokens(["C,1.000", "A,0.500"], "two notes").idx_to_char
        ['A,0.500', 'C,1.000']
        """
        text = "".join(tokens)
        check_text(text, source)
        return cls._numbered(number_tokens(tokens, text), source, "token")

    @classmethod
    def _numbered(cls, text, source, level, min_freq=1, vocabulary=None):
        ids, tokens = text.ids, text.tokens
        if vocabulary is not None:
            check_vocabulary(vocabulary, level, min_freq)
            ids, tokens = _renumbered(ids, tokens, list(vocabulary), source)
        elif min_freq > 1:
            ids, tokens = _without_rare(ids, tokens, min_freq)
        token_to_idx = {token: i for i, token in enumerate(tokens)}
        corpus = cls((ids, token_to_idx, tokens, len(tokens)))
        corpus.source, corpus.level = source, level
        corpus.num_chars, corpus.sha256 = text.num_chars, text.sha256
        corpus.own_vocabulary = vocabulary is None
        return corpus

    @property
    def text(self) -> str:
        """The text, put together from its ids, "<unk>" included.

        At level "split", a space precedes each word.
        """
        words = [spelled(token, self.level) for token in self.idx_to_char]
        return "".join(words[i] for i in self.corpus_indices)


def check_vocabulary(vocabulary, level, min_freq):
    """Raise ``ValueError`` if a vocabulary cannot number such texts."""
    if not isinstance(vocabulary, (list, tuple)) or not vocabulary or not all(
            isinstance(token, str) and token for token in vocabulary):
        raise ValueError(f"vocabulary is {shown(vocabulary)}: give a list of "
                         f"str, such as a model's idx_to_char")
    if len(set(vocabulary)) < len(vocabulary):
        twice = next(token for token, count in Counter(vocabulary).items()
                     if count > 1)
        raise ValueError(f"vocabulary has {shown(twice)} more than once: give "
                         f"each entry once")
    if level != "token" and (EOS in vocabulary) != (level == "split"):
        has, remedy = (("no <eos>", "another level") if level == "split"
                       else ("an <eos>", "level='split'"))
        raise ValueError(f"vocabulary has {has}, and level is {level!r}: give "
                         f"{remedy}")
    if level == "char" and is_of_words(vocabulary):
        raise ValueError("vocabulary is one of words, and level is 'char': "
                         "give level='word'")
    if min_freq != 1:
        raise ValueError(f"min_freq is {min_freq}, but a given vocabulary "
                         f"already says what is <unk>: leave min_freq out")


def _renumbered(ids, tokens, vocabulary, source):
    """Return ids in ``vocabulary`` instead of those in ``tokens``."""
    token_to_idx = {token: i for i, token in enumerate(vocabulary)}
    lacking = [token for token in tokens if token not in token_to_idx]
    if lacking and UNKNOWN not in token_to_idx:
        some = ", ".join(map(shown, lacking[:5]))
        raise ValueError(
            f"{source} has {len(lacking)} of {len(tokens)} tokens that the "
            f"vocabulary lacks ({some}{', ...' if lacking[5:] else ''}), and "
            f"it has no <unk>: take them out, or train the model with "
            f"min_freq=2")
    unk = token_to_idx.get(UNKNOWN)
    new_ids = np.array([token_to_idx.get(token, unk) for token in tokens],
                       dtype=narrow(len(vocabulary)))
    return new_ids[ids], vocabulary


def _without_rare(ids, vocabulary, min_freq):
    """Give the tokens that are too rare id 0, "<unk>"."""
    counts = np.bincount(ids, minlength=len(vocabulary))
    # a text of level "split" has <eos>, and may have <unk> of its own
    ordinary = np.array([token not in (EOS, UNKNOWN) for token in vocabulary])
    most = counts.max(initial=0, where=ordinary)
    if not most:
        raise ValueError(f"min_freq is {min_freq}, but the text has no words "
                         f"to count: give another text")
    if most < min_freq:
        unit = "word" if EOS in vocabulary else "token"
        raise ValueError(
            f"min_freq is {min_freq}, but the most common {unit} occurs "
            f"only {most} times: use a smaller min_freq")
    kept = ordinary & (counts >= min_freq)
    if EOS in vocabulary:
        kept[vocabulary.index(EOS)] = True
    vocabulary = [UNKNOWN, *compress(vocabulary, kept)]
    new_ids = np.where(kept, np.cumsum(kept), 0)
    return new_ids.astype(narrow(len(vocabulary)))[ids], vocabulary


def load_data_jay_lyrics(*, fallback: bool = True) -> Corpus:
    """Load the first 10,000 characters of the Jay Chou lyrics.

    Newlines become spaces, as in the book. The text is taken from
    ``$D2LRNN_DATA``, lyrics_data/ or the user's cache, or else downloaded
    from the book's repository. If all of these fail, use the original lyrics
    that ship with the package, with a warning, or, if ``fallback`` is false,
    raise ``FileNotFoundError``.

    Return a ``Corpus``, which unpacks to ``(corpus_indices, char_to_idx,
    idx_to_char, vocab_size)``. Source: D2L (Chinese, first edition) 6.3.
    """
    return load_corpus(find_text("jaychou_lyrics", fallback),
                       num_chars=10_000, newline=" ")


def load_corpus(path_or_text: str | os.PathLike[str], *,
                num_chars: int | None = None, newline: str = "\n",
                fallback: bool = True, level: str | None = None,
                min_freq: int = 1,
                vocabulary: Sequence[str] | None = None) -> Corpus:
    r"""Read a UTF-8 text and return it as a ``Corpus``.

    ``path_or_text``
        The name of a known text ("jaychou_lyrics", "tinyshakespeare",
        "shakespeare", "dinos", "ptb", "ptb_valid", "ptb_test"), the path of a
        text or of a .zip with a .txt in it, the name of one in
        ``$D2LRNN_DATA`` or in lyrics_data/, or the text itself. A ``Path`` is
        never the text; a str with a line end always is. One short line is a
        path if there is such a file, or if it looks like a path: "poem.txt",
        "./poem", "~/poem", "texts/poem" if there is a folder texts.
    ``num_chars``
        How many characters to keep from the start, or None for all.
    ``newline``
        What replaces every line end. A byte order mark is dropped.
    ``fallback``
        Whether another text may replace a known one that cannot be found, as
        in ``load_data_jay_lyrics``. Nothing replaces "ptb", "ptb_valid" and
        "ptb_test"; see ``load_ptb``.
    ``level``
        As in ``Corpus.from_text``. None means "split" for the three parts of
        the Penn Treebank, which are read without the spaces at the ends of
        their lines, and "char" for any other text.
    ``min_freq``, ``vocabulary``
        As in ``Corpus.from_text``. With a model's vocabulary, the model can
        be trained and measured on another text.

    Raise ``ValueError`` or ``FileNotFoundError`` if the text is unusable,
    missing, or larger than 2 GB.

    >>> load_corpus("one\r\ntwo\n").text
    'one\ntwo\n'
    >>> first = load_corpus("three two one\n")
    >>> second = load_corpus("two\n", vocabulary=first.idx_to_char)
    >>> second.corpus_indices.tolist(), second.vocab_size
    ([7, 8, 5, 0], 9)
    """
    _check_loading(path_or_text, num_chars, newline)
    check_numbers(min_freq=min_freq)
    known = isinstance(path_or_text, str) and TEXTS.get(path_or_text)
    if level is None:
        level = known.level if known else "char"
    if known:
        pieces, source = read_pieces(find_text(path_or_text, fallback),
                                     known.member)
        if known.level == "split":
            pieces = stripped(pieces)
    else:
        pieces, source = _read(path_or_text)
    start = Start(with_newline(pieces, newline), num_chars)
    text = number(start, check_level(level))
    if not len(text.ids):
        raise ValueError(f"{source} is empty: a corpus needs "
                         f"{units_of(level)}")
    if text.num_chars < start.total:
        source += (f", first {text.num_chars:,} of {start.total:,} characters")
    return Corpus._numbered(text, source, level, min_freq, vocabulary)


def _check_loading(path_or_text, num_chars, newline):
    check_number("num_chars", num_chars, *COUNT, none="None for all")
    if not isinstance(newline, str):
        raise ValueError(f"newline is {shown(newline)}: give a str")
    check_text(newline, "newline")
    if not isinstance(path_or_text, (str, os.PathLike)):
        raise ValueError(f"path_or_text is {shown(path_or_text)}: give the "
                         f"path of a text, or a text")


def _read(path_or_text):
    """Return the pieces of a text, and a description of its source."""
    if isinstance(path_or_text, str) and not is_path(path_or_text):
        source = "a text given as a string"
        check_text(path_or_text, source)
        return [path_or_text], source
    return _read_path(path_or_text)


def _read_path(path):
    """Return the text at a path or in the folders of texts, as _read does."""
    file = Path(os.path.expanduser(path))
    if not os.path.exists(file):
        file = in_folders(file) or file
    try:
        return read_pieces(file)
    except FileNotFoundError as error:
        if isinstance(path, str):
            raise FileNotFoundError(f"{error}, or end it with a newline if "
                                    f"it is the text itself") from None
        raise


def check_corpus(corpus):
    """Raise ``ValueError`` for anything but a ``Corpus``."""
    if not isinstance(corpus, Corpus):
        raise ValueError(f"corpus is {shown(corpus)}: give what load_corpus "
                         f"returns")


def split(corpus, held_out):
    """Return the ids to train on, those held out, and the id of ``<unk>``.

    ``held_out`` is the share at the end of the corpus, or another corpus in
    the same vocabulary, which is then held out instead.

    A token that occurs only in the held-out part gets the id of ``<unk>``,
    or, if the vocabulary has none, the first id that training never sees.
    In a text numbered with the vocabulary of another text, only the tokens
    that the vocabulary lacks are ``<unk>``: the model may have learned the
    others from that text. Raise ``ValueError`` if fewer than two ids are
    held out, or if the other corpus has another vocabulary.
    """
    check_corpus(corpus)
    share, other = check_held_out(held_out)
    if other is None:
        train, rest = parts(corpus.corpus_indices, share)
    else:
        train, rest = corpus.corpus_indices, other_ids(corpus, other)
    if not corpus.own_vocabulary:
        return train, rest, corpus.char_to_idx.get(UNKNOWN, -1)
    seen = np.bincount(train, minlength=corpus.vocab_size) > 0
    unseen = np.flatnonzero(~seen)
    unk = corpus.char_to_idx.get(UNKNOWN, unseen[0] if len(unseen) else -1)
    return train, np.where(seen[rest], rest, unk).astype(rest.dtype), unk


def check_held_out(held_out):
    """Return what is held out as a setting that JSON can hold, and a corpus.

    The setting is a share of the corpus to train on, and the corpus None; or
    the setting is the sha256 of another ``Corpus``.
    """
    if isinstance(held_out, Corpus):
        return {"sha256": held_out.sha256}, held_out
    *limits, words = RANGES["held_out"]
    return check_number("held_out", held_out, *limits,
                        f"{words}, or a Corpus in the same vocabulary"), None


def other_ids(corpus, other):
    """Return the ids of another corpus in the same vocabulary."""
    for name, theirs, ours in (
            ("level", other.level, corpus.level),
            ("vocabulary", other.idx_to_char, corpus.idx_to_char)):
        if list(theirs) != list(ours):
            raise ValueError(
                f"held_out is a corpus of another {name} than the one to "
                f"train on: load it with level={corpus.level!r} and "
                f"vocabulary=corpus.idx_to_char")
    if len(other.corpus_indices) < 2:
        raise ValueError(f"held_out has {len(other.corpus_indices)} ids, too "
                         f"few to measure on: use a longer text")
    return other.corpus_indices


def parts(ids, held_out):
    """Return ids without the share at their end, and that share."""
    num_train = len(ids) - round(len(ids) * held_out)
    if len(ids) - num_train < 2:
        raise ValueError(f"held_out is {held_out} of {len(ids)} ids, too few "
                         f"to measure on: use more, or a longer text")
    return ids[:num_train], ids[num_train:]
