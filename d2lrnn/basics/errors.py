"""The package's own warning and the error for a mistake in a setting."""
import sys
import threading

__all__ = ["D2LRNNWarning", "SettingError"]


class D2LRNNWarning(UserWarning):
    """Something went another way than asked, and the result shows it."""


class SettingError(ValueError):
    """Say in a sentence which environment variable is wrong, and what works.

    Where nobody catches it, a script, a thread and a notebook show its
    sentence alone, without a traceback.
    """

    def _render_traceback_(self):  # the name that IPython asks for
        return [str(self)]


def end_in_a_sentence():
    """Let an uncaught ``SettingError`` be one line on stderr.

    All other errors are shown as they were before.
    """
    show, show_of_thread = sys.excepthook, threading.excepthook

    def show_error(kind, error, traceback):
        if isinstance(error, SettingError):
            print(error, file=sys.stderr)
        else:
            show(kind, error, traceback)

    def show_error_of_thread(args):
        if isinstance(args.exc_value, SettingError):
            print(args.exc_value, file=sys.stderr)
        else:
            show_of_thread(args)

    sys.excepthook = show_error
    threading.excepthook = show_error_of_thread


end_in_a_sentence()
