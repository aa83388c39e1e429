"""Every lesson runs, and shows the same definitions as the package."""
import ast
import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import d2lrnn as d2l
import pytest

CHAPTERS = sorted((Path(__file__).parents[2] / "chapters").glob("*.py"))
every = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda p: p.stem)


def run(chapter, folder, **environment):
    return subprocess.run(
        [sys.executable, str(chapter)], cwd=folder, text=True,
        capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8",
                                  "D2LRNN_EPOCHS": "2", **environment})


@pytest.mark.book
@pytest.mark.process
@every
def test_it_runs_from_any_folder(chapter, tmp_path, texts):
    done = run(chapter, tmp_path, D2LRNN_DATA=str(texts))
    assert done.returncode == 0, done.stderr
    if "write_report" not in chapter.read_text("utf-8"):
        return
    # what these two print after the one or two epochs that they train
    line = {"shakespeare": "epoch 1, perplexity ", "jazz": "epoch 1, loss "}
    assert line.get(chapter.stem, "epoch 2, perplexity ") in done.stdout
    assert "\nepoch 3, " not in done.stdout
    report = Path(done.stdout.splitlines()[-1].removeprefix("report: "))
    assert report.parent == tmp_path / "runs"
    assert {path.name for path in report.iterdir()} == {
        "report.html", "report.json", "report.md", "perplexity.png",
        "perplexity.svg"}


def definitions(source):
    """Return the functions and classes of a module as comparable trees."""
    return {node.name: normal(node) for node in ast.parse(source).body
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


class Plain(ast.NodeTransformer):
    """Drop what only the package has, and write d2l.name as name.

    That is docstrings, decorators and annotations.
    """

    def generic_visit(self, node):
        super().generic_visit(node)
        if getattr(node, "decorator_list", None):
            node.decorator_list = []
        for annotated in ("annotation", "returns"):
            if getattr(node, annotated, None):
                setattr(node, annotated, None)
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(
                body[0], ast.Expr) and isinstance(
                getattr(body[0], "value", None), ast.Constant):
            del body[0]
        return node

    def visit_Attribute(self, node):
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "d2l":
            return ast.Name(node.attr, node.ctx)
        return node


def normal(node):
    return ast.dump(Plain().visit(node))


def imported_rooms(source):
    """Return the rooms that a lesson imports: from d2lrnn import room."""
    return [importlib.import_module(f"d2lrnn.{alias.name}")
            for node in ast.parse(source).body
            if isinstance(node, ast.ImportFrom) and node.module == "d2lrnn"
            for alias in node.names]


def package_definition(name, rooms=()):
    """Return the tree of a name in one of the rooms or d2l, or None."""
    for place in (*rooms, d2l):
        if hasattr(place, name):
            room = sys.modules[getattr(place, name).__module__]
            return definitions(inspect.getsource(room))[name]
    return None


@every
def test_definitions_are_the_packages(chapter):
    source = chapter.read_text("utf-8")
    shown, rooms = definitions(source), imported_rooms(source)
    shared = {name: tree for name, tree in shown.items()
              if package_definition(name, rooms) is not None}
    assert shared, "no definition to compare"
    for name, tree in shared.items():
        assert tree == package_definition(name, rooms), name


def test_the_comparison_sees_a_difference():
    same = definitions('def f(x):\n    """Say."""\n    return d2l.g(x)')
    assert same == definitions("def f(x):\n    return g(x)")
    assert same != definitions("def f(x):\n    return g(x + 1)")
    assert same != definitions("def f(y):\n    return g(y)")
    assert same == definitions("def f(x: int) -> int:\n    return g(x)")


@every
def test_its_form(chapter):
    text = chapter.read_text("utf-8")
    lines = text.splitlines()
    assert lines[0] == "# %% [markdown]" and lines[1].startswith("# # ")
    assert max(len(line) for line in lines) <= 78
    code = [line for line in lines if line.strip()
            and not line.lstrip().startswith("#")]
    assert len(code) <= 150
    assert "argparse" not in text and "__file__" not in text
    assert "## Summary" in text and "## Exercises" in text
    imported = {alias.name.split(".")[0] for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module.split(".")[0] for node in ast.walk(
        ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    allowed = {"d2lrnn", "mxnet", "numpy", "matplotlib"} | (
        {"d2l"} if chapter.stem == "second_edition" else set())
    assert imported <= allowed | set(sys.stdlib_module_names)


@pytest.mark.process
def test_a_gpu_that_is_not_there_is_one_sentence(tmp_path):
    chapter = next(c for c in CHAPTERS if c.stem == "rnn_gluon")
    done = run(chapter, tmp_path, D2LRNN_CTX="gpu(9)")
    assert done.returncode == 1
    assert done.stderr.startswith("D2LRNN_CTX asks for gpu(9), but MXNet")
    assert done.stderr.count("\n") == 1


def test_readme_lists_every_lesson():
    readme = (CHAPTERS[0].parent / "README.md").read_text("utf-8")
    for chapter in CHAPTERS:
        assert f"({chapter.name})" in readme
