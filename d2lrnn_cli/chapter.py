"""``d2lrnn chapter``: run a lesson."""
from typing import Annotated

from typer import Argument, BadParameter

from d2lrnn_cli.checkout import run_python, source_folder

__all__ = ["chapter"]


def chapter(name: Annotated[str | None, Argument(
        metavar="NAME", help="A lesson, such as rnn_scratch; without it, the "
        "lessons are listed.")] = None):
    """Run a lesson, or list the lessons."""
    folder = source_folder("chapters")
    lessons = sorted(path.stem for path in folder.glob("*.py"))
    if name is None:
        print("\n".join(lessons))
        return
    name = name.removesuffix(".py")
    if name not in lessons:
        raise BadParameter(f"{name!r} is not one of {', '.join(lessons)}",
                           param_hint="NAME")
    run_python([str(folder / f"{name}.py")])
