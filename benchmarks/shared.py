"""What all sides of a case share, in a folder: text, mini-batches, weights.

The functions that save run before all sides, with d2lrnn; those that load run
in the process of a side, and leave it free of d2lrnn and its threads.
"""
import json

import numpy as np


def save_text(folder, corpus, sizes):
    """Write the ids of a text, and an epoch of consecutive mini-batches.

    x has shape (batch_size, num_steps), y has shape (num_steps *
    batch_size,), in the order of a model's scores.
    """
    from d2lrnn import ptb_iterator
    ids = corpus.corpus_indices[:sizes["num_chars"]]
    np.save(folder / "ids.npy", ids)
    save_batches(folder, ((x, y.T.reshape(-1)) for x, y in ptb_iterator(
        ids, sizes["batch_size"], sizes["num_steps"])))


def load_ids(folder):
    """Return the ids that ``save_text`` wrote."""
    return np.load(folder / "ids.npy")


def save_batches(folder, batches):
    """Write mini-batches ``(x, y)``, of which the last may be smaller."""
    np.savez(folder / "batches.npz", **{
        f"{name}{i}": array for i, batch in enumerate(batches)
        for name, array in zip("xy", batch, strict=True)})


def load_batches(folder):
    """Return the mini-batches that ``save_batches`` wrote."""
    with np.load(folder / "batches.npz") as file:
        return [(file[f"x{i}"], file[f"y{i}"])
                for i in range(len(file.files) // 2)]


def save_model(folder, model, magnitude=3):
    """Draw the weights of a model of d2lrnn's, and write its checkpoint."""
    import d2lrnn as d2l
    from mxnet import init
    d2l.seed(1)
    model.initialize(init.Xavier(magnitude=magnitude))
    d2l.save_model(folder / "model.safetensors", model)


def load_weights(folder):
    """Return ``(config, arrays)`` of the checkpoint in a folder."""
    from safetensors import safe_open
    with safe_open(folder / "model.safetensors", "numpy") as file:
        config = json.loads(file.metadata()["content"])["model"]
        return config, {name.removeprefix("model."): file.get_tensor(name)
                        for name in file.keys()}
