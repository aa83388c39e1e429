"""Chromium without a window, and what is asked of its pages."""
import json
import shutil
import struct
from contextlib import contextmanager
from pathlib import Path

import pytest

webdriver = pytest.importorskip("selenium.webdriver",
                                reason="pip install -e '.[test]'")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402


def start():
    """Return a driver of Chromium, or skip the test that needs it."""
    chromium, driver = map(shutil.which, ("chromium", "chromedriver"))
    if not (chromium and driver):
        pytest.skip("apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL",
                                                 "performance": "ALL"})
    browser = webdriver.Chrome(options=options,
                               service=webdriver.ChromeService(driver))
    browser.set_window_size(1200, 900)
    return browser


def wait_until(browser, condition):
    """Wait until a function returns what is true; fail after 20 seconds."""
    return WebDriverWait(browser, 20).until(lambda _: condition())


def find(browser, selector):
    return browser.find_elements(By.CSS_SELECTOR, selector)


def assert_alone(browser, *own):
    """Assert that the pages since the last call need nothing, and say nothing.

    All that they asked for are files, or begin with one of ``own``, and the
    console is empty.
    """
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"]
                for entry in browser.get_log("performance")]
    addresses = [message["params"]["request"]["url"] for message in messages
                 if message["method"] == "Network.requestWillBeSent"]
    assert addresses
    assert all(address.startswith(("file:", "data:", *own))
               for address in addresses)


@contextmanager
def phone(browser):
    """Make the window as narrow as a phone's."""
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True})
    yield
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def page_width(browser):
    return browser.execute_script(
        "return document.scrollingElement.scrollWidth")


@contextmanager
def theme(browser, name):
    """Let the page believe that its reader likes it light, or dark."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
        {"name": "prefers-color-scheme", "value": name}]})
    yield
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def brightness(browser, element, style):
    """Return how bright a colour of an element is, 0 to 255."""
    color = browser.execute_script(
        "return getComputedStyle(arguments[0])[arguments[1]]", element, style)
    red, green, blue, *_ = map(float, color.strip("rgba()").split(","))
    return (red + green + blue) / 3


def screenshot(browser, name):
    """Keep what is to be seen for README: ``make screenshots``."""
    folder = Path(__file__).parents[1] / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    assert browser.save_screenshot(str(path))
    width, height = struct.unpack(">2I", path.read_bytes()[16:24])
    assert width > 1000 and height > 600
