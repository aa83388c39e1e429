"""The install, the import and the command where the system is not Linux."""
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.process
ROOT = Path(__file__).parents[2]
# without or with an mxnet in this Python; other packages are found as ever
HAS_NONE, HAS_ONE = (
    f"finder = importlib.machinery.PathFinder; find = finder.find_spec;"
    f"finder.find_spec = lambda name, *more: "
    f"{found} if name == 'mxnet' else find(name, *more);"
    for found in (None, "find('os')"))


def setup(system, machine, here, folder=ROOT):
    """Run setup.py --version on another system, as a new process."""
    code = (f"import importlib.machinery, platform, runpy, setuptools, sys;"
            f"sys.argv = ['setup.py', '--version'];{here}"
            f"platform.system = lambda: {system!r};"
            f"platform.machine = lambda: {machine!r};"
            f"runpy.run_path('setup.py')")
    return subprocess.run([sys.executable, "-W", "ignore", "-c", code],
                          cwd=folder, text=True, capture_output=True)


@pytest.mark.parametrize("system, machine, words", [
    ("Windows", "AMD64", ("no wheel for Windows on AMD64", "WSL2",
                          "wsl --install")),
    ("Darwin", "arm64", (
        "no wheel for macOS on arm64", "Rosetta",
        "uv venv --python cpython-3.11-macos-x86_64-none")),
    ("FreeBSD", "amd64", ("no wheel for FreeBSD on amd64",
                          "docker run --platform linux/amd64"))])
def test_a_system_without_a_wheel_is_refused_in_one_sentence(system, machine,
                                                             words):
    done = setup(system, machine, HAS_NONE)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    for part in ("MXNet 1.9.1 has", *words):
        assert part in done.stderr
    done = setup(system, machine, HAS_ONE)  # a build of the user's own
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("system, machine", [
    ("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "x86_64")])
def test_a_system_with_a_wheel_installs(system, machine):
    done = setup(system, machine, HAS_NONE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "0.1.0\n"


def test_an_mxnet_that_pip_hides_from_setup_is_found():
    hidden = ("import site; sys.path = [p for p in sys.path "
              "if 'site-packages' not in p];")
    done = setup("FreeBSD", "amd64", hidden)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_source_archive_says_the_same(tmp_path):
    code = ("import setuptools.build_meta as build, sys;"
            "build.build_sdist(sys.argv[1])")
    source = tmp_path / "source"
    files = subprocess.run(["git", "ls-files", "-z", "d2lrnn", "d2lrnn_cli",
                            "chapters", "setup.py", "pyproject.toml",
                            "README.md"],
                           cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, files.stdout.decode().split("\0")):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, tmp_path],
                   cwd=source, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path)
    folder = tmp_path / archive.name.removesuffix(".tar.gz")
    done = setup("Windows", "AMD64", HAS_NONE, folder)
    assert done.returncode == 1 and "WSL2" in done.stderr
    assert setup("Linux", "x86_64", HAS_NONE, folder).stdout == "0.1.0\n"


# Takes away what only Linux has. What of the standard library is imported
# before would ask this Python for what only another system's has.
NO_LINUX = """
import os, platform, random, signal, sys, urllib.request
for name in ("sched_getaffinity", "process_cpu_count", "getloadavg",
             "register_at_fork", "sysconf"):
    if hasattr(os, name):
        delattr(os, name)
del signal.SIGHUP
sys.modules["fcntl"] = None
sys.platform = "darwin"
platform.system = lambda: "Darwin"
platform.machine = lambda: "x86_64"
started = []

def hook(event, args):
    first = str(args[0]) if args else ""
    if event == "open" and first.startswith("/proc/"):
        raise FileNotFoundError(2, "No such file or directory", first)
    if event == "ctypes.dlopen" and "gomp" in first:
        raise OSError(f"dlopen({first}): image not found")
    if event == "subprocess.Popen":
        started.append(first)

sys.addaudithook(hook)
"""
IMPORT = """
import d2lrnn as d2l
print("started by the import:", started)
import importlib, pkgutil, d2lrnn_cli
for package in (d2l, d2lrnn_cli):
    for module in pkgutil.walk_packages(package.__path__,
                                        package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

from d2lrnn.basics import files, sharing
print("without:", files.fcntl, sharing.gnu_openmp(), sharing.cores_taken())
"""
TRAIN = """
corpus = d2l.load_corpus("the cat sat on the mat\\n" * 40)
model = d2l.CharRNN(corpus.vocab_size, 4, 8, 1)
for num_epochs in (1, 2):
    history = d2l.fit(model, corpus, num_epochs, 0.01, batch_size=4,
                      num_steps=8, folder="run", resume=num_epochs == 2)
folder = d2l.write_report("mac", {"fit": history}, corpus, {"seed": 1})
print("epochs:", len(history), os.path.exists(folder / "report.html"))
model = d2l.load_model("run/best.safetensors")
print("chars:", len("".join(d2l.generate(model, "the ", 20))))
"""
DOCTOR = """
from d2lrnn_cli import doctor
for found in (doctor.system, doctor.threads, doctor.load, doctor.graphviz):
    print(*found(), sep="\\n")
"""


def test_nothing_of_linux_is_needed(tmp_path):
    """Import everything, train, resume, report, generate without it."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("OMP_", "GOMP_", "D2LRNN_"))}
    code = NO_LINUX + IMPORT + TRAIN + DOCTOR
    done = subprocess.run([sys.executable, "-W", "error::UserWarning",
                           "-c", code], cwd=tmp_path, text=True,
                          capture_output=True, env={**env, "PATH": "/none"})
    print(done.stdout, done.stderr)
    assert (done.returncode, done.stderr) == (0, "")
    for line in ("started by the import: []", "without: None None None",
                 "epochs: 2 True", "chars: 20",
                 "('note', 'Graphviz is not installed, so models are shown "
                 "as tables: brew install graphviz')"):
        assert f"{line}\n" in done.stdout
    assert "no OpenMP, so OMP_NUM_THREADS has no effect" in done.stdout
