"""Checks of the arguments of a training run."""
from d2lrnn.basics.checks import (
    check_flag,
    check_function,
    check_kind,
    check_numbers,
    check_path,
    check_precision,
    shown,
)
from d2lrnn.basics.environment import as_context, try_gpu
from d2lrnn.basics.language import readers_language
from d2lrnn.data.corpus import Corpus
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.checkpoint import check_saved_kind
from d2lrnn.models.checkpoint_checks import difference
from d2lrnn.models.lesson_models import WindowLSTM
from d2lrnn.training.feeds import Rows, Windows
from d2lrnn.training.runs import RunFolder
from d2lrnn.training.schedules import check_schedule
from d2lrnn.training.state import make_optimizer, trained_params
from d2lrnn.training.together import ALONE, Alone

__all__ = ["check_models", "check_options", "check_same_vocabulary"]
NUMBERS = ("num_epochs", "lr", "clipping_theta", "patience", "average", "seed",
           "save_minutes")


def check_options(model, feed, **given):
    """Return the arguments of ``fit_feed``, ready for use.

    Raise ``ValueError`` for the first one that is unusable.
    """
    numbers = check_numbers("clipping_theta", "patience", "average", **{
        name: given[name] for name in NUMBERS if name in given})
    ctx, folder = given.get("ctx"), given.get("folder")
    ctx = try_gpu() if ctx is None else as_context(ctx)
    check_reader(model, feed)
    readers_language()  # fail now rather than when the report is made
    if given.get("on_epoch_end") is not None:
        check_function("on_epoch_end", given["on_epoch_end"])
    if folder is not None and not isinstance(folder, RunFolder):
        folder = check_path("folder", folder)
    if not isinstance(given.get("together", ALONE), Alone):
        raise ValueError(f"together is {shown(given['together'])}: give "
                         f"Alone() or Workers()")
    resume = check_flag("resume", given.get("resume", False))
    schedule = check_schedule(given.get("schedule", "constant"))
    params = given.get("optimizer_params")
    params = {} if params is None else params
    check_kind("optimizer_params", params, dict, "a dict")
    # refused now, before the model is touched
    make_optimizer(given.get("optimizer", "adam"), params)
    trained_params(model)
    check_same_vocabulary(model, feed.corpus)
    check_size(model, feed.corpus)
    if folder is not None:
        check_saved_kind(model)
    return {**numbers, "ctx": ctx, "folder": folder, "resume": resume,
            "schedule": schedule, "optimizer_params": params}


def check_reader(model, feed):
    """Raise ``ValueError`` unless these are a model and a feed for it."""
    for name, thing, part in (("model", model, "collect_params"),
                              ("feed", feed, "epoch")):
        if not hasattr(thing, part):
            raise ValueError(f"{name} is {shown(thing)}: give fit_feed a "
                             f"model of Gluon and a feed, such as Rows")
    lacking = [name for name in ("begin_state", "idx_to_char", "config")
               if not hasattr(model, name)]
    if lacking:
        raise ValueError(f"model is of the class {type(model).__name__}, "
                         f"which has no {' and no '.join(lacking)}: give one "
                         f"like CharRNN")
    for kind, own, other in ((CharRNN, Rows, Windows),
                             (WindowLSTM, Windows, Rows)):
        if isinstance(model, kind) and isinstance(feed, other):
            raise ValueError(f"the model is a {kind.__name__}, and the feed "
                             f"is {other.__name__}: give {own.__name__}")
    check_precision(model)


def check_models(model, corpus, kind):
    """Raise ``ValueError`` for a model that cannot learn this corpus.

    ``kind`` is the class that the model must have.
    """
    if not isinstance(model, kind) or not isinstance(corpus, Corpus):
        raise ValueError(
            f"fit was given a {type(model).__name__} and a "
            f"{type(corpus).__name__}: it needs a {kind.__name__} and a "
            f"Corpus")
    # before the feed is made, whose own errors would mislead
    check_same_vocabulary(model, corpus)
    check_size(model, corpus)


def check_size(model, corpus):
    """Raise ``ValueError`` for a model with another number of ids."""
    size = getattr(model, "vocab_size", corpus.vocab_size)
    if size != corpus.vocab_size:
        raise ValueError(
            f"the model has a vocabulary of {size}, the corpus "
            f"one of {corpus.vocab_size}: make the model with "
            f"corpus.vocab_size")


def check_same_vocabulary(model, corpus):
    """Raise ``ValueError`` for a model that has learned other tokens.

    A model without weights, or without a vocabulary, has learned no tokens.
    """
    params = model.collect_params().values()
    if model.idx_to_char is None or any(p._data is None for p in params):
        return
    level = getattr(model, "level", corpus.level)
    if level != corpus.level:
        raise ValueError(f"the model was trained at the level {level}, "
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
