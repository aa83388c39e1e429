"""Figures of texts cut into mini-batches, and of what training does."""
import random
from math import exp

from docs.figures.pen import Drawing

NUMBERS = range(30)  # as in the lesson on the corpus
BATCH_SIZE, NUM_STEPS = 2, 6
KINDS = ("input", "output")  # of the first and the second mini-batch


def random_batches(numbers):
    """Return two mini-batches of rows, in the order that seed 1 gives."""
    starts = [*range(0, len(numbers) - NUM_STEPS, NUM_STEPS)]
    random.Random(1).shuffle(starts)
    rows = [numbers[start:start + NUM_STEPS] for start in starts]
    return [rows[:BATCH_SIZE], rows[BATCH_SIZE:]]


def consecutive_batches(numbers):
    """Return two mini-batches of rows, of which the second goes on."""
    length = len(numbers) // BATCH_SIZE
    return [[numbers[row * length + start:row * length + start + NUM_STEPS]
             for row in range(BATCH_SIZE)]
            for start in (0, NUM_STEPS)]


def sampled(d, top, batches, carried):
    """Draw the text, coloured by mini-batch, and the mini-batches below."""
    kinds = ["faint"] * len(NUMBERS)
    for kind, rows in zip(KINDS, batches, strict=True):
        for i in (i for row in rows for i in row):
            kinds[i] = kind
    for row in range(2):
        half = slice(15 * row, 15 * row + 15)
        d.strip(15, top + 26 * row, NUMBERS[half], kinds[half])
    for row in range(BATCH_SIZE):
        y = top + 74 + 46 * row
        for column, left in enumerate((42, 214)):
            d.strip(left, y, batches[column][row], KINDS[column])
            if column == 0 or not carried:
                d.operator(left - 20, y + 11, "0", "state", radius=9)
                end = 346 if carried else left + 132
                d.arrow((left - 20, y + 20), (left - 20, y + 31),
                        (end, y + 31), kind="state", width=2)


def two_samplings():
    """Draw random sampling above, and consecutive sampling below."""
    d = Drawing(372, "Random and consecutive sampling",
                "The numbers 0 to 29, coloured by mini-batch. Above, rows in "
                "random order, each from a state of zeros. Below, the second "
                "mini-batch goes on where the first stopped, and so does its "
                "state.")
    sampled(d, 16, random_batches(NUMBERS), carried=False)
    d.line((15, 188), (345, 188), kind="faint", width=1, dashed=True)
    sampled(d, 204, consecutive_batches(NUMBERS), carried=True)
    return d


def truncated():
    """Draw two mini-batches of three steps, and the gradient's two ways."""
    d = Drawing(252, "Back-propagation through time, truncated",
                "Six steps in two mini-batches. The state goes on from the "
                "first to the second. The gradient, in dashed arrows, runs "
                "back from each loss to the first step of its own mini-batch "
                "and stops there.")
    places = [70 + 44 * t + 30 * (t > 2) for t in range(6)]
    d.box(places[1], 38, 122, 30, "L_1", "output")
    d.box(places[4], 38, 122, 30, "L_2", "output")
    d.box(20, 132, 30, 32, "H_0", "state", 14, dashed=True)
    for t, x in enumerate(places):
        d.arrow((x, 203), (x, 148))
        d.there_and_back((x, 116), (x, 53))
        d.box(x, 132, 32, 32, f"H_{t + 1}", "state", 14)
        d.box(x, 218, 32, 30, f"X_{t + 1}", "input", 14)
        if t in (1, 2, 4, 5):
            d.there_and_back((x - 28, 132), (x - 16, 132), 6, "state")
    for start, end in ((35, places[0] - 16), (places[2] + 16, places[3] - 16),
                       (places[5] + 16, 356)):
        d.arrow((start, 126), (end, 126), kind="state")
    cut = (places[2] + places[3]) / 2
    d.line((cut, 16), (cut, 116), kind="gradient")
    d.line((cut, 148), (cut, 236), kind="gradient")
    d.line((places[3] - 16, 138), (cut, 138), kind="gradient", dashed=True)
    for rise in (-6, 6):
        d.line((cut - 5, 138 - rise), (cut + 5, 138 + rise), kind="gradient",
               width=2.4)
    return d


SCORES = (1.0, 0.2, 2.1, -0.5, 0.6)
ROW = ("0.3", "-0.8", "0.5", "1.1")  # of the matrix, for the third character


def onehot_to_softmax():
    """Draw how an input picks a row, and how scores become probabilities."""
    d = Drawing(430, "From one-hot to softmax",
                "A one-hot row times W_xh is a row of W_xh. It is added to "
                "the state times W_hh, and tanh gives H_t; H_t times W_hq "
                "gives a score for each character, and softmax turns scores "
                "into probabilities that add up to 1.")
    d.text(55, 58, "X_t")
    d.text(170, 18, "W_{xh}")
    d.strip(10, 75, "00100", ["faint"] * 2 + ["input"] + ["faint"] * 2, 18)
    d.text(108, 86, "·", 20)
    for row in range(5):
        d.strip(116, 31 + 22 * row, ROW if row == 2 else [""] * 4,
                "input" if row == 2 else "faint", 27)
    d.text(237, 86, "=")
    d.text(300, 58, "X_tW_{xh}")
    d.strip(248, 75, ROW, "input", 26)
    d.arrow((300, 97), (300, 151))
    d.operator(300, 163, "+", radius=12)
    d.text(190, 163, "H_{t-1}W_{hh} + b_h")
    d.arrow((254, 163), (288, 163), kind="state")
    d.arrow((300, 175), (300, 190))
    d.box(300, 204, 56, 28, "tanh", "gate")
    d.arrow((300, 218), (300, 240))
    d.strip(248, 240, [""] * 4, "state", 26)
    d.text(300, 278, "H_t")
    d.arrow((246, 251), (192, 251), kind="state")
    d.text(218, 225, "W_{hq}, b_q", 14)
    d.strip(20, 240, [f"{score:.1f}" for score in SCORES], "output", 34)
    d.text(105, 224, "Y_t")
    d.arrow((105, 262), (105, 284))
    d.box(105, 299, 76, 28, "softmax", "gate")
    d.arrow((105, 313), (105, 334))
    total = sum(map(exp, SCORES))
    for i, share in enumerate(exp(score) / total for score in SCORES):
        x, high = 37 + 34 * i, 90 * share
        d.box(x, 412 - high / 2, 24, high, kind="output", radius=1)
        d.text(x, 402 - high, f"{share:.2f}", 12)
    d.line((16, 412), (194, 412))
    d.text(244, 390, "Σ = 1")
    return d


def two_orders():
    """Draw a mini-batch, and its scores in the order of either edition."""
    d = Drawing(338, "Two orders of scores",
                "Above, a mini-batch of two examples and three steps, read "
                "by columns. On the left, two rows of scores for each of the "
                "three steps; on the right, three rows for each of the two "
                "examples. Below, the labels in either order.")
    d.text(118, 41, "X")
    for row, kind in enumerate(("input", "output")):
        d.strip(138, 19 + 22 * row, range(3 * row + 1, 3 * row + 4), kind, 28)
    for left, ids, size, shape in (
            (32, (1, 4, 2, 5, 3, 6), 2, "(Tn, q)"),
            (212, (1, 2, 3, 4, 5, 6), 3, "(n, T, q)")):
        kinds = ["input" if i < 4 else "output" for i in ids]
        d.arrow((180, 63), (180, 84), (left + 58, 84), (left + 58, 104))
        d.text(left + 58, 68, shape)
        for row, (i, kind) in enumerate(zip(ids, kinds, strict=True)):
            y = 110 + 24 * row + 10 * (row // size)
            if row % size == 0:  # what stands together
                d.box(left + 58, y + 12 * size - 1, 130, 24 * size + 4)
            d.strip(left, y, [i], kind, 28)
            d.strip(left + 32, y, [""] * 4, "faint", 21)
        d.strip(left - 11, 300, ids, kinds, 23)
    return d


def training_step():
    """Draw the five parts of a step of training, in a circle."""
    d = Drawing(312, "One step of training",
                "Clockwise from the top: read the next mini-batch X, Y; "
                "forward, from X to scores and the loss L; backward, to the "
                "gradient g; clip g to the norm theta; update the weights W. "
                "Then the next mini-batch.")
    places = [(180, 50), (278, 148), (278, 262), (82, 262), (82, 148)]
    for step, (x, y) in enumerate(places, start=1):
        d.box(x, y, 140, 60, radius=10)
        d.text(x - 60, y - 19, str(step), 12, "faint")
    for x, letter, kind in ((140, "X", "input"), (204, "Y", "output")):
        d.text(x - 10, 53, letter)
        for row in range(2):
            d.strip(x, 40 + 13 * row, [""] * 3, kind, 12, 13)
    passes(d, 278, 151, "X", 1, "line")
    passes(d, 278, 265, "g", -1, "gradient")
    d.text(82, 265, "g ← min(θ/‖g‖, 1) g", 14)
    d.text(82, 151, "W ← W - ηg")
    d.arrow((254, 50), (290, 50), (290, 114), width=3)
    d.arrow((290, 182), (290, 228), width=3)
    d.arrow((204, 262), (157, 262), width=3)
    d.arrow((70, 228), (70, 182), width=3)
    d.arrow((70, 114), (70, 50), (106, 50), width=3)
    return d


def windows_or_state():
    """Draw windows that slide over a text, and a state that is carried."""
    d = Drawing(358, "Windows, or a state",
                "Above, a window of six characters slides over the text; in "
                "each window the state begins with zeros, and predicts the "
                "one character after it. Below, one state is carried along "
                "the text, and predicts each next character.")
    for row in range(4):
        y = 18 + 44 * row
        left = 44 + 23 * row
        kinds = ["input"] * 6 + ["output"]
        d.strip(left, y, range(row, row + 7), kinds, 23)
        d.operator(left - 18, y + 11, "0", "state", radius=9)
        d.arrow((left - 18, y + 20), (left - 18, y + 31),
                (left + 149, y + 31), (left + 149, y + 23), kind="state",
                width=2)
    d.line((15, 204), (345, 204), kind="faint", width=1, dashed=True)
    d.operator(26, 284, "0", "state", radius=9)
    d.arrow((35, 284), (354, 284), kind="state", width=2)
    for i in range(10):
        x = 67 + 28 * i
        d.arrow((x, 319), (x, 292), kind="input")
        d.arrow((x, 276), (x, 249))
        d.operator(x, 284, "", "state", radius=8)
    d.strip(53, 320, range(10), "input", 28)
    d.strip(53, 226, range(1, 11), "output", 28)
    return d


NAME = "rugo"


def name_example():
    """Draw what a network reads of a name, its states, what it predicts."""
    d = Drawing(188, "A name as an example",
                "Above, what is read: the zero vector, then the letters of a "
                "name. In the middle a chain of states. Below, what is to be "
                "predicted: the same letters one step earlier, then the end.")
    d.text(36, 30, "X")
    d.text(36, 158, "Y")
    d.box(36, 94, 36, 34, "a_0", "state", dashed=True)
    for t, (read, predicted) in enumerate(
            zip(["", *NAME], [*NAME, "\\n"], strict=True), start=1):
        x = 36 + 56 * t
        d.arrow((x - 38, 94), (x - 18, 94), kind="state")
        d.arrow((x, 43), (x, 77))
        d.arrow((x, 111), (x, 145))
        d.box(x, 94, 36, 34, f"a_{t}", "state")
        for y, letter, kind in ((30, read, "input"),
                                (158, predicted, "output")):
            d.box(x, y, 56, 26, kind=kind if letter else "line", radius=2)
            d.text(x, y, letter, literal=True)
    return d


def passes(d, x, y, letter, way, kind):
    """Draw three states between a letter and the loss, and arrows one way."""
    d.text(x - 58, y, letter)
    d.text(x + 58, y, "L")
    for shift in (-27, 0, 27):
        d.box(x + shift, y, 14, 14, kind="state", radius=3)
    for left, right in ((-48, -35), (-19, -8), (8, 19), (35, 50)):
        start, end = (left, right)[::way]
        d.arrow((x + start, y), (x + end, y), kind=kind)
