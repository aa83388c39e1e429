"""The curves of a report: perplexity and gradient norms, epoch by epoch."""
import io
import math

from d2lrnn.basics.figures import new_figure
from d2lrnn.report.baselines import GUESSES, HELD_OUT
from d2lrnn.report.labels import clean, settable, shorten
from d2lrnn.report.phrases import say

__all__ = ["norms_figure", "perplexity_figure", "to_svg"]

LABEL_COLUMNS = 44  # columns of a label
LINES = {"uniform": ":", "unigram": "--", "bigram": (0, (7, 2, 1.5, 2)),
         "trigram": (0, (2, 1.5))}
SVG = "http://www.w3.org/2000/svg"


def perplexity_figure(histories, baselines, language=None):
    """Plot the perplexity of each epoch, with the baselines.

    ``histories`` is a dict of lists of records by label; held-out perplexities
    are plotted too. ``baselines`` is a dict like a record's, of perplexities,
    or dicts of perplexities by the suffixes of their labels. The labels are
    in ``language``, by default the reader's. Return a matplotlib ``Figure``.
    """
    held_out = any("held_out_perplexity" in record
                   for history in histories.values() for record in history)
    figure, axes = epochs_figure(
        "perplexity" if held_out else "perplexity on the training text",
        language)
    for label, history in histories.items():
        color = draw_line(axes, history, "perplexity", label)
        draw_line(axes, history, "held_out_perplexity",
                  say("{label}, held out", language, label=label),
                  linestyle="-.", color=color)
    for guess in GUESSES:
        name = say(f"{guess} guess", language)
        draw_guess(axes, guess, name, baselines.get(guess), language)
        draw_guess(axes, guess, say("{label}, held out", language, label=name),
                   baselines.get(HELD_OUT.get(guess)), language)
    finish(axes)
    return figure


def draw_guess(axes, guess, name, values, language):
    """Draw a line at the perplexity of a guess, or at each in a dict."""
    values = values if isinstance(values, dict) else {"": values}
    for more, value in values.items():
        if value is not None and can_be_drawn(value):
            axes.axhline(value, color="0.35", linestyle=LINES[guess],
                         label=say("{guess}{more} ({value})", language,
                                   guess=name, more=more,
                                   value=in_few_digits(value)))


def in_few_digits(value):
    """Format a perplexity for a legend.

    >>> in_few_digits(1027), in_few_digits(7.804), in_few_digits(3.0)
    ('1027', '7.8', '3')
    """
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def norms_figure(histories):
    """Plot the mean norm of the gradient, before and after clipping."""
    figure, axes = epochs_figure("norm of the gradient")
    for label, history in histories.items():
        color = draw_line(axes, history, "grad_norm", label)
        draw_line(axes, history, "clipped_grad_norm",
                  say("{label}, clipped", label=label),
                  linestyle="-.", color=color)
    finish(axes)
    return figure


def epochs_figure(ylabel, language=None):
    """Return a figure and its axes, with a logarithmic y axis."""
    figure = new_figure()
    axes = figure.add_subplot()
    axes.set(yscale="log")
    for text, phrase in ((axes.xaxis.label, "epoch"),
                         (axes.yaxis.label, ylabel)):
        label = say(phrase, language)
        set_label(text, label)
        if text.get_text() != label:
            text.set_gid(label)  # for to_svg
    axes.grid(alpha=0.3)
    return figure, axes


def draw_line(axes, history, key, label, **style):
    """Plot a key of the records as a line with points; return its colour.

    Values that are missing, infinite or NaN are left out.
    """
    points = [(record["epoch"], value) for record in history
              if can_be_drawn(value := float(record.get(key, math.nan)))]
    if not points:
        return None
    (line,) = axes.plot(*zip(*points, strict=True), label=label, marker="o",
                        markersize=4 if len(points) < 60 else 1.5,
                        gid=f"points {len(axes.lines)}", **style)
    return line.get_color()


def can_be_drawn(value):
    """Return whether a number can be drawn on a logarithmic axis.

    >>> can_be_drawn(2.0), can_be_drawn(0.0), can_be_drawn(math.inf)
    (True, False, False)
    """
    return 1e-100 < value < 1e100


def finish(axes):
    """Give the axes ticks at whole epochs, readable values, and a legend."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
    epochs = {x for line in axes.lines if line.get_gid()
              for x in line.get_xdata()} or {1}
    if len(epochs) == 1:
        (epoch,) = epochs
        axes.set_xlim(epoch - 0.5, epoch + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    values = [y for line in axes.lines for y in line.get_ydata()] or [1]
    low, high = min(values), max(values)
    # far enough apart for ticks with numbers between them
    margin = max((high / low) ** 0.05, (1.5 * low / high) ** 0.5)
    low, high = low / margin, high * margin
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(
        MaxNLocator(6) if high < 5 * low else
        LogLocator(subs=(1, 2, 5) if high < 1e5 * low else (1,)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    if axes.lines:
        add_legend(axes)


def add_legend(axes):
    """Add a legend with all labels as given, even with a leading _ or a $.

    Labels that are too long are shortened in the middle.
    """
    lines = axes.lines
    # to find the best place, matplotlib examines every point
    many = sum(len(line.get_xdata()) for line in lines) > 5000
    legend = axes.legend(lines, ["."] * len(lines), fontsize=(
        "medium" if len(lines) < 9 else "small" if len(lines) < 17
        else "xx-small"), loc="upper right" if many else "best")
    for n, (text, line) in enumerate(zip(legend.get_texts(), lines,
                                         strict=True)):
        set_label(text, legend_label(line))
        text.set(parse_math=False, gid=f"label {n}")


def set_label(text, label):
    """Set a text in a figure, with the fonts that its characters need."""
    label, families = settable(label)
    text.set(text=label, fontfamily=[*text.get_fontfamily(), *families])


def legend_label(line):
    """Return a line's label, short enough for a legend, and never empty."""
    return shorten(line.get_label(), LABEL_COLUMNS).strip() or "–"


def to_svg(figure, title):
    """Return a figure as an SVG element whose points have titles."""
    from xml.etree import ElementTree  # slow to import

    import matplotlib
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(file, format="svg")
    svg = ElementTree.fromstring(file.getvalue())
    svg.attrib |= {"role": "img", "aria-label": title, "tabindex": "0",
                   "class": "chart"}
    groups = {group.get("id"): group for group in svg.iter(f"{{{SVG}}}g")}
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        if label := axis.label.get_gid():
            (text,) = groups[label].iter(f"{{{SVG}}}text")
            text.text = label
            del groups[label].attrib["id"]
    for n, line in enumerate(figure.axes[0].lines):
        # a browser has its own fonts, so the label needs no boxes
        (label,) = groups[f"label {n}"].iter(f"{{{SVG}}}text")
        label.text = legend_label(line)
        del groups[f"label {n}"].attrib["id"]  # ids must be unique on a page
        if line.get_gid():
            points = groups[line.get_gid()].iter(f"{{{SVG}}}use")
            del groups[line.get_gid()].attrib["id"]
            for point, x, y in zip(points, *line.get_data(), strict=True):
                ElementTree.SubElement(point, f"{{{SVG}}}title").text = clean(
                    say("{label}: epoch {epoch:g}, {value:.4g}",
                        label=line.get_label(), epoch=x, value=y))
    return ElementTree.tostring(svg, encoding="unicode")
