"""The command ``d2lrnn studio``, and the studio of a training."""
from importlib import resources

import d2lrnn as d2l
import numpy as np
import pytest
from chromium import wait_until
from d2lrnn.export.page import to_page
from studio_pages import as_arrays, read, saved
from typer import BadParameter

from d2lrnn_cli.studio import studio

pytestmark = pytest.mark.browser


@pytest.fixture
def opened(monkeypatch):
    """Return the list of the addresses that a browser is asked to open."""
    addresses = []
    monkeypatch.setattr("webbrowser.open", lambda address: bool(
        addresses.append(address)) or "no-browser" not in address)
    return addresses


def command(*models, **options):
    studio([*models], **{"out": None, "float32": False, "no_open": False,
                         **options})


def test_the_command_writes_the_page_and_opens_it(tmp_path, sonnets, opened,
                                                  capsys):
    path = tmp_path / "a.safetensors"
    saved(path, sonnets)
    command(path)
    page = tmp_path / "a-studio.html"
    assert capsys.readouterr().out == f"{page}\n"
    assert opened == [page.as_uri()]
    assert page.read_text("utf-8") == to_page([path])
    command(path, path, out=tmp_path / "new" / "both.html", float32=True,
            no_open=True)
    assert len(opened) == 1
    assert (tmp_path / "new" / "both.html").read_text("utf-8") == to_page(
        [path, path], float32=True)
    command(path, out=tmp_path / "no-browser.html")
    assert "open the page yourself" in capsys.readouterr().err


def test_the_command_names_what_it_cannot_show(tmp_path, sonnets, opened):
    path = tmp_path / "a.safetensors"
    model = saved(path, sonnets)
    with pytest.raises(BadParameter, match="3 models: give one or two"):
        command(path, path, path)
    with pytest.raises(ValueError, match=r"a\.safetensors exists already"):
        command(path, out=path)
    with pytest.raises(ValueError, match="takes the file of a CharRNN"):
        command(resources.files("lyrics_data") / "sonnets.safetensors")
    for change, words in (({"level": "token"}, "no rule cuts"),
                          ({"idx_to_char": None}, "without a vocabulary")):
        for name, value in change.items():
            setattr(model, name, value)
        d2l.save_model(path, model)
        with pytest.raises(ValueError, match=words):
            command(path, out=tmp_path / "b.html")
        model.level = "char"
    assert opened == [] and not (tmp_path / "b.html").exists()


def test_the_report_of_a_training_opens_its_best_model(browser, tmp_path):
    corpus = d2l.load_corpus("abc" * 200)
    model = d2l.CharRNN(corpus.vocab_size, 8, 16, 1)
    d2l.fit(model, corpus, 2, 1e-2, batch_size=4, num_steps=10,
            folder=tmp_path)
    browser.get((tmp_path / "report.html").as_uri())
    link, = browser.find_elements("css selector", "a[href]")
    browser.execute_script("arguments[0].click()", link)
    wait_until(browser, lambda: "studio" in browser.title)
    read(browser, "abcab")
    best = d2l.load_model(tmp_path / "best.safetensors")
    np.testing.assert_allclose(as_arrays(browser, "[...reading.next()]"),
                               d2l.trace(best, "abcab").scores[-1], atol=0.01)
