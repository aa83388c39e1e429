"""Check the shapes of NumPy arrays.

A shape is written as the names of its sizes, such as "n_a m". Functions that
take several arrays collect the sizes in a dict, so that all arrays must agree.
Each check raises ``ValueError`` in one sentence.
"""
import warnings

import numpy as np
from d2lrnn.basics.checks import check_function, check_numbers, checked, shown

__all__ = ["as_floats", "check_float_array", "check_gradients", "check_shape",
           "takes", "takes_cache", "takes_caches"]


def check_shape(name, array, dims, sizes):
    """Raise ``ValueError`` if an array does not have the shape ``dims``.

    ``dims`` names the sizes, as in "n_a m". ``sizes`` is a dict of the sizes
    known so far; those missing are taken from the array and added.

    >>> sizes = {"n_a": 5}
    >>> check_shape("a0", np.zeros((5, 10)), "n_a m", sizes)
    >>> sizes
    {'n_a': 5, 'm': 10}
    >>> check_shape("da", np.zeros((5, 9)), "n_a m", sizes)
    Traceback (most recent call last):
    ValueError: da has shape (5, 9): make it (n_a = 5, m = 10) to fit the rest
    """
    dims = dims.split()
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        kind = getattr(array, "dtype", type(array).__name__)
        raise ValueError(f"{name} is of the type {kind}: give a NumPy array "
                         f"of numbers, of shape ({', '.join(dims)})")
    if 0 in array.shape:
        raise ValueError(f"{name} has shape {array.shape}: every size must "
                         f"be at least 1")
    if array.ndim == len(dims) and array.shape == tuple(
            sizes.setdefault(dim, size)
            for dim, size in zip(dims, array.shape, strict=True)):
        return
    wanted = ", ".join("1" if dim == "1" else f"{dim} = {sizes[dim]}"
                       if dim in sizes else dim for dim in dims)
    raise ValueError(f"{name} has shape {array.shape}: make it ({wanted}) to "
                     f"fit the rest")


def check_float_array(name, array, dims, sizes):
    """Raise ``ValueError`` unless an array has this shape and holds floats.

    Parameters must be floats: sums of small integers overflow, and updating an
    integer array fails.
    """
    check_shape(name, array, dims, sizes)
    if array.dtype.kind != "f":
        raise ValueError(f"{name} has the type {array.dtype}: give floats")


def as_floats(x):
    """Return numbers as an array of floats, because small integers overflow.

    >>> as_floats([1, 2])
    array([1., 2.])
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # rows of different lengths
            array = np.asarray(x)
    except (TypeError, ValueError, RuntimeError, Warning):
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"x is {shown(x)}: give an array of numbers")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def takes(shapes, **dims):
    """Return a decorator that checks the arguments of a forward pass.

    ``shapes`` are the shapes of the parameters, ``dims`` those of the other
    arrays, both by name. A parameter may have the size "n_a+n_x".
    """
    def check(parameters, **arrays):
        sizes = {"1": 1}
        for name, array in arrays.items():
            check_shape(name, array, dims[name], sizes)
        sizes["n_a+n_x"] = sizes["n_a"] + sizes["n_x"]
        lacking = [name for name in shapes if not isinstance(
            parameters, dict) or name not in parameters]
        if lacking:
            raise ValueError(f"parameters lacks {', '.join(lacking)}: give a "
                             f"dict with {', '.join(shapes)}")
        for name, shape in shapes.items():
            check_float_array(name, parameters[name], shape, sizes)

    return checked(check)


def check_cache(cache, entries, forward):
    """Return a dict of n_a and m, the sizes in a cell's cache.

    The cache must have ``entries`` entries; ``forward`` is the name of the
    function that returns such caches.
    """
    if not isinstance(cache, tuple) or len(cache) != entries or not (
            isinstance(cache[0], np.ndarray)):
        raise ValueError(f"this is not a cache of {forward}: give the last "
                         f"value that it returned")
    n_a, m = cache[0].shape
    return {"n_a": n_a, "m": m}


def takes_cache(entries, forward):
    """Return a decorator that checks a cell's gradients and its cache."""
    def check(cache, **gradients):
        sizes = check_cache(cache, entries, forward)
        for name, gradient in gradients.items():
            check_shape(name, gradient, "n_a m", sizes)

    return checked(check)


def takes_caches(entries, forward):
    """Return a decorator that checks a sequence's gradients and caches."""
    def check(da, caches):
        known = isinstance(caches, tuple) and len(caches) == 2 and isinstance(
            caches[0], list) and caches[0]
        steps = caches[0] if known else [None]  # check_cache refuses None
        sizes = check_cache(steps[0], entries, forward)
        check_shape("da", da, "n_a m T_x", sizes)
        if da.shape[2] > len(steps):
            raise ValueError(f"da has {da.shape[2]} steps, but {forward} ran "
                             f"over {len(steps)}: give at most as many")

    return checked(check)


def check_gradients(f, parameters, gradients, epsilon=1.0):
    """Raise ``ValueError`` if gradients cannot belong to the parameters.

    ``f(parameters)`` must return the loss as a single number.
    """
    check_function("f", f)
    check_numbers(epsilon=epsilon)
    for name, arrays in (("parameters", parameters),
                         ("gradients", gradients)):
        if not isinstance(arrays, dict) or not all(
                isinstance(key, str) and np.asarray(array).dtype.kind in "fiu"
                for key, array in arrays.items()):
            raise ValueError(f"{name} is {shown(arrays)}: give a dict of "
                             f"arrays of numbers by name")
    for name, gradient in gradients.items():
        if not name.startswith("d") or name[1:] not in parameters:
            raise ValueError(
                f"gradients has {name!r}, which belongs to none of "
                f"{', '.join(parameters)}: name it d and a parameter's name")
        if np.shape(gradient) != np.shape(parameters[name[1:]]):
            raise ValueError(
                f"{name} has shape {np.shape(gradient)}: give it that of "
                f"{name[1:]}, {np.shape(parameters[name[1:]])}")
    loss = np.asarray(f(parameters))
    if loss.ndim or loss.dtype.kind not in "fiu":
        raise ValueError(f"f returned {loss.dtype} of shape {loss.shape}: "
                         f"return the loss as one number")
