"""Check the arguments of the model of names; find its arrays by name."""
import math
from numbers import Integral

import numpy as np
from d2lrnn.basics.checks import check_memory, check_numbers, is_number, shown
from d2lrnn.basics.shapes import check_float_array, check_shape

__all__ = ["check_clip", "check_example", "check_forward", "check_initial",
           "check_initial_loss", "check_invent", "check_model_settings",
           "check_plot", "check_sample", "check_sample_ix", "check_step",
           "check_step_backward", "keys", "unpack"]

SHAPES = {"Wax": "n_a n_x", "Waa": "n_a n_a", "Wya": "n_y n_a", "b": "n_a 1",
          "by": "n_y 1"}


def keys(arrays, prefix=""):
    """Return the five names under which a dict has parameters or gradients.

    ``prefix`` is "d" for gradients.
    """
    b = "ba" if prefix + "ba" in arrays else "b"
    return [prefix + name for name in ("Wax", "Waa", "Wya", b, "by")]


def unpack(arrays, prefix=""):
    """Return a dict's Wax, Waa, Wya, b and by, or with "d" their gradients.

    >>> unpack({"Wya": 3, "by": 5, "Wax": 1, "ba": 4, "Waa": 2})
    [1, 2, 3, 4, 5]
    """
    return [arrays[key] for key in keys(arrays, prefix)]


def check_arrays(arrays, sizes, prefix=""):
    """Raise ``ValueError`` unless all five arrays have the right shapes."""
    if not isinstance(arrays, dict):
        raise ValueError(f"the arrays are {shown(arrays)}: give a dict of all "
                         f"five by name")
    for key, shape in zip(keys(arrays, prefix), SHAPES.values(), strict=True):
        if key not in arrays:
            raise ValueError(f"there is no {key} among {', '.join(arrays)}: "
                             f"give all five arrays")
        check_float_array(key, arrays[key], shape, sizes)


def check_step(parameters, gradients=None, dy=None, x=None, lr=None,
               **states):
    """Check the arrays of a step, and return a dict of their sizes."""
    if lr is not None:
        check_numbers(lr=lr)
    sizes = {"1": 1}
    check_arrays(parameters, sizes)
    if gradients is not None:
        check_arrays(gradients, sizes, "d")
    for name, array, shape in (("dy", dy, "n_y 1"), ("x", x, "n_x 1")):
        if array is not None:
            check_shape(name, array, shape, sizes)
    for name, array in states.items():
        check_shape(name, array, "n_a 1", sizes)
    return sizes


def check_step_backward(dy, gradients, parameters, x, a, a_prev):
    """Check the arrays of a backward step."""
    sizes = check_step(parameters, gradients, dy, x, a=a, a_prev=a_prev)
    if gradients is None or "da_next" not in gradients:
        raise ValueError("gradients has no da_next: give zeros of shape (n_a, "
                         "1) at the last step")
    check_shape("da_next", gradients["da_next"], "n_a 1", sizes)


def check_example(X, Y, parameters, cache=None, learning_rate=1, **states):
    """Check a name's ids and its arrays, and return a dict of their sizes."""
    sizes = check_step(parameters, **states)
    check_numbers(learning_rate=learning_rate)
    for name, ids in (("X", X), ("Y", Y)):
        if not isinstance(ids, (list, tuple)):
            raise ValueError(f"{name} is {shown(ids)}: give a list of ids")
    if len(X) == 0 or len(X) != len(Y):
        raise ValueError(f"X has {len(X)} ids and Y has {len(Y)}: give both "
                         f"the same number of them, at least 1")
    read = [x for x in X if x is not None]
    for name, ids, size in (("X", read, sizes["n_x"]), ("Y", Y, sizes["n_y"])):
        for i in ids:
            if not (isinstance(i, Integral) and 0 <= i < size):
                raise ValueError(f"{name} has the id {i!r}: ids go from 0 to "
                                 f"{size - 1}")
    if cache is not None and not (
            isinstance(cache, tuple) and len(cache) == 3
            and all(isinstance(steps, dict) for steps in cache)):
        raise ValueError(f"cache is {shown(cache)}: give what rnn_forward "
                         f"returned")
    if cache is not None and len(cache[0]) != len(X):
        raise ValueError(f"X has {len(X)} ids, but cache is of "
                         f"{len(cache[0])} steps: give the cache of this "
                         f"name")
    return sizes


def check_forward(X, Y, a0, parameters, vocab_size=27):
    """Check a name's ids and arrays, and the size of the vocabulary."""
    n_x = check_example(X, Y, parameters, a0=a0)["n_x"]
    if not is_number(vocab_size, Integral) or vocab_size != n_x:
        raise ValueError(f"vocab_size is {shown(vocab_size)}, but Wax has "
                         f"{n_x} columns: give vocab_size {n_x}")


def check_clip(gradients, maxValue):
    """Check gradients and the bound to which they are clipped."""
    check_numbers(maxValue=maxValue)
    if not isinstance(gradients, dict):
        raise ValueError(f"gradients is {shown(gradients)}: give a dict of "
                         f"all five arrays by name")
    for key in keys(gradients, "d"):
        if key not in gradients:
            raise ValueError(f"gradients has no {key}: give all five arrays")
        gradient = gradients[key]
        if not isinstance(gradient, np.ndarray) or gradient.dtype.kind != "f":
            raise ValueError(f"{key} is {shown(gradient)}: give an array of "
                             f"floats")


def check_sample(parameters, char_to_ix, seed, temperature=1.0):
    """Check the arguments of ``sample``."""
    sizes = check_step(parameters)
    check_char_to_ix(char_to_ix, sizes["n_x"], "Wax")
    check_char_to_ix(char_to_ix, sizes["n_y"], "Wya")
    check_invent(seed, temperature)


def check_invent(seed, temperature=1.0, num_names=1):
    """Check the arguments of ``invent``, except for the model and the list."""
    check_numbers(num_names=num_names)
    end = 2 ** 32 - 100 * num_names  # 100 seeds per name
    words = f"a whole number from 0 to {end - 1}"
    if not is_number(seed, Integral) or not 0 <= seed < end:
        raise ValueError(f"seed is {shown(seed)}: it must be {words}")
    if not is_number(temperature) or not 0 < temperature < math.inf:
        raise ValueError(f"temperature is {shown(temperature)}: it must be a "
                         f"finite number above 0")


def check_char_to_ix(char_to_ix, vocab_size, name="vocab_size"):
    """Raise ``ValueError`` unless the characters have the ids 0, 1, 2, ...

    ``name`` is the name of ``vocab_size`` in the error message.
    """
    if not isinstance(char_to_ix, dict) or "\n" not in char_to_ix:
        raise ValueError("char_to_ix has no newline, which ends a name: give "
                         "the vocabulary that vocabulary() returns")
    if len(char_to_ix) != vocab_size:
        raise ValueError(f"{name} is for {shown(vocab_size)} characters, but "
                         f"char_to_ix has {len(char_to_ix)}: give the "
                         f"vocabulary that it belongs to")
    if not all(is_number(i, Integral) for i in char_to_ix.values()) or (
            sorted(char_to_ix.values()) != list(range(len(char_to_ix)))):
        raise ValueError(f"char_to_ix does not number its characters from 0 "
                         f"to {vocab_size - 1}: number each once")


def check_model_settings(data, ix_to_char, char_to_ix, num_iterations=35000,
                         n_a=50, dino_names=7, vocab_size=27, losses=None):
    """Check the arguments of ``model`` (explained there), except ``data``."""
    check_numbers(vocab_size=vocab_size)
    check_char_to_ix(char_to_ix, vocab_size)
    check_sample_ix([], ix_to_char)
    if any(ix_to_char.get(i) != char for char, i in char_to_ix.items()):
        raise ValueError("ix_to_char is not the inverse of char_to_ix: "
                         "give the vocabulary that vocabulary() returns")
    check_numbers(num_iterations=num_iterations, n_a=n_a,
                  dino_names=dino_names)
    check_memory(2 * n_a * (n_a + 2 * vocab_size), f"a model of n_a {n_a}")
    if losses is not None and not isinstance(losses, list):
        raise ValueError(f"losses is {shown(losses)}: give a list, or None")


def check_initial(n_a, n_x, n_y):
    """Check the sizes of new parameters."""
    check_numbers(n_a=n_a, n_x=n_x, n_y=n_y)
    check_memory(2 * n_a * (n_a + n_x + n_y), f"parameters of n_a {n_a}")


def check_initial_loss(vocab_size, seq_length):
    """Check the sizes of a uniform guess."""
    check_numbers(vocab_size=vocab_size, seq_length=seq_length)


def check_sample_ix(sample_ix, ix_to_char):
    """Check a name's ids, and a dict of the characters that they stand for."""
    if not isinstance(ix_to_char, dict) or not all(
            isinstance(char, str) for char in ix_to_char.values()):
        raise ValueError(f"ix_to_char is {shown(ix_to_char)}: give the "
                         f"vocabulary that vocabulary() returns")
    if not isinstance(sample_ix, (list, tuple)) or not all(
            is_number(i, Integral) for i in sample_ix):
        raise ValueError(f"sample_ix is {shown(sample_ix)}: give a list of "
                         f"ids, such as sample() returns")
    unknown = [i for i in sample_ix if i not in ix_to_char]
    if unknown:
        raise ValueError(f"sample_ix has the id {shown(unknown[0])}, which "
                         f"ix_to_char lacks: give the vocabulary that it was "
                         f"sampled with")


def check_plot(losses, vocab_size=27, dino_names=7, window=1000):
    """Check the arguments of ``plot_loss``."""
    check_numbers(vocab_size=vocab_size, dino_names=dino_names, window=window)
    if np.ndim(losses) != 1 or len(losses) == 0 or not all(
            is_number(loss) for loss in losses):
        raise ValueError(f"losses is {shown(losses)}: give a list of at least "
                         f"one number, such as model() fills")
