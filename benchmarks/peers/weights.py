"""The weights of d2lrnn's models in the forms that its peers take."""
import numpy as np


def for_torch(arrays, layers):
    """Return the state of recurrent layers in PyTorch.

    ``layers`` is a dict from the names of layers to the suffix of their
    weights in PyTorch. The order of the gates is the same.
    """
    names = {"i2h_weight": "weight_ih", "h2h_weight": "weight_hh",
             "i2h_bias": "bias_ih", "h2h_bias": "bias_hh"}
    return {theirs + suffix: arrays[f"{layer}.{ours}"]
            for layer, suffix in layers.items()
            for ours, theirs in names.items()}


def table(arrays):
    """Return what a CharRNN adds to its first layer for each id.

    It has shape (vocab_size, rows of the gates): the products of the vectors
    of the embedding with the weights. A model that reads one-hot vectors
    computes the same with these as its weights.
    """
    return arrays["embedding.weight"] @ arrays["layers.0.i2h_weight"].T


def for_scratch(arrays, cell):
    """Return a CharRNN of one layer as the parameters of a scratch cell.

    ``cell`` is rnn or lstm. The GRU of the book has its reset gate in another
    place, and no weights with which it is the same function.
    """
    W_x, W_h = table(arrays), arrays["layers.0.h2h_weight"].T
    b = arrays["layers.0.i2h_bias"] + arrays["layers.0.h2h_bias"]
    # input, forget, candidate, output, which the book writes in another order
    gates = {"rnn": [0], "lstm": [0, 1, 3, 2]}[cell]
    n = len(W_h)
    params = [np.ascontiguousarray(array[..., gate * n:(gate + 1) * n])
              for gate in gates for array in (W_x, W_h, b)]
    return [*params, np.ascontiguousarray(arrays["output.weight"].T),
            arrays["output.bias"]]
