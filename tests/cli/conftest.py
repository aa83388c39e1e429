"""The training that the tests of the commands share."""
import pytest
from commands import SMALL, run
from surroundings import TEXT


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return the folder of a training, and what it printed."""
    folder = tmp_path_factory.mktemp("command")
    (folder / "my_text.txt").write_text(TEXT, "utf-8")
    done = run("train", "my_text.txt", *SMALL, "--out", "run", folder=folder)
    return folder, done
