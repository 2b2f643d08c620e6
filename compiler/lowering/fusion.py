"""Fusion: collects nodes into groups that become one kernel each.

A group iterates over one shape, some dimensions of which may be reduced. Its members are computed for all of the shape
("full"), or once per row of the dimensions that stay ("row", "reduce"). A member may read another member only at the
very element computed in the same turn; everything else goes through memory between two groups.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from tracegraph.compiler.index import Index, Variable, flatten, variable
from tracegraph.compiler.ir import Graph, Node
from tracegraph.compiler.lowering.accesses import AccessFinder, loop_shape
from tracegraph.compiler.lowering.elements import Point, has_element
from tracegraph.compiler.ops.base import Kind
from tracegraph.compiler.ops.spec import float16

MAX_MEMBERS = 192
"""Larger kernels compile slowly and need more registers than there are."""


@dataclass(frozen=True)
class Domain:
    """The loops of a group: a shape, and which of its dimensions are reduced."""

    shape: tuple[int, ...]
    reduced: tuple[int, ...] = ()

    @property
    def kept(self) -> tuple[int, ...]:
        """The dimensions that stay."""
        return tuple(dim for dim in range(len(self.shape)) if dim not in self.reduced)

    @property
    def by_columns(self) -> bool:
        """The fastest dimension stays while others are reduced: accumulators are kept per column, in memory."""
        significant = [dim for dim, size in enumerate(self.shape) if size != 1]
        return bool(self.reduced) and bool(significant) and significant[-1] not in self.reduced

    @property
    def is_long_total(self) -> bool:
        """Everything is reduced, and it is much: threads share the reduction,
        and what comes after is a kernel of its own.
        """
        return (
            bool(self.reduced) and all(self.shape[dim] == 1 for dim in self.kept) and math.prod(self.shape) >= 1 << 16
        )

    def variables(self, dims: Iterable[int]) -> Point:
        """The loop variables of some dimensions."""
        return tuple(variable(f"i{dim}", self.shape[dim]) for dim in dims)


def _significant(shape: Iterable[int], dims: Iterable[int]) -> list[tuple[int, int]]:
    return [(dim, size) for dim, size in zip(dims, shape, strict=True) if size != 1]


@dataclass(frozen=True)
class Place:
    """How a member stands in its group's loops."""

    level: str
    """"full", "row" or "reduce"."""
    mapping: dict[Variable, Index]
    """The member's canonical loop variables in terms of the group's."""
    position: Index
    """Row-major position of the member's own result in the group's variables."""


def place(node: Node, domain: Domain) -> Place | None:
    """How a node fits the loops of a domain, or None if it does not."""
    everything = range(len(domain.shape))
    kept = domain.kept
    row_sizes = tuple(domain.shape[dim] for dim in kept)
    row_position = flatten(domain.variables(kept), row_sizes)
    if node.kind is Kind.REDUCTION:
        if node.operands[0].shape != domain.shape or node.operation.dims != domain.reduced:  # type: ignore[attr-defined]
            return None
        return Place("reduce", {}, row_position)
    own = _significant(node.shape, range(len(node.shape)))
    for level, sizes, dims in (("full", domain.shape, everything), ("row", row_sizes, kept)):
        if level == "row" and not domain.reduced:
            continue
        other = _significant(sizes, dims)
        if [size for _, size in own] == [size for _, size in other]:
            mapping = {
                Variable(f"i{mine}", size): variable(f"i{theirs}", size)
                for (mine, size), (theirs, _) in zip(own, other, strict=True)
            }
            position = flatten(domain.variables(dims), tuple(sizes))
            return Place(level, mapping, position)
    return None


@dataclass(eq=False)
class Group:
    """Nodes computed together: one kernel, or one opaque step with a single node."""

    number: int
    domain: Domain
    places: dict[Node, Place]
    opaque: bool = False
    after: int = 0
    """Bit set of the groups this one needs, directly or not."""
    phases: dict[Node, int] = field(default_factory=dict)

    @property
    def nodes(self) -> list[Node]:
        """The members, operands before users."""
        return list(self.places)

    @property
    def rows_only(self) -> bool:
        """Some member keeps a position besides its value (argmax), which accumulators in memory do not."""
        return any(
            place.level == "reduce" and node.operation.name in ("argmax", "argmin")
            for node, place in self.places.items()
        )


def is_loop_node(node: Node) -> bool:
    """Whether loops can be made for the node (else it is an opaque step)."""
    if any(spec.dtype == float16 for spec in (node.spec, *(operand.spec for operand in node.operands))):
        return False
    if node.kind is Kind.REDUCTION:
        return bool(node.operation.combine)  # type: ignore[attr-defined]
    return has_element(node.operation)


class Fusion:
    """Partitions the nodes of a graph that need computing into groups, greedily in topological order."""

    def __init__(self, graph: Graph, finder: AccessFinder, opaque_reads: dict[Node, tuple[Node, ...]]) -> None:
        self.finder = finder
        self.opaque_reads = opaque_reads
        """For each opaque node the stored nodes it reads."""
        self.groups: dict[int, Group] = {}
        self.group_of: dict[Node, Group] = {}
        self.order = {node: number for number, node in enumerate(graph.nodes)}
        for node in graph.nodes:
            if node.kind is not Kind.LEAF and not finder.reads_through(node):
                self._add(node)
        self._merge_siblings()
        self._merge_scalars()

    def reads(self, node: Node) -> list[Node]:
        """The stored nodes a node reads."""
        if node in self.opaque_reads:
            return list(self.opaque_reads[node])
        return list(dict.fromkeys(access.node for access in self.finder.accesses(node)))

    def _add(self, node: Node) -> None:
        opaque = node in self.opaque_reads
        if node.kind is Kind.REDUCTION and not opaque:
            domain = Domain(loop_shape(node), node.operation.dims)  # type: ignore[attr-defined]
        else:
            domain = Domain(node.shape)
        own = Place("full", {}, Index()) if opaque else place(node, domain)
        assert own is not None
        group = Group(len(self.groups_made), domain, {node: own}, opaque)
        self.groups_made.append(group)
        needed = [self.group_of[read] for read in self.reads(node) if read in self.group_of]
        for producer in needed:
            group.after |= producer.after | 1 << producer.number
        self.groups[group.number] = group
        self.group_of[node] = group
        if not opaque:
            group.phases = {node: 0}
            for producer in sorted({g.number: g for g in needed if not g.opaque}.values(), key=lambda g: -g.number):
                if producer.number in self.groups:
                    group = self._try_merge(producer, group) or group

    @property
    def groups_made(self) -> list[Group]:
        """All groups ever made; a merged one keeps its number."""
        if not hasattr(self, "_made"):
            self._made: list[Group] = []
        return self._made

    def _try_merge(self, first: Group, second: Group) -> Group | None:
        """The two groups as one, if their loops agree, their accesses are aligned and no cycle comes about."""
        if len(first.places) + len(second.places) > MAX_MEMBERS or first is second:
            return None
        if self._path_between(first, second) or self._path_between(second, first):
            return None
        for domain in _joint_domains(first.domain, second.domain):
            merged = self._fit(first, second, domain)
            if merged is not None:
                return self._replace(first, second, merged)
        return None

    def _path_between(self, source: Group, target: Group) -> bool:
        """Whether some other group needs `source` and is needed by `target`."""
        bit = 1 << source.number
        between = target.after & ~bit
        if not between or not target.after & bit:
            return False
        return any(between >> number & 1 and group.after & bit for number, group in self.groups.items())

    def _fit(self, first: Group, second: Group, domain: Domain) -> Group | None:
        """The members of both in the loops of a domain, or None if one does not fit.

        What has been checked before is not checked again: members of `first` keep their places if its loops stay.
        """
        keeps = domain == first.domain and self._last(first) < self._first(second)
        places = dict(first.places) if keeps else {}
        phases = dict(first.phases) if keeps else {}
        members = second.places if keeps else sorted((*first.places, *second.places), key=self.order.__getitem__)
        for node in members:
            here = place(node, domain)
            if here is None:
                return None
            phase = 0
            for access in self.finder.accesses(node):
                there = places.get(access.node)
                if there is None:
                    continue
                if here.level == "row" and there.level == "full":
                    return None
                if access.position.substitute(here.mapping) != there.position:
                    return None
                if domain.by_columns and here.level != "row" and there.level != "full":
                    return None
                phase = max(phase, phases[access.node] + (1 if there.level == "reduce" else 0))
            if phase and here.level == "full" and domain.is_long_total:
                return None
            places[node], phases[node] = here, phase
        return Group(first.number, domain, places, phases=phases)

    def _first(self, group: Group) -> int:
        return self.order[next(iter(group.places))]

    def _last(self, group: Group) -> int:
        return self.order[next(reversed(group.places))]

    def _replace(self, first: Group, second: Group, merged: Group) -> Group:
        bits = 1 << first.number | 1 << second.number
        merged.after = (first.after | second.after) & ~bits
        del self.groups[second.number]
        self.groups[first.number] = merged
        for node in merged.places:
            self.group_of[node] = merged
        grown = merged.after | 1 << merged.number
        for group in self.groups.values():
            if group is not merged and group.after & bits:
                group.after = group.after & ~bits | grown
        return merged

    def _merge_siblings(self) -> None:
        """Merge groups over the same loops that read the same values (statistics of one tensor in one pass)."""
        readers: dict[Node, list[int]] = {}
        for group in self.groups.values():
            if not group.opaque:
                for node in {read for member in group.places for read in self.reads(member)}:
                    readers.setdefault(node, []).append(group.number)
        for numbers in readers.values():
            current = [number for number in numbers if number in self.groups]
            for left in current:
                for right in current:
                    if left < right and left in self.groups and right in self.groups:
                        first, second = self.groups[left], self.groups[right]
                        if first.domain == second.domain:
                            self._try_merge(first, second)

    def _merge_scalars(self) -> None:
        """Merge groups that compute single numbers (step counts, learning rates): one kernel costs less than many."""
        first: Group | None = None
        for number in sorted(self.groups):
            group = self.groups.get(number)
            if group is None or group.opaque or math.prod(group.domain.shape) != 1:
                continue
            first = group if first is None else self._try_merge(first, group) or group

    def schedule(self) -> list[Group]:
        """The groups in an order in which each comes after what it needs, close to the order of the nodes."""
        last = {number: max(self.order[node] for node in group.places) for number, group in self.groups.items()}
        waiting = sorted(self.groups.values(), key=lambda group: last[group.number])
        done = 0
        ordered: list[Group] = []
        alive = 0
        for group in waiting:
            alive |= 1 << group.number
        while waiting:
            for position, group in enumerate(waiting):
                if group.after & alive & ~done == 0:
                    ordered.append(group)
                    done |= 1 << group.number
                    del waiting[position]
                    break
            else:
                raise AssertionError("the groups of a fusion depend on each other in a circle")
        return ordered


def _joint_domains(first: Domain, second: Domain) -> list[Domain]:
    """The domains two groups might share: the reduced one if there is one."""
    if first.reduced and second.reduced:
        return [first] if first == second else []
    if first.reduced:
        return [first]
    if second.reduced:
        return [second]
    return [first] if len(first.shape) >= len(second.shape) else [second]
