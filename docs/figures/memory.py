"""The figure of a task that asks for memory alone."""
from docs.figures.pen import Drawing

READ = ("7", "14", "17", "11", "19", "20")  # symbol, distractors, question
COLUMNS = (34, 92, 144, 196, 268, 326)
STEPS = ("1", "2", "3", "4", "{k+1}", "{k+2}")


def delayed_recall():
    """Draw a symbol, distractors, a question, and the answer above it."""
    d = Drawing(226, "Delayed recall",
                "A row of inputs: the symbol 7, k distractors, and the "
                "question 20. A chain of states leads from the symbol to the "
                "last step, whose score has to name the 7; thick arrows show "
                "how far the symbol has to be carried.")
    kinds = ["memory"] + ["faint"] * 4 + ["gate"]
    for i, (x, number, step, kind) in enumerate(
            zip(COLUMNS, READ, STEPS, kinds, strict=True)):
        d.text(x, 168, f"X_{step}", 14)
        d.box(x, 138, 38, 28, number, kind)
        if i:
            gap = 22 if step == "{k+1}" else 0
            d.arrow((x, 124), (x, 100))
            d.arrow((COLUMNS[i - 1] + 19 + gap, 84), (x - 19, 84),
                    kind="memory", width=3)
        else:
            d.arrow((x, 124), (x, 100), kind="memory", width=3)
        d.box(x, 84, 38, 30, f"H_{step}", "state", 13)
    d.line((215, 84), (223, 84), kind="memory", width=3)
    for y in (84, 138):
        d.text(232, y, "…")
    d.arrow((326, 68), (326, 46), kind="memory", width=3)
    d.box(326, 29, 38, 32, "7", "output")
    d.text(300, 29, "Y_{k+2}", 14, anchor="end")
    for x in (73, 287):
        d.line((x, 186), (x, 204))
    d.line((73, 195), (168, 195))
    d.line((192, 195), (287, 195))
    d.text(180, 195, "k")
    return d
