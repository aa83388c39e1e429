"""What a newcomer meets: the install, the imports, the README."""
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from translations import asked_for, check_page

ROOT = Path(__file__).parents[2]


@pytest.mark.process
@pytest.mark.parametrize("python", ["3.9", "3.13", "3.14"])
def test_another_python_is_refused_in_one_sentence(python):
    code = (f"import runpy, sys; sys.version_info = "
            f"{tuple(map(int, python.split('.')))} + (0, 'final', 0);"
            f"runpy.run_path('setup.py')")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True,
                          capture_output=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    for words in ("3.10, 3.11 or 3.12", f"this is Python {python}",
                  "numpy below 2", "uv"):
        assert words in done.stderr


# what d2l and the oracles bring, and no command or model needs
HEAVY = {"IPython", "d2l", "d2lzh", "gym", "ipykernel", "jupyter",
         "jupyter_client", "jupyter_core", "matplotlib.pyplot", "notebook",
         "pandas", "torch"}


def imported_by(code):
    """Return the modules that code has imported in a new process."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{code}\nimport sys\n"
         f"print('imported', *sys.modules)"], check=True, text=True,
        capture_output=True)
    return {*done.stdout.splitlines()[-1].split()[1:]}


@pytest.mark.process
def test_the_import_needs_nothing_of_d2l():
    modules = imported_by("import d2lrnn")
    assert "d2lrnn" in modules and not HEAVY & modules
    mxnets = imported_by("import setuptools, numpy; numpy.bool = bool\n"
                         "import mxnet")  # which takes scipy where it is
    assert ("scipy" in modules) == ("scipy" in mxnets)


@pytest.mark.process
def test_the_help_needs_neither_mxnet_nor_numpy():
    modules = imported_by("import d2lrnn_cli.main, sys\n"
                          "sys.argv = ['d2lrnn', '--help']\n"
                          "try: d2lrnn_cli.main.main()\n"
                          "except SystemExit: pass")
    assert "typer" in modules
    assert not (HEAVY | {"d2lrnn", "matplotlib", "mxnet", "numpy", "pooch",
                         "requests", "rich", "scipy"}) & modules


@pytest.mark.process
def test_a_text_of_your_own_works_as_written(tmp_path):
    page = (ROOT / "docs" / "using.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert code.count("num_epochs=250") == 1
    code = code.replace("num_epochs=250", "num_epochs=2")
    (tmp_path / "my_text.txt").write_text("the cat sat on the mat\n" * 99)
    done = subprocess.run([sys.executable, "-c", code], text=True,
                          cwd=tmp_path, capture_output=True, check=True)
    assert "report: " in done.stdout
    assert list(tmp_path.glob("runs/my_text-*/perplexity.png"))


@pytest.mark.process
def test_readmes_char_rnn_works_as_written(tmp_path):
    readme = (ROOT / "README.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (tmp_path / "my_text.txt").write_text("ROMEO: he sat on a mat.\n" * 900)
    for old, new in (('"tinyshakespeare"', '"my_text.txt"'),
                     ("num_epochs=10", "num_epochs=1"),
                     ("num_hiddens=256", "num_hiddens=16")):
        assert code.count(old) == 1
        code = code.replace(old, new)
    done = subprocess.run([sys.executable, "-c", code], text=True,
                          cwd=tmp_path, capture_output=True, check=True)
    lines = done.stdout.split("\n", 2)
    assert lines[1].startswith("epoch 1, perplexity ")
    assert len(lines[2]) == 400


def test_the_tables_are_the_measured_ones():
    from benchmarks.readme import PAGES, tables, with_tables
    measured, shown = tables(), {}
    for path in PAGES:
        page = path.read_text("utf-8")
        assert page == with_tables(page), path
        shown[path.relative_to(ROOT).as_posix()] = {
            name for name, table in measured.items() if table in page}
    assert shown == {"benchmarks/records/README.md": {*measured},
                     "README.md": {"tinyshakespeare"},
                     "README.zh.md": {"tinyshakespeare"}}


def test_every_table_is_in_the_book():
    from benchmarks.readme import tables
    page = (ROOT / "docs" / "results.md").read_text("utf-8")
    shown = {*re.findall(r":start-after: <!-- (.*) -->", page)}
    records = ROOT / "benchmarks" / "records" / "README.md"
    lessons, _ = records.read_text("utf-8").split("<!-- end of lessons -->")
    lessons = lessons.split("<!-- lessons -->")[1]
    inner = {*re.findall(r"<!-- (?!end of)(.*) -->", lessons)}
    assert shown - {"lessons"} | inner == {*tables()} and "lessons" in shown


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_readme_is_short(name):
    assert len((ROOT / name).read_text("utf-8").splitlines()) <= 150


def test_the_translation_is_complete():
    """Code, tables, links, names and headings are those of README.md."""
    english, chinese = (
        (ROOT / name).read_text("utf-8").split("\n", 4)[4]
        for name in ("README.md", "README.zh.md"))
    problems = []
    for pattern in (r"^```.*?^```$", r"^#+ ", r"^<!-- [^>]*-->", r"^- ",
                    r"\]\(([^)]*)\)", r"(?<!`)`([^`\n]+)`(?!`)"):
        found = [Counter(re.findall(pattern, page, re.MULTILINE | re.DOTALL))
                 for page in (english, chinese)]
        problems += [f"only in one of them: {part}" for part in (
            found[0] - found[1]) + (found[1] - found[0])]
    check_page("README", problems, asked_for())


def test_readmes_commands_are_those_of_ci():
    readme = (ROOT / "README.md").read_text("utf-8")
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "pip install -e '.[test]' && pytest" in readme
    assert "pip install -q -e '.[test]'" in ci and "\npytest " in ci
