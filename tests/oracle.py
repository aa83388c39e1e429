"""An RNN language model in naive NumPy loops, forward and backward."""
import numpy as np


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
