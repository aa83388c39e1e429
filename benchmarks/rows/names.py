"""The model of names beside plain code for the same formulas."""
from benchmarks.runner import Case, Goal, Row, timed


def measure(case, side, folder, sizes):
    """Return the losses, and the microseconds of an iteration."""
    from d2lrnn.dinosaur.data import load_names, vocabulary

    from benchmarks import dinosaur
    names, _ = load_names()
    _, char_to_ix = vocabulary(names)
    train = dinosaur.train if side == "d2lrnn" else dinosaur.train_plainly
    iterations, results = sizes["iterations"], []
    seconds = timed(lambda: results.append(
        train(names, char_to_ix, iterations)), sizes["times"])
    return results[0], {"microseconds an iteration": [
        1e6 * time / iterations for time in seconds]}


def prepare(case, folder, sizes):
    """Return where the names are from."""
    from d2lrnn.dinosaur.data import load_names
    return load_names()[1]


ROW = Row(
    "names", "an iteration of the model of names, in NumPy, beside what one "
    "writes first; ours with the names that it samples",
    {"": Case(("d2lrnn", "plain code"), (Goal("speed", 3, "plain code"),))},
    measure, {"iterations": 2000, "times": 3},
    {"iterations": 50, "times": 1}, prepare)
