"""The figure of a parameter server: parts are pushed, the sum is pulled."""
from fractions import Fraction

from docs.figures.pen import Drawing

GRADIENTS = (-1, 2, -3, 8)  # of four rows, with the weight below
WEIGHT, LR = 1, 0.2
OWN = len(GRADIENTS) // 2  # rows of a worker
CELL, TOP = 36, 130  # the width of a cell, and where the workers begin


def parameter_server():
    """Draw two workers that push their parts to a sum, and pull it."""
    d = Drawing(304, "A parameter server",
                "Two workers have the same weight, and the gradients of two "
                "rows each. Each pushes its part of the gradient up to a "
                "server, which adds the parts, and pulls the sum. Then both "
                "take the same step, and have the same weight again.")
    d.operator(180, 44, "+", "gradient", radius=20)
    for rank, side in ((0, -1), (1, 1)):
        worker(d, 180 + 86 * side, side, rank)
    return d


def worker(d, x, side, rank):
    """Draw a worker around x, on one side of the server: -1 or 1."""
    own = GRADIENTS[OWN * rank:OWN * (rank + 1)]
    part = Fraction(sum(own), len(GRADIENTS))
    whole = Fraction(sum(GRADIENTS), len(GRADIENTS))
    d.box(x, TOP + 80, 160, 160, dashed=True)
    d.text(x, TOP + 20, f"r={rank}")
    d.strip(x - OWN * CELL / 2, TOP + 38, own, "input", CELL, 26, 14)
    d.arrow((x, TOP + 64), (x, TOP + 84))
    d.box(x, TOP + 98, 58, 28, str(part), "gradient", 14)
    d.text(x, TOP + 138, f"w={WEIGHT}-{LR}·{whole}="
           f"{float(WEIGHT - Fraction(str(LR)) * whole):g}", 14)
    d.arrow((x + 40 * side, TOP), (x + 40 * side, 44), (180 + 21 * side, 44),
            kind="gradient")
    d.text(x + 58 * side, 86, str(part), 14, "gradient")
    d.arrow((180 + 12 * side, 62), (x - 20 * side, TOP), kind="gradient",
            dashed=True)
    d.text(x - 2 * side, 92, str(whole), 14, "gradient")
