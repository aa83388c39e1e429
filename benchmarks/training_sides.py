"""A training step of a model of d2lrnn's, and of the same in PyTorch.

Both sides train on the mini-batches and from the weights in a folder:
batches.npz or those given, and model.safetensors.
"""
from benchmarks import weights
from benchmarks.book import load_batches, save_batches
from benchmarks.runner import timed


def measure(first, epoch, epochs, num_batches, unit="seconds a step"):
    """Return the check and values of a training.

    ``first`` is the loss before it, ``epoch()`` trains on all mini-batches
    and returns their losses, or [] where dropout makes each side's its own.
    The first of its calls warms up, and is not in the values.
    """
    losses = epoch()
    return [first, *losses], {unit: [
        seconds / num_batches for seconds in timed(epoch, epochs)]}


def ours(folder, batches, loss, optimizer, lr, clipping_theta):
    """Return the loss before training, and a function that trains on all."""
    import d2lrnn as d2l
    from d2lrnn.training import fit as fitting
    from d2lrnn.training.state import TrainingState
    from mxnet import cpu, nd
    model = d2l.load_model(folder / "model.safetensors")
    batch_size = len(batches[0][0])
    x, y = map(nd.array, batches[0])
    first = loss(model(x, model.begin_state(batch_size))[0], y).sum()
    run = TrainingState(model, optimizer, {}, batch_size, cpu())

    def epoch():
        run.begin_epoch()
        for x, y in batches:
            fitting.train_step(run, x, y, loss, clipping_theta, 1, lr)
        nd.waitall()
        if model.config.get("dropout"):
            return []
        return [float(l.sum().asscalar()) for l in run.losses]

    return float(first.asscalar()), epoch


def pytorch(model, batches, loss, optimizer, clipping_theta, dropout):
    """Return the same for PyTorch.

    ``model(x, state)`` returns scores and state, ``optimizer`` is made.
    """
    import torch
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
            if clipping_theta:
                torch.nn.utils.clip_grad_norm_(model.parameters(),
                                               clipping_theta)
            optimizer.step()
            losses.append(l.detach())
        return [] if dropout else torch.stack(losses).tolist()

    return first, epoch


def detached(state):
    """Return a state of PyTorch, none, one array or two, cut off."""
    if state is None:
        return None
    if isinstance(state, tuple):
        return tuple(s.detach() for s in state)
    return state.detach()


def char_rnn(side, folder, sizes):
    """Train a CharRNN on one side, and return its check and values."""
    batches = load_batches(folder)
    if side == "PyTorch":
        trained = char_rnn_pytorch(folder, batches, sizes)
    else:
        from d2lrnn.training.evaluation import mean_loss
        trained = ours(folder, batches, mean_loss, sizes["optimizer"],
                       sizes["lr"], sizes["clipping_theta"])
    return measure(*trained, sizes["epochs"], len(batches))


def char_rnn_pytorch(folder, batches, sizes):
    """Return what ``pytorch`` does, for a CharRNN."""
    import torch

    from benchmarks import torch_models
    torch_models.use_all_cores()
    config, arrays = weights.read(folder / "model.safetensors")
    model = torch_models.char_rnn(config, arrays)
    optimizer = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[
        sizes["optimizer"]](model.parameters(), sizes["lr"])
    return pytorch(model, batches, torch_models.id_losses, optimizer,
                   sizes["clipping_theta"], config["dropout"])


def prepare_char_rnn(folder, corpus, cell, sizes):
    """Write a CharRNN with drawn weights, and mini-batches of a text."""
    from d2lrnn import CharRNN
    weights.draw(folder, CharRNN(
        corpus.vocab_size, sizes["embed_size"], sizes["num_hiddens"],
        sizes["num_layers"], cell, sizes["dropout"]))
    save_batches(folder, corpus, sizes)
    return corpus.source
