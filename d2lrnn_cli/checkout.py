"""Run lessons and benchmarks, which lie beside the packages in a checkout."""
import sys
from pathlib import Path

from typer import Exit

__all__ = ["run", "source_folder"]


def run(runner, program, *arguments):
    """Run a program in this process, as ``python`` does.

    ``runner`` is ``runpy.run_path`` or ``runpy.run_module``. After Ctrl-C a
    training saves first.
    """
    sys.argv = [str(program), *arguments]
    try:
        runner(str(program), run_name="__main__")
    except KeyboardInterrupt:  # the training has said what it saved
        raise Exit(130) from None


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
