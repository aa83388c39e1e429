"""Convert a run's settings and records to what JSON can hold."""
import json

import numpy as np
from mxnet import nd

__all__ = ["make_plain", "plain_settings"]


def plain_settings(settings):
    """Return settings as they come back from a checkpoint, for comparison.

    Raise ``ValueError`` for a setting that JSON cannot hold.
    """
    try:
        return json.loads(json.dumps(settings, default=float))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"a setting is not a number, a str or a list of "
                         f"them ({error}): give only such settings") from None


def make_plain(record):
    """Turn a record, in place, into what JSON would give back.

    Return a dict of what JSON cannot hold, which is removed.

    >>> record = {"acc": np.float32(0.5), "all": np.arange(3), "a": {1}}
    >>> make_plain(record), record
    ({'a': {1}}, {'acc': 0.5, 'all': [0, 1, 2]})
    """
    wrong, items = {}, list(record.items())
    record.clear()
    for key, value in items:
        try:
            text = json.dumps({key: value}, default=to_list,
                              ensure_ascii=False)
            text.encode()  # a lone surrogate cannot be written
            record.update(json.loads(text))
        except (TypeError, ValueError, RecursionError):
            wrong[key] = value
    return wrong


def to_list(array):
    """Return an array, or a NumPy number, as a list or a Python number.

    Raise ``TypeError`` for anything else.
    """
    if isinstance(array, nd.NDArray):
        array = array.asnumpy()
    if isinstance(array, (np.ndarray, np.generic)):
        return array.tolist()
    raise TypeError(f"{type(array).__name__} is not an array")
