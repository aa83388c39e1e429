"""What the tests share: contexts, seeds, texts, and a closed network."""
import os
import platform
import shutil
import zlib
from importlib import resources

import d2lrnn as d2l
import hypothesis
import mxnet as mx
import pytest
from d2lrnn.data.texts import TEXTS

hypothesis.settings.register_profile("d2lrnn", deadline=None)
hypothesis.settings.load_profile("d2lrnn")

CONTEXTS = [mx.cpu()] + [mx.gpu(i) for i in range(mx.context.num_gpus())]


@pytest.fixture(params=CONTEXTS, ids=str)
def ctx(request):
    """Every context that the machine has."""
    return request.param


@pytest.fixture(autouse=True)
def seed(request):
    """Seed each test by its name; the number is printed if it fails."""
    n = int(os.environ.get("D2LRNN_TEST_SEED", 0)) or zlib.crc32(
        request.node.nodeid.encode()) % 100_000
    print(f"D2LRNN_TEST_SEED={n}")
    d2l.seed(n)
    return n


@pytest.fixture(scope="session", autouse=True)
def english():
    """Let reports be in English, in other processes too, in any locale."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("D2LRNN_LANG", "en")
        for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
            if os.environ.get(name, "").startswith("zh"):
                patch.setenv(name, "C.UTF-8")
        yield


@pytest.fixture
def on(monkeypatch):
    """Return a function that makes this another system."""
    def pretend(system, processor):
        monkeypatch.setattr(platform, "system", lambda: system)
        monkeypatch.setattr(platform, "machine", lambda: processor)

    return pretend


@pytest.fixture
def no_texts(monkeypatch, tmp_path):
    """Hide the texts of this machine, and its network."""
    monkeypatch.delenv("D2LRNN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def offline(*args, **kwargs):
        raise OSError("offline")

    monkeypatch.setattr("d2lrnn.data.texts.pooch.retrieve", offline)


@pytest.fixture(scope="session")
def texts(tmp_path_factory):
    """A folder of the short texts that ship, under the lessons' names."""
    folder = tmp_path_factory.mktemp("texts")
    for known in TEXTS.values():
        if known.fallback is None:
            continue
        shutil.copy(resources.files("lyrics_data") / known.fallback,
                    folder / known.file.removesuffix(".zip"))
    return folder


@pytest.fixture(scope="session")
def original():
    """The first 10,000 characters of the lyrics that ship."""
    path = resources.files("lyrics_data") / "original_lyrics.txt"
    return d2l.load_corpus(path, num_chars=10_000, newline=" ")


@pytest.fixture(scope="session")
def abc():
    """A text that is easy to learn."""
    return d2l.load_corpus("abc" * 500)


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window, where it is installed."""
    import chromium
    driver = chromium.start()
    yield driver
    driver.quit()
