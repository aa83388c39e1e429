"""The perplexity report: what a training did, as pictures and records."""
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from importlib import metadata
from pathlib import Path

import numpy as np
from d2lrnn.errors import D2LRNNWarning
from d2lrnn.files import write_whole
from d2lrnn.training import perplexity


def unigram_perplexity(corpus_indices):
    """Return the perplexity of guessing by the frequencies of characters.

    A model that knows how often each character occurs in this text, and
    nothing else, does as well as this; a uniform guess has the perplexity
    vocab_size.

    >>> unigram_perplexity([0, 1, 2, 3])
    4.0
    """
    p = np.bincount(corpus_indices) / len(corpus_indices)
    p = p[p > 0]
    return perplexity(-(p * np.log(p)).sum())


def plot_perplexity(histories, corpus):
    """Draw the perplexity per epoch beside the two baselines.

    ``histories`` are the histories of trainings by their labels; where they
    have a held-out perplexity, it is drawn too. Return a matplotlib
    ``Figure``.
    """
    from matplotlib.figure import Figure  # slow to import
    from matplotlib.ticker import LogLocator, MaxNLocator

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for label, history in histories.items():
        epochs = [record["epoch"] for record in history]
        (line,) = axes.plot(epochs, [record["perplexity"]
                                     for record in history], label=label)
        if "held_out_perplexity" in history[0]:
            axes.plot(epochs, [record["held_out_perplexity"]
                               for record in history], linestyle="-.",
                      color=line.get_color(), label=f"{label}, held out")
    unigram = unigram_perplexity(corpus.corpus_indices)
    axes.axhline(corpus.vocab_size, color="0.35", linestyle=":",
                 label=f"uniform guess ({corpus.vocab_size})")
    axes.axhline(unigram, color="0.35", linestyle="--",
                 label=f"unigram guess ({unigram:.0f})")
    held_out = any("held_out_perplexity" in history[0]
                   for history in histories.values())
    axes.set(xlabel="epoch", yscale="log", ylabel="perplexity" if held_out
             else "perplexity on the training text")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def write_report(name, histories, corpus, settings, folder="runs"):
    """Write the perplexity report of some trainings, and print where it is.

    ``histories`` are what the training functions returned, by label;
    ``settings`` is a dict of what they were given, with the seed. A new
    folder in ``folder`` gets report.json, report.md, perplexity.png and
    perplexity.svg, all of them or, should writing fail, none. Where
    ``folder`` cannot be written to, the machine's folder for temporary files
    is used, with a warning.

    Return the path of the new folder.
    """
    record = make_record(name, histories, corpus, settings)
    folder = writable(Path(folder).resolve())
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as unfinished:
        unfinished = Path(unfinished) / name
        unfinished.mkdir()
        write_json(unfinished / "report.json", record)
        (unfinished / "report.md").write_text(to_markdown(record), "utf-8")
        figure = plot_perplexity(histories, corpus)
        figure.savefig(unfinished / "perplexity.png", dpi=150)
        figure.savefig(unfinished / "perplexity.svg")
        stamp = time.strftime("%Y%m%d-%H%M%S")
        done = folder / f"{name}-{stamp}"
        for n in range(2, 1000):
            if not done.exists():
                break
            done = folder / f"{name}-{stamp}-{n}"
        unfinished.rename(done)
    print_summary(record)
    print(f"report: {done}")
    return done


def write_json(path, record):
    """Write a record as JSON, whole or not at all.

    JSON has no infinity: a perplexity that is infinite becomes "Infinity".
    """
    record = json.loads(json.dumps(record), parse_constant=str)
    write_whole(path, json.dumps(record, ensure_ascii=False,
                                 indent=1).encode("utf-8"))


def writable(folder):
    """Make a folder and return it, or one that can be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        instead = Path(tempfile.mkdtemp(prefix="d2lrnn-"))
        warnings.warn(f"{folder} cannot be written to ({error.strerror}); "
                      f"the report goes to {instead}", D2LRNNWarning,
                      stacklevel=3)
        return instead
    return folder


def make_record(name, histories, corpus, settings):
    """Return all that the report shows as one dict for JSON."""
    return {
        "name": name,
        **machine_record(),
        "text": {"source": corpus.source, "sha256": corpus.sha256,
                 "characters": corpus.num_chars,
                 "vocab_size": corpus.vocab_size},
        "baselines": {
            "uniform": corpus.vocab_size,
            "unigram": unigram_perplexity(corpus.corpus_indices)},
        "settings": {key: value if isinstance(value, (int, float, list, dict))
                     else str(value) for key, value in settings.items()},
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "trainings": {label: summarize(history)
                      for label, history in histories.items()},
    }


def machine_record():
    """Return when and on what something is measured: a dict for JSON."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%S"),
        "versions": {"python": platform.python_version(), **{
            package: metadata.version(package)
            for package in ("d2lrnn", "mxnet", "numpy")}},
        "machine": {"system": platform.platform(), "cpu": cpu_name(),
                    "cores": len(os.sched_getaffinity(0)),
                    "threads": os.environ["OMP_NUM_THREADS"]},
    }


def cpu_name():
    """Return the processor's name as Linux gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def summarize(history):
    """Return the last perplexity, the speed and the lyrics of a history.

    Where there is a held-out perplexity, the epoch with the best one is added.
    """
    held_out = {}
    if "held_out_perplexity" in history[0]:
        best = min(history, key=lambda record: record["held_out_perplexity"])
        held_out = {"best": {key: best[key] for key in (
            "epoch", "held_out_perplexity", "held_out_bits_per_char",
            "held_out_unk")}}
    seconds = statistics.median(record["seconds"] for record in history)
    lyrics = [record["lyrics"] for record in history if "lyrics" in record]
    return {"perplexity": history[-1]["perplexity"],
            "epochs": len(history),
            "seconds_per_epoch": seconds,
            "characters_per_second": history[-1]["characters"] / seconds,
            "lyrics": lyrics[-1] if lyrics else [], **held_out,
            "history": history}


def print_summary(record):
    """Print the perplexities and speeds in a table of 78 columns."""
    print()
    print(f"text: {record['text']['source']}")
    print(f"{'perplexity on the training text':<34}{'perplexity':>12}"
          f"{'sec/epoch':>14}{'characters/s':>18}")
    for label, training in record["trainings"].items():
        print(f"  {label:<32}{training['perplexity']:>12.3f}"
              f"{training['seconds_per_epoch']:>14.3f}"
              f"{training['characters_per_second']:>18,.0f}")
    print(f"  {'unigram guess':<32}{record['baselines']['unigram']:>12.3f}")
    print(f"  {'uniform guess':<32}{record['baselines']['uniform']:>12.3f}")
    if held_out := with_held_out(record):
        print(f"{'on held-out text, at its best':<34}{'perplexity':>12}"
              f"{'bits/char':>14}{'epoch':>8}{'<unk>':>10}")
    for label, best in held_out.items():
        print(f"  {label:<32}{best['held_out_perplexity']:>12.3f}"
              f"{best['held_out_bits_per_char']:>14.3f}{best['epoch']:>8}"
              f"{best['held_out_unk']:>10.2%}")


def with_held_out(record):
    """Return the best held-out results of a record's trainings, by label."""
    return {label: training["best"]
            for label, training in record["trainings"].items()
            if "best" in training}


def to_markdown(record):
    """Return the report as a page of Markdown."""
    text = record["text"]
    lines = [
        f"# Perplexity report: {record['name']}", "",
        f"Text: {text['source']} ({text['characters']:,} characters, "
        f"{text['vocab_size']:,} distinct). The perplexity is the one on the "
        f"training text: it shows how well the text was learned by heart, "
        f"not how well another text would be predicted.", "",
        "![perplexity per epoch](perplexity.png)", "",
        "| | perplexity | epochs | seconds per epoch | characters per second "
        "|", "|---|---:|---:|---:|---:|"]
    for label, training in record["trainings"].items():
        lines.append(
            f"| {label} | {training['perplexity']:.3f} | {training['epochs']}"
            f" | {training['seconds_per_epoch']:.3f} "
            f"| {training['characters_per_second']:,.0f} |")
    lines += [
        f"| unigram guess | {record['baselines']['unigram']:.3f} | | | |",
        f"| uniform guess | {record['baselines']['uniform']:.3f} | | | |", ""]
    if held_out := with_held_out(record):
        lines += ["On the text held out, at its best (`<unk>`: the share of "
                  "what training never saw):", "",
                  "| | perplexity | bits per character | epoch | `<unk>` |",
                  "|---|---:|---:|---:|---:|"]
        lines += [f"| {label} | {best['held_out_perplexity']:.3f} | "
                  f"{best['held_out_bits_per_char']:.3f} | {best['epoch']} | "
                  f"{best['held_out_unk']:.2%} |"
                  for label, best in held_out.items()] + [""]
    for label, training in record["trainings"].items():
        if training["lyrics"]:
            lines += [f"## Lyrics, {label}", ""]
            lines += [f"- {lyric}" for lyric in training["lyrics"]] + [""]
    lines += ["## How to repeat it", "", "| | |", "|---|---|"]
    rows = {**record["settings"], **record["versions"], **record["machine"],
            "date": record["date"], "command": " ".join(record["command"]),
            "text sha256": text["sha256"]}
    lines += [f"| {key} | {value} |" for key, value in rows.items()]
    return "\n".join(lines) + "\n"
