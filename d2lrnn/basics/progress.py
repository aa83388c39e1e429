"""Count epochs or steps, with a bar and the time left in a terminal."""
import sys

from d2lrnn.basics.sharing import CoreWatch
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

__all__ = ["Bar", "EpochBar"]
SHARED = ("Other programs use the cores, too: OMP_NUM_THREADS=1 would be "
          "faster.")


class Bar:
    """A progress bar below the printed lines, for as long as a loop runs.

    It shows only in a terminal; elsewhere (a pipe, a file, a notebook) there
    are only the loop's own lines. ``done`` of ``total`` units are done when
    it begins. Meanwhile a ``CoreWatch`` looks after the cores, and the bar
    says once where other processes use them, too.
    """

    def __init__(self, total, unit, done=0):
        columns = (BarColumn(bar_width=24), MofNCompleteColumn(),
                   TextColumn(unit + ", {task.description}"),
                   TimeRemainingColumn(compact=True), TextColumn("left"))
        self._bar = Progress(*columns, transient=True,
                             disable=not (sys.stdout
                                          and sys.stdout.isatty()))
        self._task = self._bar.add_task("", total=total, completed=done)
        self._watch, self._said = CoreWatch(), False

    def __enter__(self):
        self._watch.__enter__()
        self._bar.start()
        return self

    def __exit__(self, *error):
        self._bar.stop()
        self._watch.__exit__(*error)

    def advance(self, note):
        """Count one unit more, and show a few words beside the bar."""
        self._bar.update(self._task, advance=1, description=note)
        if self._watch.shared and not self._said and not self._bar.disable:
            self._said = True
            self._bar.print(SHARED)


class EpochBar:
    """Iterate over ``range(num_epochs)`` and show how far it has come.

    >>> list(EpochBar(3))
    [0, 1, 2]
    """

    def __init__(self, num_epochs):
        self.num_epochs = num_epochs
        self._note = ""

    def __iter__(self):
        with Bar(self.num_epochs, "epochs") as bar:
            for epoch in range(self.num_epochs):
                yield epoch
                bar.advance(self._note)

    def note(self, text):
        """Show a few words beside the bar."""
        self._note = text


Epochs = EpochBar  # its older name
