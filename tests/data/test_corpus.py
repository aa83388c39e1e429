"""Where texts come from, what becomes of them, and what may be wrong."""
import hashlib
import http.server
import os
import re
import subprocess
import sys
import threading
import tracemalloc
import unicodedata
import zipfile
from collections import Counter
from functools import partial
from importlib import resources
from pathlib import Path

import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn.data import numbering, reading, texts
from d2lrnn.data.corpus import Corpus
from d2lrnn.data.numbering import narrow
from d2lrnn.data.tokens import tokenize
from hypothesis import example, given
from hypothesis import strategies as st

JAY = texts.TEXTS["jaychou_lyrics"]
SHAKESPEARE = texts.TEXTS["tinyshakespeare"]
levels = pytest.mark.parametrize("level", ["char", "word"])


def put_jay(folder, text="小船停在港口\n等一阵风" * 2000):
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / JAY.file, "w") as archive:
        archive.writestr("jaychou_lyrics.txt", text)


def test_the_real_text_has_the_books_numbers():
    folder = os.environ.get("D2LRNN_DATA")
    if not folder or not (Path(folder) / JAY.file).exists():
        pytest.skip("needs the Jay Chou lyrics in $D2LRNN_DATA")
    corpus_indices, char_to_idx, idx_to_char, vocab_size = (
        d2l.load_data_jay_lyrics())
    assert len(corpus_indices) == 10_000 and vocab_size == 1027
    assert corpus_indices.dtype == np.int16
    assert [char_to_idx[c] for c in idx_to_char] == list(range(1027))
    assert idx_to_char == sorted(idx_to_char)
    assert "\n" not in char_to_idx and " " in char_to_idx


def test_tiny_shakespeare_is_the_text_of_its_sha256():
    folder = os.environ.get("D2LRNN_DATA")
    if not folder or not (Path(folder) / SHAKESPEARE.file).exists():
        pytest.skip("needs tiny Shakespeare in $D2LRNN_DATA")
    corpus = d2l.load_corpus("tinyshakespeare")
    assert len(corpus.corpus_indices) == corpus.num_chars == 1_115_394
    assert corpus.vocab_size == 65
    words = d2l.load_corpus("tinyshakespeare", level="word", min_freq=2)
    assert words.num_chars == 1_115_394 > len(words.corpus_indices)
    assert words.vocab_size > 5_000 and words.idx_to_char[0] == "<unk>"
    assert corpus.sha256 == words.sha256 == SHAKESPEARE.sha256


def test_data_folder_comes_first(no_texts, monkeypatch, tmp_path):
    put_jay(tmp_path / "mine")
    monkeypatch.setenv("D2LRNN_DATA", str(tmp_path / "mine"))
    corpus = d2l.load_data_jay_lyrics()
    assert corpus.text.startswith("小船停在港口 等一阵风")
    assert corpus.source == ("jaychou_lyrics.txt.zip, first 10,000 of 22,000 "
                             "characters")


def test_unzipped_text_is_found_too(no_texts, monkeypatch, tmp_path):
    (tmp_path / "jaychou_lyrics.txt").write_text("你好" * 9000, "utf-8")
    monkeypatch.setenv("D2LRNN_DATA", str(tmp_path))
    assert d2l.load_data_jay_lyrics().text == "你好" * 5000


def test_data_folder_that_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("D2LRNN_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(d2l.SettingError, match="nowhere, which is not a fold"):
        d2l.load_data_jay_lyrics()


@pytest.mark.parametrize("load, missing, instead", [
    (d2l.load_data_jay_lyrics, JAY.file, "original_lyrics"),
    (partial(d2l.load_corpus, "tinyshakespeare", num_chars=10_000),
     SHAKESPEARE.file, "original_sonnets")])
def test_fallback_warns_once_and_says_so(no_texts, load, missing, instead):
    words = instead.replace("_", " ")
    with pytest.warns(d2l.D2LRNNWarning, match=words) as caught:
        corpus = load()
    assert len(caught) == 1 and caught[0].filename == __file__
    assert str(caught[0].message).startswith(f"{missing} is neither")
    assert corpus.source.startswith(f"{instead}.txt, first 10,000")
    assert len(corpus.corpus_indices) == 10_000


def test_without_fallback_the_error_says_where_to_put_it(no_texts):
    with pytest.raises(FileNotFoundError, match="set D2LRNN_DATA to that"):
        d2l.load_data_jay_lyrics(fallback=False)
    with pytest.raises(FileNotFoundError, match=SHAKESPEARE.file):
        d2l.load_corpus("tinyshakespeare", fallback=False)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server of this machine's, in place of the book's."""
    answers = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answers["asked"] = answers.get("asked", 0) + 1
            body, claimed = answers["body"], answers["length"]
            self.send_response(200)
            self.send_header("Content-Length", str(claimed))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    monkeypatch.delenv("D2LRNN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    put_jay(tmp_path)
    answers["body"] = (tmp_path / JAY.file).read_bytes()
    answers["length"] = len(answers["body"])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        known = JAY._replace(
            url=f"http://127.0.0.1:{httpd.server_port}/{JAY.file}",
            sha256=hashlib.sha256(answers["body"]).hexdigest())
        monkeypatch.setitem(texts.TEXTS, "jaychou_lyrics", known)
        yield answers
        httpd.shutdown()


def test_a_download_is_checked_and_kept(server, tmp_path):
    first = d2l.load_data_jay_lyrics()
    again = d2l.load_data_jay_lyrics()
    assert first.text == again.text and server["asked"] == 1
    assert (tmp_path / "cache" / "d2lrnn" / JAY.file).exists()


def test_a_download_gets_the_name_of_its_text(server, tmp_path, monkeypatch):
    server["body"] = b"Before we proceed any further, hear me speak.\n"
    server["length"] = len(server["body"])
    url = texts.TEXTS["jaychou_lyrics"].url.replace(JAY.file,
                                                          "input.txt")
    monkeypatch.setitem(
        texts.TEXTS, "tinyshakespeare", SHAKESPEARE._replace(
            url=url, sha256=hashlib.sha256(server["body"]).hexdigest()))
    corpus = d2l.load_corpus("tinyshakespeare", fallback=False)
    assert corpus.text.encode() == server["body"]
    assert corpus.source == "tinyshakespeare.txt"
    assert [path.name for path in (tmp_path / "cache" / "d2lrnn").iterdir()
            ] == ["tinyshakespeare.txt"]


@pytest.mark.parametrize("change", ["altered", "cut short"])
def test_a_broken_download_leaves_nothing(server, tmp_path, change):
    if change == "altered":
        server["body"] = b"x" + server["body"][1:]
    else:
        server["length"] += 1000
    with pytest.raises(FileNotFoundError, match="could not be downloaded"):
        d2l.load_data_jay_lyrics(fallback=False)
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


@pytest.mark.process
def test_vocabulary_is_the_same_in_every_process(tmp_path):
    code = ("import d2lrnn as d2l; c = d2l.load_corpus('中文 and English ✓');"
            "print(c.idx_to_char, c.corpus_indices.tolist())")
    outputs = {subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        check=True, env={**os.environ, "PYTHONHASHSEED": str(n),
                         "PYTHONIOENCODING": "utf-8"}).stdout
        for n in (1, 2)}
    assert len(outputs) == 1


@pytest.mark.parametrize("data", [
    "\ufeffeins\r\nzwei\rdrei\n".encode(), b"eins\nzwei\ndrei\n"])
def test_bom_and_line_ends(tmp_path, data):
    path = tmp_path / "text.txt"
    path.write_bytes(data)
    assert d2l.load_corpus(path).text == "eins\nzwei\ndrei\n"
    spaced = d2l.load_corpus(str(path), newline=" ", num_chars=7)
    assert spaced.text == "eins zw"


def test_a_text_itself():
    text = "a line\nanother 文 𝄞"
    corpus = d2l.load_corpus(text)
    assert corpus.text == text
    assert corpus.level == "char" and corpus.num_chars == len(text)
    assert corpus.sha256 == hashlib.sha256(text.encode()).hexdigest()


# few letters, so that they come again; a NUL, which NumPy cuts off a string
any_text = st.text(st.sampled_from("aabé_1 \n.'\0走了々\u0301𠀀")) | st.text()


@given(any_text)
def test_tokens_join_to_the_text(text):
    assert tokenize(text, "char") == list(text)
    assert "".join(tokenize(text, "word")) == text


def is_ideograph(char):
    name = unicodedata.name(char, "")
    return name.startswith(("CJK UNIFIED", "CJK COMPATIBILITY IDEO",
                            "IDEOGRAPHIC NUMBER ZERO"))


@given(any_text)
@example("x\u3007x\u3400x\u4dbfx\u4e00x\u9fffx\uf900x\ufad9x\U00020000x"
         "\U0002f800x\U0003134ax")
@example("m\u3006n\ua000\u30f65\u0301_")  # none an ideograph
def test_words_are_runs_of_letters_and_digits(text):
    words, run = [], ""
    for char in text:
        if (char.isalnum() or char == "_") and not is_ideograph(char):
            run += char
        else:
            words += [run, char]
            run = ""
    words.append(run)
    assert tokenize(text, "word") == [word for word in words if word]


def test_words_of_many_kinds():
    assert tokenize("I'll  say\n3rd_x, 二〇二四年abc走!", "word") == [
        "I", "'", "ll", " ", " ", "say", "\n", "3rd_x", ",", " ", "二", "〇",
        "二", "四", "年", "abc", "走", "!"]


@levels
@given(text=any_text.filter(bool), min_freq=st.integers(1, 4))
def test_ids_are_those_of_a_loop(level, text, min_freq):
    tokens = tokenize(text, level)
    counts = Counter(tokens)
    if max(counts.values()) < min_freq:
        with pytest.raises(ValueError, match="use a smaller min_freq"):
            Corpus.from_text(text, "a text", level, min_freq)
        return
    kept = [token if counts[token] >= min_freq else "<unk>"
            for token in tokens]
    vocabulary = sorted(set(kept) - {"<unk>"})
    if min_freq > 1:
        vocabulary = ["<unk>", *vocabulary]
    corpus = Corpus.from_text(text, "a text", level, min_freq)
    corpus_indices, token_to_idx, idx_to_token, vocab_size = corpus
    assert idx_to_token == vocabulary and vocab_size == len(vocabulary)
    assert token_to_idx == {token: i for i, token in enumerate(vocabulary)}
    assert corpus_indices.dtype == narrow(vocab_size)
    assert corpus_indices.tolist() == [vocabulary.index(t) for t in kept]
    assert corpus.text == "".join(kept)
    assert (corpus.level, corpus.num_chars) == (level, len(text))
    assert corpus.sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_words_of_a_file(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"to be\r\nor not to be\r\nthat is")
    corpus = d2l.load_corpus(path, num_chars=20, newline="|", level="word",
                             min_freq=2)
    assert corpus.idx_to_char == ["<unk>", " ", "be", "to", "|"]
    assert corpus.corpus_indices.tolist() == [
        3, 1, 2, 4, 0, 1, 0, 1, 3, 1, 2, 4, 0]  # the last is "t"
    assert corpus.num_chars == 20 and "first 20 of 26" in corpus.source
    assert corpus.sha256 == hashlib.sha256(
        b"to be|or not to be|t").hexdigest()


@pytest.mark.parametrize("options, words", [
    ({"level": "line"}, "level is 'line': it must be one of char, word, "
     "split"),
    ({"min_freq": 0}, "min_freq is 0: it must be a whole number"),
    ({"min_freq": 4},
     "min_freq is 4, but the most common token occurs only 3"),
    ({"min_freq": 3, "level": "word"}, "most common token occurs only 2")])
def test_levels_and_frequencies_that_cannot_be(options, words):
    with pytest.raises(ValueError, match=words):
        d2l.load_corpus("aa b a", **options)


@pytest.mark.parametrize("text, most", [
    ("to be or not to be\n" * 3, 6), ("to be to", 2)])
def test_words_that_are_all_too_rare(text, most):
    """Line ends and the text's own <unk> are no words."""
    with pytest.raises(ValueError, match=f"common word occurs only {most} t"):
        d2l.load_corpus(text, level="split", min_freq=7)
    corpus = d2l.load_corpus(text, level="split", min_freq=most)
    assert sorted(corpus.idx_to_char[1:]) == sorted(
        ["<eos>", *(word for word in ("be", "to")
                    if text.count(word) >= most)])
    with pytest.raises(ValueError, match="the text has no words to count"):
        d2l.load_corpus("<unk> <unk>\n" * 9, level="split", min_freq=2)


@pytest.mark.parametrize("options, words", [
    ({"level": 3}, "level is 3: it must be one of"),
    ({"min_freq": 2.5}, "min_freq is 2.5: it must be a whole"),
    ({"min_freq": "2"}, "min_freq is '2': it must be a whole"),
    ({"num_chars": 2.5}, "num_chars is 2.5: it must be a whole"),
    ({"num_chars": -1}, "num_chars is -1: it must be a whole"),
    ({"newline": None}, "newline is None: give a str"),
    ({"newline": "\ud800"}, "lone surrogate")])
def test_options_of_another_type(options, words):
    with pytest.raises(ValueError, match=words):
        d2l.load_corpus("aa\n b a\n", **options)


def test_a_text_that_is_no_str():
    with pytest.raises(ValueError, match="the text is b'abc': give a str"):
        Corpus.from_text(b"abc", "three letters")


@levels
@given(text=any_text.filter(bool), other=any_text.filter(bool))
def test_a_given_vocabulary_numbers_another_text(level, text, other):
    vocabulary = ["<unk>", *sorted(set(tokenize(text, level)), reverse=True)]
    corpus = Corpus.from_text(other, "another", level, vocabulary=vocabulary)
    tokens = tokenize(other, level)
    expected = [vocabulary.index(token) if token in vocabulary else 0
                for token in tokens]
    indices, token_to_idx, idx_to_token, vocab_size = corpus
    assert indices.tolist() == expected
    assert indices.dtype == narrow(vocab_size)
    assert idx_to_token == vocabulary and vocab_size == len(vocabulary)
    assert [token_to_idx[token] for token in vocabulary] == list(
        range(vocab_size))
    assert (corpus.level, corpus.num_chars) == (level, len(other))
    assert corpus.sha256 == hashlib.sha256(other.encode()).hexdigest()
    assert not corpus.own_vocabulary
    assert Corpus.from_text(other, "another", level).own_vocabulary


@levels
def test_a_texts_own_vocabulary_changes_nothing(level):
    text = "to be or not to be, that is it\n" * 3
    own = d2l.load_corpus(text, level=level)
    given = d2l.load_corpus(text, level=level, vocabulary=own.idx_to_char)
    assert given.corpus_indices.tolist() == own.corpus_indices.tolist()
    assert given.idx_to_char == own.idx_to_char
    assert given.idx_to_char is not own.idx_to_char
    assert given.char_to_idx == own.char_to_idx


@pytest.mark.parametrize("options, words", [
    ({"vocabulary": {"a": 0, "b": 1}}, "vocabulary is {'a': 0, 'b': 1}: give "
     "a list of str, such as a model's idx_to_char"),
    ({"vocabulary": "ab"}, "vocabulary is 'ab': give a list"),
    ({"vocabulary": []}, r"vocabulary is \[\]: give a list"),
    ({"vocabulary": ["a", 3]}, "vocabulary is .*: give a list"),
    ({"vocabulary": ["a", ""]}, "vocabulary is .*: give a list"),
    ({"vocabulary": ["a", "b", "a"]}, "has 'a' more than once"),
    ({"vocabulary": ["a", "c"]}, r"a text given as a string has 2 of 3 tokens"
     r" that the vocabulary lacks \(' ', 'b'\), and it has no <unk>: take"),
    ({"vocabulary": ["<unk>", "be", "a"]}, "one of words, and level is 'char'"
     ": give level='word'"),
    ({"vocabulary": ["<unk>", "a"], "min_freq": 2}, "leave min_freq out")])
def test_vocabularies_that_cannot_be(options, words):
    with pytest.raises(ValueError, match=words) as caught:
        d2l.load_corpus("aa b a", **options)
    assert "\n" not in str(caught.value)


def test_what_a_vocabulary_lacks_is_cut_short():
    with pytest.raises(ValueError, match=r"has 1027 of 1028 tokens .*, ...\)"
                       ) as caught:
        d2l.load_corpus("a" + "".join(map(chr, range(0x4e00, 0x4e00 + 1027))),
                        vocabulary=["a"])
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("num_chars, size", [(65, 1), (128, 1), (129, 2),
                                             (2583, 2), (40_000, 4)])
def test_ids_take_the_fewest_bytes(num_chars, size):
    chars = [chr(0x20000 + i) for i in range(num_chars)]
    for level in ("char", "word"):
        corpus = Corpus.from_text("".join(chars), "a text", level)
        assert corpus.corpus_indices.tolist() == list(range(num_chars))
        assert corpus.corpus_indices.itemsize == size
    # <unk> is one id more
    corpus = Corpus.from_text("".join(chars) * 2, "a text", min_freq=2)
    assert corpus.corpus_indices.max() == num_chars == corpus.vocab_size - 1


@pytest.fixture
def tiny_pieces(monkeypatch):
    monkeypatch.setattr(reading, "PIECE", 5)
    monkeypatch.setattr(numbering, "PIECE", 3)


@pytest.mark.usefixtures("tiny_pieces")
@pytest.mark.parametrize("newline", ["\n", " ", "", "<br>"])
@pytest.mark.parametrize("num_chars", [None, 1, 4, 11, 99])
def test_a_file_is_read_in_pieces(tmp_path, newline, num_chars):
    rng = np.random.default_rng(1)
    for n in range(40):
        text = "".join(rng.choice([*"ab\r\n", "\r\n", "é", "落", "𝄞"],
                                  size=n % 13 + 2))
        expected = re.sub("\r\n|\r|\n", newline, text)
        kept = expected[:num_chars]
        (tmp_path / "a.txt").write_bytes(n % 2 * b"\xef\xbb\xbf"
                                         + text.encode())
        if not expected:
            continue
        corpus = d2l.load_corpus(tmp_path / "a.txt", newline=newline,
                                 num_chars=num_chars)
        assert corpus.text == kept and corpus.num_chars == len(kept)
        assert corpus.idx_to_char == sorted(set(kept))
        assert corpus.sha256 == hashlib.sha256(kept.encode()).hexdigest()
        assert corpus.source == ("a.txt" if kept == expected else "a.txt, "
                                 f"first {len(kept)} of {len(expected)} "
                                 f"characters")


@pytest.mark.usefixtures("tiny_pieces")
@pytest.mark.parametrize("data, words", [
    (b"abcdefgh\xffij", "is not UTF-8 (byte 8)"),
    ("ab落霞".encode()[:-1], "is not UTF-8 (byte 5)"),
    (b"abcdefghi\0k", "has a NUL (byte 9)"),
    (b"\xef\xbb\xbf", "is empty")])
def test_what_is_wrong_in_a_later_piece(tmp_path, data, words):
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(words)):
        d2l.load_corpus(tmp_path / "a.txt")


@pytest.mark.parametrize("chars, at_most", [("abcdefghij" * 6, 1.5),
                                            ("一二三四五六七八九十", 1.5),
                                            ("".join(map(chr, range(
                                                0x4e00, 0x5800))), 2.6)])
def test_a_long_file_takes_the_memory_of_its_ids(tmp_path, chars, at_most):
    num_chars = 4_000_000
    (tmp_path / "a.txt").write_text(chars * (num_chars // len(chars)), "utf-8")
    d2l.load_corpus("to warm up")
    tracemalloc.start()
    corpus = d2l.load_corpus(tmp_path / "a.txt")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    table = 4 * sys.maxunicode  # bytes, whatever the text
    assert peak - table < at_most * corpus.num_chars + 2_000_000


@pytest.mark.parametrize("min_freq", [1, 2])
def test_characters_never_become_a_list_of_strings(min_freq):
    text = "一二三四五六七八九十" * 50_000
    tracemalloc.start()
    Corpus.from_text(text, "a long text", min_freq=min_freq)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * len(text)  # bytes; such a list takes over 80


def zip_of(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("_", "."), text)


def bad_files(folder):
    """Yield files that hold no usable text, and what is to be said."""
    (folder / "empty.txt").touch()
    yield folder / "empty.txt", "is empty"
    (folder / "latin.txt").write_bytes("é".encode("latin-1"))
    yield folder / "latin.txt", "is not UTF-8 (byte 0)"
    zip_of(folder / "pictures.zip", a_png="x")
    yield folder / "pictures.zip", "has no .txt in it"
    zip_of(folder / "hollow.zip", a_txt="")
    yield folder / "hollow.zip", "is empty"
    (folder / "corrupt.zip").write_bytes(b"no zip at all")
    yield folder / "corrupt.zip", "is not a readable zip"
    zip_of(folder / "torn.zip", a_txt="text " * 10_000)
    data = bytearray((folder / "torn.zip").read_bytes())
    data[60:90] = bytes(30)
    (folder / "torn.zip").write_bytes(data)
    yield folder / "torn.zip", "is not a readable zip"
    (folder / "folder.txt").mkdir()
    yield folder / "folder.txt", "is a folder"
    yield folder / "missing.txt", "there is no text at"
    yield str(folder / "missing"), "there is no text at"


def test_bad_files_are_named_in_one_sentence(tmp_path):
    for path, words in bad_files(tmp_path):
        with pytest.raises((ValueError, FileNotFoundError)) as caught:
            d2l.load_corpus(path)
        sentence = str(caught.value)
        assert words in sentence and str(path) in sentence
        assert "\n" not in sentence


def test_a_name_is_looked_for_in_the_folders_of_texts(monkeypatch, tmp_path):
    monkeypatch.setenv("D2LRNN_DATA", str(tmp_path))
    (tmp_path / "mine.txt").write_text("my own words")
    assert d2l.load_corpus("mine.txt").text == "my own words"
    assert d2l.load_corpus("original_lyrics.txt").vocab_size > 1_000


def test_a_zip_with_several_texts_gives_the_one_of_its_name(tmp_path):
    zip_of(tmp_path / "b.txt.zip", a_txt="aa", b_txt="bb")
    assert d2l.load_corpus(tmp_path / "b.txt.zip").text == "bb"


@pytest.mark.parametrize("arguments, words", [
    (("",), "is empty"), (("abc", 0), "num_chars is 0")])
def test_no_characters(arguments, words):
    text, *rest = arguments
    with pytest.raises(ValueError, match=words):
        d2l.load_corpus(text, num_chars=rest[0] if rest else None)


def test_what_ships_is_listed_with_its_sha256():
    folder = Path(resources.files("lyrics_data"))
    rows = (folder / "README.md").read_text("utf-8").splitlines()
    shipped = {path for path in folder.iterdir()
               if path.suffix in (".txt", ".mid", ".safetensors")}
    # a reader may have put the book's own text there
    shipped -= {folder / known.file for known in texts.TEXTS.values()}
    assert len(shipped) == 5
    for path in shipped:
        (row,) = (row for row in rows if row.startswith(f"| `{path.name}`"))
        assert hashlib.sha256(path.read_bytes()).hexdigest() in row
        assert "CC0" in row


def test_the_lyrics_that_ship(original):
    folder = Path(resources.files("lyrics_data"))
    text = (folder / "original_lyrics.txt").read_text("utf-8")
    assert len(text) >= 12_000
    assert original.vocab_size >= 1_000
    assert set("分开不") <= set(original.idx_to_char)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    readme = (folder / "README.md").read_text("utf-8")
    assert sha256 in readme and "CC0" in readme
    assert f"{len(text):,}" in readme
    assert f"{original.vocab_size:,}" in readme
    assert not re.search(r"[^\u4e00-\u9fff \n]", text)
