"""``d2lrnn report``: the pages of runs that have come to their end."""
import time
from pathlib import Path

import typer

from d2lrnn_cli.main import app


@app.command()
def report(
        runs: list[Path] = typer.Argument(..., metavar="RUN...", help="The "
                                          "folders of trainings."),
        out: Path = typer.Option(None, help="The report's new folder; "
                                 "runs/report-... if not given.")):
    """Compare trainings in one page of HTML; print where it is."""
    from d2lrnn.report.records import read_records
    from d2lrnn.report.write import write_pages
    records = read_records(runs)
    folder = out or Path("runs", f"report-{time.strftime('%Y%m%d-%H%M%S')}")
    print(write_pages(folder, records) / "report.html")
