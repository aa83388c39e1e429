"""What ``import d2lrnn`` does before MXNet is imported."""
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.process


def python(code, **environment):
    """Run code in a new process and keep what it prints."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("OMP_", "GOMP_", "D2LRNN_"))}
    done = subprocess.run([sys.executable, "-c", code], text=True,
                          capture_output=True, env={**env, **environment})
    return done


SHOW = "import d2lrnn, os; print(os.environ['OMP_NUM_THREADS'])"


def test_all_visible_cores_are_used():
    done = python(SHOW)
    assert done.stdout.strip() == str(len(os.sched_getaffinity(0)))
    assert done.stderr == ""


def test_a_users_own_number_of_threads_wins():
    assert python(SHOW, OMP_NUM_THREADS="1").stdout.strip() == "1"


FAIL = '''
import d2lrnn, os
from mxnet import nd
assert "MXNET_ENGINE_TYPE" not in os.environ or os.environ["WANTED"]
try:
    nd.take(nd.ones((2, 2)), nd.array([5]), mode="raise")
    print("called")
    nd.waitall()
except Exception:
    print("failed")
'''


def test_operators_run_at_once_unless_the_user_chose_otherwise():
    done = python(FAIL)
    assert (done.stdout, done.stderr) == ("failed\n", "")
    done = python(FAIL, MXNET_ENGINE_TYPE="ThreadedEnginePerDevice",
                  WANTED="yes")
    assert done.stdout == "called\nfailed\n"


def test_there_may_be_no_stderr():
    code = f"{sys.executable} -c 'import d2lrnn; print(1)' 2>&-"
    done = subprocess.run(code, shell=True, capture_output=True, text=True)
    assert done.stdout == "1\n"


def test_mxnet_first_is_too_late_and_said_so():
    err = python("import setuptools, numpy; numpy.bool = bool;"
                 "import mxnet, d2lrnn").stderr
    assert "d2lrnn first" in err and "D2LRNNWarning" in err


def import_beside(loaded, installed):
    """Return what an import says where these are the versions of NumPy."""
    return python(f"import numpy; numpy.__version__ = {loaded!r}\n"
                  f"from importlib import metadata\n"
                  f"metadata.version = lambda name: {installed!r}\n"
                  f"try: import d2lrnn\n"
                  f"except ImportError as error: print(error)").stdout


def test_a_numpy_that_mxnet_cannot_use():
    for installed in ("2.1.0", "2.2.0"):
        assert import_beside("2.1.0", installed) == (
            "MXNet 1.9.1 needs a numpy below 2, and this is numpy 2.1.0: "
            "pip install 'numpy<2'\n")


def test_a_numpy_that_is_still_loaded():
    """As in a notebook whose kernel runs on after the install."""
    assert import_beside("2.1.0", "1.26.4") == (
        "MXNet 1.9.1 needs a numpy below 2, and this is numpy 2.1.0: numpy "
        "1.26.4 has been installed since, so restart the kernel, or whatever "
        "runs this Python\n")


@pytest.mark.parametrize("library", ["libgomp.so.1", "libquadmath.so.0"])
def test_a_system_library_that_is_missing(library):
    out = python("import ctypes, numpy\n"
                 "class Missing(ctypes.CDLL):\n"
                 "    def __init__(self, name, *more):\n"
                 "        if 'libmxnet' in name:\n"
                 f"            raise OSError('{library}: cannot open '\n"
                 "                          'shared object file: No such')\n"
                 "        super().__init__(name, *more)\n"
                 "ctypes.CDLL = Missing\n"
                 "for _ in range(2):\n"
                 "    try: import d2lrnn\n"
                 "    except ImportError as error: print(error)").stdout
    first, second = out.splitlines()
    assert first == second
    assert f"the system library {library}, which is missing" in first
    assert "apt-get install libgomp1 libquadmath0" in first


@pytest.fixture
def needs_what_is_not_there(tmp_path):
    """Return the path of a copy of MXNet's library that links a missing one.

    Its need of libgomp.so.1 is made one of libamath.so.
    """
    folder = Path(find_spec("mxnet").submodule_search_locations[0])
    library = folder / "libmxnet.so"
    data = library.read_bytes() if library.exists() else b""
    if b"\0libgomp.so.1\0" not in data:
        pytest.skip("this MXNet does not link GNU's OpenMP")
    for sibling in folder.glob("lib*.so.*"):
        (tmp_path / sibling.name).symlink_to(sibling)
    copy = tmp_path / "libmxnet.so"
    copy.write_bytes(data.replace(b"\0libgomp.so.1\0", b"\0libamath.so\0\0"))
    yield copy
    copy.unlink()  # it is large


AGAIN = """
import os, platform
platform.machine = lambda: "{}"
for _ in range(2):
    try:
        import d2lrnn
    except ImportError as error:
        print(error)
    else:
        from mxnet import nd
        print(nd.ones(3).sum().asscalar())
    os.environ.pop("MXNET_LIBRARY_PATH", None)
"""


@pytest.mark.parametrize("machine, remedy", [
    ("aarch64", "Arm Performance Libraries"),
    ("x86_64", "install the package of your system that contains it")])
def test_the_linker_names_the_library(needs_what_is_not_there, machine,
                                      remedy):
    """Once it is there, the same process can import d2lrnn."""
    done = python(AGAIN.format(machine),
                  MXNET_LIBRARY_PATH=str(needs_what_is_not_there))
    sentence, after = done.stdout.splitlines()
    assert sentence.startswith("MXNet needs the system library libamath.so, "
                               "which is missing here: ")
    assert remedy in sentence
    assert (after, done.stderr) == ("3.0", "")


@pytest.mark.parametrize("system, machine, words", [
    ("Windows", "AMD64", "WSL2"), ("Darwin", "arm64", "macos-x86_64"),
    ("Darwin", "x86_64", "pip install mxnet==1.9.1"),
    ("Linux", "aarch64", "Arm Performance Libraries"),
    ("Linux", "x86_64", "pip install mxnet==1.9.1")])
def test_where_mxnet_is_not_installed(system, machine, words):
    done = python("import numpy, platform, sys\n"
                  f"platform.system = lambda: {system!r}\n"
                  f"platform.machine = lambda: {machine!r}\n"
                  "class NoMXNet:\n"
                  "    def find_spec(name, *_):\n"
                  "        if name == 'mxnet':\n"
                  "            raise ModuleNotFoundError(name=name)\n"
                  "sys.meta_path.insert(0, NoMXNet)\n"
                  "try: import d2lrnn\n"
                  "except ModuleNotFoundError as error:\n"
                  "    print(error.name, error)")
    assert done.stdout.startswith("mxnet ") and words in done.stdout
    assert done.stdout.count("\n") == 1


def test_an_error_that_is_not_the_linkers_stays(tmp_path):
    (tmp_path / "mxnet.py").write_text("open('/no/such/file')")
    done = python("import d2lrnn", PYTHONPATH=os.pathsep.join(
        [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    assert done.stderr.endswith("No such file or directory: "
                                "'/no/such/file'\n")


def test_mxnet_finds_the_names_that_it_needs():
    out = python("import d2lrnn, numpy, distutils, mxnet;"
                 "print(numpy.bool, mxnet.__version__)").stdout
    assert out == "<class 'bool'> 1.9.1\n"


@pytest.mark.parametrize("name, value", [
    ("D2LRNN_CTX", "tpu"), ("D2LRNN_CTX", "gpu(99)"),
    ("D2LRNN_EPOCHS", "many"), ("D2LRNN_DATA", "no/such/folder")])
def test_a_wrong_setting_ends_a_script_in_one_sentence(name, value):
    done = python("import d2lrnn as d2l; d2l.epochs(5); d2l.try_gpu();"
                  "d2l.load_data_jay_lyrics()", **{name: value})
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name} ")
    assert done.stderr.count("\n") == 1


NUMBER = "a whole number, such as 1"


@pytest.mark.parametrize("name, value, words", [
    *(("OMP_NUM_THREADS", value, "a whole number from 1 to 9999")
      for value in ("abc", "1,2", "2.0", "0x2", "0", "-1", "9" * 30)),
    ("OMP_THREAD_LIMIT", "many", "a whole number of at least 1"),
    ("OMP_WAIT_POLICY", "sometimes", "active or passive"),
    ("GOMP_SPINCOUNT", "long", "a whole number, such as 300000, or infinite"),
    ("MXNET_ENGINE_TYPE", "bogus",
     "NaiveEngine, ThreadedEngine or ThreadedEnginePerDevice"),
    ("MXNET_ENGINE_TYPE", "naiveengine",
     "NaiveEngine, ThreadedEngine or ThreadedEnginePerDevice"),
    ("MXNET_CPU_WORKER_NTHREADS", "two", NUMBER),
    ("MXNET_OMP_MAX_THREADS", "2.5", NUMBER),
    ("MXNET_MKLDNN_ENABLED", "off", "0 or 1")])
def test_a_setting_that_would_end_python_is_one_sentence(name, value, words):
    done = python("import d2lrnn", **{name: value})
    assert done.returncode == 1
    assert done.stderr == (f"{name} is {value!r}: set it to {words}, or leave "
                           f"it unset\n")


@pytest.mark.parametrize("name, value", [
    ("OMP_NUM_THREADS", " 2 "), ("OMP_NUM_THREADS", ""),
    ("OMP_WAIT_POLICY", "PASSIVE"), ("OMP_WAIT_POLICY", ""),
    ("GOMP_SPINCOUNT", "300k"), ("GOMP_SPINCOUNT", "Infinite"),
    ("MXNET_ENGINE_TYPE", ""), ("MXNET_MKLDNN_ENABLED", "True"),
    ("MXNET_CPU_WORKER_NTHREADS", "1")])
def test_a_setting_that_is_understood_computes(name, value):
    done = python("import d2lrnn; from mxnet import nd\n"
                  "print(nd.ones(3).sum().asscalar())", **{name: value})
    assert (done.stdout, done.stderr) == ("3.0\n", "")


@pytest.mark.parametrize("role", ["server", "scheduler"])
def test_a_role_with_which_mxnet_would_wait_is_refused(role):
    done = python("import d2lrnn", DMLC_ROLE=role)
    assert done.returncode == 1
    assert done.stderr == (
        f"DMLC_ROLE is {role!r}, so MXNet would wait for other machines and "
        f"never return: unset it, or use d2lrnn train --workers\n")


def test_a_wrong_setting_in_a_thread_is_told_and_can_be_caught():
    done = python("import threading, d2lrnn as d2l\n"
                  "thread = threading.Thread(target=d2l.try_gpu)\n"
                  "thread.start(); thread.join()\n"
                  "try: d2l.try_gpu()\n"
                  "except Exception as error: print(repr(error))\n"
                  "threading.Thread(target=lambda: 1 / 0).start()",
                  D2LRNN_CTX="tpu")
    sentence = "D2LRNN_CTX is 'tpu': it must be cpu, gpu or gpu(1)"
    assert done.stdout == f'SettingError("{sentence}")\n'
    assert done.stderr.startswith(sentence + "\n")
    assert done.stderr.count("D2LRNN_CTX") == 1
    assert "ZeroDivisionError" in done.stderr and done.returncode == 0


def test_other_errors_are_shown_as_before():
    done = python("import d2lrnn; 1 / 0")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_notebook_shows_the_sentence_alone(monkeypatch):
    shells = pytest.importorskip("IPython.core.interactiveshell")
    from d2lrnn.basics.errors import SettingError
    shell = shells.InteractiveShell()
    shown = []
    monkeypatch.setattr(shell, "_showtraceback",
                        lambda kind, error, lines: shown.extend(lines))
    shell.push({"SettingError": SettingError})
    shell.run_cell("raise SettingError('one line')")
    assert shown == ["one line"]
