"""Train a model the modern way: held-out text, any optimizer, resumable."""
import json
import math
import signal
import sys
import threading
import time
from contextlib import contextmanager
from itertools import islice
from numbers import Integral, Real
from pathlib import Path

import mxnet as mx
import numpy as np
from d2lrnn.checkpoint import save_model
from d2lrnn.corpus import Corpus
from d2lrnn.models import CharRNN
from d2lrnn.progress import Bar
from d2lrnn.report import make_record, write_json
from d2lrnn.runtime import try_gpu
from d2lrnn.samplers import check_ids, ptb_iterator
from d2lrnn.schedules import SCHEDULES, learning_rate
from d2lrnn.training import grad_clipping, perplexity
from d2lrnn.training_state import TrainingState
from mxnet import autograd, init, nd

SMALLEST = sys.float_info.min
# What each number given to fit must be
RANGES = {
    "num_epochs": (Integral, 1, math.inf, "a whole number of at least 1"),
    "patience": (Integral, 1, math.inf, "a whole number of at least 1, or "
                 "None"),
    "batch_size": (Integral, 1, math.inf, "a whole number of at least 1"),
    "num_steps": (Integral, 1, math.inf, "a whole number of at least 1"),
    "lr": (Real, SMALLEST, math.inf, "a number above 0"),
    "clipping_theta": (Real, SMALLEST, math.inf, "a number above 0, or None"),
    "held_out": (Real, SMALLEST, 1, "between 0 and 1, such as 0.1"),
    "seed": (Integral, 0, math.inf, "a whole number of at least 0"),
    "save_minutes": (Real, 0, math.inf, "a number of at least 0"),
}


def fit(model, corpus, num_epochs, lr, *, batch_size=32, num_steps=35,
        optimizer="adam", optimizer_params=None, schedule="constant",
        clipping_theta=1.0, held_out=0.1, patience=None, seed=1, ctx=None,
        folder=None, resume=False, save_minutes=10):
    """Train a ``CharRNN`` on a corpus, and measure it on the part held out.

    The last ``held_out`` of the corpus is never trained on. What occurs only
    there counts as ``<unk>``: it costs what the model gives to something it
    never saw, and its share is printed. The state is carried through either
    part; each epoch begins at an offset of its own.

    ``optimizer`` is the name of one of Gluon's, with ``optimizer_params``;
    ``schedule`` is constant, cosine, one_cycle, warmup_cosine, or a function
    from the number of steps done to the learning rate, such as one of MXNet's
    schedulers. ``clipping_theta`` is the largest norm of the gradient over
    all parameters (None: any). Training stops early when the held-out loss
    has not improved for ``patience`` epochs.

    With a ``folder``, last.safetensors in it holds the training after each
    epoch and every ``save_minutes``, best.safetensors the model of the best
    held-out loss, record.json the run. ``resume=True`` goes on from
    last.safetensors, to the weights that the call would have reached without
    a stop, bit for bit on a CPU. Ctrl-C ends the step, saves, and says so.

    Return the history: for every epoch a dict of epoch, lr, seconds (with the
    evaluation), characters (units trained on), and loss (nats a unit, the
    mean over the epoch), perplexity and bits_per_char, these three also as
    held_out_..., with held_out_unk, the share of ``<unk>``, and
    held_out_known_loss, without them. A model without weights gets them from
    ``seed``. Raise ``ValueError`` for unusable arguments and
    ``FloatingPointError`` if the loss stops being a number.
    """
    check_models(model, corpus)
    check_settings(schedule, resume, folder, num_epochs=num_epochs,
                   patience=patience, batch_size=batch_size,
                   num_steps=num_steps, lr=lr, clipping_theta=clipping_theta,
                   held_out=held_out, seed=seed, save_minutes=save_minutes)
    settings = plain({
        "num_epochs": num_epochs, "lr": lr, "batch_size": batch_size,
        "num_steps": num_steps, "optimizer": optimizer,
        "optimizer_params": optimizer_params or {},
        "schedule": schedule if isinstance(schedule, str) else getattr(
            schedule, "__name__", type(schedule).__name__),
        "clipping_theta": clipping_theta, "held_out": held_out, "seed": seed,
        **model.config, "text_sha256": corpus.sha256})
    train_ids, held_out_ids, unk = split(corpus, held_out)
    ptb_iterator(train_ids, batch_size, num_steps)  # raises for a short text
    num_batches = (len(train_ids) // batch_size - 1) // num_steps
    spare = len(train_ids) - batch_size * (num_batches * num_steps + 1)

    ctx = ctx or try_gpu()
    model.idx_to_char, model.level = corpus.idx_to_char, corpus.level
    initialize(model, seed, ctx)
    run = TrainingState(model, optimizer, settings["optimizer_params"],
                        batch_size, ctx)
    folder = folder and open_folder(folder, run, resume, settings)
    saved = time.time()
    print(f"{len(train_ids):,} {corpus.level}s to train on, "
          f"{len(held_out_ids):,} held out, {np.mean(held_out_ids == unk):.2%}"
          f" of them <unk>")
    with (Bar(num_epochs * num_batches, "steps", run.step) as bar,
          stop_requests() as stop):
        while unfinished(run.history, num_epochs, patience):
            rng = np.random.default_rng([seed, len(run.history)])
            batches = ptb_iterator(train_ids[rng.integers(spare + 1):],
                                   batch_size, num_steps)
            start = time.time() - run.seconds
            for x, y in islice(batches, len(run.losses), num_batches):
                train_step(run, x, y, clipping_theta, seed, learning_rate(
                    schedule, lr, run.step, num_epochs * num_batches))
                run.seconds = time.time() - start
                speed = len(run.losses) * batch_size * num_steps / run.seconds
                bar.advance(f"epoch {len(run.history) + 1}, {speed:,.0f} "
                            f"{corpus.level}s/s")
                if stop.is_set() or time.time() - saved > 60 * save_minutes:
                    keep(run, folder, settings)
                    saved = time.time()
                if stop.is_set():
                    leave(run, folder)
            losses, targets = measure(model, held_out_ids, batch_size,
                                      num_steps)
            run.seconds = time.time() - start
            end_epoch(run, batch_size * num_steps, losses, targets == unk,
                      corpus)
            keep(run, folder, settings)
            saved = time.time()
    if len(run.history) < num_epochs:
        print(f"stopped early: no better held-out loss for {patience} epochs")
    if folder:
        write_json(folder / "record.json", make_record(
            folder.resolve().name, {"fit": run.history}, corpus, settings))
    return run.history


def check_models(model, corpus):
    """Raise ``ValueError`` for a model that cannot learn this corpus."""
    if not isinstance(model, CharRNN) or not isinstance(corpus, Corpus):
        raise ValueError(
            f"fit was given a {type(model).__name__} and a "
            f"{type(corpus).__name__}: it needs a CharRNN and a Corpus")
    if model.vocab_size != corpus.vocab_size:
        raise ValueError(
            f"the model has a vocabulary of {model.vocab_size}, the corpus "
            f"one of {corpus.vocab_size}: make the model with "
            f"corpus.vocab_size")


def check_settings(schedule, resume, folder, **numbers):
    """Raise ``ValueError`` now for what would fail, or mislead, later."""
    for name, value in numbers.items():
        kind, low, high, words = RANGES[name]
        if value is None and name in ("patience", "clipping_theta"):
            continue
        if not (isinstance(value, kind) and low <= value < high):
            raise ValueError(f"{name} is {value!r}: it must be {words}")
    if not callable(schedule) and schedule not in list(SCHEDULES):
        raise ValueError(f"schedule is {schedule!r}: it must be a function, "
                         f"or one of {', '.join(SCHEDULES)}")
    if resume and not folder:
        raise ValueError("resume needs the folder of the training: give it "
                         "as folder")


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


def open_folder(folder, run, resume, settings):
    """Return a training's folder, and stand where it stood, to resume it."""
    folder = Path(folder)
    if resume:
        run.load(folder / "last.safetensors", settings)
    elif (folder / "last.safetensors").exists():
        raise ValueError(f"{folder} already holds a training: give another "
                         f"folder, or resume=True to go on with it")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def keep(run, folder, settings):
    """Save the training; before it, at an epoch's end, the best model."""
    if not folder:
        return
    losses = [epoch["held_out_loss"] for epoch in run.history]
    if not run.losses and losses.index(min(losses)) == len(losses) - 1:
        save_model(folder / "best.safetensors", run.model)
    run.save(folder / "last.safetensors", settings)


@contextmanager
def stop_requests():
    """Turn Ctrl-C into an event, so that no step is cut in two.

    A second Ctrl-C interrupts at once. Only the main thread gets signals.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(*_):
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def leave(run, folder):
    """End the program after Ctrl-C, and say how to go on."""
    print(f"stopped in epoch {len(run.history) + 1} after its step "
          f"{len(run.losses)}; " + (
              f"to go on, call fit again with folder={str(folder)!r} and "
              f"resume=True" if folder
              else "nothing was saved, since fit was given no folder"))
    raise SystemExit(130)


def train_step(run, x, y, clipping_theta, seed, lr):
    """Take one step on a mini-batch; x and y are (batch_size, num_steps)."""
    # what the step draws depends on its number alone, so it can be repeated
    mx.random.seed((seed * 1_000_003 + run.step) % 2 ** 31)
    # the gradient stops here: only num_steps back in time
    state = tuple(s.detach() for s in run.state)
    with autograd.record():
        output, run.state = run.model(nd.array(x, run.ctx), state)
        y = nd.array(y.T.reshape(-1), run.ctx)  # (num_steps * batch_size,)
        l = cross_entropy(output, y).mean()
    l.backward()
    grad_clipping([param.data() for param in run.params], clipping_theta)
    run.update(lr)
    run.losses.append(l)
    if len(run.losses) > 1:
        run.losses[-2].wait_to_read()  # one step ahead of the device, no more


def cross_entropy(output, y):
    """Return the loss of each of the ids y, in nats."""
    return -nd.pick(nd.log_softmax(output), y)


def measure(model, held_out_ids, batch_size, num_steps):
    """Return what ``evaluate`` does, with the same bits in every process."""
    # of a graph whose shapes are static, the last bit of a score depends on
    # where in memory its arrays happen to lie; not so while it is trained
    model.hybridize(static_alloc=True, static_shape=False)
    measured = evaluate(model, held_out_ids, batch_size, num_steps)
    model.hybridize(static_alloc=True, static_shape=True)
    return measured


def evaluate(model, corpus_indices, batch_size=32, num_steps=100):
    """Return ``(losses, targets)`` of a model on a text, in nats.

    Both are arrays of shape (batch_size, text // batch_size): the text is
    read in that many rows, each with its state carried from beginning to end.
    Dropout is off.
    """
    ids = check_ids(corpus_indices, model.vocab_size)
    if len(ids) < 2 or batch_size < 1 or num_steps < 1:
        raise ValueError(
            f"there is nothing to evaluate in {len(ids)} ids with batch_size "
            f"{batch_size} and num_steps {num_steps}: give 2 ids or more, "
            f"and sizes of at least 1")
    batch_size = min(batch_size, len(ids) - 1)
    batch_len = (len(ids) - 1) // batch_size
    shape, num_chars = (batch_size, batch_len), batch_size * batch_len
    X, Y = ids[:num_chars].reshape(shape), ids[1:num_chars + 1].reshape(shape)
    ctx = next(iter(model.collect_params().values())).list_ctx()[0]
    state, losses = model.begin_state(batch_size, ctx), []
    for i in range(0, batch_len, num_steps):
        output, state = model(nd.array(X[:, i:i + num_steps], ctx), state)
        y = nd.array(Y[:, i:i + num_steps].T.reshape(-1), ctx)
        l = cross_entropy(output, y)  # (num_steps * batch_size,)
        losses.append(l.reshape((-1, batch_size)).asnumpy())
    return np.concatenate(losses).T, Y


def split(corpus, held_out):
    """Return the ids to train on, those held out, and the id of ``<unk>``.

    What occurs in the held-out part alone gets the id of ``<unk>``, or, where
    the vocabulary has none, the first id that training never sees.
    """
    ids = corpus.corpus_indices
    num_train = len(ids) - round(len(ids) * held_out)
    train, rest = ids[:num_train], ids[num_train:]
    if len(rest) < 2:
        raise ValueError(f"held_out is {held_out}, of {len(ids)} ids too few "
                         f"to measure on: use more, or a longer text")
    seen = np.bincount(train, minlength=corpus.vocab_size) > 0
    unseen = np.flatnonzero(~seen)
    unk = corpus.char_to_idx.get("<unk>", unseen[0] if len(unseen) else -1)
    return train, np.where(seen[rest], rest, unk).astype(rest.dtype), unk


def unfinished(history, num_epochs, patience):
    """Say whether there are epochs left, and patience for them.

    >>> history = [{"held_out_loss": loss} for loss in (3, 2, 2.5)]
    >>> unfinished(history, 3, None), unfinished(history, 4, 2)
    (False, True)
    >>> unfinished(history, 4, 1)
    False
    """
    losses = [epoch["held_out_loss"] for epoch in history]
    if patience and losses:
        waited = len(losses) - 1 - losses.index(min(losses))
        if waited >= patience:
            return False
    return len(losses) < num_epochs


def end_epoch(run, batch_chars, losses, is_unk, corpus):
    """Append the record of an epoch to the history, and print its line.

    ``losses`` are those of the held-out text.
    """
    lr = run.optimizer.learning_rate
    unit_len = corpus.num_chars / len(corpus.corpus_indices)
    loss, epoch = run.mean_loss(), len(run.history) + 1
    held_out_loss = float(losses.mean(dtype="float64"))
    if not math.isfinite(loss + held_out_loss):
        raise FloatingPointError(
            f"the loss is {loss}, and {held_out_loss} held out, in epoch "
            f"{epoch} at lr {lr:g}: lower lr, or set a lower "
            f"clipping_theta")
    per_char = 1 / math.log(2) / unit_len  # bits a character for each nat
    run.history.append({
        "epoch": epoch, "lr": lr, "seconds": run.seconds,
        "characters": len(run.losses) * batch_chars,
        "loss": loss, "perplexity": perplexity(loss),
        "bits_per_char": loss * per_char,
        "held_out_loss": held_out_loss,
        "held_out_perplexity": perplexity(held_out_loss),
        "held_out_bits_per_char": held_out_loss * per_char,
        "held_out_unk": float(is_unk.mean()),
        "held_out_known_loss": None if is_unk.all() else float(
            losses[~is_unk].mean(dtype="float64"))})
    print("epoch {epoch}, perplexity {perplexity:.3f}, held out "
          "{held_out_perplexity:.3f} ({held_out_bits_per_char:.3f} bits/char),"
          " {seconds:.1f} sec".format(**run.history[-1]))
    run.begin_epoch()
