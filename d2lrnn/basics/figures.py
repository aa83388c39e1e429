"""Show figures, pictures and sounds in a notebook."""
import atexit
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

__all__ = ["new_figure", "show", "to_png"]


def settle_matplotlib():
    """Give matplotlib a temporary folder if it cannot write to its own.

    Otherwise matplotlib fails for a user without a home folder, and prints a
    paragraph of advice for other users.
    """
    chosen = os.environ.get("MPLCONFIGDIR")
    for variable, default in (("XDG_CONFIG_HOME", "~/.config"),
                              ("XDG_CACHE_HOME", "~/.cache")):
        folder = Path(chosen or os.path.join(
            os.environ.get(variable) or os.path.expanduser(default),
            "matplotlib"))
        if not can_be_written(folder):
            break
    else:
        return
    try:
        os.environ["MPLCONFIGDIR"] = tempfile.mkdtemp(prefix="d2lrnn-")
    except OSError:  # matplotlib reports this when it is used
        return
    atexit.register(remove_folder, os.getpid(), os.environ["MPLCONFIGDIR"])


def can_be_written(folder):
    """Return whether a folder is writable, or could be created."""
    if not folder.is_absolute() and str(folder).startswith("~"):
        return False  # there is no home folder
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def remove_folder(pid, folder):
    """Remove a folder if this is the process that created it."""
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


def new_figure(figsize=(7, 4.2)):
    """Return a matplotlib ``Figure`` that a notebook shows as a picture."""
    from matplotlib.figure import Figure  # slow to import
    try:
        width, height = map(float, figsize)
        fits = 0 < width < 1000 and 0 < height < 1000
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise ValueError("figsize is not a pair of numbers from 0 to 1000: "
                         "give the width and the height in inches, such as "
                         "(7, 4)")
    figure = Figure(figsize=figsize, layout="constrained")
    figure._repr_png_ = lambda: to_png(figure)  # IPython looks for this name
    return figure


def to_png(figure):
    """Return a figure as the bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()


def show(path):
    """Show a picture (.svg, .png) or a sound (.wav) in a notebook.

    Make it the last line of a cell: the notebook shows what it returns.
    Outside a notebook, and for other files, print the path and return None. If
    ``path`` is None, do nothing.
    """
    if path is None:
        return None
    try:
        path = Path(path)
    except TypeError:
        raise ValueError(f"path is a {type(path).__name__}: give the name of "
                         f"a file, or None") from None
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    kind = {".png": "Image", ".svg": "SVG", ".wav": "Audio"}.get(
        path.suffix)
    if kind and hasattr(shell, "kernel"):
        from IPython import display  # installed only with notebooks
        return getattr(display, kind)(filename=str(path))
    print(f"file: {path}")
    return None


settle_matplotlib()
