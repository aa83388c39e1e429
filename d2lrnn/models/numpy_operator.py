"""An MXNet operator that runs all steps of a layer in NumPy."""
import ctypes

import mxnet as mx
import numpy as np
from mxnet.base import _LIB, check_call

__all__ = ["Layer", "memory_of"]



def memory_of(array):
    """Return the memory of an MXNet array on the CPU as a NumPy array."""
    pointer = ctypes.c_void_p()
    check_call(_LIB.MXNDArrayGetData(array.handle, ctypes.byref(pointer)))
    size = array.size * np.dtype(array.dtype).itemsize
    memory = (ctypes.c_char * size).from_address(pointer.value)
    return np.frombuffer(memory, array.dtype).reshape(array.shape)


class Layer(mx.operator.CustomOp):
    """The steps of a layer: ``run``, and ``back`` for its gradient.

    A subclass names its ``INPUTS``, the last of which are the first states.
    The output holds the hidden state of each step and, after them, the last
    memory cell, if there is one; its shape is (num_steps, or one more,
    batch_size, num_hiddens). ``KEPT`` lists the arrays kept for the gradient
    by their number of columns for each step and example: an int, or a float
    to multiply by num_hiddens.

    ``run`` is called with the inputs, the output, and the kept arrays, and
    writes the last two; ``back`` is called with the output's gradient, all of
    these, and the gradients of the inputs, which it writes.
    """

    arrays = None

    def forward(self, is_train, req, in_data, out_data, aux):
        """Write the output; an overflow shows in the loss."""
        inputs = [memory_of(array) for array in in_data]
        X, H = inputs[0], inputs[-1]
        shape = (*X.shape, H.shape[1])
        if self.arrays is None or self.arrays[0] != shape:
            self.arrays = shape, [np.empty(
                (*X.shape[:2], int(k * H.shape[1]) if isinstance(k, float)
                 else k), X.dtype) for k in self.KEPT]
        with np.errstate(over="ignore", invalid="ignore"):
            self.run(*inputs, memory_of(out_data[0]), *self.arrays[1])

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        """Write the gradients of the inputs, or add to those already there."""
        inputs = [memory_of(array) for array in in_data]
        grads = [memory_of(target) if how in ("write", "inplace")
                 else np.empty_like(array)
                 for target, how, array in zip(in_grad, req, inputs,
                                               strict=True)]
        with np.errstate(over="ignore", invalid="ignore"):
            self.back(memory_of(out_grad[0]), *inputs,
                      memory_of(out_data[0]), *self.arrays[1], *grads)
        for target, how, grad in zip(in_grad, req, grads, strict=True):
            if how == "add":
                target = memory_of(target)
                target += grad
