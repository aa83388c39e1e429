"""What CONTRIBUTING.md shows, carried out."""
import json
import re
import runpy
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import d2lrnn as d2l
import pytest
from d2lrnn.data.texts import TEXTS
from mxnet import nd

from benchmarks import runner

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
POEM = "Shall I compare thee to a night of rain?\n" * 40


def recipes(heading):
    """Return the blocks of Python below a heading."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE,
                            re.MULTILINE | re.DOTALL)
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


def carried_out(code, **names):
    """Return the names of a block after it has run."""
    exec(code, names)
    return names


def test_a_cell_from_scratch(abc, capsys):
    leaky = carried_out(recipes("A cell")[0])["leaky"]
    history = d2l.train_and_predict_rnn(
        leaky, d2l.get_params, d2l.init_rnn_state, 16, abc.vocab_size,
        d2l.try_gpu(), *abc[:1], *abc[2:0:-1], False, 60, 10, 1e2, 1e-2, 8,
        60, 6, ["ab"])
    assert history[-1]["perplexity"] < 1.1
    assert capsys.readouterr().out.endswith(" - abcabcab\n")


def test_a_cell_of_the_char_rnn(abc, monkeypatch):
    from d2lrnn.models.cells import CELLS
    monkeypatch.setitem(CELLS, "leaky", None)  # and out again at the end
    carried_out(recipes("A cell")[1])
    model = d2l.CharRNN(abc.vocab_size, 4, 16, 2, cell="leaky")
    history = d2l.fit(model, abc, 6, 0.02, batch_size=8, num_steps=10)
    assert history[-1]["held_out_perplexity"] < 1.1
    written = d2l.generate(model, "ab", 9, temperature=0)
    assert "".join(written) == "cabcabcab"
    states = model.begin_state(1)
    scores, _ = model(nd.array([[0, 1, 2]]), states)
    assert scores.argmax(axis=1).asnumpy().tolist() == [1, 2, 0]


@pytest.fixture
def server(tmp_path):
    """Serve the poem on this machine; yield its address."""
    (tmp_path / "poems.txt").write_text(POEM, "utf-8")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(
            Quiet, directory=tmp_path)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/poems.txt"
        server.shutdown()
        thread.join()


@pytest.fixture
def poems(monkeypatch, tmp_path):
    """Add the text of the recipe to the table, and return it."""
    monkeypatch.setitem(TEXTS, "poems", None)  # and out again at the end
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("D2LRNN_DATA", raising=False)
    carried_out(*recipes("A text"))
    return TEXTS["poems"]


def test_a_text_is_found(poems, monkeypatch, tmp_path):
    (tmp_path / poems.file).write_text("Another rain\n" * 30, "utf-8")
    monkeypatch.setenv("D2LRNN_DATA", str(tmp_path))
    assert d2l.load_corpus("poems").text.startswith("Another rain\n")


def test_a_text_is_downloaded_and_checked(poems, server, monkeypatch):
    monkeypatch.setitem(TEXTS, "poems", poems._replace(url=server))
    monkeypatch.setenv("no_proxy", "*")
    assert d2l.load_corpus("poems").text == POEM


def test_a_text_has_a_fallback(poems, no_texts):
    with pytest.warns(d2l.D2LRNNWarning, match="^poems.txt is neither .*the "
                      "original sonnets"):
        corpus = d2l.load_corpus("poems")
    assert corpus.source.startswith("original_sonnets.txt")


def test_a_lesson(tmp_path, monkeypatch, capsys):
    """It runs, and passes the tests of the lessons."""
    lesson = tmp_path / "one_hot.py"
    (code,) = recipes("A lesson")
    lesson.write_text(code, "utf-8")
    tests = runpy.run_path(str(ROOT / "tests" / "book" / "test_chapters.py"))
    tests["test_its_form"](lesson)
    tests["test_definitions_are_the_packages"](lesson)
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(lesson))
    assert re.search(r"^\d+ numbers for", capsys.readouterr().out)


def test_every_lesson_is_listed():
    for page in ("chapters/README.md", "docs/index.md"):
        text = (ROOT / page).read_text("utf-8")
        assert {path.stem for path in (ROOT / "chapters").glob("*.py")} <= {
            *re.findall(r"(?:^chapters/|\()(\w+)(?:\.py\))?$", text,
                        re.MULTILINE), *re.findall(r"\((\w+)\.py\)", text)}


def test_a_schedule(abc):
    triangle = carried_out(*recipes("A schedule"))["triangle"]
    assert [triangle(step, 101) for step in (0, 25, 50, 100)] == [
        0, 0.5, 1, 0]
    model = d2l.CharRNN(abc.vocab_size, 4, 8, 1)
    rates = []
    d2l.fit(model, abc, 3, 4e-3, schedule=triangle, batch_size=8,
            on_epoch_end=lambda model, record: rates.append(record["lr"]))
    assert rates == pytest.approx(
        [4e-3 * triangle(step, 12) for step in (3, 7, 11)])


def test_a_row_of_the_benchmark(tmp_path):
    row = carried_out(*recipes("A row of the benchmark"))["ROW"]
    row = row._replace(sizes=row.tiny)

    def run(row, case, side, folder):
        check, values = row.measure(case, side, folder, row.sizes)
        return {"check": check, "values": values, "threads": "1",
                "others": None}

    record = runner.measure_row(row, 2, run)
    sides = record["cases"][""]["sides"]
    assert sides["d2lrnn"]["check"] == sides["NumPy"]["check"] == [32.0 * 35]
    assert [len(values) for values in sides["NumPy"]["values"]["seconds"]
            ] == [1, 1]
    json.dumps(record)


def test_what_it_names_is_there():
    """Files, folders, and names of the package."""
    spans = set(re.findall(r"`([^`\n]+)`", re.sub(
        r"```.*?```", "", PAGE, flags=re.DOTALL)))
    paths = {span for span in spans if re.fullmatch(
        r"[.\w]*(/[.\w]+)*(/|\.\w+)", span) and "d2l." not in span}
    assert len(paths) > 12
    for path in paths - {"README"}:
        assert (ROOT / path).exists(), path
    names = {span for span in spans if re.fullmatch(r"d2l\.\w+", span)}
    assert names > {"d2l.fit"}
    assert all(hasattr(d2l, name.removeprefix("d2l.")) for name in names)


def test_every_recipe_is_carried_out():
    headings = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    found = {heading: len(recipes(heading)) for heading in headings}
    assert {heading: number for heading, number in found.items() if number
            } == {"A cell": 2, "A text": 1, "A lesson": 1, "A schedule": 1,
                  "A row of the benchmark": 1}
