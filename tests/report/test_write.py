"""The perplexity report holds what the training did."""
import io
import json
import math
import re
import warnings

import d2lrnn as d2l
import numpy as np
import pytest


@pytest.fixture
def histories():
    return {label: [{"epoch": epoch, "perplexity": start / epoch,
                     "seconds": 0.5, "characters": 1000,
                     **({"lyrics": [f"abc {epoch}"]} if epoch % 2 else {})}
                    for epoch in (1, 2, 3)]
            for label, start in (("one way", 60.0), ("another way", 30.0))}


@pytest.fixture
def written(histories, abc, tmp_path):
    return d2l.write_report("lesson", histories, abc,
                            {"seed": 5, "ctx": "cpu(0)", "prefixes": ["a"]},
                            tmp_path / "runs")


def test_baselines(original):
    assert d2l.unigram_perplexity([0, 1, 1, 0, 2, 2]) == pytest.approx(3)
    assert d2l.unigram_perplexity([4, 4, 4]) == 1
    assert d2l.unigram_perplexity([0, 2 ** 40]) == pytest.approx(2)
    assert d2l.unigram_perplexity(np.arange(2, dtype=np.uint64)) == (
        pytest.approx(2))
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert d2l.unigram_perplexity([0, 0, 0, 1]) == pytest.approx(
        math.exp(entropy))
    unigram = d2l.unigram_perplexity(original.corpus_indices)
    assert 1 < unigram < original.vocab_size


def test_the_record(written, histories, abc):
    record = json.loads((written / "report.json").read_text("utf-8"))
    assert record["name"] == "lesson"
    assert record["settings"] == {"seed": 5, "ctx": "cpu(0)",
                                  "prefixes": ["a"]}
    assert record["text"] == {"source": abc.source, "sha256": abc.sha256,
                              "characters": 1500, "tokens": 1500,
                              "vocab_size": 3}
    assert record["baselines"] == {
        "uniform": 3, "unigram": pytest.approx(3), "bigram": 1, "trigram": 1}
    assert {"d2lrnn", "mxnet", "numpy", "python"} <= set(record["versions"])
    training = record["trainings"]["another way"]
    assert training["history"] == histories["another way"]
    assert training["perplexity"] == 10 and training["epochs"] == 3
    assert training["seconds_per_epoch"] == 0.5
    assert training["characters_per_second"] == 2000
    assert training["lyrics"] == ["abc 3"]


def test_the_page(written):
    page = (written / "report.md").read_text("utf-8")
    for words in ("training text", "(perplexity.png)", "uniform guess",
                  "| one way | 20.000 | 3 | 0.500 | 2,000 |", "- abc 3",
                  "| seed | 5 |", "| mxnet | 1.9.1 |"):
        assert words in page


def test_the_page_of_a_training_without_lyrics(histories, abc, tmp_path):
    for history in histories.values():
        for record in history:
            record.pop("lyrics", None)
    done = d2l.write_report("lesson", histories, abc, {}, tmp_path)
    assert "Lyrics" not in (done / "report.md").read_text("utf-8")


def test_the_pictures(written):
    png = (written / "perplexity.png").read_bytes()
    assert png.startswith(b"\x89PNG") and len(png) > 10_000
    svg = (written / "perplexity.svg").read_text("utf-8")
    assert "<svg" in svg and svg.rstrip().endswith("</svg>")


def test_the_plot_has_both_curves_and_both_baselines(histories, abc):
    (axes,) = d2l.plot_perplexity(histories, abc).axes
    assert [line.get_label() for line in axes.lines] == [
        "one way", "another way", "uniform guess (3)", "unigram guess (3)",
        "bigram guess (1)", "trigram guess (1)"]
    assert list(axes.lines[0].get_ydata()) == [60, 30, 20]
    assert axes.get_yscale() == "log"
    assert "training text" in axes.get_ylabel()


def test_the_path_is_printed_and_the_lines_fit(written, capsys, histories,
                                               abc, tmp_path):
    folder = tmp_path / "runs"
    capsys.readouterr()
    again = d2l.write_report("lesson", histories, abc, {}, folder)
    assert again != written and again.parent == written.parent
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == f"report: {again}"
    assert all(len(line) <= 80 for line in printed[:-1])
    assert re.search(r"one way\s+20\.000\s+0\.500\s+2,000",
                     "\n".join(printed))


def test_a_summary_is_printed_where_there_is_no_utf_8(histories, abc,
                                                      tmp_path, monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", output)
    histories["猫" * 40] = histories.pop("one way")
    with warnings.catch_warnings():  # of boxes, where no font has it
        warnings.simplefilter("ignore", d2l.D2LRNNWarning)
        done = d2l.write_report("lesson", histories, abc, {}, tmp_path)
    output.flush()
    printed = output.buffer.getvalue().decode("ascii")
    assert "  ???????" in printed and "10.000" in printed
    assert printed.endswith(f"report: {done}\n")


def test_a_failure_leaves_nothing(histories, abc, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        d2l.write_report("lesson", histories, abc, {}, tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_folder_that_cannot_be_written_to(histories, abc, tmp_path,
                                            monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "runs").write_text("a file, no folder")
    with pytest.warns(d2l.D2LRNNWarning, match="cannot be written to"):
        done = d2l.write_report("lesson", histories, abc, {},
                                tmp_path / "runs")
    assert (done / "report.md").exists()
    assert done.parent.name.startswith("d2lrnn-")


@pytest.fixture
def held_out(histories):
    """The first training has been measured on held-out text, too."""
    for record, perplexity in zip(histories["one way"], (70.0, 40.0, 50.0),
                                  strict=True):
        record |= {"held_out_perplexity": perplexity,
                   "held_out_loss": math.log(perplexity),
                   "held_out_bits_per_char": math.log2(perplexity),
                   "held_out_unk": 0.0125, "held_out_known_loss": 3.0}
    return histories


def test_the_best_held_out_epoch(held_out, abc, tmp_path, capsys):
    done = d2l.write_report("lesson", held_out, abc, {}, tmp_path)
    record = json.loads((done / "report.json").read_text("utf-8"))
    trainings = record["trainings"]
    assert trainings["one way"]["best"] == {
        "epoch": 2, "held_out_perplexity": 40.0,
        "held_out_bits_per_char": math.log2(40), "held_out_unk": 0.0125}
    assert "best" not in trainings["another way"]
    page = (done / "report.md").read_text("utf-8")
    assert "| one way | 40.000 | 5.322 | 2 | 1.25% |" in page
    assert page.count("| another way |") == 1 and "held out" in page
    printed = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in printed[:-1])
    (line,) = (line for line in printed if "1.25%" in line)
    assert line.split() == ["one", "way", "40.000", "5.322", "2", "1.25%"]


def test_without_held_out_text_there_is_no_word_of_it(written, capsys):
    assert "held out" not in (written / "report.md").read_text("utf-8")
    assert "held-out" not in capsys.readouterr().out


def test_the_held_out_curve(held_out, abc):
    (axes,) = d2l.plot_perplexity(held_out, abc).axes
    labels = [line.get_label() for line in axes.lines]
    assert labels == ["one way", "one way, held out", "another way",
                      "uniform guess (3)", "unigram guess (3)",
                      "bigram guess (1)", "trigram guess (1)"]
    train, curve = axes.lines[:2]
    assert list(curve.get_xdata()) == [1, 2, 3]
    assert list(curve.get_ydata()) == [70, 40, 50]
    assert curve.get_color() == train.get_color()
    assert curve.get_linestyle() != train.get_linestyle()
    assert axes.get_ylabel() == "perplexity"


def test_an_infinite_perplexity_is_still_json(held_out, abc, tmp_path):
    held_out["one way"][0]["held_out_perplexity"] = math.inf

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    done = d2l.write_report("lesson", held_out, abc, {}, tmp_path)
    record = json.loads((done / "report.json").read_text("utf-8"),
                        parse_constant=refuse)
    first, *_ = record["trainings"]["one way"]["history"]
    assert first["held_out_perplexity"] == "Infinity"
