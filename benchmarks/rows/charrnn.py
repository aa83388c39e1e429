"""A training step of the char-RNN at the book's settings."""
import math
import tempfile
from pathlib import Path

from benchmarks.peers import weights
from benchmarks.peers.book import SETTINGS, TINY, load_cells, train_scratch
from benchmarks.runner import COMPILED, Case, Goal, Row
from benchmarks.shared import (
    load_batches,
    load_ids,
    load_weights,
    save_model,
    save_text,
)
from benchmarks.training import measured, ours

LSTM = "d2lrnn, its lstm"
MODEL = {"embed_size": 256, "num_layers": 1, "dropout": 0.0}
SIZES = {**SETTINGS, **MODEL, "epochs": 6}
TINY_SIZES = {**TINY, **MODEL, "embed_size": 6, "epochs": 2}


def prepare(case, folder, sizes):
    """Write the model and the mini-batches."""
    import d2lrnn as d2l
    return prepare_with(d2l.load_data_jay_lyrics(), case, folder, sizes)


def prepare_small(case, folder, sizes):
    """Write the model and mini-batches of a text of 65 characters."""
    import d2lrnn as d2l
    return prepare_with(d2l.load_corpus("tinyshakespeare"), case, folder,
                        sizes)


def prepare_with(corpus, cell, folder, sizes):
    """Write a CharRNN with drawn weights, and mini-batches of a text."""
    from d2lrnn import CharRNN
    save_model(folder, CharRNN(
        corpus.vocab_size, sizes["embed_size"], sizes["num_hiddens"],
        sizes["num_layers"], cell, sizes["dropout"]))
    save_text(folder, corpus, sizes)
    return corpus.source


def measure(case, side, folder, sizes):
    """Return the losses of an epoch, and the seconds of a step.

    Where there is dropout, only the loss before training is returned.
    """
    if side == LSTM:
        with tempfile.TemporaryDirectory() as own:
            prepare("lstm", Path(own), sizes)
            _, values = measure("lstm", "d2lrnn", Path(own), sizes)
        return None, values
    if side == "d2lzh":
        return measure_scratch(case, folder, sizes)
    return measured(training(side, folder, sizes), sizes["epochs"],
                    len(load_batches(folder)))


def training(side, folder, sizes):
    """Return the training of a CharRNN on d2lrnn's side or PyTorch's."""
    if side in ("PyTorch", COMPILED):
        from benchmarks.peers import torch_models, torch_training
        make = (torch_models.char_rnn if side == "PyTorch"
                else torch_models.compiled_char_rnn)
        return torch_training.training(folder, make, torch_training.id_losses,
                                       sizes)
    from d2lrnn import Rows
    return ours(folder, Rows.loss, sizes)


def measure_scratch(cell, folder, sizes):
    """Train d2lzh's scratch cell, which is the same function at first.

    Its loop has one table of weights for each id, where the char-RNN has an
    embedding and a product; so only the loss before training is compared.
    """
    import d2lzh
    from mxnet import nd
    cells, batches = load_cells(), load_batches(folder)
    _, arrays = load_weights(folder)
    params = weights.for_scratch(arrays, cell)
    state = getattr(cells, f"init_{cell}_state")(
        sizes["batch_size"], sizes["num_hiddens"], None)
    x, y = map(nd.array, batches[0])
    outputs, _ = getattr(cells, cell)(
        d2lzh.to_onehot(x, len(params[-1])), state,
        [nd.array(param) for param in params])
    first = -nd.pick(nd.log_softmax(nd.concat(*outputs, dim=0)), y).mean()
    _, seconds = train_scratch("d2lzh", cell, params, load_ids(folder),
                               {**sizes, "epochs": math.ceil(
                                   sizes["epochs"] / 3)})
    return [float(first.asscalar())], {"seconds a step": [
        time / len(batches) for time in seconds]}


def beside_both(bound):
    """Return the case of a cell that d2lzh has too."""
    return Case(("d2lrnn", "PyTorch", "d2lzh"), (
        Goal("times", bound, "PyTorch"), Goal("times", 0.2, "d2lzh")))


ROW = Row(
    "charrnn", "a training step of a `CharRNN` with an embedding, with "
    "clipping and SGD, at the book's settings; d2lzh takes a step of its "
    "loop from scratch, which computes the same from one-hot vectors (its "
    "GRU is another function); PyTorch has no ln_lstm, so its side is a loop "
    "over the steps, also compiled",
    {"rnn": beside_both(0.85),
     "gru": Case(("d2lrnn", "PyTorch"), (Goal("times", 0.85, "PyTorch"),)),
     "lstm": beside_both(0.95),
     "ln_lstm": Case(("d2lrnn", "PyTorch", COMPILED, LSTM), (
         Goal("times", 0.8, COMPILED), Goal("times", 2, LSTM)))},
    measure, SIZES, TINY_SIZES, prepare)
