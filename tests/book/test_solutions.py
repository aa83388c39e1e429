"""Every exercise has a hint and a solution, whose code runs."""
import os
import re
import subprocess
import sys

import pytest

pytest.importorskip("myst_nb", reason="pip install -e '.[book]'")
import recording
from d2lrnn.exercises import EXERCISES

pytestmark = pytest.mark.book
SOLUTIONS = sorted((recording.CHAPTERS / "solutions").glob("*.py"))
solutions = pytest.mark.parametrize(
    "path", SOLUTIONS, ids=[path.stem for path in SOLUTIONS])


# the page without code
AFTER = recording.DOCS / "after_rnns.md"


def exercises(lesson):
    """Return a lesson's exercises by their numbers, and its text."""
    path = AFTER if lesson == AFTER.stem else (
        recording.CHAPTERS / f"{lesson}.py")
    text = path.read_text("utf-8")
    part = recording.EXERCISES.search(re.sub("^# ", "", text, flags=re.M))[0]
    _, *items = re.split(r"^(\d+)\. (?=\()", part, flags=re.MULTILINE)
    return dict(zip(map(int, items[::2]), items[1::2], strict=True)), text


def page_of(lesson, text):
    """Return the Markdown that Sphinx reads."""
    if lesson != AFTER.stem:
        return "\n".join(cell.source for cell in recording.read(text).cells)
    source = [text]
    recording.fold_solutions(None, lesson, source)
    return source[0]


def test_every_lesson_has_solutions():
    lessons = {path.stem for path in recording.CHAPTERS.glob("*.py")}
    assert lessons | {AFTER.stem} == {path.stem for path in SOLUTIONS}


def test_a_lesson_asks_for_what_is_judged():
    for lesson, number in EXERCISES:
        asked, _ = exercises(lesson)
        assert f'd2l.check("{lesson}", {number}, ' in asked[number], lesson


@solutions
def test_each_exercise_has_a_hint_and_a_solution(path):
    asked, text = exercises(path.stem)
    numbers = [*asked]
    assert numbers == [*range(1, len(numbers) + 1)]
    answers = recording.read_solutions(path.stem)
    assert [*answers] == numbers
    for hint, solution in answers.values():
        assert len(hint.strip()) > 20 and len(solution.strip()) > 40
    page = page_of(path.stem, text)
    for name in ("hint", "solution"):  # indented, as parts of the exercises
        assert page.count(f'\n   <details class="{name}">') == len(numbers)
    assert page.count("<details") == page.count("</details>")


@solutions
@pytest.mark.process
def test_its_code_runs(path, tmp_path, texts):
    done = subprocess.run([sys.executable, str(path)], cwd=tmp_path,
                          capture_output=True, text=True,
                          env={**os.environ, "D2LRNN_EPOCHS": "2",
                               "D2LRNN_DATA": str(texts)})
    assert done.returncode == 0, done.stderr


def test_an_exercise_without_a_solution_stays_as_it_is():
    exercises = "\n1. (\\*) One.\n2. (\\*) Two\n   lines.\n"
    assert recording.with_solutions(exercises, {}) == exercises
    assert recording.with_solutions(
        exercises, {2: ["Think.", "It is 2."]}).endswith(
        '   lines.\n\n   <details class="hint">\n   <summary></summary>\n\n'
        '   Think.\n\n   </details>\n\n   <details class="solution">\n'
        '   <summary></summary>\n\n   It is 2.\n\n   </details>\n')
