"""A training step of the Shakespeare lesson: windows in, a character out."""
from itertools import islice

from benchmarks.runner import Case, Goal, Row
from benchmarks.shared import load_batches, save_batches, save_model
from benchmarks.training import measured, ours

ADAM = {"optimizer": "adam", "lr": 1e-3, "clipping_theta": None}


def prepare(case, folder, sizes):
    """Write the model and the first mini-batches of an epoch."""
    import d2lrnn as d2l
    import numpy as np
    from d2lrnn import shakespeare
    poems = shakespeare.load_poems()
    feed = d2l.Windows(poems, 40, 3, sizes["batch_size"], 0.05)
    save_model(folder, d2l.WindowLSTM(poems.vocab_size, sizes["num_hiddens"]))
    save_batches(folder, islice(feed.epoch(np.random.default_rng(1)),
                                sizes["num_batches"]))
    return f"{poems.source}, {len(feed.units)} steps an epoch"


def measure(case, side, folder, sizes):
    """Return the loss without dropout, and the seconds of a step."""
    if side == "d2lrnn":
        from d2lrnn import Windows
        training = ours(folder, Windows.loss, sizes)
    else:
        from benchmarks.peers import torch_models, torch_training
        training = torch_training.training(
            folder, torch_models.window_lstm, torch_training.id_losses, sizes)
    return measured(training, sizes["epochs"], len(load_batches(folder)))


ROW = Row(
    "shakespeare", "a training step of the Shakespeare lesson, with dropout "
    "and Adam",
    {"": Case(("d2lrnn", "PyTorch"), (Goal("times", 1, "PyTorch"),))},
    measure, {**ADAM, "batch_size": 128, "num_hiddens": 128,
              "num_batches": 20, "epochs": 2},
    {**ADAM, "batch_size": 4, "num_hiddens": 8, "num_batches": 2,
     "epochs": 1}, prepare)
