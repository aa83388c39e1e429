"""The records of the rows, as tables and as a picture."""
import operator
import statistics

import benchmarks
from benchmarks import RECORDS, machine
from benchmarks.runner import NOTICEABLE, label

RESULTS = RECORDS / "results.json"
# kind of goal -> what is compared, how, and the words for both; of "at most"
# the value is the median itself
KINDS = {
    "times": (operator.truediv, operator.le, "{} x", "<= {bound:g} x {peer}"),
    "speed": (lambda ours, theirs: theirs / ours, operator.ge,
              "{} x the speed", ">= {bound:g} x the speed of {peer}"),
    "more": (operator.sub, operator.le, "{} more", "<= {peer} + {bound:g}"),
    "at most": (lambda ours, _: ours, operator.le, "", "<= {bound:g}"),
}


def flat(rounds):
    """Return the values of all rounds in one list.

    >>> flat([[1, 2], [3]])
    [1, 2, 3]
    """
    return [value for values in rounds for value in values]


def median(sides, side, unit=None):
    """Return a side's median in a unit (its first one), or None."""
    values = sides[side].get("values")
    if values is None:
        return None
    return statistics.median(flat(values[unit or next(iter(values))]))


def by_round(goal, sides):
    """Return a goal's value in each round, or None without a side of it.

    In a round the medians of both sides are compared, since a machine may be
    slower for all of them in another round.
    """
    rounds = [sides[side].get("values") for side
              in (goal["side"], goal["peer"] or goal["side"])]
    if None in rounds:
        return None
    compute = KINDS[goal["kind"]][0]
    return [compute(*map(statistics.median, pair)) for pair in zip(*(
        values[goal["unit"] or next(iter(values))] for values in rounds),
        strict=True)]


def outcome(goal, sides):
    """Return ``(value, reached)`` of a goal, or None without a side of it.

    The value is the median over the rounds.

    >>> sides = {"d2lrnn": {"values": {"seconds": [[1.0, 3.0], [4.0]]}},
    ...          "slow": {"values": {"seconds": [[8.0], [16.0]]}},
    ...          "gone": {"missing": "needs gone"}}
    >>> goal = {"kind": "times", "bound": 0.2, "peer": "slow", "unit": None,
    ...         "side": "d2lrnn"}
    >>> outcome(goal, sides), outcome({**goal, "peer": "gone"}, sides)
    ((0.25, False), None)
    >>> outcome({**goal, "kind": "speed", "bound": 4}, sides)
    (4.0, True)
    """
    values = by_round(goal, sides)
    if values is None:
        return None
    value = statistics.median(values)
    return value, is_reached(goal, value)


def is_reached(goal, value):
    """Return whether a value is as good as a goal."""
    return KINDS[goal["kind"]][1](value, goal["bound"])


def words(goal):
    """Return a goal in words.

    >>> words({"kind": "more", "bound": 0.2, "peer": "MXNet"})
    '<= MXNet + 0.2'
    """
    return KINDS[goal["kind"]][3].format(**goal)


def to_markdown(record):
    """Return the table of a record, and below it what each row measures."""
    lines = ["| row | side | median | min | max | ratio | goal | reached |",
             "|---|---|---:|---:|---:|---:|---|---|"]
    for name, row in record["rows"].items():
        for case, measured in row["cases"].items():
            lines += case_lines(label(name, case), measured)
    lines += ["", *(f"- {name}: {row['work']}; {conditions(row)}."
                    for name, row in record["rows"].items()),
              "", *machines(record)]
    return "\n".join(lines) + "\n"


def to_summary(record):
    """Return a table with a line for each goal."""
    lines = ["| row | measured | goal | reached |", "|---|---:|---|---|"]
    for name, row in record["rows"].items():
        for case, measured in row["cases"].items():
            for goal in measured["goals"]:
                cells = goal_words(goal, measured["sides"])
                lines.append(f"| {label(name, case)}{about(goal)} | "
                             f"{' | '.join(cells)} |")
    return "\n".join([*lines, "", *machines(record)]) + "\n"


def about(goal):
    """Return in brackets what a goal's label lacks: the side and the unit.

    >>> about({"side": "d2lrnn, 1 thread", "unit": ""})
    ' (1 thread)'
    """
    side = goal["side"].removeprefix("d2lrnn").removeprefix(", ")
    notes = [note for note in (side, goal["unit"]) if note]
    return f" ({'; '.join(notes)})" if notes else ""


def goal_words(goal, sides):
    """Return what was measured, the goal, and in which rounds it is reached.

    >>> sides = {"d2lrnn": {"values": {"seconds": [[1.0], [1.0], [1.0]]}},
    ...          "slow": {"values": {"seconds": [[3.0], [9.0], [9.0]]}}}
    >>> goal_words({"kind": "speed", "bound": 8, "peer": "slow", "unit": None,
    ...             "side": "d2lrnn"}, sides)
    ('9 x the speed', '>= 8 x the speed of slow', 'in 2 of 3 rounds')
    """
    values = by_round(goal, sides)
    if values is None:
        return "", words(goal), "not measured"
    measured = KINDS[goal["kind"]][2] or "{}"
    reached = sum(is_reached(goal, value) for value in values)
    return (measured.format(number(statistics.median(values))), words(goal),
            {0: "no", len(values): "yes"}.get(
                reached, f"in {reached} of {len(values)} rounds"))


def case_lines(case, measured):
    """Return a line for each unit and side of a case."""
    sides, lines = measured["sides"], []
    for side, record in sides.items():
        if "missing" in record:
            goals = [words(goal) for goal in measured["goals"]
                     if side in (goal["peer"], goal["side"])]
            lines.append(f"| {case} | {side} | {record['missing']} | | | | "
                         f"{', '.join(goals)} | not measured |")
            continue
        for unit in record["values"]:
            lines.append(f"| {case} ({unit}) | {side} | "
                         f"{spread(record['values'][unit])} | "
                         f"{goal_cells(measured, side, unit)} |")
    return lines


def spread(rounds):
    """Return median, least and largest of all rounds, as cells.

    >>> spread([[1, 2], [30000.4]])
    '2 | 1 | 30,000'
    """
    values = flat(rounds)
    return " | ".join(map(number, (statistics.median(values), min(values),
                                   max(values))))


def number(value):
    """Return a number with three significant digits.

    >>> number(0.012345), number(12345.6), number(2.5)
    ('0.0123', '12,346', '2.5')
    """
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def goal_cells(measured, side, unit):
    """Return ratio, goal and whether it is reached, as cells of a side.

    A goal beside a peer stands in the peer's line; a peer without a goal
    shows d2lrnn's ratio to it.
    """
    sides, cells = measured["sides"], []
    for goal in measured["goals"]:
        of_unit = goal["unit"] or next(iter(sides[side]["values"]))
        if (goal["peer"] or goal["side"]) != side or of_unit != unit:
            continue
        value, *others = goal_words(goal, sides)
        # without a peer the value is the median, which is in the line already
        cells.append((value if goal["peer"] else "", *others))
    if cells:
        return " | ".join(", ".join(column) for column
                          in zip(*cells, strict=True))
    if side != "d2lrnn" and "values" in sides.get("d2lrnn", {}):
        ratios = by_round({"kind": "times", "side": "d2lrnn", "peer": side,
                           "unit": unit}, sides)
        return f"{number(statistics.median(ratios))} x | |"
    return "| |"


def conditions(row):
    """Return in words how a row was measured, and when."""
    cases = row["cases"].values()
    threads = {f"{side} {seen['threads']}" for case in cases
               for side, seen in case["sides"].items() if "threads" in seen}
    texts = {case["text"] for case in cases if case["text"]}
    return "; ".join([*sorted(texts), f"rounds: {row['rounds']}",
                      f"threads: {', '.join(sorted(threads))}",
                      *disturbance(cases), row["date"]])


def disturbance(cases):
    """Return in words what share of the cores others took, if it is known.

    >>> disturbance([{"sides": {"a": {"others": [0.01, 0.254]},
    ...                         "b": {"others": [0.02, None]}}}])
    ['others took up to 25 % of the cores, in 1 of 3 measurements over 5 %']
    """
    shares = [share for case in cases for side in case["sides"].values()
              for share in side.get("others", []) if share is not None]
    if not shares:
        return []
    many = sum(share > NOTICEABLE for share in shares)
    more = (f", in {many} of {len(shares)} measurements over "
            f"{NOTICEABLE:.0%}" if many else "")
    return [f"others took up to {max(shares):.0%} of the cores{more}".replace(
        "%", " %")]


def machines(record):
    """Return the machines and versions of the rows, each once."""
    lines = []
    for row in record["rows"].values():
        versions = ", ".join(f"{name} {version}" for name, version
                             in row["versions"].items())
        lines.append(f"{machine(row)}; {versions}.")
    return list(dict.fromkeys(lines))


def bars(record):
    """Return ``(label, ratio, goal, reached)`` for each peer with a goal.

    Ratio and goal are both our value divided by the peer's: below 1 is
    faster, or less.
    """
    found = []
    for name, row in record["rows"].items():
        for case, measured in row["cases"].items():
            for goal in measured["goals"]:
                result = goal["peer"] and outcome(goal, measured["sides"])
                if not result:
                    continue
                ratio, bound = (as_ratio(value, goal, measured["sides"])
                                for value in (result[0], goal["bound"]))
                who = about({**goal, "unit": None})  # a unit is too long
                found.append((f"{label(name, case)}{who}: {goal['peer']}",
                              ratio, bound, result[1]))
    return found


def as_ratio(value, goal, sides):
    """Return a goal's value or bound as our value divided by the peer's."""
    if goal["kind"] == "times":
        return value
    if goal["kind"] == "speed":
        return 1 / value
    return 1 + value / median(sides, goal["peer"], goal["unit"])


def chart(record):
    """Draw the ratios to the peers as bars; return a matplotlib Figure."""
    from matplotlib.figure import Figure  # slow to import
    from matplotlib.ticker import LogLocator, NullLocator
    drawn = bars(record)
    figure = Figure(figsize=(8, 1.2 + 0.24 * max(len(drawn), 4)),
                    layout="constrained")
    axes = figure.add_subplot()
    for y, (_, ratio, bound, reached) in enumerate(drawn):
        axes.barh(y, ratio - 1, left=1, height=0.7,
                  color="#3b7dbd" if reached else "#d98032")
        axes.plot([bound, bound], [y - 0.45, y + 0.45], color="black")
        axes.annotate(f" {ratio:.2g} ", (ratio, y), va="center", fontsize=8,
                      ha="left" if ratio > 1 else "right", bbox={
                          "facecolor": "white", "alpha": 0.7, "pad": 0,
                          "linewidth": 0})
    axes.axvline(1, color="0.3", linewidth=1)
    axes.set(xscale="log", yticks=range(len(drawn)),
             xlabel="d2lrnn beside the peer: less is better\n"
                    "(orange: above the goal, the black mark)")
    axes.set_yticklabels([text for text, *_ in drawn], fontsize=8)
    axes.xaxis.set_major_locator(LogLocator())
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="x", labelsize=8)
    axes.margins(x=0.25, y=0.02)
    axes.invert_yaxis()
    return figure


def write(record, path=RESULTS):
    """Write a record as JSON, and its table and picture beside it."""
    benchmarks.write(record, path, to_markdown(record))
    chart(record).savefig(path.with_suffix(".png"), dpi=120)
