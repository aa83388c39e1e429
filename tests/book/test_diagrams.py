"""The figures: what is committed is drawn, says no word, and can be read."""
import doctest
import re
from xml.etree import ElementTree

import d2lrnn as d2l
import numpy as np
import pytest
from chromium import start
from d2lrnn.jazz import read_tune
from d2lrnn.jazz.grammar import parse_token, to_notes, to_tokens
from d2lrnn.jazz.training_data import default_tune

from docs.figures import FIGURES, FOLDER, batches, counting, music, pen

PHONE = 390 - 2 * 16  # pixels between furo's margins
SMALLEST = 11  # pixels
FORMULAS = {"tanh", "softmax", "min"}
figures = pytest.mark.parametrize("name", FIGURES)
CHAPTERS = FOLDER.parents[1] / "chapters"
IN_A_LESSON = re.compile(
    r"# ```\{figure\} /figures/(\w+)\.svg\n# :name: (\S+)\n# :alt: (.+)\n"
    r"#\n((?:# .+\n)+)# ```")


def committed(name):
    """Return the root of a committed figure, and its elements by tag."""
    root = ElementTree.fromstring((FOLDER / f"{name}.svg").read_bytes())
    elements = [(element.tag.split("}")[1], element)
                for element in root.iter()]
    return root, elements


def luminance(color):
    """Return the relative luminance of #rrggbb (WCAG 2)."""
    values = [int(color[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else
              ((value + 0.055) / 1.055) ** 2.4 for value in values]
    return np.dot(linear, (0.2126, 0.7152, 0.0722))


def contrast(one, other):
    darker, brighter = sorted(map(luminance, (one, other)))
    return (brighter + 0.05) / (darker + 0.05)


def corners(tag, element):
    """Return the outermost points of an element, by its coordinates."""
    value = {name: float(v) for name, v in element.attrib.items()
             if re.fullmatch(r"-?[\d.]+", v)}
    half = value.get("stroke-width", 0) / 2
    if tag == "rect":
        x, y = value.get("x", 0), value.get("y", 0)
        points = [(x, y), (x + value["width"], y + value["height"])]
    elif tag in ("circle", "ellipse"):
        radius = value.get("r") or value["rx"]
        points = [(value["cx"] + way * radius, value["cy"] + way * radius)
                  for way in (-1, 1)]
    elif tag == "text":
        points = [(value["x"], value["y"] - 0.7 * value["font-size"]),
                  (value["x"], value["y"] + 0.3 * value["font-size"])]
    elif tag in ("path", "polygon"):
        numbers = re.findall(r"-?[\d.]+", element.get("d")
                             or element.get("points"))
        points = np.array(numbers, float).reshape(-1, 2)
    else:
        return np.zeros((0, 2))
    return np.array([(x + way * half, y + way * half) for x, y in points
                     for way in (-1, 1)])


def test_every_figure_is_committed():
    assert {path.stem for path in FOLDER.glob("*.svg")} == {*FIGURES}


@figures
def test_a_committed_figure_is_what_is_drawn(name):
    assert (FOLDER / f"{name}.svg").read_text("utf-8") == (
        FIGURES[name]().svg()), "run: make figures"


@figures
def test_a_figure_has_a_title_and_a_description(name):
    root, _ = committed(name)
    title, desc = root[0], root[1]
    assert [child.tag.split("}")[1] for child in (title, desc)] == [
        "title", "desc"]
    assert len(title.text) > 4 and len(desc.text) > 40
    assert root.get("role") == "img"


@figures
def test_a_figure_serves_every_language(name):
    _, elements = committed(name)
    texts = [element.text or "" for tag, element in elements
             if tag in ("text", "tspan")]
    assert texts
    names = {name for text in texts for name in re.findall(r"\w{3,}", text)
             if name.isalpha()}
    assert names <= FORMULAS


@figures
def test_no_text_is_small_on_a_phone(name):
    root, elements = committed(name)
    width = float(root.get("viewBox").split()[2])
    sizes = [float(element.get("font-size")) for _, element in elements
             if element.get("font-size")]
    assert min(sizes) * PHONE / width >= SMALLEST


@figures
def test_nothing_is_outside(name):
    root, elements = committed(name)
    _, _, width, height = map(float, root.get("viewBox").split())
    for tag, element in elements:
        for x, y in corners(tag, element):
            assert 0 <= x <= width and 0 <= y <= height, (
                tag, element.attrib)


@figures
def test_all_colours_are_known_and_lie_on_the_panel(name):
    root, elements = committed(name)
    panel = root[2]
    assert panel.get("fill") == pen.PANEL
    assert [panel.get("width"), panel.get("height")] == (
        root.get("viewBox").split()[2:])
    lines = {line for _, line in pen.COLORS.values()}
    areas = {area for area, _ in pen.COLORS.values()}
    for tag, element in elements:
        assert "opacity" not in "".join(element.attrib)
        fill, stroke = (element.get(key, "none")
                        for key in ("fill", "stroke"))
        assert stroke in {"none", *lines}
        if tag == "text":
            assert fill in {pen.INK, *lines}
        elif tag != "tspan":
            assert fill in {"none", pen.PANEL, *areas, *lines}


def test_every_colour_has_contrast_on_all_that_it_may_lie_on():
    areas = [pen.PANEL, *(area for area, _ in pen.COLORS.values())]
    for color in (pen.INK, *(line for _, line in pen.COLORS.values())):
        assert min(contrast(color, area) for area in areas) >= 4.5


def test_without_the_panel_no_colour_would_do():
    best = (contrast("#ffffff", "#131416")) ** 0.5  # with the best grey
    assert best < 4.5


def test_the_samplings_are_those_of_the_lesson():
    numbers = np.arange(30)
    for ours, theirs in (
            (batches.random_batches(range(30)), d2l.data_iter_random),
            (batches.consecutive_batches(range(30)),
             d2l.data_iter_consecutive)):
        d2l.seed(1)
        batches_of_theirs = [X.asnumpy().astype(int).tolist() for X, _ in
                             theirs(numbers, batches.BATCH_SIZE,
                                    batches.NUM_STEPS)]
        assert [[[*row] for row in rows] for rows in ours] == (
            batches_of_theirs)


def test_the_measure_is_what_the_grammar_makes_of_it():
    measures, chords = read_tune(default_tune())
    measure, chord = measures[3], chords[3]
    assert [note.pitches for note in measure] == [
        (pitch,) for pitch in music.MELODY]
    assert {pitch % 12 for pitch in chord[0].pitches} == {
        pitch % 12 for pitch in music.CHORD}
    assert to_tokens(measure, chord) == [*music.TOKENS]
    assert [parse_token(token)[2] for token in music.TOKENS] == [
        *music.WINDOWS]
    solo = to_notes(music.TOKENS, chord, np.random.default_rng(music.SEED))
    assert [note.pitches for note in solo] == [
        (pitch,) for pitch in music.SOLO]
    for note, (flags, dotted) in zip(solo, music.SOLO_VALUES, strict=True):
        assert note.length == (3 if dotted else 2) / 2 ** (flags + 1)


def test_each_figure_is_described_captioned_and_referred_to():
    shown = []
    for path in (*CHAPTERS.glob("*.py"), *FOLDER.parent.glob("*.md")):
        lesson = path.read_text("utf-8")
        if path.suffix == ".md":  # as a lesson's cell would have it
            lesson = re.sub("^(?=.)", "# ", lesson, flags=re.MULTILINE)
            lesson = re.sub("^$", "#", lesson, flags=re.MULTILINE)
        found = IN_A_LESSON.findall(lesson)
        assert len(found) == lesson.count("{figure}"), path.name
        for name, label, alt, caption in found:
            shown.append(name)
            assert alt.endswith(".") and caption.endswith(".\n"), label
            assert f"{{numref}}`{label}`" in lesson.replace("\n# ", " "), label
    assert sorted(shown) == sorted(FIGURES)


def test_the_table_of_counts_is_that_of_the_package():
    text = counting.TEXT
    *_, p = d2l.ngram_probabilities([*map(counting.LETTERS.index, text)], 3,
                                    len(counting.LETTERS), smooth=False)
    table = counting.counted(text)
    for t in range(2, len(text)):
        after = table[text[t - 2:t]]
        assert p[t] == after[text[t]] / after.total()
    assert table[counting.CONTEXT] == {"c": 2, "d": 1}


@pytest.mark.parametrize("module", [pen, counting])
def test_a_module_does_as_its_examples(module):
    done = doctest.testmod(module)
    assert done.attempted and not done.failed


MEASURE = """
const view = document.querySelector("svg").viewBox.baseVal;
return [...document.querySelectorAll("text")].map(text => {
  const box = text.getBBox();
  return [text.textContent, box.x, box.y, box.x + box.width,
          box.y + box.height, view.width, view.height];
});"""


@pytest.mark.browser
def test_texts_are_apart_and_inside():
    browser = start()
    try:
        for name in FIGURES:
            browser.get((FOLDER / f"{name}.svg").as_uri())
            check_texts(name, browser.execute_script(MEASURE))
    finally:
        browser.quit()


def check_texts(name, texts):
    """Assert that no two texts overlap, and that none leaves the figure."""
    for i, (text, left, top, right, bottom, width, height) in enumerate(texts):
        assert left >= 0 and top >= 0, f"{name}: {text}"
        assert right <= width and bottom <= height, f"{name}: {text}"
        for other, x, y, x_end, y_end, *_ in texts[:i]:
            overlap = (min(right, x_end) - max(left, x),
                       min(bottom, y_end) - max(top, y))
            assert min(overlap) < 2, f"{name}: {text} and {other}"
