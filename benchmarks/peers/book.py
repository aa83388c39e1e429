"""The book's two loops, d2lzh's or d2lrnn's, timed by what they print.

For d2lzh nothing here imports d2lrnn, which chooses MXNet's threads and
engine.
"""
import ast
import contextlib
import io
import math
import re
import time
from types import SimpleNamespace

import numpy as np

from benchmarks import ROOT
from benchmarks.peers.weights import table

SETTINGS = {"num_hiddens": 256, "batch_size": 32, "num_steps": 35,
            "optimizer": "sgd", "lr": 1e2, "clipping_theta": 1e-2,
            "num_chars": 10_000}
TINY = {**SETTINGS, "num_hiddens": 8, "batch_size": 2, "num_steps": 5,
        "num_chars": 60}


def load_cells():
    """Return the cells from scratch as the book has them.

    They are the functions of ``d2lrnn.models.scratch`` without the decorators
    that check arguments: d2lzh's process must not import d2lrnn.
    """
    from mxnet import nd
    path = ROOT / "d2lrnn" / "models" / "scratch.py"
    functions = [node for node in ast.parse(path.read_text("utf-8")).body
                 if isinstance(node, ast.FunctionDef)]
    for function in functions:
        function.decorator_list = []
    names = {"nd": nd}
    exec(compile(ast.Module(functions, []), path, "exec"), names)
    return SimpleNamespace(**names)


class Stopwatch(io.StringIO):
    """A stdout that notes the losses that a loop prints, and when."""

    def __init__(self):
        super().__init__()
        self.losses, self.times = [], []

    def write(self, text):
        """Note the time and the loss of the line of an epoch."""
        if found := re.match(r"epoch \d+, perplexity (\S+), time", text):
            self.times.append(time.perf_counter())
            self.losses.append(math.log(float(found[1])))
        return len(text)

    def result(self):
        """Return the losses, and the seconds of all epochs but the first."""
        return self.losses, np.diff(self.times).tolist()


def params_of(weights):
    """Return a ``get_params`` of the book's, which gives these weights."""
    from mxnet import nd

    def get_params():
        params = [nd.array(weight) for weight in weights]
        for param in params:
            param.attach_grad()
        return params

    return get_params


def train_scratch(module_name, cell, weights, ids, sizes):
    """Train a cell with a package's loop; return ``Stopwatch.result()``."""
    module = __import__(module_name)  # before mxnet: it sets the threads
    from mxnet import cpu
    cells = module if module_name == "d2lrnn" else load_cells()
    with contextlib.redirect_stdout(Stopwatch()) as watch:
        module.train_and_predict_rnn(
            getattr(cells, cell), params_of(weights),
            getattr(cells, f"init_{cell}_state"), sizes["num_hiddens"],
            len(weights[-1]), cpu(), ids.tolist(), [], {}, False,
            sizes["epochs"] + 1, sizes["num_steps"], sizes["lr"],
            sizes["clipping_theta"], sizes["batch_size"], 1, 0, [])
    return watch.result()


def train_lesson(weights, ids, idx_to_char, is_random_iter, num_epochs):
    """Train as the lesson of the RNN from scratch does, with d2lzh."""
    import d2lzh
    from mxnet import cpu
    cells = load_cells()
    char_to_idx = {char: i for i, char in enumerate(idx_to_char)}
    d2lzh.train_and_predict_rnn(
        cells.rnn, params_of(weights), cells.init_rnn_state,
        SETTINGS["num_hiddens"], len(idx_to_char), cpu(), ids.tolist(),
        idx_to_char, char_to_idx, is_random_iter, num_epochs,
        SETTINGS["num_steps"], SETTINGS["lr"], SETTINGS["clipping_theta"],
        SETTINGS["batch_size"], min(50, num_epochs), 50,
        [] if is_random_iter else ["分开", "不分开"])


def train_gluon(module_name, layer, vocab_size, ids, sizes):
    """Train a layer with a package's loop; return ``Stopwatch.result()``.

    ``layer`` is RNN, GRU or LSTM. The loop draws the weights, from seed 1.
    """
    module = __import__(module_name)  # before mxnet: it sets the threads
    from mxnet import cpu, gluon, random
    random.seed(1)
    model = module.RNNModel(
        getattr(gluon.rnn, layer)(sizes["num_hiddens"]), vocab_size)
    with contextlib.redirect_stdout(Stopwatch()) as watch:
        module.train_and_predict_rnn_gluon(
            model, sizes["num_hiddens"], vocab_size, cpu(), ids.tolist(), [],
            {}, sizes["epochs"] + 1, sizes["num_steps"], sizes["lr"],
            sizes["clipping_theta"], sizes["batch_size"], 1, 0, [])
    return watch.result()


def gluon_model(config, arrays):
    """Return d2lzh's ``RNNModel`` with the weights of a ``CharRNN``.

    It reads one-hot vectors, so its input weights are the CharRNN's embedding
    times its input weights.
    """
    import d2lzh
    from mxnet import gluon, nd
    layer = (gluon.rnn.LSTM(config["num_hiddens"])
             if config["cell"] == "lstm" else
             gluon.rnn.RNN(config["num_hiddens"], activation="tanh"))
    model = d2lzh.RNNModel(layer, config["vocab_size"])
    model.initialize()
    model(nd.zeros((1, 1)), model.begin_state(1))  # it infers the shapes
    params = {name: arrays[f"layers.0.{name}"] for name in (
        "i2h_bias", "h2h_weight", "h2h_bias")}
    params["i2h_weight"] = np.ascontiguousarray(table(arrays).T)
    for name, array in params.items():
        getattr(layer, f"l0_{name}").set_data(nd.array(array))
    model.dense.weight.set_data(nd.array(arrays["output.weight"]))
    model.dense.bias.set_data(nd.array(arrays["output.bias"]))
    return model
