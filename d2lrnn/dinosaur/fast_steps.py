"""Learn from a name quickly: the same numbers in less time.

With a small network, most of the time goes into calling NumPy. Only what
depends on the previous step is computed step by step; the rest is one product
for all steps, in memory that is used again for the next name.
"""
import numpy as np
from d2lrnn.dinosaur.checks import keys, unpack

__all__ = ["Buffers"]


class Buffers:
    """Memory for the steps and the gradients of names.

    ``gradients`` are the clipped gradients of the last call of ``step``, which
    the next call overwrites.
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
        self._x, self._da, self._dz, self._slope = (
            self._empty(num_steps, self.n_a) for _ in range(4))
        # lists of rows, which loops read faster than arrays
        self._rows = [list(array) for array in (
            self._a, self._x, self._da, self._dz, self._slope)]

    def step(self, X, Y, a_prev, parameters, learning_rate, maxValue):
        """Learn from a name: return its ``(loss, a_last)``.

        - ``X``, ``Y``: the ids of the name, as ``encode`` returns them
        - ``a_prev``: the first state, of shape (n_a, 1)
        - ``parameters``: a dict, updated in place
        - ``learning_rate``: the factor of the gradients in the update
        - ``maxValue``: the bound to which gradients are clipped
        """
        if len(X) > self._num_steps:
            self._grow(2 * len(X))
        ids = np.array([self.n_x if x is None else x for x in X])
        params = unpack(parameters)
        loss, a, dy = self._forward(ids, Y, a_prev, params)
        self._backward(ids, a, dy, params)
        flat = self._flat
        # clipping is rarely needed, and checking takes a third of its time
        if not -maxValue <= flat.min() <= flat.max() <= maxValue:
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
        np.take(self._inputs, ids, axis=0, out=self._x[:T], mode="clip")
        a = self._a[:T + 1]
        a[0] = a_prev[:, 0]
        states, inputs, *_ = self._rows
        for t in range(T):
            a_next = states[t + 1]
            Waa.dot(states[t], out=a_next)
            np.add(a_next, inputs[t], out=a_next)
            np.tanh(a_next, out=a_next)
        y = np.dot(a[1:], Wya.T, out=self._y[:T])  # (T, n_y)
        y += by.T
        y -= np.maximum.reduce(y, axis=1, keepdims=True)
        right = np.arange(T), Y
        loss = -np.add.reduce(y[right])
        np.exp(y, out=y)
        total = np.add.reduce(y, axis=1, keepdims=True)
        loss += np.add.reduce(np.log(total[:, 0]))
        y /= total  # probabilities
        y[right] -= 1
        return loss, a, y

    def _backward(self, ids, a, dy, params):
        """Compute the gradients, from the last step to the first."""
        _, Waa, Wya, _, _ = params
        dWax, dWaa, dWya, db, dby = self._unpacked
        T, Waa_T = len(ids), Waa.T
        np.dot(dy, Wya, out=self._da[:T])
        slope = np.multiply(a[1:], a[1:], out=self._slope[:T])
        np.subtract(1, slope, out=slope)
        da_next = np.zeros(self.n_a, dtype=self.dtype)
        _, _, da, dz, slope = self._rows
        for t in range(T - 1, -1, -1):
            np.add(da_next, da[t], out=da_next)
            np.multiply(da_next, slope[t], out=dz[t])
            Waa_T.dot(dz[t], out=da_next)
        dz = self._dz[:T]
        np.dot(dz.T, self._onehot[ids], out=dWax)
        np.dot(dz.T, a[:-1], out=dWaa)
        np.dot(dy.T, a[1:], out=dWya)
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
