"""The folder of a training: what is kept in it, and how it is stopped."""
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from d2lrnn.basics.checks import check_path
from d2lrnn.basics.files import new_folder, only_user, write_whole
from d2lrnn.models.checkpoint import save_model
from d2lrnn.report.page import to_html
from d2lrnn.report.records import write_json
from d2lrnn.report.write import make_record
from d2lrnn.training.state import scores

LAST, BEST, RECORD = "last.safetensors", "best.safetensors", "record.json"


class RunFolder:
    """A training's folder, or none, where ``path`` is None.

    ``go_on`` says how a training that was stopped goes on.
    """

    def __init__(self, path, go_on):
        self.path, self.go_on = path, go_on

    def begin(self, run, settings, defaults, resume, save_minutes, stop):
        """Stand where a training stood, to resume it, or find none.

        ``defaults`` are those of ``TrainingState.load``.
        """
        self.run, self.settings, self.stop = run, settings, stop
        self.save_seconds, self.saved = 60 * save_minutes, time.time()
        if self.path is None:
            if resume:
                raise ValueError("resume needs the folder of the training: "
                                 "give it as folder")
        elif not resume:
            if holds_training(self.path):
                raise ValueError(f"{self.path} already holds a training: "
                                 f"give another folder, or resume=True to go "
                                 f"on with it")
        elif not (self.path / LAST).exists():
            raise FileNotFoundError(
                f"there is no checkpoint at {self.path / LAST} to go on "
                f"from: check the path, or leave out resume=True to begin "
                f"anew")
        else:
            run.load(self.path / LAST, settings, defaults)

    def after_step(self):
        """Save now and then, and where the program was asked to stop."""
        if self.stop or time.time() - self.saved > self.save_seconds:
            self.keep()
        self.leave_if_asked()

    @contextmanager
    def after_epoch(self):
        """Save what an epoch has learned, also if what is done here fails."""
        try:
            yield
        finally:
            self.keep()
        self.leave_if_asked()

    def keep(self):
        """Save the training; before it, at an epoch's end, the best model."""
        run, losses = self.run, scores(self.run.history)
        if self.path is None:
            return
        with self.saying_how_to_go_on():
            if not run.losses and losses.index(min(losses)) == len(losses) - 1:
                save_model(self.path / BEST, run.model)
            run.save(self.path / LAST, self.settings)
        self.saved = time.time()

    def leave_if_asked(self):
        """End the program after a signal, and say how to go on.

        Raise ``KeyboardInterrupt`` after Ctrl-C, else ``SystemExit`` with the
        exit code of a program that the signal has ended.
        """
        if not self.stop:
            return
        epochs, steps = len(self.run.history), len(self.run.losses)
        print((f"stopped in epoch {epochs + 1} after its step {steps}; "
               if steps else f"stopped after epoch {epochs}; ") + (
                   "nothing was saved, since fit was given no folder"
                   if self.path is None else f"to go on, {self.go_on}"))
        if self.stop[0] == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + self.stop[0])

    def finish(self, corpus):
        """Write a finished training's record, and its report."""
        if self.path is None:
            return
        record = make_record(self.path.resolve().name,
                             {"fit": self.run.history}, corpus, self.settings)
        with self.saying_how_to_go_on():
            write_json(self.path / RECORD, record)
            # a name of somebody's may be no UTF-8
            write_whole(self.path / "report.html", to_html([record]).encode(
                errors="replace"))

    @contextmanager
    def saying_how_to_go_on(self):
        """Let an error in saving say that what was saved before is whole."""
        try:
            yield
        except OSError as error:
            if not (self.path / LAST).exists():
                raise
            raise OSError(f"{error}; what was saved before is whole, and to "
                          f"go on with it, {self.go_on}") from None


def holds_training(path):
    """Say whether there is something in a folder to go on with, or to lose.

    A training that ended before it was first saved has left neither.
    """
    return any((Path(path) / name).exists() for name in (LAST, RECORD))


@contextmanager
def run_folder(path, go_on=None):
    """Have a training's folder to oneself, made where there is none.

    ``path`` may be None, and may be a ``RunFolder`` that the caller has.
    """
    if path is None or isinstance(path, RunFolder):
        yield path or RunFolder(None, None)
        return
    path = check_path("folder", path)
    go_on = go_on or (f"call fit again with folder={str(path)!r} and "
                      f"resume=True")
    with new_folder(path), only_user(path):
        yield RunFolder(path, go_on)


@contextmanager
def stop_requests():
    """Turn Ctrl-C into an entry of a list, so that no step is cut in two.

    So too what else asks a program to end (SIGTERM, and SIGHUP where a
    terminal closes), unless the program itself has an answer to it. A second
    request is no longer held back. Only the main thread gets signals.
    """
    stop, before = [], {}

    def ask(number, frame):
        stop.append(number)
        give_back()

    def give_back():
        for number, handler in before.items():
            signal.signal(number, handler)

    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            handler = number and signal.getsignal(number)
            if handler == signal.SIG_DFL or (handler is not None
                                             and name == "SIGINT"):
                before[number] = handler
    try:
        for number in before:
            signal.signal(number, ask)
        yield stop
    finally:
        give_back()
