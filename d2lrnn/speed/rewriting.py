"""Rewrite a graph by algebra, so that it computes the same in less time.

The rules are what one would do by hand to the step of a recurrent network as
the book writes it: look up rows instead of multiplying by one-hot vectors, and
compute one large product instead of many small ones. Numbers are added in a
different order, so results differ by rounding, about one part in a million.
"""
from collections import defaultdict

from d2lrnn.speed.graph import Node, read_graph, write_graph

__all__ = ["add_biases_as_products", "add_biases_first",
           "choose_faster_operators", "join_columns", "join_rows",
           "look_up_rows", "pick_before_logarithm", "rewrite", "share_views",
           "undo_splits"]

SUMS = ("broadcast_add", "elemwise_add")


def rewrite(symbol, shapes):
    """Return a symbol that computes the same as ``symbol`` in less time.

    ``shapes`` is a dict with the shapes of all variables by name. For ids
    outside 0 to depth - 1, ``one_hot`` makes rows of zeros; where a product
    with such rows has become a lookup, these ids raise ``MXNetError``.
    """
    written = symbol
    for rule in RULES:
        graph = read_graph(symbol, shapes)
        if graph is None:
            return written
        try:
            rule(graph)
        except RecursionError:  # a sum of hundreds of products
            return written
        symbol = write_graph(graph)
    return symbol


def share_views(graph):
    """Merge equal views of an array, such as all occurrences of W.T."""
    first, changes = {}, {}
    for node in graph.nodes:
        if node.op in ("transpose", "Reshape", "slice"):
            inputs = [changes.get(entry, entry) for entry in node.inputs]
            key = (node.op, *inputs, *sorted(node.attrs.items()))
            changes[node, 0] = (first.setdefault(key, node), 0)
    graph.redirect(changes)


def add_biases_first(graph):
    """Turn (x + h) + b into (x + b) + h if x depends on the inputs alone.

    Then ``join_rows`` can add b to the products of all inputs at once.
    """
    uses = graph.uses()
    for node in graph.nodes:
        if node.op not in SUMS:
            continue
        b, inner = sorted(node.inputs, key=lambda e: len(shape(e)))
        if (inner[0].op in SUMS and uses[inner] == 1 and b[0].op == "null"
                and None in operand_axes(node, 0)
                and operand_axes(inner[0], 0) == (0, 0)):
            x, h = sorted(inner[0].inputs, key=lambda e: not is_lookup(e[0]))
            added = Node("broadcast_add", [x, b], shapes=inner[0].shapes)
            node.inputs = [(added, 0), h]
    graph.sort()


def join_columns(graph):
    """Compute the sums of products for all gates as one sum, then split it.

    If x W_i + h U_i + b_i occurs with several W_i, U_i and b_i, these are put
    side by side, so that two large products replace many small ones.
    """
    joiner, changes = Joiner(graph, 1), {}
    for nodes in joiner.groups():
        # the members of a group have the same inputs, so none can depend on
        # another; products of a single input are better joined along the rows
        if operand_axes(nodes[0], 0) == (0, 0):
            changes.update(joiner.join_and_split(nodes))
    graph.redirect(changes)


def look_up_rows(graph):
    """Turn dot(one_hot(ids), W) into a lookup of rows, take(W, ids)."""
    readers = defaultdict(list)
    for node in graph.nodes:
        if is_lookup(node):
            readers[node.inputs[0][0].inputs[0]].append(node)
    for ids, nodes in readers.items():
        # MXNet adds up 8 or more gradients in place, and cannot do so with
        # the gradients of take's ids, which are zero
        if len(nodes) < 8:
            for node in nodes:
                node.become("take", [node.inputs[1], ids],
                            {"axis": "0", "mode": "raise"})
    graph.sort()


def is_lookup(node):
    """Return whether a node multiplies one-hot rows by a table."""
    if node.op != "dot" or is_set(node, "transpose_a", "transpose_b"):
        return False
    onehot, _ = node.inputs[0]
    return onehot.op == "one_hot" and is_zeros_and_ones(onehot)


def is_set(node, *flags):
    """Return whether any of an operator's flags is set."""
    return any(node.attrs.get(flag, "False") not in ("False", "0")
               for flag in flags)


def is_zeros_and_ones(onehot):
    """Return whether a one_hot returns zeros and ones in float32."""
    values = onehot.attrs.get("on_value", 1), onehot.attrs.get("off_value", 0)
    return (tuple(map(float, values)) == (1, 0)
            and onehot.attrs.get("dtype", "float32") == "float32")


def join_rows(graph):
    """Compute products with the same matrix as one product, then split it.

    If h_i W, h_i W + b, or a lookup of ids_i in W occurs with several h_i or
    ids_i that do not depend on the results, these are stacked.
    """
    joiner = Joiner(graph, 0)
    for nodes in joiner.groups():
        if independent(graph, nodes):
            graph.redirect(joiner.join_and_split(nodes))


def independent(graph, nodes):
    """Return whether none of the nodes depends on another one of them."""
    nodes, after = set(nodes), set()
    for node in graph.nodes:
        if any(n in after or n in nodes for n, _ in node.inputs):
            after.add(node)
    return not nodes & after


def undo_splits(graph):
    """Replace a concatenation of all parts of a split by the split's input."""
    changes = {}
    for node in graph.nodes:
        whole = split_of(node.inputs)
        if whole and node.op in ("Concat", "stack"):
            axis = whole.attrs.get("axis", "1")
            if node.op == "Concat" and node.attrs.get("dim", "1") == axis:
                changes[node, 0] = whole.inputs[0]
            elif node.op == "stack" and node.attrs.get("axis", "0") == axis:
                node.become("Reshape", whole.inputs,
                            {"shape": str(node.shapes[0])})
    graph.redirect(changes)


def split_of(entries):
    """Return the split of which these are all outputs, in order, or None."""
    split = entries[0][0] if entries else None
    whole = (split and split.op == "SliceChannel"
             and not is_set(split, "squeeze_axis")
             and entries == [(split, i) for i in range(len(split.shapes))])
    return split if whole else None


def add_biases_as_products(graph):
    """Turn x + b, for a vector b, into x + dot(a column of ones, b as a row).

    The gradient of b is then a product too, which is twenty times as fast as
    the sum in the backward pass of broadcast_add.
    """
    for node in graph.nodes:
        if node.op in SUMS and operand_axes(node, 0) in ((0, None), (None, 0)):
            b, x = sorted(node.inputs, key=lambda e: len(shape(e)))
            rows, columns = node.shapes[0]
            ones = Node("_ones", [], {"shape": str((rows, 1))})
            row = Node("Reshape", [b], {"shape": str((1, columns))})
            product = Node("dot", [(ones, 0), (row, 0)])
            node.become("elemwise_add", [x, (product, 0)])
    graph.sort()


def pick_before_logarithm(graph):
    """Turn pick(log_softmax(s), y) into a logarithm of one number per row.

    Both equal s[y] - s[k] + log(softmax(s)[k]) for any k. If k is the index of
    the largest score, the logarithm is never that of 0, and the backward pass
    needs no exponential function.
    """
    uses = graph.uses()
    for node in graph.nodes:
        if node.op != "pick" or node.inputs[0][0].op != "log_softmax":
            continue
        (log_softmax, _), y = node.inputs
        if (uses[log_softmax, 0] == 1
                and last_axis(node) and last_axis(log_softmax)
                and log_softmax.attrs.keys() <= {"axis"}):
            (s,) = log_softmax.inputs
            k = Node("argmax", [s], {"axis": "-1"})
            p = Node("softmax", [s], {"axis": "-1"})
            at_y, at_k, p_k = (Node("pick", [entry, index], node.attrs)
                               for entry, index in ((s, y), (s, (k, 0)),
                                                    ((p, 0), (k, 0))))
            log = Node("log", [(p_k, 0)])
            difference = Node("elemwise_sub", [(at_y, 0), (at_k, 0)])
            node.become("elemwise_add", [(difference, 0), (log, 0)])
    graph.sort()


def last_axis(node):
    """Return whether an operator works along the last axis."""
    axes = "-1", str(len(shape(node.inputs[0])) - 1)
    return node.attrs.get("axis", "-1") in axes


def choose_faster_operators(graph):
    """Replace tanh and sigmoid by operators that use vector instructions."""
    for node in graph.nodes:
        if node.op in ("tanh", "sigmoid"):
            node.become("Activation", node.inputs, {"act_type": node.op})


RULES = (share_views, add_biases_first, join_columns, look_up_rows, join_rows,
         undo_splits, add_biases_as_products, pick_before_logarithm,
         choose_faster_operators)


class Joiner:
    """Finds products, lookups and sums that one operator can compute together.

    With ``axis`` 0, their inputs are stacked and the matrices must be the
    same; with ``axis`` 1, their matrices are put side by side and the inputs
    must be the same.
    """

    def __init__(self, graph, axis):
        self.graph, self.axis, self.uses = graph, axis, graph.uses()
        self.numbers = {}  # node -> number of its pattern
        self.joined, self.concats = set(), {}
        number_of = {}
        for node in graph.nodes:
            pattern = self._pattern(node)
            if pattern:
                self.numbers[node] = number_of.setdefault(pattern,
                                                          len(number_of))

    def _pattern(self, node):
        """Return what nodes must have in common to be joined, or None."""
        parts = [node.op, *sorted(node.attrs.items()), tuple(node.shapes[0])]
        axes = operand_axes(node, self.axis)
        for entry, axis in zip(node.inputs, axes, strict=False):
            if axis is None:
                parts.append(entry)
            elif self._goes_on(entry):
                parts.append(self.numbers[entry[0]])
            elif self._ends(node, entry):
                parts.append(shape(entry))
            else:
                return None
        return tuple(parts) if axes else None

    def _goes_on(self, entry):
        """Return whether an operand is joined rather than concatenated."""
        return entry[0] in self.numbers and self.uses[entry] == 1

    def _ends(self, node, entry):
        """Return whether an operand may be concatenated."""
        if node.op in SUMS and shape(entry) == node.shapes[0]:
            return False  # joining a sum pays only if its products are joined
        return self.axis == 0 or entry[0].op == "null"

    def groups(self):
        """Yield lists of nodes that can be joined, the outermost first."""
        members = defaultdict(list)
        for node in reversed(self.graph.nodes):
            if node in self.numbers:
                members[self.numbers[node]].append(node)
        for nodes in members.values():
            nodes = [node for node in nodes[::-1] if node not in self.joined]
            if len(nodes) > 1:
                yield nodes

    def join_and_split(self, nodes):
        """Join nodes; return a dict from their outputs to those of a split."""
        whole, first = (self._join(nodes), 0), nodes[0].shapes[0]
        attrs = {"axis": "0", "num_outputs": str(len(nodes))}
        if self.axis == 1:
            # splitting columns takes three times as long as moving them
            whole = Node("Reshape", [whole], {
                "shape": str((first[0], len(nodes), first[1]))}), 0
            whole = Node("transpose", [whole], {"axes": "(1, 0, 2)"}), 0
            attrs["squeeze_axis"] = "True"
        split = Node("SliceChannel", [whole], attrs,
                     shapes=[first] * len(nodes))
        return {(node, 0): (split, i) for i, node in enumerate(nodes)}

    def _join(self, nodes):
        self.joined.update(nodes)
        inputs = []
        for axis, *entries in zip(operand_axes(nodes[0], self.axis),
                                  *(node.inputs for node in nodes),
                                  strict=True):
            if axis is None:
                inputs.append(entries[0])
            elif all(map(self._goes_on, entries)):
                inputs.append((self._join([n for n, _ in entries]), 0))
            else:
                inputs.append((self._concat(entries, axis), 0))
        return Node(nodes[0].op, inputs, nodes[0].attrs)

    def _concat(self, entries, axis):
        """Return the concatenation, one and the same for equal entries."""
        key = (*entries, axis)
        if key not in self.concats:
            self.concats[key] = (side_by_side(entries) if axis else Node(
                "Concat", entries, {"dim": "0",
                                    "num_args": str(len(entries))}))
        return self.concats[key]


def side_by_side(entries):
    """Return matrices of one shape as one matrix with all their columns."""
    rows, columns = shape(entries[0])
    # not Concat, which leaks memory along this axis each time it runs
    stack = Node("stack", entries, {"axis": "1",
                                    "num_args": str(len(entries))})
    return Node("Reshape", [(stack, 0)],
                {"shape": str((rows, len(entries) * columns))})


def operand_axes(node, axis):
    """Return how a join combines the operands of nodes like this one.

    The result has, for each operand, the axis along which those of all nodes
    are concatenated, or None if all must be the same. Along axis 0, the rows,
    dot(h, W) and dot(k, W) become one product of h above k with W; along axis
    1, the columns, dot(h, W) and dot(h, V) become one of h with W beside V.
    Return () if such nodes cannot be joined.
    """
    dims = [len(shape(entry)) for entry in node.inputs]
    if node.op == "dot" and dims == [2, 2] and not is_set(node,
                                                          "transpose_a"):
        columns = 0 if is_set(node, "transpose_b") else 1
        return (0, None) if axis == 0 else (None, columns)
    if (node.op == "take" and dims == [2, 1]
            and node.attrs.get("axis", "0") == "0"):
        return (None, 0) if axis == 0 else (1, None)
    if node.op in SUMS and len(node.shapes[0]) == 2:
        whole = node.shapes[0]
        axes = {whole: axis, whole[1:]: None if axis == 0 else 0}
        shapes = [shape(entry) for entry in node.inputs]
        return tuple(axes[s] for s in shapes) if axes.keys() >= {
            *shapes} else ()
    return ()


def shape(entry):
    """Return the shape of an entry."""
    node, i = entry
    return node.shapes[i]
