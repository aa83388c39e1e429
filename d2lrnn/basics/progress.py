"""Count epochs or steps; in a terminal, show a bar and the time left."""
import sys

from d2lrnn.basics.sharing import CoreWatch
from d2lrnn.basics.streams import draws_bars
from rich import get_console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

__all__ = ["Bar", "EpochBar"]

NARROW = 60  # columns: too few for a bar and the time left
SHARED = ("Other programs use the cores, too: OMP_NUM_THREADS=1 would be "
          "faster.")


class Bar:
    """A progress bar below the printed lines while a loop runs.

    It appears only in a terminal; elsewhere (in a pipe, a file or a notebook),
    with TERM=dumb and with NO_COLOR, only the loop's own lines are printed. A
    narrow terminal shows the numbers without the bar. ``done`` of the
    ``total`` units are complete at the beginning. A ``CoreWatch`` runs
    alongside, and the bar reports once if other processes use the cores too.
    """

    def __init__(self, total, unit, done=0):
        columns = (BarColumn(bar_width=24), MofNCompleteColumn(),
                   TextColumn(unit + ", {task.description}"),
                   TimeRemainingColumn(compact=True), TextColumn("left"))
        if get_console().width < NARROW:
            columns = columns[1:3]
        self._bar = Progress(*columns, transient=True,
                             disable=not draws_bars(sys.stdout))
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
        """Count one more unit, and show a note beside the bar."""
        self._bar.update(self._task, advance=1, description=note)
        if self._watch.shared and not self._said and not self._bar.disable:
            self._said = True
            self._bar.print(SHARED)


class EpochBar:
    """Iterate over ``range(num_epochs)`` and show the progress.

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
        """Set the note beside the bar."""
        self._note = text


Epochs = EpochBar  # its older name
