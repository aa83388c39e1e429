"""The package's own warning and the error for a mistake in a setting."""


class D2LRNNWarning(UserWarning):
    """Something went another way than asked, and the result shows it."""


class SettingError(SystemExit, ValueError):
    """Say in a sentence which environment variable is wrong, and what works.

    As a ValueError it can be caught like any other; as a SystemExit it ends a
    script with its sentence alone, without a traceback.
    """
