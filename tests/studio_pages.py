"""The studio with small models, and what the tests do in it."""
import d2lrnn as d2l
import mxnet as mx
import numpy as np
from chromium import wait_until
from d2lrnn.export.page import to_page

TEXT = "Shall I write\nof roses, or of rain that falls on rain?\n"


def saved(path, corpus, **config):
    """Save a model with gates that open and close; return it."""
    model = d2l.CharRNN(corpus.vocab_size, **{
        "embed_size": 12, "num_hiddens": 20, "num_layers": 1, **config})
    model.initialize(mx.init.Normal(0.3))
    model.idx_to_char = corpus.idx_to_char
    d2l.save_model(path, model)
    return model


def open_page(browser, path, *models, float32=True, text=TEXT):
    """Open the studio with the files of models, and let them read a text."""
    path.write_text(to_page(models, float32), "utf-8")
    browser.get("about:blank")
    browser.get(path.as_uri())
    read(browser, text)


def read(browser, text):
    browser.execute_script(
        "const box = document.getElementById('text'); box.value = "
        "arguments[0]; box.dispatchEvent(new Event('input'))", text)
    wait_until(browser, lambda: browser.execute_script(
        "return studio.readings.every((reading) => reading.text() === "
        "arguments[0])", text))


def ask(browser, expression):
    """Return the value of an expression about the first reading."""
    return browser.execute_script(
        f"const reading = studio.readings[0]; return {expression}")


def as_arrays(browser, expression):
    return np.array(ask(browser, expression), np.float64)


def fill_in(browser, name, value):
    """Type a value into a field, or choose it."""
    browser.execute_script(
        "const field = document.getElementById(arguments[0]); field.value = "
        "arguments[1]; field.dispatchEvent(new Event('input'))", name, value)


def said(browser):
    return browser.find_element("id", "status").text


def text_of(browser):
    return browser.execute_script(
        "return document.getElementById('text').value")


def write(browser, button="write", length=40):
    """Write; return the text after that."""
    fill_in(browser, "length", length)
    before = len(text_of(browser))
    browser.find_element("id", button).click()
    more = length if button == "write" else 1
    wait_until(browser, lambda: len(text_of(browser)) == before + more
               and not ask(browser, "studio.writing"))
    return text_of(browser)


def undo(browser, text):
    browser.find_element("id", "undo").click()
    wait_until(browser, lambda: text_of(browser) == text)
