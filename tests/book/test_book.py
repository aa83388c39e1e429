"""The book: built as README says, in both languages, and opened."""
import os
import re
import runpy
import shutil
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("myst_nb", reason="pip install -e '.[book]'")
import nbformat
import recording
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from chromium import (
    assert_alone,
    brightness,
    find,
    page_width,
    phone,
    screenshot,
    theme,
    wait_until,
)
from markdown_it import MarkdownIt
from nbclient import NotebookClient
from translations import asked_for, check_page, problems_of

pytestmark = [pytest.mark.book, pytest.mark.process]

ROOT = Path(__file__).parents[2]
HTML = ROOT / "build" / "html"
LOCALE = ROOT / "docs" / "locale" / "zh_CN" / "LC_MESSAGES"
LESSONS = sorted(path.stem for path in (ROOT / "chapters").glob("*.py"))
LANGUAGES = {"en": HTML, "zh_CN": HTML / "zh_CN"}
languages = pytest.mark.parametrize("language", LANGUAGES)


def make(*targets):
    """Run make with this Python's commands, on the texts that ship."""
    if not shutil.which("make"):
        pytest.skip("apt-get install make")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["make", *targets], cwd=ROOT, text=True, capture_output=True,
        env={**os.environ, "PATH": path, "D2LRNN_EPOCHS": "1",
             "D2LRNN_DATA": "", "FULL": ""})
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def book():
    """Build the pages of both languages; any warning is an error."""
    make("html")


@pytest.fixture(scope="module")
def notebooks():
    """Write the chapters as notebooks; return them by their names."""
    make("notebooks")
    return {path.stem: nbformat.read(path, as_version=4) for path
            in (ROOT / "build" / "notebooks").iterdir()}


@pytest.fixture(scope="module")
def catalogs():
    """Return each page's messages and their translations, by its name."""
    make("templates")
    folder = ROOT / "build" / "gettext"
    return {page: (read(path), read(LOCALE / f"{page}.po"))
            for path in sorted(folder.rglob("*.pot"))
            for page in [str(path.relative_to(folder).with_suffix(""))]}


def read(path):
    """Read a catalog; of a new page there is none yet."""
    if not path.exists():
        return Catalog()
    with path.open("rb") as file:
        return read_po(file)


def test_the_translation_is_complete(catalogs):
    assert {*catalogs} > {"comments", *(
        f"chapters/{lesson}" for lesson in LESSONS)}
    asked = asked_for()
    assert {*asked} <= {*catalogs, "README"}
    for page, (template, catalog) in catalogs.items():
        check_page(page, problems_of(template, catalog), asked)


def test_the_translation_keeps_code_and_formulas(catalogs):
    for page, message in shown_on_pages(catalogs):
        parts = [sorted(re.findall(r"(`+|\$+)(.+?)\1", text, re.DOTALL))
                 for text in (message.id, message.string)]
        assert parts[0] == parts[1], f"{page}: {message.id}"


def test_emphasis_shows_no_asterisks_in_the_translation(catalogs):
    """Between a Chinese full stop and a character, * would be a letter."""
    for page, message in shown_on_pages(catalogs):
        english, chinese = map(shown_asterisks, (message.id, message.string))
        assert english == chinese, f"{page}: {message.string}"


def shown_on_pages(catalogs):
    """Yield each message that is shown translated, after its page."""
    for page, (_, catalog) in catalogs.items():
        for message in catalog:
            if message.id and message.string and not message.fuzzy:
                yield page, message


def shown_asterisks(markdown):
    """Return how many asterisks a page shows outside code and formulas."""
    (inline,) = MarkdownIt().parseInline(re.sub(r"\$.*?\$", "", markdown))
    return sum(part.content.count("*") for part in inline.children
               if part.type == "text")


def test_of_a_docstring_the_first_sentence_is_translated(catalogs):
    template, _ = catalogs["api/report"]
    assert template.get("Return the perplexity of guessing by character "
                        "frequencies alone.")
    assert not [message.id for message in template
                if "uniform guess" in message.id]


@pytest.mark.parametrize("changed", [
    {"Loss": None}, {"Loss": ""}, {"Lost": "失去"}])
def test_a_page_is_translated_or_asks_for_it(changed):
    template, catalog = Catalog(), Catalog()
    for name, string in ({"Loss": "损失", "State": "状态"} | changed).items():
        if string is not None:
            catalog.add(name, string)
    for name in ("Loss", "State"):
        template.add(name)
    problems = problems_of(template, catalog)
    assert len(problems) == 1 and next(iter(changed)) in problems[0]
    with pytest.raises(AssertionError, match=r"^lessons/x: .*translate it"):
        check_page("lessons/x", problems, ["x"])
    with pytest.warns(UserWarning, match=f"^x asks .*: {problems[0]}$"):
        check_page("x", problems, ["x"])


def test_a_translated_page_asks_no_longer():
    template, catalog = Catalog(), Catalog()
    template.add("Loss")
    catalog.add("Loss", "损失")
    assert problems_of(template, catalog) == []
    check_page("y", [], ["x"])
    with pytest.raises(AssertionError, match=r"^x is translated: take it out"):
        check_page("x", [], ["x"])


class Links(HTMLParser):
    """What a page points to, and where it can be pointed at."""

    def __init__(self, path):
        super().__init__()
        self.links, self.ids, self.images = [], {""}, []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        self.links += [attrs[name] for name in ("href", "src")
                       if attrs.get(name)]


def test_no_link_is_broken(book):
    pages = {path: Links(path) for path in HTML.rglob("*.html")
             if "_static" not in path.parts}
    assert len(pages) > 2 * (len(LESSONS) + 10)
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                assert parts.scheme in ("http", "https", "data"), link
                continue
            target = (path.parent / unquote(parts.path)).resolve() if (
                parts.path) else path
            assert target.exists(), f"{path}: {link}"
            if target in pages and parts.fragment:
                assert unquote(parts.fragment) in pages[target].ids, (
                    f"{path}: {link}")


def text_of(page, language):
    """Return the text of a page, on one line."""
    source = (LANGUAGES[language] / f"{page}.html").read_text("utf-8")
    return " ".join(unescape(re.sub("<[^>]+>", "", source)).split())


@languages
def test_a_signature_stands_as_it_is_written(book, language):
    page = (LANGUAGES[language] / "api" / "fit.html").read_text("utf-8")
    text = re.sub("<[^>]+>", "", page[page.index('id="d2lrnn.fit"'):])
    assert "\nd2lrnn.fit(model: CharRNN, corpus: Corpus, num_epochs: " in (
        text[:200])
    assert "**options) &#x2192; list[dict]" in text[:300]


@languages
def test_a_docstring_begins_in_the_language_of_the_page(book, language):
    text = text_of("api/report", language)
    english, chinese = "Return the perplexity of guess", "返回只按字符频率猜测"
    assert (english in text, chinese in text) == (
        language == "en", language != "en")
    assert "That of a uniform guess is vocab_size." in text


@languages
@pytest.mark.parametrize("lesson, english, chinese", [
    ("rnn_scratch", "# the output layer", "# 输出层"),
    ("numpy_rnn", "# what to keep", "# 保留什么")])
def test_comments_are_in_the_language_of_the_page(book, language, lesson,
                                                  english, chinese):
    text = text_of(f"chapters/{lesson}", language)
    assert (english in text, chinese in text) == (
        language == "en", language != "en")


@pytest.mark.browser
@languages
@pytest.mark.parametrize("lesson", LESSONS)
def test_a_chapter_is_all_there(book, browser, language, lesson):
    browser.get((LANGUAGES[language] / "chapters"
                 / f"{lesson}.html").as_uri())
    wait_until(browser, lambda: len(find(browser, "mjx-container")) == len(
        find(browser, ".math")))
    assert not find(browser, "mjx-merror")
    keyword = find(browser, ".highlight-ipython3 .kn, .cell_input .kn")[0]
    assert abs(brightness(browser, keyword, "color")
               - brightness(browser, find(browser, "article p")[0],
                            "color")) > 20
    for image in find(browser, "article img"):
        browser.execute_script("arguments[0].scrollIntoView()", image)
        assert image.get_property("naturalWidth") > 100
    assert_alone(browser)


@pytest.mark.browser
def test_the_screenshot_of_a_chapter(book, browser):
    browser.get((HTML / "chapters" / "rnn_scratch.html").as_uri())
    wait_until(browser, lambda: find(browser, "mjx-container"))
    before = browser.get_window_size()
    browser.set_window_size(1200, 1000)  # what it writes, and its curves
    written = [output for output in find(browser, ".cell_output")
               if "epoch 250, perplexity" in output.text][-1]
    browser.execute_script("""
        const top = arguments[0].getBoundingClientRect().top;
        window.scrollBy({top: top - 80, behavior: "instant"});
        """, written)
    screenshot(browser, "book.png")
    browser.set_window_size(before["width"], before["height"])


@pytest.mark.browser
@languages
def test_outputs_and_figures_are_shown(book, browser, language):
    browser.get((LANGUAGES[language] / "chapters"
                 / "rnn_scratch.html").as_uri())
    assert wait_until(browser, lambda: find(browser, ".cell_output img"))
    outputs = "\n".join(output.text for output
                        in find(browser, ".cell_output"))
    assert "epoch 50, perplexity" in outputs and "\n - 分开" in outputs


@pytest.mark.browser
@languages
def test_a_page_is_in_its_language(book, browser, language):
    browser.get((LANGUAGES[language] / "index.html").as_uri())
    (html,), (heading,) = find(browser, "html"), find(browser, "h1")
    assert html.get_attribute("lang").startswith(language[:2])
    assert ("Recurrent" in heading.text) == (language == "en")
    (other,) = find(browser, ".language a")
    address = other.get_property("href")
    other.click()
    wait_until(browser, lambda: browser.current_url == address
               and browser.execute_script("return document.readyState")
               == "complete")
    assert ("Recurrent" in find(browser, "h1")[0].text) == (
        language != "en")


@pytest.mark.browser
@pytest.mark.parametrize("language, words", [
    ("en", "perplexity"), ("zh_CN", "perplexity"), ("zh_CN", "困惑度")])
def test_the_search_finds_perplexity(book, browser, language, words):
    browser.get((LANGUAGES[language] / "index.html").as_uri())
    (field, *_) = wait_until(browser, lambda: find(browser, "input[name=q]"))
    field.send_keys(f"{words}\n")
    wait_until(browser, lambda: len(find(
        browser, "#search-results li a")) > 10)
    assert_alone(browser)


TYPESET = """
return document.querySelectorAll("mjx-container[display]").length
  >= document.querySelectorAll("div.math").length"""
CUT_OFF = """
return [...document.querySelectorAll("mjx-container[display]")].filter(
  ({scrollWidth, parentElement: box}) => scrollWidth > box.clientWidth + 1
    || box.scrollHeight > box.clientHeight
).map(formula => formula.textContent)"""


@pytest.mark.browser
@languages
def test_each_page_and_its_formulas_fit_on_a_phone(book, browser, language):
    folder = LANGUAGES[language]
    pages = [path for pattern in ("*.html", "chapters/*.html", "api/*.html")
             for path in folder.glob(pattern)]
    assert len(pages) > len(LESSONS) + 15
    with phone(browser):
        for path in pages:
            browser.get(path.as_uri())
            wait_until(browser, lambda: browser.execute_script(TYPESET))
            assert page_width(browser) <= 390, path
            assert browser.execute_script(CUT_OFF) == [], path
            assert_alone(browser)


@pytest.mark.browser
@languages
@pytest.mark.parametrize("name", ["light", "dark"])
def test_it_has_contrast_in_both_themes(book, browser, language, name):
    with theme(browser, name):
        browser.get((LANGUAGES[language] / "chapters"
                     / "rnn_scratch.html").as_uri())
        (body,) = find(browser, "body")
        back = brightness(browser, body, "backgroundColor")
        for selector in ("article p", ".math", ".cell_input .n",
                         ".cell_output pre", ".language a"):
            text = brightness(browser, find(browser, selector)[0], "color")
            assert abs(text - back) > 90, selector
    assert (back > 200) == (name == "light")


def test_full_means_the_books_settings(monkeypatch):
    monkeypatch.setenv("FULL", "1")
    monkeypatch.setenv("D2LRNN_EPOCHS", "1")
    full = runpy.run_path(str(ROOT / "docs" / "conf.py"))
    assert "D2LRNN_EPOCHS" not in os.environ
    monkeypatch.delenv("FULL")
    tried = runpy.run_path(str(ROOT / "docs" / "conf.py"))
    assert os.environ["D2LRNN_EPOCHS"] == "2"
    assert len({conf["nb_execution_cache_path"]
                for conf in (full, tried)}) == 2


def test_the_notebooks_are_those_of_the_lessons(notebooks):
    """Their cells were recorded: test_recording.py looks at what they did."""
    assert sorted(notebooks) == LESSONS
    for name, notebook in notebooks.items():
        nbformat.validate(notebook)
        recorded = nbformat.read(recording.RECORDED / f"{name}.ipynb", 4)
        assert recording.digest(notebook) == recording.digest(recorded)


def test_a_notebook_runs_by_itself(notebooks, tmp_path):
    done = NotebookClient(notebooks["numpy_rnn"], resources={
        "metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in done.cells if cell.cell_type == "code"
               for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert (tmp_path / "runs" / "numpy_rnn.png").exists()


@languages
@pytest.mark.browser
@pytest.mark.parametrize("lesson", ["rnn_scratch", "decoding", "inside"])
def test_a_lesson_lets_a_model_write(browser, book, language, lesson):
    page = LANGUAGES[language] / "chapters" / f"{lesson}.html"
    browser.get(page.as_uri())
    frame, = wait_until(browser, lambda: find(browser, "iframe.studio"))
    browser.execute_script("arguments[0].scrollIntoView()", frame)
    browser.switch_to.frame(frame)
    try:
        write, = wait_until(browser, lambda: find(browser, "#write"))
        assert write.text == {"en": "Write", "zh_CN": "续写"}[language]
        browser.execute_script("arguments[0].click()", write)
        wait_until(browser, lambda: browser.execute_script(
            "return studio.readings[0].tokens.length") > 200)
    finally:
        browser.switch_to.default_content()
    assert_alone(browser)
