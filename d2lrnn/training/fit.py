"""Train a model the modern way: held-out text, any optimizer, resumable."""
import math
import os
import time
from collections.abc import Callable
from functools import partial
from itertools import islice

import mxnet as mx
import numpy as np
from d2lrnn.basics.checks import converted, shown
from d2lrnn.basics.measures import mean_norms
from d2lrnn.basics.progress import Bar
from d2lrnn.data.corpus import Corpus
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.checkpoint_checks import defaults_of
from d2lrnn.report.records import judged_losses
from d2lrnn.speed.clipping import clip_in_graph
from d2lrnn.training.checks import check_models, check_options
from d2lrnn.training.feeds import Feed, Rows, shared
from d2lrnn.training.records import make_plain, plain_settings
from d2lrnn.training.runs import RunFolder, run_folder, stop_requests
from d2lrnn.training.schedules import learning_rate, schedule_settings
from d2lrnn.training.state import TrainingState, initialize
from d2lrnn.training.together import ALONE, Alone
from mxnet import autograd, nd

__all__ = ["fit", "fit_feed", "measure_epoch", "train_epoch", "train_step"]


def fit(model: CharRNN, corpus: Corpus, num_epochs: int, lr: float, *,
        batch_size: int = 32, num_steps: int = 35,
        held_out: float | Corpus = 0.1, **options) -> list[dict]:
    """Train a ``CharRNN`` on a corpus, and measure it on held-out text.

    ``model``, ``corpus``
        The model, and the text in its vocabulary.
    ``num_epochs``, ``lr``
        How many times the text is read, and the highest learning rate.
    ``batch_size``, ``num_steps``
        The shape of the mini-batches. The state is carried along the rows;
        each epoch begins at a random offset.
    ``held_out``
        The share of the corpus, at its end, that is never trained on; or
        another ``Corpus`` in the same vocabulary, such as the validation part
        of ``load_ptb``: then all of ``corpus`` is trained on. A character that
        occurs only in the held-out text counts as ``<unk>``: its loss is that
        of ``<unk>``, and the share of such characters is printed.
    ``options``
        As in ``fit_feed``.

    Return the history as ``fit_feed`` does. Raise ``ValueError`` for unusable
    arguments and ``FloatingPointError`` if the loss becomes infinite or NaN.
    """
    check_models(model, corpus, CharRNN)
    feed = Rows(corpus, batch_size, num_steps, held_out)
    return fit_feed(model, feed, num_epochs, lr, **options)


@converted(check_options)
def fit_feed(model: mx.gluon.Block, feed: Feed, num_epochs: int, lr: float, *,
             optimizer: str = "adam", optimizer_params: dict | None = None,
             schedule: str | Callable = "constant",
             clipping_theta: float | None = 1.0, patience: int | None = None,
             average: float | None = None, seed: int = 1,
             ctx: mx.Context | str | None = None,
             folder: str | os.PathLike | RunFolder | None = None,
             resume: bool = False, save_minutes: float = 10,
             on_epoch_end: Callable | None = None,
             together: Alone = ALONE) -> list[dict]:
    """Train a model on a feed of mini-batches, such as ``Rows``.

    ``model``
        A model that the feed's mini-batches fit, with ``begin_state``,
        ``idx_to_char`` (None before it is trained) and ``config``, a dict of
        its arguments, such as a ``CharRNN``. A parameter with the grad_req
        "null" stays as it is; its lr_mult and wd_mult are used. With a
        ``folder``, it must be a model that ``save_model`` takes.
    ``optimizer``
        The name of one of Gluon's optimizers.
    ``optimizer_params``
        Its parameters, except the learning rate.
    ``schedule``
        How the learning rate changes: constant, cosine, one_cycle,
        warmup_cosine, or a function. A function f(step, num_steps), such as
        those of ``d2lrnn.training.schedules``, returns a fraction of lr; one
        of the form f(step), such as MXNet's schedulers, returns the rate.
        Steps count from 0.
    ``clipping_theta``
        The largest norm of the gradient over all parameters; None for no
        limit.
    ``patience``
        Stop once the held-out loss has not improved for this many epochs.
    ``average``
        Measure and keep averages of the weights: after each step an average
        becomes ``average`` times itself plus 1 - ``average`` times the
        weight (Polyak and Juditsky 1992; the exponential form). 0.999 averages
        over about the last thousand steps; after t steps at most t / (t + 9)
        is taken, so that the first weights are soon forgotten. The model has
        the averages when its epochs are measured, in best.safetensors, and in
        the end; last.safetensors loads as the weights alone. None for no
        averages.
    ``seed``
        The seed of the weights, if the model has none yet, and of everything
        drawn in training.
    ``ctx``
        The device; None for a GPU if there is one, else the CPU.
    ``folder``
        Where the run is saved: last.safetensors, after each epoch and every
        ``save_minutes``; best.safetensors, the model with the lowest held-out
        loss; at the end, record.json and report.html. Until then, the file
        .lock keeps other runs out.
    ``resume``
        Continue from last.safetensors in the folder. On a CPU, the
        weights become bit for bit those of a run that was never stopped.
    ``save_minutes``
        The minutes between two checkpoints within an epoch.
    ``on_epoch_end``
        A function called with (model, record) after each epoch. It may add
        to the record.
    ``together``
        ``Workers()`` to train on several machines: each worker reads its rows
        of every mini-batch, worker 0 prints and saves, and ``on_epoch_end``
        is called in all of them. The result is that of one process, except
        for the last digits and the dropout.

    Return the history, a record for each epoch: a dict with epoch, lr,
    seconds (evaluation included), grad_norm and clipped_grad_norm (means over
    the epoch), and what ``feed.measure`` returns. For a text, these are
    characters (how many tokens or windows were trained on); loss (nats per
    unit, the mean over the epoch), perplexity and bits_per_char; the same
    three for the held-out part, with the prefix held_out;
    held_out_unk, the share of ``<unk>`` there; and held_out_known_loss, the
    loss without them.

    Ctrl-C finishes the step, saves, says how to continue, and raises
    ``KeyboardInterrupt``; SIGTERM does the same and raises ``SystemExit``.
    Raise ``ValueError`` and ``FloatingPointError`` as ``fit`` does.
    """
    num_steps = num_epochs * len(feed.units)
    settings = plain_settings({
        "num_epochs": num_epochs, "lr": lr, "optimizer": optimizer,
        "optimizer_params": optimizer_params,
        **schedule_settings(schedule, lr, num_steps),
        "clipping_theta": clipping_theta, "average": average, "seed": seed,
        **feed.settings,
        **model.config, "text_sha256": feed.corpus.sha256})
    rate = partial(learning_rate, schedule, lr, num_steps=num_steps)
    with (run_folder(None if together.rank else folder) as folder,
          stop_requests() as stop, together.voice()):
        folder.check(resume, together)
        initialize(model, feed.corpus, seed, ctx)
        together.check_same({**settings, "resume": resume}, model)
        feed = shared(feed, together)
        run = TrainingState(model, optimizer, settings["optimizer_params"],
                            feed.batch_size, ctx, average, together)
        folder.begin(run, settings, defaults_of(fit_feed), resume,
                     save_minutes, stop)
        print(feed.intro())
        with Bar(num_steps, "steps", run.step) as bar:
            while unfinished(run.history, num_epochs, patience):
                record = train_epoch(run, feed, rate, clipping_theta, seed,
                                     bar, folder)
                with folder.after_epoch(), run.averaged():
                    report_epoch(feed, record, model, on_epoch_end)
        if len(run.history) < num_epochs:
            print(f"stopped early: no better held-out loss for {patience} "
                  f"epochs")
        run.swap()
        folder.finish(feed)
        together.barrier()  # the first to leave ends the server
    return run.history


def train_epoch(run, feed, rate, clipping_theta, seed, bar, folder):
    """Take the remaining steps of an epoch, and return its record.

    ``rate(step)`` is the learning rate of a step.
    """
    # seeded by epoch, so that a resumed epoch draws the same numbers
    rng = np.random.default_rng([seed, len(run.history)])
    start = time.time() - run.seconds
    for x, y in islice(feed.epoch(rng), len(run.losses), None):
        train_step(run, x, y, feed.loss, clipping_theta, seed, rate(run.step))
        run.seconds = time.time() - start
        bar.advance(bar_note(run, feed))
        folder.after_step()
    return measure_epoch(run, feed, start, clipping_theta)


def train_step(run, x, y, loss, clipping_theta, seed, lr):
    """Take one step on a mini-batch of NumPy arrays."""
    if run.draws:
        # seeded by step, so that a resumed step draws the same numbers
        mx.random.seed((seed * 1_000_003 + run.step
                        + run.together.rank * 15_485_863) % 2 ** 31)
    # the gradient stops here: only num_steps back in time
    state = tuple(s.detach() for s in run.state)
    with autograd.record():
        output, run.state = run.model(nd.array(x, run.ctx), state)
        l = loss(output, nd.array(y, run.ctx))
    l.backward()
    run.together.add_up(run.params, l, run.wish)
    run.norms.append(clip_in_graph([param.data() for param in run.params],
                                   clipping_theta))
    run.update(lr)
    run.losses.append(l)
    if len(run.losses) > 1:
        run.losses[-2].wait_to_read()  # at most one step ahead of the device


def measure_epoch(run, feed, start, clipping_theta):
    """Append the record of an epoch to the history, and return it.

    ``start`` is the ``time.time()`` at which the epoch began. Raise
    ``FloatingPointError`` for a loss that is infinite or NaN.
    """
    epoch, lr = len(run.history) + 1, run.optimizer.learning_rate
    losses = np.average([l.asnumpy() for l in run.losses], axis=0,
                        weights=feed.units)
    with run.averaged():
        measured = feed.measure(run.model, losses)
    run.seconds = time.time() - start
    judged = judged_losses([measured, {"loss": losses.sum()}])
    if not all(map(math.isfinite, judged)):
        held_out = measured.get("held_out_loss")
        raise FloatingPointError(
            f"the loss is {losses.sum()}"
            f"{'' if held_out is None else f', and {held_out} held out,'} in "
            f"epoch {epoch} at lr {lr:g}: lower lr, or set a lower "
            f"clipping_theta")
    record = {"epoch": epoch, "lr": lr, "seconds": run.seconds,
              **mean_norms(run.norms, clipping_theta), **measured}
    run.history.append(record)
    run.begin_epoch()
    return record


def report_epoch(feed, record, model, on_epoch_end):
    """Print an epoch's line, and call ``on_epoch_end``.

    If JSON cannot hold a value, remove it from the record and raise
    ``ValueError``.
    """
    measured = set(record)
    try:
        if line := feed.line(record):
            print(line)
        if on_epoch_end:
            on_epoch_end(model, record)
    finally:
        wrong = make_plain(record)
    if wrong:
        key, value = next(iter(wrong.items()))
        function = "feed.measure" if key in measured else "on_epoch_end"
        raise ValueError(
            f"{function} put {shown(key)} into the record, a "
            f"{type(value).__name__}, which JSON cannot hold: put numbers, "
            f"strings, lists or dicts of them there (the epoch is kept "
            f"without it)")


def bar_note(run, feed):
    """Return the text beside the bar: the epoch and its speed.

    The speed is in the feed's units per second.
    """
    done = sum(feed.units[:len(run.losses)])
    return (f"epoch {len(run.history) + 1}, {done / run.seconds:,.0f} "
            f"{feed.unit}s/s")


def unfinished(history, num_epochs, patience):
    """Return whether epochs are left and patience is not exhausted.

    >>> history = [{"held_out_loss": loss, "loss": 1} for loss in (3, 2, 2.5)]
    >>> unfinished(history, 3, None), unfinished(history, 4, 2)
    (False, True)
    >>> unfinished(history, 4, 1)
    False
    """
    losses = judged_losses(history)
    if patience and losses:
        waited = len(losses) - 1 - losses.index(min(losses))
        if waited >= patience:
            return False
    return len(losses) < num_epochs
