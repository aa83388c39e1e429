"""The parts of a training step and of an epoch, in the book's words."""
import inspect
import math
import time

from d2lrnn.basics.checks import (
    check_function,
    check_numbers,
    converted,
    explained,
    shown,
)
from d2lrnn.basics.measures import mean_norms, perplexity
from d2lrnn.data.tokens import check_prefix
from mxnet import nd


def check_clipping(params, theta, ctx=None):
    """Check the bound that a norm is brought to."""
    return check_numbers("theta", theta=theta)


def check_sgd(params, lr, batch_size):
    """Check the numbers of a step."""
    return check_numbers(lr=lr, batch_size=batch_size)


@converted(check_clipping)
@explained
def grad_clipping(params, theta, ctx=None):
    """Scale the gradients of ``params`` so that their norm is <= ``theta``.

    The norm is the L2 norm over all parameters together; it is returned as an
    array of shape (1,) on the parameters' context, as it was before clipping.
    Nothing is read back from the device. theta=None only measures. Source:
    D2L (Chinese, first edition) 6.4.5.
    """
    # a dot product adds up in many places at once: fast, and exact to 1e-6,
    # where multi_sum_sq and norm lose three digits on a million numbers
    flat = [param.grad.reshape(-1) for param in params]
    norm = nd.add_n(*(nd.dot(grad, grad) for grad in flat)).sqrt()
    if theta is not None:
        scale = nd.minimum(theta / norm, 1)
        for param in params:
            nd.broadcast_mul(param.grad, scale.reshape((1,) * param.ndim),
                             out=param.grad)
    return norm


@converted(check_sgd)
@explained
def sgd(params, lr, batch_size):
    """Take a step of mini-batch stochastic gradient descent, in place.

    ``batch_size`` divides the gradient; it is 1 where the loss is a mean
    already. Source: D2L (Chinese, first edition) 3.2.6.
    """
    for param in params:
        nd.sgd_update(param, param.grad, lr=lr, rescale_grad=1 / batch_size,
                      out=param)


def check_training(num_epochs, lr, clipping_theta, pred_period, pred_len,
                   prefixes, char_to_idx):
    """Raise ``ValueError`` now for what would fail, or mislead, later."""
    check_numbers("clipping_theta", num_epochs=num_epochs, lr=lr,
                  clipping_theta=clipping_theta, pred_period=pred_period,
                  pred_len=pred_len)
    if not isinstance(prefixes, (list, tuple)):
        raise ValueError(f"prefixes is {shown(prefixes)}: it must be a list "
                         f"of prefixes, which may be empty")
    for prefix in prefixes:
        check_prefix(prefix, pred_len, char_to_idx)


def make_params(get_params, vocab_size, num_hiddens, ctx):
    """Call a closure without arguments, or the package's own function.

    >>> make_params(lambda scale=0.5: [scale], 10, 4, None)
    [0.5]
    >>> make_params(lambda size, hiddens, ctx=None: [size, hiddens], 10, 4, 0)
    [10, 4]
    """
    check_function("get_params", get_params)
    required = [parameter for parameter
                in inspect.signature(get_params).parameters.values()
                if parameter.default is parameter.empty]
    if required:
        return get_params(vocab_size, num_hiddens, ctx)
    return get_params()


def end_epoch(history, losses, norms, batch_chars, start, lr, clipping_theta):
    """Append the record of an epoch to the history.

    ``losses`` and ``norms`` are the mean loss of each of its batches and the
    norm of its gradient, still on their device: they are read here, once an
    epoch. ``start`` is the epoch's ``time.time()``.
    """
    losses = nd.concat(*(l.reshape(1) for l in losses), dim=0).asnumpy()
    mean_loss = float(losses.mean(dtype="float64"))
    epoch = len(history) + 1
    if not math.isfinite(mean_loss):
        remedy = "lower" if clipping_theta else "set"
        raise FloatingPointError(
            f"the loss is {mean_loss} in epoch {epoch} at lr {lr:g} and "
            f"clipping_theta {clipping_theta}: lower lr or {remedy} "
            f"clipping_theta")
    history.append({"epoch": epoch, "perplexity": perplexity(mean_loss),
                    "seconds": time.time() - start,
                    "characters": len(losses) * batch_chars,
                    **mean_norms(norms, clipping_theta)})


def print_epoch(record, predict, prefixes):
    """Print the book's lines for an epoch, and keep its lyrics."""
    print("epoch %d, perplexity %f, time %.2f sec" % (
        record["epoch"], record["perplexity"], record["seconds"]))
    record["lyrics"] = [predict(prefix) for prefix in prefixes]
    for lyric in record["lyrics"]:
        print(" -", lyric)
