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
from d2lrnn.report import make_record, write_pages
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """Open the report of two trainings."""
    folder = tmp_path_factory.mktemp("report")
    records = []
    for name, lr in (("low", 1e-3), ("high", 1e-2)):
        corpus = d2l.load_corpus("猫坐在垫子上。the cat sat on the mat\n" * 40)
        model = d2l.CharRNN(corpus.vocab_size, 4, 8, 1)
        history = d2l.fit(model, corpus, 4, lr, num_steps=5, batch_size=4)
        history[-1]["lyrics"] = [corpus.text[:200]]
        records.append(make_record(name, {"fit": history}, corpus,
                                   {"lr": lr, "seed": 1}))
    report = write_pages(folder / "both", records) / "report.html"
    browser.get(report.as_uri())
    return browser


def test_it_opens_without_a_word(page):
    assert "low, high" in page.title
    assert_alone(page)


def test_the_charts_are_there(page):
    charts = find(page, ".chart")
    assert len(charts) == 2
    for chart in charts:
        assert chart.size["width"] > 500 and chart.size["height"] > 250


def test_the_screenshot_of_a_report(page):
    screenshot(page, "report.png")


def test_the_keys_walk_through_the_points(page):
    chart, output = find(page, ".chart")[0], find(page, "output")[0]
    chart.send_keys(Keys.ARROW_RIGHT)
    first = output.text
    assert first.startswith("low, fit: epoch 1, ")
    chart.send_keys(Keys.ARROW_RIGHT)
    assert output.text.startswith("low, fit: epoch 2, ")
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
    assert row.text.split() == ["lr", "differs", "0.001", "0.01"]


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
