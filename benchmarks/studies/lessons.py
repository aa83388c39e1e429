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

from benchmarks import RECORDS, ROOT, read, write

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


def to_markdown(records):
    """Return one row for each training of each record."""
    lines = ["| lesson | text | training | epochs | perplexity | held out | "
             "unigram | sec/epoch | start to report |",
             "|---|---|---|---:|---:|---:|---:|---:|---:|"]
    for record in records.values():
        text = record["text"]["source"].split(",")[0]
        for label, training in record["trainings"].items():
            held_out = (f"{training['best']['held_out_perplexity']:.3f}"
                        if "best" in training else "")
            lines.append(
                f"| {record['name']} | {text} | {label} | "
                f"{training['epochs']} | "
                f"{training['perplexity']:.3f} | {held_out} | "
                f"{record['baselines']['unigram']:.0f} | "
                f"{training['seconds_per_epoch']:.2f} | "
                f"{record['start_to_report_seconds']:.0f} s |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
