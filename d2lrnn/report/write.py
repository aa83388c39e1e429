"""The perplexity report: what a training did, as pictures and records."""
import os
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from d2lrnn.basics.checks import check_kind, check_path, shown
from d2lrnn.basics.environment import machine_record
from d2lrnn.basics.errors import D2LRNNWarning
from d2lrnn.basics.files import remove_empty, writable
from d2lrnn.basics.measures import unigram_perplexity
from d2lrnn.data.corpus import Corpus
from d2lrnn.report.curves import perplexity_figure
from d2lrnn.report.labels import cell, clean, shorten, without_glyph
from d2lrnn.report.markdown import share, to_markdown, with_held_out
from d2lrnn.report.page import by_label, figure_of, number, to_html
from d2lrnn.report.records import (
    checked_histories,
    plain,
    summarize,
    write_json,
)


def plot_perplexity(histories, corpus):
    """Draw the perplexity per epoch beside the two baselines.

    ``histories`` are the histories of trainings by their labels; where they
    have a held-out perplexity, it is drawn too. Return a matplotlib
    ``Figure``.
    """
    check_corpus(corpus)
    histories = checked_histories(histories)
    warn_of_boxes(histories)
    return perplexity_figure(histories, corpus.vocab_size,
                             unigram_perplexity(corpus.corpus_indices))


def write_report(name: str, histories: dict[str, list[dict]], corpus: Corpus,
                 settings: dict, folder: str | os.PathLike[str] = "runs",
                 ) -> Path:
    """Write the perplexity report of some trainings, and print where it is.

    ``histories`` are what the training functions returned, by label;
    ``settings`` is a dict of what they were given, with the seed. A new
    folder in ``folder`` gets the files of ``write_pages``; its name is
    ``name`` with the time. Where ``folder`` cannot be written to, the
    machine's folder for temporary files is used, with a warning. Raise
    ``ValueError`` for unusable arguments before anything is written.

    Return the path of the new folder.
    """
    check_name(name)
    folder = check_path("folder", folder)
    record = make_record(name, histories, corpus, settings)
    folder = writable(folder.resolve())
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


def check_name(name):
    """Raise ``ValueError`` for what cannot be part of a folder's name."""
    if not isinstance(name, str) or not name.strip() or "/" in name or (
            clean(name) != name):
        raise ValueError(f"name is {shown(name)}: give a few words without / "
                         f"and control characters")
    if len(name.encode()) > 200:
        raise ValueError(f"name is {shown(name)}, of {len(name.encode()):,} "
                         f"bytes: give at most 200")


def check_corpus(corpus):
    """Raise ``ValueError`` for what is no corpus."""
    check_kind("corpus", corpus, Corpus, "a Corpus, as load_corpus returns")


def write_pages(folder, records):
    """Write the records of runs to a new folder, all files or none.

    They are report.html, one page that needs nothing else, report.md,
    report.json (a list where there are several runs), perplexity.png and
    perplexity.svg. Return the folder. Raise ``ValueError`` where it exists,
    and ``OSError`` where it cannot be written; folders made on the way to it
    go away again.
    """
    folder = check_path("folder", folder).resolve()
    if os.path.lexists(folder):
        raise ValueError(f"{folder} exists already: give another folder")
    try:
        with new_parents(folder), tempfile.TemporaryDirectory(
                dir=folder.parent, prefix=".") as unfinished:
            unfinished = Path(unfinished) / folder.name
            unfinished.mkdir()
            write_files(unfinished, records)
            unfinished.rename(folder)
    except OSError as error:
        raise OSError(f"{folder} cannot be written ({error.strerror or error})"
                      f": give a new folder in one that can be written to, "
                      f"with space left") from None
    warn_of_boxes(by_label(records))
    return folder


@contextmanager
def new_parents(folder):
    """Make the parents of a folder; what is new goes away after an error."""
    new = [parent for parent in folder.parents if not parent.exists()]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        remove_empty(new)
        raise


def write_files(folder, records):
    """Write the files of a report into a folder."""
    write_json(folder / "report.json",
               records[0] if len(records) == 1 else records)
    (folder / "report.md").write_text(
        "\n".join(map(to_markdown, records)), "utf-8")
    (folder / "report.html").write_text(to_html(records), "utf-8")
    figure = figure_of(records)
    figure.savefig(folder / "perplexity.png", dpi=150)
    figure.savefig(folder / "perplexity.svg")


def warn_of_boxes(labels):
    """Warn of characters in labels that no font of this machine has."""
    missing = without_glyph(map(clean, labels))
    if missing:
        few = "".join(missing[:10]) + (" ..." if missing[10:] else "")
        warnings.warn(f"no font on this machine has {few}: pictures show "
                      f"boxes instead; install one that has, such as apt-get "
                      f"install fonts-noto-cjk", D2LRNNWarning, stacklevel=3)


def make_record(name, histories, corpus, settings):
    """Return all that the report shows as one dict for JSON."""
    check_kind("name", name, str, "a str")
    check_kind("settings", settings, dict, "a dict")
    check_corpus(corpus)
    settings = {str(key): value if isinstance(
        value, (int, float, list, dict, np.generic, np.ndarray))
        else str(value) for key, value in settings.items()}
    histories = plain("histories", checked_histories(histories))
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
        "settings": plain("settings", settings),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "trainings": {label: summarize(history)
                      for label, history in histories.items()},
    }


def print_summary(record):
    """Print the perplexities and speeds in a table of 78 columns."""
    text = "\n".join(["", *summary_lines(record)])
    # no label may stop a script whose output is not UTF-8
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))


def summary_lines(record):
    """Yield the lines of the table."""
    yield f"text: {shorten(record['text']['source'], 72)}"
    yield (f"{'perplexity on the training text':<34}{'perplexity':>12}"
           f"{'sec/epoch':>14}{'characters/s':>18}")
    for label, training in record["trainings"].items():
        yield (f"  {cell(label, 31)} {number(training['perplexity']):>12}"
               f"{number(training['seconds_per_epoch']):>14}"
               f"{number(training['characters_per_second'], 0):>18}")
    for guess in ("unigram", "uniform"):
        yield (f"  {f'{guess} guess':<32}"
               f"{number(record['baselines'][guess]):>12}")
    if held_out := with_held_out(record):
        yield (f"{'on held-out text, at its best':<34}{'perplexity':>12}"
               f"{'bits/char':>14}{'epoch':>8}{'<unk>':>10}")
    for label, best in held_out.items():
        yield (f"  {cell(label, 31)} "
               f"{number(best['held_out_perplexity']):>12}"
               f"{number(best['held_out_bits_per_char']):>14}"
               f"{best['epoch']:>8}{share(best['held_out_unk']):>10}")
