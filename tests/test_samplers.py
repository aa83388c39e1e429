"""The samplers against the book's example on 0..29, and their errors."""
import d2lrnn as d2l
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

SAMPLERS = [d2l.data_iter_random, d2l.data_iter_consecutive]
both = pytest.mark.parametrize("sampler", SAMPLERS)


def rows(batch):
    return batch.asnumpy().tolist()


def test_consecutive_is_the_books_example(ctx):
    batches = list(d2l.data_iter_consecutive(list(range(30)), 2, 6, ctx))
    assert [rows(X) for X, _ in batches] == [
        [[0, 1, 2, 3, 4, 5], [15, 16, 17, 18, 19, 20]],
        [[6, 7, 8, 9, 10, 11], [21, 22, 23, 24, 25, 26]]]
    assert [rows(Y) for _, Y in batches] == [
        [[1, 2, 3, 4, 5, 6], [16, 17, 18, 19, 20, 21]],
        [[7, 8, 9, 10, 11, 12], [22, 23, 24, 25, 26, 27]]]
    assert all(X.context == Y.context == ctx for X, Y in batches)


def test_random_is_the_books_example_in_some_order(ctx):
    batches = list(d2l.data_iter_random(list(range(30)), 2, 6, ctx))
    assert len(batches) == 2
    starts = {row[0] for X, _ in batches for row in rows(X)}
    assert len(starts) == 4 and starts <= {0, 6, 12, 18}
    for X, Y in batches:
        assert X.context == Y.context == ctx
        for x, y in zip(rows(X), rows(Y), strict=True):
            assert x == [x[0] + i for i in range(6)]
            assert y == [i + 1 for i in x]


def test_random_draws_the_same_order_as_d2lzh_from_the_same_seed():
    d2lzh = pytest.importorskip("d2lzh", reason="needs d2lzh as an oracle")
    corpus = list(range(1000))
    batches = []
    for module in (d2l, d2lzh):
        d2l.seed(3)
        batches.append([[rows(X), rows(Y)] for X, Y
                        in module.data_iter_random(corpus, 4, 7)])
    assert batches[0] == batches[1]


@both
@given(length=st.integers(0, 60), batch_size=st.integers(1, 8),
       num_steps=st.integers(1, 12))
def test_every_size_works_or_says_what_would(sampler, length, batch_size,
                                             num_steps):
    corpus = np.arange(length)
    try:
        batches = list(sampler(corpus, batch_size, num_steps))
    except ValueError as error:
        assert f"{length} characters are too few" in str(error)
        check_remedies(sampler, corpus, batch_size, num_steps, str(error))
        return
    assert batches
    seen = []
    for X, Y in batches:
        assert X.shape == Y.shape == (batch_size, num_steps)
        assert (Y - X).asnumpy().min() == (Y - X).asnumpy().max() == 1
        seen += X.asnumpy().ravel().tolist()
    assert len(seen) == len(set(seen)) > length - 1 - 2 * (
        batch_size * num_steps)


def check_remedies(sampler, corpus, batch_size, num_steps, sentence):
    """Each size that the sentence names works, and one more does not."""
    for name in ("batch_size", "num_steps"):
        if f"{name} at most" not in sentence:
            continue
        largest = int(sentence.split(f"{name} at most ")[1].split()[0])
        sizes = {"batch_size": batch_size, "num_steps": num_steps}
        assert list(sampler(corpus, **{**sizes, name: largest}))
        with pytest.raises(ValueError, match="too few"):
            sampler(corpus, **{**sizes, name: largest + 1})


@both
@pytest.mark.parametrize("sizes", [(0, 5), (5, 0), (-1, 1)])
def test_sizes_below_one(sampler, sizes):
    with pytest.raises(ValueError, match="both must be at least 1"):
        sampler(range(100), *sizes)


@both
@pytest.mark.parametrize("ids", [[0, 1, 2, 7], [0, -1, 2, 3]])
def test_ids_outside_the_vocabulary(sampler, ids):
    with pytest.raises(ValueError, match="outside 0 to 6"):
        sampler(ids * 9, 2, 3, vocab_size=7)


@both
@pytest.mark.parametrize("ids", [np.zeros(50), np.zeros((5, 10), int)])
def test_ids_that_are_no_row_of_integers(sampler, ids):
    with pytest.raises(ValueError, match="one row of integer ids"):
        sampler(ids, 2, 3)


@both
def test_large_ids_stay_exact(sampler):
    corpus = np.arange(2**24 - 40, 2**24)
    X, _ = next(sampler(corpus, 1, 30))
    assert set(X.asnumpy().ravel().astype(int)) <= set(corpus.tolist())
