"""What a training reads: mini-batches of a text, and the part held out.

A feed has

* ``corpus``, ``settings`` (what it was made with), ``batch_size``;
* ``unit``, and ``units``: how many of them each mini-batch of an epoch has;
* ``epoch(rng)``: the mini-batches ``(x, y)`` of an epoch, as arrays;
* ``loss(output, y)``: the array of losses whose sum is made smaller;
* ``measure(model, losses)``: the record of an epoch, a dict, from its mean
  losses; ``intro()`` and ``line(record)``: what is printed of it, if at all.
"""
import math
from itertools import islice

import numpy as np
from d2lrnn.basics.checks import check_numbers, shown
from d2lrnn.basics.environment import context_of
from d2lrnn.basics.measures import perplexity
from d2lrnn.data.corpus import Corpus
from d2lrnn.data.samplers import check_ids, ptb_iterator
from d2lrnn.data.tokens import UNKNOWN
from d2lrnn.training.evaluation import cross_entropy, evaluate, mean_loss
from mxnet import nd


class Rows:
    """A corpus laid out in rows, with the state carried along them.

    Each mini-batch is the next num_steps columns. An epoch begins at an
    offset of its own; the last ``held_out`` of the corpus is not in it.
    """

    loss = staticmethod(mean_loss)

    def __init__(self, corpus, batch_size, num_steps, held_out):
        check_corpus(corpus)
        self.settings = check_numbers(
            batch_size=batch_size, num_steps=num_steps, held_out=held_out)
        batch_size, num_steps, held_out = self.settings.values()
        self.corpus, self.unit = corpus, corpus.level
        self.batch_size, self.num_steps = batch_size, num_steps
        self.train_ids, self.held_out_ids, self.unk = split(corpus, held_out)
        # raises for a short text
        ptb_iterator(self.train_ids, batch_size, num_steps)
        num_batches = (len(self.train_ids) // batch_size - 1) // num_steps
        self.units = [batch_size * num_steps] * num_batches

    def intro(self):
        """Say how much is read, and how much held out."""
        return (f"{len(self.train_ids):,} {self.unit}s to train on, "
                f"{len(self.held_out_ids):,} held out, "
                f"{np.mean(self.held_out_ids == self.unk):.2%} of them <unk>")

    def epoch(self, rng):
        """Yield x, (batch_size, num_steps), and y, step by step in a row."""
        spare = len(self.train_ids) - sum(self.units) - self.batch_size
        batches = ptb_iterator(self.train_ids[rng.integers(spare + 1):],
                               self.batch_size, self.num_steps)
        for x, y in islice(batches, len(self.units)):
            yield x, y.T.reshape(-1)

    def measure(self, model, losses):
        """Return the record of an epoch, with the held-out text's."""
        # of a graph whose shapes are static, the last bit of a score depends
        # on where in memory its arrays happen to lie; not so in training
        model.hybridize(static_alloc=True, static_shape=False)
        held_out, targets = evaluate(model, self.held_out_ids,
                                     self.batch_size, self.num_steps)
        model.hybridize(static_alloc=True, static_shape=True)
        return text_record(self, losses.sum(), held_out, targets)

    def line(self, record):
        """Return what is printed of an epoch."""
        return text_line(record)


class Windows:
    """Windows of Tx ids, one every ``stride``, each with the id after it.

    An epoch has all windows, shuffled, and each begins with a state of
    zeros. Those of the last ``held_out`` of the corpus are not in it.
    """

    loss = staticmethod(mean_loss)

    def __init__(self, corpus, Tx, stride, batch_size, held_out):
        check_corpus(corpus)
        self.settings = check_numbers(Tx=Tx, stride=stride,
                                      batch_size=batch_size,
                                      held_out=held_out)
        Tx, stride, batch_size, held_out = self.settings.values()
        self.corpus, self.unit, self.batch_size = corpus, "window", batch_size
        train_ids, held_out_ids, self.unk = split(corpus, held_out)
        self.X, self.Y = cut(train_ids, Tx, stride)
        self.held_out = cut(held_out_ids, Tx, stride)
        num_windows = len(self.Y)
        self.units = [min(batch_size, num_windows - i)
                      for i in range(0, num_windows, batch_size)]

    def intro(self):
        """Say how much is read, and how much held out."""
        return (f"{len(self.Y):,} windows to train on, "
                f"{len(self.held_out[1]):,} held out")

    def epoch(self, rng):
        """Yield x, (batch_size, Tx), and y, (batch_size,)."""
        order = rng.permutation(len(self.Y))
        for i in range(0, len(order), self.batch_size):
            chosen = order[i:i + self.batch_size]
            yield self.X[chosen], self.Y[chosen]

    def measure(self, model, losses):
        """Return the record of an epoch, with the held-out windows'."""
        X, Y = self.held_out
        held_out, ctx = [], context_of(model)
        for i in range(0, len(Y), self.batch_size):
            x, y = (nd.array(ids[i:i + self.batch_size], ctx)
                    for ids in (X, Y))
            held_out.append(cross_entropy(model(x)[0], y).asnumpy())
        return text_record(self, losses.sum(), np.concatenate(held_out), Y)

    def line(self, record):
        """Return what is printed of an epoch."""
        return text_line(record)


def check_corpus(corpus):
    """Raise ``ValueError`` for what is no ``Corpus``."""
    if not isinstance(corpus, Corpus):
        raise ValueError(f"corpus is {shown(corpus)}: give what load_corpus "
                         f"returns")


def cut(ids, Tx, stride):
    """Return all windows of ids, (m, Tx), and the id after each, (m,).

    Nothing is copied. Raise ``ValueError`` where there is no window.

    >>> X, Y = cut(np.arange(8), Tx=3, stride=2)
    >>> X.tolist(), Y.tolist()
    ([[0, 1, 2], [2, 3, 4], [4, 5, 6]], [3, 5, 7])
    """
    Tx, stride = check_numbers(Tx=Tx, stride=stride).values()
    ids = check_ids(ids)
    if len(ids) <= Tx:
        raise ValueError(f"{len(ids)} ids are too few for a window of {Tx} "
                         f"and the one after it: use a longer text, or a "
                         f"smaller Tx")
    windows = np.lib.stride_tricks.sliding_window_view(ids, Tx + 1)[::stride]
    return windows[:, :-1], windows[:, -1]


def split(corpus, held_out):
    """Return the ids to train on, those held out, and the id of ``<unk>``.

    What occurs in the held-out part alone gets the id of ``<unk>``, or, where
    the vocabulary has none, the first id that training never sees. Of a text
    in the vocabulary of another, what the vocabulary lacks is ``<unk>``, and
    nothing else: an entry that this text is trained on without may well be
    one that the model has learned from the other.
    """
    check_corpus(corpus)
    held_out = check_numbers(held_out=held_out)["held_out"]
    ids = corpus.corpus_indices
    num_train = len(ids) - round(len(ids) * held_out)
    train, rest = ids[:num_train], ids[num_train:]
    if len(rest) < 2:
        raise ValueError(f"held_out is {held_out}, of {len(ids)} ids too few "
                         f"to measure on: use more, or a longer text")
    if not corpus.own_vocabulary:
        return train, rest, corpus.char_to_idx.get(UNKNOWN, -1)
    seen = np.bincount(train, minlength=corpus.vocab_size) > 0
    unseen = np.flatnonzero(~seen)
    unk = corpus.char_to_idx.get(UNKNOWN, unseen[0] if len(unseen) else -1)
    return train, np.where(seen[rest], rest, unk).astype(rest.dtype), unk


def text_record(feed, loss, held_out_losses, targets):
    """Return the record of an epoch on a text: losses in three units."""
    corpus, is_unk = feed.corpus, targets == feed.unk
    unit_len = corpus.num_chars / len(corpus.corpus_indices)
    held_out_loss = float(held_out_losses.mean(dtype="float64"))
    per_char = 1 / math.log(2) / unit_len  # bits a character for each nat
    return {
        "characters": sum(feed.units),
        "loss": float(loss), "perplexity": perplexity(loss),
        "bits_per_char": loss * per_char,
        "held_out_loss": held_out_loss,
        "held_out_perplexity": perplexity(held_out_loss),
        "held_out_bits_per_char": held_out_loss * per_char,
        "held_out_unk": float(is_unk.mean()),
        "held_out_known_loss": None if is_unk.all() else float(
            held_out_losses[~is_unk].mean(dtype="float64"))}


def text_line(record):
    """Return what is printed of an epoch on a text."""
    return ("epoch {epoch}, perplexity {perplexity:.3f}, held out "
            "{held_out_perplexity:.3f} ({held_out_bits_per_char:.3f} "
            "bits/char), {seconds:.1f} sec".format(**record))
