"""A model as ONNX: the graph of its steps, for other runtimes."""
import itertools
import json
from functools import partial
from importlib.metadata import version

import numpy as np
from d2lrnn.export.parts import parts_of
from d2lrnn.models.cells import CELLS
from d2lrnn.models.lesson_models import WindowLSTM
from mxnet import nd

__all__ = ["PACKAGE", "to_onnx"]

PACKAGE = "onnx>=1.16.2,<1.24"  # these leave the numpy that MXNet needs
OPSET, IR_VERSION = 17, 8
TOLERANCE = 1e-4  # the largest difference of a score, for scores up to 1
EPSILON = 1e-5  # of ln_lstm's normalisation
# the order of a layer's gates in ONNX, as indices of ours
GATES = {"rnn": [0], "gru": [1, 0, 2], "lstm": [0, 3, 1, 2]}


def to_onnx(model):
    """Return the bytes of an ONNX model with a model's graph and weights.

    Its inputs are ``ids``, int64 of shape (batch, steps), and ``state``,
    float32 of shape (states, batch, hidden): layer by layer the hidden state,
    then, if the cell has one, the memory cell. Its outputs are ``scores``,
    (batch, steps, vocab), and ``new_state``. A ``WindowLSTM`` has no state,
    and scores of shape (batch, vocab) for the id after the window. Raise
    ``ImportError`` without the package onnx, and ``ValueError`` if ONNX
    Runtime, where it is installed, computes other scores than the model.
    """
    onnx = import_onnx()
    parts = parts_of(model)
    graph = Graph(onnx)
    if isinstance(model, WindowLSTM):
        inputs, outputs = build_window(graph, parts)
    else:
        inputs, outputs = build(graph, parts, CELLS[parts.cell].num_states)
    made = onnx.helper.make_model(
        onnx.helper.make_graph(graph.nodes, type(model).__name__, inputs,
                               outputs, graph.weights),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION, producer_name="d2lrnn",
        producer_version=version("d2lrnn"))
    onnx.helper.set_model_props(made, properties_of(model, parts))
    onnx.checker.check_model(made, full_check=True)
    data = made.SerializeToString()
    compare(model, data)
    return data


def import_onnx():
    """Return the package onnx, or raise ``ImportError`` in a sentence."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError(f"ONNX is written with the package onnx, which "
                          f"cannot be imported ({error}): type pip install "
                          f"'{PACKAGE}'") from None
    return onnx


def properties_of(model, parts):
    """Return what stands in the model's metadata, as a dict of str."""
    return {"vocabulary": json.dumps(list(model.idx_to_char),
                                     ensure_ascii=False),
            "level": model.level, "cell": parts.cell,
            "class": type(model).__name__,
            "settings": json.dumps(model.config)}


class Graph:
    """The nodes and the weights of a graph that is being built.

    ``names`` counts the results of nodes; the body of a Scan shares those of
    its graph, since names must be unique in the whole model.
    """

    def __init__(self, onnx, names=None):
        self.onnx, self.nodes, self.weights = onnx, [], []
        self.names = names or itertools.count()

    def add(self, kind, *inputs, outputs=1, **attributes):
        """Add a node; return the name of its output, or a list of several."""
        results = [f"{kind}_{next(self.names)}" for _ in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(
            kind, list(inputs), results, **attributes))
        return results if outputs > 1 else results[0]

    def keep(self, name, array):
        """Add an array, and return its name, which must be a new one."""
        self.weights.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def value(self, name, *shape, ids=False):
        """Return the description of an input or output of the graph."""
        kind = "INT64" if ids else "FLOAT"
        return self.onnx.helper.make_tensor_value_info(
            name, getattr(self.onnx.TensorProto, kind), shape)

    def rename(self, result, name):
        """Give a result the name that it has outside the graph."""
        self.nodes.append(self.onnx.helper.make_node(
            "Identity", [result], [name]))


def build(graph, parts, num_states):
    """Add a model that carries its state; return its inputs and outputs."""
    n = num_states * len(parts.layers)
    state = graph.add("Split", "state", outputs=n, axis=0)
    state = [state] if n == 1 else state  # of shape (1, batch, hidden) each
    X, new_state = read_ids(graph, parts), []
    for i, layer in enumerate(parts.layers):
        first = state[i * num_states:(i + 1) * num_states]
        X, last = add_layer(graph, parts.cell, i, layer, X, first)
        new_state += last
    scores = graph.add("Transpose", add_output(graph, parts, X),
                       perm=[1, 0, 2])
    graph.rename(scores, "scores")
    graph.rename(graph.add("Concat", *new_state, axis=0), "new_state")
    shape = n, "batch", parts.num_hiddens
    return ([graph.value("ids", "batch", "steps", ids=True),
             graph.value("state", *shape)],
            [graph.value("scores", "batch", "steps", parts.vocab_size),
             graph.value("new_state", *shape)])


def build_window(graph, parts):
    """Add a model that begins each window with zeros, as ``build`` does."""
    X = read_ids(graph, parts)
    for i, layer in enumerate(parts.layers):
        X, _ = add_layer(graph, parts.cell, i, layer, X, ["", ""])
    X = graph.add("Gather", X, graph.keep("last", np.array(-1)), axis=0)
    graph.rename(add_output(graph, parts, X), "scores")
    return ([graph.value("ids", "batch", "steps", ids=True)],
            [graph.value("scores", "batch", parts.vocab_size)])


def read_ids(graph, parts):
    """Add the first input: vectors of shape (steps, batch, size)."""
    ids = graph.add("Transpose", "ids", perm=[1, 0])
    if parts.embedding is not None:
        return graph.add("Gather", graph.keep("embedding", parts.embedding),
                         ids)
    # -1 means a vector of zeros to d2lrnn, and the last one to ONNX, where
    # ids from the depth on become zeros
    depth = graph.keep("depth", np.array(parts.vocab_size))
    is_none = graph.add("Less", ids, graph.keep("zero", np.array(0)))
    ids = graph.add("Where", is_none, depth, ids)
    return graph.add("OneHot", ids, depth, graph.keep(
        "off_on", np.array([0, 1], np.float32)))


def add_output(graph, parts, X):
    """Add the output layer; return the name of the scores."""
    weight, bias = parts.output
    name = ("embedding" if parts.is_tied
            else graph.keep("output_weight", weight))
    scores = graph.add("MatMul", X, graph.add("Transpose", name, perm=[1, 0]))
    return graph.add("Add", scores, graph.keep("output_bias", bias))


def add_layer(graph, cell, i, layer, X, state):
    """Add layer i; return its outputs, (steps, batch, hidden), and states.

    ``state`` are the names of its first states, of shape (1, batch, hidden),
    or "" for zeros.
    """
    add = add_operator if cell in GATES else add_scan
    return add(graph, cell, i, layer, X, state)


def add_operator(graph, cell, i, layer, X, state):
    """Add a layer that is an operator of ONNX."""
    num_gates, num_hiddens = len(GATES[cell]), layer["h2h_weight"].shape[1]

    def ordered(array):
        by_gate = array.reshape(num_gates, num_hiddens, -1)[GATES[cell]]
        return by_gate.reshape(array.shape)

    biases = [ordered(layer[name]) for name in ("i2h_bias", "h2h_bias")]
    weights = [graph.keep(f"layer{i}_{name}", ordered(layer[name])[None])
               for name in ("i2h_weight", "h2h_weight")]
    biases = graph.keep(f"layer{i}_bias", np.concatenate(biases)[None])
    # the GRU of d2lrnn resets after the product with the recurrent weights
    more = {"linear_before_reset": 1} if cell == "gru" else {}
    Y, *last = graph.add(cell.upper(), X, *weights, biases, "", *state,
                         outputs=1 + len(state), hidden_size=num_hiddens,
                         **more)
    return graph.add("Squeeze", Y, graph.keep(f"layer{i}_directions",
                                              np.array([1]))), last


def add_scan(graph, cell, i, layer, X, state):
    """Add a layer whose steps are the body of a Scan.

    The products of the inputs, of all steps at once, come first.
    """
    keep = partial(keep_arrays, graph, f"layer{i}_")
    (weight,) = keep({"i2h_weight": layer["i2h_weight"].T})
    X = graph.add("MatMul", X, weight)
    if "i2h_bias" in layer:
        X = graph.add("Add", X, *keep({"i2h_bias": layer["i2h_bias"]}))
    # the states of a layer have no first axis within it
    axis = graph.keep(f"layer{i}_axis", np.array([0]))
    state = [graph.add("Squeeze", array, axis) for array in state]
    num_hiddens = layer["i2h_weight"].shape[0] // CELLS[cell].num_gates
    *last, Y = graph.add("Scan", *state, X, outputs=len(state) + 1,
                         num_scan_inputs=1,
                         body=scan_body(graph, cell, i, layer, num_hiddens))
    return Y, [graph.add("Unsqueeze", array, axis) for array in last]


def keep_arrays(graph, prefix, arrays):
    """Add a dict of arrays, and return their names."""
    return [graph.keep(prefix + name, array)
            for name, array in arrays.items()]


def scan_body(graph, cell, i, layer, num_hiddens):
    """Return the graph of one step of layer i.

    Its inputs are the states and the products of the input with the weights
    of all gates; its outputs are the new states, and the hidden state again,
    as what is collected.
    """
    body = Graph(graph.onnx, graph.names)
    num_states = CELLS[cell].num_states
    state = [f"layer{i}_state{j}" for j in range(num_states)]
    X = f"layer{i}_gates"
    new_state = STEPS[cell](body, f"layer{i}_", layer, X, state)
    outputs = [f"layer{i}_new_state{j}" for j in range(num_states)]
    for result, name in zip([*new_state, new_state[0]],
                            [*outputs, f"layer{i}_output"], strict=True):
        body.rename(result, name)
    rows = CELLS[cell].num_gates * num_hiddens
    return graph.onnx.helper.make_graph(
        body.nodes, f"layer{i}_step",
        [*(body.value(name, "batch", num_hiddens) for name in state),
         body.value(X, "batch", rows)],
        [body.value(name, "batch", num_hiddens)
         for name in [*outputs, f"layer{i}_output"]], body.weights)


# One step of each cell that ONNX has no operator for: from the products X and
# the states to a list of the new states.
def ln_lstm_step(body, prefix, layer, X, state):
    """Add a step of the LSTM with normalised gates."""
    H, C = state
    weight, *vectors = keep_arrays(body, prefix, {
        "h2h_weight": layer["h2h_weight"].T, **{
            f"{name}{gate}": part for name in ("gamma", "beta")
            for gate, part in enumerate(np.split(layer[name], 4))}})
    X = body.add("Add", X, body.add("MatMul", H, weight))
    gates = body.add("Split", X, outputs=4, axis=1)
    I, forget, C_tilde, O = (
        body.add("LayerNormalization", gate, gamma, beta, axis=-1,
                 epsilon=EPSILON)
        for gate, gamma, beta in zip(gates, vectors[:4], vectors[4:],
                                     strict=True))
    C = body.add("Add", body.add("Mul", body.add("Sigmoid", forget), C),
                 body.add("Mul", body.add("Sigmoid", I),
                          body.add("Tanh", C_tilde)))
    return [body.add("Mul", body.add("Sigmoid", O), body.add("Tanh", C)), C]


def mingru_step(body, prefix, layer, X, state):
    """Add a step of the minGRU."""
    X_z, H_tilde = body.add("Split", X, outputs=2, axis=1)
    return [mix(body, body.add("Sigmoid", body.add("Neg", X_z)), *state,
                H_tilde)]


def minlstm_step(body, prefix, layer, X, state):
    """Add a step of the minLSTM."""
    X_i, X_f, H_tilde = body.add("Split", X, outputs=3, axis=1)
    # sigmoid(X_f) / (sigmoid(X_f) + sigmoid(X_i)), even where both round to 0
    share = body.add("Sigmoid", body.add("Sub", *(
        body.add("Softplus", body.add("Neg", gate)) for gate in (X_i, X_f))))
    return [mix(body, share, *state, H_tilde)]


def mix(body, share, H, H_tilde):
    """Add share * H + (1 - share) * H_tilde, from the difference of both."""
    difference = body.add("Sub", H, H_tilde)
    return body.add("Add", body.add("Mul", share, difference), H_tilde)


STEPS = {"ln_lstm": ln_lstm_step, "mingru": mingru_step,
         "minlstm": minlstm_step}


def compare(model, data):
    """Raise ``ValueError`` if ONNX Runtime computes other scores.

    Without the package onnxruntime nothing is compared.
    """
    try:
        import onnxruntime
    except ImportError:
        return
    session = onnxruntime.InferenceSession(
        data, providers=["CPUExecutionProvider"])
    rng, batch_size = np.random.default_rng(0), 2
    ids = rng.integers(model.vocab_size, size=(batch_size, getattr(
        model, "Tx", 7)))
    given = {"ids": ids}
    # a random state, except for a model that always begins with zeros
    state = [rng.normal(size=zeros.shape).astype(np.float32)
             for zeros in model.begin_state(batch_size)]
    for value in session.get_inputs()[1:]:
        num_states, _, num_hiddens = value.shape
        given[value.name] = np.stack(state) if state else np.zeros(
            (num_states, batch_size, num_hiddens), np.float32)
    found = session.run(["scores"], given)[0]
    expected = model(nd.array(ids), tuple(map(nd.array, state)))[0].asnumpy()
    if found.ndim == 3:  # ours are those of one step after another
        found = found.swapaxes(0, 1)
    difference = np.abs(found - expected.reshape(found.shape)).max()
    if not difference <= TOLERANCE * max(1, np.abs(expected).max()):
        raise ValueError(
            f"ONNX Runtime {onnxruntime.__version__} computes scores that "
            f"differ by {difference:.2g} from those of the model: nothing was"
            f" written; try another version of onnxruntime")
