"""The studio in use: pointer, keyboard, files, and hostile texts."""
from importlib import resources
from pathlib import Path

import d2lrnn as d2l
import numpy as np
import pytest
from chromium import (
    assert_alone,
    page_width,
    phone,
    screenshot,
    wait_until,
)
from selenium.webdriver.common.keys import Keys
from studio_pages import (
    TEXT,
    ask,
    fill_in,
    open_page,
    read,
    said,
    saved,
    text_of,
    undo,
    write,
)

pytestmark = pytest.mark.browser


def test_a_seed_gives_one_text_at_once_or_step_by_step(studio):
    browser, _ = studio
    fill_in(browser, "temperature", 1)
    fill_in(browser, "seed", 7)
    text = write(browser, length=5)
    undo(browser, TEXT)
    for length in range(1, 6):
        assert write(browser, "step") == text[:len(TEXT) + length]
    undo(browser, text[:-1])
    fill_in(browser, "seed", 8)
    assert write(browser, length=40)[:len(text)] != text


def test_it_stops_where_it_is_told_to(studio):
    browser, _ = studio
    fill_in(browser, "temperature", 0)
    whole = write(browser)
    undo(browser, TEXT)
    fill_in(browser, "until", whole[len(TEXT) + 3:len(TEXT) + 6])
    browser.find_element("id", "write").click()
    wait_until(browser, lambda: len(text_of(browser)) > len(TEXT)
               and not ask(browser, "studio.writing"))
    new = text_of(browser)[len(TEXT):]
    assert new == whole[len(TEXT):][:whole[len(TEXT):].index(
        whole[len(TEXT) + 3:len(TEXT) + 6]) + 3]


def test_a_held_unit_stays_where_it_is_held(studio):
    browser, _ = studio
    for name, value in (("unit", 5), ("value", -0.5)):
        fill_in(browser, name, value)
    browser.find_element("id", "hold").click()
    write(browser, length=10)
    values = ask(browser, "reading.unit(0, 'H', 5)")
    assert values[-10:] == [-0.5] * 10
    assert -0.5 not in values[:-10]


def test_a_click_takes_another_character(studio):
    browser, _ = studio
    browser.execute_script("document.querySelector('#shown span:nth-child(7)')"
                           ".click()")
    bars = browser.find_elements("css selector", "#bars button:not(.was)")
    token = bars[0].find_element("css selector", ".token").text
    browser.execute_script("arguments[0].click()", bars[0])
    taken = TEXT[:6] + {"␣": " ", "⏎": "\n"}.get(token, token)
    wait_until(browser, lambda: text_of(browser) == taken)
    undo(browser, TEXT)


def test_the_keyboard_reaches_everything(studio):
    browser, _ = studio
    browser.find_element("id", "text").send_keys(Keys.CONTROL, Keys.ENTER)
    wait_until(browser, lambda: len(text_of(browser)) == len(TEXT) + 200)
    shown = browser.find_element("id", "shown")
    shown.send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_RIGHT)
    assert ask(browser, "studio.place") == len(TEXT) + 199
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('input, select, textarea')]"
        ".filter((field) => !document.getElementById(field.getAttribute("
        "'aria-labelledby')) && ![...field.labels].some((label) => "
        "label.textContent.trim())).map((field) => field.id)")
    assert unnamed == []


def test_the_address_keeps_the_page(studio):
    browser, _ = studio
    fill_in(browser, "temperature", 1.25)
    fill_in(browser, "unit", 3)
    fill_in(browser, "colour", "unit")
    browser.execute_script("document.querySelector('#shown span:nth-child(7)')"
                           ".click()")
    wait_until(browser, lambda: "place=6" in browser.current_url)
    address = browser.current_url
    browser.get("about:blank")
    browser.get(address)
    wait_until(browser, lambda: ask(
        browser, "reading.tokens.length") == len(TEXT))
    assert text_of(browser) == TEXT
    for name, value in (("temperature", "1.25"), ("unit", "3"),
                        ("colour", "unit")):
        assert browser.find_element("id", name).get_property("value") == value
    assert ask(browser, "studio.place") == 6


def test_two_models_read_one_text(browser, tmp_path, sonnets):
    paths = [tmp_path / f"{cell}.safetensors" for cell in ("gru", "lstm")]
    for path in paths:
        saved(path, sonnets, cell=path.stem)
    open_page(browser, tmp_path / "page.html", *paths)
    wait_until(browser, lambda: len(browser.find_elements(
        "css selector", "#measures p")) == 2)
    browser.execute_script(
        "document.querySelector('#shown span:nth-child(9)').click()")
    assert [name.text for name in browser.find_elements(
        "css selector", "#bars h3")] == ["gru", "lstm"]
    for bars, path in zip(browser.find_elements("css selector", "#bars ol"),
                          paths, strict=True):
        scores = d2l.trace(d2l.load_model(path), TEXT).scores[7]
        best = sonnets.idx_to_char[scores.argmax()]
        shown = bars.find_element("css selector", ".token").text
        assert {"␣": " ", "⏎": "\n"}.get(shown, shown) == best
    fill_in(browser, "colour", "difference")
    colours = browser.execute_script(
        "return [...document.querySelectorAll('#shown span')].map((span) => "
        "span.style.backgroundColor)")
    bits = np.array(browser.execute_script(
        "return studio.readings.map(({ about }) => about.map("
        "({ bits }) => bits || 0))"))
    for colour, difference in zip(colours, bits[1] - bits[0], strict=True):
        assert colour.startswith("rgba(255, 120, 0") == (difference >= 0)
    browser.find_elements("css selector", "#models input")[1].click()
    write(browser)
    wait_until(browser, lambda: ask(
        browser, "reading.tokens.length") == len(TEXT) + 40)


FILES = {
    "short": (lambda whole: b"abc", "not a whole model"),
    "truncated": (lambda whole: whole[:-9], "not a whole model"),
    "header": (lambda whole: b"\xff" * 40, "not a whole model"),
    "json": (lambda whole: (2).to_bytes(8, "little") + b"{]",
             "not a whole model"),
    "null": (lambda whole: (4).to_bytes(8, "little") + b"null",
             "not written by d2lrnn"),
    "foreign": (lambda whole: whole.replace(b'"d2lrnn"', b'"others"'),
                "not written by d2lrnn"),
    "nan": (lambda whole: whole[:-4] + b"\xff\xff\xff\xff",
            "not a whole model"),
    "shape": (lambda whole: whole.replace(b"[20,12]", b"[12,20]").replace(
        b"[80,12]", b"[12,80]"), "not a whole model"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_broken_file_is_refused(studio, tmp_path, name):
    browser, _ = studio
    change, words = FILES[name]
    path = tmp_path / "other.safetensors"
    path.write_bytes(change((tmp_path / "model.safetensors").read_bytes()))
    browser.find_element("id", "file").send_keys(str(path))
    wait_until(browser, lambda: words in browser.find_element(
        "id", "status").text)
    assert ask(browser, "studio.readings.length") == 1
    assert_alone(browser)


def test_a_file_of_another_model_is_refused_and_a_whole_one_opened(
        studio, tmp_path, sonnets):
    browser, _ = studio
    box = browser.find_element("id", "file")
    box.send_keys(str(resources.files("lyrics_data") / "sonnets.safetensors"))
    wait_until(browser, lambda: "WindowLSTM" in browser.find_element(
        "id", "status").text)
    saved(tmp_path / "second.safetensors", sonnets, cell="minlstm")
    box.send_keys(str(tmp_path / "second.safetensors"))
    wait_until(browser, lambda: ask(browser, "studio.readings.length") == 2)


def test_no_text_of_a_model_is_more_than_text(browser, tmp_path):
    """Markup, quotes, newlines, emoji, right to left: all is shown."""
    vocabulary = ["</script><script>window.hurt = 1</script>",
                  "<img src=x onerror='window.hurt = 1'>", "\"", "'", "\n",
                  "&lt;", "\u202e", "א", "😀", "\u0301", "\0", "${hurt}"]
    corpus = d2l.load_corpus("abcdefghijkl")
    path = tmp_path / "<b onclick=hurt()>&amp;.safetensors"
    model = saved(path, corpus)
    model.idx_to_char = vocabulary
    d2l.save_model(path, model)
    open_page(browser, tmp_path / "page.html", path, text="\"א😀'")
    fill_in(browser, "temperature", 2)
    browser.find_element("id", "write").click()
    wait_until(browser, lambda: ask(browser, "reading.ids.length") > 150
               and not ask(browser, "studio.writing"))
    assert browser.execute_script(
        "return [window.hurt ?? null, document.images.length, "
        "document.scripts.length, document.querySelectorAll('main b').length]"
    ) == [None, 0, 2, 0]
    assert path.stem in browser.find_element("id", "models").text
    assert_alone(browser)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_speaks_both_languages_on_a_phone(studio, language):
    browser, _ = studio
    fill_in(browser, "language", language)
    assert browser.execute_script(
        "return [...document.querySelectorAll('[data-say]')].filter("
        "(element) => !element.textContent.trim()).length") == 0
    assert ("Temperature" in browser.find_element("id", "writing").text) == (
        language == "en")
    with phone(browser):
        assert page_width(browser) <= 390


def test_stop_keeps_what_was_written(studio):
    browser, _ = studio
    fill_in(browser, "length", 14_000)
    browser.execute_script(
        "const write = document.getElementById('write'); write.click(); "
        "setTimeout(() => write.click(), 100)")
    wait_until(browser, lambda: "written" in said(browser))
    assert len(TEXT) < len(text_of(browser)) < len(TEXT) + 14_000
    assert text_of(browser) == ask(browser, "reading.tokens.join('')")


@pytest.mark.parametrize("name, value, label", [
    ("top_p", 2, "Top p"), ("top_p", -1, "Top p"), ("top_k", 0.5, "Top k"),
    ("top_k", -5, "Top k"), ("length", 0, "Length"), ("length", "", "Length"),
    ("length", 1.5, "Length"), ("seed", -1, "Seed"), ("value", 1e39, "Hold")])
def test_a_setting_out_of_range_is_named(studio, name, value, label):
    browser, _ = studio
    fill_in(browser, name, value)
    browser.find_element("id", "write").click()
    wait_until(browser, lambda: said(browser).startswith(label))
    assert text_of(browser) == TEXT
    fill_in(browser, name, {"length": 5, "value": 1}.get(name, ""))
    if name != "length":
        fill_in(browser, "length", 5)
    browser.find_element("id", "write").click()
    wait_until(browser, lambda: len(text_of(browser)) == len(TEXT) + 5)


def test_writing_waits_until_a_text_was_read(studio):
    browser, _ = studio
    long = TEXT * 100
    browser.execute_script(
        "const box = document.getElementById('text'), write = document."
        "getElementById('write'); box.value = arguments[0]; box.dispatchEvent("
        "new Event('input')); write.click(); write.click()", long)
    wait_until(browser, lambda: ask(
        browser, "reading.tokens.length") >= len(long))
    assert text_of(browser).startswith(long)


def test_the_place_stays_at_the_end_as_one_types(studio):
    browser, _ = studio
    read(browser, TEXT + "More")
    assert browser.find_element("id", "where").text == "The next character"
    browser.execute_script(
        "const box = document.getElementById('text'); for (const char of 'ab')"
        "{ box.value = char + box.value; "
        "box.dispatchEvent(new Event('input')); }")
    wait_until(browser, lambda: ask(
        browser, "reading.tokens.length") == len(TEXT) + 6)
    assert browser.find_element("id", "where").text == "The next character"


def test_the_address_may_name_the_first_place(studio):
    browser, _ = studio
    browser.execute_script("location.hash = 'text=abcdefgh&place=0'")
    wait_until(browser, lambda: ask(
        browser, "reading.tokens.length") == 8)
    assert browser.find_element("id", "where").text == "Expected at place 1"


def test_what_is_typed_is_undone_by_itself(studio):
    browser, _ = studio
    text = write(browser, length=5)
    for more in ("x", "y"):
        read(browser, text_of(browser) + more)
    undo(browser, text)
    undo(browser, TEXT)


def test_a_click_waits_until_the_text_was_read(studio):
    browser, _ = studio
    read(browser, TEXT * 60)
    browser.execute_script("document.querySelectorAll('#shown span')[2900]"
                           ".click()")
    browser.execute_script(
        "const box = document.getElementById('text'); box.value = 'S' + "
        "box.value; box.dispatchEvent(new Event('input')); document."
        "querySelector('#bars button:not(.was)').click()")
    wait_until(browser, lambda: len(text_of(browser)) == 2901)
    undo(browser, "S" + TEXT * 60)


def test_words_that_are_names_in_javascript(browser, tmp_path):
    text = "the constructor of __proto__ has the valueOf toString"
    corpus = d2l.load_corpus(f"{text}\n" * 20, level="word")
    model = saved(tmp_path / "words.safetensors", corpus)
    model.level = "word"
    d2l.save_model(tmp_path / "words.safetensors", model)
    open_page(browser, tmp_path / "page.html", tmp_path / "words.safetensors",
              text=text)
    assert ask(browser, "reading.about.every(({ known }) => known)")
    fill_in(browser, "length", 30)
    browser.find_element("id", "write").click()
    wait_until(browser, lambda: "30 written" in said(browser))


def test_the_gradient_stops_at_a_held_unit(browser, tmp_path, sonnets):
    """With the only unit held, no character matters."""
    saved(tmp_path / "one.safetensors", sonnets, cell="gru", num_hiddens=1)
    open_page(browser, tmp_path / "page.html", tmp_path / "one.safetensors")
    last = "reading.saliency(reading.tokens.length - 1).slice(-9, -1)"
    assert any(ask(browser, last))
    browser.find_element("id", "hold").click()
    write(browser, length=10)
    assert ask(browser, last) == [0] * 8


def test_a_unit_that_hardly_moves_is_found(studio):
    browser, _ = studio
    found = browser.execute_script(
        "const values = Array.from({length: 3000}, (_, i) => i % 2);"
        "return studio.search({ about: values.map((_, i) => "
        "({ id: 0, steps: i })), states: [null, ...values.map((x) => "
        "[{ H: Float32Array.of(1 - x * 2 ** -20) }])], model: { network: "
        "{ layers: [0], letters: ['H'], numHiddens: 1 } } }, values)")
    assert found[0]["correlation"] == pytest.approx(-1)


def test_a_model_that_reads_less_is_compared_as_far_as_it_read(
        browser, tmp_path, sonnets):
    paths = [tmp_path / f"{cell}.safetensors" for cell in ("gru", "lstm")]
    for path in paths:
        saved(path, sonnets, cell=path.stem)
    open_page(browser, tmp_path / "page.html", *paths)
    browser.execute_script("studio.readings[1].most = 20; "
                           "studio.readings[1].forget(0)")
    browser.execute_script("document.getElementById('text').dispatchEvent("
                           "new Event('input'))")
    wait_until(browser, lambda: "Only the first 20" in said(browser))
    fill_in(browser, "colour", "difference")
    assert "Only the first 20" in said(browser)
    for place, models in ((9, 2), (29, 0)):
        browser.execute_script("document.querySelectorAll('#shown span')["
                               "arguments[0]].click()", place)
        assert len(browser.find_elements("css selector",
                                         "#bars h3")) == models


def test_what_was_found_goes_with_its_model(browser, tmp_path, sonnets):
    paths = [tmp_path / "deep" / "best.safetensors",
             tmp_path / "flat" / "last.safetensors"]
    for path, num_layers in zip(paths, (3, 1), strict=True):
        path.parent.mkdir()
        saved(path, sonnets, cell="gru", num_layers=num_layers)
    open_page(browser, tmp_path / "page.html", *paths)
    assert [name.text for name in browser.find_elements(
        "css selector", "#models .name")] == ["deep", "flat"]
    fill_in(browser, "layer", 2)
    fill_in(browser, "letter", "Z")
    browser.find_element("id", "search").click()
    wait_until(browser, lambda: browser.find_elements(
        "css selector", "#found button"))
    wait_until(browser, lambda: "letter=Z" in browser.current_url)
    browser.refresh()
    wait_until(browser, lambda: ask(browser, "reading.tokens.length"))
    assert [browser.find_element("id", name).get_property("value")
            for name in ("layer", "letter")] == ["2", "Z"]
    browser.find_element("id", "search").click()
    wait_until(browser, lambda: browser.find_elements(
        "css selector", "#found button"))
    browser.find_elements("css selector", "#models input")[1].click()
    assert browser.find_elements("css selector", "#found button") == []


def test_a_unit_that_is_let_go_is_read_anew(studio):
    browser, model = studio
    browser.find_element("id", "hold").click()
    text = write(browser, length=10)
    browser.find_element("id", "hold").click()
    read(browser, text + "a")
    np.testing.assert_allclose(
        ask(browser, "[...reading.next()]"),
        d2l.trace(model, text + "a").scores[-1], atol=1e-4)


def test_the_screenshot_of_the_studio(browser, tmp_path):
    open_page(browser, tmp_path / "page.html",
              Path(__file__).parents[2] / "docs" / "sonnets.safetensors",
              text="When evening comes, ")
    fill_in(browser, "language", "en")
    fill_in(browser, "seed", 1)
    write(browser, length=250)
    browser.execute_script(
        "document.querySelectorAll('#shown span')[9].click()")
    before = browser.get_window_size()
    browser.set_window_size(1200, 1080)
    screenshot(browser, "studio.png")
    browser.set_window_size(before["width"], before["height"])
