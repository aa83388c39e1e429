"""Train a language model by the book: clip, descend, report perplexity."""
import time

from d2lrnn.basics.checks import (
    check_flag,
    check_numbers,
    converted,
)
from d2lrnn.basics.environment import as_context
from d2lrnn.basics.progress import EpochBar
from d2lrnn.data.samplers import data_iter_consecutive, data_iter_random
from d2lrnn.generation.book import (
    check_numbering,
    check_parts,
    check_vocab_size,
    predict_rnn,
    predict_rnn_gluon,
)
from d2lrnn.models.scratch import to_onehot
from d2lrnn.speed.tracing import Traced
from d2lrnn.training.steps import (
    check_training,
    end_epoch,
    grad_clipping,
    make_params,
    print_epoch,
    sgd,
)
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import loss as gloss

__all__ = ["train_and_predict_rnn", "train_and_predict_rnn_gluon"]


def check_loop(num_hiddens, vocab_size, ctx, idx_to_char, char_to_idx,
               num_steps, batch_size, **others):
    """Check those arguments of a loop that ``check_training`` does not."""
    numbers = check_numbers(num_hiddens=num_hiddens, vocab_size=vocab_size,
                            num_steps=num_steps, batch_size=batch_size)
    check_parts(others)
    check_vocab_size(others.get("model"), vocab_size)
    flags = {name: check_flag(name, others[name]) for name in (
        "is_random_iter", "compiled", "rewrite") if name in others}
    # a run that prints no lyrics needs no vocabulary
    if any(not isinstance(given, list) or given
           for given in (others["prefixes"], idx_to_char)):
        check_numbering(idx_to_char, char_to_idx, vocab_size)
    return {**numbers, **flags,
            "ctx": ctx if ctx is None else as_context(ctx)}


@converted(check_loop)
def train_and_predict_rnn(rnn, get_params, init_rnn_state, num_hiddens,
                          vocab_size, ctx, corpus_indices, idx_to_char,
                          char_to_idx, is_random_iter, num_epochs, num_steps,
                          lr, clipping_theta, batch_size, pred_period,
                          pred_len, prefixes, *, compiled=True, rewrite=True):
    """Train a model from scratch, and print lyrics as it learns.

    ``rnn``, ``get_params``, ``init_rnn_state``
        The cell, as a function of ``(inputs, state, params)``; the function
        that draws its parameters, called without arguments or, if it has
        parameters, with ``(vocab_size, num_hiddens, ctx)``; and the function
        of ``(batch_size, num_hiddens, ctx)`` that makes its first state.
    ``num_hiddens``, ``vocab_size``, ``ctx``
        The sizes of the model, and its device.
    ``corpus_indices``, ``idx_to_char``, ``char_to_idx``
        The training text as ids, and the vocabulary as a list and as a dict.
    ``is_random_iter``
        Whether to sample at random, with a new state for each mini-batch,
        rather than consecutively, with the state carried along.
    ``num_epochs``, ``num_steps``, ``batch_size``
        How many times the text is read, and the shape of the mini-batches.
    ``lr``, ``clipping_theta``
        The learning rate, and the largest norm of the gradient; None for no
        limit.
    ``pred_period``, ``pred_len``, ``prefixes``
        Every ``pred_period`` epochs the perplexity, the seconds of that
        epoch, and ``pred_len`` characters (or words, if the vocabulary is one
        of words) after each of the ``prefixes`` are printed.
    ``compiled``, ``rewrite``
        The step runs as a graph, rewritten algebraically and compiled, if
        the results are the same up to rounding; ``rewrite=False`` compiles
        the step as written, with results equal to the last bit, and
        ``compiled=False`` runs it imperatively.

    Return the history: for each epoch a dict of epoch, perplexity, seconds,
    characters, grad_norm, clipped_grad_norm and, if printed, lyrics. Raise
    ``ValueError`` for unusable arguments and ``FloatingPointError`` if the
    loss becomes infinite or NaN. Source: D2L (Chinese, first edition) 6.4.7.
    """
    check_training(num_epochs, lr, clipping_theta, pred_period, pred_len,
                   prefixes, char_to_idx)
    data_iter = data_iter_random if is_random_iter else data_iter_consecutive
    params = make_params(get_params, vocab_size, num_hiddens, ctx)
    loss = gloss.SoftmaxCrossEntropyLoss()

    def step(X, Y, *state):
        outputs, state = rnn(to_onehot(X, vocab_size), state, params)
        outputs = nd.concat(*outputs, dim=0)  # (num_steps*batch_size, vocab)
        y = Y.T.reshape((-1,))  # (num_steps * batch_size,)
        return [loss(outputs, y).mean(), *state]

    def predict(prefix):
        return predict_rnn(prefix, pred_len, rnn, params, init_rnn_state,
                           num_hiddens, vocab_size, ctx, idx_to_char,
                           char_to_idx)

    if compiled:
        step = Traced(step, params, rewrite=rewrite)
    history, epochs = [], EpochBar(num_epochs)
    for epoch in epochs:
        losses, norms, start = [], [], time.time()
        state = init_rnn_state(batch_size, num_hiddens, ctx)
        for X, Y in data_iter(corpus_indices, batch_size, num_steps, ctx,
                              vocab_size=vocab_size):
            if is_random_iter:  # batches do not follow one another
                state = init_rnn_state(batch_size, num_hiddens, ctx)
            # the gradient stops here: only num_steps back in time
            state = tuple(s.detach() for s in state)
            with autograd.record():
                l, *state = step(X, Y, *state)
            l.backward()
            norms.append(grad_clipping(params, clipping_theta, ctx))
            sgd(params, lr, 1)  # the loss is a mean already
            losses.append(l)
        end_epoch(history, losses, norms, X.size, start, lr, clipping_theta)
        epochs.note(f"perplexity {history[-1]['perplexity']:.3f}")
        if (epoch + 1) % pred_period == 0:
            print_epoch(history[-1], predict, prefixes)
    return history


@converted(check_loop)
def train_and_predict_rnn_gluon(model, num_hiddens, vocab_size, ctx,
                                corpus_indices, idx_to_char, char_to_idx,
                                num_epochs, num_steps, lr, clipping_theta,
                                batch_size, pred_period, pred_len, prefixes):
    """Train a Gluon model with consecutive sampling, and print lyrics.

    ``model``
        ``model(X, state)`` returns scores of shape (num_steps * batch_size,
        vocab_size) and the new state. The model is initialised anew.
    the others
        As in ``train_and_predict_rnn``.

    Print, return and raise as ``train_and_predict_rnn`` does. Source: D2L
    (Chinese, first edition) 6.5.2.
    """
    check_training(num_epochs, lr, clipping_theta, pred_period, pred_len,
                   prefixes, char_to_idx)
    loss = gloss.SoftmaxCrossEntropyLoss()
    model.initialize(ctx=ctx, force_reinit=True, init=init.Normal(0.01))
    trainer = gluon.Trainer(model.collect_params(), "sgd",
                            {"learning_rate": lr, "momentum": 0, "wd": 0})

    def predict(prefix):
        return predict_rnn_gluon(prefix, pred_len, model, vocab_size, ctx,
                                 idx_to_char, char_to_idx)

    history, epochs = [], EpochBar(num_epochs)
    for epoch in epochs:
        losses, norms, start = [], [], time.time()
        state = model.begin_state(batch_size=batch_size, ctx=ctx)
        for X, Y in data_iter_consecutive(corpus_indices, batch_size,
                                          num_steps, ctx,
                                          vocab_size=vocab_size):
            # the gradient stops here: only num_steps back in time
            state = [s.detach() for s in state]
            with autograd.record():
                output, state = model(X, state)
                y = Y.T.reshape((-1,))  # (num_steps * batch_size,)
                l = loss(output, y).mean()
            l.backward()
            params = [p.data() for p in model.collect_params().values()]
            norms.append(grad_clipping(params, clipping_theta, ctx))
            trainer.step(1)  # the loss is a mean already
            losses.append(l)
        end_epoch(history, losses, norms, X.size, start, lr, clipping_theta)
        epochs.note(f"perplexity {history[-1]['perplexity']:.3f}")
        if (epoch + 1) % pred_period == 0:
            print_epoch(history[-1], predict, prefixes)
    return history
