"""A record makes a report, or is refused in one sentence with its file."""
import json
import math

import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn.data.corpus import Corpus
from d2lrnn.report.page import figure_of, to_html
from d2lrnn.report.records import read_record, read_records, write_json
from d2lrnn.report.write import make_record, write_pages


def history(start=9.0, **more):
    return [{"epoch": epoch, "perplexity": start / epoch, "seconds": 0.5,
             "characters": 1000, **more} for epoch in (1, 2, 3)]


@pytest.fixture
def run(abc, tmp_path):
    """Return a function that writes the record of a run into a folder."""
    def run(folder, name=None, corpus=abc, **more):
        folder = tmp_path / folder
        folder.mkdir(parents=True)
        write_json(folder / "record.json", make_record(
            name or folder.name, {"fit": history(**more)}, corpus, {}))
        return folder

    return run


@pytest.mark.parametrize("folders, names", [
    (["a/run", "b/run"], ["a/run", "b/run"]),
    (["a/run", "b/run", "c"], ["a/run", "b/run", "c"]),
    (["a/x/run", "b/x/run", "b/y/run"], ["a/x/run", "b/x/run", "b/y/run"]),
    (["a", "b"], ["a", "b"])])
def test_runs_of_one_name_go_by_their_folders(run, folders, names, tmp_path):
    records = read_records([run(folder) for folder in folders])
    assert [record["name"] for record in records] == names
    page = write_pages(tmp_path / "both", records) / "report.html"
    for name in names:
        assert f"<title>{name}, fit: epoch 3, 3</title>" in page.read_text()


def test_reports_of_one_name_go_by_the_folders_too(run):
    paths = [run(folder, "lesson") for folder in ("lesson-1", "lesson-2")]
    assert [record["name"] for record in read_records(paths)] == [
        "lesson-1", "lesson-2"]


def test_the_same_run_twice(run, tmp_path):
    path = run("run")
    (tmp_path / "link").symlink_to(path)
    for other in (path, path / "record.json", tmp_path / "link"):
        with pytest.raises(ValueError, match=r" is the same run as .*run: "
                                             r"give each run once"):
            read_records([path, other])


def test_labels_that_come_again_are_numbered(abc):
    record = make_record("a", {"b": history(), "c": history()}, abc, {})
    page = to_html([record, {**record, "name": "a"}])
    for label in ("a, b", "a, c", "a, b (2)", "a, c (2)"):
        assert f'<th scope="row">{label}</th>' in page
    assert len(figure_of([record, record]).axes[0].lines) == 4 + 4


def test_words_and_characters_in_one_report():
    text = "cat sat cat sat "
    records = [make_record(level, {"fit": history()}, Corpus.from_text(
        text, "cats", level=level), {}) for level in ("char", "word")]
    page = to_html(records)
    assert "equally likely characters or tokens that a model" in page
    assert "16 characters, 5 distinct" in page
    assert "16 characters, 8 tokens, 3 distinct" in page
    assert "their perplexities cannot" in page
    for label, cells in (("uniform guess, char", "<td>5.000</td>"),
                         ("uniform guess, word", "<td>3.000</td>")):
        assert f'<th scope="row">{label}</th>{cells}' in page
    labels = [line.get_label() for line in figure_of(records).axes[0].lines]
    assert labels[-8:] == [
        "uniform guess, char (5)", "uniform guess, word (3)",
        "unigram guess, char (4.8)", "unigram guess, word (2.8)",
        "bigram guess, char (1.1)", "bigram guess, word (1.3)",
        "trigram guess, char (1.1)", "trigram guess, word (1)"]
    assert "cannot" not in to_html(records[:1])


def test_two_runs_of_one_text_have_its_guesses_once(abc):
    records = [make_record(name, {"fit": history()}, abc, {})
               for name in ("a", "b")]
    labels = [line.get_label() for line in figure_of(records).axes[0].lines]
    assert labels[-4:] == ["uniform guess (3)", "unigram guess (3)",
                           "bigram guess (1)", "trigram guess (1)"]


def test_what_is_missing_has_a_default(tmp_path):
    least = {"trainings": {"fit": {"history": [{"perplexity": 5.0},
                                               {"perplexity": 4.0}]}}}
    (tmp_path / "record.json").write_text(json.dumps(least))
    record = read_record(tmp_path)
    assert record["name"] == tmp_path.name
    training = record["trainings"]["fit"]
    assert training["perplexity"] == 4 and training["epochs"] == 2
    assert [epoch["epoch"] for epoch in training["history"]] == [1, 2]
    page = write_pages(tmp_path / "report", [record]) / "report.html"
    assert ('<th scope="row">fit</th><td>4.000</td><td>–</td><td>–</td>'
            "<td>–</td><td>2</td><td>–</td><td>–</td>") in page.read_text()


def test_what_a_newer_version_adds_is_kept(run):
    path = run("run") / "record.json"
    record = json.loads(path.read_text())
    record["new"] = record["text"]["new"] = {"a": [1]}
    record["trainings"]["fit"]["history"][0]["new"] = ["x"]
    path.write_text(json.dumps(record))
    read = read_record(path)
    assert read["new"] == read["text"]["new"] == {"a": [1]}
    assert read["trainings"]["fit"]["history"][0]["new"] == ["x"]


def damaged(path, key, value):
    """Set what stands at a path of keys, such as "text.tokens"."""
    record = json.loads(path.read_text())
    inner = record
    *keys, last = (int(key) if key.isdecimal() else key
                   for key in key.split("."))
    for key in keys:
        inner = inner[key]
    inner[last] = value
    path.write_text(json.dumps(record))


EPOCH = "trainings.fit.history.1"


@pytest.mark.parametrize("key, value, words", [
    ("trainings", [], r"trainings is \[\]: it must be a dict"),
    ("trainings", {}, "there is no training in it"),
    ("trainings.fit", 5, "training 'fit' is 5"),
    ("trainings.fit.history", [], "history of training 'fit' is empty"),
    ("trainings.fit.history", "abc", "it must be a list of dicts"),
    (EPOCH, [1], r"epoch 2 of training 'fit' is \[1\]: it must be a dict"),
    (EPOCH + ".perplexity", None, "there is no perplexity in epoch 2 of"),
    (EPOCH + ".perplexity", "5", "perplexity in epoch 2 of training 'fit' is "
                                 "'5': it must be a number above 0"),
    (EPOCH + ".perplexity", 0, "it must be a number above 0"),
    (EPOCH + ".seconds", 10 ** 400, "seconds in epoch 2 .* at least 0"),
    (EPOCH + ".seconds", -1, "seconds in epoch 2 of .* at least 0"),
    (EPOCH + ".grad_norm", [1], r"grad_norm .* is \[1\]: it must be a"),
    (EPOCH + ".epoch", 1.5, "number of epoch in epoch 2 .* is 1.5"),
    (EPOCH + ".lyrics", 5, "lyrics in epoch 2 .* it must be a list of str"),
    (EPOCH + ".lyrics", [5],
     "one of the lyrics in epoch 2 .* is 5: it must be a str"),
    ("name", 5, "name is 5: it must be a str"),
    ("text", "abc", "text is 'abc': it must be a dict"),
    ("text.characters", 0, "characters is 0: it must be a number of at"),
    ("text.tokens", "many", "tokens is 'many'"),
    ("baselines.unigram", -1, "unigram is -1: it must be a number above 0"),
    ("settings", [1], r"settings is \[1\]: it must be a dict"),
    ("command", "d2lrnn", "command is 'd2lrnn': it must be a list"),
    ("new", json.loads("[" * 60 + "]" * 60), "nested more than 50 deep"),
])
def test_what_is_damaged_is_named(run, key, value, words):
    path = run("run") / "record.json"
    damaged(path, key, value)
    with pytest.raises(ValueError, match=words) as caught:
        read_record(path.parent)
    message = str(caught.value)
    assert message.startswith(f"{path} is not the record of one run (")
    assert message.endswith("that d2lrnn wrote") and "\n" not in message


@pytest.mark.parametrize("data", [
    b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"null", b'{"trainings":1}',
    b"1" * 5000, b'"a' + b"\x00" * 10])
def test_what_is_no_record(tmp_path, data):
    (tmp_path / "record.json").write_bytes(data)
    with pytest.raises(ValueError, match=r"record\.json is not the record"):
        read_record(tmp_path)


def test_several_runs_in_one_file(run, tmp_path):
    folder = write_pages(tmp_path / "both", read_records([run("a"),
                                                          run("b")]))
    with pytest.raises(ValueError, match="it is a list, as of several runs"):
        read_record(folder)


def test_a_file_that_is_too_large(tmp_path):
    with (tmp_path / "record.json").open("wb") as file:
        file.truncate(2 ** 29)
    with pytest.raises(ValueError, match="it has 536,870,912 bytes"):
        read_record(tmp_path)


@pytest.mark.parametrize("path", ["", 5, None, "n" * 5000, "a\0b"])
def test_what_is_no_path_of_a_run(path):
    with pytest.raises(ValueError, match=r"the path of a run is|there is no"):
        read_record(path)


@pytest.mark.parametrize("word", ["Infinity", "NaN"])
def test_numbers_that_json_lacks(run, word, tmp_path):
    path = run("run", held_out_perplexity=5.0) / "record.json"
    damaged(path, EPOCH + ".perplexity", word)
    damaged(path, EPOCH + ".held_out_perplexity", word)
    record = read_record(path)
    value = record["trainings"]["fit"]["history"][1]["perplexity"]
    assert not math.isfinite(value)
    assert record["trainings"]["fit"]["best"]["epoch"] == 1
    folder = write_pages(tmp_path / "report", [record])
    again = json.loads((folder / "report.json").read_text())
    assert again["trainings"]["fit"]["history"][1]["perplexity"] == word


def test_half_a_character_is_written_and_read(run, tmp_path):
    path = run("run", "caf\udce9")
    assert read_record(path)["name"] == "caf\udce9"


def test_numpys_numbers_become_pythons(abc, tmp_path):
    record = make_record("run", {"fit": [
        {"perplexity": np.float32(2), "epoch": np.int64(1),
         "extra": np.arange(2), "losses": (np.float64(1), None)}]}, abc,
        {"lr": np.float32(0.5), "sizes": [np.int64(3)], "ctx": d2l.try_gpu,
         "none": None})
    assert json.loads(json.dumps(record)) == record
    assert record["settings"]["lr"] == 0.5
    assert record["settings"]["sizes"] == [3]
    (epoch,) = record["trainings"]["fit"]["history"]
    assert epoch == {"perplexity": 2, "epoch": 1, "extra": [0, 1],
                     "losses": [1, None]}


LOOP = []
LOOP.append(LOOP)


@pytest.mark.parametrize("changed, words", [
    ({"name": "../../esc"}, r"name is '\.\./\.\./esc': give a few words"),
    ({"name": "a/b"}, "without /"), ({"name": ""}, "name is ''"),
    ({"name": "a\0b"}, "control characters"), ({"name": 5}, "name is 5"),
    ({"name": "n" * 300}, "of 300 bytes: give at most 200"),
    ({"name": "\udce9"}, "name is"),
    ({"histories": {}}, "there is no training"),
    ({"histories": []}, r"histories is \[\]: it must be a dict"),
    ({"histories": {"a": []}}, "history of training 'a' is empty"),
    ({"histories": {"a": None}}, "history of training 'a' is None"),
    ({"histories": {5: history()}}, "a label is 5: it must be a str"),
    ({"histories": {"a": [{"epoch": 1}]}}, "there is no perplexity in epoch"),
    ({"histories": {"a": [{"perplexity": "x"}]}}, "perplexity in epoch 1 of"),
    ({"histories": {"a": [{"perplexity": 1, ("b",): 2}]}},
     "histories cannot be written as JSON"),
    ({"corpus": "abc"}, "corpus is 'abc': it must be a Corpus"),
    ({"settings": None}, "settings is None: it must be a dict"),
    ({"settings": {"a": LOOP}}, "settings cannot be written as JSON"),
    ({"folder": ""}, "folder is ''"), ({"folder": None}, "folder is None")])
def test_unusable_arguments_write_nothing(changed, words, abc, tmp_path,
                                          monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words) as caught:
        d2l.write_report(**{"name": "run", "histories": {"a": history()},
                            "corpus": abc, "settings": {},
                            "folder": "runs", **changed})
    assert "\n" not in str(caught.value)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("ids", [[], [-1, 0], [0.5], "abc", [[1]], None])
def test_what_has_no_unigrams(ids):
    with pytest.raises(ValueError, match="corpus_indices is"):
        d2l.unigram_perplexity(ids)


def test_a_failure_takes_new_folders_away(run, tmp_path, monkeypatch):
    records = read_records([run("run")])
    before = set(tmp_path.rglob("*"))

    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(KeyboardInterrupt):
        write_pages(tmp_path / "deep" / "new" / "x", records)
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("out", ["file/x", "file/deep/x", "/proc/new/x"])
def test_where_no_folder_can_be(run, tmp_path, out):
    records = read_records([run("run")])
    (tmp_path / "file").write_text("a file")
    before = set(tmp_path.rglob("*"))
    with pytest.raises(OSError, match="cannot be created as a fold") as caught:
        write_pages(tmp_path / out, records)
    assert "in a folder that can be written to" in str(caught.value)
    assert "[Errno" not in str(caught.value)
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("out", ["n" * 300, "new/" + "n" * 300])
def test_a_name_that_no_folder_can_have(run, tmp_path, out):
    records, before = read_records([run("run")]), set(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="a name of 300 bytes: give one of"):
        write_pages(tmp_path / out, records)
    assert set(tmp_path.rglob("*")) == before


def test_a_report_needs_a_place_of_its_own(run, tmp_path):
    records = read_records([run("run")])
    (tmp_path / "file").write_text("a file")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    for name in ("file", "run"):
        with pytest.raises(ValueError, match=f"{name} exists already"):
            write_pages(tmp_path / name, records)
