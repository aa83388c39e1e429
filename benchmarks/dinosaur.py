"""Plain code for the model of names, which the row names measures.

It is what one writes first: a one-hot vector for each character, the products
of each step by themselves, the gradients added up step by step. Ours is
trained with the names that ``model`` samples at iteration 0, the plain code
without sampling, from the same start on the same names.
"""
import contextlib
import io

import numpy as np
from d2lrnn import dinosaur

SETTINGS = {"n_a": 50, "learning_rate": 0.01, "maxValue": 5}


def plain_softmax(scores):
    """Return the probabilities of a column of scores."""
    e = np.exp(scores - np.max(scores))
    return e / e.sum(axis=0)


def plain_forward(X, Y, a0, p, vocab_size):
    """Return the loss, and the probabilities, states, inputs by step."""
    x, a, y_hat, loss = {}, {-1: np.copy(a0)}, {}, 0
    for t in range(len(X)):
        x[t] = np.zeros((vocab_size, 1))
        if X[t] is not None:
            x[t][X[t]] = 1
        a[t] = np.tanh(np.dot(p["Wax"], x[t]) + np.dot(p["Waa"], a[t - 1])
                       + p["b"])
        y_hat[t] = plain_softmax(np.dot(p["Wya"], a[t]) + p["by"])
        loss -= np.log(y_hat[t][Y[t], 0])
    return loss, y_hat, a, x


def plain_backward(Y, p, y_hat, a, x):
    """Return the gradients of the parameters."""
    d = {key: np.zeros_like(param) for key, param in p.items()}
    da_next = np.zeros_like(a[0])
    for t in reversed(range(len(Y))):
        dy = np.copy(y_hat[t])
        dy[Y[t]] -= 1
        d["Wya"] += np.dot(dy, a[t].T)
        d["by"] += dy
        da = np.dot(p["Wya"].T, dy) + da_next
        dz = (1 - a[t] * a[t]) * da
        d["b"] += dz
        d["Wax"] += np.dot(dz, x[t].T)
        d["Waa"] += np.dot(dz, a[t - 1].T)
        da_next = np.dot(p["Waa"].T, dz)
    return d


def train_plainly(names, char_to_ix, num_iterations):
    """Return the losses of the plain code."""
    names, vocab_size = list(names), len(char_to_ix)
    np.random.seed(0)
    np.random.shuffle(names)
    np.random.seed(1)
    n_a = SETTINGS["n_a"]
    p = {"Wax": np.random.randn(n_a, vocab_size) * 0.01,
         "Waa": np.random.randn(n_a, n_a) * 0.01,
         "Wya": np.random.randn(vocab_size, n_a) * 0.01,
         "b": np.zeros((n_a, 1)), "by": np.zeros((vocab_size, 1))}
    a_prev, losses = np.zeros((n_a, 1)), []
    for j in range(num_iterations):
        ids = [char_to_ix[char] for char in names[j % len(names)]]
        X, Y = [None, *ids], [*ids, char_to_ix["\n"]]
        loss, y_hat, a, x = plain_forward(X, Y, a_prev, p, vocab_size)
        d = plain_backward(Y, p, y_hat, a, x)
        for key in p:
            np.clip(d[key], -SETTINGS["maxValue"], SETTINGS["maxValue"],
                    out=d[key])
            p[key] -= SETTINGS["learning_rate"] * d[key]
        a_prev = a[len(X) - 1]
        losses.append(float(loss))
    return losses


def train(names, char_to_ix, num_iterations):
    """Return the losses of d2lrnn."""
    losses = []
    with contextlib.redirect_stdout(io.StringIO()):
        dinosaur.model(names, {i: char for char, i in char_to_ix.items()},
                       char_to_ix, num_iterations, SETTINGS["n_a"],
                       vocab_size=len(char_to_ix), losses=losses)
    return losses
