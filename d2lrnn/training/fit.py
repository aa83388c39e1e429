"""Train a model the modern way: held-out text, any optimizer, resumable."""
import json
import math
import time
from itertools import islice

import mxnet as mx
import numpy as np
from d2lrnn.basics.checks import (
    check_flag,
    check_function,
    check_kind,
    check_numbers,
    check_path,
    shown,
)
from d2lrnn.basics.environment import as_context, try_gpu
from d2lrnn.basics.measures import mean_norms
from d2lrnn.basics.progress import Bar
from d2lrnn.data.corpus import Corpus
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.checkpoint_checks import defaults_of, difference
from d2lrnn.training.feeds import Rows
from d2lrnn.training.runs import RunFolder, run_folder, stop_requests
from d2lrnn.training.schedules import (
    check_schedule,
    learning_rate,
    schedule_settings,
)
from d2lrnn.training.state import TrainingState, scores
from d2lrnn.training.steps import grad_clipping
from mxnet import autograd, init, nd


def fit(model, corpus, num_epochs, lr, *, batch_size=32, num_steps=35,
        held_out=0.1, **options):
    """Train a ``CharRNN`` on a corpus, and measure it on the part held out.

    The last ``held_out`` of the corpus is never trained on. What occurs only
    there counts as ``<unk>``: it costs what the model gives to something it
    never saw, and its share is printed. The state is carried through either
    part; each epoch begins at an offset of its own.

    The other ``options``, and what is returned, are those of ``fit_feed``.
    Raise ``ValueError`` for unusable arguments and ``FloatingPointError`` if
    the loss stops being a number.
    """
    check_models(model, corpus, CharRNN)
    feed = Rows(corpus, batch_size, num_steps, held_out)
    return fit_feed(model, feed, num_epochs, lr, **options)


def fit_feed(model, feed, num_epochs, lr, *, optimizer="adam",
             optimizer_params=None, schedule="constant", clipping_theta=1.0,
             patience=None, seed=1, ctx=None, folder=None, resume=False,
             save_minutes=10, on_epoch_end=None):
    """Train a model on a feed of mini-batches, such as ``Rows``.

    ``optimizer`` is the name of one of Gluon's, with ``optimizer_params``;
    ``schedule`` is constant, cosine, one_cycle, warmup_cosine, or a function:
    f(step), from the number of steps done to the learning rate, such as one
    of MXNet's schedulers, or f(step, num_steps), to a fraction of lr, such as
    those of ``d2lrnn.training.schedules``. ``clipping_theta`` is the largest
    norm of the gradient over all parameters (None: any). Training stops early
    when the held-out loss has not improved for ``patience`` epochs.
    ``on_epoch_end(model, record)`` is called after each epoch, with its
    record, to which it may add.

    With a ``folder``, last.safetensors in it holds the training after each
    epoch and every ``save_minutes``, best.safetensors the model of the best
    held-out loss; at the end, record.json is the run, report.html a page of
    it. ``resume=True`` goes on from last.safetensors, to the weights that the
    call would have reached without a stop, bit for bit on a CPU. Ctrl-C ends
    the step, saves, says so, and raises ``KeyboardInterrupt``; SIGTERM too,
    and raises ``SystemExit``. While a training runs, its folder has a file
    .lock, which keeps other trainings out.

    Return the history: for every epoch a dict of epoch, lr, seconds (with the
    evaluation), grad_norm and clipped_grad_norm (means over the epoch),
    characters (units trained on), and loss (nats a unit, the mean over the
    epoch), perplexity and bits_per_char, these three also with held_out
    before their names, with held_out_unk, the share of ``<unk>``, and
    held_out_known_loss, without them. A model without weights gets them from
    ``seed``. Raise as ``fit`` does.
    """
    (num_epochs, lr, clipping_theta, patience, seed,
     save_minutes) = check_numbers(
        "clipping_theta", "patience", num_epochs=num_epochs, lr=lr,
        clipping_theta=clipping_theta, patience=patience, seed=seed,
        save_minutes=save_minutes).values()
    ctx = try_gpu() if ctx is None else as_context(ctx)
    folder, resume = check_given(model, feed, folder, resume, on_epoch_end)
    schedule = check_schedule(schedule)
    optimizer_params = {} if optimizer_params is None else optimizer_params
    check_kind("optimizer_params", optimizer_params, dict, "a dict")
    corpus, num_steps = feed.corpus, num_epochs * len(feed.units)
    check_vocabulary(model, corpus)
    settings = plain({
        "num_epochs": num_epochs, "lr": lr, "optimizer": optimizer,
        "optimizer_params": optimizer_params,
        **schedule_settings(schedule, lr, num_steps),
        "clipping_theta": clipping_theta, "seed": seed,
        **feed.settings, **model.config, "text_sha256": corpus.sha256})
    model.idx_to_char, model.level = corpus.idx_to_char, corpus.level
    initialize(model, seed, ctx)
    run = TrainingState(model, optimizer, settings["optimizer_params"],
                        feed.batch_size, ctx)
    with run_folder(folder) as folder, stop_requests() as stop:
        folder.begin(run, settings, defaults_of(fit_feed), resume,
                     save_minutes, stop)
        print(feed.intro())
        with Bar(num_steps, "steps", run.step) as bar:
            while unfinished(run.history, num_epochs, patience):
                rng = np.random.default_rng([seed, len(run.history)])
                start = time.time() - run.seconds
                for x, y in islice(feed.epoch(rng), len(run.losses), None):
                    train_step(run, x, y, feed.loss, clipping_theta, seed,
                               learning_rate(schedule, lr, run.step,
                                             num_steps))
                    run.seconds = time.time() - start
                    bar.advance(speed(run, feed))
                    folder.after_step()
                record = end_epoch(run, feed, start, clipping_theta)
                with folder.after_epoch():
                    show(feed, on_epoch_end, run.model, record)
        if len(run.history) < num_epochs:
            print(f"stopped early: no better held-out loss for {patience} "
                  f"epochs")
        folder.finish(corpus)
    return run.history


def check_models(model, corpus, kind):
    """Raise ``ValueError`` for a model that cannot learn this corpus."""
    if not isinstance(model, kind) or not isinstance(corpus, Corpus):
        raise ValueError(
            f"fit was given a {type(model).__name__} and a "
            f"{type(corpus).__name__}: it needs a {kind.__name__} and a "
            f"Corpus")
    check_vocabulary(model, corpus)
    if model.vocab_size != corpus.vocab_size:
        raise ValueError(
            f"the model has a vocabulary of {model.vocab_size}, the corpus "
            f"one of {corpus.vocab_size}: make the model with "
            f"corpus.vocab_size")


def check_vocabulary(model, corpus):
    """Raise ``ValueError`` where a model has learned other tokens.

    One without weights, or without a vocabulary, has learned none.
    """
    params = model.collect_params().values()
    if model.idx_to_char is None or any(p._data is None for p in params):
        return
    if model.level != corpus.level:
        raise ValueError(f"the model was trained at the level {model.level}, "
                         f"and the corpus is at the level {corpus.level}: "
                         f"make a new model, or a corpus of the model's level")
    if list(model.idx_to_char) != list(corpus.idx_to_char):
        remedy = "" if corpus.level == "token" else (
            ", or read the text with load_corpus(..., "
            "vocabulary=model.idx_to_char)")
        raise ValueError(
            f"the model was trained with another vocabulary than that of the "
            f"corpus, and they differ in "
            f"{difference(model.idx_to_char, corpus.idx_to_char)}: make a "
            f"new model{remedy}")


def check_given(model, feed, folder, resume, on_epoch_end):
    """Return the folder and ``resume``, or say what is none of the five."""
    for name, thing, part in (("model", model, "collect_params"),
                              ("feed", feed, "epoch")):
        if not hasattr(thing, part):
            raise ValueError(f"{name} is {shown(thing)}: give fit_feed a "
                             f"model of Gluon and a feed, such as Rows")
    if on_epoch_end is not None:
        check_function("on_epoch_end", on_epoch_end)
    if folder is not None and not isinstance(folder, RunFolder):
        folder = check_path("folder", folder)
    return folder, check_flag("resume", resume)


def plain(settings):
    """Return settings as a checkpoint gives them back, to be compared."""
    try:
        return json.loads(json.dumps(settings, default=float))
    except (TypeError, ValueError) as error:
        raise ValueError(f"a setting is no number, str or list of them "
                         f"({error}): give only such settings") from None


def initialize(model, seed, ctx):
    """Make a model ready to train, with its own weights where it has them."""
    params = model.collect_params()
    if any(param._data is None for param in params.values()):
        mx.random.seed(seed)
        model.initialize(init.Xavier(), ctx=ctx)
    params.reset_ctx(ctx)
    model.hybridize(static_alloc=True, static_shape=True)


def train_step(run, x, y, loss, clipping_theta, seed, lr):
    """Take one step on a mini-batch of arrays."""
    if run.draws:
        # what is drawn depends on the step's number alone: it can be repeated
        mx.random.seed((seed * 1_000_003 + run.step) % 2 ** 31)
    # the gradient stops here: only num_steps back in time
    state = tuple(s.detach() for s in run.state)
    with autograd.record():
        output, run.state = run.model(nd.array(x, run.ctx), state)
        l = loss(output, nd.array(y, run.ctx))
    l.backward()
    run.norms.append(grad_clipping([param.data() for param in run.params],
                                   clipping_theta))
    run.update(lr)
    run.losses.append(l)
    if len(run.losses) > 1:
        run.losses[-2].wait_to_read()  # one step ahead of the device, no more


def speed(run, feed):
    """Return where an epoch is and how fast, for the bar."""
    done = sum(feed.units[:len(run.losses)])
    return (f"epoch {len(run.history) + 1}, {done / run.seconds:,.0f} "
            f"{feed.unit}s/s")


def unfinished(history, num_epochs, patience):
    """Say whether there are epochs left, and patience for them.

    >>> history = [{"held_out_loss": loss, "loss": 1} for loss in (3, 2, 2.5)]
    >>> unfinished(history, 3, None), unfinished(history, 4, 2)
    (False, True)
    >>> unfinished(history, 4, 1)
    False
    """
    losses = scores(history)
    if patience and losses:
        waited = len(losses) - 1 - losses.index(min(losses))
        if waited >= patience:
            return False
    return len(losses) < num_epochs


def end_epoch(run, feed, start, clipping_theta):
    """Append the record of an epoch to the history, and return it."""
    epoch, lr = len(run.history) + 1, run.optimizer.learning_rate
    losses = np.average([l.asnumpy() for l in run.losses], axis=0,
                        weights=feed.units)
    measured = feed.measure(run.model, losses)
    run.seconds = time.time() - start
    if not all(map(math.isfinite, scores([measured, {"loss": losses.sum()}]))):
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


def show(feed, on_epoch_end, model, record):
    """Print an epoch's line, and call ``on_epoch_end``.

    Raise ``ValueError`` for what that adds and JSON cannot hold: the record
    then lacks it.
    """
    if line := feed.line(record):
        print(line)
    if not on_epoch_end:
        return
    try:
        on_epoch_end(model, record)
    finally:
        wrong = make_plain(record)
    for key, value in wrong.items():
        raise ValueError(
            f"on_epoch_end put {shown(key)} into the record, a "
            f"{type(value).__name__}, which JSON cannot hold: put numbers, "
            f"strings, lists or dicts of them there (the epoch is kept "
            f"without it)")


def make_plain(record):
    """Make a record of what JSON gives back; return what it cannot hold.

    >>> record = {"acc": np.float32(0.5), "all": np.arange(3), "a": {1}}
    >>> make_plain(record), record
    ({'a': {1}}, {'acc': 0.5, 'all': [0, 1, 2]})
    """
    wrong, items = {}, list(record.items())
    record.clear()
    for key, value in items:
        try:
            text = json.dumps({key: value}, default=to_list,
                              ensure_ascii=False)
            text.encode()  # half a character cannot be written
            record.update(json.loads(text))
        except (TypeError, ValueError, RecursionError):
            wrong[key] = value
    return wrong


def to_list(array):
    """Return an array, or a number of NumPy's or MXNet's, as Python's."""
    if isinstance(array, nd.NDArray):
        array = array.asnumpy()
    if isinstance(array, (np.ndarray, np.generic)):
        return array.tolist()
    raise TypeError(f"{type(array).__name__} is no array")
