"""A pen that writes SVG: boxes, circles, arrows, strips of cells, formulas.

Every picture lies on a light panel of its own. No text colour reaches a
contrast of 4.5 on both a white page and furo's dark one (4.3 is the most),
and a picture in a page is not told which theme the reader has chosen.
"""
import re
from math import hypot
from xml.sax.saxutils import escape

WIDTH = 360  # a phone shows 358 pixels of it
SMALL, NORMAL = 11.5, 16  # sizes of text
SCALE = 1.2  # on a wide page
FONT = "STIX Two Text, Times New Roman, Liberation Serif, Tinos, serif"
PANEL, INK = "#f5f7fa", "#1b2230"
COLORS = {  # kind: (area, line)
    "line": ("#ffffff", "#465063"),
    "faint": ("#e4e8ee", "#566072"),
    "input": ("#dcebfb", "#1d5a96"),
    "state": ("#d7f0df", "#1f6a3b"),
    "output": ("#fde5ce", "#94450d"),
    "gate": ("#eae0f8", "#6636a3"),
    "memory": ("#fbdbe5", "#9d2355"),
    "gradient": ("#fde0dc", "#b01d1c"),
}
HEAD, ROUND = 7, 6  # lengths of an arrow's head, and of a corner
SCRIPT = re.compile(r"[_^](?:\{[^}]*\}|.)|[^_^]+")


def number(value):
    """Write a coordinate with one digit after the point at most.

    >>> number(3.0), number(2.25)
    ('3', '2.2')
    """
    return f"{round(value, 1):g}"


def style_of(part):
    """Return how a part of a formula is set: matrices bold, scalars italic.

    >>> style_of("H"), style_of("t"), style_of("tanh"), style_of("12")
    ('bold', 'italic', '', '')
    """
    if part[0] in "ABCEFHIJORWXYZŶabg":
        return "" if len(part) > 1 and part[1] != "~" else "bold"
    return "italic" if len(part) == 1 and part.isalpha() else ""


def parts_of(formula):
    """Yield the parts of a formula, and where each stands: "", "_" or "^".

    >>> [*parts_of("W_{xh}=H_{t-1}")]  # doctest: +NORMALIZE_WHITESPACE
    [('W', ''), ('x', '_'), ('h', '_'), ('=', ''), ('H', ''), ('t', '_'),
     ('-1', '_')]
    """
    for script in SCRIPT.findall(formula):
        place = script[0] if script[0] in "_^" else ""
        inner = script[1:].strip("{}") if place else script
        letters = "[A-Za-z]" if place else "[A-ZŶ]~?|[a-z]+"
        for part in re.findall(f"{letters}|[α-ωℓ]|[^A-Za-zŶα-ωℓ]+", inner):
            yield part, place


def spans(formula, size):
    """Return a formula as tspans.

    It is written as in LaTeX, without backslashes: ``H_{t-1}``, ``W^⊤``;
    ``~`` after a letter is its tilde.
    """
    written, shift = [], 0
    small = max(SMALL, 0.7 * size)
    for part, place in parts_of(formula.replace("-", "−")):
        down = size * {"": 0, "_": 0.25, "^": -0.36}[place]
        attributes = f' dy="{number(down - shift)}"' if down != shift else ""
        shift = down
        if place:
            attributes += f' font-size="{small:g}"'
        style = "italic" if place and part.isalpha() else style_of(part)
        if style == "bold":
            attributes += ' font-weight="bold"'
        elif style:
            attributes += ' font-style="italic"'
        part = part.replace("~", "\u0303")
        written.append(f"<tspan{attributes}>{escape(part)}</tspan>")
    return "".join(written)


class Drawing:
    """A picture of ``height`` units; all places are ``(x, y)`` in them."""

    def __init__(self, height, title, desc):
        self.height, self.title, self.desc = height, title, desc
        self.parts = []

    def add(self, tag, inner=None, **attributes):
        """Add an element; ``_`` in the name of an attribute stands for -."""
        written = "".join(
            f' {name.replace("_", "-")}="'
            f'{number(v) if isinstance(v, (int, float)) else v}"'
            for name, v in attributes.items() if v is not None)
        self.parts.append(f"<{tag}{written}/>" if inner is None else
                          f"<{tag}{written}>{inner}</{tag}>")

    def text(self, x, y, formula, size=NORMAL, kind=None, anchor="middle",
             literal=False):
        """Write a formula, or what is no formula, with its middle at y."""
        inner = escape(formula) if literal else spans(formula, size)
        self.add("text", inner, x=x, y=y + 0.34 * size, font_size=size,
                 text_anchor=anchor, fill=COLORS[kind][1] if kind else INK)

    def box(self, x, y, width, height, formula="", kind="line", size=NORMAL,
            radius=5, dashed=False):
        """Draw a box around its middle, with a formula in it."""
        area, line = COLORS[kind]
        self.add("rect", x=x - width / 2, y=y - height / 2, width=width,
                 height=height, rx=radius, fill=area, stroke=line,
                 stroke_width=1.4, stroke_dasharray="4 3" if dashed else None)
        if formula:
            self.text(x, y, formula, size)

    def operator(self, x, y, sign, kind="line", radius=11):
        """Draw a circle with a sign: ``.`` (by element), ``+``, a formula."""
        area, line = COLORS[kind]
        self.add("circle", cx=x, cy=y, r=radius, fill=area, stroke=line,
                 stroke_width=1.4)
        if sign == ".":
            self.add("circle", cx=x, cy=y, r=2.6, fill=line)
        elif sign == "+":
            arm = radius - 4
            self.line((x - arm, y), (x + arm, y), kind=kind)
            self.line((x, y - arm), (x, y + arm), kind=kind)
        else:
            self.text(x, y, sign, 13)

    def dot(self, x, y, kind="line"):
        """Mark a place where a line branches."""
        self.add("circle", cx=x, cy=y, r=2.8, fill=COLORS[kind][1])

    def line(self, *points, kind="line", width=1.6, dashed=False):
        """Draw straight lines through points, with round corners."""
        path = ["M", points[0]]
        for before, corner, after in zip(points, points[1:], points[2:],
                                         strict=False):
            path += ["L", toward(corner, before, ROUND), "Q", corner,
                     toward(corner, after, ROUND)]
        self.path([*path, "L", points[-1]], kind, width, dashed)

    def path(self, commands, kind="line", width=1.6, dashed=False):
        """Draw a line along commands of SVG's paths, and their points."""
        written = (command if isinstance(command, str) else
                   f"{number(command[0])} {number(command[1])}"
                   for command in commands)
        self.add("path", d=" ".join(written), fill="none",
                 stroke=COLORS[kind][1], stroke_width=width,
                 stroke_dasharray="4 3" if dashed else None)

    def arrow(self, *points, kind="line", width=1.6, dashed=False):
        """Draw lines as ``line`` does, and a head at the last point."""
        (x, y), (x_from, y_from) = points[-1], points[-2]
        length = hypot(x - x_from, y - y_from)
        dx, dy = (x - x_from) / length, (y - y_from) / length
        back = (x - HEAD * dx, y - HEAD * dy)
        self.line(*points[:-1], back, kind=kind, width=width, dashed=dashed)
        half = 2.6 + width / 2
        corners = ((x, y), (back[0] - half * dy, back[1] + half * dx),
                   (back[0] + half * dy, back[1] - half * dx))
        self.add("polygon", points=" ".join(
            f"{number(x)},{number(y)}" for x, y in corners),
            fill=COLORS[kind][1])

    def there_and_back(self, start, end, apart=4.5, kind="line"):
        """Draw an arrow, and beside it, the other way, that of a gradient."""
        length = hypot(end[0] - start[0], end[1] - start[1])
        dx = apart * (end[1] - start[1]) / length
        dy = apart * (start[0] - end[0]) / length
        self.arrow((start[0] + dx, start[1] + dy), (end[0] + dx, end[1] + dy),
                   kind=kind)
        self.arrow((end[0] - dx, end[1] - dy), (start[0] - dx, start[1] - dy),
                   kind="gradient", dashed=True)

    def strip(self, x, y, cells, kinds, width=22, height=22, size=12):
        """Draw a row of cells; x and y are its corner, at the top left.

        ``kinds`` is one for all cells, or a list with one for each.
        """
        if isinstance(kinds, str):
            kinds = [kinds] * len(cells)
        for i, (cell, kind) in enumerate(zip(cells, kinds, strict=True)):
            self.box(x + (i + 0.5) * width, y + height / 2, width, height,
                     str(cell), kind, size, radius=2)

    def svg(self):
        """Return the picture, on its panel."""
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" '
            f'width="{number(SCALE * WIDTH)}" '
            f'height="{number(SCALE * self.height)}" '
            f'viewBox="0 0 {WIDTH} {number(self.height)}" role="img" '
            f'font-family="{FONT}">',
            f"<title>{escape(self.title)}</title>",
            f"<desc>{escape(self.desc)}</desc>",
            f'<rect width="{WIDTH}" height="{number(self.height)}" rx="10" '
            f'fill="{PANEL}"/>',
            *self.parts, "</svg>", ""])


def toward(start, end, distance):
    """Return the point at a distance from one point towards another.

    It is never further than the middle, so that two corners have room.

    >>> toward((0, 0), (0, 10), 4), toward((0, 0), (0, 10), 7)
    ((0.0, 4.0), (0.0, 5.0))
    """
    part = min(distance / hypot(end[0] - start[0], end[1] - start[1]), 0.5)
    return (start[0] + part * (end[0] - start[0]),
            start[1] + part * (end[1] - start[1]))
