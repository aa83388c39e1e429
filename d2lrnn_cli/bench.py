"""``d2lrnn bench``: run the benchmarks."""
from typing import Annotated

from typer import Argument

from d2lrnn_cli.checkout import run_python, source_folder

__all__ = ["bench"]


def bench(rows: Annotated[list[str] | None, Argument(
        metavar="ROW", help="Rows to measure, such as names; all if not "
        "given. --tiny only tries them out.")] = None):
    """Measure d2lrnn beside its peers."""
    run_python(["-m", "benchmarks", *(rows or [])],
               source_folder("benchmarks").parent)
