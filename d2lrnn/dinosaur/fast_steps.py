"""Learn from a name with the same results in less time.

With a small network, most of the time is spent calling NumPy. Only what
depends on the previous step is computed step by step; the rest is computed
for all steps at once, in memory that is used again for the next name.
"""
import numpy as np
from d2lrnn.dinosaur.checks import keys, unpack

__all__ = ["Buffers"]


class Buffers:
    """Memory for the steps and the gradients of names.

    ``gradients`` has the clipped gradients of the last call of ``step``; the
    next call overwrites them.
    """

    def __init__(self, parameters):
        Wax, _, Wya, _, _ = arrays = unpack(parameters)
        (self.n_a, self.n_x), self.n_y = Wax.shape, len(Wya)
        self.dtype = np.result_type(*arrays)
        self._flat = self._empty(sum(array.size for array in arrays))
        self._scaled = np.empty_like(self._flat)
        self.gradients = gradient_views(self._flat, parameters)
        self._unpacked = unpack(self.gradients, "d")
        self._changes = unpack(gradient_views(self._scaled, parameters), "d")
        # a row for each character, and a row of zeros for None
        self._onehot = np.eye(self.n_x + 1, self.n_x, dtype=self.dtype)
        self._inputs = self._empty(self.n_x + 1, self.n_a)
        self._grow(24)  # most names are shorter

    def _empty(self, *shape):
        return np.empty(shape, dtype=self.dtype)

    def _grow(self, num_steps):
        """Make room for a name of ``num_steps`` characters, a row for each."""
        self._num_steps = num_steps
        self._a = self._empty(num_steps + 1, self.n_a)  # beginning with a_prev
        self._y = self._empty(num_steps, self.n_y)
        self._row_starts = np.arange(num_steps) * self.n_y  # in self._y
        self._x, self._da, self._dz, self._slope = (
            self._empty(num_steps, self.n_a) for _ in range(4))
        # lists of rows, since loops read lists faster than arrays
        self._rows = [list(array) for array in (
            self._a, self._x, self._da, self._dz, self._slope)]

    def step(self, X, Y, a_prev, parameters, learning_rate, maxValue):
        """Learn from a name, and return its ``(loss, a_last)``.

        Nothing is checked here, for speed; ``optimize`` checks all of it.

        - ``X``, ``Y``: the ids of the name, as ``encode`` returns them
        - ``a_prev``: the first state, of shape (n_a, 1)
        - ``parameters``: a dict, updated in place
        - ``learning_rate``: what gradients are multiplied by in the update
        - ``maxValue``: the bound to which gradients are clipped
        """
        if len(X) > self._num_steps:
            self._grow(2 * len(X))
        ids = np.array([self.n_x if x is None else x for x in X])
        params = unpack(parameters)
        loss, a, dy = self._forward(ids, Y, a_prev, params)
        self._backward(ids, a, dy, params)
        flat = self._flat
        # clipping is rarely needed; a small norm rules it out at once
        if not flat.dot(flat) <= maxValue * maxValue:
            np.clip(flat, -maxValue, maxValue, out=flat)
        np.multiply(flat, learning_rate, out=self._scaled)
        for param, change in zip(params, self._changes, strict=True):
            param -= change
        return loss, a[-1].copy().reshape(-1, 1)

    def _forward(self, ids, Y, a_prev, params):
        """Return the loss, the states, and the gradients of the scores."""
        Wax, Waa, Wya, b, by = params
        # the product of Wax with a one-hot vector is a column: look it up
        np.add(Wax.T, b.T, out=self._inputs[:-1])
        self._inputs[-1] = b[:, 0]
        T = len(ids)
        self._inputs.take(ids, 0, self._x[:T], "clip")
        a = self._a[:T + 1]
        a[0] = a_prev[:, 0]
        states, inputs, *_ = self._rows
        # passed as the last argument, since out=... makes each call slower
        product, add, tanh = Waa.dot, np.add, np.tanh
        for before, after, x in zip(states, states[1:T + 1], inputs,
                                    strict=False):
            product(before, after)
            add(after, x, after)
            tanh(after, after)
        y = a[1:].dot(Wya.T, self._y[:T])  # (T, n_y)
        y += by.T
        y -= np.maximum.reduce(y, axis=1, keepdims=True)
        right = self._row_starts[:T] + Y
        scores = y.reshape(-1)  # the same memory
        loss = -np.add.reduce(scores[right])
        np.exp(y, out=y)
        total = np.add.reduce(y, axis=1, keepdims=True)
        loss += np.add.reduce(np.log(total[:, 0]))
        y /= total  # probabilities
        scores[right] -= 1
        return loss, a, y

    def _backward(self, ids, a, dy, params):
        """Compute the gradients, from the last step to the first."""
        _, Waa, Wya, _, _ = params
        dWax, dWaa, dWya, db, dby = self._unpacked
        T = len(ids)
        dy.dot(Wya, self._da[:T])
        slope = np.multiply(a[1:], a[1:], out=self._slope[:T])
        np.subtract(1, slope, out=slope)
        da_next = np.zeros(self.n_a, dtype=self.dtype)
        _, _, da, dz, slope = self._rows
        product, add, multiply = Waa.T.dot, np.add, np.multiply
        for t in range(T - 1, -1, -1):
            add(da_next, da[t], da_next)
            multiply(da_next, slope[t], dz[t])
            product(dz[t], da_next)
        dz = self._dz[:T]
        dz.T.dot(self._onehot[ids], dWax)
        dz.T.dot(a[:-1], dWaa)
        dy.T.dot(a[1:], dWya)
        np.add.reduce(dz, out=db[:, 0])
        np.add.reduce(dy, out=dby[:, 0])


def gradient_views(flat, parameters):
    """Return a dict of gradients that are views of one array."""
    pieces, start = {}, 0
    for key in keys(parameters):
        stop = start + parameters[key].size
        pieces["d" + key] = flat[start:stop].reshape(parameters[key].shape)
        start = stop
    return pieces
