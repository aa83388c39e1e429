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
from d2lrnn.report import machine_record

RECORDS = Path(__file__).parent / "records"


class Campaign:
    """Counts the tries of a campaign, and what became of each.

    ``tries`` gives a new number for each try, and ``rng`` a generator that
    depends on the seed and that number alone, so that one try can be
    repeated by itself. ``became`` counts outcomes by their name.
    """

    def __init__(self, name, seed, is_long):
        self.name, self.seed, self.is_long = name, seed, is_long
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
            RECORDS.mkdir(exist_ok=True)
            (RECORDS / f"{self.name}.json").write_text(json.dumps(
                {**figures, "seconds": round(time.time() - start),
                 **machine_record()}, indent=1) + "\n")
        assert not self.failures, "\n".join(self.failures[:20])

    def failed(self, what):
        """Note that the current try went wrong, and how."""
        self.failures.append(str(what))


@pytest.fixture
def campaign(request):
    """A campaign of the test's name, long where it was asked for."""
    name = request.node.name.removeprefix("test_")
    seed = int(os.environ.get("D2LRNN_CAMPAIGN_SEED", 1))
    return Campaign(name, seed,
                    request.config.getoption("markexpr") == "campaign")
