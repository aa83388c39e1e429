"""Make names suitable for tables, pages and pictures."""
import unicodedata
from collections import Counter
from functools import lru_cache

__all__ = ["at_right", "clean", "numbered", "pad", "settable", "shorten",
           "without_glyph"]

UNSHOWN, BOX = "\ufffd", "□"  # for control characters, and for missing glyphs
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# fonts with many scripts, those made for screens first
USUAL = ("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC",
         "Noto Sans CJK JP", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
         "Droid Sans Fallback", "Microsoft YaHei", "SimHei", "PingFang SC",
         "Hiragino Sans GB", "Heiti SC", "Arial Unicode MS")


def clean(text, kept=""):
    r"""Return a text with a mark for each character that cannot be shown.

    These are control characters, lone surrogates, and characters that change
    the direction of the text after them. White space becomes a space, except
    for the characters in ``kept``.

    >>> clean("a\nb\tc\x07", kept="\t") == "a b\tc\ufffd"
    True
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(char if char in kept or is_shown(char)
                   else " " if char.isspace() else UNSHOWN for char in text)


def is_shown(char):
    """Return whether a character can appear on a page unchanged."""
    return (unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")
            and char not in TURNING and ord(char) & 0xfffe != 0xfffe)


def columns(text):
    """Return how many columns of a terminal a text takes.

    >>> columns("cat"), columns("猫"), columns("e\u0301")
    (3, 2, 1)
    """
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else
               unicodedata.category(char) not in ("Mn", "Me", "Cf")
               for char in text)


def shorten(text, width):
    """Return a clean text in at most ``width`` columns.

    A longer text is cut in the middle, since names often differ at the end.

    >>> shorten("a very long name indeed", 11)
    'a ver…ndeed'
    """
    text = clean(text)
    if columns(text) <= width:
        return text
    half = (width - 1) // 2
    return (beginning(text, half) + "…"
            + beginning(text[::-1], width - 1 - half)[::-1])


def beginning(text, width):
    """Return as much of a text's beginning as fits into ``width`` columns."""
    end = 0
    while end < len(text) and columns(text[:end + 1]) <= width:
        end += 1
    return text[:end]


def pad(text, width):
    """Return a text cut or filled to exactly ``width`` columns.

    >>> pad("猫", 4)
    '猫  '
    """
    text = shorten(text, width)
    return text + " " * (width - columns(text))


def at_right(text, width):
    """Return a text right-aligned in ``width`` columns, never cut.

    >>> at_right("猫", 4), at_right("1,234.500", 4)
    ('  猫', '1,234.500')
    """
    return " " * (width - columns(text)) + text


def numbered(names):
    """Return names made distinct: repeated ones get a number.

    >>> numbered(["run", "other", "run", "run (2)"])
    ['run', 'other', 'run (3)', 'run (2)']
    """
    names, done = list(names), set()
    counts = Counter(names)
    for i, name in enumerate(names):
        n = 1
        while names[i] in done or (n > 1 and counts[names[i]]):
            n += 1
            names[i] = f"{name} ({n})"
        done.add(names[i])
    return names


def settable(text):
    """Return a text for a picture, and the extra fonts that it needs.

    Characters that no font has are replaced by boxes.
    """
    families, missing = fonts_for(frozenset(text))
    return "".join(BOX if char in missing else char
                   for char in text), families


def without_glyph(texts):
    """Return the characters of clean texts that no font has, sorted."""
    return sorted(fonts_for(frozenset().union(*texts))[1])


@lru_cache(maxsize=256)
def fonts_for(characters):
    """Return ``(families, missing)`` for characters in a picture.

    ``families`` lists the fonts needed besides the default one, and
    ``missing`` is the set of characters that no font has.
    """
    from matplotlib import font_manager  # slow to import
    usual = font_manager.findfont(font_manager.FontProperties())
    missing, families = characters - glyphs(usual), []
    if not missing:
        return (), missing
    rank = {name: i for i, name in enumerate(USUAL)}
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: (
            rank.get(font.name, len(USUAL)), font.style != "normal",
            font.weight not in (400, "normal", "regular"))):
        if missing & glyphs(font.fname):
            families.append(font.name)
            missing = missing - glyphs(font.fname)
        if not missing:
            break
    return tuple(dict.fromkeys(families)), missing


@lru_cache(maxsize=16)
def glyphs(path):
    """Return the characters for which a font's file has outlines."""
    from matplotlib.font_manager import get_font
    try:
        font = get_font(path)
        return (frozenset(map(chr, font.get_charmap())) if font.scalable
                else frozenset())
    except (OSError, RuntimeError, ValueError):  # not a readable font
        return frozenset()
