"""Learning rates that change from step to step.

A schedule is a function ``f(step, num_steps)`` that returns a fraction of lr,
or a function ``f(step)`` that returns the learning rate itself. The number of
its arguments without a default decides which of the two it is. The schedules
in this file return fractions. Steps count from 0.
"""
import copy
import inspect
import math

from d2lrnn.basics.checks import explained, shown

__all__ = ["SCHEDULES", "check_schedule", "constant", "cosine",
           "learning_rate", "one_cycle", "schedule_settings",
           "warmup_cosine"]


@explained
def constant(step, num_steps):
    """Stay at 1."""
    return 1.0


@explained
def cosine(step, num_steps):
    """Fall from 1 in the first step to 0 in the last along half a cosine.

    >>> cosine(0, 101), round(cosine(50, 101), 9), cosine(100, 101)
    (1.0, 0.5, 0.0)
    """
    return (1 + math.cos(math.pi * step / max(1, num_steps - 1))) / 2


@explained
def one_cycle(step, num_steps, peak=0.3, first=1 / 25, last=1e-4 / 25):
    """Rise from ``first`` to 1 at ``peak``, then fall to ``last``.

    ``peak`` is a share of the steps. Both parts follow half a cosine. Source:
    Smith and Topin (2018), in PyTorch's two-phase form.

    >>> [round(one_cycle(step, 100), 9) for step in (0, 29, 99)]
    [0.04, 1.0, 4e-06]
    """
    top, end = peak * num_steps - 1, num_steps - 1
    if step < top:
        return 1 + (first - 1) * cosine(step, top + 1)
    return last + (1 - last) * cosine(step - top, end - top + 1)


@explained
def warmup_cosine(step, num_steps, warmup=0.05):
    """Rise linearly for the share ``warmup`` of the steps, then fall to 0.

    The fall follows half a cosine.

    >>> [round(warmup_cosine(step, 101), 9) for step in (1, 5, 100)]
    [0.2, 1.0, 0.0]
    """
    top, end = warmup * (num_steps - 1), num_steps - 1
    if step < top:
        return step / top
    return cosine(step - top, end - top + 1)


SCHEDULES = {f.__name__: f
             for f in (constant, cosine, one_cycle, warmup_cosine)}


def check_schedule(schedule):
    """Return the name of a schedule in this file, or the user's function.

    Raise ``ValueError`` for anything else.
    """
    if isinstance(schedule, str) and schedule in SCHEDULES:
        return schedule
    if not callable(schedule):
        raise ValueError(f"schedule is {shown(schedule)}: it must be a "
                         f"function, or one of {', '.join(SCHEDULES)}")
    return next((name for name, function in SCHEDULES.items()
                 if function is schedule), schedule)


def gives_fraction(schedule):
    """Return whether a function takes the step and the number of steps.

    >>> gives_fraction(cosine), gives_fraction(lambda step, every=10: 0.1)
    (True, False)
    """
    try:
        parameters = inspect.signature(schedule).parameters.values()
    except (TypeError, ValueError):  # as for some functions written in C
        return False
    return 2 == sum(p.default is p.empty and p.kind in (
        p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def learning_rate(schedule, lr, step, num_steps):
    """Return the learning rate of a step out of ``num_steps``.

    ``schedule`` is the name of one of SCHEDULES, or a function of either
    kind.

    >>> learning_rate("cosine", 0.1, 50, 101)
    0.05
    >>> learning_rate(cosine, 0.1, 50, 101)
    0.05
    >>> learning_rate(lambda step: 1 / (step + 1), None, 3, 101)
    0.25
    """
    if isinstance(schedule, str):
        schedule = SCHEDULES[schedule]
    if gives_fraction(schedule):
        return lr * schedule(step, num_steps)
    return schedule(step)


def schedule_settings(schedule, lr, num_steps):
    """Return a dict for JSON that identifies a schedule.

    It has the schedule's name and, for a function, its rates at the steps 0,
    1, 2, 4, 8 and so on, below ``num_steps``.

    >>> schedule_settings(lambda step: step / 10, 1, 5)
    {'schedule': '<lambda>', 'rates': {'0': 0.0, '1': 0.1, '2': 0.2, '4': 0.4}}
    """
    if isinstance(schedule, str):
        return {"schedule": schedule}
    name = getattr(schedule, "__name__", type(schedule).__name__)
    try:
        schedule = copy.deepcopy(schedule)  # MXNet's count their steps
    except (TypeError, copy.Error):
        return {"schedule": name}
    steps = [0] + [2 ** n for n in range(num_steps.bit_length())
                   if 2 ** n < num_steps]
    return {"schedule": name, "rates": {
        str(step): check_rate(learning_rate(schedule, lr, step, num_steps),
                              step) for step in steps}}


def check_rate(rate, step):
    """Return a rate as a float.

    Raise ``ValueError`` for anything but a finite number.
    """
    try:
        rate_as_float = float(rate)
    except (TypeError, ValueError):
        rate_as_float = math.nan
    if not math.isfinite(rate_as_float):
        raise ValueError(f"schedule gives {shown(rate)} for step {step}: it "
                         f"must give a finite number for each step")
    return rate_as_float
