"""Long reductions: float32 sums are added up in blocks for precision,
and reductions to one value are shared among threads.
"""

import dataclasses
from collections.abc import Sequence

from tracegraph.compiler.index import Index, Variable
from tracegraph.compiler.loop_ir import (
    Accumulate,
    Buffer,
    Convert,
    Kernel,
    Let,
    Load,
    Loop,
    Name,
    Start,
    Statement,
    Store,
)
from tracegraph.compiler.lowering.collapse import map_indices
from tracegraph.compiler.ops.spec import Spec, float32, float64

BLOCK = 1024
"""Elements of a float32 sum before it is added to a float64 total."""
SPLIT_ELEMENTS = 1 << 16
"""Elements of a reduction to one value from which threads share it."""
CHUNK = 1 << 14
MOST_CHUNKS = 64


def sums_of(loop: Loop) -> list[str]:
    """The float32 sums accumulated in the innermost loops of a nest."""
    found: list[str] = []
    for statement in loop.body:
        if isinstance(statement, Loop):
            found += sums_of(statement)
        elif not isinstance(statement, Accumulate) or statement.ordered:
            continue
        elif statement.combine == "add" and statement.dtype == float32:
            found.append(statement.name)
    return list(dict.fromkeys(found))


def turns(loop: Loop) -> int:
    """How often the innermost body of a nest runs."""
    inner = [turns(statement) for statement in loop.body if isinstance(statement, Loop)]
    return loop.variable.extent * max(inner, default=1)


def precise(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """The statements with long float32 sums added up in blocks."""
    result: list[Statement] = []
    for statement in statements:
        if not isinstance(statement, Loop):
            result.append(statement)
            continue
        sums = sums_of(statement)
        started = {s.name for s in statements if isinstance(s, Start)}
        if sums and turns(statement) > 2 * BLOCK and started.issuperset(sums):
            result += _in_blocks(statement, sums)
        else:
            result.append(Loop(statement.variable, precise(statement.body)))
    return tuple(result)


def _in_blocks(loop: Loop, sums: list[str]) -> list[Statement]:
    """The nest with the sums started anew for each block and collected in float64."""
    wide = [f"{name}_wide" for name in sums]
    before: list[Statement] = [Start(name, "add", float64) for name in wide]
    after: list[Statement] = [
        Let(name, Convert(Name(total, float64), float32)) for name, total in zip(sums, wide, strict=True)
    ]
    return [*before, *_block_nest(loop, sums, wide), *after]


def _block_nest(loop: Loop, sums: list[str], wide: list[str]) -> list[Statement]:
    inner = [statement for statement in loop.body if isinstance(statement, Loop)]
    if inner:
        body = [part for s in loop.body for part in (_block_nest(s, sums, wide) if isinstance(s, Loop) else [s])]
        return [Loop(loop.variable, tuple(body))]
    extent = loop.variable.extent
    if extent <= BLOCK:
        return _one_block(loop, sums, wide)
    blocks, rest = divmod(extent, BLOCK)
    number = Variable(f"{loop.variable.name}_block", blocks)
    start = Index(((number, BLOCK),)) if blocks > 1 else Index()
    main = _one_block(_shifted(loop, start, BLOCK), sums, wide)
    result: list[Statement] = [Loop(number, tuple(main))] if blocks > 1 else main
    if rest:
        result += _one_block(_shifted(loop, Index((), blocks * BLOCK), rest), sums, wide)
    return result


def _one_block(loop: Loop, sums: list[str], wide: list[str]) -> list[Statement]:
    starts: list[Statement] = [Start(name, "add", float32) for name in sums]
    adds: list[Statement] = [
        Accumulate(total, "add", Convert(Name(name, float32), float64), float64, ordered=True)
        for name, total in zip(sums, wide, strict=True)
    ]
    return [*starts, loop, *adds]


def _shifted(loop: Loop, start: Index, extent: int) -> Loop:
    """The loop over `extent` turns from `start` on."""
    inner = Variable(loop.variable.name, extent)
    place = start + (Index(((inner, 1),)) if extent > 1 else Index())
    values = {loop.variable: place}
    body = tuple(map_indices(statement, lambda index: index.substitute(values)) for statement in loop.body)
    return Loop(inner, body)


def split(kernel: Kernel) -> tuple[list[Kernel], list[Buffer]]:
    """The kernel as two, if it reduces much to one value: partial results by chunks, then their combination.

    Also gives the buffers of the partial results.
    """
    found = _single_loop(kernel)
    if found is None:
        return [kernel], []
    before, loop, after = found
    accumulators = list(dict.fromkeys((s.name, s.combine, s.dtype) for s in loop.body if isinstance(s, Accumulate)))
    extent = loop.variable.extent
    chunks = min(MOST_CHUNKS, extent // CHUNK)
    length, rest = divmod(extent, chunks)
    number = Variable("chunk", chunks)
    partial = {name: Buffer(f"{name} of {kernel.name}", Spec((chunks,), dtype)) for name, _, dtype in accumulators}
    at = Index(((number, 1),))
    starts = [s for s in before if isinstance(s, Start)]
    lets = [s for s in before if isinstance(s, Let)]
    first = dataclasses.replace(
        kernel,
        name=f"{kernel.name}_parts",
        body=(
            Loop(
                number,
                (
                    *lets, *starts, _shifted(loop, Index(((number, length),)), length),
                    *(Store(partial[name], at, Name(name, dtype)) for name, _, dtype in accumulators),
                ),
            ),
        ),
        rows=number,
        writes=(*_stored(loop.body), *partial.values()),
        splittable=True,
        title=f"{kernel.title}, in {chunks} parts",
    )  # fmt: skip
    combine = tuple(
        Accumulate(name, how, Load(partial[name], at, dtype), dtype, ordered=True) for name, how, dtype in accumulators
    )
    tail = (_shifted(loop, Index((), chunks * length), rest),) if rest else ()
    second = dataclasses.replace(
        kernel,
        body=(*before, Loop(number, combine), *tail, *after),
        reads=(*kernel.reads, *partial.values()),
        work=chunks,
        title=f"{kernel.title}: the parts together",
    )
    return [first, second], list(partial.values())


def _single_loop(kernel: Kernel) -> tuple[list[Statement], Loop, list[Statement]] | None:
    """The one long reduction loop of a kernel without rows, with what stands before and after it."""
    loops = [number for number, statement in enumerate(kernel.body) if isinstance(statement, Loop)]
    if kernel.rows is not None or len(loops) != 1 or kernel.can_fail or kernel.scratch:
        return None
    loop = kernel.body[loops[0]]
    assert isinstance(loop, Loop)
    before = list(kernel.body[: loops[0]])
    accumulators = [s for s in loop.body if isinstance(s, Accumulate)]
    if not accumulators or any(s.position is not None or s.ordered for s in accumulators):
        return None
    if loop.variable.extent < SPLIT_ELEMENTS or any(isinstance(s, Loop) for s in loop.body):
        return None
    if not all(isinstance(s, Start | Let) for s in before):
        return None
    return before, loop, list(kernel.body[loops[0] + 1 :])


def _stored(statements: Sequence[Statement]) -> tuple[Buffer, ...]:
    return tuple(dict.fromkeys(s.buffer for s in statements if isinstance(s, Store)))
