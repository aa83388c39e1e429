"""Records of trainings: read, check, summarize and write them."""
import json
import math
import statistics
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from d2lrnn.basics.checks import (
    LARGEST_FLOAT,
    LONGEST,
    SMALLEST_FLOAT,
    check_kind,
    check_number,
    check_path,
    shown,
)
from d2lrnn.basics.files import to_text, write_whole
from d2lrnn.report.baselines import GUESSES, HELD_OUT
from d2lrnn.report.labels import numbered

__all__ = ["checked_histories", "judged_losses", "read_record",
           "read_records", "summarize", "through_json", "write_json"]

FILES = ("record.json", "report.json")
LARGEST_RECORD = 2 ** 28  # bytes
DEEPEST = 50  # levels of nested lists and dicts
NO_FINITE = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
# the numbers that an epoch's record may have besides its perplexity
FIGURES = ("seconds", "characters", "held_out_perplexity",
           "held_out_bits_per_char", "held_out_unk", "grad_norm",
           "clipped_grad_norm")
BEST = ("epoch", "held_out_perplexity", "held_out_bits_per_char",
        "held_out_unk")


def read_records(paths):
    """Return the records of several runs, with distinct names.

    Runs with the same name are named after their folders. Raise ``ValueError``
    if a run is given twice, and for what ``read_record`` refuses.
    """
    files = {}
    for path in paths:
        file = find_record(path).resolve()
        if file in files:
            raise ValueError(f"{path} is the same run as {files[file]}: give "
                             f"each run once")
        files[file] = path
    records = [read_record(file) for file in files]
    names = distinct_names([record["name"] for record in records],
                           [tuple(map(to_text, file.parent.parts[1:]))
                            for file in files])
    return [{**record, "name": name}
            for record, name in zip(records, names, strict=True)]


def distinct_names(names, parts):
    """Return names, distinguished by the last parts of their paths.

    >>> distinct_names(["run", "run", "c"], [("a", "run"), ("b", "run"), ()])
    ['a/run', 'b/run', 'c']
    """
    longest, new = max(map(len, parts), default=0), list(names)
    for depth in range(1, longest + 1):
        if len(set(new)) == len(new):
            break
        new = ["/".join(last[-depth:]) if names.count(name) > 1 else name
               for name, last in zip(names, parts, strict=True)]
    return numbered(new)


def read_record(path):
    """Return the record of a run, given its file or its folder.

    Entries that older versions did not write get defaults. Raise
    ``ValueError`` if the record is missing or damaged.
    """
    file = find_record(path)
    try:
        if file.stat().st_size > LARGEST_RECORD:
            raise ValueError(f"it has {file.stat().st_size:,} bytes")
        record = json.loads(file.read_bytes().decode("utf-8-sig"))
        return checked_record(record, to_text(
            file.resolve().parent.name))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{file} is not the record of one run ({reason}): "
                         f"give a record.json or report.json that d2lrnn wrote"
                         ) from None


def find_record(path):
    """Return the file of a run's record; raise ``ValueError`` without one."""
    path = check_path("the path of a run", path)
    files = [path / name for name in FILES]
    try:
        file = next(filter(Path.is_file, [path, *files]), None)
    except OSError:  # such as a name that is too long
        file = None
    if file is None:
        raise ValueError(f"there is no {files[0].name} or {files[1].name} at "
                         f"{path}: give the folder of a finished training")
    return file


def checked_record(record, name):
    """Return a record completed with everything that a report shows.

    Results are computed from the history; ``name`` is the default for a
    missing name. Raise ``ValueError`` for a wrong entry.
    """
    if isinstance(record, list):
        raise ValueError("it is a list, as of several runs")
    if depth(record) > DEEPEST:
        raise ValueError(f"it has lists nested more than {DEEPEST} deep")
    check_kind("it", record, dict, "a dict")
    text = value_of(record, "text", dict)
    baselines = value_of(record, "baselines", dict)
    trainings = value_of(record, "trainings", dict)
    for label, training in trainings.items():
        check_kind(f"training {shown(label)}", training, dict, "a dict")
    histories = checked_histories({
        label: training.get("history") for label, training
        in trainings.items()})
    return {
        **record, "name": value_of(record, "name", str, name),
        "date": value_of(record, "date", str, "–"),
        "command": [str(word) for word in value_of(record, "command", list)],
        **{key: value_of(record, key, dict)
           for key in ("versions", "machine", "settings")},
        "text": checked_text(text),
        "baselines": {**baselines, **{
            key: optional(key, baselines[key], Real, SMALLEST_FLOAT)
            for key in (*GUESSES, *HELD_OUT.values()) if key in baselines}},
        "trainings": {label: summarize(history)
                      for label, history in histories.items()}}


def checked_text(text):
    """Return what a record says of a text, and of the one held out, if any."""
    held_out = value_of(text, "held_out", dict)
    return {**text, "source": value_of(text, "source", str, "not known"),
            "sha256": value_of(text, "sha256", str, "–"),
            **{key: optional(key, text.get(key), Integral, 1, LONGEST)
               for key in ("characters", "tokens", "vocab_size")},
            **({"held_out": checked_text(held_out)} if held_out else {})}


def checked_histories(histories):
    """Return histories by label as lists of plain dicts.

    Each epoch needs a perplexity; its number is its place in the list unless
    given. Raise ``ValueError`` for a wrong entry.
    """
    check_kind("histories", histories, dict, "a dict of histories by label")
    if not histories:
        raise ValueError("there is no training in it: give the history of one")
    return {label: checked_history(label, history)
            for label, history in histories.items()}


def checked_history(label, history):
    """Return one history as a list of plain dicts."""
    check_kind("a label", label, str, "a str")
    of = f"of training {shown(label)}"
    check_kind(f"the history {of}", history, (list, tuple), "a list of dicts")
    if not history:
        raise ValueError(f"the history {of} is empty")
    return [checked_epoch(i, record, of)
            for i, record in enumerate(history, start=1)]


def checked_epoch(i, record, of):
    """Return the record of an epoch with Python's own numbers.

    For numbers that JSON lacks, the words "Infinity", "-Infinity" and "NaN"
    are accepted.
    """
    check_kind(f"epoch {i} {of}", record, dict, "a dict")
    where = f" in epoch {i} {of}"
    if record.get("perplexity") is None:
        raise ValueError(f"there is no perplexity{where}")
    lyrics = record.get("lyrics")
    lyrics = [lyrics] if isinstance(lyrics, str) else lyrics
    check_kind(f"lyrics{where}", lyrics, (list, tuple, type(None)),
               "a list of str")
    for text in lyrics or ():
        check_kind(f"one of the lyrics{where}", text, str, "a str")
    numbers = {key: optional(key + where, record[key])
               for key in FIGURES if record.get(key) is not None}
    return {**{key: value for key, value in record.items()
               if key not in (*FIGURES, "lyrics")}, **numbers,
            "epoch": check_number("the number of epoch" + where, record.get(
                "epoch", i), Integral, 0, LONGEST, "a whole number"),
            "perplexity": optional("perplexity" + where,
                                   record["perplexity"], Real, SMALLEST_FLOAT),
            **({} if lyrics is None else {"lyrics": list(lyrics)})}


def optional(name, value, kind=Real, low=0, high=LARGEST_FLOAT):
    """Return a number after checking its range; None, inf and NaN pass."""
    if isinstance(value, str):
        value = NO_FINITE.get(value, value)
    if value is None or (isinstance(value, Real) and (
            value != value or value == math.inf)):
        return value
    words = f"a number of at least {low}" if low >= 1 else (
        "a number above 0" if low else "a number of at least 0")
    return check_number(name, value, kind, low, high, words)


def value_of(record, key, kind, default=None):
    """Return an entry of a record, or its default, after checking its type."""
    value = record.get(key)
    if value is None:
        return kind() if default is None else default
    check_kind(key, value, kind, f"a {kind.__name__}")
    return value


def depth(value):
    """Return how deeply lists and dicts are nested.

    >>> depth(1), depth([]), depth({"a": [[]]})
    (0, 1, 3)
    """
    level, values = 0, [value]
    while values := [inner for inner in values
                     if isinstance(inner, (list, dict))]:
        level += 1
        values = [inner for outer in values for inner in (
            outer.values() if isinstance(outer, dict) else outer)]
    return level


def summarize(history):
    """Return a dict of a history's last perplexity, speed and last samples.

    If there are held-out perplexities, the best epoch's results are added.
    """
    measured = [record for record in history if not math.isnan(
        record.get("held_out_perplexity", math.nan))]
    best = min(measured, default={},
               key=lambda record: record["held_out_perplexity"])
    seconds = [record["seconds"] for record in history if "seconds" in record]
    seconds = statistics.median(seconds) if seconds else None
    characters = history[-1].get("characters")
    lyrics = [record["lyrics"] for record in history if "lyrics" in record]
    return {"perplexity": history[-1]["perplexity"],
            "epochs": len(history),
            "seconds_per_epoch": seconds,
            "characters_per_second": characters / seconds
            if seconds and characters is not None else None,
            "lyrics": lyrics[-1] if lyrics else [],
            **({"best": {key: best.get(key) for key in BEST}} if best else {}),
            "history": history}


def through_json(name, value):
    """Return a value as JSON would store it, by writing and reading it."""
    try:
        return json.loads(json.dumps(value, default=as_json))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{name} cannot be written as JSON ({error}): give "
                         f"numbers, str, and lists and dicts of them"
                         ) from None


def as_json(value):
    """Convert a value of a type that JSON lacks to one that it has."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else (
        str(value))


def write_json(path, record):
    """Write a record as JSON, whole or not at all.

    JSON lacks infinity, so an infinite perplexity becomes "Infinity".
    """
    record = json.loads(json.dumps(record), parse_constant=str)
    # lone surrogates, as in file names that are not UTF-8, are escaped
    write_whole(path, json.dumps(record, ensure_ascii=False, indent=1).encode(
        "utf-8", "backslashreplace"))


def judged_losses(history):
    """Return the loss that each epoch is judged by.

    It is the held-out loss if there is one, else the loss.
    """
    return [record.get("held_out_loss", record["loss"]) for record in history]
