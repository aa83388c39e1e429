"""N-grams are what a loop with dictionaries counts, smoothed."""
import math
from collections import Counter, defaultdict

import d2lrnn as d2l
import numpy as np
import pytest


def with_beginning(ids, n):
    return [None] * (n - 1) + [int(i) for i in ids]


def counted(ids, n):
    """Return a dict from each context of n - 1 ids to what follows it."""
    ids, followers = with_beginning(ids, n), defaultdict(Counter)
    for t in range(n - 1, len(ids)):
        followers[tuple(ids[t - n + 1:t])][ids[t]] += 1
    return followers


def probability(tables, context, i, vocab_size):
    """Return the smoothed probability of an id after a context, naively."""
    n = len(context) + 1
    shorter = (1 / vocab_size if n == 1 else
               probability(tables, context[1:], i, vocab_size))
    followers = tables[n][context]
    c, d = sum(followers.values()), len(followers)
    return (followers[i] + d * shorter) / (c + d) if c else shorter


def naive(ids, n, vocab_size, held_out, smooth):
    tables = {m: counted(ids, m) for m in range(1, n + 1)}
    text, found = with_beginning([*ids, *held_out], n), []
    for t in range(n - 1 + len(ids) * bool(len(held_out)), len(text)):
        context, i = tuple(text[t - n + 1:t]), text[t]
        if smooth:
            found.append(probability(tables, context, i, vocab_size))
        else:
            followers = tables[n][context]
            found.append(followers[i] / max(1, sum(followers.values())))
    return found


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("num_held_out", [0, 1, 40])
@pytest.mark.parametrize("vocab_size", [1, 3, 12])
def test_the_probabilities_are_those_of_dictionaries(
        seed, vocab_size, num_held_out, smooth):
    rng = np.random.default_rng(seed)
    ids, held_out = (rng.integers(vocab_size, size=size).astype(dtype)
                     for size, dtype in ((150, "int8"), (num_held_out, int)))
    found = list(d2l.ngram_probabilities(ids, 5, vocab_size, held_out,
                                         smooth))
    assert len(found) == 5
    for n, p in enumerate(found, start=1):
        assert p == pytest.approx(
            naive(ids, n, vocab_size, held_out, smooth), abs=1e-12)
        expected = (math.inf if (p == 0).any()
                    else math.exp(-sum(map(math.log, p)) / len(p)))
        assert d2l.ngram_perplexity(ids, n, vocab_size, held_out, smooth) == (
            pytest.approx(expected))


def test_what_may_follow_adds_up_to_one(seed):
    rng = np.random.default_rng(seed)
    ids, tail = rng.integers(7, size=200), rng.integers(9, size=3)
    total = sum(np.array([p[-1] for p in d2l.ngram_probabilities(
        ids, 4, 9, [*tail, i])]) for i in range(9))
    assert total == pytest.approx(np.ones(4))


def test_one_gram_unsmoothed_is_the_unigram_guess(original):
    ids, V = original.corpus_indices, original.vocab_size
    assert d2l.ngram_perplexity(ids, 1, V, smooth=False) == pytest.approx(
        d2l.unigram_perplexity(ids))


def test_more_context_never_hurts_on_the_counted_text(original):
    ids, V = original.corpus_indices, original.vocab_size
    found = [d2l.ngram_perplexity(ids, n, V, smooth=False)
             for n in range(1, 6)]
    assert found == sorted(found, reverse=True) and found[-1] >= 1


def test_without_smoothing_news_are_infinitely_surprising():
    assert d2l.ngram_perplexity([0, 1], 1, 3, [2], smooth=False) == math.inf
    assert d2l.ngram_perplexity([0, 1], 2, 3, [1, 1], False) == math.inf
    assert d2l.ngram_perplexity([0, 1], 2, 3, [1, 1]) < 3


@pytest.mark.parametrize("given, words", [
    ({"n": 0}, "n is 0: it must be a whole number of at least 1"),
    ({"n": 2.0}, "n is 2.0: it must be a whole number"),
    ({"n": 101}, "n is 101: it must be at most 100"),
    ({"smooth": "no"}, "smooth is 'no': it must be True or False"),
    ({"vocab_size": 0}, "vocab_size is 0: it must be a whole number"),
    ({"corpus_indices": []}, "corpus_indices is empty: there is nothing"),
    ({"corpus_indices": [0, 3]}, "ids of corpus_indices go from 0 to 3, out"),
    ({"held_out": [-1]}, "the ids of held_out go from -1 to -1, out"),
    ({"held_out": "abc"}, "the ids of held_out are 'abc': give one r")])
def test_what_cannot_be_counted(given, words):
    for function in (d2l.ngram_probabilities, d2l.ngram_perplexity):
        with pytest.raises(ValueError, match=words) as caught:
            function(**{"corpus_indices": [0, 1, 2], "n": 2, "vocab_size": 3,
                        **given})
        assert "\n" not in str(caught.value)
