"""What other programs read of the project: metadata, citation, the wheel."""
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from d2lrnn.basics import machine

tomllib = pytest.importorskip("tomllib", reason="Python 3.11")
yaml = pytest.importorskip("yaml", reason="pip install -e '.[book]'")

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))[
    "project"]


def test_the_citation_is_that_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation.keys() >= {"message", "title", "authors"}
    assert citation["title"] == PROJECT["name"]
    assert citation["authors"] == [{"name": "the authors of d2lrnn"}]
    assert citation["version"] == PROJECT["version"] == version("d2lrnn")
    assert citation["license"] == PROJECT["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License")


def test_uv_is_told_a_python_that_fits():
    (python,) = (ROOT / ".python-version").read_text("utf-8").split()
    oldest, newest = re.fullmatch(r">=3\.(\d+),<3\.(\d+)",
                                  PROJECT["requires-python"]).groups()
    assert int(oldest) <= int(python.removeprefix("3.")) < int(newest)


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_the_first_screen_has_every_machines_command(page):
    text = (ROOT / page).read_text("utf-8")
    screen = "\n".join(text.splitlines()[:32])
    assert "\npip install -e . && python chapters/rnn_scratch.py\n" in screen
    commands = re.findall(r"^\|[^|]*\|([^|]*)\|$", screen, re.MULTILINE)
    for command in ("`uv run chapters/rnn_scratch.py`", "`wsl --install`",
                    machine.INSTEAD["Darwin", "arm64"].split(" && ")[1],
                    "`docker build -t d2lrnn . && docker run --rm d2lrnn`",
                    "`%pip install ./d2lrnn`",
                    "`pip install -r requirements-light.txt && pip install "
                    "--no-deps .`"):
        assert sum(command in cell for cell in commands) == 1


def test_the_column_of_the_lessons_names_modules():
    rows = re.findall(r"^\| \[.*\| (.*) \|$", (
        ROOT / "chapters" / "README.md").read_text("utf-8"), re.MULTILINE)
    modules = re.findall(r"`([\w.]+)`", " ".join(rows))
    assert len(rows) == len(list((ROOT / "chapters").glob("*.py")))
    for module in modules:
        path = ROOT / "d2lrnn" / module.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").exists(), module


@pytest.mark.parametrize("page", ["noxfile.py", "Makefile", ".ci/run"])
def test_the_tests_that_it_names_are_there(page):
    text = (ROOT / page).read_text("utf-8")
    for path in re.findall(r"tests/[\w/]+\.py", text):
        assert (ROOT / path).exists(), path


def requirements(lines):
    """Return requirements without comments and spaces."""
    return {line.replace(" ", "").replace('"', "'") for line in lines
            if line and not line.startswith("#")}


def test_the_light_requirements_are_the_packages_own():
    """They lack d2l alone, and pin the numpy that it brings."""
    own = requirements(PROJECT["dependencies"])
    d2l = {line for line in own if line.startswith("d2l")}
    light = requirements((ROOT / "requirements-light.txt").read_text(
        "utf-8").splitlines())
    assert len(d2l) == 1
    assert own - d2l == light - {"numpy==1.23.5;python_version<'3.12'"}
    assert len(light) == len(own)
