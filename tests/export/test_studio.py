"""The studio in a real browser: it computes what d2lrnn computes."""
import d2lrnn as d2l
import numpy as np
import pytest
from chromium import assert_alone, wait_until
from d2lrnn.export.page import to_page
from studio_pages import (
    TEXT,
    as_arrays,
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

from d2lrnn_cli.evaluate import known_part, measure

pytestmark = pytest.mark.browser
CELLS = ("rnn", "gru", "lstm", "ln_lstm", "mingru", "minlstm")


@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_it_computes_what_d2lrnn_computes(browser, tmp_path, sonnets, cell,
                                          num_layers):
    path = tmp_path / "model.safetensors"
    model = saved(path, sonnets, cell=cell, num_layers=num_layers,
                  embed_size=12 if num_layers == 1 else None)
    open_page(browser, tmp_path / "page.html", path)
    trace = d2l.trace(model, TEXT)
    scores = as_arrays(browser, "reading.states.slice(1).map((state) => [..."
                       "reading.model.network.scores(state)])")
    np.testing.assert_allclose(scores, trace.scores, atol=1e-5)
    for i, layer in enumerate(trace.layers):
        assert [*layer] == ask(browser, "reading.model.network.letters")
        for letter, values in layer.items():
            np.testing.assert_allclose(
                as_arrays(browser, "reading.states.slice(1).map((state) => "
                          f"[...state[{i}].{letter}])"), values, atol=1e-5)
    for position in (1, 20, len(TEXT) - 1):
        parts = ask(browser, f"reading.saliency({position})")[:position]
        np.testing.assert_allclose(
            parts, d2l.saliency(model, TEXT, position), atol=1e-4)


def test_it_does_without_webassembly(browser, tmp_path, sonnets):
    path = tmp_path / "model.safetensors"
    model = saved(path, sonnets, num_hiddens=21, num_layers=2)
    page = to_page([path], float32=True)
    (tmp_path / "page.html").write_text(
        page.replace("'wasm-unsafe-eval'", ""), "utf-8")
    browser.get((tmp_path / "page.html").as_uri())
    read(browser, TEXT)
    assert not ask(browser, "reading.model.network.output.run")
    np.testing.assert_allclose(as_arrays(browser, "reading.scoresAt(9)"),
                               d2l.trace(model, TEXT).scores[8], atol=1e-5)
    browser.get_log("browser")  # the refusal


def test_it_does_without_it_altogether(browser, tmp_path, sonnets):
    """As where the reader has switched it off."""
    path = tmp_path / "model.safetensors"
    model = saved(path, sonnets)
    script = browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {"source": "delete window.WebAssembly"})["identifier"]
    try:
        open_page(browser, tmp_path / "page.html", path)
        assert browser.execute_script("return typeof WebAssembly") == (
            "undefined")
        np.testing.assert_allclose(as_arrays(browser, "reading.scoresAt(9)"),
                                   d2l.trace(model, TEXT).scores[8],
                                   atol=1e-5)
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument",
                                {"identifier": script})
        browser.get("about:blank")


def test_what_has_no_surprise_has_no_colour(browser, tmp_path, sonnets):
    """The first character, which nothing predicts, after another colouring."""
    path = tmp_path / "model.safetensors"
    saved(path, sonnets)
    open_page(browser, tmp_path / "page.html", path)

    def colour():
        return browser.execute_script(
            "return getComputedStyle(document.querySelector('#shown span'))"
            ".backgroundColor")

    plain = colour()
    fill_in(browser, "colour", "unit")
    wait_until(browser, lambda: colour() != plain)
    fill_in(browser, "colour", "surprise")
    wait_until(browser, lambda: colour() == plain)


def test_its_surprise_is_that_of_the_command(browser, tmp_path, sonnets):
    path = tmp_path / "model.safetensors"
    model = saved(path, sonnets, tie_weights=True, embed_size=20)
    text = sonnets.text[:1500] + "€ 月"
    (tmp_path / "text.txt").write_text(text, "utf-8")
    open_page(browser, tmp_path / "page.html", path, text=text)
    measured = measure(model, known_part(model, str(
        tmp_path / "text.txt")))
    found = ask(browser, "reading.measures()")
    assert found["bitsPerChar"] == pytest.approx(measured["bits_per_char"],
                                                 abs=1e-4)
    assert found["perplexity"] == pytest.approx(measured["perplexity"],
                                                rel=1e-4)
    assert found["unknown"] == 2
    assert_alone(browser)


def test_half_the_bits_are_enough_to_share(browser, tmp_path, sonnets):
    path = tmp_path / "model.safetensors"
    model = saved(path, sonnets)
    open_page(browser, tmp_path / "page.html", path, float32=False)
    scores = as_arrays(browser, "reading.scoresAt(9)")
    np.testing.assert_allclose(scores, d2l.trace(model, TEXT).scores[8],
                               atol=5e-3)


def test_a_model_of_words_reads_words(browser, tmp_path):
    corpus = d2l.load_corpus("to be or not to be, 走了 naïve_1 " * 9,
                             level="word", min_freq=2)
    path = tmp_path / "words.safetensors"
    model = saved(path, corpus)
    model.level = "word"
    d2l.save_model(path, model)
    text = "be, or 走了 not naïve_1"
    open_page(browser, tmp_path / "page.html", path, text=text)
    assert ask(browser, "reading.tokens") == d2l.tokenize(text, "word")
    np.testing.assert_allclose(as_arrays(browser, "[...reading.next()]"),
                               d2l.trace(model, text).scores[-1], atol=1e-5)


def test_a_model_of_words_between_spaces(browser, tmp_path):
    corpus = d2l.load_corpus("the u.s. <unk> rose N\nthe yen fell\n" * 9,
                             level="split")
    path = tmp_path / "words.safetensors"
    model = saved(path, corpus)
    text = "the yen\nu.s. <unk> fell"
    open_page(browser, tmp_path / "page.html", path, text=text)
    assert ask(browser, "reading.tokens") == d2l.tokenize(text, "split")
    np.testing.assert_allclose(as_arrays(browser, "[...reading.next()]"),
                               d2l.trace(model, text).scores[-1], atol=1e-5)
    fill_in(browser, "temperature", 0)
    new = "".join(d2l.generate(model, text, 40, temperature=0))
    fill_in(browser, "length", 40)
    browser.find_element("id", "write").click()
    wait_until(browser, lambda: text_of(browser) == text + new.replace(
        "\n ", "\n"))
    undo(browser, text)
    (tmp_path / "text.txt").write_text(text)
    model.level = "split"
    measured = measure(model, known_part(model, str(
        tmp_path / "text.txt")))
    assert ask(browser, "reading.measures().bitsPerChar") == pytest.approx(
        measured["bits_per_char"], abs=1e-4)
    spaces = "".join(map(chr, range(0x3001)))
    assert ask(browser, f"reading.cut({spaces!r})".replace(
        "\\U", "\\u")) == d2l.tokenize(spaces, "split")


def test_it_finds_the_unit_that_follows_a_pattern(studio):
    browser, model = studio
    fill_in(browser, "property", "pattern")
    fill_in(browser, "pattern", "[aeiou]")
    browser.find_element("id", "search").click()
    wait_until(browser, lambda: browser.find_elements(
        "css selector", "#found button"))
    best = browser.find_element("css selector", "#found button").text
    layer, = d2l.trace(model, TEXT).layers
    vowels = np.array([float(char in "aeiou") for char in TEXT])
    found = max((abs(value), letter, unit) for letter, units in layer.items()
                for unit, value in enumerate(d2l.correlations(units, vowels)))
    letter = found[1].replace("_tilde", "\u0303")
    assert best.startswith(f"{letter}, layer 1, unit {found[2]}: ")
    assert abs(float(best.rsplit(" ", 1)[1])) == pytest.approx(found[0],
                                                               abs=0.006)
    fill_in(browser, "pattern", "(")
    browser.find_element("id", "search").click()
    wait_until(browser, lambda: "mend it" in said(browser))
    fill_in(browser, "pattern", "(\\S+\\s*)+\\.\\.$")
    browser.find_element("id", "search").click()
    wait_until(browser, lambda: "more than 3 seconds" in said(browser))
    assert_alone(browser, "blob:")  # where it seeks


def test_it_writes_what_d2lrnn_writes(studio):
    browser, model = studio
    likeliest = TEXT + "".join(d2l.generate(model, TEXT, 40, temperature=0))
    fill_in(browser, "temperature", 0)
    assert write(browser) == likeliest
    undo(browser, TEXT)
    fill_in(browser, "temperature", 1)
    fill_in(browser, "top_k", 1)
    assert write(browser) == likeliest


def test_it_draws_by_the_probabilities(studio):
    browser, _ = studio
    drawn = browser.execute_script(
        "const { choose, drawAt } = studio; return Array.from({length: 20000},"
        " (_, i) => choose([Math.log(5), Math.log(3), Math.log(2)], "
        "{temperature: 1, banned: -1}, drawAt(3, i)))")
    shares = np.bincount(drawn, minlength=3) / 20000
    np.testing.assert_allclose(shares, [0.5, 0.3, 0.2], atol=0.015)
    for settings, ids in (({"topP": 0.6}, {0, 1}), ({"topK": 2}, {0, 1}),
                          ({"topP": 0.5}, {0}), ({"banned": 0}, {1, 2})):
        drawn = browser.execute_script(
            "const { choose, drawAt } = studio; return Array.from({length: "
            "500}, (_, i) => choose([Math.log(5), Math.log(3), Math.log(2)], "
            "{temperature: 1, banned: -1, ...arguments[0]}, drawAt(3, i)))",
            settings)
        assert set(drawn) == ids
