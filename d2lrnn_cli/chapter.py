"""``d2lrnn chapter``: run or print a lesson."""
import runpy
from typing import Annotated

from typer import Argument, BadParameter, Option

from d2lrnn_cli.checkout import run, source_folder

__all__ = ["chapter"]


def chapter(name: Annotated[str | None, Argument(
        metavar="NAME", help="A lesson, such as rnn_scratch; without it, the "
        "lessons are listed.")] = None, show: Annotated[bool, Option(
            "--print", help="Print the script instead of running it.")
            ] = False):
    """Run a lesson, print it, or list the lessons."""
    folder = source_folder("chapters")
    lessons = sorted(path.stem for path in folder.glob("*.py"))
    if name is None:
        print("\n".join(lessons))
        return
    name = name.removesuffix(".py")
    if name not in lessons:
        raise BadParameter(f"{name!r} is not one of {', '.join(lessons)}",
                           param_hint="NAME")
    path = folder / f"{name}.py"
    if show:
        print(path.read_text("utf-8"), end="")
    else:
        run(runpy.run_path, path)
