"""A small model of names, and what its quick steps are held against."""
import numpy as np
from d2lrnn import dinosaur

NAMES = ["aardonyx", "abelisaurus", "zuul", "minmi", "yi",
         "micropachycephalosaurusissimus"]  # the last one needs more room
IX_TO_CHAR, CHAR_TO_IX = dinosaur.vocabulary(NAMES)
VOCAB_SIZE = len(IX_TO_CHAR)


def draw(n_a, vocab_size, scale=1.0):
    """Return parameters in the order of the lesson's tests."""
    shapes = {"Wax": (n_a, vocab_size), "Waa": (n_a, n_a),
              "Wya": (vocab_size, n_a), "b": (n_a, 1), "by": (vocab_size, 1)}
    return {key: np.random.randn(*shape) * scale
            for key, shape in shapes.items()}


def copy(arrays):
    return {key: array.copy() for key, array in arrays.items()}


def plain(X, Y, a_prev, parameters, learning_rate=0.01, maxValue=5):
    """Return what ``optimize`` does, by the functions that teach it."""
    loss, cache = dinosaur.rnn_forward(X, Y, a_prev, parameters,
                                       parameters["Wax"].shape[1])
    gradients, a = dinosaur.rnn_backward(X, Y, parameters, cache)
    gradients = dinosaur.clip(gradients, maxValue)
    parameters = dinosaur.update_parameters(parameters, gradients,
                                            learning_rate)
    return loss, gradients, a[len(X) - 1], parameters


def close(got, want, tolerance=1e-9):
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def same(got, want, tolerance=1e-9):
    """Compare two results of ``optimize``."""
    assert isinstance(float(got[0]), float)
    close(got[0], want[0], tolerance)
    close(got[2], want[2], tolerance)
    for arrays, others in ((got[1], want[1]), (got[3], want[3])):
        for key in arrays:
            assert arrays[key].shape == others[key].shape
            close(arrays[key], others[key], tolerance)


def smoothed(losses, vocab_size=27):
    loss = dinosaur.get_initial_loss(vocab_size, 7)
    for cur_loss in losses:
        loss = dinosaur.smooth(loss, cur_loss)
    return loss


def always(char, n_a=3):
    """Return parameters that hold one character likely, whatever was read."""
    parameters = {key: np.zeros_like(array)
                  for key, array in draw(n_a, VOCAB_SIZE).items()}
    parameters["by"][CHAR_TO_IX[char]] = 9.0
    return parameters
