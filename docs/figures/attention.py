"""The figure of what a position reads: one state, or all positions so far."""
from docs.figures.pen import Drawing

COLUMNS = (48, 136, 224, 312)
WEIGHTS = (0.25, 0.25, 0.5, 0)  # those of the example by hand


def looking_back():
    """Draw a chain of states, and the attention of the third position."""
    d = Drawing(478, "Looking back",
                "Above, four states in a chain; each reads its input and the "
                "state before it. Below, the query of the third position is "
                "compared with the first three keys, which gives a weight to "
                "each of their values; their sum is the new vector. The "
                "fourth key and value are dashed, and their weight is 0.")
    for t, x in enumerate(COLUMNS, start=1):
        d.arrow((x, 93), (x, 58))
        if t > 1:
            d.arrow((x - 63, 36), (x - 27, 36), kind="state", width=2.4)
        d.box(x, 36, 50, 36, f"h_{t}", "state")
        d.box(x, 110, 50, 32, f"x_{t}", "input")
    d.line((15, 146), (345, 146), kind="faint", width=1, dashed=True)
    d.box(224, 178, 50, 36, "h_3", "state")
    for t, (x, weight) in enumerate(zip(COLUMNS, WEIGHTS, strict=True), 1):
        column(d, t, x, weight)
    d.box(224, 448, 50, 36, "q_3", "gate")
    return d


def column(d, t, x, weight):
    """Draw a position's value, above its weight, above its key."""
    later = not weight
    if not later:
        top = (224 + (x - 224) * 0.12, 200)
        d.arrow((x, 234), top, kind="state", width=1 + 4 * weight)
        d.arrow((224 + (x - 224) * 0.12, 428), (x, 398), kind="gate")
    d.box(x, 252, 50, 32, f"v_{t}", "memory", dashed=later)
    d.line((x - 25, 330), (x + 25, 330), width=1)
    if weight:
        d.box(x, 330 - 30 * weight, 24, 60 * weight, kind="gate", radius=1)
    d.text(x, 346, f"α_{{3{t}}}" if weight else "0", 14)
    d.box(x, 380, 50, 32, f"k_{t}", "input", dashed=later)
