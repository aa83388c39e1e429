"""Records of trainings: what one must hold, how it is read and written."""
import json
import math
import statistics
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from d2lrnn.basics.checks import (
    LARGEST,
    LONGEST,
    SMALLEST,
    check_kind,
    check_number,
    check_path,
    shown,
)
from d2lrnn.basics.files import write_whole
from d2lrnn.report.labels import numbered

FILES = ("record.json", "report.json")
LARGEST_FILE = 2 ** 28  # bytes
DEEPEST = 50  # lists in lists
NO_FINITE = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
# what an epoch may have, beside its perplexity
FIGURES = ("seconds", "characters", "held_out_perplexity",
           "held_out_bits_per_char", "held_out_unk", "grad_norm",
           "clipped_grad_norm")
BEST = ("epoch", "held_out_perplexity", "held_out_bits_per_char",
        "held_out_unk")


def read_records(paths):
    """Return the records of several runs, under names that are distinct.

    Runs of one name get those of the folders that they lie in. Raise
    ``ValueError`` in one sentence for the same run twice, and as
    ``read_record`` does.
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
                           [file.parent.parts[1:] for file in files])
    return [{**record, "name": name}
            for record, name in zip(records, names, strict=True)]


def distinct_names(names, parts):
    """Return names, with as many of a path's last parts as tell them apart.

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
    """Return the record of a run: a file, or a folder of one.

    What an older version did not write has a default. Raise ``ValueError`` in
    one sentence where there is no record, or a damaged one.
    """
    file = find_record(path)
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise ValueError(f"it has {file.stat().st_size:,} bytes")
        record = json.loads(file.read_bytes().decode("utf-8-sig"))
        return checked_record(record, file.resolve().parent.name)
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{file} is no record of one run ({reason}): give a "
                         f"record.json or report.json that d2lrnn wrote"
                         ) from None


def find_record(path):
    """Return the file of a run's record, or say that there is none."""
    path = check_path("the path of a run", path)
    files = [path / name for name in FILES]
    try:
        file = next(filter(Path.is_file, [path, *files]), None)
    except OSError:  # such as: the name is too long
        file = None
    if file is None:
        raise ValueError(f"there is no {files[0].name} or {files[1].name} at "
                         f"{path}: give the folder of a training that has "
                         f"come to its end")
    return file


def checked_record(record, name):
    """Return a record with all that a report shows, or say what is wrong.

    Results are taken from the history; ``name`` is for one without a name.
    """
    if isinstance(record, list):
        raise ValueError("it is a list, as of several runs")
    if depth(record) > DEEPEST:
        raise ValueError(f"it has more than {DEEPEST} lists in lists")
    check_kind("it", record, dict, "a dict")
    text = part(record, "text", dict)
    baselines = part(record, "baselines", dict)
    trainings = part(record, "trainings", dict)
    for label, training in trainings.items():
        check_kind(f"training {shown(label)}", training, dict, "a dict")
    histories = checked_histories({
        label: training.get("history") for label, training
        in trainings.items()})
    return {
        **record, "name": part(record, "name", str, name),
        "date": part(record, "date", str, "–"),
        "command": [str(word) for word in part(record, "command", list)],
        **{key: part(record, key, dict)
           for key in ("versions", "machine", "settings")},
        "text": {**text, "source": part(text, "source", str, "not known"),
                 "sha256": part(text, "sha256", str, "–"),
                 **{key: optional(key, text.get(key), Integral, 1, LONGEST)
                    for key in ("characters", "tokens", "vocab_size")}},
        "baselines": {**baselines, **{
            key: optional(key, baselines.get(key), Real, SMALLEST)
            for key in ("uniform", "unigram")}},
        "trainings": {label: summarize(history)
                      for label, history in histories.items()}}


def checked_histories(histories):
    """Return histories by label as plain lists of dicts, or say what is wrong.

    An epoch needs a perplexity; its number is where it stands, if not given.
    """
    check_kind("histories", histories, dict, "a dict of histories by label")
    if not histories:
        raise ValueError("there is no training in it: give the history of one")
    return {label: checked_history(label, history)
            for label, history in histories.items()}


def checked_history(label, history):
    """Return one history as a plain list of dicts."""
    check_kind("a label", label, str, "a str")
    of = f"of training {shown(label)}"
    check_kind(f"the history {of}", history, (list, tuple), "a list of dicts")
    if not history:
        raise ValueError(f"the history {of} is empty")
    return [checked_epoch(i, record, of)
            for i, record in enumerate(history, start=1)]


def checked_epoch(i, record, of):
    """Return the record of an epoch with plain numbers, or say what is wrong.

    Numbers that JSON does not have may be words: "Infinity" and "NaN".
    """
    check_kind(f"epoch {i} {of}", record, dict, "a dict")
    where = f" in epoch {i} {of}"
    if record.get("perplexity") is None:
        raise ValueError(f"there is no perplexity{where}")
    lyrics = record.get("lyrics")
    lyrics = [lyrics] if isinstance(lyrics, str) else lyrics
    check_kind(f"lyrics{where}", lyrics, (list, tuple, type(None)),
               "a list of str")
    for lyric in lyrics or ():
        check_kind(f"a lyric{where}", lyric, str, "a str")
    numbers = {key: optional(key + where, record[key])
               for key in FIGURES if record.get(key) is not None}
    return {**{key: value for key, value in record.items()
               if key not in (*FIGURES, "lyrics")}, **numbers,
            "epoch": check_number("the number of epoch" + where, record.get(
                "epoch", i), Integral, 0, LONGEST, "a whole number"),
            "perplexity": optional("perplexity" + where,
                                   record["perplexity"], Real, SMALLEST),
            **({} if lyrics is None else {"lyrics": list(lyrics)})}


def optional(name, value, kind=Real, low=0, high=LARGEST):
    """Return a number, which may be None, infinite or no number at all."""
    if isinstance(value, str):
        value = NO_FINITE.get(value, value)
    if value is None or (isinstance(value, Real) and (
            value != value or value == math.inf)):
        return value
    words = f"a number of at least {low}" if low >= 1 else (
        "a number above 0" if low else "a number of at least 0")
    return check_number(name, value, kind, low, high, words)


def part(record, key, kind, default=None):
    """Return a record's value, of the kind that it must be, or a default."""
    value = record.get(key)
    if value is None:
        return kind() if default is None else default
    check_kind(key, value, kind, f"a {kind.__name__}")
    return value


def depth(value):
    """Return how deep lists and dicts lie in each other.

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
    """Return the last perplexity, the speed and the lyrics of a history.

    Where there is a held-out perplexity, the epoch with the best one is added.
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


def plain(name, value):
    """Return a value as JSON gives it back, or say that it cannot be."""
    try:
        return json.loads(json.dumps(value, default=as_json))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{name} cannot be written as JSON ({error}): give "
                         f"numbers, str, and lists and dicts of them"
                         ) from None


def as_json(value):
    """Return what stands in JSON for a value that is none of JSON's own."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else (
        str(value))


def write_json(path, record):
    """Write a record as JSON, whole or not at all.

    JSON has no infinity: a perplexity that is infinite becomes "Infinity".
    """
    record = json.loads(json.dumps(record), parse_constant=str)
    # half a character, as in a file's name that is not UTF-8, is escaped
    write_whole(path, json.dumps(record, ensure_ascii=False, indent=1).encode(
        "utf-8", "backslashreplace"))
