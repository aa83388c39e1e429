"""The report in a real browser: Chromium, without a window."""
import json
import shutil

import d2lrnn as d2l
import pytest
from d2lrnn.report import make_record, write_pages

selenium = pytest.importorskip("selenium", reason="pip install -e '.[test]'")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")),
    reason="apt-get install chromium chromium-driver")


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL",
                                                 "performance": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


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
    browser.set_window_size(1200, 900)
    browser.get(report.as_uri())
    return browser


def find(page, selector):
    return page.find_elements(By.CSS_SELECTOR, selector)


def test_it_opens_without_a_word(page):
    assert "low, high" in page.title
    assert page.get_log("browser") == []
    requests = [json.loads(entry["message"])["message"]
                for entry in page.get_log("performance")]
    addresses = [request["params"]["request"]["url"] for request in requests
                 if request["method"] == "Network.requestWillBeSent"]
    assert all(address.startswith(("file:", "data:"))
               for address in addresses)


def test_the_charts_are_there(page):
    charts = find(page, ".chart")
    assert len(charts) == 2
    for chart in charts:
        assert chart.size["width"] > 500 and chart.size["height"] > 250


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
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True})
    width = page.execute_script(
        "return document.scrollingElement.scrollWidth")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert width <= 390


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes_have_contrast(page, theme):
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
        {"name": "prefers-color-scheme", "value": theme}]})
    colors = page.execute_script(
        "return ['CanvasText', 'Canvas'].map(color => {"
        "  const p = document.createElement('p');"
        "  p.style.color = color; document.body.append(p);"
        "  const seen = getComputedStyle(p).color; p.remove();"
        "  return seen.match(/\\d+/g).map(Number); })")
    text, back = (sum(color) / 3 for color in colors)
    assert (text < 60 and back > 200) if theme == "light" else (
        text > 200 and back < 60)


def test_it_prints(page):
    assert len(page.print_page()) > 10_000
