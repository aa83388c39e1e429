"""The guesses beside a model: on the text that the model is measured on."""
import json

import d2lrnn as d2l
import pytest
from d2lrnn.report import baselines
from d2lrnn.report.markdown import to_markdown
from d2lrnn.report.page import figure_of, to_html
from d2lrnn.report.records import read_record, write_json
from d2lrnn.report.write import make_record, print_summary

HELD_OUT = {"held_out_perplexity": 40.0, "held_out_bits_per_char": 5.3}


def history(**more):
    return [{"epoch": epoch, "perplexity": 9.0 / epoch, "seconds": 0.5,
             "characters": 1000, **more} for epoch in (1, 2, 3)]


def guesses_of(figure):
    (axes,) = figure.axes
    return [label for label in (line.get_label() for line in axes.lines)
            if "guess" in label]


def test_on_the_training_text(original):
    found = make_record("run", {"a": history()}, original, {})["baselines"]
    ids, V = original.corpus_indices, original.vocab_size
    assert found == {"uniform": V, **{
        guess: pytest.approx(d2l.ngram_perplexity(ids, n, V, smooth=False))
        for n, guess in enumerate(("unigram", "bigram", "trigram"), 1)}}


def test_on_the_text_that_fit_holds_out(original, tmp_path, capsys):
    model = d2l.CharRNN(original.vocab_size, 4, 4, 1)
    d2l.fit(model, original, 1, 0.1, held_out=0.2, folder=tmp_path / "run")
    record = read_record(tmp_path / "run")
    train_ids, rest, _ = d2l.split(original, 0.2)
    V, text = original.vocab_size, to_markdown(record)
    print_summary(record)
    printed, page = capsys.readouterr().out, to_html([record])
    for n, guess in enumerate(("unigram", "bigram", "trigram"), 1):
        train = d2l.ngram_perplexity(train_ids, n, V, smooth=False)
        held_out = d2l.ngram_perplexity(train_ids, n, V, rest)
        found = record["baselines"]
        assert found[guess] == pytest.approx(train)
        assert found[f"held_out_{guess}"] == pytest.approx(held_out)
        assert f"| {guess} guess | {train:.3f} | | | |" in text
        assert f"| {guess} guess | {held_out:.3f} | " in text
        assert (f'"row">{guess} guess</th><td>{train:.3f}</td>'
                f"<td>{held_out:.3f}</td>") in page
        assert printed.count(f"  {guess} guess  ") == 2
        assert f"{held_out:.3f}" in printed
    labels = guesses_of(figure_of([record]))
    assert labels[0] == f"uniform guess ({V})" and len(labels) == 4
    assert [label.split(" (")[0] for label in labels[1:]] == [
        f"{guess} guess, held out"
        for guess in ("unigram", "bigram", "trigram")]


@pytest.mark.parametrize("settings, epoch", [
    ({}, HELD_OUT), ({"held_out": 0.2}, {}),
    ({"held_out": "sonnets.txt"}, HELD_OUT), ({"held_out": 2}, HELD_OUT),
    ({"held_out": 1e-9}, HELD_OUT)])
def test_what_was_held_out_must_be_known(original, settings, epoch):
    record = make_record("run", {"a": history(**epoch)}, original, settings)
    assert list(record["baselines"]) == [
        "uniform", "unigram", "bigram", "trigram"]


def test_a_lessons_figure_is_told_what_was_held_out(original):
    figure = d2l.plot_perplexity({"a": history(**HELD_OUT)}, original,
                                 held_out=0.1)
    assert [label.split(" (")[0] for label in guesses_of(figure)] == [
        "uniform guess", "unigram guess, held out", "bigram guess, held out",
        "trigram guess, held out"]
    with pytest.raises(ValueError, match="held_out is 2"):
        d2l.plot_perplexity({"a": history()}, original, held_out=2)


def test_records_of_older_versions_are_shown(abc, tmp_path, capsys):
    record = make_record("run", {"a": history(**HELD_OUT)}, abc, {})
    record["baselines"] = {"uniform": 3, "unigram": 2.5}
    write_json(tmp_path / "record.json", record)
    record = read_record(tmp_path)
    assert record["baselines"] == {"uniform": 3, "unigram": 2.5}
    print_summary(record)
    for text in (to_markdown(record), to_html([record]),
                 capsys.readouterr().out):
        assert "unigram guess" in text and "gram guess, " not in text
        assert "bigram" not in text and "trigram" not in text
    assert guesses_of(figure_of([record])) == ["uniform guess (3)",
                                               "unigram guess (2.5)"]
    record["baselines"] = {}
    write_json(tmp_path / "record.json", record)
    assert "guess" not in to_html([read_record(tmp_path)])


@pytest.mark.parametrize("key", ["bigram", "held_out_trigram"])
def test_a_damaged_guess_is_named(abc, tmp_path, key):
    record = make_record("run", {"a": history()}, abc, {})
    record["baselines"][key] = -1
    (tmp_path / "record.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=f"{key} is -1: it must be a number"):
        read_record(tmp_path)


def test_the_guesses_of_two_runs_that_held_out_differently(original):
    records = [make_record(name, {"a": history(**more)}, original, settings)
               for name, more, settings in (
                   ("one", HELD_OUT, {"held_out": 0.2}), ("two", {}, {}))]
    labels = [label.split(" (")[0] for label in guesses_of(
        figure_of(records))]
    assert "bigram guess, held out, one" in labels
    assert "bigram guess, two" in labels and "bigram guess, one" not in labels


def test_in_a_long_text_no_ngrams_are_counted(original, monkeypatch):
    monkeypatch.setattr(baselines, "LONGEST", 100)
    found = make_record("run", {"a": history()}, original, {})["baselines"]
    assert list(found) == ["uniform", "unigram"]
