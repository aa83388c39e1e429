"""The main job: the lesson of the RNN from scratch, start to report."""
from benchmarks.runner import Case, Goal, Row
from benchmarks.studies import lessons


def measure(case, side, folder, sizes):
    """Run the lesson, and return its seconds."""
    record = lessons.run("rnn_scratch", sizes["epochs"])
    return None, {"seconds": [record["start_to_report_seconds"]]}


ROW = Row(
    "job", "`python chapters/rnn_scratch.py`, start to report",
    {"": Case(("d2lrnn",), (Goal("at most", 150),))}, measure,
    {"epochs": None}, {"epochs": 1}, rounds=1)
