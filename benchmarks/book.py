"""The book's loops, timed by the lines that they print.

Nothing here imports d2lrnn before it is measured, for it would set the
threads of its peers.
"""
import contextlib
import importlib.util
import io
import math
import re
import time
from pathlib import Path

import numpy as np

SETTINGS = {"num_hiddens": 256, "batch_size": 32, "num_steps": 35, "lr": 1e2,
            "clipping_theta": 1e-2, "num_chars": 10_000}
TINY = {**SETTINGS, "num_hiddens": 8, "batch_size": 2, "num_steps": 5,
        "num_chars": 60}


def load_scratch():
    """Return ``models/scratch.py`` without the package around it."""
    path = Path(__file__).parents[1] / "d2lrnn" / "models" / "scratch.py"
    spec = importlib.util.spec_from_file_location("scratch", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def save_batches(folder, corpus, sizes):
    """Write the ids of a text, and an epoch of consecutive mini-batches.

    ids.npy and batches.npz, x of shape (batches, batch_size, num_steps), y of
    shape (batches, num_steps * batch_size).
    """
    from d2lrnn import ptb_iterator
    ids = corpus.corpus_indices[:sizes["num_chars"]]
    x, y = zip(*ptb_iterator(ids, sizes["batch_size"], sizes["num_steps"]),
               strict=True)
    np.save(folder / "ids.npy", ids)
    np.savez(folder / "batches.npz", x=np.stack(x), y=np.stack(
        [batch.T.reshape(-1) for batch in y]))


def load_batches(folder):
    """Return the mini-batches ``(x, y)`` that ``save_batches`` wrote."""
    with np.load(folder / "batches.npz") as file:
        return list(zip(file["x"], file["y"], strict=True))


class Stopwatch(io.StringIO):
    """What the book's loops print, as losses, and when they print it."""

    def __init__(self):
        super().__init__()
        self.losses, self.times = [], []

    def write(self, text):
        """Note the time and the loss of the line of an epoch."""
        if found := re.match(r"epoch \d+, perplexity (\S+), time", text):
            self.times.append(time.perf_counter())
            self.losses.append(math.log(float(found[1])))
        return len(text)

    def result(self):
        """Return the losses, and the seconds of all epochs but the first."""
        return self.losses, np.diff(self.times).tolist()


def train_scratch(module_name, cell, weights, ids, sizes):
    """Train with a package's loop from scratch, as ``Stopwatch.result``."""
    module = __import__(module_name)  # before mxnet: it sets the threads
    from mxnet import cpu, nd
    scratch = load_scratch()

    def get_params():
        params = [nd.array(weight) for weight in weights]
        for param in params:
            param.attach_grad()
        return params

    with contextlib.redirect_stdout(Stopwatch()) as watch:
        module.train_and_predict_rnn(
            getattr(scratch, cell), get_params,
            getattr(scratch, f"init_{cell}_state"), sizes["num_hiddens"],
            len(weights[-1]), cpu(), ids.tolist(), [], {}, False,
            sizes["epochs"] + 1, sizes["num_steps"], sizes["lr"],
            sizes["clipping_theta"], sizes["batch_size"], 1, 0, [])
    return watch.result()


def train_gluon(module_name, layer, vocab_size, ids, sizes):
    """Train with a package's loop for Gluon, as ``Stopwatch.result``.

    ``layer`` is RNN, GRU or LSTM; the weights are drawn by the loop, from
    seed 1.
    """
    module = __import__(module_name)  # before mxnet: it sets the threads
    from mxnet import cpu, gluon, random
    random.seed(1)
    model = module.RNNModel(
        getattr(gluon.rnn, layer)(sizes["num_hiddens"]), vocab_size)
    with contextlib.redirect_stdout(Stopwatch()) as watch:
        module.train_and_predict_rnn_gluon(
            model, sizes["num_hiddens"], vocab_size, cpu(), ids.tolist(), [],
            {}, sizes["epochs"] + 1, sizes["num_steps"], sizes["lr"],
            sizes["clipping_theta"], sizes["batch_size"], 1, 0, [])
    return watch.result()
