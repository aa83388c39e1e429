"""Texts as files: what is one, how a zip is read, what may be wrong."""
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import d2lrnn as d2l
import pytest
from d2lrnn.data import reading
from d2lrnn.data.reading import read_text
from d2lrnn.data.texts import find_text, is_path
from d2lrnn.dinosaur.data import load_names, read_names

POEM = "落霞与孤鹜齐飞，\n秋水共长天一色。\n" * 20


def zip_of(path, members, **options):
    """Write a zip with these members, a dict, in its order."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def refused(path):
    """Return the sentence with which a file is refused."""
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        d2l.load_corpus(Path(path))
    sentence = str(caught.value)
    assert len(sentence.splitlines()) == 1 and ": " in sentence
    return sentence


# paths and texts

@pytest.mark.parametrize("path", [
    "data/input.md", "input.md", "INPUT.MD", "poem.txt", "my poem.txt",
    "poem.TXT.ZIP", "books/all.json", "./poem", "../poem", "/no/such/poem",
    "~/no such poem", "tests/no_such_poem"])
def test_what_looks_like_a_path_and_is_none_is_missing(path, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    with pytest.raises(FileNotFoundError, match=r"there is no text at .*: "
                       r"check the path, or end it with a newline if it is"):
        d2l.load_corpus(path)
    with pytest.raises(FileNotFoundError, match=r"check the path$"):
        d2l.load_corpus(Path(path))
    assert d2l.load_corpus(path + "\n").text == path + "\n"


@pytest.mark.parametrize("text", [
    "and/or", "he/she/it", "Hello.", "Hello. World", "e.g. this", "3.14",
    "a", "abc" * 400, "poem.txt\n", "see\nREADME.md", "/ and \\", "~ so",
    "a\0b", "...", "a/", "你好。", "x" * 300 + ".txt or not",
    "no_such_folder/poem"])
def test_a_short_text_is_a_text(text):
    assert not is_path(text)
    assert d2l.load_corpus(text).text == text


def test_a_name_that_is_there_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("poem").write_text("that is it")
    assert d2l.load_corpus("poem").text == "that is it"


def test_an_address_is_to_be_downloaded():
    with pytest.raises(FileNotFoundError, match="is an address: download it"):
        d2l.load_corpus("https://example.com/poem")


@pytest.mark.parametrize("wrong", [None, b"abc", 3, ["a"], 2.5])
def test_what_is_neither_path_nor_text(wrong):
    with pytest.raises(ValueError, match=r"path_or_text is .*: give the path"):
        d2l.load_corpus(wrong)


def test_names_that_no_file_can_have(tmp_path):
    assert "cannot be read" in refused("a" * 5000)
    assert "there is no text at" in refused("a\0b.txt")
    assert "there is no text at" in refused(Path(__file__) / "a.txt")


# encodings

@pytest.mark.parametrize("text", ["Hello, you.\n", POEM, "Привет, мир\n"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be",
                                      "utf-32", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_named(tmp_path, text, encoding):
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    name = encoding[:6].upper()
    assert f"looks like {name}: save it as UTF-8" in refused(
        tmp_path / "a.txt")


def test_a_mark_alone_is_enough(tmp_path):
    (tmp_path / "a.txt").write_bytes("落霞".encode("utf-16"))
    assert "looks like UTF-16" in refused(tmp_path / "a.txt")


@pytest.mark.parametrize("data", [b"Hello, you.\n" * 20 + b"\0",
                                  b"\0\0" + b"Hello, you.\n" * 20,
                                  bytes(range(256))])
def test_a_nul_is_no_text(tmp_path, data):
    (tmp_path / "a.txt").write_bytes(data)
    sentence = refused(tmp_path / "a.txt")
    assert f"has a NUL (byte {data.index(0)})" in sentence


@pytest.mark.parametrize("text, encoding, words", [
    (POEM, "gbk", "is not UTF-8 (byte 0), but may be GBK: save it"),
    (POEM, "gb18030", "may be GBK"),
    ("Grüße, naïve façade", "latin-1", "is not UTF-8 (byte 2): save it"),
    ("Привет, мир", "cp1251", "is not UTF-8 (byte 0): save it"),
    ("吾輩は猫である。名前はまだ無い。", "shift-jis", "(byte 0): save it")])
def test_other_encodings(tmp_path, text, encoding, words):
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert words in refused(tmp_path / "a.txt")


def test_what_is_no_false_alarm(tmp_path):
    for text in ("a", "ab", "abc\n", "\u0100\u0200" * 50, "\x01\x7f\x0b",
                 "𝄞😀" * 9, POEM):
        (tmp_path / "a.txt").write_bytes(text.encode())
        assert read_text(tmp_path / "a.txt") == text


@pytest.mark.parametrize("text", ["ab\ud800c", "\udcff"])
@pytest.mark.parametrize("level", ["char", "word"])
def test_a_lone_surrogate_is_no_character(text, level):
    with pytest.raises(ValueError, match=r"a text given as a string has a "
                       r"lone surrogate, '\\ud.*', at place \d, .*: take"):
        d2l.load_corpus(text, level=level)
    with pytest.raises(ValueError, match="lone surrogate"):
        d2l.Corpus.from_tokens([text], "tokens")


def test_a_name_that_is_not_utf_8(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    with open(path, "w") as file:
        file.write("that is it")
    assert d2l.load_corpus(os.fsdecode(path)).source == "caf?.txt"


# what is no file, and what is too long

def test_what_has_no_end_is_not_read(tmp_path):
    assert "/dev/zero is not a regular file" in refused("/dev/zero")
    os.mkfifo(tmp_path / "pipe.txt")
    assert "is not a regular file, and may have no end" in refused(
        tmp_path / "pipe.txt")


def test_two_gigabytes_are_the_limit(tmp_path):
    with open(tmp_path / "a.txt", "wb") as file:
        file.truncate(reading.LIMIT + 1)  # takes no room
    assert "a.txt has more than the 2 GB that a text may have" in refused(
        tmp_path / "a.txt")
    (tmp_path / "a.txt").rename(tmp_path / "a.zip")
    assert "a.zip has more than the 2 GB" in refused(tmp_path / "a.zip")


def claim(path, size):
    """Let the directory of a zip claim another size of its one member."""
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\1\2") + 24
    data[place:place + 4] = struct.pack("<I", size)
    path.write_bytes(data)


def test_a_zip_that_unpacks_to_more_is_refused_by_its_directory(tmp_path):
    path = zip_of(tmp_path / "a.zip", {"a.txt": "text " * 1000})
    claim(path, 3_300_000_000)
    assert "the text in" in refused(path) and "2 GB" in refused(path)


def test_reading_ends_at_the_limit(tmp_path, monkeypatch):
    path = zip_of(tmp_path / "a.zip", {"a.txt": "text " * 10_000},
                  compression=zipfile.ZIP_DEFLATED)
    (tmp_path / "a.txt").write_text("text " * 10_000)
    monkeypatch.setattr(reading, "PIECE", 100)
    monkeypatch.setattr(reading, "LIMIT", 49_999)
    for file in (path, tmp_path / "a.txt"):
        assert "a text may have: give a part of it" in refused(file)
    monkeypatch.setattr(reading, "check_size", lambda size, source: None)
    with zipfile.ZipFile(path) as archive, archive.open("a.txt") as file:
        assert len(reading.read_bytes(file)) == 50_000
        assert not reading.read_bytes(file)
    monkeypatch.setattr(reading, "LIMIT", 1000)
    with open(tmp_path / "a.txt", "rb") as file:
        assert len(reading.read_bytes(file)) == 1100


@pytest.mark.parametrize("size", [10, 49_999, 50_001, 10 ** 9])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED,
                                    zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_size_that_lies_changes_no_text(tmp_path, size, method):
    path = zip_of(tmp_path / "a.zip", {"a.txt": "text " * 10_000},
                  compression=method)
    claim(path, size)
    try:
        assert read_text(path) == "text " * 10_000
    except ValueError as error:
        assert "is not a readable zip" in str(error)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "a.txt").write_text("abc")
    (tmp_path / "a.txt").chmod(0)
    assert "cannot be read (Permission denied)" in refused(tmp_path / "a.txt")


@pytest.mark.process
def test_a_pipe_of_ones_own_is_read():
    code = ("import d2lrnn as d2l; print(d2l.load_corpus('/dev/stdin').text,"
            " end='')")
    done = subprocess.run([sys.executable, "-c", code], input="to be\nor",
                          text=True, capture_output=True, check=True)
    assert done.stdout == "to be\nor"


# zips

@pytest.mark.parametrize("members, source", [
    ({"__MACOSX/._mac.txt": "x" * 50, "mac.txt": POEM}, "mac.zip"),
    ({"._mac.txt": "x" * 50, "mac.txt": POEM}, "mac.zip"),
    ({".hidden.txt": "x", ".git/a.txt": "x", "b.txt": POEM},
     "mac.zip: b.txt"),
    ({"a.txt": "x" * 5000, "MAC.TXT": POEM}, "mac.zip"),
    ({"folder/": "", "folder/mac.txt": POEM}, "mac.zip"),
    ({"a.txt": "x", "poems/b.TXT": POEM, "c.txt": "y", "d.png": "x" * 9999},
     "mac.zip: poems/b.TXT, the largest of 3 texts"),
    ({"a.txt": "", "poems\\odd\nname.txt": POEM},
     "mac.zip: poems{}odd?name.txt, the largest of 2 texts"),
    ({"落霞.txt": POEM}, "mac.zip: 落霞.txt")])
def test_the_text_that_was_meant_is_taken(tmp_path, members, source):
    path = zip_of(tmp_path / "mac.zip", members)
    corpus = d2l.load_corpus(path)
    assert corpus.text == POEM
    assert corpus.source.replace("\\", "{}") == source
    assert d2l.load_corpus(path, num_chars=7).source == (
        corpus.source + ", first 7 of 360 characters")


def test_a_suffix_in_capitals_is_one(tmp_path):
    path = zip_of(tmp_path / "POEM.ZIP", {"POEM.TXT": POEM})
    assert d2l.load_corpus(str(path)).text == POEM


@pytest.mark.parametrize("members", [
    {}, {"a.png": "x"}, {"folder.txt/": ""}, {"inner.zip": "PK"},
    {"__MACOSX/a.txt": "x", "._b.txt": "y"}])
def test_a_zip_without_a_text(tmp_path, members):
    path = zip_of(tmp_path / "poem.zip", members)
    assert "has no .txt in it: put the text in as poem" in refused(path)


def change(path, old, new, start=0):
    """Put other bytes where these stand in a file."""
    data = path.read_bytes()
    place = data.index(old, start)
    path.write_bytes(data[:place] + new + data[place + len(old):])


def test_an_encrypted_zip(tmp_path):
    path = zip_of(tmp_path / "a.zip", {"a.txt": "text"})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.rindex(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    assert "is encrypted: unpack it" in refused(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED,
                                    zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip_is_told_in_one_way(tmp_path, method):
    path = zip_of(tmp_path / "a.zip", {"a.txt": POEM * 30},
                  compression=method)
    whole = path.read_bytes()
    # stored as it is, the text is long, and its bytes are all alike
    step = max(7, len(whole) // 150)
    for place in range(35, len(whole) - 120, step):
        data = bytearray(whole)
        data[place] ^= 0x55
        path.write_bytes(data)
        try:
            assert read_text(path) == POEM * 30
        except ValueError as error:
            assert "a.zip is not a readable zip (" in str(error)
            assert str(error).endswith("): get a new copy of it")


def test_a_member_with_two_names_is_damage(tmp_path):
    path = zip_of(tmp_path / "poem.zip", {"poem.txt": POEM, "other.txt": "x"})
    change(path, b"poem.txt", b"poem.tyt", path.read_bytes().index(b"PK\1\2"))
    assert "is not a readable zip" in refused(path)


# lists of names

def test_a_list_of_names_is_read_like_a_text(tmp_path):
    path = zip_of(tmp_path / "names.zip", {"my.txt": "Zuul\nBorea\n"})
    assert load_names(path)[0] == ["zuul", "borea"]
    assert load_names(str(path))[1] == "names.zip: my.txt, 2 names"
    with pytest.raises(FileNotFoundError, match="there is no text at"):
        load_names(tmp_path / "none.txt")
    with pytest.raises(ValueError, match="path is 3: give the name"):
        load_names(3)


@pytest.mark.parametrize("data, words", [
    (None, "data is None: give a text, or a list"),
    (3, "data is 3: give a text, or a list"),
    (b"Zuul", "data is b'Zuul': give a list of str")])
def test_what_is_no_list_of_names(data, words):
    with pytest.raises(ValueError, match=words):
        read_names(data)


@pytest.mark.parametrize("problem", [RuntimeError, None])
def test_without_a_home_a_text_is_replaced(no_texts, monkeypatch, problem):
    def os_cache(name):
        if problem:
            raise problem("no home")
        return f"~/.cache/{name}"  # as of older versions of platformdirs

    monkeypatch.setattr("d2lrnn.data.texts.pooch.os_cache", os_cache)
    with pytest.warns(d2l.D2LRNNWarning,
                      match="there is no home folder to downl"):
        path = find_text("tinyshakespeare")
    assert path.name == "original_sonnets.txt"
    with pytest.raises(FileNotFoundError, match="put it into a folder"):
        find_text("tinyshakespeare", fallback=False)
