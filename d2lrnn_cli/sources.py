"""``d2lrnn chapter`` and ``d2lrnn bench``: run what lies in the sources."""
import importlib.util
import subprocess
import sys
from pathlib import Path

import typer

from d2lrnn_cli.main import app


@app.command()
def chapter(name: str = typer.Argument(None, help="Such as rnn_scratch; "
                                       "without it, the lessons are "
                                       "listed.")):
    """Run a lesson."""
    folder = checkout("chapters")
    lessons = sorted(path.stem for path in folder.glob("*.py"))
    if name is None:
        print("\n".join(lessons))
        return
    name = name.removesuffix(".py")
    if name not in lessons:
        raise typer.BadParameter(f"{name!r} is not one of "
                                 f"{', '.join(lessons)}", param_hint="NAME")
    run([str(folder / f"{name}.py")])


@app.command(context_settings={"ignore_unknown_options": True})
def bench(rows: list[str] = typer.Argument(
        None, metavar="[ROW]...", help="Such as names; all if not given. "
        "--tiny tries them out.")):
    """Measure d2lrnn beside its peers."""
    run(["-m", "benchmarks", *(rows or [])], checkout("benchmarks").parent)


def run(arguments, folder=None):
    """Run Python on arguments, and exit as it does."""
    done = subprocess.run([sys.executable, *arguments], cwd=folder)
    raise typer.Exit(done.returncode)


def checkout(name):
    """Return a folder of the sources that d2lrnn is installed from."""
    package = importlib.util.find_spec("d2lrnn_cli").origin
    folder = Path(package).parents[1] / name
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no {name}/ beside the installed package: clone "
            f"d2lrnn's sources, and pip install -e . in them")
    return folder
