"""Lower rooms never import higher ones; nothing imports mxnet too early."""
import ast
from pathlib import Path

import d2lrnn
import pytest

ROOMS = Path(d2lrnn.__file__).parent
LEVELS = [
    {"errors", "files"},
    {"stack", "corpus", "samplers", "schedules", "progress", "numpy_rnn"},
    {"runtime", "scratch", "models", "compiled", "dinosaur_checks"},
    {"lstm_models"},
    {"checkpoint", "dinosaur_data", "dinosaur_steps"},
    {"generation", "training_state", "dinosaur"},
    {"training"},
    {"report", "feeds"},
    {"fitting"},
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
WITHOUT_MXNET = {"errors", "files", "stack", "corpus", "schedules", "progress",
                 "numpy_rnn", "dinosaur", "dinosaur_checks", "dinosaur_data",
                 "dinosaur_steps"}
rooms = pytest.mark.parametrize("room", sorted(LEVEL))


def imports(room):
    """Return (packages, rooms of ours) that a room imports, at any depth."""
    packages, ours = set(), set()
    for node in ast.walk(ast.parse((ROOMS / f"{room}.py").read_text("utf-8"))):
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
                ours.add(rest[0])
    return packages, ours


def test_every_room_has_a_level():
    found = {path.stem for path in ROOMS.glob("*.py")} - {"__init__"}
    assert found == set(LEVEL)


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
    assert not packages & {"chapters", "tests", "benchmarks", "torch", "d2l"}


@rooms
def test_files_stay_short(room):
    assert len((ROOMS / f"{room}.py").read_text().splitlines()) <= 400
