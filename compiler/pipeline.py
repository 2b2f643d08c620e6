"""The passes in order: `optimise(graph)` runs them round after round until nothing changes, verifying in between."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from .ir import Graph, verify
from .passes import Canonicalise, FoldConstants, MergeCommon, Pass, RemoveDead, SimplifyViews

PASSES: tuple[Pass, ...] = (
    Canonicalise(),
    FoldConstants(),
    MergeCommon(),
    SimplifyViews(),
    RemoveDead(),
)
"""What every graph goes through; each round runs all of them."""

ROUNDS = 3


@dataclass(frozen=True)
class PassRecord:
    """What one pass did: numbers of nodes before and after it, its time, and the graph it gave."""

    name: str
    round: int
    before_nodes: int
    after_nodes: int
    seconds: float
    graph: Graph
    changed: bool

    def __str__(self) -> str:
        change = f"{self.before_nodes:5d} -> {self.after_nodes:5d} nodes" if self.changed else "no change"
        return f"{self.round}. {self.name:14s} {change:22s} {self.seconds * 1e3:8.2f} ms"


def optimise(
    graph: Graph,
    *,
    passes: Sequence[Pass] = PASSES,
    observe: Callable[[PassRecord], None] | None = None,
    strict: bool = False,
) -> tuple[Graph, list[PassRecord]]:
    """The graph after all passes, and a record of each.

    Args:
        graph: What the recorder made.
        passes: Run in this order, at most `ROUNDS` times, until a round changes nothing.
        observe: Called with each record as soon as its pass is done.
        strict: Verify inferred shapes and dtypes after each pass, not only the structure.

    Raises:
        GraphError: when the graph, or what a pass made of it, is malformed; the message names the pass.
    """
    records: list[PassRecord] = []
    verify(graph, strict=strict)
    for number in range(1, ROUNDS + 1):
        start = graph
        for step in passes:
            before, began = graph, time.perf_counter()
            graph = step(before)
            seconds = time.perf_counter() - began
            if graph is not before:
                verify(replace(graph, name=f"{graph.name} after {step.name}"), strict=strict)
            record = PassRecord(
                step.name, number, len(before.nodes), len(graph.nodes), seconds, graph, changed=graph is not before
            )
            records.append(record)
            if observe is not None:
                observe(record)
        if graph is start:
            break
    return graph, records
