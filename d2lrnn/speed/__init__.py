"""Run a reader's own function as a graph: trace it, rewrite it, compile it."""
from d2lrnn.speed.graph import graph_table
from d2lrnn.speed.tracing import Traced

__all__ = [
    "Traced",
    "graph_table",
]
