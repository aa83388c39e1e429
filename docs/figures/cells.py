"""Figures of one cell: the plain one, the GRU, the LSTM, and the way back."""
from docs.figures.pen import Drawing


def unrolled():
    """Draw a cell with its loop, and the same cell at three steps."""
    d = Drawing(444, "A recurrent cell, folded and unrolled",
                "Above, a cell with a loop: X_t and the state before give "
                "H_t, and H_t gives Y_t. Below, the same cell at three steps; "
                "inputs are n x d, states n x h, outputs n x q.")
    d.box(150, 34, 46, 34, "Y_t", "output")
    d.box(150, 104, 46, 34, "H_t", "state")
    d.box(150, 174, 46, 34, "X_t", "input")
    d.arrow((150, 157), (150, 121))
    d.arrow((150, 87), (150, 51))
    d.arrow((173, 112), (212, 112), (212, 96), (173, 96), kind="state")
    for x, y, weight, shape in ((160, 139, "W_{xh}", "d×h"),
                                (220, 104, "W_{hh}", "h×h"),
                                (160, 69, "W_{hq}", "h×q")):
        d.text(x, y, weight, anchor="start")
        d.text(x + 36, y, shape, 13, "faint", anchor="start")
    d.arrow((150, 204), (150, 234), kind="faint", width=5)
    d.box(30, 344, 38, 34, "H_0", "state", dashed=True)
    for t, x in enumerate((112, 206, 300), start=1):
        d.box(x, 270, 46, 34, f"Y_{t}", "output")
        d.box(x, 344, 46, 34, f"H_{t}", "state")
        d.box(x, 418, 46, 34, f"X_{t}", "input")
        d.arrow((x, 401), (x, 361))
        d.arrow((x, 327), (x, 287))
        d.text(x + 7, 381, "n×d", 13, "faint", anchor="start")
        d.text(x + 7, 307, "n×q", 13, "faint", anchor="start")
        left = 49 if t == 1 else x - 71
        d.arrow((left, 344), (x - 23, 344), kind="state")
        d.text((left + x - 27) / 2, 334, "n×h", 13, "faint")
    d.arrow((323, 344), (352, 344), kind="state")
    return d


def gates(d, places, top, state_bus, input_bus):
    """Draw gates at places, and how states and inputs come to them.

    ``places`` holds ``(x, function, whether the state comes from its bus)``.
    """
    for x, function, reads_state in places:
        if reads_state:
            d.arrow((x - 10, state_bus), (x - 10, top + 15), kind="state")
            d.dot(x - 10, state_bus, "state")
        d.arrow((x + 10, input_bus), (x + 10, top + 15), kind="input")
        d.dot(x + 10, input_bus, "input")
        d.box(x, top, 44, 30, function, "gate")


def gru():
    """Draw the GRU: reset gate, update gate, candidate, the next state."""
    d = Drawing(320, "The data flow of a GRU",
                "The state H_{t-1} runs along the top. The update gate Z_t "
                "keeps a part of it; the candidate, which reads X_t and the "
                "state behind the reset gate R_t, is let in by 1 - Z_t.")
    d.box(180, 151, 280, 258, radius=12)
    d.line((8, 60), (60, 60), (60, 232), (182, 232), kind="state")
    d.line((8, 60), (192, 60), kind="state", width=3)
    d.arrow((203, 60), (352, 60), kind="state", width=3)
    d.dot(58, 60, "state")
    d.line((80, 298), (80, 258), (296, 258), kind="input")
    gates(d, [(116, "σ", True), (194, "σ", True), (286, "tanh", False)],
          190, 232, 258)
    # the reset gate, and what it lets the candidate see
    d.arrow((116, 60), (116, 119), kind="state")
    d.dot(116, 60, "state")
    d.arrow((116, 175), (116, 141), kind="gate")
    d.arrow((127, 130), (238, 130), (238, 190), (264, 190), kind="state")
    # the update gate, and 1 minus it
    d.line((194, 175), (194, 100), kind="gate")
    d.arrow((194, 100), (194, 71), kind="gate")
    d.dot(194, 98, "gate")
    d.line((194, 98), (228, 98), kind="gate")
    d.arrow((254, 98), (275, 98), kind="gate")
    d.arrow((286, 175), (286, 109), kind="memory")
    d.arrow((286, 87), (286, 71), kind="memory")
    for x, y, sign in ((116, 130, "."), (194, 60, "."), (286, 98, "."),
                       (286, 60, "+")):
        d.operator(x, y, sign)
    d.operator(241, 98, "1-", radius=13)
    for x, y, formula in ((123, 157, "R_t"), (201, 152, "Z_t"),
                          (293, 146, "H~_t")):
        d.text(x, y, formula, anchor="start")
    d.text(20, 42, "H_{t-1}")
    d.text(340, 42, "H_t")
    d.text(80, 307, "X_t")
    return d


def lstm():
    """Draw the LSTM: three gates along a conveyor, the memory cell."""
    d = Drawing(320, "The data flow of an LSTM",
                "The memory cell runs along the top, from C_{t-1} to C_t. The "
                "forget gate F_t keeps a part of it, the input gate I_t lets "
                "the candidate in, the output gate O_t shows tanh of it as "
                "the state H_t.")
    d.box(180, 151, 284, 258, radius=12)
    d.arrow((8, 60), (352, 60), kind="memory", width=3.5)
    d.line((8, 232), (254, 232), kind="state")
    d.line((54, 298), (54, 258), (274, 258), kind="input")
    gates(d, [(84, "σ", True), (144, "σ", True), (204, "tanh", True),
              (264, "σ", True)], 192, 232, 258)
    d.arrow((84, 177), (84, 71), kind="gate")
    d.arrow((144, 177), (144, 112), (193, 112), kind="gate")
    d.arrow((204, 177), (204, 123), kind="memory")
    d.arrow((204, 101), (204, 71), kind="memory")
    d.arrow((264, 177), (264, 146), (284, 146), kind="gate")
    d.arrow((295, 60), (295, 84), kind="memory")
    d.dot(295, 60, "memory")
    d.arrow((295, 112), (295, 135), kind="memory")
    d.arrow((295, 157), (295, 232), (352, 232), kind="state")
    d.box(295, 98, 42, 28, "tanh", "gate")
    for x, y, sign in ((84, 60, "."), (204, 60, "+"), (204, 112, "."),
                       (295, 146, ".")):
        d.operator(x, y, sign)
    for x, y, formula in ((91, 140, "F_t"), (151, 140, "I_t"),
                          (211, 150, "C~_t"), (239, 158, "O_t")):
        d.text(x, y, formula, anchor="start")
    d.text(20, 42, "C_{t-1}")
    d.text(340, 42, "C_t")
    d.text(19, 214, "H_{t-1}")
    d.text(340, 214, "H_t")
    d.text(54, 307, "X_t")
    return d


def backward_step():
    """Draw the graph of a plain cell, and the gradient on its way back."""
    d = Drawing(398, "Forward and back through one step",
                "Solid arrows: X_t and A_{t-1} are multiplied by weights, "
                "summed with b_a to Z_t, and tanh gives A_t. Dashed arrows: "
                "the gradient comes from the output and from the next step, "
                "and each product hands it to both of its factors.")
    for top, bottom in ((47, 79), (113, 147), (177, 213)):
        d.there_and_back((151, bottom), (151, top))
    d.there_and_back((176, 96), (280, 96), kind="state")
    d.text(164, 63, "W_{ya}^⊤(Ŷ_t - Y_t)", 14, "gradient", "start")
    d.text(229, 114, "W_{aa}^⊤dZ_{t+1}", 14, "gradient")
    d.text(164, 195, "dZ_t = dA_t ⊙ (1 - A_t^2)", 14, "gradient", "start")
    for x, side in ((76, -1), (226, 1)):
        d.there_and_back((x - side * 10, 267), (151 + side * 11, 232))
        for way in (-1, 1):
            d.there_and_back((x + 34 * way, 318), (x + 8 * way, 285))
    d.arrow((324, 321), (324, 219), (164, 219))
    d.arrow((164, 228), (333, 228), (333, 321), kind="gradient", dashed=True)
    d.box(151, 30, 46, 34, "Ŷ_t", "output")
    d.box(151, 96, 46, 34, "A_t", "state")
    d.box(308, 96, 54, 34, "A_{t+1}", "state")
    d.box(151, 162, 52, 30, "tanh", "gate")
    d.operator(151, 224, "+")
    for x in (76, 226):
        d.operator(x, 275, "×")
    for x, formula, kind, gradient in (
            (40, "W_{ax}", "line", "dZ_tX_t^⊤"),
            (112, "X_t", "input", "W_{ax}^⊤dZ_t"),
            (190, "W_{aa}", "line", "dZ_tA_{t-1}^⊤"),
            (262, "A_{t-1}", "state", "W_{aa}^⊤dZ_t"),
            (328, "b_a", "line", "Σ dZ_t")):
        d.box(x, 340, 50, 34, formula, kind)
        d.text(x, 376, gradient, 13, "gradient")
    return d


def jacobians():
    """Draw three losses, and how the gradient of each reaches H_0."""
    d = Drawing(330, "Back through time, a product of matrices",
                "A chain of states H_0 to H_3 with a loss at each from H_1 "
                "on. Below, the gradient of each loss on its way back to H_0: "
                "that of the first loss through the transpose of J_1, that of "
                "the second through those of J_2 and J_1, that of the third "
                "through all three. At H_0 they add up.")
    places = [38, 132, 226, 320]
    for t, x in enumerate(places):
        if t:
            left = places[t - 1]
            d.arrow((left + 21, 98), (x - 21, 98), kind="state")
            d.text((left + x) / 2, 86, f"J_{t}", 14)
            d.arrow((x, 81), (x, 47))
            d.box(x, 30, 42, 32, f"ℓ_{t}", "output")
        d.box(x, 98, 42, 34, f"H_{t}", "state", dashed=not t)
    for t, x in enumerate(places[1:], start=1):
        y = 128 + 56 * t
        d.line((x, 115), (x, y), kind="faint", width=1, dashed=True)
        d.dot(x, y, "gradient")
        start = x
        for step in range(t, 0, -1):
            middle = places[step] - 47
            d.arrow((start, y), (middle + 21, y), kind="gradient", dashed=True)
            d.box(middle, y, 42, 32, f"J_{step}^⊤", "gradient")
            start = middle - 21
        d.arrow((start, y), (50, y), kind="gradient", dashed=True)
        d.operator(38, y, "+", "gradient", radius=12)
    for start, end in ((284, 252), (228, 196), (172, 115)):
        d.arrow((38, start), (38, end), kind="gradient", dashed=True)
    return d
