"""Read and write safetensors files: arrays by name, and some text.

A file has the length of its header in 8 bytes, the header in JSON, and then
the bytes of all arrays. It is read in this order, so that other kinds of file
are refused before they take up memory. The text is written in a fixed order,
so that files with equal contents have equal bytes.
"""
import hashlib
import json
import math
import os

import numpy as np
from d2lrnn.basics.checks import check_path, shown
from d2lrnn.basics.files import write_whole

__all__ = ["TensorsError", "digest", "read_tensors", "tensor_bytes",
           "write_tensors"]

LARGEST_FILE = 2 * 10 ** 9  # bytes
LARGEST_HEADER = 2 ** 25  # bytes: a million words, or records of 10,000 epochs
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8",
          "I32": "<i4", "I16": "<i2", "I8": "|i1", "U64": "<u8", "U32": "<u4",
          "U16": "<u2", "U8": "|u1", "BOOL": "|b1"}
DTYPE_NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


class TensorsError(ValueError):
    """What is wrong with a file, and the remedy, to follow the file's name."""


def not_whole(reason):
    """Return the error for another kind of file, or an incomplete one."""
    return TensorsError(f"is not a whole safetensors file ({reason}): get a "
                        f"new copy of it")


def write_tensors(path, arrays, text):
    """Write a dict of arrays and a dict of str to a file, or nothing at all.

    Raise ``ValueError`` for contents that could not be read back, and
    ``OSError`` if the file cannot be written.
    """
    write_whole(path, tensor_bytes(path, arrays, text))


def tensor_bytes(path, arrays, text):
    """Return the bytes of a file of arrays and text, for ``path``."""
    header, end = {"__metadata__": dict(sorted(text.items()))}, 0
    arrays = {name: array.astype(array.dtype.newbyteorder("<"), copy=False)
              for name, array in arrays.items()}
    # the widest numbers first, so that each array is aligned
    names = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    for name in names:
        array = arrays[name]
        if array.dtype not in DTYPE_NAMES or not array.size:
            raise ValueError(f"{name} is {array.size} numbers of the type "
                             f"{array.dtype}, which no safetensors file can "
                             f"hold: make it an array of float32")
        header[name] = {"dtype": DTYPE_NAMES[array.dtype],
                        "shape": list(array.shape),
                        "data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    try:
        data = json.dumps(header, ensure_ascii=False,
                          separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"{path} would have {error.object[error.start]!r} in "
                         f"its text, which is not a character: leave it out"
                         ) from None
    data += b" " * (-len(data) % 8)
    if len(data) > LARGEST_HEADER or end + len(data) + 8 > LARGEST_FILE:
        raise ValueError(
            f"{path} would have {len(data):,} bytes of text and {end:,} of "
            f"arrays, and at most {LARGEST_HEADER:,} and {LARGEST_FILE:,} can "
            f"be read again: use a smaller model, or keep less on record")
    return b"".join([len(data).to_bytes(8, "little"), data,
                     *(arrays[name].tobytes() for name in names)])


def read_tensors(path, what, check_text):
    """Return the ``(arrays, text)`` that were written to a file.

    ``what`` describes the file in the error message if it is missing.
    ``check_text(text)`` is called before the arrays are read, and may raise.
    Raise ``FileNotFoundError`` or ``OSError`` if the file cannot be read, and
    ``TensorsError`` if its contents are wrong.
    """
    path = check_path("path", path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no {what} at {path}: check the "
                                f"path")
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size  # of the open file
            if size > LARGEST_FILE:
                raise TensorsError(f"has {size:,} bytes, and files of up to "
                                   f"{LARGEST_FILE:,} are read: give the "
                                   f"file of a model")
            header, text = read_header(file, size)
            check_text(text)
            places = read_places(header, size - file.tell())
            data = bytearray(size - file.tell())
            if file.readinto(data) != len(data):
                raise not_whole("it shrank while it was read")
    except OSError as error:
        raise OSError(f"{path} cannot be read ({error.strerror or error}): "
                      f"make it readable, or get a new copy of it") from None
    return {name: np.frombuffer(data, dtype, math.prod(shape),
                                start).reshape(shape)
            for name, (dtype, shape, start) in places.items()}, text


def read_header(file, size):
    """Return the entries of the arrays in a file's header, and its text."""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise not_whole(f"it has {size:,} bytes, too few for its header")
    if length > LARGEST_HEADER:
        raise not_whole(f"its header has {length:,} bytes, and at most "
                        f"{LARGEST_HEADER:,} are read")
    try:
        header = json.loads(file.read(length).decode("utf-8"))
    except (ValueError, RecursionError):
        raise not_whole("its header is not JSON") from None
    if not isinstance(header, dict):
        raise not_whole("its header is not a JSON object")
    text = header.pop("__metadata__", None) or {}
    if not isinstance(text, dict) or not all(
            isinstance(value, str) for value in text.values()):
        raise not_whole("the text in its header is not a dict of str")
    return header, text


def read_places(header, size):
    """Return the dtype, shape and offset of each array, after checking them.

    ``size`` is the number of bytes that the arrays must fill.

    >>> read_places({"b": {"dtype": "F32", "shape": [2, 3],
    ...                    "data_offsets": [0, 24]}}, 24)
    {'b': (dtype('float32'), [2, 3], 0)}
    """
    places, spans, end = {}, [], 0
    for name, entry in header.items():
        try:
            dtype, shape = np.dtype(DTYPES[entry["dtype"]]), entry["shape"]
            start, stop = entry["data_offsets"]
            fits = (len(shape) <= 8 and {*map(type, [*shape, start, stop])} <=
                    {int} and min(shape, default=1) > 0 and stop - start ==
                    math.prod(shape) * dtype.itemsize)
        except (KeyError, TypeError, ValueError):
            fits = False
        if not fits:
            raise not_whole(f"its array {shown(name)} is {shown(entry)}")
        places[name] = dtype, shape, start
        spans.append((start, stop))
    for start, stop in sorted(spans):
        if start != end:
            raise not_whole(f"no array begins at its byte {end:,}")
        end = stop
    if end != size:
        raise not_whole(f"its arrays should have {end:,} bytes, and have "
                        f"{size:,}")
    return places


def digest(arrays, text):
    """Return the sha256 of arrays and text, independent of their order."""
    sha256 = hashlib.sha256(json.dumps(text, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        sha256.update(f"{name} {array.dtype} {array.shape}".encode(
            "utf-8", "backslashreplace"))
        sha256.update(np.ascontiguousarray(array))
    return sha256.hexdigest()
