"""Learning rates that change from step to step, as fractions of lr."""
import math

from d2lrnn.basics.checks import explained


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

    Both along half a cosine. Source: Smith and Topin 2018, in PyTorch's
    two-phase form.

    >>> [round(one_cycle(step, 100), 9) for step in (0, 29, 99)]
    [0.04, 1.0, 4e-06]
    """
    top, end = peak * num_steps - 1, num_steps - 1
    if step < top:
        return 1 + (first - 1) * cosine(step, top + 1)
    return last + (1 - last) * cosine(step - top, end - top + 1)


@explained
def warmup_cosine(step, num_steps, warmup=0.05):
    """Rise in a straight line over the first ``warmup``, then fall to 0.

    >>> [round(warmup_cosine(step, 101), 9) for step in (1, 5, 100)]
    [0.2, 1.0, 0.0]
    """
    top, end = warmup * (num_steps - 1), num_steps - 1
    if step < top:
        return step / top
    return cosine(step - top, end - top + 1)


SCHEDULES = {f.__name__: f
             for f in (constant, cosine, one_cycle, warmup_cosine)}


def learning_rate(schedule, lr, step, num_steps):
    """Return the rate of a step, counted from 0, of ``num_steps`` in all.

    ``schedule`` is one of SCHEDULES by name, or a function from the number of
    the step to the rate itself.

    >>> learning_rate("cosine", 0.1, 50, 101)
    0.05
    >>> learning_rate(lambda step: 1 / (step + 1), None, 3, 101)
    0.25
    """
    if callable(schedule):
        return schedule(step)
    return lr * SCHEDULES[schedule](step, num_steps)
