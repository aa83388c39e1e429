"""Change a text, piece by piece, as it is read."""

__all__ = ["Start", "stripped", "with_newline"]


def with_newline(pieces, newline):
    r"""Yield the pieces of a text with its line ends replaced.

    >>> "".join(with_newline(["one\r", "\ntwo\rthree\n"], " "))
    'one two three '
    """
    held = ""  # a line end that the next piece may complete
    for piece in pieces:
        piece = held + piece
        held = "\r" if piece.endswith("\r") else ""
        piece = piece.removesuffix("\r")
        if "\r" in piece:
            piece = piece.replace("\r\n", "\n").replace("\r", "\n")
        yield piece if newline == "\n" else piece.replace("\n", newline)
    yield held and newline


def stripped(pieces):
    r"""Yield the pieces of a text without the white space that lines end with.

    >>> "".join(stripped([" one \n tw", "o \r\n", "three"]))
    'one\ntwo\nthree'
    """
    held = ""  # the beginning of a line that the next piece completes
    for piece in pieces:
        *lines, held = (held + piece).split("\n")
        yield "".join(line.strip() + "\n" for line in lines)
    yield held.strip()


class Start:
    """The first ``num_chars`` characters of a text; None takes all.

    ``total`` is the length of the whole text, once it has been read.

    >>> start = Start(["ab", "cd", "e"], 3)
    >>> list(start), start.total
    (['ab', 'c', ''], 5)
    """

    def __init__(self, pieces, num_chars):
        self.pieces, self.num_chars, self.total = pieces, num_chars, 0

    def __iter__(self):
        for piece in self.pieces:
            left = None if self.num_chars is None else max(
                0, self.num_chars - self.total)
            self.total += len(piece)
            yield piece[:left]
