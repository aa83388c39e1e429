"""What a notebook shows: a figure as a picture, a file as what is in it."""
import io
import sys
from pathlib import Path

__all__ = ["new_figure", "show", "to_png"]


def new_figure(figsize=(7, 4.2)):
    """Return a matplotlib ``Figure`` that a notebook shows as a picture."""
    from matplotlib.figure import Figure  # slow to import
    try:
        width, height = map(float, figsize)
        fits = 0 < width < 1000 and 0 < height < 1000
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise ValueError("figsize is no pair of numbers from 0 to 1000: give "
                         "the width and the height in inches, such as (7, 4)")
    figure = Figure(figsize=figsize, layout="constrained")
    figure._repr_png_ = lambda: to_png(figure)  # the name that IPython asks
    return figure


def to_png(figure):
    """Return a figure as the bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()


def show(path):
    """Show a picture (.svg, .png) or a sound (.wav) in a notebook.

    It is what the last line of a cell must return. Outside of a notebook, and
    for other files, print where it is, and return None. A path of None is no
    file.
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
        from IPython import display  # only where there is a notebook
        return getattr(display, kind)(filename=str(path))
    print(f"file: {path}")
    return None
