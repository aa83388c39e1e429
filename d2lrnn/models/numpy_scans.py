"""The layers of minGRU and minLSTM in NumPy."""
import os
import threading
from itertools import pairwise

import numpy as np
from d2lrnn.models.numpy_cells import LARGEST
from d2lrnn.models.numpy_operator import Layer

__all__ = ["MinGRU", "MinLSTM"]

CACHED = 2 ** 16  # numbers: an array of this size stays in the cache


class Mixed(Layer):
    """A layer whose gates read its input alone.

    Each state is a mixture, H = share * H + (1 - share) * H_tilde. ``X`` holds
    the input products of all gates, then H_tilde. The examples of a mini-batch
    are independent of one another, so threads share the work.
    """

    INPUTS = ("X", "H")
    KEPT = (1.0,)

    def run(self, X, H, Y, share):
        """Run the steps."""
        by_examples(self.mix, X, Y, share)
        spare = np.empty_like(H)
        for share_t, Y_t in zip(share, Y, strict=True):
            np.multiply(share_t, H, out=spare)
            H = np.add(Y_t, spare, out=Y_t)

    def mix(self, X, Y, share):
        """Write the shares, and (1 - share) * H_tilde."""
        n = Y.shape[2]
        for steps in blocks(Y):
            self.share(X[steps, :, :-n], share[steps])
            np.subtract(1, share[steps], out=Y[steps])
            Y[steps] *= X[steps, :, -n:]

    def back(self, dY, X, H, Y, share, dX, dH):
        """Write the gradients of X and H."""
        dH[:], dmixed = 0, dX[:, :, -H.shape[1]:]
        for share_t, dY_t, dmixed_t in zip(share[::-1], dY[::-1],
                                           dmixed[::-1], strict=True):
            np.add(dY_t, dH, out=dmixed_t)
            np.multiply(share_t, dmixed_t, out=dH)
        by_examples(self.mix_back, X, Y, share, dX, H)

    def mix_back(self, X, Y, share, dX, H):
        """Write dX, whose last columns hold the states' gradients on entry."""
        n = H.shape[1]
        for steps in blocks(Y):
            dmixed = dX[steps, :, -n:]
            before = Y[steps.start - 1] if steps.start else H
            dshare = np.concatenate([before[None], Y[steps][:-1]])
            dshare -= X[steps, :, -n:]
            dshare *= dmixed
            dmixed *= 1 - share[steps]
            self.gate_gradients(dshare, share[steps], X[steps, :, :-n],
                                dX[steps, :, :-n])


class MinGRU(Mixed):
    """The minGRU, whose share is 1 - sigmoid(X)."""

    @staticmethod
    def share(X, share):
        """Write sigmoid(-X)."""
        not_sigmoid(X, share)

    @staticmethod
    def gate_gradients(dshare, share, X, dX):
        """Write the gradient of X."""
        np.multiply(dshare, share, out=dX)
        dX *= share - 1


class MinLSTM(Mixed):
    """The minLSTM, whose share is F / (F + I)."""

    @staticmethod
    def share(X, share):
        """Write the share, (1 / I) / (1 / I + 1 / F)."""
        n = share.shape[2]
        minus = -X
        scale = np.maximum(minus[:, :, :n], minus[:, :, n:])
        np.maximum(scale, 0, out=scale)
        # both are multiplied by exp(-scale), so that neither overflows
        minus[:, :, :n] -= scale
        minus[:, :, n:] -= scale
        np.exp(minus, out=minus)
        np.exp(np.negative(scale, out=scale), out=scale)
        np.add(minus[:, :, :n], scale, out=share)
        scale += minus[:, :, n:]
        scale += share
        share /= scale

    @staticmethod
    def gate_gradients(dshare, share, X, dX):
        """Write the gradients of X_i and X_f."""
        n = share.shape[2]
        dshare *= share
        dshare *= 1 - share
        not_sigmoid(X, dX)
        dX[:, :, n:] *= dshare
        dX[:, :, :n] *= np.negative(dshare, out=dshare)


def not_sigmoid(x, out):
    """Write sigmoid(-x), which is 1 - sigmoid(x)."""
    np.minimum(x, LARGEST, out=out)
    np.exp(out, out=out)
    out += 1
    np.reciprocal(out, out=out)


def by_examples(function, *arrays):
    """Call a function on the examples of a mini-batch, in several threads.

    The examples are along the last axis but one of each array.
    """
    batch_size = arrays[0].shape[-2]
    num_threads = min(int(os.environ.get("OMP_NUM_THREADS") or 1), batch_size,
                      1 + arrays[0].size // (8 * CACHED))
    bounds = [batch_size * i // num_threads for i in range(num_threads + 1)]
    first, *others = ([array[..., begin:end, :] for array in arrays]
                      for begin, end in pairwise(bounds))
    threads = [threading.Thread(target=function, args=part)
               for part in others]
    for thread in threads:
        thread.start()
    function(*first)
    for thread in threads:
        thread.join()


def blocks(Y):
    """Return slices of steps whose arrays fit into the cache."""
    size = max(1, CACHED // Y[0].size)
    return [slice(i, min(i + size, len(Y))) for i in range(0, len(Y), size)]
