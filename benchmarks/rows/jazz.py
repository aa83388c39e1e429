"""An epoch of the jazz lesson's improviser."""
from benchmarks import windows
from benchmarks.runner import Case, Goal, Row
from benchmarks.training_sides import measure as measure_training
from benchmarks.training_sides import ours

LOOP = "PyTorch, a loop over the cell"


def prepare(case, folder, sizes):
    """Write the model and an epoch of mini-batches."""
    from d2lrnn import jazz
    music = jazz.load_music_utils()
    model = jazz.djmodel(30, 64, music.n_values)
    windows.prepare(folder, jazz.Phrases(music, 32), model)
    return music.corpus.source


def measure(case, side, folder, sizes):
    """Return the losses of an epoch, and the seconds of each."""
    batches = windows.load_batches(folder)
    if side == "d2lrnn":
        from d2lrnn.jazz import Phrases
        trained = ours(folder, batches, Phrases.loss, "adam", 0.01, None)
    else:
        trained = train_pytorch(folder, batches, side == LOOP)
    return measure_training(*trained, sizes["epochs"], 1, "seconds an epoch")


def train_pytorch(folder, batches, loop):
    """Return what ``training_sides.pytorch`` does."""
    from benchmarks import torch_models, weights
    torch_models.use_all_cores()
    config, arrays = weights.read(folder / "model.safetensors")
    model = torch_models.dj_model(config, arrays, loop)
    return windows.train_pytorch(model, batches, torch_models.step_losses,
                                 0.01, False)


ROW = Row(
    "jazz", "an epoch of the jazz lesson, with Adam",
    {"": Case(("d2lrnn", "PyTorch", LOOP), (Goal("times", 1, "PyTorch"),))},
    measure, {"epochs": 50}, {"epochs": 2}, prepare)
