"""Texts of one, ten and a hundred million characters."""
import os
import random
import resource
import subprocess
import sys
import time

from benchmarks.runner import Case, Goal, Row

SIDES = {"1 million characters": 1, "10 million characters": 10,
         "100 million characters": 100}
BYTES, PEAK = "resident bytes a character", "bytes a character at the peak"
LOAD = "nanoseconds a character to load and index"
FIRST = "seconds to the first mini-batch, {}"


CASES = {"65 characters": 1, "2,583 characters": 2}  # bytes of an id


def characters(case):
    """Return as many distinct characters as a case has."""
    if case == "65 characters":
        return "\n" + "".join(map(chr, range(32, 96)))
    return "\n" + "".join(map(chr, range(0x4E00, 0x4E00 + 2582)))


def prepare(case, folder, sizes):
    """Write the texts: lines of random characters, the rare ones too."""
    rng = random.Random(1)
    chars = characters(case)
    weights = [1 / i for i in range(1, len(chars) + 1)]  # after Zipf
    lines = ["".join(rng.choices(chars[1:], weights[1:], k=19)) + "\n"
             for _ in range(1000)]
    lines += ["".join(chars[1:]) + "\n"]
    lines *= -(-sizes["million"] // sum(map(len, lines)))
    for side, millions in SIDES.items():
        with (folder / f"{side}.txt").open("w", encoding="utf-8") as file:
            for _ in range(millions):
                rng.shuffle(lines)
                file.write("".join(lines)[:sizes["million"]])
    return "random characters, by Zipf's law"


def measure(case, side, folder, sizes):
    """Return seconds and bytes to load a text and to sample from it."""
    import d2lrnn as d2l
    d2l.load_corpus("to warm up")
    before = resident()
    start = time.perf_counter()
    corpus = d2l.load_corpus(folder / f"{side}.txt")
    loaded = time.perf_counter() - start
    num_chars, after = len(corpus.corpus_indices), resident()
    values = {LOAD: [1e9 * loaded / num_chars],
              BYTES: [(after - before) / num_chars],
              PEAK: [(peak() - before) / num_chars]}
    for name in ("consecutive", "random"):
        sampler = getattr(d2l, f"data_iter_{name}")
        start = time.perf_counter()
        X, _ = next(sampler(corpus.corpus_indices, 32, 35,
                            vocab_size=corpus.vocab_size))
        X.wait_to_read()
        values[FIRST.format(name)] = [loaded + time.perf_counter() - start]
    return None, values


def resident():
    """Return how many bytes of this process are in memory."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:  # as on macOS
        return 1024 * int(subprocess.check_output(
            ["ps", "-o", "rss=", "-p", str(os.getpid())]))


def peak():
    """Return the most bytes that were in memory so far."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


LARGE, MIDDLE = "100 million characters", "10 million characters"
ROW = Row(
    "scale", "a text from its file to the first mini-batch of 32 by 35",
    {case: Case(tuple(SIDES), (
        Goal("times", 1.25, MIDDLE, LOAD, LARGE),
        Goal("at most", size + 0.1, None, BYTES, LARGE),
        Goal("at most", 3.5, None, PEAK, LARGE),
        Goal("at most", 2, None, FIRST.format("consecutive"), LARGE),
        Goal("at most", 2, None, FIRST.format("random"), LARGE)))
     for case, size in CASES.items()},
    measure, {"million": 1_000_000}, {"million": 2_000}, prepare, rounds=2)
