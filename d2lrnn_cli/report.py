"""``d2lrnn report``: compare finished runs on one page."""
import time
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from d2lrnn_cli.arguments import to_path

__all__ = ["report"]


def report(
        runs: Annotated[list[Path], Argument(
            metavar="RUN", parser=to_path,
            help="The folders of finished runs.")],
        out: Annotated[Path | None, Option(
            metavar="FOLDER", parser=to_path, show_default="runs/report-...",
            help="New folder for the report.")] = None):
    """Compare runs on one page of HTML; print its path."""
    from d2lrnn.report.records import read_records
    from d2lrnn.report.write import write_pages
    records = read_records(runs)
    folder = out or Path("runs", f"report-{time.strftime('%Y%m%d-%H%M%S')}")
    print(write_pages(folder, records) / "report.html")
