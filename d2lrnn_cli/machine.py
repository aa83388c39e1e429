"""The package's own file about the machine, without importing the package.

Importing d2lrnn imports MXNet, which takes seconds, and may be what fails.
"""
import runpy
from pathlib import Path
from types import SimpleNamespace

__all__ = ["machine"]

machine = SimpleNamespace(**runpy.run_path(
    str(Path(__file__).parents[1] / "d2lrnn" / "basics" / "machine.py")))
