"""Choose the next character by its score."""
import math
from collections.abc import Iterable
from functools import partial
from numbers import Integral

import numpy as np
from d2lrnn.basics.checks import (
    check_number,
    check_numbers,
    converted,
    explained,
    shown,
)
from numpy.typing import ArrayLike

__all__ = ["allowed_scores", "check_choosing", "choose", "kept_ids", "picker"]


def as_floats(scores):
    """Return scores as a new array of float64, or raise ``ValueError``."""
    try:
        return np.array(scores, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"scores is {shown(scores)}: give the numbers of one "
                         f"step, of shape (vocab_size,)") from None


def check_arguments(scores, temperature=1.0, top_k=None, top_p=None, rng=None,
                    banned=()):
    """Check the arguments of ``choose``; return those that it converts."""
    check_choosing(temperature, top_k, top_p)
    if temperature and not hasattr(rng, "random"):
        raise ValueError(f"temperature is {temperature} but rng is "
                         f"{shown(rng)}: give numpy.random.default_rng(seed),"
                         f" or temperature 0")
    scores = as_floats(scores)
    try:
        banned = list(banned)
    except TypeError:
        raise ValueError(f"banned is {shown(banned)}: give a list of ids"
                         ) from None
    for i in banned:
        check_number("an id in banned", i, Integral, 0, scores.size - 1,
                     "an id of a score")
    return {"scores": scores, "temperature": float(temperature),
            "banned": banned}


@converted(check_arguments)
def choose(scores: ArrayLike, temperature: float = 1.0,
           top_k: int | None = None, top_p: float | None = None,
           rng: np.random.Generator | None = None,
           banned: Iterable[int] = ()) -> int:
    """Choose the id of the next character by its score.

    ``scores``, of shape (vocab_size,), are unnormalised log-probabilities.
    They are divided by ``temperature``; a temperature of 0 takes the highest
    score (the lowest id among equals). ``top_k`` keeps the k highest (the
    lowest ids among equals), and then ``top_p`` keeps the fewest of the most
    probable ids that together reach this probability. One uniform number is
    drawn from ``rng``. An id in ``banned`` or with a score of -inf is never
    chosen.

    Raise ``FloatingPointError`` for a score that is NaN or +inf, and
    ``ValueError`` for other unusable arguments. Source for top_p: Holtzman et
    al., The Curious Case of Neural Text Degeneration.

    >>> scores = np.log([0.5, 0.3, 0.2])
    >>> choose(scores, temperature=0), choose(scores, 0, banned=[0])
    (0, 1)
    >>> rng = np.random.default_rng(0)
    >>> [choose(scores, rng=rng) for _ in range(8)]
    [1, 0, 0, 0, 2, 2, 1, 1]
    >>> [choose(scores, top_k=2, rng=rng) for _ in range(8)]
    [0, 1, 1, 0, 1, 0, 1, 0]
    """
    scores = allowed_scores(scores, banned)
    if temperature == 0:
        return int(scores.argmax())
    # a tiny temperature may turn a difference into -inf: its weight is 0
    with np.errstate(over="ignore", under="ignore"):
        weights = np.exp((scores - scores.max()) / temperature)
    ids = kept_ids(scores, weights, top_k, top_p)
    cumulative = weights[ids].cumsum()
    draw = rng.random() * cumulative[-1]
    return int(ids[cumulative.searchsorted(draw, side="right")])


def check_choosing(temperature, top_k=None, top_p=None):
    """Raise ``ValueError`` for unusable arguments of ``choose``."""
    check_numbers("top_k", "top_p", temperature=temperature, top_k=top_k,
                  top_p=top_p)


@explained
def kept_ids(scores, weights, top_k, top_p):
    """Return the ids to choose among, for ``choose``.

    ``weights`` are the exponentials of the scores after the temperature; both
    have shape (vocab_size,). The ids are in increasing order, so that the
    choice stays the same if rounding makes two almost equal scores swap
    places.

    >>> weights = np.array([2, 5, 3])
    >>> kept_ids(np.log(weights), weights, 2, None)
    array([1, 2])
    >>> kept_ids(np.log(weights), weights, None, 0.5)
    array([1])
    """
    if top_k is None and top_p is None:
        return np.arange(len(scores))
    best = np.argsort(-scores, kind="stable")[:top_k]
    if top_p is not None:
        reached = weights[best].cumsum()
        # rounding must not let in one more character
        enough = top_p * reached[-1] * (1 - 1e-12)
        best = best[:1 + reached.searchsorted(enough)]
    return np.sort(best)


@explained
def allowed_scores(scores, banned):
    """Return the scores as float64, with -inf for the banned ids.

    Raise the errors of ``choose`` for scores among which it cannot choose.
    """
    scores = as_floats(scores)
    if scores.ndim != 1:
        raise ValueError(f"scores has shape {scores.shape}: give those of one "
                         f"step, of shape (vocab_size,)")
    if not scores.max(initial=-np.inf) < np.inf:  # the highest may be NaN
        lost = np.flatnonzero(np.isnan(scores) | np.isposinf(scores))[0]
        raise FloatingPointError(
            f"the score of id {lost} is {scores[lost]}: the model has "
            f"diverged, so train it again with a lower lr")
    scores[list(banned)] = -np.inf
    if scores.max(initial=-np.inf) == -np.inf:
        raise ValueError("no character is left to choose: each score is -inf "
                         "or banned, so ban fewer")
    return scores


def _generator(seed, i):
    return np.random.default_rng(None if seed is None else [seed, i])


def picker(temperature, top_k, top_p, seed, batch_size, banned):
    """Return ``pick(scores, rows)``, which chooses an id for each row."""
    def pick(scores, rows):
        return [choices[i](scores[i]) for i in rows]

    def pick_highest(scores, rows):
        best = scores.argmax(axis=1).tolist()
        # a NaN, infinite or banned score is left to choose
        return [best[i] if best[i] not in banned
                and math.isfinite(scores.item(i, best[i]))
                else choices[i](scores[i]) for i in rows]

    unchecked = choose.__wrapped__  # the arguments are checked once a text
    choices = [partial(unchecked, temperature=float(temperature), top_k=top_k,
                       top_p=top_p, rng=_generator(seed, i), banned=banned)
               for i in range(batch_size)]
    return pick if temperature else pick_highest
