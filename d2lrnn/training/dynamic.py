"""Evaluate a model that goes on learning from the text it is measured on."""
import math
from collections.abc import Sequence

import numpy as np
from d2lrnn.basics.checks import check_numbers, shown
from d2lrnn.basics.environment import context_of
from d2lrnn.basics.progress import Bar
from d2lrnn.data.samplers import check_ids
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.checkpoint import named_params
from d2lrnn.training.evaluation import check_model, cross_entropy, in_rows
from mxnet import autograd, init, nd

__all__ = ["evaluate_dynamically", "gradient_scales", "learning_losses",
           "losses_while_learning"]

ROWS = 100  # of the training text, for the size of its gradients


def evaluate_dynamically(model: CharRNN, corpus_indices: Sequence[int],
                         train_indices: Sequence[int], *, lr: float = 1e-4,
                         decay: float = 0.001, num_steps: int = 20,
                         ) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(losses, targets)`` of a model that learns as it reads.

    Both are arrays of shape (1, len(corpus_indices) - 1), the losses in nats.
    The text is read in one row, ``num_steps`` ids at a time: each time the
    model first gives its losses, then takes a step on them, so no loss is of
    an id that the model has learned from. The model itself stays as it is: a
    copy learns, without dropout.

    The scale of a weight is the root of its gradient's mean square on
    ``train_indices``, the text on which the model was trained; m is the mean
    scale. A step goes against the gradient, by lr / (scale + m / 2) for each
    unit of it, and back towards the trained weight, by the share decay * scale
    / m of the way, at most all of it. Source: Krause et al. 2018, who have a
    constant where m / 2 stands here.

    Raise ``ValueError`` for anything but a ``CharRNN`` with weights, for ids
    outside its vocabulary, and for fewer than two ids, and
    ``FloatingPointError`` for gradients or a loss that are infinite or NaN.
    """
    if type(model) is not CharRNN:  # the copy would not be of a subclass
        raise ValueError(f"model is {shown(model)}: give a CharRNN")
    check_model(model)
    lr, decay, num_steps = check_numbers(
        lr=lr, decay=decay, num_steps=num_steps).values()
    ids, train_ids = (
        at_least_two(name, some, model.vocab_size) for name, some in (
            ("corpus_indices", corpus_indices),
            ("train_indices", train_indices)))
    scales = gradient_scales(model, train_ids, num_steps)
    X, Y = in_rows(ids, 1)
    return losses_while_learning(model, scales, X, Y, lr, decay,
                                 num_steps), Y


def at_least_two(name, ids, vocab_size):
    """Return ids as an array, after checking them and their number."""
    ids = check_ids(ids, vocab_size, f"the ids of {name}")
    if len(ids) < 2:
        raise ValueError(f"{name} has {len(ids)} ids: give 2 or more")
    return ids


def losses_while_learning(model, scales, X, Y, lr, decay, num_steps):
    """Return the losses of the ids Y, which follow X, in their one row.

    A copy of the model learns, by steps of the sizes that ``gradient_scales``
    found.
    """
    model = copy_of(model)
    params = [p.data() for p in named_params(model).values()]
    trained = [param.copy() for param in params]
    rates, shares = step_sizes(scales, lr, decay)
    state, losses = model.begin_state(1, ctx=context_of(model)), []
    with Bar(-(-X.shape[1] // num_steps), "segments") as bar:
        for l in learning_losses(model, state, X, Y, num_steps):
            losses.append(l.asnumpy())
            check_finite(losses[-1], lr)
            for param, rate, share, start in zip(
                    params, rates, shares, trained, strict=True):
                param += share * (start - param) - rate * param.grad
            bar.advance(f"{losses[-1].mean():.3f} nats")
    return np.concatenate(losses)[None]


def step_sizes(scales, lr, decay):
    """Return each parameter's rates, and its shares of the way back."""
    mean = (sum(float(scale.sum().asscalar()) for scale in scales)
            / sum(scale.size for scale in scales))
    if not math.isfinite(mean):
        raise FloatingPointError(
            f"the gradients on the training text are {mean} on average: train "
            f"the model again, with a lower lr")
    mean = mean or 1.0  # without gradients, the size of a step is the same
    return ([lr / (scale + mean / 2) for scale in scales],
            [nd.minimum(decay / mean * scale, 1) for scale in scales])


def check_finite(losses, lr):
    """Raise ``FloatingPointError`` for losses that are infinite or NaN."""
    if not np.isfinite(losses).all():
        raise FloatingPointError(
            f"the loss is {losses.sum()} while the model learns at lr {lr:g}: "
            f"lower lr or decay")


def copy_of(model):
    """Return a copy of a ``CharRNN``, without dropout."""
    ctx = context_of(model)
    other = CharRNN(**{**model.config, "dropout": 0.0, "weight_drop": 0.0})
    for param, own in zip(named_params(other).values(),
                          named_params(model).values(), strict=True):
        param.initialize(init.Zero(), ctx)  # draws nothing
        param.set_data(own.data())
    other.hybridize(static_alloc=True, static_shape=True)
    return other


def learning_losses(model, state, X, Y, num_steps):
    """Yield a model's losses of the ids Y, which follow X, with gradients.

    ``X`` and ``Y`` have shape (batch_size, any), and are read ``num_steps``
    columns at a time. Each array of losses has the length num_steps *
    batch_size, one step after another; the gradients of the parameters are
    those of its mean.
    """
    ctx = state[0].context
    for i in range(0, X.shape[1], num_steps):
        x, y = (nd.array(ids[:, i:i + num_steps], ctx) for ids in (X, Y))
        state = [s.detach() for s in state]
        with autograd.record():
            output, state = model(x, state)
            l = cross_entropy(output, y.T.reshape(-1))
            mean = l.mean()
        mean.backward()
        yield l


def gradient_scales(model, ids, num_steps):
    """Return the root mean square of each parameter's gradient on a text."""
    model = copy_of(model)
    params = [p.data() for p in named_params(model).values()]
    squares, count = [nd.zeros_like(param) for param in params], 0
    X, Y = in_rows(ids, ROWS)
    state = model.begin_state(len(X), ctx=context_of(model))
    for _ in learning_losses(model, state, X, Y, num_steps):
        for square, param in zip(squares, params, strict=True):
            square += nd.square(param.grad)
        count += 1
    return [(square / count).sqrt() for square in squares]
