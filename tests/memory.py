"""Repeat one thing in this process; print the KB that each time keeps.

``python tests/memory.py NAME TIMES`` warms up, takes the memory before, in
the middle and after, and prints the growth of the quieter half.
"""
import gc
import os
import sys
from contextlib import redirect_stdout
from functools import partial
from itertools import pairwise

import d2lrnn as d2l
from book_cells import GRU, LSTM, MINGRU, MINLSTM, RNN, both_ways, deep
from d2lrnn import jazz, shakespeare
from d2lrnn.models.cells import CELLS
from mxnet import autograd, nd
from mxnet.gluon import loss as gloss
from mxnet.gluon import rnn as rnn_layers

V, T, B, H = 3, 6, 4, 8
ABC = d2l.load_corpus("abc" * 12)
SCRATCH = {"rnn": RNN, "gru": GRU, "lstm": LSTM, "mingru": MINGRU,
           "minlstm": MINLSTM, "deep lstm": deep(*LSTM),
           "bi gru": both_ways(*GRU)}


def book_call(**options):
    """Return a call of train_and_predict_rnn."""
    cell, get_params, init_state = LSTM
    return partial(d2l.train_and_predict_rnn, cell, get_params, init_state, H,
                   V, None, ABC[0], ABC[2], ABC[1], False, 1, T, 1, 1, B, 1,
                   5, ["ab"], **options)


def epochs(cell, get_params, init_state, compiled=True):
    """Return an epoch, of four steps, of a training that goes on."""
    params = get_params(V, H, None)
    loss = gloss.SoftmaxCrossEntropyLoss()

    def step(X, Y, *state):
        outputs, state = cell(d2l.to_onehot(X, V), state, params)
        return [loss(nd.concat(*outputs, dim=0), Y.T.reshape((-1,))).mean(),
                *state]

    if compiled:
        step = d2l.Traced(step, params)

    def epoch():
        for X, Y in list(d2l.data_iter_consecutive(ABC[0], 1, T))[:4]:
            state = init_state(1, H, None)
            with autograd.record():
                loss, *_ = step(X, Y, *state)
            loss.backward()
            d2l.grad_clipping(params, 1)
            d2l.sgd(params, 0.1, 1)
        loss.asnumpy()
        assert not compiled or not step.reasons
    return epoch


def gluon_call():
    """Return a call of train_and_predict_rnn_gluon."""
    model = d2l.RNNModel(rnn_layers.LSTM(H), V)
    return partial(d2l.train_and_predict_rnn_gluon, model, H, V, None, ABC[0],
                   ABC[2], ABC[1], 1, T, 1, 1, B, 1, 5, ["ab"])


def fitted(cell, unroll, embed_size):
    """Return an epoch of fit."""
    model = d2l.CharRNN(V, embed_size, H, 2, cell, unroll=unroll)
    return partial(d2l.fit, model, ABC, 1, 0.01, batch_size=2, num_steps=T)


def poems():
    model = d2l.WindowLSTM(V, H, Tx=T)
    return partial(shakespeare.fit, model, ABC, 1, stride=3, batch_size=8,
                   held_out=0.4)


def tunes():
    music = jazz.load_music_utils(m=6, Tx=5)
    return partial(jazz.fit, jazz.djmodel(5, H, music.n_values), music, 1)


SUBJECTS = {
    **{f"epochs of {name}": partial(epochs, *parts)
       for name, parts in SCRATCH.items()},
    "imperative epochs": partial(epochs, *LSTM, compiled=False),
    "calls": book_call, "calls without rewriting": partial(
        book_call, rewrite=False),
    "imperative calls": partial(book_call, compiled=False),
    "calls of gluon's": gluon_call, "poems": poems, "tunes": tunes,
    **{f"fit {cell} {unroll} {embed_size}": partial(
        fitted, cell, unroll, embed_size)
       for cell in CELLS
       for unroll in ("static", "foreach", "fused")
       for embed_size in (None, 5)
       if unroll != "fused" or CELLS[cell].mode}}


def resident():
    """Return the memory of this process that is not on a disk, in KB."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


def kept(subject, times):
    """Return the KB that each time keeps, in the quieter of two halves."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        once, sizes = subject(), []
        for n in range(3 * times):
            if n % times == 0:
                sizes.append(resident())
            once()
        sizes.append(resident())
    return min(b - a for a, b in pairwise(sizes[1:])) / times


if __name__ == "__main__":
    print(f"{kept(SUBJECTS[sys.argv[1]], int(sys.argv[2])):.2f}")
