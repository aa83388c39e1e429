"""The parts of the book's loops: checks, steps, and the end of an epoch."""
import inspect
import math
import time
from collections.abc import Iterator

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

__all__ = ["check_training", "end_epoch", "grad_clipping", "make_params",
           "print_epoch", "sgd"]


def check_clipping(params, theta, ctx=None):
    """Check the arguments of ``grad_clipping``."""
    # a generator would be used up by the norm
    params = list(params) if isinstance(params, Iterator) else params
    return {"params": params, **check_numbers("theta", theta=theta)}


def check_sgd(params, lr, batch_size):
    """Check the arguments of ``sgd``."""
    return check_numbers(lr=lr, batch_size=batch_size)


@converted(check_clipping)
@explained
def grad_clipping(params, theta, ctx=None):
    """Scale the gradients of ``params`` so that their norm is <= ``theta``.

    Return the L2 norm over all parameters together before clipping: an array
    of shape (1,) on the parameters' context. Nothing is read back from the
    device. With theta None the gradients stay as they are. ``ctx`` is not
    used; the book's signature has it. Source: D2L (Chinese, first edition)
    6.4.5.
    """
    # a dot product has many partial sums: it is fast, and off by 2e-6 on a
    # million numbers, whereas multi_sum_sq and norm are off by 5e-4
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

    The gradient is divided by ``batch_size``, which is 1 if the loss is
    already a mean. Source: D2L (Chinese, first edition) 3.2.6.
    """
    for param in params:
        nd.sgd_update(param, param.grad, lr=lr, rescale_grad=1 / batch_size,
                      out=param)


def check_training(num_epochs, lr, clipping_theta, pred_period, pred_len,
                   prefixes, char_to_idx):
    """Raise ``ValueError`` for arguments that would make training fail."""
    check_numbers("clipping_theta", num_epochs=num_epochs, lr=lr,
                  clipping_theta=clipping_theta, pred_period=pred_period,
                  pred_len=pred_len)
    if not isinstance(prefixes, (list, tuple)):
        raise ValueError(f"prefixes is {shown(prefixes)}: it must be a list "
                         f"of prefixes, which may be empty")
    for prefix in prefixes:
        check_prefix(prefix, pred_len, char_to_idx)


def make_params(get_params, vocab_size, num_hiddens, ctx):
    """Return the parameters that ``get_params`` makes.

    A closure such as the book's is called without arguments, a function such
    as the package's with ``(vocab_size, num_hiddens, ctx)``.

    >>> make_params(lambda scale=0.5: [scale], 10, 4, None)
    [0.5]
    >>> make_params(lambda size, hiddens, ctx=None: [size, hiddens], 10, 4, 0)
    [10, 4]
    """
    check_function("get_params", get_params)
    required = [parameter for parameter
                in inspect.signature(get_params).parameters.values()
                if parameter.default is parameter.empty]
    params = (get_params(vocab_size, num_hiddens, ctx) if required
              else get_params())
    if isinstance(params, (list, tuple)) and any(
            isinstance(param, nd.NDArray) and param.grad is None
            for param in params):
        raise ValueError("get_params returns arrays without gradients: call "
                         "attach_grad on each")
    return params


def end_epoch(history, losses, norms, batch_chars, start, lr, clipping_theta):
    """Append the record of an epoch to the history.

    ``losses`` and ``norms`` hold the mean loss and the gradient norm of each
    batch, and are read from the device only here, once per epoch. A batch has
    ``batch_chars`` characters. ``start`` is the ``time.time()`` at which the
    epoch began. Raise ``FloatingPointError`` if the mean loss is infinite or
    NaN.
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
    """Print the book's lines for an epoch, and add its lyrics to the record.

    ``predict(prefix)`` returns the lyrics that begin with a prefix.
    """
    print("epoch %d, perplexity %f, time %.2f sec" % (
        record["epoch"], record["perplexity"], record["seconds"]))
    record["lyrics"] = [predict(prefix) for prefix in prefixes]
    for lyric in record["lyrics"]:
        print(" -", lyric)
