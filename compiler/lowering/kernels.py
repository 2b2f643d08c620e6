"""Turns a fusion group into a kernel of the loop IR."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tracegraph.compiler.index import Index, Variable, flatten, variable
from tracegraph.compiler.ir import Node
from tracegraph.compiler.loop_ir import (
    Accumulate,
    AccumulateInto,
    Apply,
    Buffer,
    CheckedIndex,
    Choose,
    Compare,
    Convert,
    Expression,
    IndexValue,
    Kernel,
    Let,
    Literal,
    Load,
    Loop,
    Name,
    Start,
    Statement,
    Store,
)
from tracegraph.compiler.lowering.accesses import AccessFinder
from tracegraph.compiler.lowering.elements import IndexBuild, Point, element
from tracegraph.compiler.lowering.fusion import Group
from tracegraph.compiler.lowering.reducing import (
    ARG_REDUCTIONS,
    accumulated_dtype,
    combine_of,
    identity_of,
    reduced_position,
)
from tracegraph.compiler.ops.spec import DType, Spec

SCRATCH_BYTES = 1 << 17
"""Most stack memory of one kernel: it should stay in the first or second level of the cache."""
CHEAP = ("abs_", "floor_", "ceil_", "trunc_", "round_", "sqrt_", "sign_", "copysign_", "maximum", "minimum")
"""Beginnings of expressions that call a vector function which is one or two instructions."""


@dataclass
class _Scope:
    """Statements of one loop body, and the scalars named so far that they may use."""

    statements: list[Statement] = field(default_factory=list)
    named: dict[Any, Name | Literal] = field(default_factory=dict)
    stores: list[Statement] = field(default_factory=list)
    """Written after everything is computed: a store may go to memory that other statements still read."""

    def finish(self) -> tuple[Statement, ...]:
        """The statements with the stores at the end."""
        self.statements += self.stores
        self.stores = []
        return tuple(self.statements)

    def inner(self) -> "_Scope":
        """The scope of a loop inside of this one."""
        return _Scope(named=dict(self.named))


class KernelMaker:
    """Makes the kernel of one group. `buffers` holds the buffer of every stored node it reads or writes."""

    def __init__(
        self, group: Group, buffers: Mapping[Node, Buffer], finder: AccessFinder, name: str, status: int
    ) -> None:
        self.group, self.buffers, self.finder = group, buffers, finder
        self.name, self.status = name, status
        self.scope = _Scope()
        self.inline = 0
        self.counter = 0
        self.work = 0
        self.can_fail = False
        self.scratch = self._choose_scratch()
        self.in_scratch: set[Node] = set()
        self.read_buffers: dict[Buffer, None] = {}
        self.written: dict[Buffer, None] = {}

    def _choose_scratch(self) -> dict[Node, Buffer]:
        """Members that are dear to compute and read again in a later phase of the row: kept in a row on the stack."""
        members, phases = self.group.places, self.group.phases
        if self.group.domain.by_columns or len(set(phases.values())) == 1:
            return {}
        length = math.prod(self.group.domain.shape[dim] for dim in self.group.domain.reduced)
        again = {
            access.node
            for node in members
            for access in self.finder.accesses(node)
            if access.node in members and phases[access.node] < phases[node]
        }
        kept: dict[Node, Buffer] = {}
        room = SCRATCH_BYTES
        for node, place in members.items():
            size = length * node.dtype.itemsize
            if (
                node in again
                and place.level == "full"
                and node not in self.buffers
                and size <= room
                and self._is_dear(node)
            ):
                kept[node] = Buffer(f"row of {node.operation.name}", Spec((length,), node.dtype))
                room -= size
        return kept

    def _is_dear(self, node: Node) -> bool:
        """Whether computing the node again costs more than reading it from the cache."""
        template = str(getattr(node.operation, "expression", ""))
        return "_{f}(" in template and not template.startswith(CHEAP)

    # -- names and scalars --------------------------------------------------------------------------------------------

    def fresh(self, prefix: str = "v") -> str:
        """A new name."""
        self.counter += 1
        return f"{prefix}{self.counter}"

    def let(self, key: Any, value: Expression, dtype: DType) -> Expression:
        """Name a scalar in the current scope (inside of a conditional expression: leave it as it is)."""
        if self.inline:
            return value
        if isinstance(value, Name | Literal):
            self.scope.named[key] = value
            return value
        name = Name(self.fresh(), dtype)
        self.scope.statements.append(Let(name.name, value))
        self.scope.named[key] = name
        return name

    def read(self, node: Node, index: Point) -> Expression:
        """The element of `node` at `index`, in the group's variables."""
        if self.finder.reads_through(node):
            return element(node, _Builder(self, node), index)
        position = flatten(index, node.shape)
        key = (node, position)
        named = self.scope.named.get(key)
        if named is not None:
            return named
        if node in self.in_scratch:
            return self.let(key, Load(self.scratch[node], self._row_position(), node.dtype), node.dtype)
        if node in self.group.places and not self._readable(node):
            return self.let(key, element(node, _Builder(self, node), index), node.dtype)
        buffer = self.buffers[node]
        self.read_buffers[buffer] = None
        return self.let(key, Load(buffer, position, node.dtype), node.dtype)

    def _row_position(self) -> Index:
        """The position within the reduced dimensions."""
        domain = self.group.domain
        return flatten(domain.variables(domain.reduced), tuple(domain.shape[dim] for dim in domain.reduced))

    def _readable(self, node: Node) -> bool:
        """Whether a member computed in an earlier phase can be loaded back."""
        return node in self.buffers and self.buffers[node] in self.written

    def store(self, node: Node, value: Expression, position: Index) -> None:
        """Write a stored node's element."""
        buffer = self.buffers.get(node)
        if buffer is not None:
            self.written[buffer] = None
            self.scope.stores.append(Store(buffer, position, value))

    # -- the loops ----------------------------------------------------------------------------------------------------

    def make(self) -> Kernel:
        """The kernel."""
        domain = self.group.domain
        kept = [Variable(f"i{dim}", domain.shape[dim]) for dim in domain.kept if domain.shape[dim] != 1]
        reduced = [Variable(f"i{dim}", domain.shape[dim]) for dim in domain.reduced if domain.shape[dim] != 1]
        if domain.by_columns and not self.group.rows_only:
            body = self._by_columns(kept, reduced)
        else:
            body = nest(kept, tuple(self._by_rows(reduced)))
        rows = kept[0] if kept else None
        return Kernel(
            name=self.name,
            body=body,
            rows=rows,
            reads=tuple(self.read_buffers),
            writes=tuple(self.written),
            scratch=tuple(self.scratch.values()),
            work=Spec(domain.shape, next(iter(self.group.places)).dtype).size * max(len(self.group.places), 1),
            can_fail=self.can_fail,
            title=title(self.group),
            locations=locations(self.group),
        )

    def _by_rows(self, reduced: list[Variable]) -> list[Statement]:
        """The statements of one row: row scalars, then one loop over the reduced dimensions per phase."""
        members = self.group.places
        phases = max(self.group.phases.values()) + 1
        outer = self.scope
        for phase in range(phases):
            for node, here in members.items():
                if here.level == "row" and self.group.phases[node] == phase:
                    self._compute(node)
            outer.finish()
            full = [n for n, here in members.items() if here.level == "full" and self.group.phases[n] == phase]
            reductions = [n for n, here in members.items() if here.level == "reduce" and self.group.phases[n] == phase]
            if not full and not reductions:
                continue
            accumulators: dict[Node, str] = {}
            for node in reductions:
                accumulators[node] = self.fresh("total")
                outer.statements.append(Start(accumulators[node], combine_of(node), accumulated_dtype(node)))
            self.scope = outer.inner()
            for node in full:
                self._compute(node)
            for node in reductions:
                place = reduced_position(node)
                value = self._contribution(node)
                self.scope.statements.append(
                    Accumulate(accumulators[node], combine_of(node), value, accumulated_dtype(node), place)
                )
            outer.statements.extend(nest(reduced, self.scope.finish()))
            self.in_scratch.update(node for node in full if node in self.scratch)
            self.scope = outer
            for node in reductions:
                name = Name(accumulators[node] + ("_at" if combine_of(node) in ARG_REDUCTIONS else ""), node.dtype)
                self.scope.named[(node, members[node].position)] = name
                self.store(node, name, members[node].position)
            outer.finish()
        return outer.statements

    def _contribution(self, node: Node) -> Expression:
        """What one element of the operand adds to a reduction."""
        operand = node.operands[0]
        value = self.read(operand, self.group.domain.variables(range(len(operand.shape))))
        dtype = accumulated_dtype(node)
        return value if operand.dtype == dtype else Convert(value, dtype)

    def _compute(self, node: Node) -> None:
        """Compute a member at its own place in the loops, and store it if it is stored."""
        here = self.group.places[node]
        point = tuple(variable(f"i{dim}", size).substitute(here.mapping) for dim, size in enumerate(node.shape))
        value = element(node, _Builder(self, node), point)
        value = self.let((node, here.position), value, node.dtype)
        if isinstance(value, Literal):
            value = Convert(value, node.dtype)
        self.store(node, value, here.position)
        if node in self.scratch:
            self.scope.statements.append(Store(self.scratch[node], self._row_position(), value))

    def _by_columns(self, kept: list[Variable], reduced: list[Variable]) -> tuple[Statement, ...]:
        """Accumulate whole rows into a row of accumulators:
        start, loop over the reduced dimensions, then the row's scalars.
        """
        members = self.group.places
        column = kept[-1]
        outer = self.scope
        statements: list[Statement] = []
        reductions = [node for node, here in members.items() if here.level == "reduce"]
        start: list[Statement] = []
        for node in reductions:
            buffer = self.buffers[node]
            self.written[buffer] = None
            start.append(Store(buffer, members[node].position, Literal(identity_of(node), node.dtype)))
        statements.append(Loop(column, tuple(start)))
        self.scope = outer.inner()
        for node, here in members.items():
            if here.level == "full":
                self._compute(node)
        for node in reductions:
            value = self._contribution(node)
            self.scope.statements.append(
                AccumulateInto(self.buffers[node], members[node].position, combine_of(node), value)
            )
        statements.extend(nest([*reduced, column], self.scope.finish()))
        self.scope = outer.inner()
        for node, here in members.items():
            if here.level == "row":
                self._compute(node)
        row = self.scope.finish()
        if row:
            statements.append(Loop(column, row))
        self.scope = outer
        return nest(kept[:-1], tuple(statements))


def nest(variables: list[Variable], body: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """Loops around a body, the first variable outermost."""
    for each in reversed(variables):
        body = (Loop(each, body),)
    return body


def title(group: Group) -> str:
    """The operations of a kernel in a few words."""
    names = list(dict.fromkeys(node.operation.name for node in group.places))
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    return f"{shown} over {group.domain.shape}"


def locations(group: Group) -> tuple[tuple[str, int], ...]:
    """The user's lines that a kernel comes from."""
    return tuple(dict.fromkeys(node.location for node in group.places if node.location is not None))


class _Builder(IndexBuild):
    """The `Build` that makes expressions for one node."""

    def __init__(self, maker: KernelMaker, node: Node) -> None:
        self._maker, self._node = maker, node
        self.spec: Spec = node.spec
        self.specs = tuple(operand.spec for operand in node.operands)

    def read(self, operand: int, index: Point) -> Expression:
        return self._maker.read(self._node.operands[operand], index)

    def apply(self, template: str, *arguments: Expression, dtype: DType | None = None) -> Expression:
        return Apply(template, arguments, dtype or self.spec.dtype)

    def literal(self, value: Any, dtype: DType | None = None) -> Expression:
        return Literal(value, dtype or self.spec.dtype)

    def number(self, index: Index, dtype: DType | None = None) -> Expression:
        return IndexValue(index, dtype or self.spec.dtype)

    def choose(
        self, conditions: tuple[Compare, ...], then: Callable[[], Expression], otherwise: Callable[[], Expression]
    ) -> Expression:
        decided = [_decide(condition) for condition in conditions]
        if any(known is False for known in decided):
            return otherwise()
        left = tuple(condition for condition, known in zip(conditions, decided, strict=True) if known is None)
        if not left:
            return then()
        self._maker.inline += 1
        try:
            return Choose(left, then(), otherwise(), self.spec.dtype)
        finally:
            self._maker.inline -= 1

    def convert(self, value: Expression, dtype: DType) -> Expression:
        return value if value.dtype == dtype else Convert(value, dtype)

    def dynamic(self, value: Expression, extent: int, *, wraps: bool = True) -> Index:
        maker = self._maker
        maker.can_fail = True
        name = maker.fresh("at")
        key = ("dynamic", value, extent, wraps)
        known = maker.scope.named.get(key)
        if not isinstance(known, Name):
            maker.scope.statements.append(CheckedIndex(name, value, extent, maker.status, wraps))
            known = maker.scope.named[key] = Name(name, self.spec.dtype)
        return variable(known.name, extent)


def _decide(condition: Compare) -> bool | None:
    """The truth of a condition, if the ranges of the variables settle it."""
    low, high = condition.index.bounds()
    if high < condition.bound:
        return condition.less
    if low >= condition.bound:
        return not condition.less
    return None
