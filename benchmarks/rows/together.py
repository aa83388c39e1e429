"""A training step of two workers, beside the same step of one process.

The process has one thread, as a worker has, or two.
"""
import json

from benchmarks.runner import Case, Goal, Row, timed
from benchmarks.workers import TRAINING, begin, in_workers

ONE, TWO = "d2lrnn, 1 process", "d2lrnn, 2 threads"
WORKER = "d2lrnn, a worker"
SIZES = {
    "2 x 512": {**TRAINING, "num_layers": 2, "num_hiddens": 512,
                "batch_size": 50, "num_steps": 100, "batches": 3,
                "epochs": 2},
    "1 x 256": {**TRAINING, "num_layers": 1, "num_hiddens": 256,
                "batch_size": 32, "num_steps": 50, "batches": 20,
                "epochs": 5}}
TINY = {case: {**sizes, "embed_size": 4, "num_hiddens": 8, "batch_size": 4,
               "num_steps": 5, "batches": 2, "epochs": 1}
        for case, sizes in SIZES.items()}


def prepare(case, folder, sizes):
    """Write the text that all processes read."""
    import d2lrnn as d2l
    corpus = d2l.load_corpus("tinyshakespeare")
    (folder / "text.txt").write_text("".join(
        corpus.idx_to_char[i] for i in corpus.corpus_indices), "utf-8")
    return corpus.source


def measure(case, side, folder, sizes):
    """Return the losses of an epoch, and the seconds of a step."""
    if side == "d2lrnn":
        seen = in_workers(2, "benchmarks.side", "together", case, WORKER,
                          str(folder), json.dumps(sizes))
        return seen["check"], seen["values"]
    import d2lrnn as d2l
    together = d2l.Workers() if side == WORKER else d2l.Alone()
    corpus, sizes = d2l.load_corpus(folder / "text.txt"), sizes[case]
    step, losses = begin(corpus, sizes, together)
    num_batches, sent = sizes["batches"], counted(together)

    def epoch():
        for _ in range(num_batches):
            step()

    epoch()  # to warm up
    check = losses()
    sent.clear()
    values = {"seconds a step": [seconds / num_batches for seconds
                                 in timed(epoch, sizes["epochs"])]}
    if sent:
        values["megabytes a step"] = [
            2 * sum(sent) / num_batches / sizes["epochs"] / 1e6]
    return check, values


def counted(workers):
    """Return a list that grows by the bytes of each array that they add up."""
    sent, own = [], workers.sum

    def add_up(array):
        sent.append(array.size * array.dtype().itemsize)
        return own(array)

    workers.sum = add_up
    return sent


def beside_one(bound):
    """Return a case with a goal for the speed of two workers."""
    return Case(("d2lrnn", ONE, TWO), (Goal("speed", bound, ONE),))


ROW = Row(
    "together", "a training step of a `CharRNN` of LSTM layers, with an "
    "embedding of 64, Adam and clipping, in two workers of one thread on one "
    "machine, beside one process of one thread, or of two; batches of 50 by "
    "100 (2 x 512) and 32 by 50 (1 x 256); the megabytes are those that each "
    "worker sends and receives",
    {"2 x 512": beside_one(1.7), "1 x 256": beside_one(1.45)},
    measure, SIZES, TINY, prepare,
    {side: {"OMP_NUM_THREADS": "2" if side == TWO else "1"}
     for side in ("d2lrnn", ONE, TWO)})
