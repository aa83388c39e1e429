"""Run what is in the sources beside the package: lessons, benchmarks."""
import subprocess
import sys
from pathlib import Path

from typer import Exit

__all__ = ["run_python", "source_folder"]


def run_python(arguments, folder=None):
    """Run Python on arguments in a folder, and exit with its exit code."""
    done = subprocess.run([sys.executable, *arguments], cwd=folder)
    raise Exit(done.returncode)


def source_folder(name):
    """Return a folder of the sources that d2lrnn is installed from."""
    folder = Path(__file__).parents[1] / name
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no {name}/ beside the installed package: clone "
            f"d2lrnn's sources, and pip install -e . in them")
    return folder
