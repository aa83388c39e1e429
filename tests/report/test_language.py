"""The report speaks the reader's language: English or Chinese."""
import io
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import d2lrnn as d2l
import pytest
from d2lrnn.basics.language import readers_language
from d2lrnn.data.corpus import Corpus
from d2lrnn.report import labels, phrases
from d2lrnn.report.curves import perplexity_figure
from d2lrnn.report.markdown import to_markdown
from d2lrnn.report.page import file_text, to_html
from d2lrnn.report.write import make_record, print_summary, write_pages

HERE = Path(__file__).parent
SETTING = ("D2LRNN_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


def history(start, **more):
    return [{"epoch": epoch, "perplexity": start / epoch, "seconds": 0.5,
             "characters": 1000, "held_out_perplexity": 40.0,
             "held_out_unk": 0.01, "held_out_bits_per_char": 5.25,
             "grad_norm": 3.0, "clipped_grad_norm": 1.0, **more}
            for epoch in (1, 2, 3)]


@pytest.fixture
def records():
    """Two runs, one on characters and one on words, of no real machine."""
    text = "cat sat cat sat "
    records = [make_record(f"by {level}", {"fit": history(
        60.0, lyrics=["sat 1"])}, Corpus.from_text(text, "cats", level=level),
        {"level": level, "held_out": 0.25, "seed": 5})
        for level in ("char", "word")]
    return [{**record, "date": "2026-01-02 03:04:05", "command": ["a.py"],
             "versions": {"mxnet": "1.9.1"},
             "machine": {"system": "Linux", "cpu": "AMD", "cores": 2,
                         "threads": "all"}} for record in records]


@pytest.fixture
def reader(monkeypatch):
    """Return a function that sets these variables, and none of the others."""
    def reader(**variables):
        for name in SETTING:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return reader


@pytest.fixture
def chinese(reader, fonts):
    """Let the reader be Chinese, and the machine have a font for it."""
    fonts("".join(phrases.CHINESE.values()))
    reader(D2LRNN_LANG="zh")


@pytest.mark.parametrize("language, variables", [
    ("en", {}), ("en", {"LANG": ""}), ("en", {"LANG": "C"}),
    ("en", {"LC_ALL": "POSIX"}), ("en", {"LANG": "de_DE.UTF-8"}),
    ("zh", {"LANG": "zh_CN.UTF-8"}), ("zh", {"LC_MESSAGES": "zh_TW"}),
    ("zh", {"LC_ALL": "zh", "LC_MESSAGES": "en_US", "LANG": "en_US"}),
    ("en", {"LC_ALL": "en_US", "LC_MESSAGES": "zh_CN", "LANG": "zh_CN"}),
    ("en", {"LC_MESSAGES": "C.UTF-8", "LANG": "zh_CN.UTF-8"}),
    ("zh", {"LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh_SG.GBK"}),
    ("zh", {"D2LRNN_LANG": "zh", "LC_ALL": "C"}),
    ("en", {"D2LRNN_LANG": "en", "LC_ALL": "zh_CN.UTF-8"}),
    ("zh", {"D2LRNN_LANG": "", "LANG": "zh_CN.UTF-8"})])
def test_the_variable_decides_or_else_the_locale(reader, language, variables):
    reader(**variables)
    assert readers_language() == language


@pytest.mark.parametrize("value", ["fr", "ZH", "zh_CN", "english"])
def test_a_wrong_value_is_one_sentence(reader, value):
    reader(D2LRNN_LANG=value)
    with pytest.raises(d2l.SettingError) as caught:
        readers_language()
    assert str(caught.value) == (f"D2LRNN_LANG is {value!r}: it must be en "
                                 f"or zh")


def python(code, **variables):
    """Run Python in a process with these variables of the locale alone."""
    kept = {name: value for name, value in os.environ.items()
            if name not in SETTING and not name.startswith("LC_")}
    return subprocess.run([sys.executable, "-c", code], capture_output=True,
                          env={**kept, **variables}, check=False)


@pytest.mark.process
def test_a_wrong_value_is_told_before_the_training():
    done = python("import d2lrnn as d2l; print(1); d2l.epochs(5); print(2)",
                  D2LRNN_LANG="fr")
    assert done.returncode == 1 and done.stdout == b"1\n"
    assert done.stderr == b"D2LRNN_LANG is 'fr': it must be en or zh\n"


PRINT = """
import warnings
warnings.simplefilter("ignore")  # of fonts
import d2lrnn as d2l
d2l.write_report("a", {"fit": [{"perplexity": 2.0}]},
                 d2l.load_corpus("abc" * 9), {}, FOLDER)
"""


@pytest.mark.process
@pytest.mark.parametrize("variables, lang, words", [
    ({}, "en", "report: "), ({"LC_ALL": "zh_CN.UTF-8"}, "zh-CN", "报告：")])
def test_a_process_without_a_locale_and_one_with(tmp_path, variables, lang,
                                                 words):
    done = python(PRINT.replace("FOLDER", repr(str(tmp_path))), **variables)
    assert done.returncode == 0, done.stderr.decode()
    (page,) = tmp_path.glob("*/report.html")
    assert f'<html lang="{lang}">' in page.read_text("utf-8")
    assert done.stdout.decode().splitlines()[-1] == f"{words}{page.parent}"


def write_all(records, folder):
    """Show records in each of the report's ways."""
    write_pages(folder, records)
    print_summary(records[0])
    for level in ("char", "split"):
        d2l.write_report("a", {"b": [{"perplexity": 2.0}]},
                         d2l.load_corpus("ab c " * 9, level=level), {},
                         folder / level)


def test_every_phrase_is_translated_and_none_is_for_nothing(
        chinese, records, tmp_path, monkeypatch):
    asked = set()

    class Table(dict):
        def get(self, phrase, default=None):
            asked.add(phrase)
            return super().get(phrase, default)

    monkeypatch.setattr(phrases, "CHINESE", Table(phrases.CHINESE))
    write_all(records, tmp_path / "report")
    first, *_ = records
    first["text"]["held_out"] = dict(first["text"])
    to_html(records, has_studio=True)
    assert phrases.CHINESE.keys() <= asked
    # what they are called in every language, and what the machine says
    assert asked - phrases.CHINESE.keys() == {"<unk>", "`<unk>`", "AMD",
                                              "Linux"} | machine_says()


def machine_says():
    """Return the words that describe the machine of this process."""
    machine = make_record("a", {"b": [{"perplexity": 2.0}]},
                          d2l.load_corpus("abc"), {})["machine"]
    return {value for value in machine.values()
            if isinstance(value, str)} - {"all"}


def test_a_translation_fills_in_what_the_phrase_does():
    for english, chinese in phrases.CHINESE.items():
        assert chinese != english
        fields = re.compile(r"{[^}]*}")
        assert set(fields.findall(english)) == set(fields.findall(chinese))


def words_of(page):
    """Return the words in Latin letters that a page shows or reads out."""
    page = re.sub(r"<(style|script|metadata)\b.*?</\1>|<!--.*?-->|<\?.*?\?>|"
                  r"<!DOCTYPE[^>]*>", "", page, flags=re.DOTALL)
    shown = re.sub(r"<[^>]*>", " ", page) + " ".join(
        re.findall(r'aria-label="([^"]*)"', page))
    return set(re.findall("(?<![A-Za-z0-9])[A-Za-z]{2,}(?![A-Za-z0-9])",
                          unescape(shown)))


def test_a_chinese_page_has_no_english_word(chinese, records):
    data = {"by", "char", "word", "level", "fit", "cats", "sat", "mxnet",
            "Linux", "AMD", "py"}
    page = to_html(records)
    assert '<html lang="zh-CN">' in page
    settings = {"seed", "held", "out"}
    assert words_of(page) == data | settings
    file = {"perplexity", "png"}
    assert words_of(to_markdown(records[0])) == data - {"word"} | {
        *settings, *file}


def test_numbers_stay(chinese, reader, records):
    pages = [to_html(records), to_markdown(records[0])]
    reader(D2LRNN_LANG="en")
    for page, english in zip(pages, [to_html(records),
                                     to_markdown(records[0])], strict=True):
        cells = re.compile(r"<td>([^<]*)</td>|\| ([\d.,%]+) ")
        assert cells.findall(page.replace("全部", "all")) == (
            cells.findall(english))


def test_the_chinese_report(chinese, records):
    page = to_html(records)
    for words in ("<title>困惑度报告：by char, by word</title>",
                  "cats（16 个字符，词典大小为 5）", "等可能的字符或词元",
                  "<h2>如何重复这次训练</h2>", " <mark>不同</mark>",
                  '<th scope="row">均匀猜测, by char</th><td>5.000</td>',
                  "<title>by char, fit：第 2 个迭代周期，30</title>",
                  "<title>by word, fit（留出文本）：第 1 个迭代周期，40<",
                  "<title>by char, fit（裁剪后）：第 3 个迭代周期，1<",
                  "<summary>by char, fit，第 3 个迭代周期，困惑度 20.000<"):
        assert words in page
    assert "| | 困惑度 | 迭代周期数 | 每个迭代周期的秒数 | 每秒字符数 |\n" in (
        to_markdown(records[0]))


def test_the_english_report_is_what_it_was(records, capsys):
    page = to_html(records)
    assert f"<style>\n{file_text('page.css')}</style>" in page
    page = re.sub(r"<(svg|style|script)\b.*?</\1>", "", page,
                  flags=re.DOTALL)
    assert page == (HERE / "english.html").read_text("utf-8")
    assert to_markdown(records[0]) == (HERE / "english.md").read_text("utf-8")
    print_summary(records[0])
    assert capsys.readouterr().out == (HERE / "english.txt").read_text(
        "utf-8")


def test_the_summary_keeps_its_columns(chinese, records, capsys):
    records[0]["trainings"]["猫" * 40] = records[0]["trainings"]["fit"]
    print_summary(records[0])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "文本：cats"
    assert lines[2].split() == ["训练文本上的困惑度", "困惑度",
                                "秒/迭代周期", "字符/秒"]
    assert lines[9].split()[-2:] == ["迭代周期", "<unk>"]
    for i, line in enumerate(lines[2:], start=2):
        assert labels.columns(line) == (
            78 if "猜测" not in line else 46 if i < 9 else 58)


def test_a_number_too_wide_for_its_column_stays_whole(records, capsys):
    records[0]["trainings"]["fit"]["perplexity"] = 123456789012.0
    print_summary(records[0])
    assert "  123,456,789,012.000" in capsys.readouterr().out


def test_output_without_chinese_characters_is_in_english(
        chinese, records, monkeypatch):
    for encoding, words in (("ascii", "text: cats"), ("gbk", "文本：cats")):
        output = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr("sys.stdout", output)
        print_summary(records[0])
        output.flush()
        printed = output.buffer.getvalue().decode(encoding)
        assert printed.splitlines()[1] == words
        assert "?" not in printed


def labels_of(figure):
    """Return the labels of both axes, and those of the legend."""
    (axes,) = figure.axes
    return [axes.get_xlabel(), axes.get_ylabel(),
            *(text.get_text() for text in axes.get_legend().get_texts())]


def test_a_lessons_figure_speaks_chinese(chinese, abc, tmp_path):
    figure = d2l.plot_perplexity({"one": history(9.0)}, abc)
    assert labels_of(figure) == ["迭代周期", "困惑度", "one",
                                 "one（留出文本）", "均匀猜测（3）",
                                 "按频率猜测（3）", "按二元语法猜测（1）",
                                 "按三元语法猜测（1）"]
    (axes,) = figure.axes
    assert axes.xaxis.label.get_fontfamily()[-1] == "Of the test"
    figure.savefig(tmp_path / "a.png")  # a missing glyph would be a warning
    figure = d2l.plot_perplexity({"one": [{"perplexity": 2.0}]}, abc)
    assert labels_of(figure)[1] == "训练文本上的困惑度"


def test_without_a_font_pictures_are_in_english_and_it_is_said(
        fonts, reader, abc, records, tmp_path):
    reader(LANG="zh_CN.UTF-8")
    words = r"no font on this machine has .* \.\.\.: pictures are in English"
    with pytest.warns(d2l.D2LRNNWarning, match=words) as caught:
        figure = d2l.plot_perplexity({"one": history(9.0)}, abc)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert labels_of(figure) == ["epoch", "perplexity", "one",
                                 "one, held out", "uniform guess (3)",
                                 "unigram guess (3)", "bigram guess (1)",
                                 "trigram guess (1)"]
    with pytest.warns(d2l.D2LRNNWarning, match="fonts-noto-cjk") as caught:
        folder = write_pages(tmp_path / "report", records)
    assert len(caught) == 1 and caught[0].filename == __file__
    # a browser has fonts of its own
    page = (folder / "report.html").read_text("utf-8")
    assert "□" not in page and words_of(page).isdisjoint({"epoch", "guess"})
    for label in ("迭代周期", "困惑度", "梯度的范数",
                  "均匀猜测, by char（5）"):
        assert f">{label}</text>" in page


def test_an_english_reader_needs_no_chinese_font(fonts, abc):
    perplexity_figure({"one": history(9.0)}, {"uniform": 3}, "en")
    d2l.plot_perplexity({"one": history(9.0)}, abc)  # without a warning
    assert phrases.without_font() == []


def test_a_wrong_value_ends_a_training_before_it_begins(monkeypatch, tmp_path):
    corpus = d2l.load_corpus("abc" * 50)
    model = d2l.CharRNN(corpus.vocab_size, 3, 3, 1)
    monkeypatch.setenv("D2LRNN_LANG", "fr")
    with pytest.raises(d2l.SettingError, match="D2LRNN_LANG is 'fr'"):
        d2l.fit(model, corpus, 1, 0.1, batch_size=2, num_steps=3,
                folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()
