"""Run lessons and benchmarks, which lie beside the packages in a checkout."""
import signal
import subprocess
import sys
from pathlib import Path

from typer import Exit

__all__ = ["run_python", "source_folder"]


def run_python(arguments, folder=None):
    """Run Python with arguments in a folder, and exit with its exit code.

    Ctrl-C is left to it, since a training saves first.
    """
    process = subprocess.Popen([sys.executable, *arguments], cwd=folder)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = process.wait()
    signal.signal(signal.SIGINT, before)
    raise Exit(code if code >= 0 else 128 - code)


def source_folder(name):
    """Return a folder of the sources from which d2lrnn is installed.

    A wheel contains the lessons, in the folder of the command.
    """
    for parent in Path(__file__).parents[:2]:
        if (parent / name).is_dir():
            return parent / name
    raise FileNotFoundError(
        f"there is no {name}/ beside the installed package: clone d2lrnn's "
        f"sources, and pip install -e . in them")
