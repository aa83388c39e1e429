"""Rooms import lower rooms only, and nothing in a room runs in a circle."""
import ast
import re
from pathlib import Path
from statistics import median

import d2lrnn
import pytest

ROOT = Path(d2lrnn.__file__).parents[1]
PACKAGE = ROOT / "d2lrnn"
COMMAND = ROOT / "d2lrnn_cli"
LEVELS = [
    {"basics"},
    {"mxnet_setup", "speed", "data", "models", "numpy_rnn"},
    {"report", "generation", "dinosaur"},
    {"export"},
    {"training", "inside"},
    {"shakespeare", "jazz", "exercises"},
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
# the files that do without MXNet, in the rooms where others do not
WITHOUT_MXNET = {"basics", "data/texts", "data/corpus", "data/tokens",
                 "data/reading", "data/pieces", "data/ptb",
                 "data/numbering", "data/shuffling",
                 "numpy_rnn", "report", "dinosaur", "training/schedules",
                 "jazz/theory", "jazz/events", "jazz/midi", "jazz/grammar",
                 "jazz/audio", "jazz/training_data"}
WITH_MXNET = {"basics/environment", "basics/measures"}
FILES = {str(path.relative_to(PACKAGE).with_suffix("")): path
         for path in sorted(PACKAGE.rglob("*.py"))
         if path != PACKAGE / "__init__.py"}
files = pytest.mark.parametrize("file", FILES)


def room_of(file):
    """Return the room of a file: its folder, or itself."""
    return file.split("/")[0]


def imports(path):
    """Return (packages, modules of ours) that a file imports, anywhere."""
    packages, ours = set(), set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names = [node.module]
            if node.module in ("d2lrnn", *(f"d2lrnn.{r}" for r in LEVEL)):
                names = [f"{node.module}.{a.name}" for a in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            packages.add(first)
            if first == "d2lrnn":
                assert rest, f"{path} imports the package as a whole"
                ours.add("/".join(rest))
    return packages, ours


def test_every_room_has_a_level():
    assert {room_of(file) for file in FILES} == set(LEVEL)


def test_the_rooms_of_the_table_are_those_of_the_house():
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| \S", page, re.MULTILINE)
    assert rows == sorted(rows, key=lambda row: row[0])
    assert len(rows) == len(LEVEL)
    assert {room: int(level) for level, room in rows} == LEVEL


@files
def test_only_lower_rooms_are_imported(file):
    room = room_of(file)
    for other in {room_of(name) for name in imports(FILES[file])[1]}:
        assert other == room or LEVEL[other] < LEVEL[room], (
            f"{file} imports {other}")


def test_nothing_in_a_room_runs_in_a_circle():
    have_an_order({file: {name for name in imports(path)[1] if name in FILES}
                   for file, path in FILES.items()})


def have_an_order(below):
    """Assert that files, each with those it imports, form no circle."""
    while below:
        bottom = {file for file, others in below.items() if not others}
        assert bottom, f"these import each other: {sorted(below)}"
        below = {file: others - bottom for file, others in below.items()
                 if file not in bottom}


@files
def test_who_does_without_mxnet(file):
    packages, _ = imports(FILES[file])
    if {file, room_of(file)} & WITHOUT_MXNET and file not in WITH_MXNET:
        assert "mxnet" not in packages
    assert not packages & {"chapters", "tests", "benchmarks", "torch", "d2l",
                          "d2lrnn_cli"}


def test_nothing_is_checked_by_an_assert():
    # python -O leaves asserts out
    for path in [*FILES.values(), *COMMAND.glob("*.py")]:
        tree = ast.parse(path.read_text("utf-8"))
        assert not any(isinstance(node, ast.Assert)
                       for node in ast.walk(tree)), path


@files
def test_files_stay_short(file):
    assert len(FILES[file].read_text("utf-8").splitlines()) <= 400


def length(function):
    """Return how many lines a function has besides its docstring."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    return lines - (function.body[0].end_lineno - function.body[0].lineno + 1)


def test_functions_stay_short():
    lengths = {
        f"{path.name}: {node.name}": length(node)
        for folder in ("d2lrnn", "d2lrnn_cli", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)}
    assert median(lengths.values()) <= 12
    assert {name for name, lines in lengths.items() if lines > 45} == set()


def commands_imports(node):
    """Return the dotted modules that a syntax tree imports, anywhere."""
    modules = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            modules |= {alias.name for alias in part.names}
        elif isinstance(part, ast.ImportFrom):
            modules.add(part.module)
    return modules


TREES = {f"d2lrnn_cli.{path.stem}": ast.parse(path.read_text("utf-8"))
         for path in COMMAND.glob("*.py") if path.stem != "__init__"}


def test_the_command_is_imported_by_nothing_and_runs_in_no_circle():
    have_an_order({file: commands_imports(tree) & TREES.keys()
                   for file, tree in TREES.items()})
    imported = set().union(*map(commands_imports, TREES.values()))
    assert TREES.keys() - imported == {"d2lrnn_cli.main"}
    for file, path in FILES.items():
        # a message may name the command that starts workers
        text = path.read_text("utf-8").replace("-m d2lrnn_cli.together", "")
        assert "d2lrnn_cli" not in text, file


def test_the_command_hides_slow_imports_only():
    """A file is slow if it imports d2lrnn, or another slow file, at once."""
    slow = {"pooch"}

    def is_slow(module):
        return module.split(".")[0] == "d2lrnn" or module in slow

    for _ in TREES:
        slow |= {file for file, tree in TREES.items()
                 if any(is_slow(module) for part in tree.body
                        if not isinstance(part, ast.FunctionDef)
                        for module in commands_imports(part))}
    assert "d2lrnn_cli.main" not in slow
    for file, tree in TREES.items():
        for function in tree.body:
            if isinstance(function, ast.FunctionDef):
                for module in commands_imports(function):
                    assert is_slow(module), f"{file} hides {module}"
