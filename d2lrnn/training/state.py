"""The state of a training run: everything that resuming depends on."""
import math
from contextlib import contextmanager

import mxnet as mx
import numpy as np
from d2lrnn.basics.checks import POSITIVE, check_kind, check_number, shown
from d2lrnn.models.checkpoint import (
    named_params,
    part,
    read,
    save_model,
    set_weights,
    unusable,
)
from d2lrnn.models.checkpoint_checks import (
    check_shapes,
    defaults_of,
    difference,
)
from d2lrnn.training.schedules import SCHEDULES
from d2lrnn.training.together import ALONE
from mxnet import init, nd

__all__ = [
    "Adamax",
    "TrainingState",
    "initialize",
    "make_optimizer",
]
# The numbers of an optimizer that change as it trains
CHANGING = {"lr", "num_update", "last_lr", "cur_lr", "m_schedule",
            "aggregate_num"}


class TrainingState:
    """A model in training, its optimizer, and their progress.

    ``step`` counts all steps done, and ``history`` has the records of the
    finished epochs. The ``losses``, the ``norms`` of the gradients, the
    ``seconds`` and the hidden ``state`` are those of the current epoch.
    These, the ``averages`` of the weights (none unless there is an
    ``average``), the settings and the text determine the rest of the run.
    """

    def __init__(self, model, optimizer, optimizer_params, batch_size, ctx,
                 average=None, together=ALONE):
        self.model, self.batch_size, self.ctx = model, batch_size, ctx
        self.together, self.wish = together, int  # a wish of 0: none
        self.params = trained_params(model)
        self.average = average
        self.averages = [(param.data().copy(), param)
                         for param in self.params if average]
        self.optimizer = make_optimizer(optimizer, optimizer_params)
        self.optimizer.param_dict = dict(enumerate(self.params))  # lr_mult
        # seeding takes a millisecond: only a run that draws is seeded
        self.draws = isinstance(self.optimizer, mx.optimizer.SGLD) or any(
            model.config.get(name) for name in ("dropout", "weight_drop"))
        self._updater = mx.optimizer.get_updater(self.optimizer)
        for i, param in enumerate(self.params):
            self._updater.states[i] = make_state(self.optimizer, i, param)
            self._updater.states_synced[i] = True
        if together.size > 1 and isinstance(self.optimizer,
                                            mx.optimizer.SGLD):
            raise ValueError("SGLD draws noise, which would differ from "
                             "worker to worker: train with one worker, or "
                             "choose another optimizer")
        self.history, self.step = [], 0
        self.begin_epoch()

    def begin_epoch(self):
        """Begin an epoch, with a state of zeros."""
        self.losses, self.norms, self.seconds = [], [], 0.0
        self.state = self.together.rows(self.first_state())

    def first_state(self):
        """Return a whole mini-batch's state of zeros."""
        return self.model.begin_state(self.batch_size, ctx=self.ctx)

    def update(self, lr):
        """Let the optimizer take a step with the learning rate lr."""
        self.optimizer.set_learning_rate(float(lr))
        self._updater(list(range(len(self.params))),
                      [param.grad() for param in self.params],
                      [param.data() for param in self.params])
        self.step += 1
        # the first weights are forgotten sooner than late ones
        share = 1 - min(self.average or 0, self.step / (self.step + 9))
        for mean, param in self.averages:
            # share * param + (1 - share) * mean, in one pass
            nd.sgd_update(mean, param.data(), lr=share, wd=1.0,
                          rescale_grad=-1.0, out=mean)

    @contextmanager
    def averaged(self):
        """Let the model have the averages of its weights in the block."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def swap(self):
        """Exchange the weights and their averages, if there are any."""
        for mean, param in self.averages:
            weight = param.data()
            before = weight.copy()
            weight[:], mean[:] = mean, before

    def save(self, path, settings, state):
        """Write the model and the state of its training to a checkpoint.

        ``state`` is that of the whole mini-batch.
        """
        values = {"settings": settings, "history": self.history,
                  "step": self.step, "seconds": self.seconds,
                  "losses": [l.asnumpy().tolist() for l in self.losses],
                  "norms": [norm.asnumpy().tolist() for norm in self.norms],
                  "optimizer": {
                      name: value for name, value
                      in vars(self.optimizer).items()
                      if type(value) in (int, float)
                      and name != "begin_num_update"}}
        save_model(path, self.model, (values, self._arrays(state)))

    def load(self, path, settings, defaults=None):
        """Load the state from a checkpoint with the same settings.

        ``defaults`` gives the values of settings that an older checkpoint
        lacks. Raise ``ValueError`` for a file without a training state, or
        one with other settings.
        """
        arrays, metadata = read(path)
        values = metadata.get("training")
        if values is None:
            raise ValueError(f"{path} holds only a model, from which training "
                             f"cannot resume: use a last.safetensors")
        check_same_corpus(path, metadata, self.model, values["settings"],
                          settings)
        check_same_settings(path, {
            **(defaults or {}), **defaults_of(type(self.model)),
            **values["settings"], **metadata["model"]}, settings)
        state = self.first_state()
        own, saved = self._arrays(state), part(arrays, "training.")
        try:
            check_saved_state(own, saved, self.optimizer, values["optimizer"])
            set_weights(self.model, arrays, self.ctx)
        except ValueError as error:
            raise unusable(path, error) from None
        for name, array in own.items():
            array[:] = nd.array(saved[name], self.ctx, array.dtype)
        self.state = self.together.rows(state)
        for name, value in values["optimizer"].items():
            setattr(self.optimizer, name, value)
        # an optimizer counts the steps of each parameter from here
        self.optimizer.begin_num_update = values["step"]
        self.history, self.step = values["history"], values["step"]
        self.losses = [nd.array(l, self.ctx) for l in values["losses"]]
        self.norms = [nd.array(norm, self.ctx) for norm in values["norms"]]
        self.seconds = values["seconds"]

    def _arrays(self, state):
        """Return all arrays to be saved but the weights, by name.

        They are the optimizer's, the averages, and those of a state.
        """
        arrays = {f"state.{i}": s for i, s in enumerate(state)}
        means = (mean for mean, _ in self.averages)
        arrays |= {f"average.{i}": a for i, a in enumerate(means)}
        for i, state in self._updater.states.items():
            for j, array in enumerate(flatten(state)):
                arrays[f"optimizer.{i}.{j}"] = array
        return arrays


def trained_params(model):
    """Return a model's parameters but those that are frozen.

    A frozen one has the grad_req "null". Raise ``ValueError`` if all are, and
    for gradients that would add up over the steps.
    """
    params = list(named_params(model).values())
    for param in params:
        if param.grad_req == "add":
            raise ValueError(f"{param.name} has the grad_req 'add', with "
                             f"which gradients add up over all steps: set it "
                             f"to 'write', or to 'null' to freeze it")
    trained = [param for param in params if param.grad_req != "null"]
    if not trained:
        raise ValueError("all of the model's parameters have the grad_req "
                         "'null': set that of some to 'write'")
    return trained


def initialize(model, corpus, seed, ctx):
    """Prepare a model to learn a corpus; existing weights are kept.

    A model without weights draws them from ``seed``.
    """
    model.idx_to_char, model.level = corpus.idx_to_char, corpus.level
    params = model.collect_params()
    if any(param._data is None for param in params.values()):
        mx.random.seed(seed)
        model.initialize(init.Xavier(), ctx=ctx)
    params.reset_ctx(ctx)
    model.hybridize(static_alloc=True, static_shape=True)


class Adamax(mx.optimizer.Adamax):
    """MXNet's Adamax, made safe for gradients that are 0 at first.

    The embedding's row of a character not yet read has such a gradient, and
    MXNet's Adamax then divides 0 by 0. Here the divisor is at least
    ``epsilon``, as in PyTorch. Raise ``ValueError`` unless beta2 is above 0.
    """

    def __init__(self, epsilon=1e-8, **params):
        super().__init__(**params)
        check_number("beta2", self.beta2, *POSITIVE)
        self.epsilon = epsilon

    def update(self, index, weight, grad, state):
        """Take a step; its divisor is max(beta2 * u, abs(grad), epsilon)."""
        u = state[1]
        u[:] = nd.maximum(u, self.epsilon / self.beta2)
        super().update(index, weight, grad, state)


def make_optimizer(name, params):
    """Return Gluon's optimizer of this name, with these parameters.

    Raise ``ValueError`` for an unknown name or parameter.
    """
    check_kind("optimizer", name, str, "the name of one of Gluon's")
    for param in ("learning_rate", "lr_scheduler"):
        if param in params:
            raise ValueError(f"optimizer_params has {param!r}: give lr and "
                             f"schedule instead")
    try:
        if isinstance(name, str) and name.lower() == "adamax":
            return Adamax(**params)
        return mx.optimizer.create(name, **params)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"there is no optimizer {name!r} with optimizer_params {params} "
            f"({error}): give the name of one of Gluon's, and its own "
            f"parameters") from None


def check_saved_state(arrays, saved, optimizer, numbers):
    """Raise ``ValueError`` for a state not saved by this optimizer.

    ``arrays`` are the run's own, with which ``saved`` is compared.
    """
    check_shapes(saved, {name: a.shape for name, a in arrays.items()})
    for name, array in arrays.items():
        if saved[name].dtype != array.dtype or not (
                np.isfinite(saved[name]).all()):
            raise ValueError(f"its array {name}, of the type "
                             f"{saved[name].dtype}, contains values that are "
                             f"not finite {array.dtype.__name__} numbers")
    own = vars(optimizer)
    for name, value in numbers.items():
        if name not in own or (name not in CHANGING and value != own[name]):
            raise ValueError(f"its optimizer has {shown(name)} "
                             f"{shown(value)}, and not "
                             f"{shown(own.get(name))}")


def make_state(optimizer, i, param):
    """Return an optimizer's state for the ``i``-th parameter."""
    try:
        return optimizer.create_state_multi_precision(i, param.data())
    except AssertionError:
        raise ValueError(
            f"the optimizer {type(optimizer).__name__} cannot update "
            f"{param.name}, of shape {param.shape}: choose another optimizer"
        ) from None


def flatten(tree):
    """Return a list of the arrays in an optimizer's state.

    The state is None, an array, or a tuple, which may be nested.

    >>> flatten(None), flatten((1, (2, 3)))
    ([], [1, 2, 3])
    """
    if tree is None:
        return []
    if isinstance(tree, (tuple, list)):
        return [array for branch in tree for array in flatten(branch)]
    return [tree]


def check_same_corpus(path, metadata, model, saved, settings):
    """Raise ``ValueError`` if the model or the text has changed.

    ``saved`` and ``settings`` are the settings before and now.
    """
    for name, before, now in (
            ("model", metadata["class"], type(model).__name__),
            ("level", metadata["level"], model.level),
            ("text_sha256", saved.get("text_sha256"),
             settings["text_sha256"])):
        if before != now:
            raise ValueError(f"{path} was trained with {name} {before!r}, "
                             f"but you are resuming with {now!r}: give the "
                             f"original")
    before, now = metadata["idx_to_char"] or [], model.idx_to_char
    if before != list(now):
        raise ValueError(f"{path} was trained with another vocabulary of this "
                         f"text, and they differ in "
                         f"{difference(before, now)}: give the min_freq or "
                         f"vocabulary that it began with")


def check_same_settings(path, saved, settings):
    """Raise ``ValueError`` if the settings differ from those saved.

    A setting that the checkpoint lacks did not exist when it was written.
    With a constant learning rate, or a function as schedule, ``num_epochs``
    may change; the other schedules are laid out for a number of epochs.
    """
    laid_out = settings["schedule"] in SCHEDULES.keys() - {"constant"}
    check_same_rates(path, saved, settings)
    for name, value in settings.items():
        if name == "rates" or (name == "num_epochs" and not laid_out):
            continue
        if saved.get(name, value) != value:
            raise ValueError(
                f"{path} was trained with {name} {saved.get(name)!r}, but "
                f"you are resuming with {value!r}: give the original")


def check_same_rates(path, saved, settings):
    """Raise ``ValueError`` for a function that returns other learning rates.

    The settings have rates only if the schedule is a function; those of older
    checkpoints have none.
    """
    if "rates" not in saved:
        return
    if "rates" not in settings:
        raise ValueError(
            f"{path} was trained with a function as schedule, but you are "
            f"resuming with {settings['schedule']!r}: give the original")
    for step, rate in settings["rates"].items():
        before = saved["rates"].get(step, rate)
        # another machine may differ in the last digits
        if not math.isclose(rate, before, rel_tol=1e-9):
            raise ValueError(
                f"{path} was trained with a schedule that gives {before:g} "
                f"in step {step}, but you are resuming with one that gives "
                f"{rate:g}: give the original")
