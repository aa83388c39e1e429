"""An epoch of the book's loop from scratch."""
import numpy as np

from benchmarks.book import (
    SETTINGS,
    TINY,
    load_batches,
    load_scratch,
    save_batches,
    train_scratch,
)
from benchmarks.runner import CORES, Case, Goal, Row, timed

GOALS = (Goal("times", 0.25, "d2lzh"), Goal("times", 0.8, "PyTorch"))


def prepare(case, folder, sizes):
    """Write the text, its mini-batches, and the cell's parameters."""
    import d2lrnn as d2l
    corpus = d2l.load_data_jay_lyrics()
    save_batches(folder, corpus, sizes)
    get_params = getattr(load_scratch(), "get_params" if case == "rnn"
                         else f"get_{case}_params")
    d2l.seed(1)
    params = get_params(corpus.vocab_size, sizes["num_hiddens"])
    np.savez(folder / "params.npz", *(param.asnumpy() for param in params))
    return corpus.source


def measure(case, side, folder, sizes):
    """Return the loss of the first epoch, and the seconds of the others."""
    with np.load(folder / "params.npz") as file:
        params = [file[f"arr_{i}"] for i in range(len(file.files))]
    if side == "PyTorch":
        losses, seconds = train_pytorch(case, params, load_batches(folder),
                                        sizes)
    else:
        losses, seconds = train_scratch(
            side.split(",")[0], case, params, np.load(folder / "ids.npy"),
            sizes)
    return losses[:1], {"seconds an epoch": seconds}


def train_pytorch(cell, params, batches, sizes):
    """Train by the same loop, with PyTorch's arrays, on one-hot vectors."""
    import torch
    from torch.nn.functional import cross_entropy, one_hot

    from benchmarks import torch_cells, torch_models
    torch_models.use_all_cores()
    params = [torch.tensor(array, requires_grad=True) for array in params]
    optimizer = torch.optim.SGD(params, sizes["lr"])
    run, epoch_losses = getattr(torch_cells, cell), []

    def epoch():
        zeros = torch.zeros(sizes["batch_size"], sizes["num_hiddens"])
        state, losses = (zeros, zeros)[:1 + (cell == "lstm")], []
        for x, y in batches:
            inputs = one_hot(torch.from_numpy(x.T).long(), len(params[-1]))
            outputs, state = run(inputs.float(), state, params)
            l = cross_entropy(torch.cat(outputs), torch.from_numpy(y).long())
            optimizer.zero_grad()
            l.backward()
            torch.nn.utils.clip_grad_norm_(params, sizes["clipping_theta"])
            optimizer.step()
            state = tuple(s.detach() for s in state)
            losses.append(l.detach())
        epoch_losses.append(torch.stack(losses).mean().item())

    epoch()
    return epoch_losses, timed(epoch, sizes["epochs"])


ROW = Row(
    "scratch", "an epoch of the book's loop from scratch, with the book's "
    "settings, consecutive sampling and its own functions",
    {"rnn": Case(("d2lrnn", "d2lzh", "d2lzh, all cores", "PyTorch"), GOALS),
     "gru": Case(("d2lrnn", "d2lzh", "PyTorch"), GOALS),
     "lstm": Case(("d2lrnn", "d2lzh", "PyTorch"), GOALS)},
    measure, {**SETTINGS, "epochs": 2}, {**TINY, "epochs": 2}, prepare,
    {"d2lzh, all cores": {"OMP_NUM_THREADS": str(CORES)}})
