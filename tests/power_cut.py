"""A training that ends in the middle, as if its machine had stopped."""
from contextlib import contextmanager

import pytest
from d2lrnn.training import fit as fitting


class PowerCutError(Exception):
    """The machine stops."""


@contextmanager
def power_cut(after):
    """End the training in this block once it has taken so many steps."""
    step = fitting.train_step

    def step_until_the_cut(run, *rest):
        if run.step == after:
            raise PowerCutError
        step(run, *rest)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(PowerCutError):
        patch.setattr(fitting, "train_step", step_until_the_cut)
        yield
