"""The decision tree of a traced function: what is computed between the values that Python asks for, which child each
value leads to, and what a call that comes to a leaf still has to compute.

Decisions on one path are never merged, so that only ways that were seen are gone; the code between them is shared where
it is the same, as in the rounds of a loop.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracegraph.compiler.executable import Executable, compile_graph
from tracegraph.compiler.ir import Graph, Node
from tracegraph.compiler.ir.structure import structural_key
from tracegraph.compiler.ops.leaves import Input
from tracegraph.trace.recorded import Decision

MAX_OUTCOMES = 16
"""Different outcomes of one decision."""


class TooManyOutcomesError(Exception):
    """A decision has had so many outcomes that further ones are not worth code of their own."""


@dataclass(eq=False)
class Branch:
    """A point at which a value decides: what is computed since the one before, and where each outcome leads."""

    decision: Node
    how: str
    location: tuple[str, int] | None
    born: dict[Node, None] = field(default_factory=dict)
    """The values that a recording computed here, in its order."""
    children: "dict[int, Branch | Leaf]" = field(default_factory=dict)
    live: frozenset[Node] = frozenset()
    """Values from branches above that this one or those below read."""
    inputs: tuple[Node, ...] = ()
    outputs: tuple[Node, ...] = ()
    """What its code leaves for those below, besides the decision."""
    executable: Executable | None = None


@dataclass(eq=False)
class Leaf:
    """Where a path ends: its traces, which differ in what they guard."""

    frame: list[Node] = field(default_factory=list)
    """The values from branches above that the traces read, by the number they know them by."""
    entries: list[Any] = field(default_factory=list)

    @property
    def live(self) -> frozenset[Node]:
        """The values from branches above that are read here."""
        return frozenset(self.frame)


@dataclass(frozen=True)
class Path:
    """One recorded way from the root: its decisions, and what was computed between them."""

    decisions: tuple[Decision, ...]
    births: dict[Node, int]
    """For each value computed, the number of decisions before it."""

    def born(self, number: int) -> Iterator[Node]:
        """What was computed just before a decision."""
        return (node for node, birth in self.births.items() if birth == number)


def attach(root: Branch | None, path: Path) -> tuple[Branch, Leaf, tuple[Branch, ...]] | None:
    """Enter a path: the root, the leaf it ends in and the branches above it; None if the tree has no place for it.

    That is so when the same outcomes led to another decision: something else than tensors differed.

    Raises:
        TooManyOutcomesError: when a decision has had too many different outcomes.
    """
    first = root
    above: list[Branch] = []
    position: Branch | Leaf | None = root
    outcome = 0
    for number, decision in enumerate(path.decisions):
        if position is None:
            position = Branch(decision.node, decision.how, decision.location)
            if above:
                _enter(above[-1], outcome, position)
            first = first or position
        if not isinstance(position, Branch) or position.decision is not decision.node:
            return None
        position.born.update(dict.fromkeys(path.born(number)))
        above.append(position)
        outcome = decision.outcome
        position = position.children.get(outcome)
    if isinstance(position, Branch) or first is None:
        return None
    if position is None:
        position = Leaf()
        _enter(above[-1], outcome, position)
    return first, position, tuple(above)


def _enter(branch: Branch, outcome: int, child: "Branch | Leaf") -> None:
    if len(branch.children) >= MAX_OUTCOMES:
        raise TooManyOutcomesError
    branch.children[outcome] = child


def available(above: Sequence[Branch]) -> dict[Node, None]:
    """The values that the branches above a place compute; views are made again where they are read."""
    return {node: None for branch in above for node in branch.born if not _made_again(node)}


def _made_again(node: Node) -> bool:
    return node.is_constant or node.is_input or node.operation.is_view


def reads(roots: Sequence[Node], held: dict[Node, None]) -> dict[Node, None]:
    """What computing the roots reads: inputs of the whole, and values held, in the order of first use."""
    found: dict[Node, None] = {}
    seen: set[Node] = set()
    waiting = list(reversed(roots))
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.is_input or node in held:
            found[node] = None
        else:
            waiting.extend(reversed(node.operands))
    return found


def cut(name: str, roots: Sequence[Node], read: Sequence[Node]) -> tuple[Graph, dict[Node, Node]]:
    """The graph that computes the roots from the values read, and its node for each of the whole."""
    new: dict[Node, Node] = {}
    for node in read:
        label = node.operation.label if isinstance(node.operation, Input) else ""
        new[node] = Node(Input(len(new), node.spec, label), (), node.spec)
    inputs = tuple(new.values())
    for root in roots:
        stack = [root]
        while stack:
            node = stack[-1]
            missing = [operand for operand in node.operands if operand not in new] if node not in new else []
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if node not in new:
                operands = tuple([new[operand] for operand in node.operands])
                new[node] = Node(node.operation, operands, node.spec, node.location, node.backward)
    return Graph(name, inputs, tuple([new[root] for root in roots])), new


class Compiler:
    """Makes the code of branches, the same for those that compute the same."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._made: dict[str, Executable] = {}

    @property
    def executables(self) -> list[Executable]:
        """The distinct pieces of code."""
        return list(self._made.values())

    def refresh(self, root: Branch) -> None:
        """Bring the code of all branches up to date with what those below read; iterative, for deep trees."""
        order: list[tuple[Branch, dict[Node, None]]] = []
        waiting: list[tuple[Branch, dict[Node, None]]] = [(root, {})]
        while waiting:
            branch, held = waiting.pop()
            order.append((branch, held))
            below = held | dict.fromkeys(node for node in branch.born if not _made_again(node))
            waiting.extend((child, below) for child in branch.children.values() if isinstance(child, Branch))
        for branch, held in reversed(order):
            self._refresh(branch, held)

    def _refresh(self, branch: Branch, held: dict[Node, None]) -> None:
        wanted = frozenset().union(*(child.live for child in branch.children.values()))
        outputs = tuple([node for node in branch.born if node in wanted and node not in held])
        read = reads([branch.decision, *outputs], held)
        branch.live = frozenset(node for node in read if node in held) | (wanted & held.keys())
        if branch.executable is not None and outputs == branch.outputs:
            return
        branch.outputs, branch.inputs = outputs, tuple(read)
        graph, _ = cut(self.name, [branch.decision, *outputs], branch.inputs)
        key = structural_key(graph)
        if key not in self._made:
            self._made[key] = compile_graph(graph)
        branch.executable = self._made[key]
