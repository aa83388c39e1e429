"""The main job: the lesson of the RNN from scratch, start to report."""
import time

from benchmarks.peers.book import SETTINGS, train_lesson
from benchmarks.rows import scratch
from benchmarks.runner import Case, Goal, Row
from benchmarks.shared import load_ids
from benchmarks.studies import lessons


def prepare(case, folder, sizes):
    """Write the text, its characters and the first parameters."""
    import d2lrnn as d2l
    (folder / "characters.txt").write_text("".join(
        d2l.load_data_jay_lyrics().idx_to_char), "utf-8")
    return scratch.prepare("rnn", folder, SETTINGS)


def measure(case, side, folder, sizes):
    """Run the lesson, or its two trainings in d2lzh; return the seconds."""
    if side == "d2lrnn":
        record = lessons.run("rnn_scratch", sizes["epochs"])
        return None, {"seconds": [record["start_to_report_seconds"]]}
    start = time.perf_counter()
    params = scratch.load_params(folder)
    idx_to_char = list((folder / "characters.txt").read_text("utf-8"))
    for is_random_iter in (True, False):
        train_lesson(params, load_ids(folder), idx_to_char, is_random_iter,
                     sizes["epochs"] or 250)
    return None, {"seconds": [time.perf_counter() - start]}


ROW = Row(
    "job", "`python chapters/rnn_scratch.py`, start to report, beside the "
    "same two trainings in d2lzh, with the lyrics that they write",
    {"": Case(("d2lrnn", "d2lzh"), (Goal("times", 0.25, "d2lzh"),))}, measure,
    {"epochs": None}, {"epochs": 1}, prepare, rounds=1)
