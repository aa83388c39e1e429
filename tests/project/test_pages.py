"""The pages agree with one another, and with the code that they name."""
import re
from itertools import pairwise
from pathlib import Path

import pytest
from d2lrnn import numpy_rnn

ROOT = Path(__file__).parents[2]
# page -> what a part of it begins with, and what ends it
ORDERS = {"docs/index.md": (r"^:caption: ([IV]+ .*)$", "```"),
          "chapters/README.md": (r"^## ([IV]+ .*)$", "\n#"),
          "README.md": (r"^\| ([IV]+ [^|]*) \|", "\n"),
          "README.zh.md": (r"^\| ([一二三四五六七]、[^|]*) \|", "\n")}


def parts(page):
    """Return the title of each part of a page, with its lessons in order."""
    title, end = ORDERS[page]
    _, *pieces = re.split(title, (ROOT / page).read_text("utf-8"),
                          flags=re.MULTILINE)
    return [(name, re.findall(r"[/(](\w+)(?:\.py\)|$)", part.split(end)[0],
                              re.MULTILINE))
            for name, part in zip(pieces[::2], pieces[1::2], strict=True)]


def lessons(page):
    """Return the lessons of a page, in order."""
    return [lesson for _, lessons in parts(page) for lesson in lessons]


@pytest.mark.parametrize("page", ORDERS)
def test_every_page_has_the_lessons_in_one_order(page):
    order = lessons("docs/index.md")
    lacking = {path.stem for path in (ROOT / "chapters").glob("*.py")}
    lacking -= set(lessons(page))
    assert not lacking, f"{page} lacks {', '.join(sorted(lacking))}"
    assert lessons(page) == order
    if "zh" not in page:  # the titles
        assert parts(page) == parts("docs/index.md")


def test_each_lesson_leads_to_the_next():
    order = lessons("docs/index.md")
    for lesson, after in pairwise(order):
        text = (ROOT / "chapters" / f"{lesson}.py").read_text("utf-8")
        _, end = text.rsplit("Next:", 1)
        assert re.search(r"\]\((\w+)\.py\)", end)[1] == after, lesson


@pytest.mark.parametrize("page", [
    "README.md", "README.zh.md", "CONTRIBUTING.md", "lyrics_data/README.md",
    "chapters/README.md", "benchmarks/records/README.md"])
def test_what_a_page_links_to_is_there(page):
    path = ROOT / page
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8"))
    assert links
    for link in links:
        if not link.startswith("https://"):
            assert (path.parent / link).exists(), link


def rows(page):
    """Return the cells of all rows of a page's first table, its head first."""
    lines = (ROOT / page).read_text("utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("|"))
    end = lines.index("", first)
    return [[cell.strip() for cell in line.strip("|").split("|")]
            for line in lines[first:end]]


def names(column):
    """Return the names of code in a column of the table of notation."""
    head, _, *table = rows("docs/notation.md")
    at = head.index(column)
    return {name for row in table
            for span in re.findall("`([^`]+)`", row[at])
            for name in re.findall(r"[A-Za-z_]\w*", span)}


def test_the_table_of_notation_names_what_the_code_has():
    code = "\n".join(path.read_text("utf-8") for path
                     in (ROOT / "d2lrnn").rglob("*.py"))
    ours, numpys = names("in our code"), names("NumPy lessons")
    assert {"W_xh", "H_tilde", "clipping_theta"} <= ours
    assert {"Wax", "a_next", "cct"} <= numpys
    assert {name for name in ours | numpys
            if not re.search(rf"\b{name}\b", code)} == set()
    assert numpys >= {*numpy_rnn.RNN} | {"Wi", "bi"}


def test_the_table_of_notation_names_what_pytorch_has():
    torch = pytest.importorskip("torch", reason="pip install -e '.[oracle]'")
    layer, output = torch.nn.LSTM(3, 5), torch.nn.Linear(5, 3)
    parameters = {name for name in names("PyTorch")
                  if name.startswith(("weight", "bias"))}
    assert {"weight_ih_l0", "bias_hh_l0", "weight"} <= parameters
    assert parameters == {*dict(layer.named_parameters()),
                          *dict(output.named_parameters())}
