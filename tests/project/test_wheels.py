"""The wheel, the sdist and the light install, in empty environments."""
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
LIGHT = ROOT / "requirements-light.txt"
MODULES = """
import importlib, pkgutil, d2lrnn, d2lrnn_cli
for package in (d2lrnn, d2lrnn_cli):
    for module in pkgutil.walk_packages(package.__path__,
                                        package.__name__ + "."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
            print(module.name)
"""


def find_python(version):
    """Return the path of a Python, or skip the test."""
    for path in (*Path.home().glob(f".pyenv/versions/{version}.*/bin/python"),
                 shutil.which(f"python{version}")):
        # what pyenv puts on the path may be there without the Python
        if path and subprocess.run([path, "-c", ""],
                                   capture_output=True).returncode == 0:
            return path
    pytest.skip(f"there is no Python {version} here")


def call(*arguments, folder, code=0, **environment):
    """Run a program outside the checkout; return what it printed."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("D2LRNN_", "PYTHON"))}
    done = subprocess.run(
        [*map(str, arguments)], cwd=folder, encoding="utf-8",
        capture_output=True, env={**env, "PYTHONIOENCODING": "utf-8",
                                  **environment})
    assert done.returncode == code, done.stderr + done.stdout
    return done


def make_environment(python, folder):
    """Make an empty environment in a folder; return its programs' folder."""
    call(python, "-m", "venv", folder / "venv", folder=folder)
    return folder / "venv" / "bin"


@pytest.fixture
def environment(tmp_path):
    """Return a function that makes an environment, which is removed after."""
    yield lambda version: make_environment(find_python(version), tmp_path)
    shutil.rmtree(tmp_path / "venv", ignore_errors=True)


def wheel_of(source, folder):
    """Return the wheel that pip builds from a folder or an sdist."""
    call(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w",
         folder, source, folder=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """A copy of the tracked files, in which no build has left anything."""
    copy = tmp_path_factory.mktemp("source") / "d2lrnn"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True,
                             text=True, capture_output=True).stdout
    for name in tracked.strip("\0").split("\0"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="session")
def sdist(source, tmp_path_factory):
    """The sdist, as ``python -m build`` writes it."""
    folder = tmp_path_factory.mktemp("sdist")
    programs = make_environment(sys.executable, folder)
    call(programs / "pip", "install", "-q", "build", folder=folder)
    call(programs / "python", "-m", "build", "--sdist", "--outdir", folder,
         source, folder=folder)
    (sdist,) = folder.glob("*.tar.gz")
    return sdist


@pytest.fixture(scope="session")
def wheel(source, tmp_path_factory):
    """The wheel, built from the tracked files."""
    return wheel_of(source, tmp_path_factory.mktemp("wheel"))


def contents(wheel):
    """Return the bytes of each file of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_has_the_packages_texts_and_lessons(source, wheel):
    expected = {str(path.relative_to(source)): path.read_bytes()
                for name in ("d2lrnn", "d2lrnn_cli", "lyrics_data")
                for path in (source / name).rglob("*") if path.is_file()}
    expected |= {f"d2lrnn_cli/chapters/{path.name}": path.read_bytes()
                 for path in (source / "chapters").iterdir()
                 if path.is_file()}  # the solutions stay with the sources
    assert "lyrics_data/original_lyrics.txt" in expected
    assert "d2lrnn_cli/chapters/rnn_scratch.py" in expected
    assert {name: data for name, data in contents(wheel).items()
            if ".dist-info/" not in name} == expected


def test_the_sdist_builds_the_same_wheel(sdist, wheel, tmp_path):
    assert contents(wheel_of(sdist, tmp_path)) == contents(wheel)
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names > {"LICENSE", "README.md", "requirements-light.txt",
                    "setup.py", "chapters/rnn_scratch.py",
                    "lyrics_data/original_lyrics.txt"}


def stamps(programs):
    """Return when each installed file was last written."""
    (site,) = programs.parent.glob("lib/python*/site-packages")
    return {path: path.stat().st_mtime_ns for path in site.rglob("*")}


def run_it(programs, folder):
    """Train, generate, invent names and run a lesson, in an empty folder.

    No text is set and no network is there, and the installed files stay as
    they are.
    """
    before, folder = stamps(programs), folder / "empty"
    folder.mkdir()
    offline = dict.fromkeys(("http_proxy", "https_proxy"),
                            "http://127.0.0.1:9")

    def run(program, *arguments, code=0):
        return call(programs / program, *arguments, folder=folder, code=code,
                    HOME=str(folder / "home"), D2LRNN_EPOCHS="2", **offline)

    done = run("d2lrnn", "train", "original_lyrics.txt", "--num-epochs", 1,
               "--num-hiddens", 16, "--out", "runs/lyrics")
    assert "epoch 1, perplexity " in done.stderr
    lyric = run("d2lrnn", "generate", "runs/lyrics/best.safetensors",
                "--prefix", "分开", "--num-chars", 20).stdout
    assert lyric.startswith("分开") and len(lyric) == 2 + 20 + 1
    run("d2lrnn", "export", "runs/lyrics", "--to", "torch")
    assert (folder / "runs/lyrics/best-torch/model.py").is_file()
    page = run("d2lrnn", "studio", "runs/lyrics", "--no-open").stdout.strip()
    assert "class Network" in (folder / page).read_text("utf-8")
    names = run("python", "-m", "d2lrnn.dinosaur", "--iterations", 50,
                "--names", 3).stdout
    assert len(names.splitlines()) >= 3
    lesson = run("d2lrnn", "chapter", "rnn_scratch")
    assert "could not be downloaded" in lesson.stderr
    report = Path(lesson.stdout.splitlines()[-1].removeprefix("report: "))
    assert report.parent == folder / "runs" and list(report.iterdir())
    shown = run("d2lrnn", "chapter", "rnn_scratch", "--print").stdout
    assert shown == (ROOT / "chapters/rnn_scratch.py").read_text("utf-8")
    assert "no benchmarks/ beside the installed package: clone" in run(
        "d2lrnn", "bench", code=1).stderr
    doctor = run("d2lrnn", "doctor").stdout
    assert "MXNet imports and computes" in doctor
    assert stamps(programs) == before
    return doctor


def test_the_wheel_runs_with_all_that_it_needs(wheel, environment, tmp_path):
    programs = environment("3.11")
    call(programs / "pip", "install", "-q", wheel, folder=tmp_path)
    call(programs / "pip", "check", folder=tmp_path)
    assert re.search(r"^ok +d2l 1\.0\.3$", run_it(programs, tmp_path), re.M)


@pytest.mark.parametrize("python, package", [("3.10", "wheel"),
                                             ("3.12", "sdist")])
def test_the_light_install_runs(python, package, environment, tmp_path,
                                request):
    """The wheel on one Python, the sdist on another."""
    programs = environment(python)
    pip = programs / "pip", "install", "-q"
    call(*pip, "-r", LIGHT, folder=tmp_path)
    call(*pip, "--no-deps", request.getfixturevalue(package),
         folder=tmp_path)
    doctor = run_it(programs, tmp_path)
    assert ("d2l is not installed; d2lrnn does without it" in doctor) == (
        python == "3.10")  # Python 3.12 cannot have it
    modules = call(programs / "python", "-c", MODULES, folder=tmp_path)
    assert {"d2lrnn.jazz.midi", "d2lrnn.dinosaur.command",
            "d2lrnn_cli.main"} <= {*modules.stdout.split()}
