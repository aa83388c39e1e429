"""The arrays of a trained model, by the places in which a format puts them."""
from dataclasses import dataclass

import numpy as np
from d2lrnn.models.cells import CELLS
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.lesson_models import DJModel, WindowLSTM

__all__ = ["Parts", "parts_of"]


@dataclass(frozen=True)
class Parts:
    """What a recurrent model is made of: a cell's name, and NumPy arrays.

    - ``cell``: a name in ``CELLS``.
    - ``embedding``: shape (vocab_size, embed_size), or None for one-hot
      vectors.
    - ``layers``: for each layer, a dict of the cell's parameters.
    - ``output``: the output layer's weight, (vocab_size, num_hiddens), and
      bias. If the weights are tied, the weight is the embedding itself.
    """

    cell: str
    embedding: np.ndarray | None
    layers: list
    output: tuple

    @property
    def is_tied(self):
        """Whether the output layer shares the embedding's weights."""
        return self.output[0] is self.embedding

    @property
    def vocab_size(self):
        """The number of ids that the model reads and scores."""
        return len(self.output[1])

    @property
    def num_hiddens(self):
        """The hidden units of each layer."""
        return self.output[0].shape[1]


def parts_of(model):
    """Return the parts of a ``CharRNN``, ``WindowLSTM`` or ``DJModel``."""
    layers, output = PLACES[type(model)](model)
    weight, embedding = array_of(output.weight), None
    if getattr(model, "embedding", None) and model.config["embed_size"]:
        embedding = (weight if model.config["tie_weights"]
                     else array_of(model.embedding.weight))
    cell = layers[0].cell
    return Parts(cell, embedding, [
        {name: array_of(getattr(layer, name)) for name in CELLS[cell].params}
        for layer in layers], (weight, array_of(output.bias)))


# the recurrent layers and the output layer of each class of model
PLACES = {
    CharRNN: lambda model: (list(model.layers), model.output),
    WindowLSTM: lambda model: ([model.lstm1, model.lstm2], model.dense),
    DJModel: lambda model: ([model.lstm_cell], model.densor)}


def array_of(param):
    """Return a parameter as a float32 array."""
    return param.data().asnumpy()
