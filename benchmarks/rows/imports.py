"""Importing d2lrnn beside importing MXNet, which is part of it."""
import subprocess
import sys

from benchmarks.runner import Case, Goal, Row

CODE = ("import time; start = time.perf_counter(); import {}; "
        "print(time.perf_counter() - start)")
PACKAGES = {"d2lrnn": "d2lrnn", "MXNet": "mxnet"}


def measure(case, side, folder, sizes):
    """Return the seconds of imports, each in a new process."""
    code = CODE.format(PACKAGES[side])
    return None, {"seconds": [float(subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True,
        text=True).stdout) for _ in range(sizes["times"])]}


ROW = Row(
    "import", "`import d2lrnn` beside `import mxnet`",
    {"": Case(("d2lrnn", "MXNet"), (Goal("more", 0.1, "MXNet"),))},
    measure, {"times": 2}, {"times": 1}, rounds=7)
