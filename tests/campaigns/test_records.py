"""A damaged record makes a report, or is refused in one sentence."""
import json
import signal
import warnings

import d2lrnn as d2l
import numpy as np
import pytest
from d2lrnn.report.records import read_records
from d2lrnn.report.write import make_record, write_pages

NAMES = ["_x", "$a$", "猫", "a|b", "<script>", "\x00", "\ud800", "", " ",
         "n" * 3000, "\u202eabc", "🦕", "a\nb", "__class__", "–"]
NUMBERS = [0, -1, 1, 2.5, 1e308, -1e308, 5e-324, 10 ** 400, 2 ** 63,
           float("nan"), float("inf"), -float("inf"), True]
OTHERS = [None, [], {}, [[]], [None], {"": {}}, "Infinity", "NaN", "1.5",
          "perplexity", [1, 2, 3], {"history": []}, [{"perplexity": 2}]]


@pytest.fixture(scope="module")
def whole(abc):
    """The record of a run with all that there can be, as JSON."""
    history = [{"epoch": epoch, "perplexity": 9 / epoch, "seconds": 0.5,
                "characters": 1000, "lyrics": ["a\nb"],
                "held_out_perplexity": 5.0, "held_out_unk": 0.01,
                "held_out_bits_per_char": 2.3, "grad_norm": 3.0,
                "clipped_grad_norm": 1.0} for epoch in (1, 2, 3)]
    return json.dumps(make_record("run", {"fit": history, "b": history}, abc,
                                  {"lr": 0.1, "sizes": [1, 2]}))


def places(value):
    """Return each dict or list in a value, with each of its keys."""
    found, inner = [], [value]
    for holder in inner:
        keys = list(holder if isinstance(holder, dict)
                    else range(len(holder)))
        found += [(holder, key) for key in keys]
        inner += [holder[key] for key in keys
                  if isinstance(holder[key], (dict, list))]
    return found


def anything(rng):
    """Return a value that somebody may have put into a record."""
    pool = (NAMES, NUMBERS, OTHERS)[rng.integers(3)]
    value = pool[rng.integers(len(pool))]
    for _ in range(rng.integers(100) if rng.random() < 0.05 else 0):
        value = [value]
    return value


def damage(text, rng):
    """Return the bytes of a record after one accident or two."""
    record = json.loads(text)
    for _ in range(rng.integers(1, 3)):
        found = places(record)
        if not found:
            break
        holder, key = found[rng.integers(len(found))]
        kind = rng.random()
        if kind < 0.5:
            del holder[key]
        elif kind < 0.7 and isinstance(holder, dict):
            holder[NAMES[rng.integers(len(NAMES))]] = holder.pop(key)
        else:
            holder[key] = anything(rng)
    data = json.dumps(record).encode()
    if rng.random() < 0.1:
        data = data[:rng.integers(len(data) + 1)]
    if rng.random() < 0.1:
        data = bytearray(data)
        for i in rng.integers(len(data), size=3) if data else ():
            data[i] = rng.integers(256)
    return bytes(data)


def stop(*_):
    raise TimeoutError("it hung")


@pytest.mark.campaign
def test_damaged_records(campaign, whole, abc, tmp_path):
    """Damaged records of trainings: a report, or one sentence."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "record.json").write_text(whole)
    signal.signal(signal.SIGALRM, stop)
    for n in campaign.tries(short=8, long=500):
        folder, data = tmp_path / str(n), damage(whole, campaign.rng)
        folder.mkdir()
        (folder / "record.json").write_bytes(data)
        signal.alarm(60)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.filterwarnings("ignore", "no font on this machine")
                records = read_records([tmp_path / "whole", folder])
                write_pages(folder / "report", records)
                for record in records:
                    d2l.plot_perplexity({
                        label: training["history"] for label, training
                        in record["trainings"].items()}, abc)
            campaign.became["reported"] += 1
        except ValueError as error:
            campaign.became["refused"] += 1
            if str(folder) not in str(error) or "\n" in str(error):
                campaign.failed(f"{n}: {error!r}")
        except Exception as error:
            campaign.failed(f"{n}: {error!r} of {data[:300]!r}")
        finally:
            signal.alarm(0)


def test_the_accidents_are_of_many_kinds(whole):
    tries = [damage(whole, np.random.default_rng(n)) for n in range(200)]
    assert len(set(tries)) > 150
