"""The weights of d2lrnn's models in the forms that its peers take."""
import numpy as np


def for_torch(arrays, layers):
    """Return the weights of recurrent layers by their names in PyTorch.

    ``layers`` maps each layer's name to the suffix of its weights in PyTorch,
    whose gates are in the same order.
    """
    names = {"i2h_weight": "weight_ih", "h2h_weight": "weight_hh",
             "i2h_bias": "bias_ih", "h2h_bias": "bias_hh"}
    return {theirs + suffix: arrays[f"{layer}.{ours}"]
            for layer, suffix in layers.items()
            for ours, theirs in names.items()}


def for_ln_lstm(arrays):
    """Return the weights of one layer of normalised gates for PyTorch."""
    layer = {name.removeprefix("layers.0."): array
             for name, array in arrays.items() if "layers.0." in name}
    return {"weight_ih": layer["i2h_weight"], "weight_hh": layer["h2h_weight"],
            "gamma": layer["gamma"].reshape(4, -1),
            "beta": layer["beta"].reshape(4, -1)}


def table(arrays):
    """Return what each id adds to the first layer of a CharRNN.

    That is the embedding times the input weights, of shape (vocab_size,
    gates * num_hiddens): the input weights of the same model for one-hot
    vectors.
    """
    return arrays["embedding.weight"] @ arrays["layers.0.i2h_weight"].T


def for_scratch(arrays, cell):
    """Return a CharRNN of one layer as the parameters of a scratch cell.

    ``cell`` is rnn or lstm. The book's GRU applies its reset gate in another
    place, so no weights make it the same function.
    """
    W_x, W_h = table(arrays), arrays["layers.0.h2h_weight"].T
    b = arrays["layers.0.i2h_bias"] + arrays["layers.0.h2h_bias"]
    # Gluon's order is input, forget, candidate, output
    gates = {"rnn": [0], "lstm": [0, 1, 3, 2]}[cell]
    n = len(W_h)
    params = [np.ascontiguousarray(array[..., gate * n:(gate + 1) * n])
              for gate in gates for array in (W_x, W_h, b)]
    return [*params, np.ascontiguousarray(arrays["output.weight"].T),
            arrays["output.bias"]]
