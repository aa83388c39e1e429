"""Write the perplexity report of trainings: pictures, pages, a record."""
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from d2lrnn.basics.checks import check_kind, check_path, shown
from d2lrnn.basics.environment import machine_record
from d2lrnn.basics.errors import D2LRNNWarning
from d2lrnn.basics.files import (
    new_folder,
    to_text,
    whole_path,
    writable,
)
from d2lrnn.basics.language import readers_language
from d2lrnn.data.corpus import Corpus, check_held_out, split
from d2lrnn.report.baselines import baselines, known_baselines, parts_of
from d2lrnn.report.curves import perplexity_figure
from d2lrnn.report.labels import (
    at_right,
    clean,
    pad,
    shorten,
    without_glyph,
)
from d2lrnn.report.markdown import share, to_markdown, with_held_out
from d2lrnn.report.page import (
    baselines_to_draw,
    bits_held_out,
    by_label,
    figure_of,
    rounded,
    to_html,
    unit_of,
)
from d2lrnn.report.phrases import (
    CHINESE,
    language_of_pictures,
    say,
    without_font,
)
from d2lrnn.report.records import (
    checked_histories,
    summarize,
    through_json,
    write_json,
)

__all__ = ["make_record", "plot_perplexity", "print_summary", "write_pages",
           "write_report"]

# widths of the columns on held-out text, in a table of 78 columns
HELD_OUT_WIDTHS = {"en": (12, 14, 8, 10), "zh": (12, 12, 10, 10)}
A_CORPUS = "a Corpus, as load_corpus returns"


def plot_perplexity(histories, corpus, *, held_out=None):
    """Plot the perplexity of each epoch, with those of simple guesses.

    ``histories`` is a dict of the histories of trainings by label; held-out
    perplexities are plotted too. ``held_out`` is the share of the corpus, at
    its end, that was held out, or the ``Corpus`` that was. The guesses, which
    know how often single characters, pairs and triples occur in the training
    text, are measured on the held-out part, or, without one, on the training
    text itself. Return a matplotlib ``Figure``.
    """
    check_kind("corpus", corpus, Corpus, A_CORPUS)
    histories = checked_histories(histories)
    parts = ([corpus.corpus_indices] if held_out is None
             else split(corpus, held_out)[:2])
    warn_of_fonts(histories)
    return perplexity_figure(
        histories, baselines_to_draw(baselines(corpus, *parts)),
        language_of_pictures())


def write_report(name: str, histories: dict[str, list[dict]], corpus: Corpus,
                 settings: dict, folder: str | os.PathLike[str] = "runs",
                 ) -> Path:
    """Write the perplexity report of some trainings, and print where it is.

    ``histories`` is a dict of what the training functions returned, by label;
    ``settings`` is a dict of their arguments and the seed. Beside them stand
    the guesses of ``plot_perplexity``; if there are held-out perplexities and
    ``settings["held_out"]`` is the share or the ``Corpus`` that ``fit`` held
    out, the guesses are measured on both parts. The files of
    ``write_pages`` go to a new folder in ``folder``, named after ``name`` and
    the time, or to one in a temporary folder, with a warning, if ``folder``
    cannot be written to. Return the path of the new folder. Raise
    ``ValueError`` for unusable arguments, before anything is written.
    """
    check_name(name)
    folder = check_path("folder", folder)
    record = make_record(name, histories, corpus, settings)
    folder = writable(folder)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    done = folder / f"{name}-{stamp}"
    for n in range(2, 1000):
        if not done.exists():
            break
        done = folder / f"{name}-{stamp}-{n}"
    write_pages(done, [record])
    print_summary(record)
    print(say("report: {path}", language_of_stdout(), path=done))
    return done


def check_name(name):
    """Raise ``ValueError`` if a name cannot be part of a folder's name."""
    if not isinstance(name, str) or not name.strip() or "/" in name or (
            clean(name) != name):
        raise ValueError(f"name is {shown(name)}: give a few words without / "
                         f"or control characters")
    if len(name.encode()) > 200:
        raise ValueError(f"name is {shown(name)}, of {len(name.encode()):,} "
                         f"bytes: give at most 200")


def write_pages(folder, records):
    """Write the report of runs to a new folder: all files, or none.

    The files are report.html (one self-contained page), report.md, report.json
    (a list if there are several runs), perplexity.png and perplexity.svg.
    Return the folder. Raise ``ValueError`` if it exists, and ``OSError`` if it
    cannot be written; parent folders created for it are then removed.
    """
    folder = whole_path(check_path("folder", folder))
    if os.path.lexists(folder):
        raise ValueError(f"{folder} exists already: give another folder")
    with new_folder(folder.parent):
        fill_folder(folder, records)
    warn_of_fonts(by_label(records))
    return folder


def fill_folder(folder, records):
    """Make a folder with the files of a report, or leave nothing behind."""
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent,
                                         prefix=".") as unfinished:
            unfinished = Path(unfinished) / folder.name
            unfinished.mkdir()
            write_files(unfinished, records)
            unfinished.rename(folder)
    except OSError as error:
        raise OSError(f"{folder} cannot be written ({error.strerror or error})"
                      f": give a new folder in one that can be written to, "
                      f"with space left") from None


def write_files(folder, records):
    """Write the files of a report into a folder."""
    write_json(folder / "report.json",
               records[0] if len(records) == 1 else records)
    (folder / "report.md").write_text(
        "\n".join(map(to_markdown, records)), "utf-8")
    (folder / "report.html").write_text(to_html(records), "utf-8")
    figure = figure_of(records, language_of_pictures())
    figure.savefig(folder / "perplexity.png", dpi=150)
    figure.savefig(folder / "perplexity.svg")


def warn_of_fonts(labels):
    """Warn of characters for which this machine has no font."""
    for missing, instead in (
            (without_font(), "pictures are in English"),
            (without_glyph(map(clean, labels)), "pictures show boxes")):
        if missing:
            few = "".join(missing[:10]) + (" ..." if missing[10:] else "")
            warnings.warn(f"no font on this machine has {few}: {instead} "
                          f"instead; install one that has, such as apt-get "
                          f"install fonts-noto-cjk", D2LRNNWarning,
                          stacklevel=3)


def make_record(name, histories, corpus, settings):
    """Return everything that the report shows, as one dict for JSON."""
    check_kind("name", name, str, "a str")
    check_kind("settings", settings, dict, "a dict")
    check_kind("corpus", corpus, Corpus, A_CORPUS)
    histories = through_json("histories", checked_histories(histories))
    parts = parts_of(corpus, histories, settings)
    text, settings = text_facts(corpus), dict(settings)
    if isinstance(settings.get("held_out"), Corpus):
        text["held_out"] = text_facts(settings["held_out"])
        settings["held_out"], _ = check_held_out(settings["held_out"])
    settings = {str(key): value if isinstance(
        value, (int, float, list, dict, np.generic, np.ndarray))
        else str(value) for key, value in settings.items()}
    return {
        "name": name,
        **machine_record(),
        "text": text,
        "baselines": baselines(corpus, *parts),
        "settings": through_json("settings", settings),
        "command": [Path(sys.argv[0]).name, *map(to_text, sys.argv[1:])],
        "trainings": {label: summarize(history)
                      for label, history in histories.items()},
    }


def text_facts(corpus):
    """Return what a report says of a text, as a dict."""
    return {"source": corpus.source, "sha256": corpus.sha256,
            "characters": corpus.num_chars,
            "tokens": len(corpus.corpus_indices),
            "vocab_size": corpus.vocab_size}


def print_summary(record):
    """Print the perplexities and speeds in a table of 78 columns."""
    text = "\n".join(["", *summary_lines(record, language_of_stdout())])
    # no label may stop a script whose output is not in UTF-8
    encoding = encoding_of_stdout()
    print(text.encode(encoding, "replace").decode(encoding))


def encoding_of_stdout():
    """Return the name of stdout's encoding."""
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def language_of_stdout():
    """Return the reader's language, or "en" if stdout cannot show it."""
    language = readers_language()
    try:
        if language == "zh":
            "".join(CHINESE.values()).encode(encoding_of_stdout())
    except UnicodeEncodeError:
        return "en"
    return language


def summary_lines(record, language):
    """Yield the lines of the printed table."""
    def words(*phrases):
        return [say(phrase, language) for phrase in phrases]

    yield say("text: {source}", language,
              source=shorten(record["text"]["source"], 72))
    rows = [words("perplexity on the training text", "perplexity",
                  "sec/epoch", f"{unit_of(record['text'])}/s")]
    rows += [[label, rounded(training["perplexity"]),
              rounded(training["seconds_per_epoch"]),
              rounded(training["characters_per_second"], 0)]
             for label, training in record["trainings"].items()]
    rows += [[*words(f"{guess} guess"), rounded(value)]
             for guess, value, _ in known_baselines(record)]
    yield from table_lines(rows, 12, 14, 18)
    if held_out := with_held_out(record):
        yield from table_lines([
            words("on held-out text, at its best", "perplexity", "bits/char",
                  "epoch", "<unk>"),
            *([label, rounded(best["held_out_perplexity"]),
               rounded(best["held_out_bits_per_char"]), str(best["epoch"]),
               share(best["held_out_unk"])]
              for label, best in held_out.items()),
            *([*words(f"{guess} guess"), rounded(value),
               rounded(bits_held_out(value, record["text"]))]
              for guess, _, value in known_baselines(record)
              if value is not None)], *HELD_OUT_WIDTHS[language])


def table_lines(rows, *widths):
    """Yield the lines of a table, given its rows, the head first.

    ``widths`` are those of the columns of numbers, to the right of the names.
    """
    for i, (name, *numbers) in enumerate(rows):
        yield pad(f"  {shorten(name, 31)}" if i else name, 34) + "".join(
            map(at_right, numbers, widths))
