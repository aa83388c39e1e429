"""Campaigns: one thing tried many times, with inputs that nobody thought of.

Among all tests a campaign is short; ``pytest -m campaign`` runs it long and
keeps its figures in records/, which docs/reliability.md shows. The seed is
D2LRNN_CAMPAIGN_SEED, or 1.
"""
import json
import os
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from d2lrnn.basics.environment import machine_record

RECORDS = Path(__file__).parent / "records"


class Campaign:
    """Counts the tries of a campaign, and what became of each.

    ``tries`` gives a new number for each try, and ``rng`` a generator that
    depends on the seed and that number alone, so that one try can be
    repeated by itself. ``became`` counts outcomes by their name.
    """

    def __init__(self, name, what, seed, is_long):
        self.name, self.what = name, what
        self.seed, self.is_long = seed, is_long
        self.became, self.failures, self.rng = Counter(), [], None

    def tries(self, short, long):
        """Yield the number of each try; at the end fail if one has failed."""
        start, total = time.time(), long if self.is_long else short
        for n in range(total):
            self.rng = np.random.default_rng([self.seed, n])
            yield n
        figures = {"campaign": self.name, "seed": self.seed, "tries": total,
                   "failures": len(self.failures), **self.became}
        print(", ".join(f"{key} {value}" for key, value in figures.items()))
        if self.is_long:
            write({"campaign": self.name, "what": self.what,
                   "seed": self.seed, "tries": total,
                   "failures": len(self.failures), "became": self.became,
                   "seconds": round(time.time() - start), **machine_record()})
        assert not self.failures, "\n".join(self.failures[:2000])

    def failed(self, what):
        """Note that the current try went wrong, and how."""
        self.failures.append(str(what))


@pytest.fixture
def campaign(request):
    """A campaign of the test's name, long where it was asked for."""
    what = (request.function.__doc__ or "").split("\n")[0]
    return Campaign(request.node.name.removeprefix("test_"), what,
                    int(os.environ.get("D2LRNN_CAMPAIGN_SEED", 1)),
                    request.config.getoption("markexpr") == "campaign")


def write(record):
    """Keep the record of a long run, and write the table of all anew."""
    RECORDS.mkdir(exist_ok=True)
    path = RECORDS / f"{record['campaign']}.json"
    path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    (RECORDS / "table.md").write_text(to_markdown(
        [json.loads(path.read_text("utf-8"))
         for path in sorted(RECORDS.glob("*.json"))]), "utf-8")


def to_markdown(records):
    """Return the table of the long runs."""
    lines = ["| campaign | tries | failures | seed | date |",
             "|---|---:|---:|---:|---|"]
    for record in records:
        became = ", ".join(f"{name} {count:,}" for name, count
                           in sorted(record["became"].items()))
        lines.append(
            f"| `{record['campaign']}`: {record['what'].rstrip('.')} "
            f"({became}) | {record['tries']:,} | {record['failures']:,} "
            f"| {record['seed']} | {record['date'][:10]} |")
    return "\n".join(lines) + "\n"
