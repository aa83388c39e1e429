"""The model of names beside plain code for the same formulas."""
import contextlib
import io

from benchmarks.runner import Case, Goal, Row, timed


def prepare(case, folder, sizes):
    """Return where the names are from."""
    from d2lrnn import dinosaur
    return dinosaur.load_names()[1]


def measure(case, side, folder, sizes):
    """Return the losses, and the microseconds of an iteration."""
    from d2lrnn import dinosaur

    from benchmarks.peers import names as plain
    names, _ = dinosaur.load_names()
    _, char_to_ix = dinosaur.vocabulary(names)
    train = train_ours if side == "d2lrnn" else plain.train
    iterations, losses = sizes["iterations"], []
    seconds = timed(lambda: losses.append(
        train(names, char_to_ix, iterations)), sizes["times"])
    return losses[0], {"microseconds an iteration": [
        1e6 * time / iterations for time in seconds]}


def train_ours(names, char_to_ix, num_iterations):
    """Train by d2lrnn; return the loss of each iteration."""
    from d2lrnn import dinosaur
    losses = []
    with contextlib.redirect_stdout(io.StringIO()):
        dinosaur.model(names, {i: char for char, i in char_to_ix.items()},
                       char_to_ix, num_iterations,
                       vocab_size=len(char_to_ix), losses=losses)
    return losses


ROW = Row(
    "names", "an iteration of the model of names, in NumPy, beside plain "
    "code for the same formulas; d2lrnn also samples names",
    {"": Case(("d2lrnn", "plain code"), (Goal("speed", 5, "plain code"),))},
    measure, {"iterations": 2000, "times": 3},
    {"iterations": 50, "times": 1}, prepare)
