"""Tests that are left out of the short run carry the mark that says so."""
import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("test_*.py"))
STARTS = {"run", "Popen", "call", "check_call", "check_output"}


@cache
def read(path):
    """Return the tree of a file."""
    return ast.parse(path.read_text("utf-8"))


def functions(tree):
    """Yield the functions and classes of a module, each with its parent."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node, tree
            if isinstance(node, ast.ClassDef):
                yield from ((inner, node) for inner in node.body
                            if isinstance(inner, ast.FunctionDef))


def names(node):
    """Return the names that a function uses, those of its fixtures too."""
    found = {inner.id for inner in ast.walk(node)
             if isinstance(inner, ast.Name)}
    found |= {inner.arg for inner in ast.walk(node)
              if isinstance(inner, ast.arg)}
    return found | {string.value for mark in node.decorator_list
                    if "usefixtures" in ast.unparse(mark)
                    for string in ast.walk(mark)
                    if isinstance(string, ast.Constant)}


def starts_a_process(node):
    """Say whether a function itself calls subprocess."""
    return any(isinstance(inner, ast.Attribute) and inner.attr in STARTS
               and ast.unparse(inner.value) == "subprocess"
               for inner in ast.walk(node))


def takes(fixture):
    """Return a function that says whether a function takes a fixture."""
    return lambda node: isinstance(node, ast.FunctionDef) and fixture in {
        argument.arg for argument in node.args.args}


def of_helpers(tree, needs_it):
    """Return the imported helpers that need a mark."""
    needed = set()
    for node in tree.body:
        path = isinstance(node, ast.ImportFrom) and TESTS / (
            node.module.replace(".", "/") + ".py")
        if path and path.exists():
            inside = needing(read(path), needs_it)
            needed |= {alias.asname or alias.name for alias in node.names
                       if alias.name in inside}
    return needed


def needing(tree, needs_it):
    """Return the names in a module that need a mark, or use one that does."""
    own = {node.name: node for node, parent in functions(tree)
           if parent is tree}
    found = of_helpers(tree, needs_it) | {
        name for name, node in own.items() if needs_it(node)}
    size = -1
    while size < len(found):
        size = len(found)
        found |= {name for name, node in own.items() if names(node) & found}
    return found


def marks(node):
    """Return the marks on a function, a class or a module."""
    if isinstance(node, ast.Module):
        places = [inner.value for inner in node.body
                  if isinstance(inner, ast.Assign)
                  and ast.unparse(inner.targets[0]) == "pytestmark"]
    else:
        places = node.decorator_list
    return {inner.attr for place in places for inner in ast.walk(place)
            if isinstance(inner, ast.Attribute)}


def unmarked(tree, mark, needs_it):
    """Return the names of the tests that lack a mark."""
    found = needing(tree, needs_it)
    return [node.name for node, parent in functions(tree)
            if node.name.startswith("test_")
            and (needs_it(node) or names(node) & found)
            and mark not in marks(node) | marks(parent) | marks(tree)]


NEEDED = {"process": starts_a_process, "book": takes("book"),
          "browser": takes("browser"), "campaign": takes("campaign")}


@pytest.mark.parametrize("mark", NEEDED)
def test_every_test_has_the_marks_that_it_needs(mark):
    lacking = {str(path.relative_to(TESTS)): found for path in FILES
               if (found := unmarked(read(path), mark, NEEDED[mark]))}
    assert not lacking


SOURCE = '''
from campaigns.loading import Loader, digest

def run(code):
    return subprocess.run(code)

@pytest.fixture
def child():
    return helper()

def helper():
    return subprocess.Popen("d2lrnn")

def test_by_a_helper():
    run("")

def test_by_a_fixture(child):
    pass

@pytest.mark.usefixtures("child")
def test_by_a_used_fixture():
    pass

def test_by_another_module():
    Loader()

class TestMany:
    def test_within_a_class(self):
        helper()

@pytest.mark.process
class TestMarked:
    def test_of_a_marked_class(self):
        helper()

@pytest.mark.process
def test_that_needs_it():
    run("")

def test_without_a_process():
    digest({}, [])
'''


def test_a_mark_that_is_lacking_is_found():
    assert unmarked(ast.parse(SOURCE), "process", starts_a_process) == [
        "test_by_a_helper", "test_by_a_fixture", "test_by_a_used_fixture",
        "test_by_another_module", "test_within_a_class"]
    everywhere = "pytestmark = pytest.mark.process\n" + SOURCE
    assert not unmarked(ast.parse(everywhere), "process", starts_a_process)
