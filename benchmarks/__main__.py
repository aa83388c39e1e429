"""Measure d2lrnn beside its peers: ``python -m benchmarks [ROW ...]``.

Each row's record goes to results.json as soon as the row is measured, and the
table to results.md, the picture to results.png.
"""
import argparse
import json
import sys

from benchmarks.results import RESULTS, to_markdown, write
from benchmarks.rows import ROWS
from benchmarks.runner import measure_row


def merged(record, name, row):
    """Return a record with another row in it, in the order of ROWS."""
    rows = {**record["rows"], name: row}
    return {"rows": {name: rows[name] for name in ROWS if name in rows}}


def read():
    """Return the record of the rows measured before."""
    if RESULTS.exists():
        return json.loads(RESULTS.read_text("utf-8"))
    return {"rows": {}}


def main():
    """Measure the rows named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("row", nargs="*", help=", ".join(ROWS))
    parser.add_argument("--rounds", type=int,
                        help="how often each side has its turn")
    parser.add_argument("--tiny", action="store_true",
                        help="try the rows at tiny sizes, and write nothing")
    args = parser.parse_args()
    if unknown := [name for name in args.row if name not in ROWS]:
        parser.error(f"there is no row {unknown[0]}: choose from "
                     f"{', '.join(ROWS)}")
    if args.rounds is not None and args.rounds < 1:
        parser.error(f"--rounds is {args.rounds}: it must be at least 1")
    record, problems = {"rows": {}} if args.tiny else read(), []
    for name in args.row or ROWS:
        row = ROWS[name]
        if args.tiny:
            row = row._replace(sizes=row.tiny)
        try:
            record = merged(record, name, measure_row(row, args.rounds))
        except (OSError, RuntimeError, ValueError) as error:
            problems.append(str(error))
            continue
        if not args.tiny:
            write(record)
    print(to_markdown(record))
    sys.exit("\n".join(problems) or 0)


if __name__ == "__main__":
    main()
