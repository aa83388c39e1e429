"""Measure one side of one case in this process, for ``benchmarks.runner``.

``python -m benchmarks.side ROW CASE SIDE FOLDER SIZES`` prints one line of
JSON: check, values by unit, and the threads that were used.
"""
import json
import os
import sys
from pathlib import Path

from benchmarks.rows import ROWS


def threads():
    """Return how many threads this process computes with, in words."""
    if "torch" in sys.modules:
        return str(sys.modules["torch"].get_num_threads())
    return os.environ.get("OMP_NUM_THREADS", "its own default")


def main():
    """Measure, and print what was measured."""
    name, case, side, folder, sizes = sys.argv[1:]
    check, values = ROWS[name].measure(case, side, Path(folder),
                                       json.loads(sizes))
    print(json.dumps({"check": check, "values": values,
                      "threads": threads()}))


if __name__ == "__main__":
    main()
