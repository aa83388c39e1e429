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
from d2lrnn.curves import perplexity_figure
from d2lrnn.errors import D2LRNNWarning
from d2lrnn.files import write_whole
from d2lrnn.report_page import figure_of, to_html
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
    return perplexity_figure(histories, corpus.vocab_size,
                             unigram_perplexity(corpus.corpus_indices))


def write_report(name, histories, corpus, settings, folder="runs"):
    """Write the perplexity report of some trainings, and print where it is.

    ``histories`` are what the training functions returned, by label;
    ``settings`` is a dict of what they were given, with the seed. A new
    folder in ``folder`` gets the files of ``write_pages``. Where
    ``folder`` cannot be written to, the machine's folder for temporary files
    is used, with a warning.

    Return the path of the new folder.
    """
    record = make_record(name, histories, corpus, settings)
    folder = writable(Path(folder).resolve())
    stamp = time.strftime("%Y%m%d-%H%M%S")
    done = folder / f"{name}-{stamp}"
    for n in range(2, 1000):
        if not done.exists():
            break
        done = folder / f"{name}-{stamp}-{n}"
    write_pages(done, [record])
    print_summary(record)
    print(f"report: {done}")
    return done


def write_pages(folder, records):
    """Write the records of runs to a new folder, all files or none.

    They are report.html, one page that needs nothing else, report.md,
    report.json (a list where there are several runs), perplexity.png and
    perplexity.svg. Return the folder.
    """
    folder = Path(folder).resolve()
    if folder.exists():
        raise ValueError(f"{folder} exists already: give another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent,
                                     prefix=".") as unfinished:
        unfinished = Path(unfinished) / folder.name
        unfinished.mkdir()
        write_json(unfinished / "report.json",
                   records[0] if len(records) == 1 else records)
        (unfinished / "report.md").write_text(
            "\n".join(map(to_markdown, records)), "utf-8")
        (unfinished / "report.html").write_text(to_html(records), "utf-8")
        figure = figure_of(records)
        figure.savefig(unfinished / "perplexity.png", dpi=150)
        figure.savefig(unfinished / "perplexity.svg")
        unfinished.rename(folder)
    return folder


def read_record(path):
    """Return the record of a run: a file, or a folder of one.

    Raise ``ValueError`` in one sentence where there is none.
    """
    path = Path(path)
    files = [path / name for name in ("record.json", "report.json")]
    file = next(filter(Path.is_file, [path, *files]), None)
    if file is None:
        raise ValueError(f"there is no {files[0].name} or {files[1].name} at "
                         f"{path}: give the folder of a training that has "
                         f"come to its end")
    try:
        record = json.loads(file.read_text("utf-8"))
        assert record["trainings"]
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is no record of one run "
                         f"({type(error).__name__}): give a record.json or "
                         f"report.json that d2lrnn wrote") from None
    return record


def write_json(path, record):
    """Write a record as JSON, whole or not at all.

    JSON has no infinity: a perplexity that is infinite becomes "Infinity".
    What is no character, in an argument that was no UTF-8, is escaped.
    """
    record = json.loads(json.dumps(record), parse_constant=str)
    write_whole(path, json.dumps(record, ensure_ascii=False,
                                 indent=1).encode("utf-8", "backslashreplace"))


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
                 "tokens": len(corpus.corpus_indices),
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
