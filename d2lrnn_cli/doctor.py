"""``d2lrnn doctor``: check the installation, and say how to repair it.

It imports neither d2lrnn nor MXNet itself, so that it works even if they
cannot be imported.
"""
import os
import shutil
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import typer

from d2lrnn_cli.machine import machine
from d2lrnn_cli.meeting import own_address
from d2lrnn_cli.streams import fitted

__all__ = ["doctor"]

OK, NOTE, WRONG = "ok", "note", "wrong"
# prints the reader's language and device, or errors, and the number of GPUs
TRY = """
import d2lrnn, mxnet
from d2lrnn.basics.language import readers_language
mxnet.nd.ones(1).asnumpy()
for setting in (readers_language, d2lrnn.try_gpu):
    try:
        print(setting())
    except ValueError as error:
        print(error)
print(mxnet.context.num_gpus())
"""
# prints why MXNet's library does not load, without importing mxnet
LOAD = """
import ctypes, runpy, sys
find_lib_path = runpy.run_path(sys.argv[1])["find_lib_path"]
try:
    ctypes.CDLL(find_lib_path()[0])
except OSError as error:
    print(error)
"""


def doctor():
    """Check Python, system, packages, threads, devices and texts."""
    findings = [*python(), *system(), *packages(),
                *(list(libraries()) or mxnet()), *threads(), *load(),
                *texts(), *together(), *graphviz()]
    for state, text in findings:
        print(fitted(f"{state:<7}{text}", sys.stdout, indent=7))
    raise typer.Exit(int(any(state == WRONG for state, _ in findings)))


def python():
    """Yield whether MXNet runs on this Python."""
    version = "{}.{}.{}".format(*sys.version_info[:3])
    if (3, 10) <= sys.version_info[:2] <= (3, 12):
        yield OK, f"Python {version}"
    else:
        yield WRONG, (f"MXNet does not run on Python {version}: "
                      f"uv venv --python 3.11 && . .venv/bin/activate && "
                      f"uv pip install -e .")


def system():
    """Yield the system, or what to do if MXNet has no wheel for it."""
    no_wheel = machine.no_wheel()
    if machine.lacks_avx():
        yield WRONG, (f"{machine.cpu_name()} lacks AVX, which MXNet's wheel "
                      f"needs: use a computer of 2011 or later, or let the "
                      f"emulator offer AVX")
    elif not no_wheel:
        yield OK, f"{machine.system_name()}, {machine.cpu_name()}"
    elif find_spec("mxnet"):
        yield NOTE, (f"MXNet 1.9.1 has no wheel for {machine.system_name()}, "
                     f"so the mxnet here is a build of your own")
    else:
        yield WRONG, no_wheel


def packages():
    """Yield the version of each package, or how to install it."""
    for name, extra in (("d2lrnn", None), ("mxnet", None), ("numpy", None),
                        ("matplotlib", None), ("d2l", None),
                        ("torch", "oracle"), ("d2lzh", "bench")):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            if extra:
                yield NOTE, (f"{name} is not installed; only benchmarks and "
                             f"tests use it: pip install -e '.[{extra}]'")
            elif name == "mxnet" and find_spec(name):
                yield OK, "mxnet, from another package or a build"
            elif name == "mxnet" and machine.no_wheel():
                pass  # reported above
            elif name != "d2l":
                yield WRONG, f"{name} is not installed: pip install -e ."
            elif sys.version_info < (3, 12):
                yield NOTE, ("d2l is not installed; d2lrnn does without it, "
                             "and only code that imports d2l itself needs "
                             "it: pip install d2l==1.0.3")
            continue
        if name == "mxnet" and not found.startswith("1.9.1"):
            yield WRONG, f"mxnet {found}: pip install mxnet==1.9.1"
        elif name == "numpy" and int(found.split(".")[0]) > 1:
            yield WRONG, f"numpy {found}: pip install 'numpy<2'"
        else:
            yield OK, f"{name} {found}"


def libraries():
    """Yield why MXNet's library does not load, if it does not."""
    spec = find_spec("mxnet")
    if not spec or not spec.submodule_search_locations:
        return
    libinfo = Path(spec.submodule_search_locations[0], "libinfo.py")
    done = subprocess.run([sys.executable, "-c", LOAD, libinfo], text=True,
                          capture_output=True)
    if done.stdout.strip():
        yield WRONG, machine.not_loaded(done.stdout)


def mxnet():
    """Yield whether MXNet imports, and which devices it sees."""
    if not find_spec("mxnet"):
        return  # reported above
    alone = {name: value for name, value in os.environ.items()
             if not name.startswith("DMLC_")}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", TRY],
                          text=True, capture_output=True, env=alone)
    if done.returncode:
        *more, reason = done.stderr.strip().splitlines() or ["no message"]
        if not more and ": set it to " in reason:  # a setting
            yield WRONG, reason
            return
        if reason.startswith("ImportError: MXNet"):  # it has a remedy
            yield WRONG, reason.removeprefix("ImportError: ")
            return
        yield WRONG, (f"d2lrnn does not import ({reason}): fix what is wrong "
                      f"above, or pip install -e . in a new environment")
        return
    language, device, gpus = done.stdout.splitlines()[-3:]
    gpus = int(gpus)
    yield OK, "MXNet imports and computes"
    if language in ("en", "zh"):
        yield OK, f"reports in {'Chinese' if language == 'zh' else 'English'}"
    else:
        yield WRONG, f"{language}: export D2LRNN_LANG=en"
    yield OK, "contexts: " + ", ".join(["cpu", *(f"gpu({i})" for i
                                                 in range(gpus))])
    if device.startswith("D2LRNN_CTX"):
        yield WRONG, device


def has_openmp():
    """Return whether MXNet computes with OpenMP threads, as far as known."""
    wheel = machine.wheel()
    return wheel is None or wheel.has_openmp


def threads():
    """Yield the number of cores, and how many of them MXNet uses."""
    cores = machine.num_cores()
    chosen = os.environ.get("OMP_NUM_THREADS", "").strip()
    if not has_openmp():
        yield OK, (f"{cores} cores; MXNet's wheel for this system has no "
                   f"OpenMP, so OMP_NUM_THREADS has no effect")
    elif not chosen:
        yield OK, f"{cores} cores, all used"
    elif chosen in map(str, range(1, cores + 1)):
        yield OK, f"{cores} cores, OMP_NUM_THREADS is {chosen}"
    else:
        yield WRONG, (f"{cores} cores, but OMP_NUM_THREADS is {chosen[:60]}: "
                      f"export OMP_NUM_THREADS={cores}")


def load():
    """Yield a note if other programs are keeping the cores busy."""
    if not has_openmp():
        return
    try:
        busy = os.getloadavg()[0]  # average over the last minute
    except (AttributeError, OSError):
        return
    if busy >= 0.5 and os.environ.get("OMP_NUM_THREADS") != "1":
        yield NOTE, (f"{busy:.1f} programs were busy in the last minute; "
                     f"beside them one thread is faster: "
                     f"export OMP_NUM_THREADS=1")


def texts():
    """Yield the user's folder of texts, and the texts in it."""
    folder = os.environ.get("D2LRNN_DATA")
    if not folder:
        yield NOTE, ("D2LRNN_DATA is not set, so texts are downloaded, or "
                     "those that ship are used: export D2LRNN_DATA=the folder "
                     "of your texts")
    elif not Path(folder).is_dir():
        yield WRONG, (f"D2LRNN_DATA is {folder}, which is not a folder: "
                      f"unset D2LRNN_DATA")
    elif not os.access(folder, os.R_OK | os.X_OK):
        yield WRONG, (f"D2LRNN_DATA is {folder}, which cannot be read: change "
                      f"its permissions, or unset D2LRNN_DATA")
    else:
        names = sorted(path.name for path in Path(folder).iterdir()
                       if path.suffix in (".txt", ".zip"))
        yield OK, f"D2LRNN_DATA: {', '.join(names) or 'no text in it'}"


def together():
    """Yield this machine's address, and variables that make MXNet wait.

    With a role, ``import mxnet`` becomes a server, or waits for one.
    """
    for name in sorted(os.environ):
        if name.startswith("DMLC_") and name != "DMLC_NODE_HOST":
            yield WRONG, (f"{name} is {os.environ[name][:60]!r}, so MXNet may "
                          f"wait for other machines: unset {name}")
    at = os.environ.get("D2LRNN_AT", "")
    announced = os.environ.get("DMLC_NODE_HOST") or (
        own_address(at.rpartition(":")[0]) if at else own_address())
    yield OK, (f"to train on several machines, this one announces "
               f"{announced} (DMLC_NODE_HOST changes that)")


def graphviz():
    """Yield whether Graphviz is installed, which draws models."""
    if shutil.which("dot"):
        yield OK, "Graphviz"
    else:
        yield NOTE, ("Graphviz is not installed, so models are shown as "
                     f"tables: {machine.install_command('graphviz')}")
