"""The reader's language: English or Chinese."""
import os

from d2lrnn.basics.checks import shown
from d2lrnn.basics.errors import SettingError

__all__ = ["readers_language"]


def readers_language():
    """Return the reader's language: "en" or "zh".

    The environment variable D2LRNN_LANG (en or zh) decides; if it is not set,
    the first of LC_ALL, LC_MESSAGES and LANG that is. Every locale but zh*
    means English. Raise ``SettingError`` if D2LRNN_LANG has another value.
    """
    chosen = os.environ.get("D2LRNN_LANG", "").strip()
    if chosen not in ("", "en", "zh"):
        raise SettingError(f"D2LRNN_LANG is {shown(chosen)}: it must be en "
                           f"or zh")
    if chosen:
        return chosen
    locales = map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next(filter(None, locales), "C")
    return "zh" if locale.startswith("zh") else "en"
