"""No word is misspelt in the pages, the lessons, the code and its tests."""
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("codespell_lib", reason="pip install -e '.[dev]'")
pytest.importorskip("tomllib", reason="Python 3.11")

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[2]
PAGES = sorted(path.name for path in ROOT.glob("*.md"))
FOLDERS = ["benchmarks", "chapters", "d2lrnn", "d2lrnn_cli", "docs",
           "lyrics_data", "tests"]


def misspelt(*paths):
    """Return the lines in which codespell finds a misspelt word."""
    done = subprocess.run(
        [sys.executable, "-m", "codespell_lib", "--toml",
         ROOT / "pyproject.toml", *paths], cwd=ROOT, text=True,
        capture_output=True)
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


def test_no_word_is_misspelt():
    assert {"README.md", "CONTRIBUTING.md"} <= {*PAGES}
    assert not misspelt(*PAGES, *FOLDERS)


@pytest.mark.parametrize("name, text", [
    ("page.md", "The two {} texts.\n"),
    ("code.py", '"""Return two {} texts."""\n')])
def test_a_misspelt_word_is_found(tmp_path, name, text):
    page, wrong = tmp_path / name, "sep" + "erate"
    page.write_text(text.format("separate"), "utf-8")
    assert not misspelt(page)
    page.write_text(text.format(wrong), "utf-8")
    (line,) = misspelt(page)
    assert line.endswith(f": {wrong} ==> separate")
