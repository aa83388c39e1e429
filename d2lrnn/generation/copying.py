"""Measure how much of a text is copied from another."""
from typing import NamedTuple

from d2lrnn.basics.checks import check_kind, checked, shown

__all__ = ["Copied", "copied"]


class Copied(NamedTuple):
    """What ``copied`` returns: two lengths, and the longest copy itself."""

    longest: int
    mean: float
    span: str


def check_texts(text, corpus):
    """Raise ``ValueError`` for anything but two texts with characters."""
    for name, value in (("text", text), ("corpus", corpus)):
        check_kind(name, value, str, "a str")
        if not value:
            raise ValueError(f"{name} is {shown(value)}: give one character "
                             f"or more")


@checked(check_texts)
def copied(text: str, corpus: str) -> Copied:
    """Return how much of a text occurs word for word in a corpus.

    Each position of ``text`` has a copied span: the longest piece that begins
    there and occurs anywhere in ``corpus``; it is empty if the character
    there never occurs. Return a ``Copied``: ``longest``, the number of
    characters of the longest span; ``mean``, the mean number over all
    positions; ``span``, the longest span itself, the first among equals.

    Spans overlap, so a text copied as a whole has a mean of about half its
    length. A longer corpus has more to copy by chance: compare with the mean
    of another text of the same language and length.

    ``corpus`` is searched about once for each position: a thousand positions
    in a million characters take about a second.

    Raise ``ValueError`` for anything but two str of a character or more.

    >>> copied("abcab!", "xabc")  # the spans: abc, bc, c, ab, b, nothing
    Copied(longest=3, mean=1.5, span='abc')
    """
    longest, total, end = "", 0, 0
    for start in range(len(text)):
        # one character less than the span before it still occurs
        end, found = max(start, end), 0
        while end < len(text):
            # a longer piece occurs no earlier than the piece that begins it
            found = corpus.find(text[start:end + 1], found)
            if found < 0:
                break
            end += 1
            while end < len(text) and corpus.startswith(
                    text[end], found + end - start):
                end += 1
        total += end - start
        longest = max(longest, text[start:end], key=len)
    return Copied(len(longest), total / len(text), longest)
