"""Numbers that say how well a training goes: perplexity, mean norms."""
import math

import numpy as np
from d2lrnn.basics.checks import (
    checked,
    shown,
)
from mxnet import nd

__all__ = ["mean_norms", "perplexity", "unigram_perplexity"]


def unigram_perplexity(corpus_indices):
    """Return the perplexity of guessing by the frequencies of characters.

    A model that knows how often each character occurs in this text, and
    nothing else, does as well as this; a uniform guess has the perplexity
    vocab_size.

    >>> unigram_perplexity([0, 1, 2, 3])
    4.0
    """
    ids = np.asarray(corpus_indices)
    if ids.ndim != 1 or ids.dtype.kind not in "iu" or not len(ids) or (
            ids.min() < 0):
        raise ValueError(f"corpus_indices is {shown(corpus_indices)}: it must "
                         f"be a list of whole numbers of at least 0")
    p = np.bincount(ids) / len(ids)
    p = p[p > 0]
    return perplexity(-(p * np.log(p)).sum())


def check_loss(loss):
    """Raise ``ValueError`` for what is no number."""
    try:
        if not isinstance(loss, (str, bytes)):
            float(loss)
            return
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"loss is {shown(loss)}: give a number of nats")


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


def mean_norms(norms, clipping_theta):
    """Return the means of gradient norms, before and after clipping."""
    norms = nd.concat(*norms, dim=0).asnumpy()
    return {"grad_norm": float(norms.mean()), "clipped_grad_norm": float(
        norms.clip(max=clipping_theta or math.inf).mean())}
