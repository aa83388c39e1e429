"""The report as one page of HTML that needs no network."""
import math
from html import escape
from importlib import resources

from d2lrnn.curves import norms_figure, perplexity_figure, to_svg

MISSING = "–"


def to_html(records):
    """Return the page of the records of runs, as ``make_record`` made them.

    With several runs their curves stand in one picture, and what differs
    between their settings is marked.
    """
    style, script = (resources.files("d2lrnn").joinpath(name).read_text(
        "utf-8") for name in ("report_page.css", "report_page.js"))
    names = ", ".join(record["name"] for record in records)
    trainings = by_label(records)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n'
        f"<title>Perplexity report: {escape(names)}</title>\n"
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>Perplexity report: {escape(names)}</h1>\n"
        + intro(records) + charts(records)
        + "<h2>Results</h2>\n" + table(*results(records))
        + "<h2>Settings</h2>\n" + settings(records)
        + samples(trainings)
        + "<h2>How to repeat it</h2>\n" + repeat(records)
        + f"</main>\n<script>\n{script}</script>\n</body>\n</html>\n")


def by_label(records):
    """Return a dict from labels to the trainings of all records."""
    several = len(records) > 1
    return {f"{record['name']}, {label}" if several else label: training
            for record in records
            for label, training in record["trainings"].items()}


def intro(records):
    """Say which texts were learned."""
    texts = dict.fromkeys(
        f"{text['source']} ({text['characters']:,} characters, "
        f"{text['vocab_size']:,} distinct)"
        for text in (record["text"] for record in records))
    return (f"<p>Text: {escape('; '.join(texts))}. The perplexity says among "
            f"how many characters a model hesitates: on the training text, "
            f"how well it was learned by heart; held out, how well it "
            f"predicts what it has not seen.</p>\n")


def figure_of(records):
    """Return the perplexity of all runs in one matplotlib ``Figure``."""
    histories = {label: training["history"] for label, training
                 in by_label(records).items()}
    return perplexity_figure(histories, *(
        max(record["baselines"][guess] for record in records)
        for guess in ("uniform", "unigram")))


def charts(records):
    """Return the curves, each with a line that says what is pointed at."""
    svgs = [to_svg(figure_of(records), "perplexity per epoch")]
    with_norms = {label: training["history"] for label, training
                  in by_label(records).items()
                  if "grad_norm" in training["history"][0]}
    if with_norms:
        svgs.append(to_svg(norms_figure(with_norms), "mean norm of the "
                           "gradient per epoch, before and after clipping"))
    return "".join(f"<figure>\n{svg}\n<output>&nbsp;</output>\n</figure>\n"
                   for svg in svgs)


def results(records):
    """Return head and rows of the table of results."""
    head = ["", "perplexity", "held out, at its best", "bits a character",
            "epoch", "epochs", "seconds an epoch", "characters a second"]
    rows = []
    texts = [record["text"] for record in records
             for _ in record["trainings"]]
    for text, (label, training) in zip(texts, by_label(records).items(),
                                       strict=True):
        best = training.get("best", {})
        rows.append([
            label, number(training["perplexity"]),
            number(best.get("held_out_perplexity")),
            number(best.get("held_out_bits_per_char",
                            bits_per_char(training["perplexity"], text))),
            number(best.get("epoch"), 0), number(training["epochs"], 0),
            number(training["seconds_per_epoch"]),
            number(training["characters_per_second"], 0)])
    for guess in ("unigram", "uniform"):
        value, text = max(((record["baselines"][guess], record["text"])
                           for record in records), key=lambda pair: pair[0])
        rows.append([f"{guess} guess", number(value), "",
                     number(bits_per_char(value, text)), "", "", "", ""])
    return head, rows


def bits_per_char(perplexity, text):
    """Return the perplexity of a text's tokens as bits a character."""
    return (math.log2(float(perplexity))
            * text["tokens"] / text["characters"])


def number(value, digits=3):
    """Return a number as a cell of a table."""
    return MISSING if value is None else f"{float(value):,.{digits}f}"


def table(head, rows, marked=()):
    """Return a table; ``marked`` rows are those that differ."""
    lines = ["<div class=\"wide\"><table>", "<thead><tr>" + "".join(
        f'<th scope="col">{escape(cell)}</th>' for cell in head)
        + "</tr></thead>", "<tbody>"]
    for first, *cells in rows:
        lines.append(
            f'<tr><th scope="row">{escape(first)}'
            f'{" <mark>differs</mark>" if first in marked else ""}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return "\n".join([*lines, "</tbody></table></div>\n"])


def settings(records):
    """Return the table of settings, what differs first and marked."""
    keys = dict.fromkeys(key for record in records
                         for key in record["settings"])
    rows = [[key, *(str(record["settings"].get(key, MISSING))
                    for record in records)] for key in keys]
    marked = {key for key, *cells in rows if len(set(cells)) > 1}
    rows.sort(key=lambda row: row[0] not in marked)
    return table(["", *(record["name"] for record in records)], rows, marked)


def samples(trainings):
    """Return what the models wrote as they learned."""
    sections = []
    for label, training in trainings.items():
        epochs = [record for record in training["history"]
                  if "lyrics" in record]
        for record in epochs:
            last = record is epochs[-1]
            lyrics = "\n\n".join(record["lyrics"])
            sections.append(
                f"<details{' open' if last else ''}><summary>"
                f"{escape(label)}, epoch {record['epoch']}, perplexity "
                f"{number(record['perplexity'])}</summary>\n"
                f"<pre>{escape(lyrics)}</pre></details>\n")
    return "<h2>Samples</h2>\n" + "".join(sections) if sections else ""


def repeat(records):
    """Return versions, machine, seed and command of each run."""
    rows = [{**record["versions"], **record["machine"],
             "date": record["date"],
             "seed": record["settings"].get("seed", MISSING),
             "text sha256": record["text"]["sha256"],
             "command": " ".join(record["command"])} for record in records]
    return table(["", *(record["name"] for record in records)],
                 [[key, *(str(row.get(key, MISSING)) for row in rows)]
                  for key in rows[0]])
