"""A computation graph as nodes that can be inspected and changed.

A node is an operator or a variable. An entry ``(node, i)`` is output i of a
node, which other nodes read.
"""
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

from mxnet import symbol as sym

__all__ = ["Graph", "Node", "graph_table", "is_plain", "read_graph",
           "read_nodes", "write_graph"]

# operators with a graph or a function inside that their text does not show
WITH_A_BODY = ("_foreach", "_while_loop", "_cond", "_CachedOp",
               "_CustomFunction")
CHANGED = re.compile(r"\) version=[1-9]\d*$")


@dataclass(eq=False)
class Node:
    """An operator, or a variable if ``op`` is "null"."""

    op: str
    inputs: list = field(default_factory=list)  # entries
    attrs: dict = field(default_factory=dict)
    name: str = ""  # if empty, write_graph gives it one
    shapes: list = field(default_factory=list)  # of its outputs, if known

    def become(self, op, inputs, attrs=()):
        """Become another operator, which all readers of this node now read."""
        self.op, self.inputs, self.attrs = op, list(inputs), dict(attrs)
        self.name = ""


class Graph:
    """The nodes that the entries ``heads`` depend on.

    ``nodes`` lists them, each after all nodes that it reads.
    """

    def __init__(self, heads):
        self.heads = heads
        self.sort()

    def sort(self):
        """Update the list of nodes after a change."""
        self.nodes, seen = [], set()
        stack = [(node, False) for node, _ in reversed(self.heads)]
        while stack:
            node, ready = stack.pop()
            if ready:
                self.nodes.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack += [(n, False) for n, _ in reversed(node.inputs)]

    def uses(self):
        """Return a ``Counter`` of how often inputs and heads read entries."""
        return Counter([*self.heads, *(entry for node in self.nodes
                                       for entry in node.inputs)])

    def redirect(self, changes):
        """Replace entries: ``changes`` is a dict from old to new ones."""
        for node in Graph([*self.heads, *changes.values()]).nodes:
            node.inputs = [changes.get(e, e) for e in node.inputs]
        self.heads = [changes.get(e, e) for e in self.heads]
        self.sort()


def read_graph(symbol, shapes):
    """Return the ``Graph`` of a symbol, for variables of these shapes.

    ``shapes`` is a dict with the shapes of all variables by name. Return None
    if the symbol is not plain, for instance because it contains the body of a
    loop or operators that change arrays.
    """
    if not is_plain(symbol):
        return None
    nodes, heads = read_nodes(symbol)
    internals = symbol.get_internals()
    _, outputs, _ = internals.infer_shape(**shapes)
    for (name, _), shape in zip(read_nodes(internals)[1], outputs,
                                strict=True):
        nodes[name].shapes.append(shape)
    return Graph([(nodes[name], i) for name, i in heads])


def is_plain(symbol):
    """Return whether a symbol has only operators that change no arrays."""
    lines = symbol.debug_str().splitlines()
    names = [line for line in lines if ", Name=" in line]
    return not any(CHANGED.search(line) for line in lines) and not any(
        operator_of(line)[0] in WITH_A_BODY for line in names)


def read_nodes(symbol):
    """Return a dict of a symbol's nodes by name, in order, and its heads.

    The heads are pairs of a node's name and the number of its output.
    """
    # from text, since each call of tojson leaks 350 bytes per node; twice,
    # since the text of a single operator without inputs lacks its name
    text = sym.Group([symbol, symbol]).debug_str()
    nodes, heads, node = {}, [], None
    for line in text.splitlines():
        kind, _, rest = line.strip().partition("=")
        if line.startswith("Variable:"):
            name = line.removeprefix("Variable:")
            nodes[name] = Node("null", name=name)
        elif line.startswith("Op:"):
            op, name = operator_of(line)
            node = nodes[name] = Node(op, name=name)
        elif kind.startswith("output["):
            heads.append(entry_of(rest))
        elif kind.startswith("arg["):
            name, i = entry_of(rest)
            node.inputs.append((nodes[name], i))
        elif line.startswith("\t"):
            node.attrs[kind] = rest
    return nodes, heads[:len(heads) // 2]


def operator_of(line):
    """Return the operator and the name of a node, given its line of text.

    >>> operator_of("Op:dot, Name=dot_0")
    ('dot', 'dot_0')
    """
    op, _, name = line.removeprefix("Op:").partition(", Name=")
    return op, name


def entry_of(text):
    """Return ``(name, i)`` of an entry's node and output, given its text.

    >>> entry_of("x(0) version=0"), entry_of("split_1(2)")
    (('x', 0), ('split_1', 2))
    """
    name, _, number = text.removesuffix(" version=0").rpartition("(")
    return name, int(number.removesuffix(")"))


def write_graph(graph):
    """Return a graph as a symbol."""
    name_nodes(graph.nodes)
    number = {node: n for n, node in enumerate(graph.nodes)}

    def triples(entries):
        return [[number[node], i, 0] for node, i in entries]

    return sym.load_json(json.dumps({
        "nodes": [{"op": node.op, "name": node.name, "attrs": node.attrs,
                   "inputs": triples(node.inputs)} for node in graph.nodes],
        "arg_nodes": [n for n, node in enumerate(graph.nodes)
                      if node.op == "null"],
        "heads": triples(graph.heads),
        "attrs": {"mxnet_version": ["int", 10901]}}))


def name_nodes(nodes):
    """Give a unique name to each node that has none."""
    taken = {node.name for node in nodes}
    for node in nodes:
        if not node.name:
            names = (f"{node.op.lower()}_{n}" for n in count())
            node.name = next(name for name in names if name not in taken)
            taken.add(node.name)


def graph_table(symbol):
    """Return a symbol as text: a line for each operator, then their counts.

    A line has the node's name, its operator and its inputs, where ``[i]``
    means output i of an operator with several.

    >>> x, W, b = sym.var("x"), sym.var("W"), sym.var("b")
    >>> y = sym.broadcast_add(sym.dot(x, W, name="xW"), b, name="y")
    >>> print(graph_table(sym.tanh(y, name="h")))
    xW  dot            x W
    y   broadcast_add  xW b
    h   tanh           y
    <BLANKLINE>
    3 operators: 1 broadcast_add, 1 dot, 1 tanh
    """
    nodes, _ = read_nodes(symbol)
    several = {name for name, i in read_nodes(symbol.get_internals())[1] if i}
    rows = [(name, node.op,
             " ".join(f"{n.name}[{i}]" if n.name in several else n.name
                      for n, i in node.inputs))
            for name, node in nodes.items() if node.op != "null"]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width
                       in zip(row, widths, strict=True)).rstrip()
             for row in rows]
    counts = Counter(op for _, op, _ in rows)
    counted = ", ".join(f"{counts[op]} {op}" for op in sorted(counts))
    return "\n".join([*lines, "", f"{len(rows)} operators: {counted}"])
