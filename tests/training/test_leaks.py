"""What is done again and again keeps no memory."""
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process


@pytest.mark.parametrize("subject, times, limit", [
    ("epochs of lstm", 40, 8),  # an operand of a Concat: 5 KB an epoch
    ("calls", 20, 60)])  # to read a graph once as JSON: 60 KB and more
def test_memory_is_flat(subject, times, limit):
    """Each time keeps less than ``limit`` KB, in a process of its own."""
    result = subprocess.run(
        [sys.executable, Path(__file__).parents[1] / "memory.py", subject,
         str(times)], timeout=600, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    assert float(result.stdout) < limit
