"""Collapses nested loops into one where every access walks through memory as one loop would."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from tracegraph.compiler.index import Index, Variable
from tracegraph.compiler.loop_ir import Kernel, Loop, Statement


def collapse(kernel: Kernel) -> Kernel:
    """The kernel with all loops collapsed that can be; its rows are those of the new outermost loop."""
    body = tuple(_collapse_statement(statement) for statement in kernel.body)
    rows = kernel.rows
    if rows is not None and len(body) == 1 and isinstance(body[0], Loop):
        rows = body[0].variable
    return dataclasses.replace(kernel, body=body, rows=rows)


def _collapse_statement(statement: Statement) -> Statement:
    if not isinstance(statement, Loop):
        return statement
    body = tuple(_collapse_statement(inner) for inner in statement.body)
    loop = Loop(statement.variable, body)
    if len(body) == 1 and isinstance(body[0], Loop):
        merged = _merge(loop.variable, body[0])
        if merged is not None:
            return merged
    return loop


def _merge(outer: Variable, inner_loop: Loop) -> Loop | None:
    """One loop for `outer` around `inner_loop`, if all indices in it allow that."""
    inner = inner_loop.variable
    for index in indices(inner_loop.body):
        if index.factor(outer) != index.factor(inner) * inner.extent or not _plain(index, {outer, inner}):
            return None
    if any(isinstance(statement, Loop) and statement.variable in (outer, inner) for statement in inner_loop.body):
        return None
    joined = Variable(outer.name, outer.extent * inner.extent)

    def replaced(index: Index) -> Index:
        terms = tuple((joined if atom == inner else atom, factor) for atom, factor in index.terms if atom != outer)
        return Index(terms, index.constant)

    return Loop(joined, tuple(map_indices(statement, replaced) for statement in inner_loop.body))


def _plain(index: Index, variables: set[Variable]) -> bool:
    """Whether the variables occur in the index as terms only, not inside of quotients."""
    return not any(not isinstance(atom, Variable) and atom.numerator.variables() & variables for atom, _ in index.terms)


def indices(value: Any) -> Iterator[Index]:
    """All indices in statements or expressions."""
    if isinstance(value, Index):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from indices(part)
    elif dataclasses.is_dataclass(value) and not isinstance(value, Variable) and hasattr(value, "__slots__"):
        for field in dataclasses.fields(value):
            if field.name not in ("buffer", "dtype"):
                yield from indices(getattr(value, field.name))


def map_indices(value: Any, change: Callable[[Index], Index]) -> Any:
    """A statement or expression with all its indices changed."""
    if isinstance(value, Index):
        return change(value)
    if isinstance(value, tuple):
        return tuple(map_indices(part, change) for part in value)
    if isinstance(value, Variable) or not dataclasses.is_dataclass(value):
        return value
    changes = {
        field.name: map_indices(getattr(value, field.name), change)
        for field in dataclasses.fields(value)
        if field.name not in ("buffer", "dtype")
    }
    return dataclasses.replace(value, **changes)  # type: ignore[type-var]


__all__ = ["collapse", "indices", "map_indices"]
