"""Measure the progress of training: perplexity and mean gradient norms."""
import math

import numpy as np
from d2lrnn.basics.checks import checked, shown
from mxnet import nd

__all__ = ["mean_norms", "perplexity", "unigram_perplexity"]


def unigram_perplexity(corpus_indices):
    """Return the perplexity of guessing by character frequencies alone.

    This is the perplexity of a model that has learned how often each character
    occurs in the text, and nothing else. That of a uniform guess is
    vocab_size.

    >>> unigram_perplexity([0, 1, 2, 3])
    4.0
    """
    try:
        ids = np.asarray(corpus_indices)
    except ValueError:
        ids = np.asarray(None)  # such as rows of different lengths
    if ids.ndim != 1 or ids.dtype.kind not in "iu" or not len(ids) or (
            ids.min() < 0):
        raise ValueError(f"corpus_indices is {shown(corpus_indices)}: it must "
                         f"be a list of whole numbers of at least 0")
    _, counts = np.unique(ids, return_counts=True)
    p = counts / len(ids)
    return perplexity(-(p * np.log(p)).sum())


def check_loss(loss):
    """Raise ``ValueError`` if a loss is not a number."""
    try:
        if not isinstance(loss, (str, bytes)):
            float(loss)
            return
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"loss is {shown(loss)}: give a number of nats")


@checked(check_loss)
def perplexity(loss):
    """Return exp(loss) for a mean loss in nats; ``inf`` if that overflows.

    >>> perplexity(0.0), perplexity(1e6)
    (1.0, inf)
    """
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf


def mean_norms(norms, clipping_theta):
    """Return a dict of the mean gradient norms, before and after clipping.

    ``norms`` are NDArrays of shape (1,), one per mini-batch.
    """
    norms = nd.concat(*norms, dim=0).asnumpy()
    return {"grad_norm": float(norms.mean()), "clipped_grad_norm": float(
        norms.clip(max=clipping_theta or math.inf).mean())}
