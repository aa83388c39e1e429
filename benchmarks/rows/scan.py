"""The cells whose gates read the input alone, all steps at once."""
from benchmarks.rows import charrnn
from benchmarks.runner import Case, Goal, Row
from benchmarks.shared import load_batches
from benchmarks.training import measured, ours

LOOP = "d2lrnn, step by step"


def measure(case, side, folder, sizes):
    """Return the losses of an epoch, and the seconds of a step."""
    from d2lrnn import Rows
    return measured(ours(folder, Rows.loss, sizes, unroll="static" if side
                         == LOOP else "fused"),
                    sizes["epochs"], len(load_batches(folder)))


SIDES = Case(("d2lrnn", LOOP), (Goal("speed", 3, LOOP),))
ROW = Row(
    "scan", "a training step of a `CharRNN` whose gates read the input alone, "
    "with 200 steps, as one operator and as a loop over the steps in MXNet",
    {"mingru": SIDES, "minlstm": SIDES}, measure,
    {**charrnn.SIZES, "num_steps": 200, "num_chars": 20_000, "epochs": 4},
    charrnn.TINY_SIZES, charrnn.prepare_small)
