"""The curves of a report: perplexity and gradient norms, epoch by epoch."""
import io
import math
from xml.etree import ElementTree

from d2lrnn.notebook import new_figure

SVG = "http://www.w3.org/2000/svg"
ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")


def perplexity_figure(histories, uniform, unigram):
    """Draw the perplexity per epoch beside the two baselines.

    ``histories`` are lists of records by their labels; where they have a
    held-out perplexity, it is drawn too. Return a matplotlib ``Figure``.
    """
    held_out = any("held_out_perplexity" in history[0]
                   for history in histories.values())
    figure, axes = epochs_figure("perplexity" if held_out
                              else "perplexity on the training text")
    for label, history in histories.items():
        color = draw(axes, history, "perplexity", label)
        if "held_out_perplexity" in history[0]:
            draw(axes, history, "held_out_perplexity", f"{label}, held out",
                 linestyle="-.", color=color)
    axes.axhline(uniform, color="0.35", linestyle=":",
                 label=f"uniform guess ({uniform})")
    axes.axhline(unigram, color="0.35", linestyle="--",
                 label=f"unigram guess ({unigram:.0f})")
    axes.legend()
    return figure


def norms_figure(histories):
    """Draw the mean norm of the gradient, before and after clipping."""
    figure, axes = epochs_figure("norm of the gradient")
    for label, history in histories.items():
        color = draw(axes, history, "grad_norm", label)
        draw(axes, history, "clipped_grad_norm", f"{label}, clipped",
             linestyle="-.", color=color)
    axes.legend()
    return figure


def epochs_figure(ylabel):
    """Return a figure and its axes, logarithmic upwards."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
    figure = new_figure()
    axes = figure.add_subplot()
    axes.set(xlabel="epoch", yscale="log", ylabel=ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3)
    return figure, axes


def draw(axes, history, key, label, **style):
    """Draw a key of the records as a line with points; return its color.

    What is infinite is left out.
    """
    points = [(record["epoch"], value) for record in history
              if math.isfinite(value := float(record[key]))]
    if not points:
        return None
    (line,) = axes.plot(*zip(*points, strict=True), label=label, marker="o",
                        markersize=4 if len(points) < 60 else 1.5,
                        gid=f"points of {label}", **style)
    return line.get_color()


def to_svg(figure, title):
    """Return a figure as an SVG element whose points say what they show."""
    import matplotlib
    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(file, format="svg")
    svg = ElementTree.fromstring(file.getvalue())
    svg.attrib |= {"role": "img", "aria-label": title, "tabindex": "0",
                   "class": "chart"}
    groups = {group.get("id"): group for group in svg.iter(f"{{{SVG}}}g")}
    for line in figure.axes[0].lines:
        if line.get_gid():
            points = groups[line.get_gid()].iter(f"{{{SVG}}}use")
            for point, x, y in zip(points, *line.get_data(), strict=True):
                ElementTree.SubElement(point, f"{{{SVG}}}title").text = (
                    f"{line.get_label()}: epoch {x:g}, {y:.4g}")
    return ElementTree.tostring(svg, encoding="unicode")
