"""Draw or list a model's layers, with their shapes and parameters."""
import graphviz
import numpy as np
from d2lrnn.basics.checks import check_path, shown
from d2lrnn.basics.files import write_whole
from mxnet import init, nd

__all__ = [
    "model_layers",
    "plot_model",
    "record_calls",
    "summary",
    "to_table",
]


def model_layers(model):
    """Return ``(name, kind, shape, num_params)`` of each layer, in order.

    The shape is that of the layer's output; a size that depends on the
    mini-batch is "batch_size". Parameters that layers share count once.
    ``model`` is one that ``save_model`` can save. Neither the model nor
    MXNet's random state changes.
    """
    if not hasattr(model, "config"):
        raise ValueError(f"model is {shown(model)}: give a model that "
                         f"save_model can save")
    two, three = record_calls(type(model)(**model.config), (2, 3))
    layers, counted = [], set()
    for (name, block, shape), (_, _, other) in zip(two, three, strict=True):
        params = set(block.collect_params().values()) - counted
        counted |= params
        shape = ["batch_size" if a != b else a
                 for a, b in zip(shape, other, strict=True)]
        layers.append((name, type(block).__name__,
                       f"({', '.join(map(str, shape))})",
                       sum(int(np.prod(param.shape)) for param in params)))
    return layers


def record_calls(model, batch_sizes):
    """Run a new model on a mini-batch of each size.

    Return, for each size, a list of every layer's name, block and output
    shape.
    """
    calls, blocks = [], {"": model}

    def hook(name):
        def note(block, _, output):
            first = output[0] if isinstance(output, tuple) else output
            calls[-1].append((name, block, first.shape))
        return note

    while blocks:
        name, block = blocks.popitem()
        blocks |= {f"{name}.{child}".lstrip("."): inner
                   for child, inner in block._children.items()}
        if not block._children:
            block.register_forward_hook(hook(name))
    for param in model.collect_params().values():
        param.initialize(init.Zero())
    for batch_size in batch_sizes:
        calls.append([])
        shape = (batch_size, getattr(model, "Tx", 1))
        if hasattr(model, "densor"):  # DJModel reads vectors, others ids
            shape += (model.vocab_size,)
        model(nd.zeros(shape), model.begin_state(batch_size))
    return calls


def summary(model):
    """Return a model's layers as a text table."""
    return to_table(model_layers(model))


def to_table(layers):
    """Return layers as a text table, with the total number of parameters."""
    rows = [("layer", "kind", "output", "parameters"),
            *((name, kind, shape, f"{count:,}")
              for name, kind, shape, count in layers),
            ("", "", "in all", f"{sum(count for *_, count in layers):,}")]
    return "\n".join(f"{name:<14}{kind:<18}{shape:<26}{count:>12}"
                     for name, kind, shape, count in rows)


def plot_model(model, to_file):
    """Draw a model's layers into an .svg or .png file; return its path.

    If Graphviz is not installed, print the layers and how to install it, and
    return None. Raise ``ValueError`` for any other kind of file, and for a
    model that ``save_model`` cannot save.
    """
    path = check_path("to_file", to_file)
    if path.suffix not in (".svg", ".png"):
        raise ValueError(f"{path} is neither .svg nor .png: give a path that "
                         f"ends in one of them")
    graph = graphviz.Digraph(
        graph_attr={"dpi": "144"} if path.suffix == ".png" else {},
        node_attr={"shape": "record", "fontname": "Helvetica",
                   "fontsize": "11"})
    graph.node("input", f"{type(model).__name__}: input")
    before, layers = "input", model_layers(model)
    for i, (name, kind, shape, count) in enumerate(layers):
        graph.node(str(i), f"{{{name}: {kind}|output {shape}|{count:,} "
                           f"parameters}}")
        graph.edge(before, str(i))
        before = str(i)
    try:
        write_whole(path, graph.pipe(path.suffix[1:]))
    except graphviz.ExecutableNotFound:
        print(to_table(layers))
        print("There is no picture, since Graphviz is not installed: apt-get "
              "install graphviz")
        return None
    return path
