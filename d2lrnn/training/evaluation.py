"""The loss, and what it is on a text that is only read."""
import numpy as np
from d2lrnn.basics.checks import check_numbers, shown
from d2lrnn.basics.environment import context_of
from d2lrnn.data.samplers import check_ids
from mxnet import nd


def cross_entropy(output, y):
    """Return the loss of each of the ids y, in nats."""
    return -nd.pick(nd.log_softmax(output), y)


def mean_loss(output, y):
    """Return the mean cross-entropy of the ids y, in nats."""
    return cross_entropy(output, y).mean()


def check_model(model):
    """Raise ``ValueError`` for what is no model of steps, with weights."""
    if not hasattr(model, "begin_state") or not hasattr(model, "vocab_size"):
        raise ValueError(f"model is {shown(model)}: give a CharRNN, or a "
                         f"model that has vocab_size and begin_state")
    if not hasattr(model, "collect_params"):
        return  # one that somebody wrote by hand
    if any(param._data is None for param in model.collect_params().values()):
        raise ValueError("the model has no weights: call initialize, or fit, "
                         "or load one with load_model")


def evaluate(model, corpus_indices, batch_size=32, num_steps=100):
    """Return ``(losses, targets)`` of a model on a text, in nats.

    Both are arrays of shape (batch_size, text // batch_size): the text is
    read in that many rows, each with its state carried from beginning to end.
    Dropout is off.
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
