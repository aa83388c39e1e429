"""A figure of where the mistakes of the lesson on debugging sit."""
from docs.figures.pen import Drawing

# the letters of the lesson, by the part that is wrong
PARTS = {"read": "HJ", "forward": "BCGK", "backward": "A", "clip": "D",
         "descend": "I", "report": "EFL"}


def mistakes():
    """Draw the five parts of a step, the report, and the letters at each."""
    d = Drawing(338, "Where the mistakes sit",
                "Clockwise from the top, the parts of a training step, with "
                "letters: read X, Y, with H and J; forward, from X to the "
                "loss ℓ, with B, C, G and K; backward, from ℓ to the gradient "
                "g, with A; clip g, with D; update the weights W, with I. In "
                "the middle the report, from W to a perplexity, with E, F, L.")
    places = {"read": (180, 50, "X, Y"), "forward": (281, 128, "X → ℓ"),
              "backward": (281, 290, "ℓ → g"),
              "clip": (79, 290, "‖g‖ ≤ θ"),
              "descend": (79, 128, "W ← W - ηg"),
              "report": (180, 209, "W → e^ℓ")}
    for step, (part, (x, y, formula)) in enumerate(places.items(), start=1):
        kind = "output" if part == "report" else "line"
        d.box(x, y, 130, 62, kind=kind, radius=10)
        d.text(x, y - 14, formula)
        if part != "report":
            d.text(x - 55, y - 20, str(step), 12, "faint")
        for i, letter in enumerate(PARTS[part]):
            left = x + 27 * (i - (len(PARTS[part]) - 1) / 2)
            d.box(left, y + 14, 22, 22, kind="gradient", radius=11)
            d.text(left, y + 14, letter, 13, literal=True)
    d.arrow((245, 50), (290, 50), (290, 97), width=3)
    d.arrow((300, 159), (300, 259), width=3)
    d.arrow((216, 302), (144, 302), width=3)
    d.arrow((60, 259), (60, 159), width=3)
    d.arrow((70, 97), (70, 50), (115, 50), width=3)
    d.arrow((130, 159), (130, 178), width=3)
    return d
