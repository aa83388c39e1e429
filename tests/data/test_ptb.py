"""The Penn Treebank, and texts that are cut at white space as it is."""
import os
import zipfile
from collections import Counter
from pathlib import Path

import d2lrnn as d2l
import pytest
from d2lrnn.data import texts
from d2lrnn.data.corpus import Corpus
from d2lrnn.data.ptb import treebank
from d2lrnn.data.tokens import EOS, UNKNOWN, check_prefix, level_of, tokenize
from hypothesis import given
from hypothesis import strategies as st

PARTS = {  # in the form of the treebank's files
    "ptb": " the <unk> rose N \n the yen fell \n",
    "ptb_valid": " the <unk> fell N \n",
    "ptb_test": " the yen rose \n yen fell \n"}
spaced = st.text(st.sampled_from("ab. \n\t\u3000<"), max_size=40)


@pytest.fixture
def folder(no_texts, monkeypatch, tmp_path):
    """A folder of texts with a small treebank in it."""
    with zipfile.ZipFile(tmp_path / "ptb.zip", "w") as archive:
        for name, text in PARTS.items():
            archive.writestr(texts.TEXTS[name].member, text)
    monkeypatch.setenv("D2LRNN_DATA", str(tmp_path))
    return tmp_path


# level "split"

@given(text=spaced)
def test_words_are_what_white_space_separates(text):
    lines = [line.split() for line in text.split("\n")]
    expected = lines[0]
    for words in lines[1:]:
        expected = [*expected, EOS, *words]
    assert tokenize(text, "split") == expected


@given(text=spaced.filter(str.strip))
def test_a_text_read_again_is_the_same(text):
    corpus = Corpus.from_text(text, "a text", "split")
    again = Corpus.from_text(corpus.text, "again", "split")
    assert again.idx_to_char == corpus.idx_to_char
    assert again.corpus_indices.tolist() == corpus.corpus_indices.tolist()
    assert level_of(corpus.idx_to_char) == corpus.level == "split"


def test_the_text_of_words_has_spaces_and_lines():
    corpus = d2l.load_corpus("to be\nor not", level="split")
    assert corpus.idx_to_char == [EOS, "be", "not", "or", "to"]
    assert corpus.text == " to be\n or not"
    assert corpus.num_chars == len("to be\nor not")


def test_what_is_unknown_in_the_text_stays_unknown():
    text = "<unk> a <unk> a b\n"
    corpus = d2l.load_corpus(text, level="split")
    assert corpus.idx_to_char == [EOS, UNKNOWN, "a", "b"]
    rare = d2l.load_corpus(text, level="split", min_freq=2)
    assert rare.idx_to_char == [UNKNOWN, EOS, "a"]
    assert rare.text == " <unk> a <unk> a <unk>\n"


def test_a_text_without_line_ends_has_their_token():
    assert d2l.load_corpus("to be", level="split").idx_to_char == [
        EOS, "be", "to"]
    d2l.load_corpus("to be to", level="split", min_freq=2)


@pytest.mark.parametrize("level, vocabulary, words", [
    ("split", ["to", "be"], "vocabulary has no <eos>, and level is 'split': "
                            "give another level"),
    ("word", [EOS, "be"], "vocabulary has an <eos>, and level is 'word': give "
                          "level='split'"),
    ("char", [EOS, "b"], "vocabulary has an <eos>, and level is 'char'")])
def test_vocabularies_of_other_levels(level, vocabulary, words):
    with pytest.raises(ValueError, match=words):
        d2l.load_corpus("to be\n", level=level, vocabulary=vocabulary)


def test_a_text_of_spaces_has_no_words():
    with pytest.raises(ValueError, match="is empty: a corpus needs words"):
        d2l.load_corpus("  \t", level="split")


def test_a_prefix_is_cut_as_the_vocabulary_says():
    vocabulary = {EOS: 0, UNKNOWN: 1, "a": 2}
    check_prefix("a <unk>\na", 1, vocabulary)
    with pytest.raises(ValueError, match=r"the prefix ' a b' has words that "
                       r"the vocabulary of 3 lacks \('b'\)"):
        check_prefix("a b", 1, vocabulary)


# the known texts

def test_the_parts_are_read_by_their_names(folder):
    train = d2l.load_corpus("ptb")
    assert train.level == "split"
    assert train.source == "ptb.zip: ptb/ptb.train.txt"
    assert train.text == " the <unk> rose N\n the yen fell\n"
    test = d2l.load_corpus("ptb_test", vocabulary=train.idx_to_char)
    assert test.text == " the yen rose\n yen fell\n"
    assert test.idx_to_char == train.idx_to_char


@pytest.mark.parametrize("name", PARTS)
def test_all_levels_read_the_same_lines(folder, name):
    words, chars, other = (d2l.load_corpus(name, level=level)
                           for level in ("split", "char", "word"))
    lines = "".join(line.strip() + "\n" for line in PARTS[name].splitlines())
    assert chars.text == other.text == lines
    assert len({(c.num_chars, c.sha256) for c in (words, chars, other)}) == 1
    assert words.num_chars == len(lines)


@pytest.mark.parametrize("place", ["ptb.valid.txt", "ptb/ptb.valid.txt"])
def test_an_unpacked_part_is_found(folder, place):
    (folder / "ptb.zip").unlink()
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / place).write_text(PARTS["ptb_valid"])
    corpus = d2l.load_corpus("ptb_valid")
    assert corpus.source == "ptb.valid.txt"
    assert corpus.text == " the <unk> fell N\n"


def test_a_zip_of_something_else(folder):
    with zipfile.ZipFile(folder / "ptb.zip", "w") as archive:
        archive.writestr("ptb.txt", "to be")
    with pytest.raises(ValueError, match=r"ptb.zip has no ptb/ptb.test.txt in "
                                         r"it: get a new copy of it"):
        d2l.load_corpus("ptb_test")


def test_nothing_that_ships_replaces_a_part(no_texts):
    with pytest.raises(FileNotFoundError, match=r"^ptb.zip is neither in .*: "
                                                r"put it into a folder"):
        d2l.load_corpus("ptb_valid")


# load_ptb

@pytest.mark.parametrize("level", ["split", "char", "word"])
def test_three_parts_share_the_first_ones_vocabulary(folder, level):
    parts = d2l.load_ptb(level)
    for part, name in zip(parts, PARTS, strict=True):
        assert part.level == level
        assert part.idx_to_char == parts[0].idx_to_char
        assert part.text == d2l.load_corpus(name, level=level).text
    assert [part.own_vocabulary for part in parts] == [True, False, False]


def test_the_sonnets_stand_in_with_a_warning(no_texts):
    with pytest.warns(d2l.D2LRNNWarning, match="original sonnets") as caught:
        parts = d2l.load_ptb()
    assert len(caught) == 1 and caught[0].filename == __file__
    train, *others = parts
    for part in parts:
        assert part.level == "split" and part.num_chars < 25_000
        assert part.idx_to_char == train.idx_to_char
        words = part.text.split()
        assert UNKNOWN in words
        assert all(word.isalnum() and word == word.lower()
                   for word in set(words) - {UNKNOWN})
    counts = Counter(train.corpus_indices.tolist())
    assert min(counts.values()) > 1 and len(counts) == train.vocab_size
    lines = [part.text.count("\n") for part in parts]
    assert lines[0] / sum(lines) == pytest.approx(0.8, abs=0.01)
    assert abs(lines[1] - lines[2]) <= 1
    assert [part.source for part in others] == [
        "original_sonnets.txt, the next 10% of the lines",
        "original_sonnets.txt, the last 10% of the lines"]


def test_without_the_sonnets_the_error_says_where_to_put_it(no_texts):
    with pytest.raises(FileNotFoundError, match="set D2LRNN_DATA to that"):
        d2l.load_ptb(fallback=False)
    with pytest.raises(ValueError, match="level is 'line': it must be one of"):
        d2l.load_ptb("line")


def test_words_without_punctuation():
    first, *_ = treebank("\n".join(["It's — 'tis, it's so.", ""] * 10))
    assert first == "its tis its so\n" * 8


def test_the_real_treebank_has_the_numbers_of_the_literature():
    folder = os.environ.get("D2LRNN_DATA")
    if not folder or not (Path(folder) / "ptb.zip").exists():
        pytest.skip("needs the Penn Treebank in $D2LRNN_DATA")
    parts = d2l.load_ptb()
    assert [len(part.corpus_indices) for part in parts] == [
        929_589, 73_760, 82_430]
    assert {part.vocab_size for part in parts} == {10_000}
    assert {EOS, UNKNOWN, "N"} <= set(parts[0].idx_to_char)
    chars = d2l.load_corpus("ptb", level="char")
    assert len(chars.corpus_indices) == chars.num_chars == 5_017_482
    assert chars.vocab_size == 50 and chars.sha256 == parts[0].sha256
