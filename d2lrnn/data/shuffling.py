"""Shuffle long lists quickly, with the same results as ``random.shuffle``."""
import random
from array import array

import numpy as np

__all__ = ["shuffle"]

LONG = 1000  # items: below that, Python's own shuffle is as fast


def shuffle(x):
    """Shuffle a list of ints in place, exactly as ``random.shuffle`` does.

    Both take the same numbers from Python's generator, and leave it in the
    same state; here NumPy computes them, many at once. The last item is
    swapped with any of all m, the last but one with any of the first m - 1,
    and so on. Each number below m is the first draw below m; a draw has as
    many bits as m.

    >>> numbers = list(range(2000)), list(range(2000))
    >>> random.seed(1); shuffle(numbers[0])
    >>> random.seed(1); random.shuffle(numbers[1])
    >>> numbers[0] == numbers[1]
    True
    """
    if len(x) < LONG:
        random.shuffle(x)
        return
    version, (*key, position), gauss = random.getstate()
    generator = np.random.RandomState()
    generator.set_state(("MT19937", key, position))
    # an array holds its numbers side by side, not as objects
    try:
        items = array("i", x)
    except OverflowError:
        items = array("q", x)
    m = len(x)
    while m > 1:
        num_bits = m.bit_length()
        # no more than are used before m has fewer bits
        draws = generator.randint(2 ** 32, size=m - 2 ** (num_bits - 1) + 1,
                                  dtype=np.uint32) >> (32 - num_bits)
        for i in draws.tolist():
            if i < m:
                m -= 1
                items[m], items[i] = items[i], items[m]
    x[:] = items.tolist()
    _, key, position, *_ = generator.get_state()
    random.setstate((version, (*key.tolist(), position), gauss))
