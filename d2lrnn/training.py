"""Train a language model by the book: clip, descend, report perplexity."""
import inspect
import math
import time

from d2lrnn.basics.checks import (
    check_flag,
    check_function,
    check_numbering,
    check_numbers,
    check_parts,
    checked,
    converted,
    explained,
    shown,
)
from d2lrnn.compiled import Traced
from d2lrnn.generation import check_prefix, predict_rnn, predict_rnn_gluon
from d2lrnn.progress import Epochs
from d2lrnn.runtime import as_context
from d2lrnn.samplers import data_iter_consecutive, data_iter_random
from d2lrnn.scratch import to_onehot
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import loss as gloss


def check_loop(num_hiddens, vocab_size, ctx, idx_to_char, char_to_idx,
               num_steps, batch_size, **others):
    """Check what a loop is given besides ``check_training``'s arguments."""
    numbers = check_numbers(num_hiddens=num_hiddens, vocab_size=vocab_size,
                            num_steps=num_steps, batch_size=batch_size)
    check_parts(others)
    flags = {name: check_flag(name, others[name]) for name in (
        "is_random_iter", "compiled", "rewrite") if name in others}
    # who wants no lyrics may do without a vocabulary
    if any(not isinstance(given, list) or given
           for given in (others["prefixes"], idx_to_char)):
        check_numbering(idx_to_char, char_to_idx, vocab_size)
    return {**numbers, **flags,
            "ctx": ctx if ctx is None else as_context(ctx)}


def check_loss(loss):
    """Raise ``ValueError`` for what is no number."""
    try:
        if not isinstance(loss, (str, bytes)):
            float(loss)
            return
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"loss is {shown(loss)}: give a number of nats")


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


@checked(check_loss)
def perplexity(loss):
    """Return e to the mean loss in nats; ``inf`` where that is too large.

    >>> perplexity(0.0), perplexity(1e6)
    (1.0, inf)
    """
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


@converted(check_loop)
def train_and_predict_rnn(rnn, get_params, init_rnn_state, num_hiddens,
                          vocab_size, ctx, corpus_indices, idx_to_char,
                          char_to_idx, is_random_iter, num_epochs, num_steps,
                          lr, clipping_theta, batch_size, pred_period,
                          pred_len, prefixes, *, compiled=True, rewrite=True):
    """Train a model from scratch, and print lyrics as it learns.

    Every ``pred_period`` epochs the perplexity on the training text, the
    seconds of that epoch, and ``pred_len`` characters after each prefix are
    printed. ``get_params`` is called without arguments, or, if it has
    parameters, with ``(vocab_size, num_hiddens, ctx)``. The step is run as a
    graph, rewritten by algebra and compiled, where that gives the same results
    but for rounding; ``rewrite=False`` compiles it as it is written, to the
    same last bit, and ``compiled=False`` keeps the step imperative. With a
    vocabulary of words ``pred_len`` counts words.

    Return the history: for every epoch a dict of epoch, perplexity, seconds,
    characters, and lyrics where some were printed. Raise ``ValueError`` for
    unusable arguments and ``FloatingPointError`` if the loss stops being a
    number. Source: D2L (Chinese, first edition) 6.4.7.
    """
    check_training(num_epochs, lr, clipping_theta, pred_period, pred_len,
                   prefixes, char_to_idx)
    data_iter = data_iter_random if is_random_iter else data_iter_consecutive
    params = make_params(get_params, vocab_size, num_hiddens, ctx)
    loss = gloss.SoftmaxCrossEntropyLoss()

    def step(X, Y, *state):
        outputs, state = rnn(to_onehot(X, vocab_size), state, params)
        outputs = nd.concat(*outputs, dim=0)  # (num_steps*batch_size, vocab)
        y = Y.T.reshape((-1,))  # (num_steps * batch_size,)
        return [loss(outputs, y).mean(), *state]

    def predict(prefix):
        return predict_rnn(prefix, pred_len, rnn, params, init_rnn_state,
                           num_hiddens, vocab_size, ctx, idx_to_char,
                           char_to_idx)

    if compiled:
        step = Traced(step, params, rewrite=rewrite)
    history, epochs = [], Epochs(num_epochs)
    for epoch in epochs:
        losses, norms, start = [], [], time.time()
        state = init_rnn_state(batch_size, num_hiddens, ctx)
        for X, Y in data_iter(corpus_indices, batch_size, num_steps, ctx,
                              vocab_size=vocab_size):
            if is_random_iter:  # neighbouring batches are not neighbours
                state = init_rnn_state(batch_size, num_hiddens, ctx)
            # the gradient stops here: only num_steps back in time
            state = tuple(s.detach() for s in state)
            with autograd.record():
                l, *state = step(X, Y, *state)
            l.backward()
            norms.append(grad_clipping(params, clipping_theta, ctx))
            sgd(params, lr, 1)  # the loss is a mean already
            losses.append(l)
        end_epoch(history, losses, norms, X.size, start, lr, clipping_theta)
        epochs.note(f"perplexity {history[-1]['perplexity']:.3f}")
        if (epoch + 1) % pred_period == 0:
            print_epoch(history[-1], predict, prefixes)
    return history


@converted(check_loop)
def train_and_predict_rnn_gluon(model, num_hiddens, vocab_size, ctx,
                                corpus_indices, idx_to_char, char_to_idx,
                                num_epochs, num_steps, lr, clipping_theta,
                                batch_size, pred_period, pred_len, prefixes):
    """Train a Gluon model with consecutive sampling, and print lyrics.

    ``model(X, state)`` returns scores of shape (num_steps * batch_size,
    vocab_size) and the new state, and is initialised anew. Prints, returns
    and raises as ``train_and_predict_rnn`` does. Source: D2L (Chinese, first
    edition) 6.5.2.
    """
    check_training(num_epochs, lr, clipping_theta, pred_period, pred_len,
                   prefixes, char_to_idx)
    loss = gloss.SoftmaxCrossEntropyLoss()
    model.initialize(ctx=ctx, force_reinit=True, init=init.Normal(0.01))
    trainer = gluon.Trainer(model.collect_params(), "sgd",
                            {"learning_rate": lr, "momentum": 0, "wd": 0})

    def predict(prefix):
        return predict_rnn_gluon(prefix, pred_len, model, vocab_size, ctx,
                                 idx_to_char, char_to_idx)

    history, epochs = [], Epochs(num_epochs)
    for epoch in epochs:
        losses, norms, start = [], [], time.time()
        state = model.begin_state(batch_size=batch_size, ctx=ctx)
        for X, Y in data_iter_consecutive(corpus_indices, batch_size,
                                          num_steps, ctx,
                                          vocab_size=vocab_size):
            # the gradient stops here: only num_steps back in time
            state = [s.detach() for s in state]
            with autograd.record():
                output, state = model(X, state)
                y = Y.T.reshape((-1,))  # (num_steps * batch_size,)
                l = loss(output, y).mean()
            l.backward()
            params = [p.data() for p in model.collect_params().values()]
            norms.append(grad_clipping(params, clipping_theta, ctx))
            trainer.step(1)  # the loss is a mean already
            losses.append(l)
        end_epoch(history, losses, norms, X.size, start, lr, clipping_theta)
        epochs.note(f"perplexity {history[-1]['perplexity']:.3f}")
        if (epoch + 1) % pred_period == 0:
            print_epoch(history[-1], predict, prefixes)
    return history


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


def mean_norms(norms, clipping_theta):
    """Return the means of gradient norms, before and after clipping."""
    norms = nd.concat(*norms, dim=0).asnumpy()
    return {"grad_norm": float(norms.mean()), "clipped_grad_norm": float(
        norms.clip(max=clipping_theta or math.inf).mean())}


def print_epoch(record, predict, prefixes):
    """Print the book's lines for an epoch, and keep its lyrics."""
    print("epoch %d, perplexity %f, time %.2f sec" % (
        record["epoch"], record["perplexity"], record["seconds"]))
    record["lyrics"] = [predict(prefix) for prefix in prefixes]
    for lyric in record["lyrics"]:
        print(" -", lyric)
