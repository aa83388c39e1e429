"""A training step of the Shakespeare lesson's writer of poems."""
from benchmarks import windows
from benchmarks.runner import Case, Goal, Row
from benchmarks.training_sides import measure as measure_training
from benchmarks.training_sides import ours


def prepare(case, folder, sizes):
    """Write the model and the first mini-batches of an epoch."""
    import d2lrnn as d2l
    from d2lrnn import shakespeare
    poems = shakespeare.load_poems()
    feed = d2l.Windows(poems, 40, 3, sizes["batch_size"], 0.05)
    model = d2l.WindowLSTM(poems.vocab_size, sizes["num_hiddens"])
    windows.prepare(folder, feed, model, sizes["num_batches"])
    return f"{poems.source}, {len(feed.units)} steps an epoch"


def measure(case, side, folder, sizes):
    """Return the loss without dropout, and the seconds of a step."""
    batches = windows.load_batches(folder)
    if side == "d2lrnn":
        from d2lrnn import Windows
        trained = ours(folder, batches, Windows.loss, "adam", 1e-3, None)
    else:
        from benchmarks import torch_models, weights
        torch_models.use_all_cores()
        model = torch_models.window_lstm(
            *weights.read(folder / "model.safetensors"))
        trained = windows.train_pytorch(
            model, batches, torch_models.id_losses, 1e-3, True)
    return measure_training(*trained, sizes["epochs"], len(batches))


ROW = Row(
    "shakespeare", "a training step of the Shakespeare lesson, with dropout "
    "and Adam; an epoch is so many of them",
    {"": Case(("d2lrnn", "PyTorch"), (Goal("times", 1, "PyTorch"),))},
    measure, {"batch_size": 128, "num_hiddens": 128, "num_batches": 20,
              "epochs": 2},
    {"batch_size": 4, "num_hiddens": 8, "num_batches": 2, "epochs": 1},
    prepare)
