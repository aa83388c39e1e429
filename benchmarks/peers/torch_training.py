"""Train a model in PyTorch, as ``benchmarks.training`` says."""
import torch
from torch.nn.functional import cross_entropy

from benchmarks import runner
from benchmarks.shared import load_batches, load_weights

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


def use_all_cores():
    """Let PyTorch use all cores, and seed it."""
    torch.set_num_threads(runner.CORES)
    torch.manual_seed(1)


def training(folder, make_model, loss, sizes):
    """Return the training of ``make_model(config, arrays)`` in a folder."""
    use_all_cores()
    config, arrays = load_weights(folder)
    return train(make_model(config, arrays), load_batches(folder), loss,
                 sizes, config.get("dropout"))


def train(model, batches, loss, sizes, dropout=0):
    """Return the training of a model: ``model(x, state)`` is scores, state."""
    optimizer = OPTIMIZERS[sizes["optimizer"]](model.parameters(),
                                               sizes["lr"])
    batches = [tuple(map(torch.from_numpy, batch)) for batch in batches]
    model.eval()
    with torch.no_grad():
        first = loss(model(batches[0][0], None)[0], batches[0][1]).item()
    model.train()

    def epoch():
        state, losses = None, []
        for x, y in batches:
            output, state = model(x, detached(state))
            l = loss(output, y)
            optimizer.zero_grad()
            l.backward()
            if sizes["clipping_theta"]:
                torch.nn.utils.clip_grad_norm_(model.parameters(),
                                               sizes["clipping_theta"])
            optimizer.step()
            losses.append(l.detach())
        return [] if dropout else torch.stack(losses).tolist()

    return first, epoch


def detached(state):
    """Return a state of PyTorch's cut off: none, one array or a tuple."""
    if state is None:
        return None
    if isinstance(state, tuple):
        return tuple(s.detach() for s in state)
    return state.detach()


def id_losses(output, y):
    """Return the mean cross-entropy of the ids y."""
    return cross_entropy(output, y.long())


def step_losses(output, y):
    """Return the sum over the steps of the mean cross-entropy.

    ``output`` has shape (Tx, m, n_values), y (Tx, m); an id of -1 has no
    loss.
    """
    losses = cross_entropy(output.flatten(0, 1), y.flatten(),
                           ignore_index=-1, reduction="sum")
    return losses / (y[0] >= 0).sum()
