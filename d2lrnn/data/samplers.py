"""Mini-batches of a corpus: random and consecutive sampling.

Both cut the corpus into examples of num_steps characters, and pair each
example X with Y, which begins one character later.
"""
import inspect
from functools import wraps
from numbers import Integral

import numpy as np
from d2lrnn.basics.checks import check_number, check_numbers, shown
from d2lrnn.basics.environment import as_context
from d2lrnn.data import shuffling as random  # as Python's, but quicker
from mxnet import nd

__all__ = ["check_ids", "data_iter_consecutive", "data_iter_random",
           "ptb_iterator"]


def sizes_checked(largest):
    """Let a sampler check its arguments as soon as it is called.

    The sampler also gets the keyword ``vocab_size``, which bounds the ids; the
    book's sampler does not have it. ``largest(num_ids, batch_size,
    num_steps)`` returns the largest batch_size for these num_steps, and the
    largest num_steps for this batch_size, that still give one mini-batch.
    """
    def decorate(sampler):
        @wraps(sampler)
        def checked_sampler(corpus_indices, batch_size, num_steps, ctx=None,
                            *, vocab_size=None):
            given = check_batch_sizes(corpus_indices, batch_size,
                                      num_steps, largest, vocab_size)
            return sampler(*given, ctx if ctx is None else as_context(ctx))

        # its own signature, with vocab_size, not that of the sampler
        checked_sampler.__signature__ = inspect.signature(
            checked_sampler, follow_wrapped=False)
        return checked_sampler
    return decorate


def check_batch_sizes(corpus_indices, batch_size, num_steps, largest,
                      vocab_size=None):
    """Return the ids, as an integer array, and both sizes.

    Raise ``ValueError`` if there are too few ids for one mini-batch, and say
    which sizes would work; ``largest`` is as in ``sizes_checked``.
    """
    batch_size, num_steps = check_numbers(
        batch_size=batch_size, num_steps=num_steps).values()
    corpus_indices = check_ids(corpus_indices, vocab_size)
    sizes = largest(len(corpus_indices), batch_size, num_steps)
    if batch_size > sizes[0]:
        ways = [f"{name} at most {size}" for name, size in zip(
            ("batch_size", "num_steps"), sizes, strict=True) if size >= 1]
        raise ValueError(
            f"{len(corpus_indices)} ids are too few for one batch of "
            f"batch_size {batch_size} and num_steps {num_steps}: use "
            f"{' or '.join(ways) or 'a longer text'}")
    return corpus_indices, batch_size, num_steps


def check_ids(corpus_indices, vocab_size=None, name="the ids"):
    """Return the corpus as an integer array.

    ``name`` is what the error message calls it.

    Raise ``ValueError`` for anything but one row of integer ids, and, with a
    ``vocab_size``, for ids outside 0 .. vocab_size - 1.
    """
    given = corpus_indices
    try:
        corpus_indices = np.asarray(given)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        corpus_indices = np.asarray(None)  # such as rows of different lengths
    if corpus_indices.dtype.kind in "OUS":
        raise ValueError(f"{name} are {shown(given)}: give one row of "
                         f"integer ids")
    if vocab_size is not None:
        check_number("vocab_size", vocab_size, Integral, 1, 2 ** 31,
                     "a whole number of at least 1")
    if corpus_indices.size == 0:
        corpus_indices = corpus_indices.astype(np.int32)
    if corpus_indices.ndim != 1 or corpus_indices.dtype.kind not in "iu":
        raise ValueError(
            f"{name} have shape {corpus_indices.shape} and type "
            f"{corpus_indices.dtype}: they must be one row of integer ids")
    if vocab_size is not None and corpus_indices.size:
        low, high = corpus_indices.min(), corpus_indices.max()
        if low < 0 or high >= vocab_size:
            raise ValueError(
                f"{name} go from {low} to {high}, outside 0 to "
                f"{vocab_size - 1}: use the vocabulary of this corpus")
    return corpus_indices


def largest_in_rows(num_ids, batch_size, num_steps):
    """Return the largest sizes for a corpus laid out in batch_size rows.

    >>> largest_in_rows(30, batch_size=2, num_steps=6)
    (4, 14)
    """
    return num_ids // (num_steps + 1), num_ids // batch_size - 1


@sizes_checked(lambda num_ids, batch_size, num_steps: (
    (num_ids - 1) // num_steps, (num_ids - 1) // batch_size))
def data_iter_random(corpus_indices, batch_size, num_steps, ctx=None):
    """Iterate over mini-batches of examples in random order.

    Examples that are neighbours in the corpus are in general not neighbours
    in the mini-batches, so each batch needs a new state. The order is
    drawn with Python's ``random``.

    Yield ``(X, Y)``, both of shape (batch_size, num_steps) on ``ctx``. Raise
    ``ValueError`` if the corpus is too short for one batch, or, if
    ``vocab_size`` is given, holds ids outside 0 .. vocab_size - 1. Source:
    D2L (Chinese, first edition) 6.3.

    >>> X, Y = next(data_iter_random(range(5), batch_size=1, num_steps=4))
    >>> X.asnumpy(), Y.asnumpy()
    (array([[0., 1., 2., 3.]], dtype=float32),
     array([[1., 2., 3., 4.]], dtype=float32))
    """
    num_examples = (len(corpus_indices) - 1) // num_steps
    example_indices = list(range(num_examples))
    random.shuffle(example_indices)
    for i in range(num_examples // batch_size):
        chosen = example_indices[i * batch_size:(i + 1) * batch_size]
        starts = np.array(chosen)[:, None] * num_steps
        X = starts + np.arange(num_steps)  # (batch_size, num_steps)
        yield (nd.array(corpus_indices[X], ctx=ctx),
               nd.array(corpus_indices[X + 1], ctx=ctx))


@sizes_checked(largest_in_rows)
def data_iter_consecutive(corpus_indices, batch_size, num_steps, ctx=None):
    """Iterate over mini-batches whose rows continue from batch to batch.

    The corpus is laid out in batch_size rows, and each batch is the next
    num_steps columns: the state at the end of one batch is the right first
    state for the next.

    Yield ``(X, Y)``, both of shape (batch_size, num_steps) on ``ctx``. Raise
    ``ValueError`` as ``data_iter_random`` does. Source: D2L (Chinese, first
    edition) 6.3.

    >>> X, Y = next(data_iter_consecutive(range(6), 2, num_steps=2))
    >>> X.asnumpy(), Y.asnumpy()
    (array([[0., 1.], [3., 4.]], dtype=float32),
     array([[1., 2.], [4., 5.]], dtype=float32))
    """
    batch_len = len(corpus_indices) // batch_size
    indices = corpus_indices[:batch_size * batch_len].reshape(
        batch_size, batch_len)
    for i in range(0, (batch_len - 1) // num_steps * num_steps, num_steps):
        yield (nd.array(indices[:, i:i + num_steps], ctx=ctx),
               nd.array(indices[:, i + 1:i + num_steps + 1], ctx=ctx))


def ptb_iterator(raw_data, batch_size, num_steps):
    """Iterate over the mini-batches of ``data_iter_consecutive`` in NumPy.

    Yield ``(x, y)``, both int32 arrays of shape (batch_size, num_steps), y
    one step later than x: ``(batch_len - 1) // num_steps`` of them, where
    batch_len is ``len(raw_data) // batch_size``. Raise ``ValueError`` if
    raw_data is too short for one batch, or holds ids outside 0 .. 2**31 - 1.
    Source: the PTB reader of TensorFlow's tutorial on recurrent networks.

    >>> x, y = next(ptb_iterator(range(6), 2, num_steps=2))
    >>> x.tolist(), y.tolist()
    ([[0, 1], [3, 4]], [[1, 2], [4, 5]])
    """
    ids, batch_size, num_steps = check_batch_sizes(
        raw_data, batch_size, num_steps, largest_in_rows,
        vocab_size=2**31)  # what int32 can hold
    batch_len = len(ids) // batch_size
    data = ids[:batch_size * batch_len].reshape(batch_size, batch_len)
    epoch_size = (batch_len - 1) // num_steps
    # copies, so that changing one array changes neither the other nor the text
    return ((data[:, i:i + num_steps].astype(np.int32),
             data[:, i + 1:i + num_steps + 1].astype(np.int32))
            for i in range(0, epoch_size * num_steps, num_steps))
