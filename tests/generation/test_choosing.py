"""A character is chosen as a naive choice would choose it."""
import itertools
import math
import warnings

import numpy as np
import pytest
from d2lrnn.generation.choosing import choose
from hypothesis import assume, example, given
from hypothesis import strategies as st

LAST_DRAW = 1 - 2 ** -53  # the highest that a Generator returns


class Draws:
    """A generator whose numbers are known; it counts them."""

    def __init__(self, *draws):
        self.draws, self.count = itertools.cycle(draws), 0

    def random(self):
        self.count += 1
        return next(self.draws)


def naive_choice(scores, temperature, top_k, top_p, u):
    """Choose by lists and loops; None where rounding could decide."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    order = order[:len(scores) if top_k is None else top_k]
    total = math.fsum(math.exp(scores[i] / temperature) for i in order)
    p = {i: math.exp(scores[i] / temperature) / total for i in order}
    kept = []
    for i in order:
        kept.append(i)
        reached = math.fsum(p[j] for j in kept)
        if top_p is not None and top_p < 1:
            if abs(reached - top_p) < 1e-9:
                return None
            if reached > top_p:
                break
    total = math.fsum(p[j] for j in kept)
    below = 0
    for i in sorted(kept):
        below += p[i] / total
        if abs(below - u) < 1e-9:
            return None
        if below > u:
            return i


# halves, so that there are equal ones
halves = st.integers(-12, 12).map(lambda n: n / 2)


@given(st.lists(halves | st.just(-math.inf), min_size=1, max_size=9),
       st.floats(0.2, 5), st.none() | st.integers(1, 12),
       st.none() | st.floats(0.01, 1), st.floats(0, 0.999))
@example([1, 2, 2, 2, 0], 1.0, 2, None, 0.9)
@example([0, 0, 0, 0], 0.5, 3, 0.4, 0.6)
def test_the_choice_is_the_naive_one(scores, temperature, top_k, top_p, u):
    assume(max(scores) > -math.inf)
    expected = naive_choice(scores, temperature, top_k, top_p, u)
    assume(expected is not None)
    rng = Draws(u)
    assert choose(np.array(scores), temperature, top_k, top_p,
                  rng) == expected
    assert rng.count == 1


def test_no_sorting_draws_the_same():
    scores = np.random.default_rng(6).normal(size=300).astype("float32")
    scores[7] = -np.inf
    rngs = [np.random.default_rng(7) for _ in range(2)]
    for _ in range(500):
        assert choose(scores, 0.7, rng=rngs[0]) == choose(
            scores, 0.7, top_k=300, rng=rngs[1])


def support(scores, **options):
    """Return every id that some draw chooses."""
    draws = [*np.linspace(0, LAST_DRAW, 2001)]
    return {choose(np.array(scores), rng=Draws(u), **options) for u in draws}


@pytest.mark.parametrize("options, ids", [
    ({}, {0, 1, 2, 3}),
    ({"top_k": 1}, {1}),
    ({"top_k": 3}, {0, 1, 2}),  # 0, 2 and 3 are equal
    ({"top_k": 99}, {0, 1, 2, 3}),
    ({"top_p": 1e-9}, {1}),
    ({"top_p": 0.4}, {1}),  # 0.4 + 0.2 + 0.2 + 0.2
    ({"top_p": 0.41}, {0, 1}),
    ({"top_p": 0.8}, {0, 1, 2}),
    ({"top_p": 1}, {0, 1, 2, 3}),
    ({"top_k": 2, "top_p": 0.65}, {1}),  # 2/3 + 1/3
    ({"top_p": 0.5, "temperature": 0.5}, {1}),  # 4/7 + 3/7
    ({"top_k": 2, "banned": [1]}, {0, 2})])
def test_who_can_be_chosen(options, ids):
    assert support(np.log([0.2, 0.4, 0.2, 0.2]), **options) == ids


@pytest.mark.parametrize("top_p, ids", [(0.6, {0}), (0.8, {0, 1})])
def test_rounding_asks_for_no_more_than_top_p(top_p, ids):
    assert support(np.log([0.6, 0.2, 0.2]), top_p=top_p) == ids


def test_the_highest_score_wins_at_temperature_0():
    assert choose(np.array([1, 3, -2, 3]), temperature=0) == 1
    rng = Draws(0.9)
    assert choose(np.array([1, 3, -2, 3]), 0, 2, 0.5, rng, [1]) == 3
    assert rng.count == 0


def test_frequencies_are_those_of_softmax():
    scores = np.array([0.3, -1.2, 2.0, 0.3, -0.4, 1.1]) + 1000
    rng, n = np.random.default_rng(11), 20_000
    counts = np.bincount([choose(scores, 0.8, rng=rng) for _ in range(n)],
                         minlength=6)
    expected = np.exp((scores - 1000) / 0.8)
    expected *= n / expected.sum()
    # 25.7: one in 10,000 for 5 degrees of freedom
    assert ((counts - expected) ** 2 / expected).sum() < 25.7


@pytest.mark.parametrize("temperature", [1e-3, 1e-200, 1e-308, 5e-324])
@pytest.mark.parametrize("scores, ids", [
    ([0.5, 2.0, 1.9], {1}), ([3.0, -1e308, 3.0], {0, 2}),
    ([-1e308, 1e308, -math.inf], {1}), ([-1e9], {0})])
def test_a_tiny_temperature_is_greedy(temperature, scores, ids):
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        assert support(scores, temperature=temperature) == ids


def test_a_huge_temperature_is_fair():
    scores = np.array([5.0, -5.0, -math.inf, 0.0])
    chosen = [choose(scores, 1e300, rng=Draws(u))
              for u in (0, 0.33, 0.34, 0.66, 0.67, LAST_DRAW)]
    assert chosen == [0, 0, 1, 1, 3, 3]


@given(st.lists(halves, min_size=1, max_size=6), st.floats(1e-3, 1e3))
def test_what_has_no_probability_is_never_chosen(scores, temperature):
    scores = np.array([-math.inf, *scores, 99.0, -math.inf])
    chosen = {choose(scores, temperature, rng=Draws(u),
                     banned=[len(scores) - 2]) for u in (0.0, LAST_DRAW)}
    assert chosen <= set(range(1, len(scores) - 2))


def test_scores_are_left_as_they_are():
    scores = np.zeros(3)
    choose(scores, rng=Draws(0.5), banned=[0])
    assert scores.tolist() == [0, 0, 0]


@pytest.mark.parametrize("temperature", [0, 1])
@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_lost_model_is_told(temperature, score):
    with pytest.raises(FloatingPointError, match="score of id 1 is"):
        choose(np.array([0, score, 1]), temperature, rng=Draws(0.5))


@pytest.mark.parametrize("scores, options, words", [
    ([1, 2], {"rng": None}, "rng is None: give numpy.random.default_rng"),
    ([1, 2], {"banned": [0, 1]}, "no character is left"),
    ([-math.inf, 2], {"banned": [1], "temperature": 0}, "no character"),
    ([[1, 2]], {}, r"scores has shape \(1, 2\)"),
    ([1, 2], {"temperature": -1}, "temperature is -1"),
    ([1, 2], {"top_k": 0}, "top_k is 0"),
    ([1, 2], {"top_p": 0}, "top_p is 0")])
def test_choices_that_cannot_be_made(scores, options, words):
    with pytest.raises(ValueError, match=words):
        choose(np.array(scores), **{"rng": Draws(0.5), **options})
