"""Recorded runs of the lessons: made once, and shown by every build.

``python docs/recording.py [LESSON ...]`` runs lessons, or all, with the book's
settings on the texts that ship, and keeps what each cell printed and drew in
docs/recorded. As long as a lesson's code is the same, its page shows that;
otherwise the build tries the lesson out, and its page says so.
"""
import hashlib
import os
import re
import sys
import tempfile
from functools import cache
from pathlib import Path
from textwrap import indent

import jupytext
import nbformat
from nbclient import NotebookClient

DOCS = Path(__file__).parent
CHAPTERS = DOCS.parent / "chapters"
RECORDED = DOCS / "recorded"
# what a kernel would say, so that the code has its colours
PYTHON = {"name": "python", "pygments_lexer": "ipython3"}
# what parts a lesson, and a script of solutions
EXERCISES = re.compile(r"(?<=^## Exercises\n).*?(?=\n## |\Z)",
                       re.DOTALL | re.MULTILINE)
SOLUTION = "\n### Solution\n"
# docs/static/book.css has the words, in the language of the page
TRIED_OUT = '<p class="tried-out"></p>'


def read(text, run=False):
    """Return a lesson as a notebook, with the outputs of its recorded run.

    ``text`` is the script's. The build runs a lesson that has no recorded run,
    and with ``run`` each.
    """
    lesson = from_script(text)
    answers = solutions_of(text)
    for cell in lesson.cells:
        cell.source = add_solutions(cell.source, answers)
    recorded = None if run else recorded_runs(RECORDED).get(digest(lesson))
    line = TRIED_OUT
    if recorded:
        for cell, ran in zip(code_cells(lesson), code_cells(recorded),
                             strict=True):
            cell.outputs = ran.outputs
            cell.execution_count = ran.execution_count
        lesson.metadata |= {"mystnb": {"execution_mode": "off"},
                            "language_info": PYTHON}
        line = f'<p class="recorded">{when_and_where(recorded)}</p>'
    elif "D2LRNN_EPOCHS" not in os.environ:
        return lesson
    lesson.cells.insert(1, nbformat.v4.new_markdown_cell(line))
    return lesson


def solutions_of(text):
    """Return the solutions of the lesson with this text, as read."""
    for path in CHAPTERS.glob("*.py"):
        if path.read_text("utf-8") == text:
            return read_solutions(path.stem)
    return {}


def fold_solutions(app, page, source):
    """Add solutions to a page without code, as Sphinx reads it."""
    source[0] = add_solutions(source[0], read_solutions(page))


def add_solutions(source, answers):
    """Add to each exercise in Markdown its hint and its solution, folded."""
    return EXERCISES.sub(lambda found: with_solutions(found[0], answers),
                         source)


def read_solutions(page):
    """Return each exercise's hint and solution, in Markdown, by its number."""
    path = CHAPTERS / "solutions" / f"{page}.py"
    answers, number = {}, None
    if not path.exists():
        return answers
    for cell in from_script(path.read_text("utf-8")).cells:
        source = cell.source
        if cell.cell_type == "code":
            source = f"```python\n{source}\n```"
        elif begins := re.match(r"## (\d+)\n\n", source):
            number = int(begins[1])
            hint, _, source = source[begins.end():].partition(SOLUTION)
            answers[number] = [hint, ""]
        if number:
            answers[number][1] += f"\n\n{source}"
    return answers


def with_solutions(exercises, answers):
    """Return a list of exercises, with what answers them below each."""
    items = re.split(r"\n(?=\d+\. )", exercises.rstrip())
    for i, item in enumerate(items):
        if answer := answers.get(i):
            folded = [f'<details class="{name}">\n<summary></summary>\n\n'
                      f"{part.strip()}\n\n</details>"
                      for name, part in zip(("hint", "solution"), answer,
                                            strict=True)]
            items[i] = "\n\n".join([item, *(
                indent(part, "   ") for part in folded)])
    return "\n".join(items) + "\n"


def from_script(text):
    """Return a script in percent format as a notebook."""
    return jupytext.reads(text, fmt="py:percent")


def code_cells(notebook):
    """Return the cells with code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def digest(notebook):
    """Return a number of a notebook's code: hexadecimal, as a str."""
    code = [cell.source for cell in code_cells(notebook)]
    return hashlib.sha256(repr(code).encode()).hexdigest()


@cache  # a build reads them once, and not for each lesson
def recorded_runs(folder):
    """Return the recorded notebooks in a folder by their codes' digests."""
    runs = [nbformat.read(path, as_version=4)
            for path in sorted(folder.glob("*.ipynb"))]
    return {digest(run): run for run in runs}


def when_and_where(recorded):
    """Return in one line when, on what, and with what a lesson ran."""
    run = recorded.metadata["run"]
    versions = [f"{name} {version}"
                for name, version in run["versions"].items()]
    return " · ".join([run["date"], run["machine"], *versions])


def record(path, folder):
    """Run the lesson at a path, and write its notebook to a folder."""
    from d2lrnn.basics.environment import machine_record
    lesson = from_script(path.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as elsewhere:
        NotebookClient(lesson, kernel_name="python3", timeout=None,
                       coalesce_streams=True,
                       resources={"metadata": {"path": elsewhere}}).execute()
    here = machine_record()
    cores = here["machine"]["cores"]
    machine = f"{here['machine']['cpu']}, {cores} core{'s' * (cores > 1)}"
    lesson.metadata = {"run": {"date": here["date"], "machine": machine,
                               "versions": here["versions"]}}
    for cell in code_cells(lesson):
        cell.metadata = {}  # when it ran
        cell.outputs = tidied(cell.outputs, f"{elsewhere}/")
    folder.mkdir(exist_ok=True)
    nbformat.write(lesson, folder / f"{path.stem}.ipynb")


def tidied(outputs, folder):
    """Return the outputs that a record keeps: no warnings, and no sound.

    A solo's sound has more bytes than all that the other lessons show. Paths
    in the folder, with its "/", become relative.
    """
    kept = [output for output in outputs if output.get("name") != "stderr"
            and "<audio" not in output.get("data", {}).get("text/html", "")]
    for output in kept:
        if output.output_type == "stream":
            output.text = output.text.replace(folder, "")
    return kept


def main():
    """Record the lessons named on the command line, or all."""
    os.environ.pop("D2LRNN_EPOCHS", None)
    os.environ |= {"D2LRNN_DATA": "", "D2LRNN_LANG": "en"}
    lessons = sorted(path.stem for path in CHAPTERS.glob("*.py"))
    if unknown := [name for name in sys.argv[1:] if name not in lessons]:
        sys.exit(f"there is no lesson {unknown[0]}: choose from "
                 f"{', '.join(lessons)}")
    for name in sys.argv[1:] or lessons:
        print(name, flush=True)
        record(CHAPTERS / f"{name}.py", RECORDED)


if __name__ == "__main__":
    main()
