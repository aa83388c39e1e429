"""Time the training on names beside plain code for the same formulas.

``python -m benchmarks.dinosaur`` writes dinosaur.json and dinosaur.md. The
plain code is what one writes first: a one-hot vector for each character, the
products of each step by themselves, the gradients added up step by step. Both
train on the same names from the same start, in one process, taking turns, and
must have the same losses to 1e-9. Ours is timed with the names that
``model`` samples at iteration 0, the plain code without sampling.
"""
import argparse
import contextlib
import io
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from d2lrnn import dinosaur
from d2lrnn.report import machine_record

from benchmarks import keep

SETTINGS = {"n_a": 50, "learning_rate": 0.01, "maxValue": 5}
RESULTS = Path(__file__).with_name("dinosaur.json")


def plain_softmax(scores):
    """Return the probabilities of a column of scores."""
    e = np.exp(scores - np.max(scores))
    return e / e.sum(axis=0)


def plain_forward(X, Y, a0, p, vocab_size):
    """Return the loss, and the probabilities, states, inputs by step."""
    x, a, y_hat, loss = {}, {-1: np.copy(a0)}, {}, 0
    for t in range(len(X)):
        x[t] = np.zeros((vocab_size, 1))
        if X[t] is not None:
            x[t][X[t]] = 1
        a[t] = np.tanh(np.dot(p["Wax"], x[t]) + np.dot(p["Waa"], a[t - 1])
                       + p["b"])
        y_hat[t] = plain_softmax(np.dot(p["Wya"], a[t]) + p["by"])
        loss -= np.log(y_hat[t][Y[t], 0])
    return loss, y_hat, a, x


def plain_backward(Y, p, y_hat, a, x):
    """Return the gradients of the parameters."""
    d = {key: np.zeros_like(param) for key, param in p.items()}
    da_next = np.zeros_like(a[0])
    for t in reversed(range(len(Y))):
        dy = np.copy(y_hat[t])
        dy[Y[t]] -= 1
        d["Wya"] += np.dot(dy, a[t].T)
        d["by"] += dy
        da = np.dot(p["Wya"].T, dy) + da_next
        dz = (1 - a[t] * a[t]) * da
        d["b"] += dz
        d["Wax"] += np.dot(dz, x[t].T)
        d["Waa"] += np.dot(dz, a[t - 1].T)
        da_next = np.dot(p["Waa"].T, dz)
    return d


def train_plainly(names, char_to_ix, num_iterations):
    """Return the losses of the plain code."""
    names, vocab_size = list(names), len(char_to_ix)
    np.random.seed(0)
    np.random.shuffle(names)
    np.random.seed(1)
    n_a = SETTINGS["n_a"]
    p = {"Wax": np.random.randn(n_a, vocab_size) * 0.01,
         "Waa": np.random.randn(n_a, n_a) * 0.01,
         "Wya": np.random.randn(vocab_size, n_a) * 0.01,
         "b": np.zeros((n_a, 1)), "by": np.zeros((vocab_size, 1))}
    a_prev, losses = np.zeros((n_a, 1)), []
    for j in range(num_iterations):
        ids = [char_to_ix[char] for char in names[j % len(names)]]
        X, Y = [None, *ids], [*ids, char_to_ix["\n"]]
        loss, y_hat, a, x = plain_forward(X, Y, a_prev, p, vocab_size)
        d = plain_backward(Y, p, y_hat, a, x)
        for key in p:
            np.clip(d[key], -SETTINGS["maxValue"], SETTINGS["maxValue"],
                    out=d[key])
            p[key] -= SETTINGS["learning_rate"] * d[key]
        a_prev = a[len(X) - 1]
        losses.append(float(loss))
    return losses


def train(names, char_to_ix, num_iterations):
    """Return the losses of d2lrnn."""
    losses = []
    with contextlib.redirect_stdout(io.StringIO()):
        dinosaur.model(names, {i: char for char, i in char_to_ix.items()},
                       char_to_ix, num_iterations, SETTINGS["n_a"],
                       vocab_size=len(char_to_ix), losses=losses)
    return losses


def compare(rounds, num_iterations):
    """Return the record of all rounds, both taking turns."""
    names, source = dinosaur.load_names()
    _, char_to_ix = dinosaur.vocabulary(names)
    peers = {"d2lrnn": train, "plain": train_plainly}
    seconds, losses = {label: [] for label in peers}, {}
    for n in range(rounds + 1):  # the first is for warming up
        for label, function in peers.items():
            start = time.perf_counter()
            losses[label] = function(names, char_to_ix, num_iterations)
            if n:
                seconds[label].append(time.perf_counter() - start)
                print(f"round {n}: {label} {seconds[label][-1]:.3f} s",
                      file=sys.stderr)
    difference = max(abs(ours - theirs) for ours, theirs in zip(
        losses["d2lrnn"], losses["plain"], strict=True))
    if difference > 1e-9:
        sys.exit(f"the losses differ by {difference}: the two do not compute "
                 f"the same")
    return {**machine_record(), "names": source, "settings": SETTINGS,
            "rounds": rounds, "iterations": num_iterations,
            "largest_difference": difference, "seconds": seconds}


def to_markdown(record):
    """Return the table of a record: iterations a second, ratio to plain."""
    iterations = {label: [record["iterations"] / time for time in times]
                  for label, times in record["seconds"].items()}
    plain = statistics.median(iterations["plain"])
    lines = ["| iterations a second | median | min | max | x plain |",
             "|---|---:|---:|---:|---:|"]
    for label, each in iterations.items():
        median = statistics.median(each)
        lines.append(f"| {label} | {median:,.0f} | {min(each):,.0f} | "
                     f"{max(each):,.0f} | {median / plain:.1f} |")
    lines.append("")
    lines.append(f"{record['rounds']} rounds of {record['iterations']:,} "
                 f"names on {record['machine']['cpu']}, "
                 f"{record['machine']['cores']} cores; NumPy "
                 f"{record['versions']['numpy']}, Python "
                 f"{record['versions']['python']}; {record['names']}; the "
                 f"losses differ by {record['largest_difference']:.0e} at "
                 f"most; {record['date']}.")
    return "\n".join(lines) + "\n"


def main():
    """Run the comparison and write dinosaur.json and dinosaur.md."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--iterations", type=int, default=2000)
    args = parser.parse_args()
    keep(compare(args.rounds, args.iterations), RESULTS, to_markdown)


if __name__ == "__main__":
    main()
