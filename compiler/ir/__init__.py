"""The graph representation: nodes, graphs, their text form, their meaning, and their export to networkx and DOT."""

from .graph import Graph, topological
from .node import Location, Node, constant, make

__all__ = ["Graph", "Location", "Node", "constant", "make", "topological"]
