"""What a pass is: a name and a function from graph to graph."""

from typing import Protocol

from tracegraph.compiler.ir import Graph


class Pass(Protocol):
    """A frozen dataclass whose fields are its options.

    It gives the graph itself where it finds nothing to do, and otherwise a graph that computes the same, to the bit,
    unless an option says otherwise. Excepted is what NumPy leaves open: payloads of NaNs, which of 0 and -0 is the
    larger, and in what order a product of matrices is summed.
    """

    @property
    def name(self) -> str:
        """The name in records and dumps."""
        ...

    def __call__(self, graph: Graph) -> Graph:
        """The graph, changed."""
        ...
