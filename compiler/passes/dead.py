"""`RemoveDead`: drops what nobody needs."""

from dataclasses import dataclass, replace

from tracegraph.compiler.ir import Graph


@dataclass(frozen=True)
class RemoveDead:
    """Drops updates that write an input back unchanged, and with them what only they needed.

    Before:
        graph f(%x: float32[4], %w: float32[4]) {
          %0 = add(%x, %x) : float32[4]
          update %w = %w
          return %0
        }

    After:
        graph f(%x: float32[4], %w: float32[4]) {
          %0 = add(%x, %x) : float32[4]
          return %0
        }

    A node that no output and no update needs is not part of a graph in the first place. Unused inputs stay in the
    signature; their labels are listed in the notes as `unused_inputs`.
    """

    name: str = "dce"

    def __call__(self, graph: Graph) -> Graph:
        """The graph without idle updates."""
        updates = tuple([(target, value) for target, value in graph.updates if target is not value])
        changed = graph if len(updates) == len(graph.updates) else replace(graph, updates=updates)
        unused = tuple([changed.names[node] for node in changed.inputs if not changed.uses[node]])
        if unused != graph.notes.get("unused_inputs", ()):
            return replace(changed, notes={**graph.notes, "unused_inputs": unused})
        return changed
