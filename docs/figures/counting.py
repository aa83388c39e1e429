"""The figure of n-grams: windows of a text, a table, a row as bars."""
from collections import Counter

from docs.figures.pen import Drawing

TEXT = "abcabdabcbca"
CONTEXT = "ab"
LETTERS = "abcd"
WIDTH, LEFT = 26, 24  # of a cell, and of the strip's corner


def counted(text):
    """Return how often each letter follows each pair of letters.

    >>> counted("abcab")["ab"]
    Counter({'c': 1})
    """
    table = {}
    for t in range(2, len(text)):
        table.setdefault(text[t - 2:t], Counter())[text[t]] += 1
    return table


def letters(d, x, y, text, kinds, width):
    """Draw a strip of letters, none of which is part of a formula."""
    d.strip(x, y, [""] * len(text), kinds, width, 22)
    for i, letter in enumerate(text):
        d.text(x + (i + 0.5) * width, y + 11, letter, 14, literal=True)


def counting():
    """Draw the windows in a text, the table of counts, and a row as bars."""
    d = Drawing(374, "Counting 3-grams",
                "A strip of twelve letters. Brackets mark each place where a "
                "and b stand, and the letter after them. A table has a row "
                "for each pair and a column for each letter; the row of a, b "
                "becomes bars.")
    kinds = ["faint"] * len(TEXT)
    for t in range(2, len(TEXT)):
        if TEXT[t - 2:t] == CONTEXT:
            kinds[t - 2:t + 1] = ["input", "input", "output"]
            x = LEFT + WIDTH * t
            d.line((x - 2 * WIDTH + 3, 54), (x - 2 * WIDTH + 3, 60),
                   (x - 3, 60), (x - 3, 54), kind="input")
            d.arrow((x + WIDTH / 2, 52), (x + WIDTH / 2, 74), kind="output")
            d.text(x + WIDTH / 2, 86, "+1", 13, "output")
    letters(d, LEFT, 28, TEXT, kinds, WIDTH)
    table = counted(TEXT)
    x, top = 132, 126
    for column, letter in enumerate(LETTERS):
        d.text(x + 34 * column + 17, top - 12, letter, literal=True)
    for row, (context, after) in enumerate(sorted(table.items())):
        y, marked = top + 22 * row, context == CONTEXT
        letters(d, x - 66, y, context, "input" if marked else "faint", 24)
        d.strip(x, y, [after[letter] or "" for letter in LETTERS],
                "output" if marked else "line", 34, 22)
    row, bottom = sorted(table).index(CONTEXT), 348
    d.arrow((x + 136, top + 22 * row + 11), (310, top + 22 * row + 11),
            (310, bottom - 40), (282, bottom - 40), kind="output")
    total = table[CONTEXT].total()
    for column, letter in enumerate(LETTERS):
        share, middle = table[CONTEXT][letter] / total, x + 34 * column + 17
        if share:
            d.box(middle, bottom - 35 * share, 24, 70 * share, kind="output",
                  radius=1)
        d.text(middle, bottom - 70 * share - 10, f"{share:.2f}", 12)
        d.text(middle, bottom + 13, letter, literal=True)
    d.line((x - 6, bottom), (x + 142, bottom))
    return d
