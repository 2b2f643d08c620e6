"""Column sums: several rows are added up in registers before the row of accumulators is touched."""

import dataclasses
import functools
from typing import Any

from tracegraph.compiler.index import Index, Variable
from tracegraph.compiler.loop_ir import AccumulateInto, Apply, Expression, Kernel, Let, Loop, Name, Statement
from tracegraph.compiler.lowering.collapse import map_indices

ROWS = 8
"""Rows added up together. Fewer memory accesses, and a shorter chain of roundings."""


def unroll_columns(kernel: Kernel) -> Kernel:
    """The kernel with the loops over rows around its column accumulations unrolled."""
    return dataclasses.replace(kernel, body=_unrolled(kernel.body))


def _unrolled(statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    result: list[Statement] = []
    for statement in statements:
        if isinstance(statement, Loop) and _is_row_loop(statement):
            result += _unroll(statement)
        elif isinstance(statement, Loop):
            result.append(Loop(statement.variable, _unrolled(statement.body)))
        else:
            result.append(statement)
    return tuple(result)


def _is_row_loop(loop: Loop) -> bool:
    """A loop over rows directly around a loop over columns that names values and adds some of them to accumulators."""
    if loop.variable.extent < 2 * ROWS or len(loop.body) != 1:
        return False
    columns = loop.body[0]
    if not isinstance(columns, Loop) or not all(isinstance(s, Let | AccumulateInto) for s in columns.body):
        return False
    sums = [s for s in columns.body if isinstance(s, AccumulateInto)]
    return bool(sums) and all(s.combine == "add" and s.index.factor(loop.variable) == 0 for s in sums)


def _unroll(loop: Loop) -> list[Statement]:
    columns = loop.body[0]
    assert isinstance(columns, Loop)
    groups, rest = divmod(loop.variable.extent, ROWS)
    group = Variable(f"{loop.variable.name}_rows", groups)
    body: list[Statement] = []
    values: list[list[Expression]] = []
    for row in range(ROWS):
        place = Index(((group, ROWS),), row)
        renamed: dict[str, str] = {}
        here: list[Expression] = []
        for statement in columns.body:
            moved = map_indices(statement, functools.partial(Index.substitute, values={loop.variable: place}))
            if isinstance(moved, Let):
                renamed[moved.name] = f"{moved.name}_{row}"
                body.append(Let(renamed[moved.name], rename(moved.value, renamed)))
            elif isinstance(moved, AccumulateInto):
                here.append(rename(moved.value, renamed))
        values.append(here)
    sums = [s for s in columns.body if isinstance(s, AccumulateInto)]
    for number, accumulation in enumerate(sums):
        total = _tree([row[number] for row in values], accumulation.buffer.dtype)
        body.append(AccumulateInto(accumulation.buffer, accumulation.index, "add", total))
    result: list[Statement] = [Loop(group, (Loop(columns.variable, tuple(body)),))]
    if rest:
        tail = Variable(loop.variable.name, rest)
        place = Index(((tail, 1),) if rest > 1 else (), groups * ROWS)
        moved_body = tuple(map_indices(s, lambda index: index.substitute({loop.variable: place})) for s in columns.body)
        inner = Loop(columns.variable, moved_body)
        result.append(Loop(tail, (inner,)))
    return result


def _tree(values: list[Expression], dtype: Any) -> Expression:
    """The sum of the values, pair by pair."""
    while len(values) > 1:
        pairs = [Apply("{0} + {1}", (a, b), dtype) for a, b in zip(values[::2], values[1::2], strict=False)]
        values = pairs + values[len(pairs) * 2 :]
    return values[0]


def rename(value: Any, names: dict[str, str]) -> Any:
    """An expression with scalars renamed."""
    if isinstance(value, Name):
        return Name(names.get(value.name, value.name), value.dtype)
    if isinstance(value, tuple):
        return tuple(rename(part, names) for part in value)
    if (
        dataclasses.is_dataclass(value)
        and not isinstance(value, type)
        and hasattr(value, "__slots__")
        and not isinstance(value, Index)
    ):
        changes = {
            field.name: rename(getattr(value, field.name), names)
            for field in dataclasses.fields(value)
            if field.name not in ("buffer", "dtype", "index")
        }
        return dataclasses.replace(value, **changes) if changes else value
    return value
