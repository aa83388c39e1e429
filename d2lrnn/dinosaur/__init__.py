r"""Invent names of dinosaurs: a character model of names in NumPy alone.

Each name is an example. ``X`` lists the ids of the characters that the network
reads, after None, which stands for a zero vector; ``Y`` lists the ids that it
should predict, ending with the newline's. ``parameters`` is a dict: Wax (n_a,
n_x), Waa (n_a, n_a), Wya (n_y, n_a), b (n_a, 1), by (n_y, 1). The hidden bias
may also be named ba. A gradient is named ``d`` plus the name of its parameter.

``python -m d2lrnn.dinosaur`` trains a model and prints invented names. The
settings and the names of functions are those of "Character level language
model - Dinosaurus Island" (Deep Learning Specialization, Sequence Models, week
1).
"""
from d2lrnn.dinosaur.checks import keys, unpack
from d2lrnn.dinosaur.command import main
from d2lrnn.dinosaur.command import run as run
from d2lrnn.dinosaur.data import encode, load_names, read_names, vocabulary
from d2lrnn.dinosaur.fast_steps import Buffers
from d2lrnn.dinosaur.files import load, save
from d2lrnn.dinosaur.network import (
    clip,
    get_initial_loss,
    get_sample,
    initialize_parameters,
    invent,
    model,
    optimize,
    plot_loss,
    print_sample,
    rnn_backward,
    rnn_forward,
    rnn_step_backward,
    rnn_step_forward,
    sample,
    smooth,
    update_parameters,
)

# names imported as themselves were here in 0.1.0
__all__ = [
    "Buffers",
    "clip",
    "encode",
    "get_initial_loss",
    "get_sample",
    "initialize_parameters",
    "invent",
    "keys",
    "load",
    "load_names",
    "main",
    "model",
    "optimize",
    "plot_loss",
    "print_sample",
    "read_names",
    "rnn_backward",
    "rnn_forward",
    "rnn_step_backward",
    "rnn_step_forward",
    "sample",
    "save",
    "smooth",
    "unpack",
    "update_parameters",
    "vocabulary",
]
