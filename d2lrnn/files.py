"""Write files whole, or not at all."""
import os
from pathlib import Path


def write_whole(path, data):
    """Write bytes to ``path``, whole or, should writing fail, not at all.

    They are written under another name, synced, and renamed: a kill at any
    moment leaves the file that was there.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
