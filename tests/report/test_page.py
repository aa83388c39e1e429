"""The page of a report: all there, from itself alone, and safe."""
import json
import math
import re
from xml.etree import ElementTree

import pytest
from d2lrnn.data.corpus import Corpus
from d2lrnn.report.curves import SVG, norms_figure, perplexity_figure, to_svg
from d2lrnn.report.page import to_html
from d2lrnn.report.records import read_record, write_json
from d2lrnn.report.write import make_record, print_summary, write_pages

GUESSED = {"uniform": 5, "unigram": 4.0}


def history(start, **more):
    return [{"epoch": epoch, "perplexity": start / epoch, "seconds": 0.5,
             "characters": 1000, "lyrics": [f"in epoch {epoch}"], **more}
            for epoch in (1, 2, 3)]


def held_out(start):
    return history(start, held_out_perplexity=40.0, held_out_unk=0.01,
                   held_out_bits_per_char=math.log2(40), grad_norm=3.0,
                   clipped_grad_norm=1.0)


@pytest.fixture
def records(abc):
    return [make_record("slow", {"fit": held_out(60.0)}, abc,
                        {"lr": 0.1, "seed": 5}),
            make_record("quick", {"fit": held_out(30.0)}, abc,
                        {"lr": 0.2, "seed": 5})]


def titles(page):
    return re.findall(r"<title>(.*?)</title>", page)


def test_each_point_says_what_it_shows(records):
    page = to_html(records)
    for words in ("slow, fit: epoch 2, 30", "quick, fit: epoch 3, 10",
                  "quick, fit, held out: epoch 1, 40",
                  "slow, fit: epoch 1, 3", "slow, fit, clipped: epoch 3, 1"):
        assert words in titles(page)
    assert len(titles(page)) == 1 + 2 * 4 * 3


def test_the_tables(records):
    page = to_html(records)
    for words in ('<th scope="row">slow, fit</th><td>20.000</td>'
                  "<td>40.000</td><td>5.322</td><td>1</td><td>3</td>"
                  "<td>0.500</td><td>2,000</td>",
                  '<th scope="row">uniform guess</th><td>3.000</td>',
                  "lr <mark>differs</mark></th><td>0.1</td><td>0.2</td>",
                  '<th scope="row">seed</th><td>5</td><td>5</td>',
                  '<th scope="row">mxnet</th><td>1.9.1</td>', "in epoch 2"):
        assert words in page
    assert page.count("<mark>") == 1
    assert page.count("<details open>") == 2  # the last of each


def test_bits_are_those_of_a_character():
    words = Corpus.from_text("cat sat cat sat ", "words", level="word")
    page = to_html([make_record("run", {"fit": history(24.0)}, words, {})])
    # 8 tokens of 2 characters each: log2(8) bits a token
    assert '"row">fit</th><td>8.000</td><td>–</td><td>1.500</td>' in page
    assert '"row">uniform guess</th><td>3.000</td><td></td><td>0.792' in page


@pytest.mark.parametrize("level, unit", [("char", "characters"),
                                         ("word", "tokens")])
def test_a_speed_counts_what_is_read(level, unit, tmp_path, capsys):
    corpus = Corpus.from_text("cat sat cat sat ", "text", level=level)
    made = [make_record("run", {"fit": history(24.0)}, corpus, {})]
    folder = write_pages(tmp_path / "report", made)
    assert f">{unit} a second</th>" in (folder / "report.html").read_text()
    assert f"| {unit} per second |" in (folder / "report.md").read_text()
    print_summary(made[0])
    assert f" {unit}/s\n" in capsys.readouterr().out


def test_the_speeds_of_characters_and_of_words_are_both_of_tokens(abc):
    words = Corpus.from_text("cat sat cat sat ", "words", level="word")
    page = to_html([make_record(name, {"fit": history(24.0)}, corpus, {})
                    for name, corpus in (("run", abc), ("other", words))])
    assert ">tokens a second</th>" in page


def test_one_run_goes_by_its_labels(abc):
    page = to_html([make_record("run", {"one": history(9.0)}, abc, {})])
    assert "one: epoch 3, 3" in titles(page) and "run, one" not in page
    assert "norm of the gradient" not in page and "<mark>" not in page


def test_it_needs_nothing_else(records):
    page = to_html(records)
    assert len(page.encode()) < 3e6
    addresses = set(re.findall(r"\w+://[^\s\"'<>)]+", page))
    assert all(address.startswith(("http://www.w3.org/", "http://purl.org/",
                                   "https://matplotlib.org/",
                                   "http://creativecommons.org/"))
               for address in addresses)  # names in the pictures, no links
    assert not re.search(r"<(link|img|iframe)|(?<!xlink:)(href|src)=", page)
    assert "@import" not in page and "url(h" not in page


def test_what_a_text_says_is_no_code(abc):
    evil = "</pre><script>alert(1)</script>"
    record = make_record(evil, {evil: history(9.0, lyrics=[evil])}, abc,
                         {evil: evil})
    page = to_html([record])
    assert "<script>alert" not in page
    assert page.count("<script>") == 1


def test_an_infinite_perplexity_is_left_out(abc, tmp_path):
    rows = history(9.0)
    rows[0]["perplexity"] = math.inf
    write_json(tmp_path / "record.json",
               make_record("run", {"fit": rows}, abc, {}))
    page = to_html([read_record(tmp_path)])
    assert len(titles(page)) == 1 + 2
    rows[1]["perplexity"] = rows[2]["perplexity"] = math.inf
    assert "inf" in to_html([make_record("run", {"fit": rows}, abc, {})])


def test_a_picture_is_an_element_of_the_page():
    svg = ElementTree.fromstring(to_svg(perplexity_figure(
        {"a": history(9.0)}, GUESSED), "what it is"))
    assert svg.tag == f"{{{SVG}}}svg"
    assert svg.get("aria-label") == "what it is" and svg.get("tabindex")
    assert "unigram guess (4)" in "".join(svg.itertext())


def ticks(axis, limits):
    """Return the labels of an axis' ticks that are to be seen."""
    low, high = limits
    return [tick.label1.get_text() for tick in axis.get_major_ticks()
            if low <= tick.get_loc() <= high]


def seen(values, uniform=5, unigram=4.0):
    """Return the labels of both axes where a history has these values."""
    figure = perplexity_figure({"a": [
        {"epoch": epoch, "perplexity": value}
        for epoch, value in enumerate(values, start=1)]}, {
            "uniform": uniform, "unigram": unigram})
    figure.draw_without_rendering()
    (axes,) = figure.axes
    return (ticks(axes.xaxis, axes.get_xlim()),
            ticks(axes.yaxis, axes.get_ylim()))


def test_one_epoch_is_one_epoch():
    assert seen([9.0])[0] == ["1"]
    assert seen([9.0, 3.0])[0] == ["1", "2"]
    assert seen([9.0] * 1000)[0][:3] == ["0", "150", "300"]


@pytest.mark.parametrize("values, guesses", [
    ([1.0], (1, 1.0)), ([3.0, 3.01, 3.02], (3, 3.05)), ([9.0], (5, 4.0)),
    ([60.0, 20.0], (100, 50.0)), ([1e90, 3.0], (5, 4.0)),
    ([math.inf, math.nan], (None, None)), ([0.0, -1.0, 5.0], (5, 4.0))])
def test_there_are_values_to_read(values, guesses):
    labels = seen(values, *guesses)[1]
    assert 3 <= len(labels) <= 12
    assert len(set(labels)) == len(labels)
    assert all(len(label) <= 6 for label in labels)


def test_the_curves_fill_the_picture():
    for values in ([9.0], [9.0, 3.0], [1000.0, 2.0]):
        figure = perplexity_figure({"a": [
            {"epoch": epoch, "perplexity": value}
            for epoch, value in enumerate(values, start=1)]}, GUESSED)
        low, high = map(math.log, figure.axes[0].get_ylim())
        inside = math.log(max(values)) - math.log(min(*values, 4.0))
        assert inside > 0.6 * (high - low)


def test_the_norms():
    (axes,) = norms_figure({"a": held_out(9.0)}).axes
    assert [line.get_label() for line in axes.lines] == ["a", "a, clipped"]
    assert list(axes.lines[1].get_ydata()) == [1, 1, 1]


def test_pages_are_written_whole(records, tmp_path):
    folder = write_pages(tmp_path / "new", records)
    assert {path.name for path in folder.iterdir()} == {
        "report.html", "report.md", "report.json", "perplexity.png",
        "perplexity.svg"}
    assert json.loads((folder / "report.json").read_text()) == records
    assert "# Perplexity report: quick" in (folder / "report.md").read_text()
    with pytest.raises(ValueError, match="exists already"):
        write_pages(folder, records)


def test_a_folder_without_a_record(tmp_path):
    with pytest.raises(ValueError, match=r"there is no record\.json"):
        read_record(tmp_path)
    for text in ("{", "[]", "{}", '{"trainings": {}}'):
        (tmp_path / "record.json").write_text(text)
        with pytest.raises(ValueError, match="is not the record of one run"):
            read_record(tmp_path)
