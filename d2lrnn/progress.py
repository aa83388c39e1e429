"""Count epochs, with a bar and the time left where there is a terminal."""
import sys

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


class Epochs:
    """Iterate over ``range(num_epochs)`` and show how far it has come.

    In a terminal a bar stands below the printed lines while the loop runs;
    elsewhere (a pipe, a file, a notebook) there are only the loop's lines.

    >>> list(Epochs(3))
    [0, 1, 2]
    """

    def __init__(self, num_epochs):
        self.num_epochs = num_epochs
        self._note = ""

    def __iter__(self):
        if not sys.stdout.isatty():
            yield from range(self.num_epochs)
            return
        columns = (BarColumn(bar_width=24), MofNCompleteColumn(),
                   TextColumn("epochs, {task.description}"),
                   TimeRemainingColumn(compact=True), TextColumn("left"))
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task("", total=self.num_epochs)
            for epoch in range(self.num_epochs):
                yield epoch
                bar.update(task, advance=1, description=self._note)

    def note(self, text):
        """Show a few words beside the bar."""
        self._note = text
