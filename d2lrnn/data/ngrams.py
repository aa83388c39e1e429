"""N-grams: what follows each run of characters, counted and smoothed."""
from numbers import Integral

import numpy as np
from d2lrnn.basics.checks import check_flag, check_number, converted
from d2lrnn.basics.measures import perplexity
from d2lrnn.data.samplers import check_ids

__all__ = ["ngram_perplexity", "ngram_probabilities"]


def check_ngrams(corpus_indices, n, vocab_size, held_out=(), smooth=True):
    """Return the arguments of ``ngram_probabilities``, ready for use."""
    corpus_indices, held_out = (
        check_ids(ids, vocab_size, f"the ids of {name}").astype(np.int64)
        for name, ids in (("corpus_indices", corpus_indices),
                          ("held_out", held_out)))
    if not len(corpus_indices):
        raise ValueError("corpus_indices is empty: there is nothing to count")
    return {"corpus_indices": corpus_indices, "held_out": held_out,
            "n": check_number("n", n, Integral, 1, 100,
                              "a whole number of at least 1"),
            "smooth": check_flag("smooth", smooth)}


@converted(check_ngrams)
def ngram_probabilities(corpus_indices, n, vocab_size, held_out=(),
                        smooth=True):
    """Yield what 1-grams give each id of a text, then 2-grams, up to n-grams.

    What is yielded are arrays of probabilities: each id's, given the ids just
    before it, 0 for the 1-grams up to n - 1 for the n-grams. The n-grams of
    ``corpus_indices`` are counted; the probabilities are those of the ids in
    ``held_out``, which continues it, or, without it, those of
    ``corpus_indices`` itself. The text's beginning counts as a context.

    With ``smooth``, the n-grams are interpolated with the next shorter ones,
    and the 1-grams with 1 / vocab_size: if a context occurs c times, w times
    before an id and with d distinct ids after it, the probability of the id
    is (w + d * p) / (c + d), where p is that of the shorter context; it is p
    if c is 0. Otherwise, it is w / c, and 0 if c is 0.

    Raise ``ValueError`` for ids outside the vocabulary, nothing to count, and
    an n below 1. Source: Witten and Bell 1991, *The Zero-Frequency Problem*.

    >>> abab = [0, 1, 0, 1]
    >>> for p in ngram_probabilities(abab, 2, vocab_size=3, smooth=False):
    ...     print(p)
    [0.5 0.5 0.5 0.5]
    [1. 1. 1. 1.]
    >>> for p in ngram_probabilities(abab, 2, vocab_size=3, held_out=[0, 2]):
    ...     print(p.round(2))
    [0.44 0.11]
    [0.72 0.04]
    """
    ids = np.append(corpus_indices, held_out).astype(np.int64)
    num_counted = len(corpus_indices)
    contexts, p = np.zeros_like(ids), 1 / vocab_size
    for _ in range(n):
        ngrams, which = np.unique(contexts * vocab_size + ids,
                                  return_inverse=True)
        counts = np.bincount(which[:num_counted], minlength=len(ngrams))
        c = np.bincount(ngrams // vocab_size, counts)[contexts]
        d = smooth * np.bincount(ngrams // vocab_size, counts > 0)[contexts]
        p = np.where(c > 0, (counts[which] + d * p) / np.maximum(c + d, 1),
                     smooth * p)
        yield p[num_counted if len(held_out) else 0:]
        contexts = np.append(len(ngrams), which[:-1])


def ngram_perplexity(corpus_indices, n, vocab_size, held_out=(), smooth=True):
    """Return the perplexity of the n-grams of one text on another.

    The arguments are those of ``ngram_probabilities``. Without ``held_out``
    and ``smooth``, no model that sees only the n - 1 ids before each id can
    have a lower perplexity on ``corpus_indices``. Without ``smooth``, the
    perplexity is ``inf`` if ``held_out`` has an n-gram that was never
    counted.

    >>> ngram_perplexity([0, 1, 0, 1], 1, vocab_size=3, smooth=False)
    2.0
    >>> ngram_perplexity([0, 1, 0, 1], 2, vocab_size=3, smooth=False)
    1.0
    >>> ngram_perplexity([0, 1, 0, 1], 2, 3, held_out=[0, 2], smooth=False)
    inf
    >>> round(ngram_perplexity([0, 1, 0, 1], 2, 3, held_out=[0, 2]), 2)
    6.11
    """
    *_, p = ngram_probabilities(corpus_indices, n, vocab_size, held_out,
                                smooth)
    with np.errstate(divide="ignore"):  # log(0) is -inf
        return perplexity(-np.log(p).mean())
