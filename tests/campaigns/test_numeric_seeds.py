"""The numeric tests with many seeds, numbers of threads and processors.

A seed takes about half a minute of one core; D2LRNN_CAMPAIGN_SEEDS says how
many there are, if not 100. Each environment is a process of its own, since
threads and features are chosen as libraries are loaded; within it the seeds
run one after another.
"""
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = [*(f"models/test_{name}.py" for name in (
             "char_rnn", "gated", "scratch", "deep", "bi")),
         "speed/test_tracing.py", "speed/test_rewriting.py",
         "generation/test_numpy_steps.py", "generation/test_lyrics.py",
         "test_numpy_rnn.py"]
# what the processor has is held back: OpenBLAS's kernels, oneDNN's
FEATURES = [{}, {"OPENBLAS_CORETYPE": "Haswell"},
            {"OPENBLAS_CORETYPE": "Zen", "DNNL_MAX_CPU_ISA": "AVX2"},
            {"OPENBLAS_CORETYPE": "SkylakeX"}]
ENVIRONMENTS = [{"OMP_NUM_THREADS": threads, **features}
                for threads in ("1", "2", "4") for features in FEATURES]
CODE = """
import os, sys, pytest
seeds, *arguments = sys.argv[1:]
wrong = []
for seed in seeds.split(","):
    os.environ["D2LRNN_TEST_SEED"] = seed
    if pytest.main(["-q", "-p", "no:cacheprovider", "--tb=short",
                    *arguments]):
        wrong.append(seed)
print("seeds that failed:", *wrong)
"""


def lacks(environment):
    """Say what this processor lacks for an environment, if anything."""
    cpu = Path("/proc/cpuinfo")
    flags = cpu.read_text() if cpu.exists() else ""
    if environment.get("OPENBLAS_CORETYPE") == "SkylakeX" and (
            "avx512f" not in flags):
        return "no AVX-512"
    return "" if "avx2" in flags else "no AVX2"


@pytest.mark.process
@pytest.mark.campaign
def test_numeric_seeds(campaign):
    """The numeric tests with many seeds, over threads and processors."""
    count = int(os.environ.get("D2LRNN_CAMPAIGN_SEEDS", 100))
    seeds = range(1, count + 1) if campaign.is_long else [campaign.seed]
    files = FILES if campaign.is_long else ["models/test_scratch.py"]
    for n in campaign.tries(short=1, long=len(ENVIRONMENTS)):
        environment = ENVIRONMENTS[n]
        if lacks(environment):
            campaign.became[f"skipped: {lacks(environment)}"] += 1
            continue
        some = [str(s) for s in seeds[n::len(ENVIRONMENTS)]]
        try:
            result = subprocess.run(
                [sys.executable, "-c", CODE, ",".join(some), "-k",
                 "not abc_is_learned", *files], cwd=TESTS, text=True,
                capture_output=True, timeout=600 * len(some),
                env={**os.environ, **environment})
        except subprocess.TimeoutExpired:
            campaign.failed(f"{environment}: no end")
            continue
        told = [line for line in result.stdout.splitlines()
                if line.startswith(("FAILED", "ERROR", "seeds that"))]
        if result.returncode or told[-1:] != ["seeds that failed:"]:
            campaign.failed(f"{environment}: {told} {result.stderr[-500:]}")
        campaign.became["seeds"] += len(some)
        print(environment, "seeds", *some, told, flush=True)
