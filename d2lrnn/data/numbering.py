"""Number the tokens of a text, with ids in as few bytes as possible."""
import hashlib
import sys
from typing import NamedTuple

import numpy as np
from d2lrnn.data.tokens import EOS, tokenize

__all__ = ["Numbered", "narrow", "number", "number_tokens"]

PIECE = 2 ** 16  # characters that fit into the processor's cache


def narrow(vocab_size):
    """Return the smallest signed integer type that holds all ids.

    >>> narrow(65), narrow(2583), narrow(100_000)
    (dtype('int8'), dtype('int16'), dtype('int32'))
    """
    return np.promote_types(np.min_scalar_type(-max(1, vocab_size)),
                            np.int8)


class Numbered(NamedTuple):
    """A text as ids, with its distinct tokens, sorted, and its hash."""

    ids: np.ndarray
    tokens: list
    num_chars: int
    sha256: str  # of its UTF-8 bytes


def number(pieces, level):
    """Return a text, given in pieces, as a ``Numbered``.

    >>> number(["ab", "ca"], "char")[:3]
    (array([0, 1, 2, 0], dtype=int8), ['a', 'b', 'c'], 4)
    """
    if level != "char":
        text = "".join(pieces)
        # even where no line ends, since it tells the level of a vocabulary
        return number_tokens(tokenize(text, level), text,
                             [EOS] if level == "split" else [])
    characters = Characters()
    for piece in pieces:
        characters.add(piece)
    return characters.numbered()


def number_tokens(tokens, text, others=()):
    """Return the tokens of a text as a ``Numbered``.

    ``others`` are in its vocabulary, too.
    """
    vocabulary = sorted({*tokens, *others})
    token_to_idx = {token: i for i, token in enumerate(vocabulary)}
    ids = np.fromiter(map(token_to_idx.__getitem__, tokens),
                      narrow(len(vocabulary)), count=len(tokens))
    return Numbered(ids, vocabulary, len(text),
                    hashlib.sha256(text.encode("utf-8")).hexdigest())


class Characters:
    """The ids of a text's characters, numbered while it is read."""

    def __init__(self):
        self.num_chars, self.sha256 = 0, hashlib.sha256()
        self._code_to_idx = np.full(sys.maxunicode + 1, -1, dtype=np.int16)
        self._codes = np.empty(0, dtype=np.uint32)  # in the order of ids
        self._ids = np.empty(0, dtype=np.int8)

    def add(self, text):
        """Append the next characters of the text."""
        for i in range(0, len(text), PIECE):
            piece = text[i:i + PIECE]
            self.sha256.update(piece.encode("utf-8"))
            self._add_codes(codes_of(piece))

    def _add_codes(self, codes):
        ids = self._code_to_idx[codes]
        if ids.min() < 0:
            self._add_characters(np.unique(codes[ids < 0]))
            ids = self._code_to_idx[codes]
        begin, self.num_chars = self.num_chars, self.num_chars + len(codes)
        if self.num_chars > len(self._ids):
            # grow in place, by an eighth: the ids are never in memory twice
            self._ids.resize(self.num_chars + self.num_chars // 8,
                             refcheck=False)
        self._ids[begin:self.num_chars] = ids

    def _add_characters(self, codes):
        known = len(self._codes)
        self._codes = np.append(self._codes, codes)
        dtype = narrow(len(self._codes))
        self._ids = self._ids.astype(dtype, copy=False)
        if dtype == np.int32:
            self._code_to_idx = self._code_to_idx.astype(dtype, copy=False)
        self._code_to_idx[codes] = np.arange(known, len(self._codes))

    def numbered(self):
        """Return all characters as a ``Numbered``."""
        self._ids.resize(self.num_chars, refcheck=False)
        order = self._codes.argsort()
        if (order[1:] < order[:-1]).any():
            renumber(self._ids, order.argsort())
        return Numbered(self._ids, [chr(code) for code in self._codes[order]],
                        self.num_chars, self.sha256.hexdigest())


def codes_of(text):
    """Return the code points of a text as an array.

    >>> codes_of("ab"), codes_of("a𝄞")
    (array([97, 98], dtype=uint16), array([    97, 119070], dtype=uint32))
    """
    data = text.encode("utf-16-le")
    if len(data) == 2 * len(text):
        return np.frombuffer(data, dtype=np.uint16)
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)


def renumber(ids, new_ids):
    """Replace each id i by new_ids[i], in place."""
    new_ids = new_ids.astype(ids.dtype)
    for i in range(0, len(ids), PIECE):
        ids[i:i + PIECE] = new_ids[ids[i:i + PIECE]]
