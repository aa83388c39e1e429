"""The report as a single page of HTML that needs no network."""
import math
from html import escape
from importlib import resources

from d2lrnn.basics.language import readers_language
from d2lrnn.report.baselines import GUESSES, HELD_OUT, known_baselines
from d2lrnn.report.curves import norms_figure, perplexity_figure, to_svg
from d2lrnn.report.labels import clean, numbered
from d2lrnn.report.phrases import say

__all__ = ["STUDIO", "about_text", "bits_held_out", "by_label", "figure_of",
           "machine_rows", "rounded", "to_html", "unit_of"]

MISSING, LINES = "–", "\n\t"
STUDIO = "studio.html"  # beside the report of a training
# language -> its code in HTML, and its style sheets
LANGUAGES = {"en": ("en", "page.css"),
             "zh": ("zh-CN", "page.css", "page.zh.css")}


def page_text(text, kept=""):
    """Escape a text for HTML, without characters that cannot be shown."""
    return escape(clean(text, kept))


def file_text(name):
    """Return the text of a file beside this one."""
    return resources.files("d2lrnn.report").joinpath(name).read_text("utf-8")


def to_html(records, has_studio=False):
    """Return the HTML page for runs, given their records from ``make_record``.

    The curves of several runs are drawn in one picture, and settings that
    differ between runs are marked. With ``has_studio`` the page has a link to
    the studio beside it.
    """
    tag, *sheets = LANGUAGES[readers_language()]
    style, script = "".join(map(file_text, sheets)), file_text("page.js")
    title = page_text(say("Perplexity report: {names}", names=", ".join(
        record["name"] for record in records)))
    trainings = by_label(records)
    return (
        f'<!doctype html>\n<html lang="{tag}">\n<head>\n'
        f'<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n"
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{title}</h1>\n"
        + intro(records) + charts(records)
        + section("Results", table(*results(records)))
        + section("Settings", settings(records))
        + samples(trainings)
        + (section("Studio", link()) if has_studio else "")
        + section("How to repeat it", repeat(records))
        + f"</main>\n<script>\n{script}</script>\n</body>\n</html>\n")


def section(heading, content):
    """Return a section of the page: a heading and its content."""
    return f"<h2>{page_text(say(heading))}</h2>\n{content}"


def link():
    """Return a paragraph with a link to the studio."""
    words = say("Let the best model write, and look inside")
    return f'<p><a href="{STUDIO}">{page_text(words)}</a></p>\n'


def by_label(records):
    """Return a dict of the trainings of all records by label."""
    trainings = [(f"{record['name']}, {label}" if len(records) > 1 else label,
                  training) for record in records
                 for label, training in record["trainings"].items()]
    return dict(zip(numbered(label for label, _ in trainings),
                    (training for _, training in trainings), strict=True))


def about_text(text):
    """Describe the text that a model was trained on, and its size."""
    sizes = [say(words, number=text[key]) for key, words in (
        ("characters", "{number:,} characters"),
        *([("tokens", "{number:,} tokens")]
          if unit_of(text) != "characters" else []),
        ("vocab_size", "{number:,} distinct")) if text[key] is not None]
    about = say("{source} ({sizes})", source=text["source"],
                sizes=say(", ").join(sizes)) if sizes else text["source"]
    return say("{text}; held out: {other}", text=about, other=about_text(
        text["held_out"])) if "held_out" in text else about


def unit_of(text, *others):
    """Return what all the texts are read as, in the plural."""
    return ("characters" if all(one["tokens"] == one["characters"]
                                for one in (text, *others)) else "tokens")


def intro(records):
    """Return a paragraph about the texts and the meaning of the numbers."""
    texts = [record["text"] for record in records]
    units = dict.fromkeys(map(unit_of, texts))
    apart = say(
        " If one text is read as characters and another as words, their bits "
        "a character can be compared; their perplexities cannot."
    ) if len(units) > 1 else ""
    words = say(
        "Text: {texts}. The perplexity is the number of equally likely "
        "{units} that a model is, in effect, choosing between: on the "
        "training text it shows how well the text was learned by heart, on "
        "held-out text how well the model predicts what it has not seen."
        "{apart}", units=say(" or ").join(map(say, units)), apart=apart,
        texts=say("; ").join(dict.fromkeys(map(about_text, texts))))
    return f"<p>{page_text(words)}</p>\n"


def with_baselines(records):
    """Return a dict of one record for each distinct set of baselines.

    The keys are appended to the labels of the guesses: the name of a run, or
    nothing if the baselines are the same for all records.
    """
    found = {}
    for record in records:
        text, values = record["text"], record["baselines"]
        found.setdefault((text["sha256"], text["tokens"], *map(
            values.get, (*GUESSES, *HELD_OUT.values()))), record)
    names = numbered(record["name"] for record in found.values())
    return {f", {name}" if len(found) > 1 else "": record
            for name, record in zip(names, found.values(), strict=True)}


def baselines_to_draw(baselines):
    """Return baselines without those in the way of others.

    If guesses were measured on held-out text, they are drawn there alone.
    """
    return {guess: value for guess, value in baselines.items()
            if baselines.get(HELD_OUT.get(guess)) is None}


def figure_of(records, language=None):
    """Plot the perplexity of all runs in one matplotlib ``Figure``.

    Its labels are in ``language``, by default the reader's.
    """
    histories = {label: training["history"] for label, training
                 in by_label(records).items()}
    drawn = {words: baselines_to_draw(record["baselines"])
             for words, record in with_baselines(records).items()}
    return perplexity_figure(histories, {
        guess: {words: values.get(guess) for words, values in drawn.items()}
        for guess in (*GUESSES, *HELD_OUT.values())}, language)


def charts(records):
    """Return the curves, each above a line for the point under the pointer."""
    svgs = [to_svg(figure_of(records), say("perplexity per epoch"))]
    with_norms = {label: training["history"] for label, training
                  in by_label(records).items()
                  if any("grad_norm" in record
                         for record in training["history"])}
    if with_norms:
        svgs.append(to_svg(norms_figure(with_norms), say(
            "mean norm of the gradient per epoch, before and after "
            "clipping")))
    return "".join(f"<figure>\n{svg}\n<output>&nbsp;</output>\n</figure>\n"
                   for svg in svgs)


def results(records):
    """Return the table of results as its head and a list of its rows."""
    texts = [record["text"] for record in records
             for _ in record["trainings"]]
    head = ["", *map(say, (
        "perplexity", "held out, at its best", "bits a character", "epoch",
        "epochs", "seconds an epoch", f"{unit_of(*texts)} a second"))]
    rows = []
    for text, (label, training) in zip(texts, by_label(records).items(),
                                       strict=True):
        best = training.get("best", {})
        rows.append([
            label, rounded(training["perplexity"]),
            rounded(best.get("held_out_perplexity")),
            rounded(best["held_out_bits_per_char"] if best else
                   bits_per_char(training["perplexity"], text)),
            rounded(best.get("epoch"), 0), rounded(training["epochs"], 0),
            rounded(training["seconds_per_epoch"]),
            rounded(training["characters_per_second"], 0)])
    return head, rows + rows_of_guesses(records)


def rows_of_guesses(records):
    """Return the rows of the table of results on the baselines."""
    rows = [(guess, say(f"{guess} guess") + words, value, held_out, record)
            for words, record in with_baselines(records).items()
            for guess, value, held_out in known_baselines(record)]
    rows.sort(key=lambda row: -GUESSES.index(row[0]))
    return [[label, rounded(value),
             "" if held_out is None else rounded(held_out),
             rounded(bits_per_char(value, record["text"])
                     if held_out is None
                     else bits_held_out(held_out, record["text"])),
             "", "", "", ""]
            for _, label, value, held_out, record in rows]


def bits_per_char(perplexity, text):
    """Convert the perplexity of a text's tokens to bits per character.

    Return None if the size of the text is not known.
    """
    if text["tokens"] is None or text["characters"] is None:
        return None
    return (math.log2(float(perplexity))
            * text["tokens"] / text["characters"])


def bits_held_out(perplexity, text):
    """Convert a perplexity on what was held out, as ``bits_per_char`` does.

    That is the end of the text, unless the text names another one.
    """
    return bits_per_char(perplexity, text.get("held_out", text))


def rounded(value, digits=3):
    """Format a number for a table.

    >>> rounded(1234.5), rounded(None), rounded(1e30), rounded(float("inf"))
    ('1,234.500', '–', '1e+30', 'inf')
    """
    if value is None:
        return MISSING
    value = float(value)
    return f"{value:,.{digits}f}" if abs(value) < 1e12 else f"{value:.4g}"


def table(head, rows, marked=()):
    """Return a table in HTML; ``marked`` names the rows to be marked."""
    lines = ["<div class=\"wide\"><table>", "<thead><tr>" + "".join(
        f'<th scope="col">{page_text(cell)}</th>' for cell in head)
        + "</tr></thead>", "<tbody>"]
    differs = page_text(say("differs"))
    for first, *cells in rows:
        lines.append(
            f'<tr><th scope="row">{page_text(first)}'
            f'{f" <mark>{differs}</mark>" if first in marked else ""}</th>'
            + "".join(f"<td>{page_text(cell)}</td>" for cell in cells)
            + "</tr>")
    return "\n".join([*lines, "</tbody></table></div>\n"])


def settings(records):
    """Return the table of settings, those that differ between runs first."""
    keys = dict.fromkeys(key for record in records
                         for key in record["settings"])
    rows = [[key, *(str(record["settings"].get(key, MISSING))
                    for record in records)] for key in keys]
    marked = {key for key, *cells in rows if len(set(cells)) > 1}
    rows.sort(key=lambda row: row[0] not in marked)
    return table(["", *(record["name"] for record in records)], rows, marked)


def samples(trainings):
    """Return the section with the samples generated after each epoch."""
    sections = []
    for label, training in trainings.items():
        epochs = [record for record in training["history"]
                  if "lyrics" in record]
        for record in epochs:
            last = record is epochs[-1]
            lyrics = "\n\n".join(record["lyrics"])
            sections.append(
                f"<details{' open' if last else ''}><summary>"
                f"{page_text(of_epoch(label, record))}</summary>\n"
                f"<pre>{page_text(lyrics, LINES)}</pre></details>\n")
    return section("Samples", "".join(sections)) if sections else ""


def of_epoch(label, record):
    """Return the training and the epoch that samples come from."""
    return say("{label}, epoch {epoch}, perplexity {perplexity}", label=label,
               epoch=record["epoch"], perplexity=rounded(record["perplexity"]))


def repeat(records):
    """Return the versions, machine, seed and command of each run."""
    rows = [{**record["versions"], **machine_rows(record),
             say("date"): record["date"],
             say("seed"): record["settings"].get("seed", MISSING),
             say("text sha256"): record["text"]["sha256"],
             say("command"): " ".join(record["command"])}
            for record in records]
    keys = dict.fromkeys(key for row in rows for key in row)
    return table(["", *(record["name"] for record in records)],
                 [[key, *(str(row.get(key, MISSING)) for row in rows)]
                  for key in keys])


def machine_rows(record):
    """Return a dict of what is known about a run's machine."""
    return {say(key): say(value) if isinstance(value, str) else value
            for key, value in record["machine"].items()}
