"""The model of names in plain NumPy, as its formulas read.

Each character is a one-hot vector, each step takes its own products, and the
gradients are added up step by step. The formulas, the first parameters and
the order of the names are those of ``d2lrnn.dinosaur``.
"""
import numpy as np

N_A, LEARNING_RATE, MAX_VALUE = 50, 0.01, 5


def softmax(scores):
    """Return the probabilities of a column of scores."""
    e = np.exp(scores - np.max(scores))
    return e / e.sum(axis=0)


def forward(X, Y, a0, p, vocab_size):
    """Return the loss; by step, the probabilities, states and inputs."""
    x, a, y_hat, loss = {}, {-1: np.copy(a0)}, {}, 0
    for t in range(len(X)):
        x[t] = np.zeros((vocab_size, 1))
        if X[t] is not None:
            x[t][X[t]] = 1
        a[t] = np.tanh(np.dot(p["Wax"], x[t]) + np.dot(p["Waa"], a[t - 1])
                       + p["b"])
        y_hat[t] = softmax(np.dot(p["Wya"], a[t]) + p["by"])
        loss -= np.log(y_hat[t][Y[t], 0])
    return loss, y_hat, a, x


def backward(Y, p, y_hat, a, x):
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


def train(names, char_to_ix, num_iterations):
    """Train; return the loss of each iteration."""
    names, vocab_size = list(names), len(char_to_ix)
    np.random.seed(0)
    np.random.shuffle(names)
    np.random.seed(1)
    p = {"Wax": np.random.randn(N_A, vocab_size) * 0.01,
         "Waa": np.random.randn(N_A, N_A) * 0.01,
         "Wya": np.random.randn(vocab_size, N_A) * 0.01,
         "b": np.zeros((N_A, 1)), "by": np.zeros((vocab_size, 1))}
    a_prev, losses = np.zeros((N_A, 1)), []
    for j in range(num_iterations):
        ids = [char_to_ix[char] for char in names[j % len(names)]]
        X, Y = [None, *ids], [*ids, char_to_ix["\n"]]
        loss, y_hat, a, x = forward(X, Y, a_prev, p, vocab_size)
        d = backward(Y, p, y_hat, a, x)
        for key in p:
            np.clip(d[key], -MAX_VALUE, MAX_VALUE, out=d[key])
            p[key] -= LEARNING_RATE * d[key]
        a_prev = a[len(X) - 1]
        losses.append(float(loss))
    return losses
