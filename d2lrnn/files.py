"""Write files whole, or not at all, in folders that can be written to."""
import os
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

from d2lrnn.errors import D2LRNNWarning


def write_whole(path, data):
    """Write bytes to ``path``, whole or, should writing fail, not at all.

    They are written under another name, synced, and renamed: a kill at any
    moment leaves the file that was there. Raise ``OSError`` in one sentence
    where there can be no such file.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise OSError(f"{path} cannot be written "
                      f"({error.strerror or error}): give the path of a file "
                      f"in a folder that can be written to, with space left"
                      ) from None
    finally:
        with suppress(OSError):  # such as: it has got its name
            unfinished.unlink()


def writable(folder):
    """Make a folder and return it, or one that can be written to.

    A ``D2LRNNWarning`` says so where it is another one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        instead = Path(tempfile.mkdtemp(prefix="d2lrnn-"))
        warnings.warn(f"{folder} cannot be written to ({error.strerror}): the "
                      f"files go to {instead} instead", D2LRNNWarning,
                      stacklevel=3)
        return instead
    return folder
