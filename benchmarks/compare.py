"""Time an epoch of the book's loop beside d2lzh's.

``python -m benchmarks.compare`` writes results.json and results.md. Both
train the book's scratch ``rnn`` at the book's settings, consecutively, from
the same seed on the same text, each in its own process with its own default
of threads; d2lzh also with all cores. The processes take turns, and the first
epoch of each, in which ours is traced, counts too. Needs ``pip install -e
'.[bench]'``.
"""
import argparse
import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import keep

SETTINGS = {"num_hiddens": 256, "num_steps": 35, "lr": 1e2, "theta": 1e-2,
            "batch_size": 32}
RESULTS = Path(__file__).with_name("results.json")
PEERS = {  # label -> (module, environment)
    "d2lrnn": ("d2lrnn", {}),
    "d2lrnn, compiled=False": ("d2lrnn", {"COMPILED": "0"}),
    "d2lzh": ("d2lzh", {}),
    "d2lzh, all cores": ("d2lzh", {
        "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))}),
}


def train(module_name, text, num_epochs):
    """Train with one of the modules, and print the book's line an epoch."""
    module = __import__(module_name)
    from mxnet import cpu, nd, random
    idx_to_char = sorted(set(text))
    char_to_idx = {char: i for i, char in enumerate(idx_to_char)}
    vocab_size, num_hiddens = len(idx_to_char), SETTINGS["num_hiddens"]

    def get_params():
        shapes = [(vocab_size, num_hiddens), (num_hiddens, num_hiddens),
                  (num_hiddens,), (num_hiddens, vocab_size), (vocab_size,)]
        params = [nd.random.normal(scale=0.01, shape=shape)
                  if len(shape) == 2 else nd.zeros(shape) for shape in shapes]
        for param in params:
            param.attach_grad()
        return params

    def init_state(batch_size, num_hiddens, ctx):
        return (nd.zeros((batch_size, num_hiddens), ctx=ctx),)

    def rnn(inputs, state, params):
        W_xh, W_hh, b_h, W_hq, b_q = params
        (H,) = state
        outputs = []
        for X in inputs:
            H = nd.tanh(nd.dot(X, W_xh) + nd.dot(H, W_hh) + b_h)
            outputs.append(nd.dot(H, W_hq) + b_q)
        return outputs, (H,)

    random.seed(0)
    options = {"compiled": False} if "COMPILED" in os.environ else {}
    module.train_and_predict_rnn(
        rnn, get_params, init_state, num_hiddens, vocab_size, cpu(),
        [char_to_idx[char] for char in text], idx_to_char, char_to_idx, False,
        num_epochs, SETTINGS["num_steps"], SETTINGS["lr"], SETTINGS["theta"],
        SETTINGS["batch_size"], 1, 0, [], **options)


def epochs_of(module, environment, text_file, num_epochs):
    """Return [(perplexity, seconds)] of the epochs of a new process."""
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("OMP_", "GOMP_"))}
    output = subprocess.run(
        [sys.executable, "-m", "benchmarks.compare", "--train", module,
         "--text", text_file, "--epochs", str(num_epochs)],
        env={**env, **environment}, check=True, text=True,
        stdout=subprocess.PIPE).stdout
    lines = re.findall(r"perplexity (\S+), time (\S+) sec", output)
    assert len(lines) == num_epochs
    return [(float(perplexity), float(time)) for perplexity, time in lines]


def compare(rounds, num_epochs):
    """Return the record of all rounds, the peers taking turns."""
    import d2lrnn as d2l  # not at the top: it would set d2lzh's threads
    from d2lrnn.report import machine_record
    corpus = d2l.load_data_jay_lyrics()
    runs = {label: [] for label in PEERS}
    with tempfile.TemporaryDirectory() as folder:
        text_file = Path(folder) / "text.txt"
        text_file.write_text(corpus.text, "utf-8")
        for n in range(rounds):
            for label, (module, environment) in PEERS.items():
                runs[label].append(epochs_of(module, environment, text_file,
                                             num_epochs))
                print(f"round {n + 1}: {label}", file=sys.stderr)
    check_same(runs)
    seconds = {label: [[time for _, time in epochs] for epochs in rounds]
               for label, rounds in runs.items()}
    return {**machine_record(), "text": corpus.source, "settings": SETTINGS,
            "rounds": rounds, "epochs": num_epochs, "seconds": seconds}


def check_same(runs):
    """Stop unless all peers computed the same losses."""
    reference = runs["d2lzh"][0]
    for label, rounds in runs.items():
        for epochs in rounds:
            for (ours, _), (theirs, _) in zip(epochs, reference, strict=True):
                if abs(ours / theirs - 1) > 1e-3:
                    sys.exit(f"{label} has perplexity {ours} where d2lzh has "
                             f"{theirs}: they do not compute the same")


def to_markdown(record):
    """Return the table of a record: medians, spread, ratio to d2lzh."""
    seconds = {label: list(itertools.chain(*rounds))
               for label, rounds in record["seconds"].items()}
    medians = {label: statistics.median(times)
               for label, times in seconds.items()}
    lines = ["| seconds per epoch | median | min | max | first epoch | "
             "x d2lzh |", "|---|---:|---:|---:|---:|---:|"]
    for label, rounds in record["seconds"].items():
        times = seconds[label]
        first = statistics.median(epochs[0] for epochs in rounds)
        lines.append(
            f"| {label} | {medians[label]:.2f} | {min(times):.2f} | "
            f"{max(times):.2f} | {first:.2f} | "
            f"{medians[label] / medians['d2lzh']:.2f} |")
    lines.append("")
    lines.append(f"{record['rounds']} rounds of {record['epochs']} epochs on "
                 f"{record['machine']['cpu']}, "
                 f"{record['machine']['cores']} cores; MXNet "
                 f"{record['versions']['mxnet']}, Python "
                 f"{record['versions']['python']}; {record['text']}; "
                 f"{record['date']}.")
    return "\n".join(lines) + "\n"


def main():
    """Run the comparison and write results.json and results.md."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--train", help=argparse.SUPPRESS)
    parser.add_argument("--text", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.train:
        train(args.train, Path(args.text).read_text("utf-8"), args.epochs)
        return
    keep(compare(args.rounds, args.epochs), RESULTS, to_markdown)


if __name__ == "__main__":
    main()
