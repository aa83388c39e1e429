"""Take a model's steps in NumPy: from ids to scores of the next characters.

One step is so little work that most of its time goes into calling MXNet. Here
a layer is a single product: its state times one matrix that holds both its
recurrent weights and the weights of the layer above, or of the output. The
first layer's product with its input is looked up by id.
"""
from functools import partial

import numpy as np
from d2lrnn.basics.environment import context_of
from d2lrnn.models.book import RNNModel
from d2lrnn.models.cells import CELLS
from d2lrnn.models.char_rnn import CharRNN
from d2lrnn.models.numpy_cells import rnn_relu_in_place
from d2lrnn.models.one_hot import WEIGHTS, is_plain
from mxnet import nd
from mxnet.gluon.parameter import DeferredInitializationError

__all__ = ["ModelSteps", "Stepper", "read_char_rnn", "read_rnn_model",
           "stepper_of"]

BLOCK = 64  # ids whose products with the input weights are computed together


def stepper_of(model, vocab_size):
    """Return the steps of a model with a vocabulary of ``vocab_size`` ids.

    ``CharRNN``, and ``RNNModel`` with a Gluon layer in one direction, get a
    ``Stepper`` with their current weights. Every other model gets
    ``ModelSteps``. So does a known model that scores another number of ids,
    has no shapes yet, or has weights that are NaN, infinite or huge: the
    model's own error then says what is wrong.
    """
    read = READERS.get(type(model))
    if read and model.vocab_size == vocab_size:
        try:
            parts = read(model)
        except DeferredInitializationError:
            parts = None
        if parts and are_usable(*parts[1:]):
            return Stepper(*parts)
    return ModelSteps(model)


class ModelSteps:
    """The steps of any ``model(X, state)``, with the methods of ``Stepper``.

    ``X`` are ids of shape (batch_size, 1), and a state is a tuple of arrays.
    """

    def __init__(self, model):
        self.model, self.ctx = model, context_of(model)

    def begin_state(self, batch_size):
        """Return the first state of the model."""
        return self.model.begin_state(batch_size=batch_size, ctx=self.ctx)

    def __call__(self, ids, state):
        """Return ``(scores, state)``, the scores as a NumPy array."""
        X = nd.array(ids, ctx=self.ctx).reshape((-1, 1))
        scores, state = self.model(X, state)
        return scores.asnumpy(), state

    def join(self, states):
        """Return the states of several texts as the state of a batch.

        The book's model has the texts along the second axis of a state.
        """
        if len(states) == 1:
            return states[0]
        axes = (axis_of(*states) for states in zip(
            self.begin_state(1), self.begin_state(2), strict=True))
        return tuple(nd.concat(*parts, dim=axis) for axis, parts in zip(
            axes, zip(*states, strict=True), strict=True))


def axis_of(one, two):
    """Return the axis of the texts, given states for one and for two."""
    differ = np.not_equal(one.shape, two.shape)
    return int(differ.argmax())


class Stepper:
    """The steps of a recurrent model, in float32 and in its own arrays.

    ``step`` is the step of a cell in NumPy (see ``models.numpy_cells``);
    ``embedding`` has shape (vocab_size, embed_size), or is None for one-hot
    vectors; ``layers`` are dicts of ``WEIGHTS`` with the shapes and the order
    of gates of Gluon's layers, and of the vectors that the step is given;
    ``output`` is the pair of a weight, (vocab_size, num_hiddens), and a bias.
    The recurrent weights have no rows if the cell's gates do not read the
    state.

    A state is a list of ``LayerState``, which a call overwrites. The last bit
    of a product may depend on the batch size.
    """

    def __init__(self, step, embedding, layers, output):
        self._embedding, self._first = embedding, layers[0]
        self._inputs = np.empty((len(output[0]), len(layers[0]["i2h_bias"])),
                                np.float32)
        self._known = set()  # the ids whose row of inputs is filled
        readers = [(layer["i2h_weight"], layer["i2h_bias"])
                   for layer in layers[1:]] + [output]
        self._layers = [
            (bind(step, layer, output[0].shape[1]),
             np.concatenate([layer["h2h_weight"], weight]),
             np.concatenate([layer["h2h_bias"], bias]),
             len(layer["h2h_bias"]))
            for layer, (weight, bias) in zip(layers, readers, strict=True)]

    def begin_state(self, batch_size):
        """Return the first state: hidden states and memory cells of zeros."""
        return [LayerState(*layer, self._inputs.shape[1], batch_size)
                for layer in self._layers]

    def __call__(self, ids, state):
        """Return ``(scores, state)`` after one id for each text.

        ``scores``, of shape (batch_size, vocab_size), are valid until the
        next call.
        """
        X = self._look_up(ids)
        for layer in state:
            X = layer.step(X)
        return X, state

    def join(self, states):
        """Return the states of several texts as the state of a batch."""
        batch = self.begin_state(len(states))
        for layer, *lyrics in zip(batch, *states, strict=True):
            layer.fill(lyrics)
        return batch

    def _look_up(self, ids):
        """Return the first layer's input products, a row for each id."""
        new = set(ids) - self._known
        # always the same blocks: others could change the last bit
        for begin in {i // BLOCK * BLOCK for i in new}:
            block = range(begin, min(begin + BLOCK, len(self._inputs)))
            self._inputs[block.start:block.stop] = self._inputs_of(block)
            self._known.update(block)
        return self._inputs.take(ids, axis=0)

    def _inputs_of(self, ids):
        weight, bias = self._first["i2h_weight"], self._first["i2h_bias"]
        if self._embedding is None:
            return weight[:, ids.start:ids.stop].T + bias
        return self._embedding[ids.start:ids.stop] @ weight.T + bias


class LayerState:
    """The arrays of a layer for a batch, which each step overwrites.

    ``H`` and ``C`` have shape (batch_size, num_hiddens), ``gates``
    (batch_size, num_rows), where num_rows is num_gates * num_hiddens, and
    ``h2h``, the product of H with the recurrent weights, (batch_size,
    num_h2h), where num_h2h is num_rows, or 0 without recurrent weights.
    """

    def __init__(self, step, weight, bias, num_h2h, num_rows, batch_size):
        def empty(num_columns):
            return np.empty((batch_size, num_columns), np.float32)

        num_hiddens = weight.shape[1]
        self.cell, self.weight, self.bias = step, weight.T, bias
        self.H, self.C = empty(num_hiddens), empty(num_hiddens)
        self.H[:], self.C[:] = 0, 0
        self.gates, self.spare = empty(num_rows), empty(num_rows)
        self.by_gate = [self.gates[:, i:i + num_hiddens]
                     for i in range(0, num_rows, num_hiddens)]
        self.product = empty(len(bias))
        self.product[:] = bias
        self.h2h = self.product[:, :num_h2h]
        self.scores = self.product[:, num_h2h:]

    def step(self, X):
        """Return the products of the new state for the layer above.

        ``X`` are the products of this layer's input, in the shape of
        ``gates``.
        """
        self.cell(self, X)
        np.dot(self.H, self.weight, out=self.product)
        np.add(self.product, self.bias, out=self.product)
        return self.scores

    def fill(self, layers):
        """Copy the states of layers that hold one text each."""
        for name in ("H", "C", "product"):
            np.concatenate([getattr(layer, name) for layer in layers],
                           out=getattr(self, name))


def bind(step, layer, num_hiddens):
    """Return a cell's step as a function of a layer's state and inputs."""
    return partial(step, *(vector.reshape(-1, num_hiddens)
                           for name, vector in layer.items()
                           if name not in WEIGHTS))


def read_char_rnn(model):
    """Return the arguments of ``Stepper`` for a ``CharRNN``."""
    cell, embedding, layers = CELLS[model.config["cell"]], None, []
    if model.config["embed_size"]:
        embedding = array_of(model.embedding.weight)
    num_rows = cell.num_gates * model.num_hiddens
    num_h2h = num_rows if cell.reads_state else 0
    # a bias that a cell lacks is 0, a recurrent weight has no rows
    shapes = {"i2h_bias": num_rows, "h2h_bias": num_h2h,
              "h2h_weight": (num_h2h, model.num_hiddens)}
    for layer in model.layers:
        arrays = {name: array_of(getattr(layer, name)) for name in cell.params}
        lacking = {name: np.zeros(shape, np.float32)
                   for name, shape in shapes.items() if name not in arrays}
        layers.append({**arrays, **lacking})
    return cell.numpy_step, embedding, layers, read_dense(model.output)


def read_rnn_model(model):
    """Return the arguments of ``Stepper`` for an ``RNNModel``, or None."""
    layer = model.rnn
    if not is_plain(layer):
        return None
    layers = [{name: array_of(getattr(layer, f"l{i}_{name}"))
               for name in WEIGHTS} for i in range(layer._num_layers)]
    return GLUON[layer._mode], None, layers, read_dense(model.dense)


# the steps of the modes of Gluon's layers
GLUON = {"rnn_relu": rnn_relu_in_place, **{
    cell.mode: cell.numpy_step for cell in CELLS.values() if cell.mode}}
READERS = {CharRNN: read_char_rnn, RNNModel: read_rnn_model}


def read_dense(dense):
    """Return the weight and the bias of a dense layer."""
    return array_of(dense.weight), array_of(dense.bias)


def array_of(param):
    """Return a parameter as a float32 array, from any device."""
    return param.list_data()[0].asnumpy().astype(np.float32, copy=False)


def are_usable(embedding, layers, output):
    """Return whether all weights are finite and their products stay so."""
    arrays = [*output, *(layer[name] for layer in layers for name in layer)]
    if embedding is not None:
        arrays.append(embedding)
    return all(np.abs(array).max(initial=0) < 1e6 for array in arrays)
