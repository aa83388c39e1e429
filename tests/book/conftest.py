"""What the tests of the book share."""
import shutil
from importlib import resources

import pytest
from d2lrnn.data.texts import TEXTS


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
