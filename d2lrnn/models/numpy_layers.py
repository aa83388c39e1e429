"""Whole layers in NumPy, as operators of MXNet, for cells that it lacks.

MXNet calls an operator for each piece of a step, and for each piece of its
gradient. Here all steps of a layer are one operator, whose arrays stay in the
processor's cache from one piece to the next. The gradients are worked out by
hand, and named as their variables with a d before.
"""
import ctypes
import os
import threading
from itertools import pairwise

import mxnet as mx
import numpy as np
from mxnet.base import _LIB, check_call

__all__ = ["LAYERS", "run_layer"]

CACHED = 2 ** 16  # numbers of an array that stays in the cache
LARGEST = 80  # exp of more would overflow


def memory_of(array):
    """Return the memory of an MXNet array on the CPU as a NumPy array."""
    pointer = ctypes.c_void_p()
    check_call(_LIB.MXNDArrayGetData(array.handle, ctypes.byref(pointer)))
    size = array.size * np.dtype(array.dtype).itemsize
    memory = (ctypes.c_char * size).from_address(pointer.value)
    return np.frombuffer(memory, array.dtype).reshape(array.shape)


def run_layer(F, cell, X, state, params):
    """Return the hidden states of all steps, and the last states.

    ``X`` has the products of all inputs, (num_steps, batch_size, num_gates *
    num_hiddens); ``params`` are the other parameters, by name.
    """
    def last(states):
        return F.slice_axis(states, axis=0, begin=-1, end=None).reshape(
            (-3, 0))

    states = F.Custom(
        X, *(params[name] for name in LAYERS[cell].INPUTS if name in params),
        *state, op_type=f"d2lrnn_{cell}")
    if "C" not in LAYERS[cell].INPUTS:
        return states, [last(states)]
    Y = F.slice_axis(states, axis=0, begin=0, end=-1)
    return Y, [last(Y), last(states)]


class Layer(mx.operator.CustomOp):
    """The steps of a layer: ``run``, and ``back`` for its gradient.

    A subclass names its ``INPUTS``, the last of which are the first states.
    Its output has the hidden state of each step, and behind them, of a cell
    that has a memory cell C, the last one: (num_steps, or one more,
    batch_size, num_hiddens). It keeps for the gradient the arrays that
    ``KEPT`` names, with so many columns for each step and example: a number,
    or a float times num_hiddens.

    ``run`` is called with the inputs, the output, and what is kept, which are
    to be written; ``back`` with the output's gradient, all of these, and the
    gradients of the inputs, which are to be written.
    """

    arrays = None

    def forward(self, is_train, req, in_data, out_data, aux):
        """Write the output."""
        inputs = [memory_of(array) for array in in_data]
        X, H = inputs[0], inputs[-1]
        shape = (*X.shape, H.shape[1])
        if self.arrays is None or self.arrays[0] != shape:
            self.arrays = shape, [np.empty(
                (*X.shape[:2], int(k * H.shape[1]) if isinstance(k, float)
                 else k), X.dtype) for k in self.KEPT]
        self.run(*inputs, memory_of(out_data[0]), *self.arrays[1])

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        """Write the gradients of the inputs, or add them."""
        inputs = [memory_of(array) for array in in_data]
        grads = [memory_of(target) if how in ("write", "inplace")
                 else np.empty_like(array)
                 for target, how, array in zip(in_grad, req, inputs,
                                               strict=True)]
        self.back(memory_of(out_grad[0]), *inputs, memory_of(out_data[0]),
                  *self.arrays[1], *grads)
        for target, how, grad in zip(in_grad, req, grads, strict=True):
            if how == "add":
                target = memory_of(target)
                target += grad


class Mixed(Layer):
    """A layer whose gates read its input alone.

    Each state is a mixture, H = share * H + (1 - share) * H_tilde. ``X`` has
    the inputs of all gates, and H_tilde behind them. The examples of a
    mini-batch have nothing to do with one another, so threads share them.
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
        """Write the gradients of X, behind which are those of the states."""
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
        # both times exp(-scale), so that neither is infinite
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


class LNLSTM(Layer):
    """The LSTM whose four gates are normalised before they are scaled.

    ``X`` has the inputs of all gates. Kept are the memory cells and their
    tanh, the normalised gates, 1 / their standard deviations, and the gates.
    """

    INPUTS = ("X", "h2h_weight", "gamma", "beta", "H", "C")
    KEPT = (1.0, 1.0, 4.0, 4, 4.0)

    def run(self, X, W, gamma, beta, H, C, states,
            cells, tanh_C, normal, over_std, gates):
        """Run the steps."""
        n, W_T = H.shape[1], np.ascontiguousarray(W.T)
        X_t = np.empty_like(X[0])
        for t in range(len(X)):
            np.matmul(H, W_T, out=X_t)
            X_t += X[t]
            normalise(X_t.reshape(-1, 4, n), normal[t].reshape(-1, 4, n),
                      over_std[t])
            np.multiply(normal[t], gamma, out=gates[t])
            gates[t] += beta
            I, forget, C_tilde, O = np.split(gates[t], 4, axis=1)
            sigmoid(gates[t][:, :2 * n])
            np.tanh(C_tilde, out=C_tilde)
            sigmoid(O)
            C = np.multiply(forget, C, out=cells[t])
            C += I * C_tilde
            np.tanh(C, out=tanh_C[t])
            H = np.multiply(O, tanh_C[t], out=states[t])
        states[-1] = C

    def back(self, dstates, X, W, gamma, beta, H, C, states,
             cells, tanh_C, normal, over_std, gates,
             dX, dW, dgamma, dbeta, dH, dC):
        """Write the gradients of the inputs."""
        n, dC[:] = H.shape[1], dstates[-1]
        for grad in (dgamma, dbeta, dH):
            grad[:] = 0
        for t in reversed(range(len(X))):
            dH += dstates[t]
            dgates = memory_gradient(gates[t], cells[t - 1] if t else C,
                                     tanh_C[t], dH, dC)
            dbeta += dgates.sum(axis=0)
            dgamma += np.einsum("bi,bi->i", dgates, normal[t])
            dgates *= gamma
            normalise_gradient(*(array.reshape(-1, 4, n) for array in (
                dgates, normal[t], dX[t])), over_std[t])
            np.matmul(dX[t], W, out=dH)
        before = np.concatenate([H[None], states[:-2]]).reshape(-1, n)
        np.matmul(dX.reshape(-1, 4 * n).T, before, out=dW)


def normalise(X, normal, over_std):
    """Take mean and deviation out of each row of X, (batch_size, 4, n)."""
    np.subtract(X, X.mean(axis=2, keepdims=True), out=normal)
    variance = np.einsum("bgn,bgn->bg", normal, normal) / X.shape[2]
    np.sqrt(variance + X.dtype.type(1e-5), out=over_std)
    np.reciprocal(over_std, out=over_std)
    normal *= over_std[:, :, None]


def normalise_gradient(dnormal, normal, dX, over_std):
    """Write the gradient of X, which ``normalise`` has normalised."""
    n = normal.shape[2]
    np.subtract(dnormal, dnormal.mean(axis=2, keepdims=True), out=dX)
    along = np.einsum("bgn,bgn->bg", dnormal, normal) / n
    dX -= normal * along[:, :, None]
    dX *= over_std[:, :, None]


def memory_gradient(gates, before, tanh_C, dH, dC):
    """Return the gradient of the LSTM's gates before their activations.

    ``before`` is the memory cell of the step before. dC becomes the gradient
    of that cell.
    """
    I, forget, C_tilde, O = np.split(gates, 4, axis=1)
    dC += dH * O * (1 - tanh_C * tanh_C)
    dgates = np.empty_like(gates)
    dI, dforget, dC_tilde, dO = np.split(dgates, 4, axis=1)
    np.multiply(dC, C_tilde, out=dI)
    np.multiply(dC, before, out=dforget)
    np.multiply(dC, I, out=dC_tilde)
    np.multiply(dH, tanh_C, out=dO)
    for gate, dgate in ((I, dI), (forget, dforget), (O, dO)):
        dgate *= gate
        dgate *= 1 - gate
    dC_tilde *= 1 - C_tilde * C_tilde
    dC *= forget
    return dgates


def sigmoid(x):
    """Take the sigmoid of an array in place."""
    np.minimum(x, LARGEST, out=x)
    np.exp(x, out=x)
    x /= 1 + x


def not_sigmoid(x, out):
    """Write sigmoid(-x), which is 1 - sigmoid(x)."""
    np.minimum(x, LARGEST, out=out)
    np.exp(out, out=out)
    out += 1
    np.reciprocal(out, out=out)


def by_examples(function, *arrays):
    """Call a function on the examples of a mini-batch, in several threads.

    The arrays have their examples in the last axis but one.
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
    """Return slices of steps, of which the arrays stay in the cache."""
    size = max(1, CACHED // Y[0].size)
    return [slice(i, min(i + size, len(Y))) for i in range(0, len(Y), size)]


def register(cell, layer):
    """Make a layer an operator of MXNet's, ``d2lrnn_<cell>``."""
    class LayerProp(mx.operator.CustomOpProp):
        def list_arguments(self):
            return list(layer.INPUTS)

        def infer_shape(self, in_shape):
            (T, B, _), (_, n) = in_shape[0], in_shape[-1]
            return in_shape, [(T + ("C" in layer.INPUTS), B, n)], []

        def create_operator(self, ctx, in_shapes, in_dtypes):
            return layer()

    mx.operator.register(f"d2lrnn_{cell}")(LayerProp)


LAYERS = {"mingru": MinGRU, "minlstm": MinLSTM, "ln_lstm": LNLSTM}
for name, cell_layer in LAYERS.items():
    register(name, cell_layer)
