"""What training reads: mini-batches, their loss, and what is measured."""
from abc import ABC, abstractmethod
from itertools import islice

import numpy as np
from d2lrnn.basics.checks import check_numbers
from d2lrnn.basics.environment import context_of
from d2lrnn.basics.measures import perplexity
from d2lrnn.data.corpus import check_corpus, check_held_out, split
from d2lrnn.data.samplers import check_ids, ptb_iterator
from d2lrnn.data.tokens import unit_of
from d2lrnn.training.evaluation import (
    cross_entropy,
    in_rows,
    losses_of_rows,
    mean_loss,
    repeatable,
    text_record,
)
from d2lrnn.training.together import ALONE, portion
from mxnet import nd

__all__ = ["Feed", "Rows", "Share", "Windows", "cut", "shared", "split"]


class Feed(ABC):
    """The input of ``fit_feed``; derive your own feeds from this class.

    ``corpus`` is the ``Corpus`` whose vocabulary the ids belong to. ``units``
    lists how many units each mini-batch of an epoch holds; ``unit`` names one,
    such as "window". ``settings`` are the arguments of the feed, including
    ``batch_size``: a run resumes only with the same settings.

    A feed must define ``epoch``; ``loss``, ``intro``, ``measure`` and
    ``line`` have defaults. If ``measure`` returns a held_out_loss, it
    decides on the best model and on ``patience``; otherwise, the loss does.
    If another text is measured than the end of the corpus,
    ``held_out_corpus`` is its ``Corpus``. To be trained on by several workers,
    a feed may also define ``part`` and ``weight``; ``together`` are the
    workers.
    """

    together, held_out_corpus = ALONE, None

    def __init__(self, corpus, unit, units, **settings):
        check_corpus(corpus)
        self.batch_size = check_numbers(
            batch_size=settings.get("batch_size"))["batch_size"]
        self.corpus, self.unit, self.units = corpus, unit, units
        self.settings = settings

    @abstractmethod
    def epoch(self, rng):
        """Yield the mini-batches ``(x, y)`` of an epoch, as NumPy arrays.

        There are ``len(units)`` of them, in an order drawn from ``rng``, a
        NumPy Generator for this epoch alone: a run that resumes within an
        epoch skips the mini-batches already used.
        """

    @staticmethod
    def loss(output, y):
        """Return the loss of a mini-batch, or an array of partial losses.

        Training minimizes the sum. The default is the mean cross-entropy.
        """
        return mean_loss(output, y)

    def part(self, x, y, rows):
        """Return some rows of a mini-batch; ``rows`` is a slice."""
        return x[rows], y[rows]

    def weight(self, x):
        """Return how much some rows contribute to a mini-batch's loss."""
        return len(x)

    def intro(self):
        """Return the line to print before the first epoch."""
        return f"{sum(self.units):,} {self.unit}s to train on"

    def measure(self, model, losses):
        """Return the record of an epoch as a dict.

        ``losses`` is the epoch's mean of what ``loss`` returns. The record
        must have characters, loss and perplexity.
        """
        loss = float(losses.sum())
        return {"characters": sum(self.units), "loss": loss,
                "perplexity": perplexity(loss)}

    def line(self, record):
        """Return the line to print after an epoch, or None for no line."""
        words = ["epoch {epoch}, perplexity {perplexity:.3f}"]
        if "held_out_perplexity" in record:
            words.append(", held out {held_out_perplexity:.3f}")
        if "held_out_bits_per_char" in record:
            words.append(" ({held_out_bits_per_char:.3f} bits/char)")
        return "".join([*words, ", {seconds:.1f} sec"]).format(**record)


class Rows(Feed):
    """A corpus laid out in rows, with the state carried along them.

    Each mini-batch is the next num_steps columns. An epoch begins at a random
    offset; the share ``held_out`` at the end of the corpus is left out, or
    nothing if that is another ``Corpus``.
    """

    def __init__(self, corpus, batch_size, num_steps, held_out):
        settings = check_numbers(batch_size=batch_size, num_steps=num_steps)
        batch_size, self.num_steps = settings.values()
        settings["held_out"], self.held_out_corpus = check_held_out(held_out)
        self.train_ids, self.held_out_ids, self.unk = split(corpus, held_out)
        # raises for a short text
        ptb_iterator(self.train_ids, batch_size, self.num_steps)
        num_batches = (len(self.train_ids) // batch_size - 1) // self.num_steps
        super().__init__(corpus, unit_of(corpus.level),
                         [batch_size * self.num_steps] * num_batches,
                         **settings)

    def intro(self):
        """Return a line on how much is read, and how much is held out."""
        return (f"{len(self.train_ids):,} {self.unit}s to train on, "
                f"{len(self.held_out_ids):,} held out, "
                f"{np.mean(self.held_out_ids == self.unk):.2%} of them <unk>")

    def epoch(self, rng):
        """Yield x, (batch_size, num_steps), and y, flattened step by step."""
        spare = len(self.train_ids) - sum(self.units) - self.batch_size
        batches = ptb_iterator(self.train_ids[rng.integers(spare + 1):],
                               self.batch_size, self.num_steps)
        for x, y in islice(batches, len(self.units)):
            yield x, y.T.reshape(-1)

    def part(self, x, y, rows):
        """Return some rows of a mini-batch, y flattened step by step."""
        return x[rows], y.reshape(-1, len(x))[:, rows].reshape(-1)

    def measure(self, model, losses):
        """Return the record of an epoch, with the held-out text's losses."""
        X, targets = in_rows(self.held_out_ids, self.batch_size)
        rows = portion(len(X), self.together.rank, self.together.size)
        held_out = self.together.gather(losses_of_rows(
            model, X[rows], targets[rows], self.num_steps))
        return text_record(self, losses.sum(), held_out, targets)


class Windows(Feed):
    """Windows of Tx ids, one every ``stride`` ids, each with the next id.

    An epoch reads all windows in random order, each from a state of zeros,
    except those in the share ``held_out`` at the end of the corpus, unless
    that is another ``Corpus``.
    """

    def __init__(self, corpus, Tx, stride, batch_size, held_out):
        settings = check_numbers(Tx=Tx, stride=stride, batch_size=batch_size)
        Tx, stride, batch_size = settings.values()
        settings["held_out"], self.held_out_corpus = check_held_out(held_out)
        train_ids, held_out_ids, self.unk = split(corpus, held_out)
        self.X, self.Y = cut(train_ids, Tx, stride)
        self.held_out = cut(held_out_ids, Tx, stride, "held-out ids")
        num_windows = len(self.Y)
        super().__init__(corpus, "window",
                         [min(batch_size, num_windows - i)
                          for i in range(0, num_windows, batch_size)],
                         **settings)

    def intro(self):
        """Return a line on how much is read, and how much is held out."""
        return f"{super().intro()}, {len(self.held_out[1]):,} held out"

    def epoch(self, rng):
        """Yield x, (batch_size, Tx), and y, (batch_size,)."""
        order = rng.permutation(len(self.Y))
        for i in range(0, len(order), self.batch_size):
            chosen = order[i:i + self.batch_size]
            yield self.X[chosen], self.Y[chosen]

    def measure(self, model, losses):
        """Return the record of an epoch, with the held-out windows' losses."""
        X, Y = self.held_out
        held_out, ctx = [np.zeros(0, np.float32)], context_of(model)
        own = portion(len(Y), self.together.rank, self.together.size)
        with repeatable(model):
            for i in range(own.start, own.stop, self.batch_size):
                x, y = (nd.array(ids[i:min(i + self.batch_size, own.stop)],
                                 ctx) for ids in (X, Y))
                held_out.append(cross_entropy(model(x)[0], y).asnumpy())
        held_out = self.together.gather(np.concatenate(held_out))
        return text_record(self, losses.sum(), held_out, Y)


class Share(Feed):
    """A worker's rows of the mini-batches of another feed.

    The losses, and so the gradients, of all workers add up to those of the
    whole mini-batch. Raise ``ValueError`` for a batch_size that the number of
    workers does not divide.
    """

    def __init__(self, feed, together):
        if feed.batch_size % together.size:
            fits = feed.batch_size // together.size * together.size
            raise ValueError(
                f"batch_size {feed.batch_size} cannot be divided among "
                f"{together.size} workers: make it "
                f"{f'{fits} or ' if fits else ''}{fits + together.size}")
        super().__init__(feed.corpus, feed.unit, feed.units, **feed.settings)
        self.whole, self.together, self._weight = feed, together, 1.0
        self.held_out_corpus = feed.held_out_corpus
        self.intro, self.line, self.measure = (feed.intro, feed.line,
                                               feed.measure)

    def epoch(self, rng):
        """Yield this worker's rows of each mini-batch.

        A worker whose rows are all empty reads the whole mini-batch, and its
        loss does not count.
        """
        for x, y in self.whole.epoch(rng):
            rows = portion(len(x), self.together.rank, self.together.size)
            own = self.whole.part(x, y, rows)
            weight = self.whole.weight(own[0])
            self._weight = weight / self.whole.weight(x)
            yield own if weight else (x, y)

    def loss(self, output, y):
        """Return this worker's part of the loss of the whole mini-batch."""
        return self.whole.loss(output, y) * self._weight


def shared(feed, together):
    """Return what one of the workers reads of a feed."""
    feed.together = together
    return feed if together.size == 1 else Share(feed, together)


def cut(ids, Tx, stride, name="ids"):
    """Return the windows of ids, (m, Tx), and the id after each, (m,).

    A window begins at every ``stride``-th id. Nothing is copied. Raise
    ``ValueError``, in which the ids are called ``name``, if there are too few
    for one window.

    >>> X, Y = cut(np.arange(8), Tx=3, stride=2)
    >>> X.tolist(), Y.tolist()
    ([[0, 1, 2], [2, 3, 4], [4, 5, 6]], [3, 5, 7])
    """
    Tx, stride = check_numbers(Tx=Tx, stride=stride).values()
    ids = check_ids(ids)
    if len(ids) <= Tx:
        raise ValueError(f"{len(ids)} {name} are too few for a window of "
                         f"{Tx} and the one after it: use a longer text, or a "
                         f"smaller Tx")
    windows = np.lib.stride_tricks.sliding_window_view(ids, Tx + 1)[::stride]
    return windows[:, :-1], windows[:, -1]
