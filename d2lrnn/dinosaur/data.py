"""Read lists of names, number their characters, and make examples."""
from d2lrnn.basics.checks import check_path, shown
from d2lrnn.data.reading import read_source
from d2lrnn.data.texts import find_text

__all__ = ["encode", "load_names", "read_names", "vocabulary"]


def load_names(path=None, *, fallback=True):
    """Return ``(names, source)``: a list of names, and where they come from.

    The file dinos.txt is looked for in ``$D2LRNN_DATA`` and lyrics_data/. If
    it is not found, the genera that ship with the package are used, with a
    warning, or ``FileNotFoundError`` is raised if ``fallback`` is false.
    ``path`` is the path of another list: one name per line, in UTF-8.
    """
    text, source = read_source(find_text("dinos", fallback) if path is None
                               else check_path("path", path))
    names = read_names(text)
    return names, f"{source}, {len(names):,} names"


def read_names(data):
    r"""Return the names in a text (one per line) or a list, in lower case.

    Raise ``ValueError`` if there are none.

    >>> read_names("Aardonyx\nZuul \n")
    ['aardonyx', 'zuul']
    """
    if not hasattr(data, "__iter__"):
        raise ValueError(f"data is {shown(data)}: give a text, or a list of "
                         f"str")
    lines = data.splitlines() if isinstance(data, str) else data
    check_strings("data", lines)
    names = [line.lower().strip() for line in lines]
    names = [name for name in names if name]
    if not names:
        raise ValueError("data has no names: give a text with one name a "
                         "line, or a list of names")
    return names


def check_strings(name, names):
    """Raise ``ValueError`` unless ``names`` is a list of str."""
    if not isinstance(names, (list, tuple, set, frozenset)):
        raise ValueError(f"{name} is {shown(names)}: give a list of str")
    for line in names:
        if not isinstance(line, str):
            raise ValueError(f"{name} has {shown(line)}, which is not a name: "
                             f"give a text, or a list of str")


def vocabulary(names):
    r"""Return two dicts for a list of names: ``(ix_to_char, char_to_ix)``.

    The characters are sorted, and include the newline, which ends each name.

    >>> vocabulary(["zuul"])[0]
    {0: '\n', 1: 'l', 2: 'u', 3: 'z'}
    """
    check_strings("names", names)
    chars = sorted({"\n"}.union(*names))
    return dict(enumerate(chars)), {char: i for i, char in enumerate(chars)}


def encode(name, char_to_ix):
    r"""Return the ids of a name, ``(X, Y)``, as the network uses them.

    Raise ``ValueError`` for an unknown character.

    >>> encode("aba", {"\n": 0, "a": 1, "b": 2})
    ([None, 1, 2, 1], [1, 2, 1, 0])
    """
    if not isinstance(name, str) or not isinstance(char_to_ix, dict):
        raise ValueError(f"the name is {shown(name)} and char_to_ix "
                         f"{shown(char_to_ix)}: give a str and a dict")
    for char in [*name, "\n"]:
        if char not in char_to_ix:
            raise ValueError(f"the name {name!r} has the character {char!r}, "
                             f"which char_to_ix lacks: give the vocabulary of "
                             f"these names")
    X = [None, *(char_to_ix[char] for char in name)]
    return X, [*X[1:], char_to_ix["\n"]]
