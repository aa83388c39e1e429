"""Each compiled cell, training loop and model, many times: memory is flat."""
import subprocess
import sys
from pathlib import Path

import pytest
from memory import SUBJECTS

SCRIPT = Path(__file__).parents[1] / "memory.py"
LIMIT = 3  # KB each time; the least that was once lost was 5


@pytest.mark.process
@pytest.mark.campaign
def test_memory(campaign):
    """Trainings of each kind, 300 epochs or calls: memory stays flat."""
    names, times = list(SUBJECTS), 100 if campaign.is_long else 15
    for n in campaign.tries(short=1, long=len(names)):
        name = names[n]
        try:
            result = subprocess.run(
                [sys.executable, SCRIPT, name, str(times)], timeout=3600,
                capture_output=True, text=True)
        except subprocess.TimeoutExpired:
            campaign.failed(f"{name}: no end after an hour")
            continue
        if result.returncode:
            campaign.failed(f"{name}: {result.stderr[-500:]}")
        elif float(result.stdout) > LIMIT:
            campaign.failed(f"{name} keeps {float(result.stdout)} KB")
        else:
            campaign.became["flat"] += 1
