"""A training step of a deep char-RNN."""
from benchmarks.rows.charrnn import measure, prepare_small
from benchmarks.runner import Case, Goal, Row

SIZES = {"embed_size": 128, "num_hiddens": 512, "num_layers": 2,
         "dropout": 0.4, "batch_size": 50, "num_steps": 100,
         "optimizer": "adam", "lr": 2e-3, "clipping_theta": 1.0,
         "num_chars": 15_100, "epochs": 2}
TINY = {**SIZES, "embed_size": 6, "num_hiddens": 8, "batch_size": 2,
        "num_steps": 5, "num_chars": 40}


def prepare(case, folder, sizes):
    """Write the model and the mini-batches."""
    return prepare_small("lstm", folder, sizes)


ROW = Row(
    "deep", "a training step of a `CharRNN` of two layers of 512 LSTM units, "
    "batches of 50 by 100, with dropout, Adam and clipping",
    {"": Case(("d2lrnn", "PyTorch"), (Goal("times", 0.75, "PyTorch"),))},
    measure, SIZES, TINY, prepare)
