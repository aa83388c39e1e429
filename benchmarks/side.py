"""Measure one side of one case in this process, for ``benchmarks.runner``.

``python -m benchmarks.side ROW CASE SIDE FOLDER SIZES`` prints one line of
JSON: check, values by unit, and the threads that were used.
"""
import json
import os
import sys
from pathlib import Path

from benchmarks.rows import ROWS
from benchmarks.runner import PACKAGES


def threads():
    """Return how many threads this process computes with, in words."""
    if "torch" in sys.modules:
        return str(sys.modules["torch"].get_num_threads())
    return os.environ.get("OMP_NUM_THREADS", "its own default")


def main():
    """Measure, and print the result.

    Raise ``RuntimeError`` where d2lrnn is in the process of a peer: it
    chooses MXNet's threads and engine.
    """
    name, case, side, folder, sizes = sys.argv[1:]
    check, values = ROWS[name].measure(case, side, Path(folder),
                                       json.loads(sizes))
    if side.split(",")[0] in PACKAGES and "d2lrnn" in sys.modules:
        raise RuntimeError(f"{side} was measured with d2lrnn imported: keep "
                           f"that import out of what its side runs")
    print(json.dumps({"check": check, "values": values,
                      "threads": threads()}))


if __name__ == "__main__":
    main()
