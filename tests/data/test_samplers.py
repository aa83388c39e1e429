"""The samplers against the book's example on 0..29, and their errors."""
import inspect
import random

import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn.data import shuffling
from d2lrnn.data.samplers import ptb_iterator
from hypothesis import given
from hypothesis import strategies as st

SAMPLERS = [d2l.data_iter_random, d2l.data_iter_consecutive]
both = pytest.mark.parametrize("sampler", SAMPLERS)
every = pytest.mark.parametrize("sampler", [*SAMPLERS, ptb_iterator])


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


@pytest.mark.parametrize("length", [0, 1, 2, 999, 1000, 1023, 1024, 1025,
                                    4097, 70_000])
@pytest.mark.parametrize("seed", [0, 1, 2**70])
def test_a_quick_shuffle_is_pythons(length, seed):
    seen = []
    for shuffle in (shuffling.shuffle, random.shuffle):
        x = list(range(length))
        random.seed(seed)
        random.gauss(0, 1)  # keeps a second number for the next call
        shuffle(x)
        shuffle(x)
        seen.append((x, random.gauss(0, 1), random.getstate()))
    assert seen[0] == seen[1]


def test_large_numbers_are_shuffled_too():
    x = [2 ** 40 - i for i in range(2000)]
    shuffled = list(x)
    shuffling.shuffle(shuffled)
    assert shuffled != x and sorted(shuffled, reverse=True) == x


def test_random_draws_the_same_order_as_d2lzh_from_the_same_seed():
    d2lzh = pytest.importorskip("d2lzh", reason="needs d2lzh as an oracle")
    corpus = list(range(1000))
    batches = []
    for module in (d2l, d2lzh):
        d2l.seed(3)
        batches.append([[rows(X), rows(Y)] for X, Y
                        in module.data_iter_random(corpus, 4, 7)])
    assert batches[0] == batches[1]


def test_ptb_is_the_tutorials_example():
    batches = list(ptb_iterator(list(range(20)), 2, 3))
    assert [x.tolist() for x, _ in batches] == [
        [[0, 1, 2], [10, 11, 12]], [[3, 4, 5], [13, 14, 15]],
        [[6, 7, 8], [16, 17, 18]]]
    assert [y.tolist() for _, y in batches] == [
        [[1, 2, 3], [11, 12, 13]], [[4, 5, 6], [14, 15, 16]],
        [[7, 8, 9], [17, 18, 19]]]


@pytest.mark.parametrize("length, batch_size, num_steps", [
    (83, 3, 5), (61, 5, 3), (84, 4, 7), (22, 2, 10), (13, 1, 6)])
def test_ptb_is_that_of_a_loop(length, batch_size, num_steps):
    raw_data = np.random.randint(0, 50, length)
    batch_len = length // batch_size
    expected = []
    for start in range(0, batch_len - num_steps, num_steps):
        x, y = [], []
        for row in range(batch_size):
            first = row * batch_len + start
            x.append([raw_data[first + i] for i in range(num_steps)])
            y.append([raw_data[first + i + 1] for i in range(num_steps)])
        expected.append((x, y))
    batches = list(ptb_iterator(raw_data, batch_size, num_steps))
    assert len(batches) == (batch_len - 1) // num_steps >= 1
    assert [(x.tolist(), y.tolist()) for x, y in batches] == expected
    for x, y in batches:
        assert x.dtype == y.dtype == np.int32
        assert x.shape == y.shape == (batch_size, num_steps)


def test_ptb_is_consecutive_in_numpy():
    ids = np.random.randint(0, 50, 100)
    for ours, theirs in zip(ptb_iterator(ids, 3, 4),
                            d2l.data_iter_consecutive(ids, 3, 4),
                            strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert (a == b.asnumpy()).all()


def test_ptb_gives_arrays_of_your_own():
    raw_data = np.arange(20, dtype=np.int32)
    for x, y in ptb_iterator(raw_data, 2, 3):
        before = y.copy()
        x[:] = 0
        assert (y == before).all()
    assert (raw_data == np.arange(20)).all()


@pytest.mark.parametrize("wrong", [-1, 2**31])
def test_ptb_ids_that_int32_cannot_number(wrong):
    with pytest.raises(ValueError, match="outside 0 to 2147483647"):
        ptb_iterator([0, 1, wrong, 2**31 - 1] * 9, 2, 3)
    x, _ = next(ptb_iterator([2**31 - 1] * 9, 1, 3))
    assert x.tolist() == [[2**31 - 1] * 3]


@every
@given(length=st.integers(0, 60), batch_size=st.integers(1, 8),
       num_steps=st.integers(1, 12))
def test_every_size_works_or_says_what_would(sampler, length, batch_size,
                                             num_steps):
    corpus = np.arange(length)
    try:
        batches = list(sampler(corpus, batch_size, num_steps))
    except ValueError as error:
        assert f"{length} ids are too few" in str(error)
        check_remedies(sampler, corpus, batch_size, num_steps, str(error))
        return
    assert batches
    seen = []
    for X, Y in batches:
        assert X.shape == Y.shape == (batch_size, num_steps)
        X, Y = (getattr(a, "asnumpy", lambda a=a: a)() for a in (X, Y))
        assert (Y - X).min() == (Y - X).max() == 1
        seen += X.ravel().tolist()
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


@every
@pytest.mark.parametrize("sizes", [(0, 5), (5, 0), (-1, 1)])
def test_sizes_below_one(sampler, sizes):
    with pytest.raises(ValueError, match="must be a whole number of at"):
        sampler(range(100), *sizes)


@both
@pytest.mark.parametrize("ids", [[0, 1, 2, 7], [0, -1, 2, 3]])
def test_ids_outside_the_vocabulary(sampler, ids):
    with pytest.raises(ValueError, match="outside 0 to 6"):
        sampler(ids * 9, 2, 3, vocab_size=7)


@both
def test_the_signature_has_the_books_arguments_and_vocab_size(sampler):
    assert str(inspect.signature(sampler)) == (
        "(corpus_indices, batch_size, num_steps, ctx=None, *, "
        "vocab_size=None)")
    with pytest.raises(TypeError, match="positional"):
        sampler(range(30), 2, 3, None, 30)


@every
@pytest.mark.parametrize("ids", [np.zeros(50), np.zeros((5, 10), int)])
def test_ids_that_are_no_row_of_integers(sampler, ids):
    with pytest.raises(ValueError, match="one row of integer ids"):
        sampler(ids, 2, 3)


@both
def test_large_ids_stay_exact(sampler):
    corpus = np.arange(2**24 - 40, 2**24)
    X, _ = next(sampler(corpus, 1, 30))
    assert set(X.asnumpy().ravel().astype(int)) <= set(corpus.tolist())
