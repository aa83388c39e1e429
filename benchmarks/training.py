"""Train a model on the mini-batches, and from the weights, that sides share.

A training is ``(first, epoch)``: the loss before it, and a function that
trains on each mini-batch once and returns the losses, or [] where dropout
gives each side losses of its own. ``sizes`` names its optimizer (sgd or
adam), its lr and its clipping_theta (None: gradients are not clipped).
PyTorch's side is in ``peers.torch_training``.
"""
from benchmarks.runner import timed
from benchmarks.shared import load_batches


def ours(folder, loss, sizes, **settings):
    """Return the training of the model of d2lrnn's in a folder.

    ``settings`` replace those with which the model was made.
    """
    import d2lrnn as d2l
    from d2lrnn.training.fit import train_step
    from d2lrnn.training.state import TrainingState
    from mxnet import cpu, nd
    model = d2l.load_model(folder / "model.safetensors")
    if settings:
        model = with_settings(model, settings)
    batches = load_batches(folder)
    batch_size = len(batches[0][0])
    x, y = map(nd.array, batches[0])
    first = loss(model(x, model.begin_state(batch_size))[0], y).sum()
    run = TrainingState(model, sizes["optimizer"], {}, batch_size, cpu())

    def epoch():
        run.begin_epoch()
        for x, y in batches:
            train_step(run, x, y, loss, sizes["clipping_theta"], 1,
                       sizes["lr"])
        nd.waitall()
        if model.config.get("dropout"):
            return []
        return [float(l.sum().asscalar()) for l in run.losses]

    return float(first.asscalar()), epoch


def with_settings(model, settings):
    """Return a model with other settings and the same weights."""
    other = type(model)(**{**model.config, **settings})
    other.initialize()
    params = model.collect_params().values()
    for theirs, ours in zip(other.collect_params().values(), params,
                            strict=True):
        theirs.set_data(ours.data())
    return other


def measured(training, epochs, parts, unit="seconds a step"):
    """Return the check and values of a training.

    An epoch has so many parts, of which the values are the seconds. The first
    epoch is a warm-up: it is checked, and not among the values.
    """
    first, epoch = training
    losses = epoch()
    return [first, *losses], {unit: [
        seconds / parts for seconds in timed(epoch, epochs)]}
