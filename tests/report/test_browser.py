"""The report in a real browser: Chromium, without a window."""
import d2lrnn as d2l
import pytest
from chromium import (
    assert_alone,
    find,
    page_width,
    phone,
    screenshot,
    theme,
    webdriver,
)
from d2lrnn.report.page import to_html
from d2lrnn.report.write import make_record, write_pages
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser

SETTINGS = {"num_epochs": 10, "lr": 1e-2, "schedule": "one_cycle",
            "batch_size": 16, "num_steps": 35, "seed": 1}


def lyrics_of(model, record):
    """Add to an epoch's record what the model writes after it."""
    pieces = d2l.generate(model, "月亮", 60, 0.8, seed=1)
    record["lyrics"] = ["月亮" + "".join(pieces)]


@pytest.fixture(scope="module")
def page(browser, original, tmp_path_factory):
    """Open the report of two trainings on the lyrics that ship."""
    records = []
    for cell in ("rnn", "lstm"):
        model = d2l.CharRNN(original.vocab_size, 64, 128, 1, cell=cell)
        history = d2l.fit(model, original, **SETTINGS,
                          on_epoch_end=lyrics_of)
        records.append(make_record(cell, {"fit": history}, original,
                                   {"cell": cell, **SETTINGS}))
    folder = tmp_path_factory.mktemp("report") / "both"
    browser.get((write_pages(folder, records) / "report.html").as_uri())
    return browser


def test_it_opens_without_a_word(page):
    assert "rnn, lstm" in page.title
    assert_alone(page)


def test_the_charts_are_there(page):
    charts = find(page, ".chart")
    assert len(charts) == 2
    for chart in charts:
        assert chart.size["width"] > 500 and chart.size["height"] > 250


def test_the_screenshot_of_a_report(page):
    before = page.get_window_size()
    page.set_window_size(1200, 970)  # all of the first chart
    screenshot(page, "report.png")
    page.set_window_size(before["width"], before["height"])


def test_long_names_do_not_widen_a_phones_page(browser, page, abc, tmp_path):
    address, name = page.current_url, "a_very_long_name" * 40
    record = make_record(name, {name: [{"perplexity": 2}]}, abc, {name: name})
    report = write_pages(tmp_path / "long", [record]) / "report.html"
    browser.get(report.as_uri())
    with phone(browser):
        assert page_width(browser) <= 390
        assert all(cell.size["width"] < 400 for cell in find(browser, "th"))
    browser.get(address)


def lines_of(browser, element):
    """Return how many lines the text of an element takes."""
    return browser.execute_script(
        "const range = document.createRange();"
        "range.selectNodeContents(arguments[0]);"
        "return range.getClientRects().length", element)


def test_no_word_of_a_tables_head_is_cut_in_two(page):
    heads = [head for head in find(page, "thead th")
             if head.text and " " not in head.text]
    assert len(heads) == 3 + 2 + 2
    for head in heads:
        assert lines_of(page, head) == 1, head.text


def test_a_phone_cuts_no_name_and_number_of_a_chinese_report_in_two(
        browser, page, abc, tmp_path, monkeypatch):
    monkeypatch.setenv("D2LRNN_LANG", "zh")
    address, path = page.current_url, tmp_path / "report.html"
    record = make_record("run", {"fit": [{
        "perplexity": 12.345, "seconds": 0.5, "characters": 123456}]}, abc, {})
    path.write_text(to_html([record]), "utf-8")
    browser.get(path.as_uri())
    with phone(browser):
        assert page_width(browser) <= 390
        cells = [cell for cell in find(browser, "h2:first-of-type + .wide th,"
                                                "h2:first-of-type + .wide td")
                 if cell.text and "/" not in cell.text]
        assert {"困惑度", "12.345", "246,912"} <= {
            cell.text for cell in cells}
        for cell in cells:
            assert lines_of(browser, cell) == 1, cell.text
    browser.get(address)


def test_the_keys_walk_through_the_points(page):
    chart, output = find(page, ".chart")[0], find(page, "output")[0]
    chart.send_keys(Keys.ARROW_RIGHT)
    first = output.text
    assert first.startswith("rnn, fit: epoch 1, ")
    chart.send_keys(Keys.ARROW_RIGHT)
    assert output.text.startswith("rnn, fit: epoch 2, ")
    chart.send_keys(Keys.ARROW_LEFT)
    assert output.text == first


def test_the_pointer_shows_values(page):
    points = find(page, ".chart use:has(title)")
    title = page.execute_script(
        "return arguments[0].querySelector('title').textContent", points[-1])
    webdriver.ActionChains(page).move_to_element(points[-1]).perform()
    value = title.split(": ")[1]  # another point may lie at the same place
    assert any(value in output.text for output in find(page, "output"))


def test_what_differs_is_marked(page):
    (mark,) = find(page, "mark")
    row = mark.find_element(By.XPATH, "./ancestor::tr")
    assert row.text.split() == ["cell", "differs", "rnn", "lstm"]


def test_a_phone_needs_no_scrolling_sideways(page):
    with phone(page):
        assert page_width(page) <= 390


@pytest.mark.parametrize("name", ["light", "dark"])
def test_both_themes_have_contrast(page, name):
    with theme(page, name):
        text, back = (sum(color) / 3 for color in page.execute_script(
            "return ['CanvasText', 'Canvas'].map(color => {"
            "  const p = document.createElement('p');"
            "  p.style.color = color; document.body.append(p);"
            "  const seen = getComputedStyle(p).color; p.remove();"
            "  return seen.match(/\\d+/g).map(Number); })"))
    assert (text < 60 and back > 200) if name == "light" else (
        text > 200 and back < 60)


def test_it_prints(page):
    assert len(page.print_page()) > 10_000
