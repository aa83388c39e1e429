"""The book's cells from scratch, on PyTorch's arrays."""
import torch
from torch import nn, sigmoid, tanh
from torch.nn.functional import one_hot


def rnn(inputs, state, params):
    """Return the scores of each step, and the last state."""
    W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        H = tanh(X @ W_xh + H @ W_hh + b_h)
        outputs.append(H @ W_hq + b_q)
    return outputs, (H,)


def gru(inputs, state, params):
    """Return the scores of each step, and the last state."""
    W_xz, W_hz, b_z, W_xr, W_hr, b_r, W_xh, W_hh, b_h, W_hq, b_q = params
    (H,) = state
    outputs = []
    for X in inputs:
        Z = sigmoid(X @ W_xz + H @ W_hz + b_z)
        R = sigmoid(X @ W_xr + H @ W_hr + b_r)
        H_tilde = tanh(X @ W_xh + (R * H) @ W_hh + b_h)
        H = Z * H + (1 - Z) * H_tilde
        outputs.append(H @ W_hq + b_q)
    return outputs, (H,)


def lstm(inputs, state, params):
    """Return the scores of each step, and the last state."""
    (W_xi, W_hi, b_i, W_xf, W_hf, b_f, W_xo, W_ho, b_o,
     W_xc, W_hc, b_c, W_hq, b_q) = params
    H, C = state
    outputs = []
    for X in inputs:
        I = sigmoid(X @ W_xi + H @ W_hi + b_i)
        F = sigmoid(X @ W_xf + H @ W_hf + b_f)
        O = sigmoid(X @ W_xo + H @ W_ho + b_o)
        C = F * C + I * tanh(X @ W_xc + H @ W_hc + b_c)
        H = O * tanh(C)
        outputs.append(H @ W_hq + b_q)
    return outputs, (H, C)


class Scratch(nn.Module):
    """A cell with its parameters as a model of ids."""

    def __init__(self, cell, params):
        super().__init__()
        self.cell = {"rnn": rnn, "gru": gru, "lstm": lstm}[cell]
        self.params = nn.ParameterList(map(torch.from_numpy, params))

    def forward(self, X, state=None):
        """Return scores (num_steps * batch_size, vocab_size), and state."""
        params = list(self.params)
        if state is None:
            zeros = torch.zeros(len(X), len(params[1]))
            state = (zeros, zeros) if self.cell is lstm else (zeros,)
        inputs = one_hot(X.T.long(), len(params[-1])).float()
        outputs, state = self.cell(inputs, state, params)
        return torch.cat(outputs), state
