"""An epoch of the jazz lesson's improviser."""
from functools import partial

from benchmarks.runner import Case, Goal, Row
from benchmarks.shared import save_batches, save_model
from benchmarks.training import measured, ours

LOOP = "PyTorch, a loop over the cell"
ADAM = {"optimizer": "adam", "lr": 0.01, "clipping_theta": None}


def prepare(case, folder, sizes):
    """Write the model and an epoch of mini-batches."""
    import numpy as np
    from d2lrnn import jazz
    music = jazz.load_music_utils()
    save_model(folder, jazz.djmodel(30, 64, music.n_values))
    save_batches(folder, jazz.Phrases(music, 32).epoch(
        np.random.default_rng(1)))
    return music.corpus.source


def measure(case, side, folder, sizes):
    """Return the losses of an epoch, and the seconds of each."""
    if side == "d2lrnn":
        from d2lrnn.jazz import Phrases
        training = ours(folder, Phrases.loss, sizes)
    else:
        from benchmarks.peers import torch_models, torch_training
        training = torch_training.training(
            folder, partial(torch_models.dj_model, loop=side == LOOP),
            torch_training.step_losses, sizes)
    return measured(training, sizes["epochs"], 1, "seconds an epoch")


ROW = Row(
    "jazz", "an epoch of the jazz lesson, with Adam",
    {"": Case(("d2lrnn", "PyTorch", LOOP), (Goal("times", 1, "PyTorch"),))},
    measure, {**ADAM, "epochs": 50}, {**ADAM, "epochs": 2}, prepare)
