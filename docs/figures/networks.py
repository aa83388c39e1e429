"""Figures of layers, of two directions, of whole models and their products."""
from fractions import Fraction

from docs.figures.pen import Drawing, toward

# (factor, summand) of eight steps, and the state before them
SCAN_STEPS = [(Fraction(a), Fraction(b)) for a, b in (
    ("1/2", 2), (1, 2), ("1/2", 1), ("1/2", 0), (1, 3), (1, 1), ("1/2", -1),
    ("1/2", 3))]
SCAN_START = 4


def layers():
    """Draw the grid of time and layers."""
    d = Drawing(372, "Layers over time",
                "Four steps and three layers. Each state reads the state of "
                "its own layer one step before, and the state of the layer "
                "below at the same step.")
    columns, rows = (72, 152, 232, 312), {1: 232, 2: 164, 3: 96}
    for t, x in enumerate(columns, start=1):
        d.arrow((x, 283), (x, 250))
        for level, y in rows.items():
            d.arrow((x, y - 18), (x, y - 50))
            d.arrow((x - 54 + 16 * (t == 1), y), (x - 26, y), kind="state")
            d.box(x, y, 52, 36, f"H_{t}^{{({level})}}", "state")
            if t == 4:
                d.arrow((x + 26, y), (354, y), kind="state")
        d.box(x, 28, 46, 34, f"Y_{t}", "output")
        d.box(x, 300, 46, 34, f"X_{t}", "input")
    d.arrow((72, 336), (312, 336), kind="faint")
    d.text(192, 352, "t")
    d.arrow((18, 250), (18, 78), kind="faint")
    d.text(18, 264, "l")
    return d


def both_directions():
    """Draw a chain of states to the right, and one to the left."""
    d = Drawing(300, "Both directions",
                "Four steps. One chain of states runs forward in time, the "
                "other backward; both read each input, and each output reads "
                "both.")
    columns = (62, 142, 222, 302)
    for t, x in enumerate(columns, start=1):
        for side, y in ((-16, 186), (16, 108)):
            d.arrow((x + side, 248), (x + side, y + 18), kind="input")
            d.arrow((x + side, y - 18), (x + side, 45))
        for side, y, way in ((-16, 186, 1), (16, 108, -1)):
            x_state = x + side
            if 1 <= t + way <= 4:
                d.arrow((x_state + 21 * way, y), (x_state + 59 * way, y),
                        kind="state" if way > 0 else "memory")
            d.box(x_state, y, 42, 36, f"H_{t}",
                  "state" if way > 0 else "memory")
            d.arrow((x_state - 13 * way, y - 12), (x_state + 13 * way, y - 12),
                    width=1)
        d.box(x, 28, 54, 34, f"Y_{t}", "output")
        d.box(x, 265, 54, 34, f"X_{t}", "input")
    return d


def char_rnn():
    """Draw the char-RNN with two layers, from an id to probabilities."""
    d = Drawing(500, "The char-RNN",
                "From below: the id x_t picks a row of the embedding E; "
                "dropout sets some of its numbers to 0; two recurrent layers "
                "follow, each with a state that goes on in time and with "
                "dropout above it; then an output layer, and softmax.")
    d.box(180, 474, 46, 32, "x_t", "input")
    d.arrow((180, 458), (180, 435))
    d.text(190, 445, "E", anchor="start")
    vector(d, 412, "input")
    d.text(268, 423, "H_t^{(0)}", anchor="start")
    dropped(d, 368, "input", (2, 5))
    for level, y, zeros in ((1, 322, (0, 3)), (2, 213, (4, 6))):
        d.arrow((180, y + 45), (180, y + 22))
        d.box(180, y, 160, 42, kind="state")
        vector(d, y - 11, "state", width=18)
        d.arrow((14, y), (98, y), kind="state", width=2.4)
        d.arrow((260, y), (346, y), kind="state", width=2.4)
        d.text(54, y - 18, f"H_{{t-1}}^{{({level})}}")
        d.text(306, y - 18, f"H_t^{{({level})}}")
        dropped(d, y - 65, "state", zeros, start=y - 21)
    d.arrow((180, 148), (180, 121))
    d.text(190, 133, "W_{hq}, b_q", anchor="start")
    vector(d, 98, "output")
    d.text(268, 109, "Y_t", anchor="start")
    d.arrow((180, 98), (180, 72))
    d.text(190, 84, "softmax", anchor="start")
    for i, share in enumerate((.05, .14, .02, .43, .09, .02, .19, .06)):
        d.box(110 + 20 * i, 66 - 55 * share, 12, 110 * share, kind="output",
              radius=1)
    d.line((98, 67), (262, 67))
    return d


def vector(d, y, kind, width=20, zeros=()):
    """Draw a vector of eight numbers; those set to 0 say so."""
    d.strip(180 - 4 * width, y, ["0" if i in zeros else "" for i in range(8)],
            ["line" if i in zeros else kind for i in range(8)], width)


def dropped(d, y, kind, zeros, start=None):
    """Draw dropout: an arrow up to a vector some of whose numbers are 0."""
    d.arrow((180, start or y + 44), (180, y + 22))
    vector(d, y, kind, zeros=zeros)


def tied():
    """Draw one matrix that is read by rows, and scores all words."""
    d = Drawing(262, "One matrix at both ends",
                "The id x_t picks a row of the matrix E, which the recurrent "
                "layers read. Their state H_t is multiplied by every row of "
                "the same matrix, and each product is the score of a word.")
    d.text(180, 24, "E")
    d.text(312, 24, "Y_t")
    for i in range(5):
        y = 38 + 28 * i
        d.text(112, y + 11, str(i), anchor="end")
        d.strip(125, y, [""] * 5, ["input" if i == 1 else "line"] * 5)
        d.arrow((239, y + 11), (297, y + 11), kind="output")
        d.strip(301, y, [""], ["output"])
    d.box(38, 77, 62, 32, "x_t = 1", "input")
    d.arrow((72, 77), (96, 77), kind="input")
    d.arrow((180, 176), (180, 200), kind="input")
    d.box(180, 219, 150, 36, "H_t", "state")
    d.arrow((16, 226), (101, 226), kind="state", width=2.4)
    d.arrow((255, 226), (344, 226), kind="state", width=2.4)
    d.arrow((255, 208), (312, 208), (312, 179), kind="output")
    return d


def three_unrolls():
    """Draw a graph of copies, a scan, and one operator for all steps."""
    d = Drawing(480, "Three ways to unroll",
                "Above, a graph with a copy of the cell for each of T steps. "
                "In the middle, one copy that a scan repeats. Below, one "
                "operator that reads all inputs and gives all states.")
    columns = ((62, "1"), (142, "2"), (222, "3"), (318, "T"))
    for x, t in columns:
        d.box(x, 132, 46, 30, f"X_{t}", "input")
        d.arrow((x, 117), (x, 98))
        d.box(x, 80, 46, 36, "tanh", "gate")
        d.arrow((x, 62), (x, 44))
        d.box(x, 28, 46, 30, f"H_{t}", "state")
        if t != "1":
            d.arrow((x - (73 if t == "T" else 57), 80), (x - 23, 80),
                    kind="state")
    d.arrow((10, 80), (39, 80), kind="state")
    for y in (28, 132):
        d.text(270, y, "…")
    for y in (166, 322):
        d.line((15, y), (345, y), kind="faint", width=1, dashed=True)
    for x, formula, kind in ((64, "X_t", "input"), (308, "H_t", "state")):
        for shift in (-12, -6, 0):
            d.box(x + shift, 252 + shift, 46, 30, "" if shift else formula,
                  kind)
    d.box(180, 252, 64, 40, "tanh", "gate")
    d.arrow((89, 252), (147, 252))
    d.arrow((213, 252), (270, 252))
    d.arrow((195, 232), (195, 198), (165, 198), (165, 231), kind="state",
            width=2.4)
    d.text(180, 292, "t = 1, 2, …, T")
    for y, letter, kind in ((440, "X", "input"), (344, "H", "state")):
        d.strip(40, y, [f"{letter}_1", f"{letter}_2", f"{letter}_3", "…",
                        f"{letter}_T"], kind, 56, 28, 16)
    d.box(180, 406, 280, 36, kind="gate")
    for x in range(68, 300, 56):
        d.arrow((x, 439), (x, 425))
        d.arrow((x, 388), (x, 373))
        d.text(x, 406, "…" if x == 236 else "tanh", 14)
        if x < 280:
            d.arrow((x + 17, 406), (x + 39, 406), kind="state", width=1.4)
    return d


def gluon_shapes():
    """Draw a model of Gluon's layers, and the shape of what they pass on."""
    d = Drawing(386, "Shapes in the model of Gluon's layers",
                "From below: ids of shape (n, T) become one-hot vectors, (T, "
                "n, d). The recurrent layer reads a state of shape (1, n, h), "
                "and gives the next one and the states of all steps, (T, n, "
                "h). Their rows in one matrix, (T n, h), times W_hq plus b_q "
                "are the scores, (T n, q).")
    for start, shape in ((378, "(n, T)"), (310, "(T, n, d)"),
                         (220, "(T, n, h)"), (108, "(T·n, h)"),
                         (42, "(T·n, q)")):
        d.arrow((180, start), (180, start - 34))
        d.text(192, start - 17, shape, 14, anchor="start")
    d.box(180, 327, 120, 34, "x_t → X_t", "input")
    d.box(180, 248, 212, 56, kind="gate")
    for start, end in ((8, 92), (132, 164), (196, 228), (268, 352)):
        d.arrow((start, 248), (end, 248), kind="state", width=2)
    d.text(180, 243, "…")
    for x, formula in ((112, "H_1"), (248, "H_T")):
        d.box(x, 248, 40, 32, formula, "state")
    for x in (40, 320):
        d.text(x, 233, "(1, n, h)", 14)
    for y, formula in ((108, "H_1"), (134, "…"), (160, "H_T")):
        d.strip(152, y, [formula], "state", 56, 26, 16)
    d.box(180, 58, 120, 32, "W_{hq}, b_q")
    return d


def one_product():
    """Draw a product for each state, and one for all states together."""
    d = Drawing(176, "Many small products, or a large one",
                "On the left, three states, each of them multiplied by W_hq "
                "to give an output. On the right, the states stand in one "
                "matrix, which is multiplied by W_hq once.")
    for t, y in enumerate((34, 88, 142), start=1):
        product(d, 10, y, [t])
        if t < 3:
            d.arrow((26, y + 14), (26, y + 40), kind="state", width=2)
    d.line((180, 12), (180, 164), kind="faint", width=1, dashed=True)
    product(d, 190, 88, [1, 2, 3])
    return d


def product(d, x, y, steps):
    """Draw the product of the states of steps and W_hq, its left at x."""
    for left, letter, kind, width in ((x, "H", "state", 32),
                                      (x + 114, "Y", "output", 46)):
        for row, t in enumerate(steps):
            d.strip(left, y + 28 * (row - len(steps) / 2), [f"{letter}_{t}"],
                    kind, width, 28, 15)
    d.text(x + 40, y, "·")
    d.box(x + 71, y, 46, 32, "W_{hq}", size=15, radius=2)
    d.text(x + 104, y, "=")


def column(t):
    """Return the place across of one of eight steps."""
    return 38 + 38 * t


def row_of_steps(d, y, kind, name=""):
    """Draw eight small circles, and the names of the first and the last."""
    for t in range(8):
        d.operator(column(t), y, "", kind, radius=9)
    if name:
        side = 22 if name == "X" else -22
        d.text(column(0), y + side, f"{name}_1", 14)
        d.text(column(7), y + side, f"{name}_8", 14)


def between(d, start, end, kind="faint"):
    """Draw an arrow from the edge of one circle to that of another."""
    d.arrow(toward(start, end, 9), toward(end, start, 11), kind=kind,
            width=1.2)


def dependence():
    """Draw a chain of states, attention, and a linear recurrence as a scan."""
    d = Drawing(556, "From the first input to the last state",
                "Eight steps, three times. A chain of states takes eight "
                "steps one after another. In attention each state reads every "
                "input up to its own, in one step. A scan joins neighbours, "
                "then pairs, then fours: three levels.")
    for top, steps in ((18, 8), (176, 1), (344, 3)):
        d.text(340, top + 16, str(steps), 20, "gradient")
    for t in range(8):
        between(d, (column(t), 118), (column(t), 40), "input")
        if t < 7:
            between(d, (column(t), 40), (column(t + 1), 40), "state")
    row_of_steps(d, 40, "state", "H")
    row_of_steps(d, 118, "input", "X")
    d.line((15, 158), (345, 158), kind="faint", width=1, dashed=True)
    for t in range(8):
        for s in range(t + 1):
            between(d, (column(s), 292), (column(t), 202))
    row_of_steps(d, 202, "state", "H")
    row_of_steps(d, 292, "input", "X")
    d.line((15, 326), (345, 326), kind="faint", width=1, dashed=True)
    rows = (522, 470, 418, 366)
    for level in range(3):
        below, above = rows[level], rows[level + 1]
        for t in range(8):
            between(d, (column(t), below), (column(t), above))
            if t >= 2 ** level:
                between(d, (column(t - 2 ** level), below),
                        (column(t), above), "state")
    for y in rows[1:3]:
        row_of_steps(d, y, "gate")
    row_of_steps(d, rows[3], "state", "H")
    row_of_steps(d, rows[0], "input", "X")
    return d


def traced():
    """Draw what a trace keeps of each step, and a gradient's way back."""
    d = Drawing(330, "What a trace keeps, and a gradient's way back",
                "Four steps of an LSTM. Above each stand its hidden state H, "
                "its memory cell C and its forget gate F. From the output Y_4 "
                "a dashed gradient runs back through the cells to each "
                "input.")
    columns = (42, 114, 186, 258)
    for row, letter, kind in ((26, "H", "state"), (58, "C", "memory"),
                              (90, "F", "gate")):
        d.strip(columns[0] - 36, row - 14,
                [f"{letter}_{t}" for t in range(1, 5)], kind, 72, 28, 16)
    for t, x in enumerate(columns, start=1):
        d.arrow((x, 170), (x, 109))
        d.box(x, 194, 50, 46, "σ, tanh", size=13)
        d.box(x, 294, 46, 34, f"X_{t}", "input")
        d.there_and_back((x, 276), (x, 218))
        if t > 1:
            d.there_and_back((x - 46, 194), (x - 26, 194), kind="state")
    d.there_and_back((284, 194), (310, 194))
    d.box(332, 194, 42, 34, "Y_4", "output")
    return d


def scan_tree():
    """Draw eight steps joined in a tree, above the loop over them."""
    d = Drawing(424, "Eight steps joined in three levels",
                "Each of eight steps is a pair of a factor and a summand. "
                "Neighbours are joined into a pair, three times, until one "
                "pair leads from the first state to the last. Below, the "
                "loop goes through eight states to the same one.")
    places, pairs, y = [24 + 39 * t for t in range(1, 9)], SCAN_STEPS, 308
    for x, (a, b) in zip(places, pairs, strict=True):
        pair(d, x, y, a, b)
        d.arrow((x, y + 23), (x, 372), kind="faint")
    while len(pairs) > 1:
        above = [(x + x_next) / 2 for x, x_next in
                 zip(places[::2], places[1::2], strict=True)]
        for i, x in enumerate(places):
            d.arrow((x, y - 23), (above[i // 2] + (8 if i % 2 else -8),
                                  y - 61))
        pairs = [(a * a_next, a_next * b + b_next) for (a, b), (
            a_next, b_next) in zip(pairs[::2], pairs[1::2], strict=True)]
        places, y = above, y - 84
        for x, (a, b) in zip(places, pairs, strict=True):
            pair(d, x, y, a, b)
    ((a, b),), h = pairs, SCAN_START
    d.text(places[0], 18, f"{a}·{h}+{b}={a * h + b}", 14)
    for t in range(9):
        if t:
            d.arrow((39 * t, 386), (24 + 39 * t - 14, 386), kind="state")
            a, b = SCAN_STEPS[t - 1]
            h = a * h + b
        d.operator(24 + 39 * t, 386, str(h), "state", radius=13)
        d.text(24 + 39 * t, 411, f"h_{t}", 14)
    return d


def pair(d, x, y, a, b):
    """Draw a factor above a summand."""
    d.box(x, y - 11, 36, 22, str(a), "gate", 13, radius=2)
    d.box(x, y + 11, 36, 22, str(b), "input", 13, radius=2)
