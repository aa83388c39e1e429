"""Turn a tune into training data: windows of musical values."""
from importlib import resources
from pathlib import Path

import numpy as np
from d2lrnn.basics.checks import (
    check_memory,
    check_numbers,
    check_path,
    checked,
    shown,
)
from d2lrnn.data.corpus import Corpus
from d2lrnn.jazz.grammar import tokens_of
from d2lrnn.jazz.midi import read_tune

__all__ = ["Music", "check_music", "default_tune", "load_music_utils"]


class Music(tuple):
    """A tune as training data, which unpacks to the lesson's four values.

    These are ``(X, Y, n_values, indices_values)``. ``chords`` has a list of
    ``Note`` for each measure; ``corpus`` is the tune's sequence of tokens,
    with the same ids as the values.
    """

    X = property(lambda self: self[0])
    Y = property(lambda self: self[1])
    n_values = property(lambda self: self[2])
    indices_values = property(lambda self: self[3])
    chords: list
    corpus: Corpus


def load_music_utils(midi=None, *, m=60, Tx=30, melody=None, chords=None,
                     quarters=None):
    """Return a tune as ``(X, Y, n_values, indices_values)``, a ``Music``.

    X has shape (m, Tx, n_values) and Y (Tx, m, n_values), both one-hot: m
    windows of Tx values, at positions drawn with seed 0. X begins with an
    empty row, Y ends with one, and Y[t - 1, i] is X[i, t]. ``indices_values``
    is a dict from ids to values, which are tokens of the grammar.

    - ``midi``: the path of a MIDI file, or None for the package's own tune
    - ``m``: the number of windows
    - ``Tx``: the number of values in a window
    - ``melody``, ``chords``, ``quarters``: as in ``read_tune``

    Raise ``ValueError`` if the tune has too few tokens for a window.
    """
    check_numbers(m=m, Tx=Tx)
    path = default_tune() if midi is None else check_path("midi", midi)
    measures, under = read_tune(path, melody=melody, chords=chords,
                                quarters=quarters)
    corpus = Corpus.from_tokens(tokens_of(measures, under), path.name)
    X, Y = windows(corpus.corpus_indices, corpus.vocab_size, m, Tx)
    music = Music((X, Y, corpus.vocab_size,
                   dict(enumerate(corpus.idx_to_char))))
    music.chords, music.corpus = under, corpus
    return music


def check_music(music):
    """Raise ``ValueError`` unless this is from ``load_music_utils``."""
    if not isinstance(music, Music):
        raise ValueError(f"music is a {type(music).__name__}: give what "
                         f"load_music_utils returns")


def default_tune():
    """Return the path of the package's own tune, an original composition."""
    return Path(resources.files("lyrics_data") / "original_tune.mid")


def check_window_ids(ids, n_values, m=60, Tx=30):
    """Raise ``ValueError`` if windows cannot be made from these ids."""
    check_numbers(n_values=n_values, m=m, Tx=Tx)
    if not isinstance(ids, np.ndarray) or ids.dtype.kind not in "iu" or (
            ids.ndim != 1 or not ((ids >= 0) & (ids < n_values)).all()):
        raise ValueError(f"ids is {shown(ids)}: give a NumPy array of whole "
                         f"numbers from 0 to {n_values - 1}, of one dimension")
    check_memory(n_values ** 2 + 3 * m * min(Tx, len(ids)) * n_values,
                 f"{m} windows of {n_values} values")


@checked(check_window_ids)
def windows(ids, n_values, m=60, Tx=30):
    """Return X and Y of ``load_music_utils`` for a sequence of ids.

    >>> X, Y = windows(np.array([0, 1, 0, 1, 1]), n_values=2, m=1, Tx=3)
    >>> X.argmax(axis=2).tolist(), X.sum(axis=2).tolist()
    ([[0, 1, 0]], [[0.0, 1.0, 1.0]])
    >>> Y.argmax(axis=2).T.tolist(), Y.sum(axis=2).T.tolist()
    ([[1, 0, 0]], [[1.0, 1.0, 0.0]])
    """
    if len(ids) <= Tx:
        raise ValueError(f"the tune has {len(ids)} tokens, too few for a "
                         f"window of {Tx}: use a longer tune, or a wider "
                         f"range of quarters")
    starts = np.random.RandomState(0).choice(len(ids) - Tx, m)
    chosen = ids[starts[:, None] + np.arange(Tx)]  # (m, Tx)
    X = np.eye(n_values, dtype=np.float32)[chosen]
    X[:, 0] = 0
    Y = np.zeros((Tx, m, n_values), dtype=np.float32)
    Y[:-1] = X[:, 1:].transpose(1, 0, 2)
    return X, Y
