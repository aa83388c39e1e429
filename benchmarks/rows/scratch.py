"""An epoch of the book's loop from scratch."""
import numpy as np

from benchmarks.peers.book import SETTINGS, TINY, train_scratch
from benchmarks.runner import CORES, Case, Goal, Row, timed
from benchmarks.shared import load_batches, load_ids, save_text

GOALS = (Goal("times", 0.18, "d2lzh"), Goal("times", 0.55, "PyTorch"))


def prepare(case, folder, sizes):
    """Write the text, its mini-batches, and the cell's parameters."""
    import d2lrnn as d2l
    corpus = d2l.load_data_jay_lyrics()
    save_text(folder, corpus, sizes)
    get_params = getattr(d2l, "get_params" if case == "rnn"
                         else f"get_{case}_params")
    d2l.seed(1)
    params = get_params(corpus.vocab_size, sizes["num_hiddens"])
    np.savez(folder / "params.npz", *(param.asnumpy() for param in params))
    return corpus.source


def load_params(folder):
    """Return the parameters that ``prepare`` wrote, a list of arrays."""
    with np.load(folder / "params.npz") as file:
        return [file[f"arr_{i}"] for i in range(len(file.files))]


def measure(case, side, folder, sizes):
    """Return the loss of the first epoch, and the seconds of the others."""
    params = load_params(folder)
    if side == "PyTorch":
        losses, seconds = train_pytorch(case, params, load_batches(folder),
                                        sizes)
    else:
        losses, seconds = train_scratch(
            side.split(",")[0], case, params, load_ids(folder), sizes)
    return losses[:1], {"seconds an epoch": seconds}


def train_pytorch(cell, params, batches, sizes):
    """Train by the same loop, with PyTorch's arrays, on one-hot vectors."""
    from benchmarks.peers import torch_cells, torch_training
    torch_training.use_all_cores()
    _, epoch = torch_training.train(torch_cells.Scratch(cell, params),
                                    batches, torch_training.id_losses, sizes)
    return [float(np.mean(epoch()))], timed(epoch, sizes["epochs"])


ROW = Row(
    "scratch", "an epoch of the book's loop from scratch, with the book's "
    "settings, consecutive sampling and its own functions",
    {"rnn": Case(("d2lrnn", "d2lzh", "d2lzh, all cores", "PyTorch"), GOALS),
     "gru": Case(("d2lrnn", "d2lzh", "PyTorch"), GOALS),
     "lstm": Case(("d2lrnn", "d2lzh", "PyTorch"), GOALS)},
    measure, {**SETTINGS, "epochs": 2}, {**TINY, "epochs": 2}, prepare,
    {"d2lzh, all cores": {"OMP_NUM_THREADS": str(CORES)}}, rounds=5)
