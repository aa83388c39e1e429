"""The studies of long trainings, at tiny sizes, and their tables."""
import json
import math
import sys

import d2lrnn as d2l
import pytest

from benchmarks.studies import ptb, regularisation, tinyshakespeare
from benchmarks.studies.ptb import TRAININGS, halved
from benchmarks.studies.regularisation import MODEL, STEPS, TRAINING

MACHINE = {"machine": {"cpu": "a cpu", "cores": 2}}


def run(study, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["study", *map(str, arguments)])
    study.main()
    return json.loads(study.RESULTS.read_text("utf-8"))


def test_a_step_changes_what_it_says_in_another_one():
    assert STEPS["dropout 0.4"].settings() == (MODEL, TRAINING)
    assert STEPS["dropout 0.4"].words() == ""
    model, training = STEPS["longer, more dropout"].settings()
    assert model == {**MODEL, "dropout": 0.5}
    assert training == {**TRAINING, "batch_size": 12, "num_epochs": 44}
    assert STEPS["longer, more dropout"].words() == (
        "half the batch, `dropout=0.5`, `num_epochs=44`")
    every = [step.settings() for step in STEPS.values()]
    assert all(one not in every[:i] for i, one in enumerate(every))


def test_the_table_of_the_steps():
    def kept(loss, held_out_loss):
        return {**MACHINE, "history": [
            {"loss": 9, "held_out_loss": 9},
            {"loss": loss, "held_out_loss": held_out_loss}]}

    record = {"dropout 0.4, seed 1": kept(1.5, 1.61),
              "dropout 0.4, seed 3": kept(1.5, 1.65),
              "no dropout, seed 1": kept(1.2, 1.7),
              "dynamic": {**MACHINE, "tried": [
                  {"loss": 1.6}, {"lr": 1e-4, "decay": 0.0, "loss": 1.51},
                  {"lr": 1e-4, "decay": 0.02, "loss": 1.52},
                  {"lr": 2e-5, "decay": 0.0, "loss": 1.53},
                  {"lr": 2e-5, "decay": 0.02, "loss": 1.54}]},
              "temperatures": {**MACHINE, "tried": [
                  {"temperature": 1.0, "loss": 1.6},
                  {"temperature": 1.2, "loss": 1.55}]}}
    lines = regularisation.to_markdown(record).splitlines()
    assert lines[2:4] == [
        "| dropout 0.4 |  | Zaremba et al. 2014 | 2 | 2 | 1.5000 ± 0.0000 | "
        "1.6300 ± 0.0283 |",
        "| no dropout | dropout 0.4, `dropout=0.0` |  | 2 | 1 | 1.2000 | "
        "1.7000 |"]
    assert lines[5:8] == ["| temperature | 1 | 1.2 |", "|---|---:|---:|",
                          "| judged | 1.6000 | 1.5500 |"]
    assert lines[9:13] == [
        "| 1.6000 as it is; learning on | decay 0 | decay 0.02 |",
        "|---|---:|---:|",
        "| lr 2e-05 | 1.5300 | 1.5400 |", "| lr 0.0001 | 1.5100 | 1.5200 |"]
    assert lines[-1] == "a cpu, 2 cores."
    axes, = regularisation.draw(record).axes
    assert [list(line.get_xdata()) for line in axes.lines] == [
        [1.61, 1.65], [1.7]]


@pytest.mark.filterwarnings("ignore::d2lrnn.D2LRNNWarning")  # other texts do
def test_steps_are_trained_once_and_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(regularisation, "RESULTS", tmp_path / "record.json")
    monkeypatch.setattr(regularisation, "text", lambda: d2l.Corpus.from_text(
        "the cat sat on the mat; " * 60, "a cat"))
    monkeypatch.setattr(regularisation, "SEEDS", (1, 2))
    monkeypatch.setattr(regularisation, "DYNAMIC", [
        {"lr": 1e-3, "decay": 0.0}])
    for settings, small in ((MODEL, {"num_hiddens": 8, "embed_size": 4}),
                            (TRAINING, {"num_epochs": 2, "num_steps": 10,
                                        "batch_size": 4})):
        for name, value in small.items():
            monkeypatch.setitem(settings, name, value)
    first = run(regularisation, monkeypatch, "--folder", tmp_path / "runs",
                "dropout 0.4", "weights dropped")
    assert [*first] == ["dropout 0.4, seed 1", "weights dropped, seed 1",
                        "dropout 0.4, seed 2"]
    assert [len(kept["history"]) for kept in first.values()] == [2, 2, 2]
    again = run(regularisation, monkeypatch, "--folder", tmp_path / "runs",
                "--dynamic", "weights dropped", "--temperatures",
                "weights dropped")
    still, moving = again.pop("dynamic")["tried"]
    assert again.pop("temperatures")["tried"][0]["loss"] == still["loss"]
    assert again == first
    assert still["loss"] != moving["loss"]
    assert (tmp_path / "record.png").exists()


def test_the_rate_of_zaremba_halves_after_four_epochs():
    rate = halved(100)
    assert [rate(step) for step in (0, 399, 400, 499, 500, 1200)] == [
        20, 20, 10, 10, 5, 20 / 2 ** 9]


@pytest.mark.filterwarnings("ignore::d2lrnn.D2LRNNWarning")  # other texts do
def test_the_treebanks_models_are_kept_and_shown(monkeypatch, tmp_path,
                                                 no_texts):
    parts = {level: d2l.load_ptb(level) for level in ("split", "char")}
    monkeypatch.setattr(d2l, "load_ptb", lambda level, fallback: parts[level])
    monkeypatch.setattr(ptb, "RESULTS", tmp_path / "record.json")
    monkeypatch.setattr(ptb, "DYNAMIC", [
        {"lr": lr, "decay": 0.0} for lr in (1e2, 1e-3)])
    for chosen in TRAININGS.values():
        for name in "embed_size", "num_hiddens":
            monkeypatch.setitem(chosen["model"], name, 8)
        monkeypatch.setitem(chosen["training"], "num_epochs", 1)
    record = run(ptb, monkeypatch, "--folder", tmp_path / "runs")
    assert [*record] == ["zaremba", "words", "characters"]
    assert all(math.isfinite(kept[part]) for kept in record.values()
               for part in ("valid", "test", "dynamic"))
    for kept in record.values():  # the lower rate is better
        wild, calm = (tried["loss"] for tried in kept["tried"])
        assert calm < wild and kept["dynamic"] < kept["test"] + 0.1
    words, characters, _ = ptb.to_markdown(record).split("\n\n")
    test = math.exp(record["zaremba"]["test"])
    assert "small, 1 epochs | 0.0 |" in words and f"| {test:.2f} |" in words
    assert len(words.splitlines()) == 2 + 2 + 3
    test, by_char = (parts[level][2] for level in ("split", "char"))
    assert test.num_chars == len(by_char.corpus_indices)
    for nats in (record["characters"]["test"], record["words"]["test"]
                 * len(test.corpus_indices) / test.num_chars):
        assert f"| {nats / math.log(2):.3f} |" in characters


def test_the_rows_of_tiny_shakespeare_are_shown():
    history = [{"epoch": n, "seconds": 60, "held_out_loss": loss}
               for n, loss in enumerate((1.8, 1.46, 1.4, 1.41), 1)]
    table = tinyshakespeare.to_markdown({
        **MACHINE, "date": "today", "settings": {"seed": 1},
        "trainings": {"fit": {"history": history}},
        "rows": {"static": math.log(4), "less sure": math.log(3.5),
                 "dynamic": math.log(2), "settings": {"temperature": 1.5}}})
    assert [line.rstrip(" |").split(" | ")[1:] for line
            in table.splitlines()[2:7]] == [
        ["1.4600", "2.106", "4.306", "2", "2"],
        ["1.3863", "2.000", "4.000", "4", "4"],
        ["1.2528", "1.807", "3.500", "4", "4"],
        ["0.6931", "1.000", "2.000", "4", "4"],
        ["1.4697", "2.120", "4.348"]]


@pytest.mark.filterwarnings("ignore::d2lrnn.D2LRNNWarning")  # other texts do
def test_tiny_shakespeare_is_measured_in_three_ways(monkeypatch, tmp_path):
    monkeypatch.setattr(tinyshakespeare, "FOLDER", tmp_path / "records")
    monkeypatch.setattr(tinyshakespeare, "RESULTS",
                        tmp_path / "records" / "record.json")
    corpus = d2l.Corpus.from_text("the cat sat\non the mat; " * 60, "a cat")
    monkeypatch.setattr(d2l, "load_corpus", lambda name, fallback: corpus)
    for name in "embed_size", "num_hiddens":
        monkeypatch.setitem(tinyshakespeare.MODEL, name, 8)
    for name, value in (("num_epochs", 2), ("batch_size", 4),
                        ("num_steps", 10)):
        monkeypatch.setitem(tinyshakespeare.TRAINING, name, value)
    record = run(tinyshakespeare, monkeypatch, "--folder", tmp_path / "run")
    static, less_sure, dynamic = (
        record["rows"][name] for name in ("static", "less sure", "dynamic"))
    last = record["trainings"]["fit"]["history"][-1]
    assert static == pytest.approx(last["held_out_loss"], 0.1)
    assert len({static, less_sure, dynamic}) == 3
    assert sorted(path.name for path in (tmp_path / "records").iterdir()) == [
        "curve.png", "log.txt", "record.json"]
    assert (tmp_path / "run" / "sample.txt").stat().st_size > 900
