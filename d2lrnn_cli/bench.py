"""``d2lrnn bench``: run the benchmarks."""
import os
import runpy
import sys
from typing import Annotated

from typer import Argument

from d2lrnn_cli.checkout import run, source_folder

__all__ = ["bench"]


def bench(rows: Annotated[list[str] | None, Argument(
        metavar="ROW", help="Rows to measure, such as names; all if not "
        "given. --tiny only tries them out.")] = None):
    """Measure d2lrnn beside its peers."""
    folder = source_folder("benchmarks").parent
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    run(runpy.run_module, "benchmarks", *(rows or []))
