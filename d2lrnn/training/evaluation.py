"""The loss of a model, and its evaluation on a text without training."""
import math
from collections.abc import Sequence

import mxnet as mx
import numpy as np
from d2lrnn.basics.checks import check_numbers, shown
from d2lrnn.basics.environment import context_of
from d2lrnn.basics.measures import perplexity
from d2lrnn.data.samplers import check_ids
from mxnet import nd

__all__ = ["cross_entropy", "evaluate", "mean_loss", "text_record"]


def cross_entropy(output, y):
    """Return the loss of each id in y, in nats."""
    return -nd.pick(nd.log_softmax(output), y)


def mean_loss(output, y):
    """Return the mean loss of the ids in y, in nats."""
    return cross_entropy(output, y).mean()


def check_model(model):
    """Raise ``ValueError`` for anything but a model with weights."""
    if not hasattr(model, "begin_state") or not hasattr(model, "vocab_size"):
        raise ValueError(f"model is {shown(model)}: give a CharRNN, or a "
                         f"model that has vocab_size and begin_state")
    if not hasattr(model, "collect_params"):
        return  # a model written by hand
    if any(param._data is None for param in model.collect_params().values()):
        raise ValueError("the model has no weights: call initialize, or fit, "
                         "or load one with load_model")


def evaluate(model: mx.gluon.Block, corpus_indices: Sequence[int],
             batch_size: int = 32, num_steps: int = 100,
             ) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(losses, targets)`` of a model on a text, in nats.

    Both are arrays of shape (batch_size, (len(corpus_indices) - 1) //
    batch_size): the text is read in batch_size rows, num_steps columns at a
    time, and the state is carried along each row from beginning to end. A
    batch_size above the number of targets is lowered to it. Dropout is off.
    Raise ``ValueError`` for a model without weights, for ids outside its
    vocabulary, and for fewer than two ids.
    """
    check_model(model)
    batch_size, num_steps = check_numbers(
        batch_size=batch_size, num_steps=num_steps).values()
    ids = check_ids(corpus_indices, model.vocab_size)
    if len(ids) < 2:
        raise ValueError(f"there is nothing to evaluate in {len(ids)} ids: "
                         f"give 2 or more")
    batch_size = min(batch_size, len(ids) - 1)
    batch_len = (len(ids) - 1) // batch_size
    shape, num_chars = (batch_size, batch_len), batch_size * batch_len
    X, Y = ids[:num_chars].reshape(shape), ids[1:num_chars + 1].reshape(shape)
    ctx = context_of(model)
    state, losses = model.begin_state(batch_size, ctx), []
    for i in range(0, batch_len, num_steps):
        output, state = model(nd.array(X[:, i:i + num_steps], ctx), state)
        y = nd.array(Y[:, i:i + num_steps].T.reshape(-1), ctx)
        l = cross_entropy(output, y)  # (num_steps * batch_size,)
        losses.append(l.reshape((-1, batch_size)).asnumpy())
    return np.concatenate(losses).T, Y


def text_record(feed, loss, held_out_losses, targets):
    """Return the record of an epoch on a text: losses in three units.

    ``loss`` is the epoch's mean, in nats; ``held_out_losses`` are those of
    the held-out ids ``targets``, among which ``feed.unk`` marks the unknown.
    """
    corpus, is_unk = feed.corpus, targets == feed.unk
    chars_per_token = corpus.num_chars / len(corpus.corpus_indices)
    held_out_loss = float(held_out_losses.mean(dtype="float64"))
    per_char = 1 / math.log(2) / chars_per_token  # bits/char for one nat/token
    return {
        "characters": sum(feed.units),
        "loss": float(loss), "perplexity": perplexity(loss),
        "bits_per_char": loss * per_char,
        "held_out_loss": held_out_loss,
        "held_out_perplexity": perplexity(held_out_loss),
        "held_out_bits_per_char": held_out_loss * per_char,
        "held_out_unk": float(is_unk.mean()),
        "held_out_known_loss": None if is_unk.all() else float(
            held_out_losses[~is_unk].mean(dtype="float64"))}
