"""The figure of a choice: from scores to the next character."""
from math import exp

from docs.figures.pen import Drawing

SCORES = (1, 4, -2, 2, 0, 3)
TAU, TOP_P, U = 2, 0.8, 0.6
COLUMNS = [60 + 48 * i for i in range(6)]
HEIGHT = 150  # of a probability of 1


def shares(weights):
    """Return the weights divided by their sum.

    >>> shares({"a": 1, "b": 3})
    {'a': 0.25, 'b': 0.75}
    """
    total = sum(weights.values())
    return {i: weight / total for i, weight in weights.items()}


def cut(p, top_p):
    """Return the fewest of the most probable ids that reach ``top_p``.

    >>> cut({0: 0.2, 1: 0.5, 2: 0.3}, 0.6)
    {1: 0.5, 2: 0.3}
    """
    kept, reached = set(), 0
    for i in sorted(p, key=p.get, reverse=True):
        if reached < top_p:
            kept.add(i)
        reached += p[i]
    return {i: p[i] for i in p if i in kept}


def bars(d, bottom, p, kinds):
    """Draw a bar for each probability, and the line on which they stand."""
    for i, share in p.items():
        height = HEIGHT * share
        d.box(COLUMNS[i], bottom - height / 2, 32, height, "", kinds[i],
              radius=1)
    d.line((COLUMNS[0] - 24, bottom), (COLUMNS[-1] + 24, bottom))


def step(d, start, formula):
    """Draw the arrow to the next stage, and what happens there."""
    d.arrow((180, start), (180, start + 30), width=2)
    d.text(192, start + 13, formula, anchor="start")


def choosing():
    """Draw scores, probabilities, what is kept of them, and the draw."""
    d = Drawing(470, "How the next character is chosen",
                "From above: six scores; divided by the temperature and put "
                "through softmax, they are six bars of probability; three "
                "bars are kept and grow until their sum is 1; laid end to "
                "end they fill a line from 0 to 1, and the part in which a "
                "random number u falls is the next character.")
    d.text(18, 31, "Y_t")
    d.strip(COLUMNS[0] - 24, 18, SCORES, "line", 48, 26, 15)
    step(d, 50, "÷ τ, softmax")
    p = shares({i: exp(score / TAU) for i, score in enumerate(SCORES)})
    kept = shares(cut(p, TOP_P))
    kinds = {i: "output" if i in kept else "faint" for i in p}
    bars(d, 158, p, kinds)
    d.text(18, 140, "p_j")
    step(d, 170, "k, p")
    bars(d, 296, kept, kinds)
    left, reached = COLUMNS[0] - 24, 0
    d.arrow((90, 304), (90, 342), width=2)
    d.arrow((left + 288 * U, 322), (left + 288 * U, 345), kind="gradient")
    d.text(left + 288 * U, 312, "u", kind="gradient")
    for i, share in kept.items():
        width, chosen = 288 * share, reached <= U < reached + share
        x = left + 288 * reached + width / 2
        d.box(x, 360, width, 28, f"p_{i}", "state" if chosen else "output",
              radius=1)
        if chosen:
            d.arrow((x, 374), (x, 424), kind="state", width=2)
            d.box(x, 440, 110, 30, f"x_{{t+1}} = {i}", "state")
        reached += share
    for x, mark in ((left, "0"), (left + 288, "1")):
        d.text(x, 388, mark, 14)
    return d
