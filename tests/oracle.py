"""What results are held against: naive loops, and what rounding may change.

The language model is an RNN in naive NumPy loops, forward and backward.
"""
import numpy as np
from mxnet import nd

EPS = float(np.finfo(np.float32).eps)


def close(got, want, additions, size=1):
    """Compare numbers that float32 has added up in different orders.

    ``additions`` is how many follow on one another from the inputs to the
    result: of each step and layer, all that a product or sum adds up, there
    and, for a gradient, back. Each rounds by at most half of EPS times the
    size of what is added up, which is ``size``, or that of the largest
    result: two orders are apart by at most the tolerance.
    """
    size = max(size, np.abs(want).max())
    np.testing.assert_allclose(got, want, rtol=0,
                               atol=additions * EPS * size)


def steady(draw, write, is_lively):
    """Draw models until one writes a text that no rounding changes.

    The text stays where each weight changes by 1e-5 of itself, much more
    than rounding does: no choice in it is a near tie. ``is_lively`` says of a
    text whether it is worth comparing. Return model and text.
    """
    for _ in range(200):
        model = draw()
        text = write(model)
        if is_lively(text) and all(text == write(model)
                                   for _ in shaken(model)):
            return model, text
    raise AssertionError("no model writes a lively and steady text")


def shaken(model):
    """Change all weights by 1e-5 of themselves, three times; then put back."""
    params = model.collect_params().values()
    weights = [param.data().copy() for param in params]
    for _ in range(3):
        for param, weight in zip(params, weights, strict=True):
            signs = np.random.choice([-1, 1], size=weight.shape)
            param.set_data(weight * (1 + 1e-5 * nd.array(
                signs, ctx=weight.context)))
        yield
    for param, weight in zip(params, weights, strict=True):
        param.set_data(weight)


def rnn_loss(X, Y, H, params):
    """Return the mean loss, the scores, the last state and the gradients.

    X and Y are ids of shape (batch_size, num_steps), H is the first state.
    """
    W_xh, W_hh, b_h, W_hq, b_q = (p.astype(np.float64) for p in params)
    batch_size, num_steps = X.shape
    states, scores, probabilities = [H.astype(np.float64)], [], []
    loss = 0.0
    for t in range(num_steps):
        Z = np.stack([W_xh[X[i, t]] for i in range(batch_size)])
        states.append(np.tanh(Z + states[-1] @ W_hh + b_h))
        scores.append(states[-1] @ W_hq + b_q)
        p = np.exp(scores[-1] - scores[-1].max(axis=1, keepdims=True))
        probabilities.append(p / p.sum(axis=1, keepdims=True))
        for i in range(batch_size):
            loss -= np.log(probabilities[-1][i, Y[i, t]]) / Y.size
    grads = [np.zeros_like(p) for p in (W_xh, W_hh, b_h, W_hq, b_q)]
    dH = np.zeros_like(states[0])
    for t in reversed(range(num_steps)):
        dO = probabilities[t] / Y.size
        for i in range(batch_size):
            dO[i, Y[i, t]] -= 1 / Y.size
        grads[3] += states[t + 1].T @ dO
        grads[4] += dO.sum(axis=0)
        dZ = (dO @ W_hq.T + dH) * (1 - states[t + 1] ** 2)
        for i in range(batch_size):
            grads[0][X[i, t]] += dZ[i]
        grads[1] += states[t].T @ dZ
        grads[2] += dZ.sum(axis=0)
        dH = dZ @ W_hh.T
    return loss, np.concatenate(scores), states[-1], grads
