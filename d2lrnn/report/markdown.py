"""The report as a page of Markdown."""
import re

from d2lrnn.report.baselines import known_baselines
from d2lrnn.report.labels import clean
from d2lrnn.report.page import (
    MISSING,
    about_text,
    bits_held_out,
    machine_rows,
    rounded,
    unit_of,
)
from d2lrnn.report.phrases import say

__all__ = ["marked", "rows_of", "share", "to_markdown", "with_held_out"]

# what Markdown interprets: anywhere, and at the beginning of a line
MARKS = re.compile(r"[\\`*\[<|&~$]|(?<!\w)_|_(?!\w)")
BEGINS = re.compile(r"^(\s*\d*)([#>+=.)-])", re.MULTILINE)


def to_markdown(record):
    """Return the report as a page of Markdown."""
    trainings, text = record["trainings"], record["text"]
    lines = [
        "# " + say("Perplexity report: {names}", names=marked(record["name"])),
        "", say("Text: {text}. The perplexity is the one on the training "
                "text: it shows how well the text was learned by heart, not "
                "how well another text would be predicted.",
                text=marked(about_text(text))), "",
        f"![{say('perplexity per epoch')}](perplexity.png)", "",
        *head_of("perplexity", "epochs", "seconds per epoch",
                 f"{unit_of(text)} per second")]
    lines += rows_of([
        label, rounded(training["perplexity"]), training["epochs"],
        rounded(training["seconds_per_epoch"]),
        rounded(training["characters_per_second"], 0)]
        for label, training in trainings.items())
    lines += [f"| {say(f'{guess} guess')} | {rounded(value)} | | | |"
              for guess, value, _ in known_baselines(record)] + [""]
    if held_out := with_held_out(record):
        lines += [say("On the text held out, at its best (`<unk>`: the share "
                      "of what training never saw):"), "",
                  *head_of("perplexity", "bits per character", "epoch",
                           "`<unk>`")]
        lines += rows_of([
            label, rounded(best["held_out_perplexity"]),
            rounded(best["held_out_bits_per_char"]), best["epoch"],
            share(best["held_out_unk"])] for label, best in held_out.items())
        lines += [f"| {say(f'{guess} guess')} | {rounded(value)} | "
                  f"{rounded(bits_held_out(value, text))} | | |"
                  for guess, _, value in known_baselines(record)
                  if value is not None] + [""]
    for label, training in trainings.items():
        if training["lyrics"]:
            lines += ["## " + say("Lyrics, {label}", label=marked(label)), ""]
            lines += [*map(item, training["lyrics"]), ""]
    return "\n".join([*lines, *how_to_repeat(record)]) + "\n"


def head_of(*columns):
    """Return the first two lines of a table of names and numbers."""
    return [f"| | {' | '.join(map(say, columns))} |",
            "|---|" + "---:|" * len(columns)]


def how_to_repeat(record):
    """Return the lines that list the settings, versions and machine."""
    rows = {**record["settings"], **record["versions"],
            **machine_rows(record), say("date"): record["date"],
            say("command"): " ".join(record["command"]),
            say("text sha256"): record["text"]["sha256"]}
    return ["## " + say("How to repeat it"), "", "| | |", "|---|---|",
            *rows_of(rows.items())]


def with_held_out(record):
    """Return a dict of a record's best held-out results by label."""
    return {label: training["best"]
            for label, training in record["trainings"].items()
            if "best" in training}


def share(value):
    """Format a share as a percentage for a table.

    >>> share(0.0125), share(None)
    ('1.25%', '–')
    """
    return MISSING if value is None else f"{value:.2%}"


def marked(text, kept=""):
    r"""Escape a text so that Markdown shows it unchanged.

    >>> print(marked("a|b_c *d* _x_"))
    a\|b_c \*d\* \_x\_
    """
    return MARKS.sub(r"\\\g<0>", clean(text, kept))


def item(text):
    r"""Return a text as a list item that keeps its line breaks.

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
