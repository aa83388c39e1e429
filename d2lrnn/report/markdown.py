"""The report as a page of Markdown."""
import re

from d2lrnn.report.labels import clean
from d2lrnn.report.page import MISSING, about_text, rounded

__all__ = ["share", "to_markdown", "with_held_out"]

# what has a meaning in Markdown: anywhere, and at the beginning of a line
MARKS = re.compile(r"[\\`*\[<|&~$]|(?<!\w)_|_(?!\w)")
BEGINS = re.compile(r"^(\s*\d*)([#>+=.)-])", re.MULTILINE)


def to_markdown(record):
    """Return the report as a page of Markdown."""
    trainings, text = record["trainings"], record["text"]
    lines = [
        f"# Perplexity report: {marked(record['name'])}", "",
        f"Text: {marked(about_text(text))}. The perplexity is the one "
        f"on the training text: it shows how well the text was learned by "
        f"heart, not how well another text would be predicted.", "",
        "![perplexity per epoch](perplexity.png)", "",
        "| | perplexity | epochs | seconds per epoch | characters per second "
        "|", "|---|---:|---:|---:|---:|"]
    lines += rows_of([
        label, rounded(training["perplexity"]), training["epochs"],
        rounded(training["seconds_per_epoch"]),
        rounded(training["characters_per_second"], 0)]
        for label, training in trainings.items())
    baselines = record["baselines"]
    lines += [f"| {guess} guess | {rounded(baselines[guess])} | | | |"
              for guess in ("unigram", "uniform")] + [""]
    if held_out := with_held_out(record):
        lines += ["On the text held out, at its best (`<unk>`: the share of "
                  "what training never saw):", "",
                  "| | perplexity | bits per character | epoch | `<unk>` |",
                  "|---|---:|---:|---:|---:|"]
        lines += rows_of([
            label, rounded(best["held_out_perplexity"]),
            rounded(best["held_out_bits_per_char"]), best["epoch"],
            share(best["held_out_unk"])] for label, best in held_out.items())
        lines.append("")
    for label, training in trainings.items():
        if training["lyrics"]:
            lines += [f"## Lyrics, {marked(label)}", ""]
            lines += [*map(item, training["lyrics"]), ""]
    return "\n".join([*lines, *how_to_repeat(record)]) + "\n"


def how_to_repeat(record):
    """Return the lines of settings, versions and machine."""
    rows = {**record["settings"], **record["versions"], **record["machine"],
            "date": record["date"], "command": " ".join(record["command"]),
            "text sha256": record["text"]["sha256"]}
    return ["## How to repeat it", "", "| | |", "|---|---|",
            *rows_of(rows.items())]


def with_held_out(record):
    """Return the best held-out results of a record's trainings, by label."""
    return {label: training["best"]
            for label, training in record["trainings"].items()
            if "best" in training}


def share(value):
    """Format a share for a table.

    >>> share(0.0125), share(None)
    ('1.25%', '–')
    """
    return MISSING if value is None else f"{value:.2%}"


def marked(text, kept=""):
    r"""Escape a text so that Markdown shows it as it is.

    >>> print(marked("a|b_c *d* _x_"))
    a\|b_c \*d\* \_x\_
    """
    return MARKS.sub(r"\\\g<0>", clean(text, kept))


def item(text):
    r"""Return a text as an item of a list that keeps its line breaks.

    >>> print(item("1. two\n# three"))
    - 1\. two\
      \# three
    """
    text = BEGINS.sub(r"\1\\\2", marked(text, kept="\n"))
    return "- " + text.replace("\n", "\\\n  ")


def rows_of(cells):
    """Return the lines of a Markdown table, given lists of its cells."""
    return ["| " + " | ".join(marked(value) for value in row) + " |"
            for row in cells]
