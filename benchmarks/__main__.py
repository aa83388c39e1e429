"""Measure d2lrnn beside its peers: ``python -m benchmarks [ROW ...]``.

The record of each row goes to records/results.json as soon as the row is
measured, and with it the table, results.md, and the picture, results.png.
"""
import argparse
import sys
import textwrap

from benchmarks import read
from benchmarks.results import RESULTS, to_markdown, write
from benchmarks.rows import ROWS
from benchmarks.runner import measure_row


def merged(record, name, row):
    """Return a record with another row in it, in the order of ROWS."""
    rows = {**record["rows"], name: row}
    return {"rows": {name: rows[name] for name in ROWS if name in rows}}


def described():
    """Return the names of the rows and what they measure, for the help."""
    return "\n".join(["rows:", *(
        textwrap.fill(row.work, 78, initial_indent=f"  {name:<13}",
                      subsequent_indent=" " * 15)
        for name, row in ROWS.items())])


def arguments():
    """Return the checked arguments of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", epilog=described(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measure d2lrnn beside its peers, row by row, and keep "
        "the numbers in\nbenchmarks/records. A peer that is not installed is "
        "named and left out.")
    parser.add_argument("row", nargs="*", metavar="ROW",
                        help="a row to measure (default: all rows, in this "
                        "order)")
    parser.add_argument("--rounds", type=int,
                        help="how often each side takes its turn (default: "
                        "3 in most rows)")
    parser.add_argument("--tiny", action="store_true",
                        help="try the rows at tiny sizes, and keep nothing")
    args = parser.parse_args()
    if unknown := [name for name in args.row if name not in ROWS]:
        parser.error(f"there is no row {unknown[0]}: choose from "
                     f"{', '.join(ROWS)}")
    if args.rounds is not None and args.rounds < 1:
        parser.error(f"--rounds is {args.rounds}: it must be at least 1")
    return args


def main():
    """Measure the rows named on the command line, or all."""
    args, record, problems = arguments(), {"rows": {}}, []
    if not args.tiny and RESULTS.exists():
        record = read(RESULTS)
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
