"""Load the Penn Treebank, or a text of our own in its form."""
import warnings
from collections import Counter
from importlib import resources

from d2lrnn.basics.errors import D2LRNNWarning
from d2lrnn.data.corpus import Corpus, load_corpus
from d2lrnn.data.reading import read_text
from d2lrnn.data.texts import find_text
from d2lrnn.data.tokens import UNKNOWN, check_level

__all__ = ["load_ptb"]

NAMES = ("ptb", "ptb_valid", "ptb_test")
INSTEAD = "original_sonnets.txt"


def load_ptb(level: str = "split", *,
             fallback: bool = True) -> tuple[Corpus, Corpus, Corpus]:
    """Load the Penn Treebank: its training, validation and test parts.

    All three are in the vocabulary of the training part. At level "split",
    that is 10,000 words, with "<eos>" for each line end; numbers are N, and
    rare words <unk>, in the text itself. The text is taken from
    ``$D2LRNN_DATA``, lyrics_data/ or the user's cache, or else downloaded from
    the book's repository. If all of these fail, use the original sonnets that
    ship with the package, in the same form, with a warning, or, if
    ``fallback`` is false, raise ``FileNotFoundError``.

    Source: Mikolov et al. 2010, Recurrent neural network based language model.
    """
    check_level(level)
    try:
        for name in NAMES:
            find_text(name)
    except FileNotFoundError as error:
        if not fallback:
            raise
        warnings.warn(f"{error}; using the original sonnets that ship with "
                      f"d2lrnn ({INSTEAD}) instead, in the form of the Penn "
                      f"Treebank", D2LRNNWarning, stacklevel=2)
        return sonnets(level)
    train = load_corpus(NAMES[0], level=level)
    return train, *(load_corpus(name, level=level,
                                vocabulary=train.idx_to_char)
                    for name in NAMES[1:])


def sonnets(level):
    """Return three parts of the original sonnets, as ``load_ptb`` does."""
    text = read_text(resources.files("lyrics_data") / INSTEAD)
    first, *others = treebank(text)
    train = Corpus.from_text(first, f"{INSTEAD}, 80% of the lines", level)
    return train, *(Corpus.from_text(
        other, f"{INSTEAD}, {which} 10% of the lines", level,
        vocabulary=train.idx_to_char)
        for which, other in zip(("the next", "the last"), others,
                                strict=True))


def treebank(text):
    r"""Return the first 80, the next 10 and the last 10% of a text's lines.

    They are in the form of the Penn Treebank: words in lower case, without
    punctuation. A word that occurs once in the first part, or in another part
    alone, is <unk>.

    >>> treebank("Be!\n" * 8 + "To be?\n\nOr be.")
    ('be\nbe\nbe\nbe\nbe\nbe\nbe\nbe\n', '<unk> be\n', '<unk> be\n')
    """
    lines = [words for line in text.lower().splitlines()
             if (words := words_of(line))]
    ends = [round(len(lines) * share) for share in (0.8, 0.9, 1)]
    counts = Counter(word for words in lines[:ends[0]] for word in words)
    return tuple("".join(" ".join(
        word if counts[word] > 1 else UNKNOWN for word in words) + "\n"
        for words in lines[begin:end])
        for begin, end in zip([0, *ends], ends, strict=False))


def words_of(line):
    """Return the words of a line, without spaces and punctuation."""
    words = ("".join(filter(str.isalnum, word)) for word in line.split())
    return [word for word in words if word]
