"""The loss of a model, and its evaluation on a text without training."""
import math
from collections.abc import Sequence
from contextlib import contextmanager
from numbers import Real

import mxnet as mx
import numpy as np
from d2lrnn.basics.checks import (
    check_has_weights,
    check_number,
    check_numbers,
    check_precision,
    shown,
)
from d2lrnn.basics.environment import context_of
from d2lrnn.basics.measures import perplexity
from d2lrnn.data.samplers import check_ids
from d2lrnn.models.lesson_models import check_carries_state
from mxnet import nd

__all__ = ["cross_entropy", "evaluate", "in_rows", "losses_of_rows",
           "mean_loss", "repeatable", "text_record"]

TEMPERATURE = (Real, 0.01, 100, "between 0.01 and 100")


def cross_entropy(output, y):
    """Return the loss of each id in y, in nats."""
    return -nd.pick(nd.log_softmax(output), y)


def mean_loss(output, y):
    """Return the mean loss of the ids in y, in nats."""
    return cross_entropy(output, y).mean()


def check_model(model):
    """Raise ``ValueError`` for anything but a model with float32 weights."""
    if not hasattr(model, "begin_state") or not hasattr(model, "vocab_size"):
        raise ValueError(f"model is {shown(model)}: give a CharRNN, or a "
                         f"model that has vocab_size and begin_state")
    check_carries_state(model)
    check_has_weights(model)
    check_precision(model)


def evaluate(model: mx.gluon.Block, corpus_indices: Sequence[int],
             batch_size: int = 32, num_steps: int = 100,
             temperature: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(losses, targets)`` of a model on a text, in nats.

    Both are arrays of shape (batch_size, (len(corpus_indices) - 1) //
    batch_size): the text is read in batch_size rows, num_steps columns at a
    time, and the state is carried along each row from beginning to end. A
    batch_size above the number of targets is lowered to it. Dropout is off.
    The temperature, between 0.01 and 100, divides the scores: above 1 the
    model is less sure (Guo et al. 2017). Raise ``ValueError`` for a model
    without weights, for ids outside its vocabulary, and for fewer than two
    ids.
    """
    check_model(model)
    batch_size, num_steps = check_numbers(
        batch_size=batch_size, num_steps=num_steps).values()
    temperature = check_number("temperature", temperature, *TEMPERATURE)
    ids = check_ids(corpus_indices, model.vocab_size)
    if len(ids) < 2:
        raise ValueError(f"there is nothing to evaluate in {len(ids)} ids: "
                         f"give 2 or more")
    X, Y = in_rows(ids, batch_size)
    return losses_of_rows(model, X, Y, num_steps, temperature), Y


def in_rows(ids, batch_size):
    """Return ids in rows, and the id after each, in the same shape.

    >>> X, Y = in_rows(np.arange(6), 2)
    >>> X.tolist(), Y.tolist()
    ([[0, 1], [2, 3]], [[1, 2], [3, 4]])
    """
    batch_size = min(batch_size, len(ids) - 1)
    batch_len = (len(ids) - 1) // batch_size
    shape, num_chars = (batch_size, batch_len), batch_size * batch_len
    return ids[:num_chars].reshape(shape), ids[1:num_chars + 1].reshape(shape)


def losses_of_rows(model, X, Y, num_steps, temperature=1.0):
    """Return a model's losses of the ids Y, which follow X, in their shape.

    The state is carried along each row, and the temperature divides the
    scores. Of no rows there are no losses.
    """
    if not len(X):
        return np.zeros(Y.shape, np.float32)
    ctx = context_of(model)
    state, losses = model.begin_state(len(X), ctx=ctx), []
    with repeatable(model):
        for i in range(0, X.shape[1], num_steps):
            output, state = model(nd.array(X[:, i:i + num_steps], ctx), state)
            y = nd.array(Y[:, i:i + num_steps].T.reshape(-1), ctx)
            l = cross_entropy(output / temperature, y)
            losses.append(l.reshape((-1, len(X))).asnumpy())  # step by step
    return np.concatenate(losses).T


@contextmanager
def repeatable(model):
    """Let a model give the same scores each time, to the last bit.

    With static shapes the last bit of a score depends on addresses in memory;
    training is not affected.
    """
    static = dict(getattr(model, "_flags", ())).get("static_shape")
    if static:
        model.hybridize(static_alloc=True, static_shape=False)
    try:
        yield
    finally:
        if static:
            model.hybridize(static_alloc=True, static_shape=True)


def text_record(feed, loss, held_out_losses, targets):
    """Return the record of an epoch on a text: losses in three units.

    ``loss`` is the epoch's mean, in nats; ``held_out_losses`` are those of
    the held-out ids ``targets``, among which ``feed.unk`` marks the unknown.
    """
    is_unk = targets == feed.unk
    held_out_loss = float(held_out_losses.mean(dtype="float64"))
    # bits per character for one nat per token
    per_char, held_out_per_char = (
        len(corpus.corpus_indices) / corpus.num_chars / math.log(2)
        for corpus in (feed.corpus, feed.held_out_corpus or feed.corpus))
    return {
        "characters": sum(feed.units),
        "loss": float(loss), "perplexity": perplexity(loss),
        "bits_per_char": loss * per_char,
        "held_out_loss": held_out_loss,
        "held_out_perplexity": perplexity(held_out_loss),
        "held_out_bits_per_char": held_out_loss * held_out_per_char,
        "held_out_unk": float(is_unk.mean()),
        "held_out_known_loss": None if is_unk.all() else float(
            held_out_losses[~is_unk].mean(dtype="float64"))}
