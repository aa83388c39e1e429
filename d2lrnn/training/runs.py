"""The folder of a training run: saving to it, and stopping the run."""
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from d2lrnn.basics.checks import check_path
from d2lrnn.basics.files import (
    new_folder,
    only_user,
    to_text,
    write_whole,
)
from d2lrnn.export.page import is_studio_for, to_page
from d2lrnn.models.checkpoint import BEST, LAST, save_model
from d2lrnn.report.page import STUDIO, to_html
from d2lrnn.report.records import judged_losses, write_json
from d2lrnn.report.write import make_record

__all__ = ["RECORD", "RunFolder", "holds_training", "run_folder",
           "stop_requests"]
RECORD = "record.json"
SAVE = -1  # unlike the number of any signal


class RunFolder:
    """The folder of a training run; with path None, nothing is saved.

    ``go_on`` tells the user how to resume the run after a stop.
    """

    def __init__(self, path, go_on):
        self.path, self.go_on = path, go_on

    def begin(self, run, settings, defaults, resume, save_minutes, stop):
        """Load the run to resume, or begin a new one.

        ``stop`` is the list from ``stop_requests``; ``defaults`` is as for
        ``TrainingState.load``.
        """
        self.run, self.settings, self.stop = run, settings, stop
        run.wish = self.wish
        self.save_seconds, self.saved = 60 * save_minutes, time.time()
        if resume:
            saved = self.path and self.path / LAST
            with run.together.same_file(saved) as path:
                run.load(path, settings, defaults)

    def check(self, resume, together):
        """Raise an error for a folder in which this run cannot be.

        It is ``ValueError`` for a new run in a folder that already holds one,
        and ``FileNotFoundError`` if there is none to resume. Worker 0 alone
        has a folder.
        """
        if together.rank:
            return
        if not resume and self.path is not None and holds_training(self.path):
            raise ValueError(f"{self.path} already holds a training run: give "
                             f"another folder, or resume=True to continue it")
        if resume:
            self.check_resume()

    def check_resume(self):
        """Raise an error if the folder holds nothing to resume."""
        if self.path is None:
            raise ValueError("resume needs the folder of the training: give "
                             "it as folder")
        if not (self.path / LAST).exists():
            raise FileNotFoundError(
                f"there is no checkpoint at {self.path / LAST} to "
                f"resume from: check the path, or leave out resume=True to "
                f"start over")

    def wish(self):
        """Return the number of the signal that asks to stop, SAVE, or 0.

        SAVE is for when ``save_minutes`` have passed.
        """
        if self.stop:
            return self.stop[0]
        is_late = time.time() - self.saved > self.save_seconds
        return SAVE if is_late and self.run.together.rank == 0 else 0

    def after_step(self):
        """Save, or stop, if this worker or another one wishes it."""
        wish = self.run.together.wished(self.wish)
        if wish:
            self.keep()
        self.leave_if_asked(wish)

    @contextmanager
    def after_epoch(self):
        """Save the epoch, even if the code in the ``with`` block fails."""
        try:
            yield
        finally:
            self.keep()
        self.leave_if_asked(self.run.together.wished_now(self.wish))

    def keep(self):
        """Save the model if it is the best so far, then the run."""
        run, losses = self.run, judged_losses(self.run.history)
        state = run.together.whole(run.state)
        if self.path is None:
            return
        with self.saying_how_to_go_on():
            if not run.losses and losses.index(min(losses)) == len(losses) - 1:
                with run.averaged():
                    save_model(self.path / BEST, run.model)
            run.save(self.path / LAST, self.settings, state)
        self.saved = time.time()

    def leave_if_asked(self, wish):
        """End the program if the wish is a signal's, and say how to resume.

        Raise ``KeyboardInterrupt`` after Ctrl-C, else ``SystemExit`` with the
        exit code of a program that the signal has killed.
        """
        if wish in (0, SAVE):
            return
        self.run.together.barrier()  # the first to leave ends the server
        epochs, steps = len(self.run.history), len(self.run.losses)
        print((f"stopped in epoch {epochs + 1} after its step {steps}; "
               if steps else f"stopped after epoch {epochs}; ") + (
                   "nothing was saved, since fit was given no folder"
                   if self.path is None else f"to go on, {self.go_on}"))
        if wish == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + wish)

    def finish(self, feed):
        """Write the record, the report and the studio of a finished run."""
        if self.path is None:
            return
        settings = dict(self.settings)
        if feed.held_out_corpus is not None:
            settings["held_out"] = feed.held_out_corpus
        record = make_record(to_text(self.path.resolve().name),
                             {"fit": self.run.history}, feed.corpus, settings)
        with self.saying_how_to_go_on():
            write_json(self.path / RECORD, record)
            has_studio = is_studio_for(self.run.model)
            if has_studio:
                write_whole(self.path / STUDIO,
                            to_page([self.path / BEST]).encode())
            # a folder's name need not be UTF-8
            write_whole(self.path / "report.html", to_html(
                [record], has_studio).encode(errors="replace"))

    @contextmanager
    def saying_how_to_go_on(self):
        """Add to an error in saving that the last checkpoint is intact."""
        try:
            yield
        except OSError as error:
            if not (self.path / LAST).exists():
                raise
            raise OSError(f"{error}; what was saved before is intact: to "
                          f"continue it, {self.go_on}") from None


def holds_training(path):
    """Return whether a folder holds a run to resume or to keep.

    A run that ended before its first checkpoint does not count.
    """
    return any((Path(path) / name).exists() for name in (LAST, RECORD))


@contextmanager
def run_folder(path, go_on=None):
    """Lock the folder of a run, made if missing, against other runs.

    ``path`` may be None, or a ``RunFolder`` that the caller already holds.
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
    """Collect Ctrl-C in a list, so that no step is interrupted.

    SIGTERM, and SIGHUP when a terminal closes, are collected as well, unless
    the program handles them itself. A signal that is ignored stays so, and a
    second one has its usual effect. Only the main thread receives signals.
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
            if handler == signal.SIG_DFL or (name == "SIGINT" and handler
                                             not in (None, signal.SIG_IGN)):
                before[number] = handler
    try:
        for number in before:
            signal.signal(number, ask)
        yield stop
    finally:
        give_back()
