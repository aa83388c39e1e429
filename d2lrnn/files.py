"""Write files whole, or not at all."""
import os
from contextlib import suppress
from pathlib import Path


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
