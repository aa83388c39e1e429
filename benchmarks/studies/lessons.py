"""Record full runs of the lessons.

``python -m benchmarks.studies.lessons rnn_scratch`` runs each lesson named,
as its reader runs it, at the book's settings. The numbers of its report go to
lessons.json, one record for each lesson and text. Lyrics are left out: a well
trained model repeats its text, which others may own.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import RECORDS, ROOT, machine, read, write

RESULTS = RECORDS / "lessons.json"


def run(lesson, num_epochs=None):
    """Run a lesson to its report; return the report's numbers.

    ``num_epochs`` caps its epochs, to try it out.
    """
    env = {key: value for key, value in os.environ.items()
           if key != "D2LRNN_EPOCHS"}
    if num_epochs:
        env["D2LRNN_EPOCHS"] = str(num_epochs)
    with tempfile.TemporaryDirectory() as folder:
        start = time.time()
        subprocess.run(
            [sys.executable, ROOT / "chapters" / f"{lesson}.py"], env=env,
            cwd=folder, check=True)
        seconds = time.time() - start
        (report,) = Path(folder).glob("runs/*/report.json")
        record = json.loads(report.read_text("utf-8"))
    for training in record["trainings"].values():
        del training["lyrics"], training["history"]
    return {**record, "start_to_report_seconds": seconds}


def main():
    """Run the lessons named on the command line, and keep their numbers."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.lessons",
        description=__doc__.split("\n")[0])
    parser.add_argument("lesson", nargs="+", help="such as rnn_scratch")
    records = read(RESULTS) if RESULTS.exists() else {}
    for lesson in parser.parse_args().lesson:
        record = run(lesson)
        records[f"{lesson}, {record['text']['source']}"] = record
        write(dict(sorted(records.items())), RESULTS)


def tables(records):
    """Return the tables of each lesson, one for each text, by its name."""
    found = {}
    for record in records.values():
        found.setdefault(record["name"], []).append(to_markdown(record))
    return {name: "\n".join(tables) for name, tables in found.items()}


def to_markdown(record):
    """Return one row for each training of a record; below, where it ran."""
    rows = [cells(label, training)
            for label, training in record["trainings"].items()]
    names = [name for name in rows[0] if any(row[name] for row in rows)]
    lines = [names, ["---", *["---:"] * (len(names) - 1)],
             *([row[name] for name in names] for row in rows)]
    notes = (record["text"]["source"].split(",")[0],
             f"unigram guess {record['baselines']['unigram']:.1f}",
             f"seed {record['settings']['seed']}", machine(record),
             f"the whole lesson {record['start_to_report_seconds']:.0f} s",
             record["date"].split()[0])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + (
        f"\n{' · '.join(notes)}\n")


def cells(label, training):
    """Return the cells of a training by the names of their columns."""
    best = training.get("best", {}).get("held_out_perplexity")
    return {"training": label, "epochs": str(training["epochs"]),
            "perplexity": f"{training['perplexity']:.3f}",
            "held out": f"{best:.3f}" if best else "",
            "sec/epoch": f"{training['seconds_per_epoch']:.2f}"}


if __name__ == "__main__":
    main()
