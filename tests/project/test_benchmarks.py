"""The benchmark measures fairly, and says what it measured."""
import doctest
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from d2lrnn.export.page import to_page

import benchmarks.side
from benchmarks import ROOT, read, readme, results, runner, shared
from benchmarks.__main__ import merged
from benchmarks.peers.book import Stopwatch, load_cells
from benchmarks.peers.weights import for_scratch
from benchmarks.rows import ROWS
from benchmarks.runner import Case, Goal, Row
from benchmarks.studies import cold_start, lessons, studio

CASES = [(row, case) for row in ROWS.values() for case in row.cases]


def fake_row(*sides, goals=(), prepare=runner.nothing):
    return Row("fake", "nothing much", {"easy": Case(sides, goals)}, None,
               {}, {}, prepare)


def fake_run(values, checks=None, others=lambda n: 0.0):
    """Return what stands in for ``run_side``, and the sides it was asked."""
    asked = []

    def run(row, case, side, folder):
        asked.append(side)
        return {"check": (checks or {}).get(side, [7.0]), "threads": "2",
                "values": {"seconds": values[side](asked.count(side))},
                "others": others(len(asked))}

    return run, asked


@pytest.mark.parametrize("module", [benchmarks, results, runner])
def test_examples(module):
    done = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert done.attempted and not done.failed


@pytest.fixture
def measured():
    """Return the record of a row: 2 s of ours, 8 s of a peer."""
    goals = (Goal("times", 0.3, "peer"), Goal("speed", 5, "peer"),
             Goal("at most", 1.5), Goal("times", 0.5, "d2lzh"))
    row = fake_row("d2lrnn", "peer", goals=goals)
    run, _ = fake_run({"d2lrnn": lambda n: [1, 2, 4][n - 1:n],
                       "peer": lambda n: [8, 8 + n]})
    case = runner.measure_case(row, "easy", 3, run)
    case["sides"]["d2lzh"] = {"missing": "needs d2lzh==1.0.0"}
    return {"rows": {"fake": {
        **runner.when_and_where(), "work": row.work, "rounds": 3,
        "sizes": {}, "cases": {"easy": case}}}}


def test_sides_take_turns():
    row = fake_row("d2lrnn", "a", "b")
    run, asked = fake_run(dict.fromkeys(("d2lrnn", "a", "b"),
                                        lambda n: [n, n + 0.5]))
    record = runner.measure_row(row, 3, run)
    assert asked == ["d2lrnn", "a", "b"] * 3
    seen = record["cases"]["easy"]["sides"]
    assert list(seen) == ["d2lrnn", "a", "b"]
    assert seen["a"]["values"] == {"seconds": [[1, 1.5], [2, 2.5], [3, 3.5]]}
    assert record["rounds"] == 3 and {"date", "machine"} <= record.keys()
    json.dumps(record)


def test_what_sides_share_is_prepared_once_for_a_case():
    folders = []

    def prepare(case, folder, sizes):
        folders.append(folder)
        (folder / "shared").write_text(case)
        return "a text"

    def run(row, case, side, folder):
        assert (Path(folder) / "shared").read_text() == "easy"
        return {"check": None, "threads": "1", "values": {"seconds": [1]},
                "others": None}

    row = fake_row("d2lrnn", "peer", prepare=prepare)
    record = runner.measure_row(row, 2, run)
    assert len(folders) == 1 and not folders[0].exists()
    assert record["cases"]["easy"]["text"] == "a text"


def test_a_side_is_measured_again_where_others_took_the_cores():
    run, asked = fake_run({"d2lrnn": lambda n: [n]},
                          others=lambda n: [0.3, 0.04, 0.5, 0.2, 0.1, 0.4][
                              n - 1])
    record = runner.measure_row(fake_row("d2lrnn"), 2, run)
    side = record["cases"]["easy"]["sides"]["d2lrnn"]
    assert len(asked) == 6  # once more, and then until the last try
    assert side["values"] == {"seconds": [[2], [5]]}
    assert side["others"] == [0.04, 0.1]
    assert ("others took up to 10 % of the cores, in 1 of 2 measurements over "
            "5 %") in results.conditions(record)


@pytest.mark.process
def test_the_share_of_others_is_measured():
    before = runner.cores_used()
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    own = "import time\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", own], check=True)
    share = runner.share_of_others(before, runner.cores_used())
    other.kill()
    other.wait()  # so that it counts only from here on
    if share is None:
        pytest.skip("the machine does not report the work of its cores")
    assert 0.2 / runner.CORES < share <= 1


@pytest.mark.parametrize("loss", [7.001, float("nan")])
def test_different_losses_are_refused(loss):
    run, asked = fake_run(dict.fromkeys(("d2lrnn", "peer"), lambda n: [1]),
                          {"d2lrnn": [8.0, 7.0], "peer": [8.0, loss]})
    with pytest.raises(ValueError, match=rf"^fake, easy: loss 2 is {loss} of "
                       "peer, and 7.0 of d2lrnn: "):
        runner.measure_row(fake_row("d2lrnn", "peer"), 5, run)
    assert asked == ["d2lrnn", "peer"]  # at once, in the first round


def test_losses_are_compared_as_far_as_both_have_them():
    values = dict.fromkeys(("d2lrnn", "peer", "alone"), lambda n: [1])
    run, _ = fake_run(values, {"d2lrnn": [8.0, 7.0], "peer": [8.0005],
                               "alone": None})
    runner.measure_row(fake_row("d2lrnn", "peer", "alone"), 1, run)


def test_a_missing_peer_is_named(monkeypatch):
    monkeypatch.setitem(runner.PACKAGES, "peer", "no_such_package==1.0")
    goals = (Goal("times", 0.3, "peer"),)
    row = fake_row("d2lrnn", "peer", "peer, all cores", goals=goals)
    run, asked = fake_run({"d2lrnn": lambda n: [1]})
    record = {"rows": {"fake": runner.measure_row(row, 2, run)}}
    assert asked == ["d2lrnn"] * 2
    sides = record["rows"]["fake"]["cases"]["easy"]["sides"]
    assert sides["peer, all cores"] == {"missing": "needs "
                                        "no_such_package==1.0"}
    assert ("| fake, easy | peer | needs no_such_package==1.0 | | | | "
            "<= 0.3 x peer | not measured |") in results.to_markdown(record)
    assert results.bars(record) == []


@pytest.mark.process
def test_a_side_that_fails_is_one_sentence():
    row = ROWS["names"]._replace(sizes={})
    with pytest.raises(RuntimeError) as caught:
        runner.run_side(row, "", "d2lrnn", "nowhere")
    assert str(caught.value).startswith(
        "names: d2lrnn failed (KeyError: 'iterations'): ")
    assert "\n" not in str(caught.value)


def test_threads_are_not_inherited(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    seen = {}

    def run(command, env, **_):
        seen.update(env)
        return subprocess.CompletedProcess(command, 0, 'lesson\n{"a": 1}\n')

    monkeypatch.setattr(subprocess, "run", run)
    row = ROWS["threads"]
    runner.run_side(row, "rnn", "d2lrnn, 1 thread", "folder")
    assert seen["OMP_NUM_THREADS"] == "1" and "GOMP_SPINCOUNT" not in seen
    seen.clear()
    side = runner.run_side(ROWS["names"], "", "d2lrnn", "x")
    assert 0 <= (side.pop("others") or 0) <= 1
    assert side == {"a": 1}
    assert "OMP_NUM_THREADS" not in seen and "PATH" in seen


def test_goals(measured):
    case = measured["rows"]["fake"]["cases"]["easy"]
    assert results.median(case["sides"], "peer") == 8.5
    found = [results.outcome(goal, case["sides"]) for goal in case["goals"]]
    # round by round, 1, 2, 4 beside 8.5, 9, 9.5
    assert found == [(2 / 9, True), (9 / 2, False), (2, False), None]
    goal = {**case["goals"][0], "kind": "more", "bound": -7}
    assert results.outcome(goal, case["sides"]) == (-7, True)
    goal["bound"] = -7.1
    assert results.outcome(goal, case["sides"]) == (-7, False)


def test_the_table(measured):
    table = results.to_markdown(measured).splitlines()
    assert table[2:5] == [
        "| fake, easy (seconds) | d2lrnn | 2 | 1 | 4 |  | <= 1.5 | in 1 "
        "of 3 rounds |",
        "| fake, easy (seconds) | peer | 8.5 | 8 | 11 | 0.222 x, 4.5 x the "
        "speed | <= 0.3 x peer, >= 5 x the speed of peer | in 2 of 3 rounds, "
        "in 1 of 3 rounds |",
        "| fake, easy | d2lzh | needs d2lzh==1.0.0 | | | | <= 0.5 x d2lzh | "
        "not measured |"]
    assert {line.count("|") for line in table[:5]} == {9}
    assert "- fake: nothing much; rounds: 3; threads: d2lrnn 2, peer 2" in (
        table[6])
    assert "mxnet 1.9.1" in table[-1] and "cores" in table[-1]


def test_the_summary(measured):
    table = results.to_summary(measured).splitlines()
    assert table[2:6] == [
        "| fake, easy | 0.222 x | <= 0.3 x peer | in 2 of 3 rounds |",
        "| fake, easy | 4.5 x the speed | >= 5 x the speed of peer | in 1 of "
        "3 rounds |",
        "| fake, easy | 2 | <= 1.5 | in 1 of 3 rounds |",
        "| fake, easy |  | <= 0.5 x d2lzh | not measured |"]


def test_the_picture(measured, tmp_path):
    bars = results.bars(measured)
    assert bars == [("fake, easy: peer", 2 / 9, 0.3, True),
                    ("fake, easy: peer", 2 / 9, 0.2, False)]
    (axes,) = results.chart(measured).axes
    ends = [(bar.get_x(), bar.get_x() + bar.get_width())
            for bar in axes.patches]
    assert ends == [(1, pytest.approx(2 / 9))] * 2
    marks = [line.get_xdata()[0] for line in axes.lines]
    assert marks == [0.3, 0.2, 1]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "fake, easy: peer"] * 2
    results.write(measured, tmp_path / "results.json")
    assert json.loads((tmp_path / "results.json").read_text()) == measured
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "results.md").read_text() == results.to_markdown(
        measured)


def test_rows_are_merged_in_their_order():
    record = merged({"rows": {"import": 1, "scratch": 2, "gone": 3}},
                    "deep", 4)
    assert list(record["rows"].items()) == [("scratch", 2), ("deep", 4),
                                            ("import", 1)]


def test_goals_name_sides_and_kinds():
    for row, name in CASES:
        case = row.cases[name]
        assert case.goals
        for goal in case.goals:
            assert goal.kind in results.KINDS
            assert {goal.side, goal.peer} - {None} <= set(case.sides)
            assert (goal.peer is None) == (goal.kind == "at most")


def test_the_stopwatch_reads_the_books_lines():
    watch = Stopwatch()
    for line in ("epoch 1, perplexity 10.000000, time 0.50 sec", " - epoch",
                 "epoch 2, perplexity 100.000000, time 0.50 sec"):
        print(line, file=watch)
    losses, seconds = watch.result()
    assert losses == [pytest.approx(np.log(10)), pytest.approx(np.log(100))]
    assert len(seconds) == 1


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_a_char_rnn_as_a_scratch_cell(cell, tmp_path):
    import d2lrnn as d2l
    from mxnet import init, nd
    model = d2l.CharRNN(9, 4, 5, 1, cell)
    model.initialize(init.Xavier())
    for param in model.collect_params(".*bias").values():
        param.set_data(nd.random.normal(shape=param.shape))
    d2l.save_model(tmp_path / "model.safetensors", model)
    config, arrays = shared.load_weights(tmp_path)
    assert config == model.config
    X = nd.array([[1, 2, 8], [0, 3, 3]])
    state = model.begin_state(2)
    want, _ = model(X, state)
    got, _ = getattr(load_cells(), cell)(
        d2l.to_onehot(X, 9), state,
        [nd.array(param) for param in for_scratch(arrays, cell)])
    assert np.allclose(nd.concat(*got, dim=0).asnumpy(), want.asnumpy(),
                       atol=1e-5)


def test_batches_come_back_as_they_were(tmp_path):
    batches = [(np.arange(6).reshape(2, 3), np.arange(6)),
               (np.zeros((1, 3)), np.ones(3))]
    shared.save_batches(tmp_path, iter(batches))
    seen = shared.load_batches(tmp_path)
    assert len(seen) == 2
    for batch, want in zip(seen, batches, strict=True):
        for array, expected in zip(batch, want, strict=True):
            np.testing.assert_array_equal(array, expected)
            assert array.dtype == expected.dtype


@pytest.mark.process
@pytest.mark.filterwarnings("ignore::d2lrnn.D2LRNNWarning")  # other texts do
@pytest.mark.parametrize("name, case, side", [
    ("scratch", "rnn", "PyTorch"), ("charrnn", "rnn", "d2lzh"),
    ("generate", "rnn, 1", "d2lzh")])
def test_peers_run_without_d2lrnn(name, case, side, tmp_path, no_texts):
    """In a process of its own, as it is measured."""
    pytest.importorskip(runner.PACKAGES[side].split("==")[0])
    row = ROWS[name]._replace(sizes=ROWS[name].tiny)
    row.prepare(case, tmp_path, row.sizes)
    seen = runner.run_side(row, case, side, str(tmp_path))
    assert seen["check"] and seen["values"]


def test_a_peer_with_d2lrnn_is_refused(monkeypatch):
    import d2lrnn  # noqa: F401
    row = fake_row("d2lzh")._replace(measure=lambda *_: ([7.0], {}))
    monkeypatch.setitem(ROWS, "fake", row)
    monkeypatch.setattr(sys, "argv", ["side", "fake", "easy", "d2lzh, all",
                                      "folder", "{}"])
    with pytest.raises(RuntimeError, match=r"^d2lzh, all was measured"):
        benchmarks.side.main()


@pytest.mark.filterwarnings("ignore::d2lrnn.D2LRNNWarning")  # other texts do
@pytest.mark.parametrize("row, case", [
    pytest.param(row, case, id=f"{row.name}-{case}", marks=[
        pytest.mark.process] if row.name in (
            "busy", "import", "job", "together") else [])
    for row, case in CASES])
def test_sides_compute_the_same(row, case, tmp_path, monkeypatch, no_texts):
    """All sides, at tiny sizes, in this process."""
    monkeypatch.setattr(runner, "CORES", 1)  # others may be at work
    row.prepare(case, tmp_path, row.tiny)
    sides = {}
    for side in row.cases[case].sides:
        if requirement := runner.PACKAGES.get(side.split(",")[0]):
            pytest.importorskip(requirement.split("==")[0])
        check, values = row.measure(case, side, tmp_path, row.tiny)
        sides[side] = {"check": check, "values": values}
        assert all(value > 0 for unit in values if "bytes" not in unit
                   for value in values[unit])
        runner.check_same(row.name, sides)
    if row.name not in ("job", "import", "scale"):
        assert sides["d2lrnn"]["check"]


@pytest.mark.process
def test_the_command_at_tiny_sizes():
    before = results.RESULTS.read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "names", "--tiny", "--rounds",
         "1"], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert "| names (microseconds an iteration) | plain code |" in done.stdout
    assert results.RESULTS.read_bytes() == before
    done = subprocess.run([sys.executable, "-m", "benchmarks", "knitting"],
                          cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 2 and "no row knitting" in done.stderr


@pytest.mark.process
def test_the_help_describes_every_row():
    done = subprocess.run([sys.executable, "-m", "benchmarks", "--help"],
                          cwd=ROOT, text=True, capture_output=True, check=True)
    words = " ".join(done.stdout.split())
    for row in ROWS.values():
        assert f" {row.name} {row.work}" in words
    assert max(map(len, done.stdout.splitlines())) < 80


def test_the_record_is_shown_as_it_is():
    record = json.loads(results.RESULTS.read_text("utf-8"))
    assert set(record["rows"]) == set(ROWS)
    table = results.RESULTS.with_suffix(".md").read_text("utf-8")
    assert results.to_markdown(record) == table
    assert results.chart(record).axes


def test_each_lesson_shows_the_table_of_its_records():
    pattern = re.compile(r"start-after: <!-- (\w+) -->\n"
                         r"# :end-before: <!-- end of (\w+) -->")
    shown = {path.stem: pattern.findall(path.read_text("utf-8"))
             for path in ROOT.glob("chapters/*.py")}
    for name in lessons.tables(read(lessons.RESULTS)):
        assert (name, name) in shown[name]
    assert {name for pairs in shown.values() for pair in pairs
            for name in pair} <= set(readme.tables())


def test_the_table_of_a_lesson():
    training = {"epochs": 10, "perplexity": 4.19, "seconds_per_epoch": 22.0}
    record = {
        "trainings": {"char-RNN": training}, "start_to_report_seconds": 470,
        "text": {"source": "plays.txt, first 9 of 90 characters"},
        "baselines": {"unigram": 27.46}, "settings": {"seed": 1},
        "machine": {"cpu": "AMD EPYC", "cores": 2},
        "date": "2026-11-21 08:17:37"}
    assert lessons.to_markdown(record) == (
        "| training | epochs | perplexity | sec/epoch |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| char-RNN | 10 | 4.190 | 22.00 |\n\n"
        "plays.txt · unigram guess 27.5 · seed 1 · AMD EPYC, 2 cores · the "
        "whole lesson 470 s · 2026-11-21\n")
    training["best"] = {"held_out_perplexity": 4.5}
    record["trainings"]["shorter"] = {**training, "epochs": 5}
    del record["trainings"]["shorter"]["best"]
    lines = lessons.to_markdown(record).splitlines()
    assert lines[0].split(" | ")[3] == "held out"
    assert lines[2:4] == ["| char-RNN | 10 | 4.190 | 4.500 | 22.00 |",
                          "| shorter | 5 | 4.190 |  | 22.00 |"]


@pytest.mark.process
def test_cold_starts_are_measured(monkeypatch):
    """In this environment, instead of an empty one."""
    def install(wheel, light, folder):
        (folder / "venv").symlink_to(sys.prefix)
        return 7

    monkeypatch.setattr(cold_start, "install", install)
    monkeypatch.setattr(cold_start, "TRAIN",
                        (*cold_start.TRAIN, "--num-hiddens", "8"))
    seen = cold_start.measure("d2lrnn.whl", True, 1)
    seconds = [seen["seconds"][start][0] for start in cold_start.STARTS]
    assert 0 < seconds[0] < min(seconds[1], seconds[3])
    table = cold_start.to_markdown({
        "environments": {"light": seen}, "times": 1, "date": "today",
        "machine": {"cpu": "AMD EPYC", "cores": 2}})
    assert "process on | light, 7 packages |" in table
    assert all(f"| {start} | {second:.2f} |" in table for start, second
               in zip(cold_start.STARTS, seconds, strict=True))


@pytest.mark.browser
def test_the_studio_is_timed(browser, tmp_path):
    studio.save(tmp_path / "model.safetensors", 1, 8, 20)
    page = tmp_path / "page.html"
    page.write_text(to_page([tmp_path / "model.safetensors"],
                            language="en"), "utf-8")
    assert all(number > 0 for number in studio.measure(browser, page))
    table = studio.to_markdown(
        [("small", "JavaScript", (1.234, 0.5, 1000, 20.2))],
        {"date": "today", "machine": {"cpu": "AMD EPYC", "cores": 2}})
    assert table.endswith("| small | JavaScript | 1.2 | 0.50 | 1,000 | 20 |\n")
