"""Lower rooms never import higher ones; nothing imports mxnet too early."""
import ast
from pathlib import Path

import d2lrnn
import pytest

ROOMS = Path(d2lrnn.__file__).parent
LEVELS = [
    {"basics", "basics.checks", "errors", "sharing"},
    {"files", "labels", "notebook"},
    {"stack", "engine", "texts", "schedules", "progress",
     "numpy_rnn", "curves", "records", "runtime", "jazz.theory",
     "jazz.events", "basics.tensors", "checkpoint_checks"},
    {"corpus", "samplers", "scratch", "models", "graphs", "dinosaur_checks",
     "report_page", "jazz.midi"},
    {"lstm_models", "stepper", "rewriting", "report_markdown", "jazz.grammar",
     "jazz.audio"},
    {"checkpoint", "compiled", "dinosaur_data", "dinosaur_steps",
     "model_plot", "jazz.training_data"},
    {"generation", "training_state", "dinosaur"},
    {"training"},
    {"report", "feeds"},
    {"runs"},
    {"fitting"},
    {"shakespeare", "jazz.model"},
    {"jazz"},
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
WITHOUT_MXNET = {"basics", "basics.checks", "basics.tensors",
                 "checkpoint_checks", "errors", "files", "sharing",
                 "stack", "texts", "corpus", "schedules", "progress",
                 "numpy_rnn", "dinosaur", "dinosaur_checks", "dinosaur_data",
                 "dinosaur_steps", "curves", "labels", "notebook", "records",
                 "report_markdown", "report_page",
                 "jazz.theory", "jazz.events", "jazz.midi", "jazz.grammar",
                 "jazz.audio", "jazz.training_data"}
rooms = pytest.mark.parametrize("room", sorted(LEVEL))


def file_of(room):
    """Return a room's file: a package's own is its __init__.py."""
    path = ROOMS / room.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def imports(room):
    """Return (packages, rooms of ours) that a room imports, at any depth."""
    packages, ours = set(), set()
    for node in ast.walk(ast.parse(file_of(room).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{room} has a relative import"
            names = [node.module]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            packages.add(first)
            if first == "d2lrnn":
                assert rest, f"{room} imports the package as a whole"
                ours.add(".".join(rest))
    return packages, ours


def test_every_room_has_a_level():
    found = [path.relative_to(ROOMS) for path in ROOMS.rglob("*.py")]
    names = {".".join(path.with_suffix("").parts) for path in found}
    assert {name.removesuffix(".__init__") for name in names} - {
        "__init__"} == set(LEVEL)


@rooms
def test_only_lower_rooms_are_imported(room):
    _, ours = imports(room)
    for other in ours:
        assert LEVEL[other] < LEVEL[room], f"{room} imports {other}"


@rooms
def test_the_low_rooms_do_without_mxnet(room):
    packages, ours = imports(room)
    if room in WITHOUT_MXNET:
        assert "mxnet" not in packages
        assert ours <= WITHOUT_MXNET
    assert not packages & {"chapters", "tests", "benchmarks", "torch", "d2l",
                          "d2lrnn_cli"}


def test_nothing_is_checked_by_an_assert():
    # python -O leaves asserts out
    for path in [*ROOMS.rglob("*.py"),
                 *ROOMS.with_name("d2lrnn_cli").glob("*.py")]:
        tree = ast.parse(path.read_text("utf-8"))
        assert not any(isinstance(node, ast.Assert)
                       for node in ast.walk(tree)), path


@rooms
def test_files_stay_short(room):
    assert len(file_of(room).read_text("utf-8").splitlines()) <= 400
