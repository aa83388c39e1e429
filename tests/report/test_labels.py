"""Names are shown as they are, in tables, pages and pictures."""
import warnings
from xml.etree import ElementTree

import d2lrnn as d2l
import pytest
from d2lrnn.report import labels
from d2lrnn.report.curves import SVG, perplexity_figure, to_svg
from d2lrnn.report.markdown import to_markdown
from d2lrnn.report.page import to_html
from d2lrnn.report.write import make_record, print_summary, write_pages

GUESSED = {"uniform": 5, "unigram": 4.0}
NAMES = ["_x", "_y", "$x^2$", r"a\$b", "$\\frac{$", "<b>&\"'", "a|b", "*c*",
         "a\x00b", "bell\x07", "two\nlines", "\ud800half", "\u202eturned",
         "שלום", "مرحبا", "n" * 5000, " ", "", "\ufffe", "%d {} \\n", "&amp;"]


def history(start=9.0):
    return [{"epoch": epoch, "perplexity": start / epoch, "seconds": 0.5,
             "characters": 1000, "lyrics": ["a\x00\nb"]}
            for epoch in (1, 2, 3)]


def legend_of(figure):
    (axes,) = figure.axes
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_names_with_an_underscore_stand_in_the_legend():
    figure = perplexity_figure({"_x": history(), "_y": history(8.0)}, GUESSED)
    assert legend_of(figure) == ["_x", "_y", "uniform guess (5)",
                                 "unigram guess (4)"]


@pytest.mark.parametrize("name", ["$x^2$", r"a\$b", "$\\frac{$"])
def test_a_dollar_is_no_formula(name):
    figure = perplexity_figure({name: history()}, GUESSED)
    svg = ElementTree.fromstring(to_svg(figure, "it"))
    assert name in [text.text for text in svg.iter(f"{{{SVG}}}text")]
    figure.draw_without_rendering()  # a formula that is none would be an error
    assert legend_of(figure)[0] == name


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_makes_a_report(abc, tmp_path, name, capsys):
    record = make_record(name, {name: history()}, abc, {name: name})
    folder = write_pages(tmp_path / "report", [record, record])
    ElementTree.parse(folder / "perplexity.svg")
    page = (folder / "report.html").read_text("utf-8")
    assert not set(page) & set("\0\x07\u202e\ufffe")
    for svg in page.split("<svg")[1:]:
        ElementTree.fromstring("<svg" + svg.split("</svg>")[0] + "</svg>")
    print_summary(record)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(labels.columns, lines)) <= 78
    assert len(lines) == 8


def test_names_are_texts_of_the_page(abc):
    page = to_html([make_record("a<b>", {"&lt;": history()}, abc, {})])
    assert "Perplexity report: a&lt;b&gt;</h1>" in page
    assert '<th scope="row">&amp;lt;</th>' in page
    assert "<pre>a\ufffd\nb</pre>" in page


def test_names_are_texts_in_markdown(abc):
    page = to_markdown(make_record("_a_ <b>", {"x|y": history()}, abc,
                                   {"num_epochs": 3, "$": "`|`"}))
    assert "# Perplexity report: \\_a\\_ \\<b>" in page
    assert "\n| x\\|y | 3.000 | 3 | 0.500 | 2,000 |\n" in page
    assert "\n| num_epochs | 3 |\n| \\$ | \\`\\|\\` |\n" in page
    assert "\n- a\ufffd\\\n  b\n" in page


def test_long_names_differ_at_their_ends(abc, capsys):
    long = "a long name " * 10
    record = make_record("run", {long + "one": history(),
                                 long + "two": history()}, abc, {})
    print_summary(record)
    printed = capsys.readouterr().out
    assert "name one  " in printed and "name two  " in printed
    figure = perplexity_figure({long + "one": history()}, GUESSED)
    assert labels.columns(legend_of(figure)[0]) == 44


def test_wide_characters_keep_the_columns(abc, capsys):
    record = make_record("run", {"猫坐在": history(), "cat": history()}, abc,
                         {})
    print_summary(record)
    cat, dog = (line for line in capsys.readouterr().out.splitlines()
                if " 3.000 " in line and "guess" not in line)
    assert labels.columns(cat) == labels.columns(dog)


RARE = "\U0001335e\U00013360"  # hieroglyphs, which few machines can show


def test_a_font_that_has_the_characters_is_used(fonts, abc, tmp_path):
    fonts(RARE)
    figure = perplexity_figure({f"the {RARE}": history()}, GUESSED)
    text = figure.axes[0].get_legend().get_texts()[0]
    assert text.get_text() == f"the {RARE}"
    assert text.get_fontfamily()[-1] == "Of the test"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib's, for a missing glyph
        d2l.plot_perplexity({RARE: history()}, abc).savefig(tmp_path / "a.png")


def test_where_no_font_has_them_it_is_said(fonts, abc, tmp_path):
    record = make_record("run", {f"the {RARE}": history()}, abc, {})
    figure = perplexity_figure({f"the {RARE}": history()}, GUESSED)
    assert legend_of(figure)[0] == "the □□"
    # a browser has fonts of its own
    assert f"the {RARE}" in to_svg(figure, "it")
    with pytest.warns(d2l.D2LRNNWarning, match=RARE) as caught:
        write_pages(tmp_path / "report", [record])
    assert len(caught) == 1 and caught[0].filename == __file__
    with pytest.warns(d2l.D2LRNNWarning, match="fonts-noto-cjk") as caught:
        d2l.plot_perplexity({RARE: history()}, abc)
    assert len(caught) == 1 and caught[0].filename == __file__


def test_an_installed_font_is_needed_only_for_what_the_usual_lacks(
        monkeypatch):
    def refuse(path):
        raise AssertionError(f"{path} was opened")

    labels.settable("a b ö é □ …")
    monkeypatch.setattr("matplotlib.font_manager.get_font", refuse)
    assert labels.settable("a ö") == ("a ö", ())
