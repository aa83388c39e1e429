"""Rewrite a graph by algebra, so that it computes the same in less time.

The rules are what a reader would do by hand to the step of a recurrent
network that is written as in the book: look rows up instead of multiplying
with one-hot vectors, and take one large product instead of many small ones.
Numbers are added up in another order, so results differ by rounding, about
one part in a million.
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

    ``shapes`` is a dict from the names of all variables. Ids outside 0 to
    depth - 1, of which ``one_hot`` makes rows of zeros, raise ``MXNetError``
    where the product with such rows has become a lookup.
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
    """Let equal views of one array, such as the W.T of each step, be one."""
    first, changes = {}, {}
    for node in graph.nodes:
        if node.op in ("transpose", "Reshape", "slice"):
            inputs = [changes.get(entry, entry) for entry in node.inputs]
            key = (node.op, *inputs, *sorted(node.attrs.items()))
            changes[node, 0] = (first.setdefault(key, node), 0)
    graph.redirect(changes)


def add_biases_first(graph):
    """Make (x + h) + b, where x is of the inputs, (x + b) + h.

    ``join_rows`` can then add b to the products of all inputs at once.
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
    """Make the sums of products for all gates one sum, then split it.

    Where x W_i + h U_i + b_i occurs with several W_i, U_i and b_i, they are
    put side by side: two large products instead of many small ones.
    """
    joiner, changes = Joiner(graph, 1), {}
    for nodes in joiner.groups():
        # the members of a group have the same inputs, so none can depend on
        # another; what is of one input is better joined along the rows
        if operand_axes(nodes[0], 0) == (0, 0):
            changes.update(joiner.join_and_split(nodes))
    graph.redirect(changes)


def look_up_rows(graph):
    """Make dot(one_hot(ids), W) a lookup of rows, take(W, ids)."""
    readers = defaultdict(list)
    for node in graph.nodes:
        if is_lookup(node):
            readers[node.inputs[0][0].inputs[0]].append(node)
    for ids, nodes in readers.items():
        if len(nodes) < 8:  # from 8 on MXNet adds up in place, which the
            for node in nodes:  # gradient of take for its ids, zero, refuses
                node.become("take", [node.inputs[1], ids],
                            {"axis": "0", "mode": "raise"})
    graph.sort()


def is_lookup(node):
    """Say whether a node is the product of plain one-hot rows with a table."""
    if node.op != "dot" or is_set(node, "transpose_a", "transpose_b"):
        return False
    onehot, _ = node.inputs[0]
    return onehot.op == "one_hot" and is_zeros_and_ones(onehot)


def is_set(node, *flags):
    """Say whether any of an operator's flags is set."""
    return any(node.attrs.get(flag, "False") not in ("False", "0")
               for flag in flags)


def is_zeros_and_ones(onehot):
    """Say whether a one_hot makes ones and zeros in float32."""
    values = onehot.attrs.get("on_value", 1), onehot.attrs.get("off_value", 0)
    return (tuple(map(float, values)) == (1, 0)
            and onehot.attrs.get("dtype", "float32") == "float32")


def join_rows(graph):
    """Make products with one matrix one product, then split it.

    Where h_i W, or h_i W + b, or a lookup of ids_i in W, occurs with several
    h_i that do not depend on the results, they are put one below the other.
    """
    joiner = Joiner(graph, 0)
    for nodes in joiner.groups():
        if independent(graph, nodes):
            graph.redirect(joiner.join_and_split(nodes))


def independent(graph, nodes):
    """Say whether none of the nodes depends on another of them."""
    nodes, after = set(nodes), set()
    for node in graph.nodes:
        if any(n in after or n in nodes for n, _ in node.inputs):
            after.add(node)
    return not nodes & after


def undo_splits(graph):
    """Make the concatenation of all parts of a split what was split."""
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
    """Return the split whose outputs these are, all in order, or None."""
    split = entries[0][0] if entries else None
    whole = (split and split.op == "SliceChannel"
             and not is_set(split, "squeeze_axis")
             and entries == [(split, i) for i in range(len(split.shapes))])
    return split if whole else None


def add_biases_as_products(graph):
    """Make x + b, with a vector b, x + dot(a column of ones, b as a row).

    The gradient of b is then a product as well, where that of broadcast_add
    adds up at a twentieth of the speed.
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
    """Make pick(log_softmax(s), y) a logarithm of one number a row.

    It is s[y] - s[k] + log(softmax(s)[k]) for any k. With the k of the
    largest score that is never the logarithm of 0, and the way back needs no
    exponential function.
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
    """Say whether an operator works along the last axis."""
    axes = "-1", str(len(shape(node.inputs[0])) - 1)
    return node.attrs.get("axis", "-1") in axes


def choose_faster_operators(graph):
    """Make tanh and sigmoid the operators that use vector instructions."""
    for node in graph.nodes:
        if node.op in ("tanh", "sigmoid"):
            node.become("Activation", node.inputs, {"act_type": node.op})


RULES = (share_views, add_biases_first, join_columns, look_up_rows, join_rows,
         undo_splits, add_biases_as_products, pick_before_logarithm,
         choose_faster_operators)


class Joiner:
    """Finds products, lookups and sums that one operator can do together.

    ``axis`` says how: 0, below each other, with the same matrices, or 1, side
    by side, with the same inputs.
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
        """Return what is equal in nodes that can be joined, or None."""
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
        """Say whether an operand is joined rather than concatenated."""
        return entry[0] in self.numbers and self.uses[entry] == 1

    def _ends(self, node, entry):
        """Say whether an operand may be concatenated."""
        if node.op in SUMS and shape(entry) == node.shapes[0]:
            return False  # a sum is worth joining for its products alone
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
        """Return a dict from these nodes' outputs to the split's."""
        whole, first = (self._join(nodes), 0), nodes[0].shapes[0]
        attrs = {"axis": "0", "num_outputs": str(len(nodes))}
        if self.axis == 1:
            # to split columns takes three times as long as to move them
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
        """Return the concatenation, the same node for the same entries."""
        key = (*entries, axis)
        if key not in self.concats:
            self.concats[key] = (side_by_side(entries) if axis else Node(
                "Concat", entries, {"dim": "0",
                                    "num_args": str(len(entries))}))
        return self.concats[key]


def side_by_side(entries):
    """Return matrices of one shape as one matrix of all their columns."""
    rows, columns = shape(entries[0])
    # not Concat, which along this axis takes memory in each run and keeps it
    stack = Node("stack", entries, {"axis": "1",
                                    "num_args": str(len(entries))})
    return Node("Reshape", [(stack, 0)],
                {"shape": str((rows, len(entries) * columns))})


def operand_axes(node, axis):
    """Say how operators like this one, joined along an axis, become one.

    For each operand return the axis along which the operands of all are
    concatenated, or None where all have to have the same. Along axis 0, the
    rows, dot(h, W) and dot(k, W) are one product of h above k with W; along
    axis 1, the columns, dot(h, W) and dot(h, V) are one of h with W beside V.
    Return () where there is no such way.
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
