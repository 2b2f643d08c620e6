"""`DecisionTree`: all traces of a function that begin with the same decision on the value of a tensor, replayed by one
walk in native code to the leaf whose traces may serve the call.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracegraph import _state
from tracegraph.compiler.ir import Graph, Node
from tracegraph.tensor import Tensor
from tracegraph.trace.arguments import ArgumentGuards, overlaps
from tracegraph.trace.interning import Fetch, Interner, kind_of
from tracegraph.trace.recorded import Decision
from tracegraph.trace.recorder import Recorder
from tracegraph.trace.replay import MISS
from tracegraph.trace.sources import FrameSource, Source
from tracegraph.trace.tree import Branch, Compiler, Leaf, Path, attach, available, cut, reads
from tracegraph.trace.walk import Placement, WalkSpace, place


@dataclass(frozen=True)
class LeafCode:
    """What is left to compute at the end of a path: its graph, and where the graph's inputs come from."""

    graph: Graph
    sources: list[Source]
    leaf: Leaf
    positions: dict[Node, int]
    """The number of each input of the recording among the graph's inputs."""


class DecisionTree:
    """The traces of calls that agree in all that a walk reads.

    Args:
        name: of the function.
        arguments: what is guarded before a walk.
        key: what calls must have in common.
    """

    def __init__(self, name: str, arguments: ArgumentGuards, key: Hashable) -> None:
        self.name, self.key = name, key
        self.root: Branch | None = None
        self.compiler = Compiler(name)
        self.replay: Callable[..., Any] = _never
        self._names: dict[str, Any] = {}
        self._lines = arguments.lines(self._names), arguments.leaf_lines(self._names)
        self._interner = Interner()
        self._captured: list[tuple[Tensor, Any]] = []
        self._lock = threading.Lock()
        self._version = 0
        """Changes before the tree does: memory for walks is laid out by what the tree was then."""
        self._leaves = 0
        self._entries: list[list[Any]] = []
        self._epoch = -1

    @property
    def leaves(self) -> int:
        """The number of ways it knows."""
        return self._leaves

    # -- growing ------------------------------------------------------------------------------------------------------

    def graft(self, recorder: Recorder, paths: dict[int, str], graph: Graph, more: Sequence[Node]) -> LeafCode | None:
        """Enter a recorded path; what its leaf computes, or None if the tree has no place for it.

        Args:
            recorder: what the call did.
            paths: the expressions of the call's arguments, by id.
            graph: what the whole call computes.
            more: inputs that the leaf needs as they are.
        """
        with self._lock:
            self._version += 1
            found = None
            try:
                found = self._graft(recorder, paths, graph, more)
            finally:
                if found is None:
                    self._version -= 1  # nothing was entered
            return found

    def _graft(self, recorder: Recorder, paths: dict[int, str], graph: Graph, more: Sequence[Node]) -> LeafCode | None:
        wanted = [*graph.roots, *[decision.node for decision in recorder.decisions]]
        common = self._interner.take(wanted, recorder.inputs, paths)
        path = _common_path(recorder, common)
        found = attach(self.root, path)
        if found is None:
            return None
        root, leaf, above = found
        self.root = root
        held = available(above)
        outputs = [common[node] for node in graph.outputs]
        updates = [(common[target], common[value]) for target, value in graph.updates]
        roots = [*outputs, *[value for _, value in updates]]
        read = list(dict.fromkeys([*reads(roots, held), *[t for t, _ in updates], *[common[node] for node in more]]))
        made, new = cut(self.name, roots, read)
        pairs = tuple([(new[target], new[value]) for target, value in updates])
        leaf_graph = Graph(self.name, made.inputs, made.outputs[: len(outputs)], pairs)
        own = {common[node]: source for node, source in recorder.inputs}
        sources: list[Source] = []
        for node in read:
            if node in own:
                sources.append(own[node])
            else:
                if node not in leaf.frame:
                    leaf.frame.append(node)
                sources.append(FrameSource(leaf.frame.index(node)))
        positions = {node: read.index(common[node]) for node, _ in recorder.inputs if common[node] in read}
        return LeafCode(leaf_graph, sources, leaf, positions)

    def rebuild(self) -> None:
        """Make the code for the tree as it is now."""
        with self._lock:
            self._rebuild()

    def _rebuild(self) -> None:
        assert self.root is not None
        self.compiler.refresh(self.root)
        placement = place(self.root)
        self._leaves = len(placement.leaves)
        self._entries = [leaf.entries for leaf in placement.leaves]
        used = {node for branch in placement.branches for node in branch.inputs if node.is_input}
        inputs = [(node, fetch) for node, fetch in self._interner.inputs if node in used]
        positions = {node: number for number, (node, _) in enumerate(inputs)}
        self._captured = [(fetch.captured, fetch.kind) for _, fetch in inputs if fetch.captured is not None]
        self._epoch = -1  # what another path captured may be of another kind by now
        self.replay = self._write(placement, inputs, positions)

    def drop(self, entry: Any) -> None:
        """Take a trace away from the leaf it is at."""
        for entries in self._entries:
            entries[:] = [other for other in entries if other is not entry]
        self.rebuild()

    def renew_lock(self) -> None:
        """In a forked child no other thread is left that could let go of it."""
        self._lock = threading.Lock()

    def recheck(self) -> bool:
        """After the epoch has moved: whether the captured tensors' memory is still of the same kind."""
        if any(kind_of(tensor._data) != kind for tensor, kind in self._captured):
            return False
        self._epoch = _state.epoch
        return True

    # -- replaying ----------------------------------------------------------------------------------------------------

    def _write(
        self, placement: Placement, inputs: Sequence[tuple[Node, Fetch]], positions: dict[Node, int]
    ) -> Callable[..., Any]:
        """The function that replays a call: guards of what a walk reads, the walk, and the traces of the leaf."""
        spaces = [WalkSpace(placement, positions)]

        version = self._version

        def make_space() -> WalkSpace | None:
            with self._lock:  # another thread may be growing the tree
                return WalkSpace(placement, positions) if self._version == version else None

        names: dict[str, Any] = self._names | {
            "MISS": MISS, "state": _state, "tree": self, "spaces": spaces, "make_space": make_space, "Tensor": Tensor,
            "leaves": [tuple(leaf.entries) for leaf in placement.leaves], "kind_of": kind_of, "overlaps": overlaps,
            "array": np.array, "ascontiguousarray": np.ascontiguousarray, "may_share": np.may_share_memory,
        }  # fmt: skip
        before, guards = self._lines
        lines = ["def replay(args, kwargs):", *["    " + line for line in before], "    try:"]
        lines += ["        " + line for line in guards]
        lines += ["        if state.epoch != tree._epoch and not tree.recheck():", "            return MISS"]
        for number, (_, fetch) in enumerate(inputs):
            lines += ["        " + line for line in fetch.write(number, names)]
        arrays = "".join(f", a{number}" for number in range(len(inputs)))
        lines += [
            "    except (LookupError, AttributeError, TypeError):",
            "        return MISS",
            "    try:",
            "        space = spaces.pop()",
            "    except IndexError:",
            "        space = make_space()",
            "        if space is None:",
            "            return MISS",
            "    try:",
            f"        leaf = space.walk(space.table{arrays})",
            "        if leaf >= 0:",
            "            for entry in leaves[leaf]:",
            "                result = entry.replay(args, kwargs, space.frames[leaf])",
            "                if result is not MISS:",
            "                    return result",
            "        return MISS",
            "    finally:",
            "        spaces.append(space)",
        ]
        exec(compile("\n".join(lines) + "\n", f"<walk of {self.name}>", "exec"), names)
        return names["replay"]  # type: ignore[no-any-return]


def _never(args: Any, kwargs: Any) -> Any:
    return MISS


def _common_path(recorder: Recorder, common: dict[Node, Node]) -> Path:
    """The recorded path over common nodes; a value decided on before decides nothing anew."""
    decisions: list[Decision] = []
    decided: set[Node] = set()
    numbers = [0]
    for decision in recorder.decisions:
        node = common[decision.node]
        if node not in decided:
            decided.add(node)
            decisions.append(Decision(node, decision.outcome, decision.how, decision.location))
        numbers.append(len(decisions))
    births: dict[Node, int] = {}
    for node, birth in recorder.births.items():
        if node in common:
            births.setdefault(common[node], numbers[birth])
    return Path(tuple(decisions), births)
