"""The graph representation: nodes, graphs, their text form, their meaning, and their drawings.

The export to networkx is in `networkx_export`, which is not imported here because networkx takes long to import.
"""

from .dot import to_dot
from .graph import Graph, topological
from .node import Location, Node, constant, make
from .parser import parse
from .printer import node_text, to_text
from .reference import evaluate
from .structure import structural_key, structurally_equal
from .svg import to_svg
from .verify import verify

__all__ = [
    "Graph",
    "Location",
    "Node",
    "constant",
    "evaluate",
    "make",
    "node_text",
    "parse",
    "structural_key",
    "structurally_equal",
    "to_dot",
    "to_svg",
    "to_text",
    "topological",
    "verify",
]
