"""What the rows of the two LSTM lessons share: mini-batches from a feed."""
from itertools import islice

import numpy as np

from benchmarks import weights
from benchmarks.training_sides import pytorch


def prepare(folder, feed, model, num_batches=None):
    """Write a model with drawn weights, and mini-batches of a feed."""
    weights.draw(folder, model)
    batches = islice(feed.epoch(np.random.default_rng(1)), num_batches)
    np.savez(folder / "batches.npz", **{
        f"{name}{i}": array for i, batch in enumerate(batches)
        for name, array in zip("xy", batch, strict=True)})


def load_batches(folder):
    """Return the mini-batches that ``prepare`` wrote."""
    with np.load(folder / "batches.npz") as file:
        arrays = dict(file)
    return [(arrays[f"x{i}"], arrays[f"y{i}"])
            for i in range(len(arrays) // 2)]


def train_pytorch(model, batches, loss, lr, dropout):
    """Return what ``training_sides.pytorch`` does, for such a model."""
    import torch
    optimizer = torch.optim.Adam(model.parameters(), lr)
    return pytorch(model, batches, loss, optimizer, None, dropout)
