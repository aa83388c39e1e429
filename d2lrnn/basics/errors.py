"""The package's warning, and its error for a wrong environment variable."""
import sys
import threading

__all__ = ["D2LRNNWarning", "SettingError"]


class D2LRNNWarning(UserWarning):
    """A warning that a result is not quite what was requested."""


class SettingError(ValueError):
    """An environment variable has a value that cannot be used.

    If nothing catches it, scripts, threads and notebooks print its message
    alone, without a traceback.
    """

    def _render_traceback_(self):  # IPython looks for this name
        return [str(self)]


def end_in_a_sentence():
    """Print an uncaught ``SettingError`` as one line on stderr.

    All other errors are printed as before.
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
