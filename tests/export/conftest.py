"""Models and pages that the tests of exports share."""
import d2lrnn as d2l
import pytest
from studio_pages import open_page, saved


@pytest.fixture(scope="module")
def sonnets():
    return d2l.load_corpus("original_sonnets.txt")


@pytest.fixture
def studio(browser, tmp_path, sonnets):
    """Open the studio with one model, "model", that has read TEXT."""
    model = saved(tmp_path / "model.safetensors", sonnets)
    open_page(browser, tmp_path / "page.html", tmp_path / "model.safetensors")
    return browser, model
