"""A training step of the char-RNN at the book's settings."""
import math

import numpy as np

from benchmarks import weights
from benchmarks.book import (
    SETTINGS,
    TINY,
    load_batches,
    load_scratch,
    train_scratch,
)
from benchmarks.runner import Case, Goal, Row
from benchmarks.training_sides import char_rnn, prepare_char_rnn

MODEL = {"embed_size": 256, "num_layers": 1, "dropout": 0.0,
         "optimizer": "sgd"}
SIZES = {**SETTINGS, **MODEL, "epochs": 6}
TINY_SIZES = {**TINY, **MODEL, "embed_size": 6, "epochs": 2}


def prepare(case, folder, sizes):
    """Write the model and the mini-batches."""
    import d2lrnn as d2l
    return prepare_char_rnn(folder, d2l.load_data_jay_lyrics(), case, sizes)


def measure(case, side, folder, sizes):
    """Return the losses of an epoch, and the seconds of a step."""
    if side == "d2lzh":
        return measure_scratch(case, folder, sizes)
    return char_rnn(side, folder, sizes)


def measure_scratch(cell, folder, sizes):
    """Train d2lzh's scratch cell, which is the same function at first.

    Its loop has one table of weights for each id, where the char-RNN has an
    embedding and a product; so only the loss before training is compared.
    """
    import d2lzh
    from mxnet import nd
    scratch, batches = load_scratch(), load_batches(folder)
    _, arrays = weights.read(folder / "model.safetensors")
    params = weights.for_scratch(arrays, cell)
    state = getattr(scratch, f"init_{cell}_state")(
        sizes["batch_size"], sizes["num_hiddens"], None)
    x, y = map(nd.array, batches[0])
    outputs, _ = getattr(scratch, cell)(
        d2lzh.to_onehot(x, len(params[-1])), state,
        [nd.array(param) for param in params])
    first = -nd.pick(nd.log_softmax(nd.concat(*outputs, dim=0)), y).mean()
    _, seconds = train_scratch("d2lzh", cell, params,
                               np.load(folder / "ids.npy"),
                               {**sizes, "epochs": math.ceil(
                                   sizes["epochs"] / 3)})
    return [float(first.asscalar())], {"seconds a step": [
        time / len(batches) for time in seconds]}


BESIDE_PYTORCH = Goal("times", 0.95, "PyTorch")
BESIDE_BOTH = Case(("d2lrnn", "PyTorch", "d2lzh"),
                   (BESIDE_PYTORCH, Goal("times", 0.2, "d2lzh")))
ROW = Row(
    "charrnn", "a training step of a `CharRNN` with an embedding, with "
    "clipping and SGD, at the book's settings; d2lzh takes a step of its "
    "loop from scratch, which computes the same from one-hot vectors (its "
    "GRU is another function)",
    {"rnn": BESIDE_BOTH,
     "gru": Case(("d2lrnn", "PyTorch"), (BESIDE_PYTORCH,)),
     "lstm": BESIDE_BOTH},
    measure, SIZES, TINY_SIZES, prepare)
