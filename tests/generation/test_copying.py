"""The copied spans are those that a naive loop finds."""
import random
import time

import pytest
from d2lrnn.generation.copying import Copied, copied
from hypothesis import example, given
from hypothesis import strategies as st


def naive(text, corpus):
    """Try every piece of the text, the longest first."""
    spans = [next(text[start:end] for end in range(len(text), start - 1, -1)
                  if text[start:end] in corpus) for start in range(len(text))]
    lengths = [len(span) for span in spans]
    longest = max(lengths)
    return Copied(longest, sum(lengths) / len(text),
                  spans[lengths.index(longest)])


few_letters = st.text("ab字\n", min_size=1, max_size=30)


@given(few_letters, few_letters)
@example("abab", "abab")
@example("b", "a")
@example("aab", "aaab")  # the longer piece occurs later than the shorter
@example("abba", "ab.bba")
def test_the_spans_are_the_naive_ones(text, corpus):
    assert copied(text, corpus) == naive(text, corpus)


def test_pieces_of_a_text_in_another_order():
    rng = random.Random(3)
    corpus = "".join(rng.choices("abcde ", k=3000))
    pieces = [corpus[i:i + rng.randrange(1, 40)]
              for i in rng.choices(range(3000), k=12)]
    text = "".join(pieces)
    found = copied(text, corpus)
    assert found == naive(text, corpus)
    assert found.longest >= max(map(len, pieces))


def test_a_copy_of_everything():
    text = "".join(random.Random(4).choices("abcdefgh", k=400))
    assert copied(text, f"xx{text}xx") == (400, 200.5, text)


@pytest.mark.parametrize("letters", ["a", "ab", "abcdefghijklmnop"])
def test_a_million_characters_are_searched_in_seconds(letters):
    rng = random.Random(5)
    corpus = "".join(rng.choices(letters, k=1_000_000))
    text = "".join(rng.choices(letters, k=1000))
    start = time.process_time()
    copied(text, corpus)
    assert time.process_time() - start < 10


@pytest.mark.parametrize("text, corpus, words", [
    ("", "ab", "text is '': give one character or more"),
    ("ab", "", "corpus is '': give one character or more"),
    (3, "ab", "text is 3: it must be a str"),
    ("ab", ["a", "b"], r"corpus is \['a', 'b'\]: it must be a str")])
def test_anything_but_two_texts_is_refused(text, corpus, words):
    with pytest.raises(ValueError, match=words):
        copied(text, corpus)
