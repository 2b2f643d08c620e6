"""The memory plan: where in one arena each temporary lies. Buffers that are never alive together share memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracegraph.compiler.loop_ir import Buffer

ALIGNMENT = 64


@dataclass(frozen=True)
class Lifetime:
    """A temporary and the first and last step in which it is alive."""

    buffer: Buffer
    first: int
    last: int


@dataclass(frozen=True)
class MemoryPlan:
    """Byte offsets of the temporaries in the arena."""

    offsets: Mapping[Buffer, int]
    lifetimes: tuple[Lifetime, ...]
    arena_bytes: int
    """Size of the arena: the peak with reuse."""
    unshared_bytes: int
    """What the temporaries would take without reuse."""


def padded(nbytes: int) -> int:
    """Rounded up to the alignment; nothing takes no space."""
    return -(-max(nbytes, 1) // ALIGNMENT) * ALIGNMENT


def plan(lifetimes: Iterable[Lifetime]) -> MemoryPlan:
    """Place the temporaries: largest first, each at the lowest offset free during its whole life (greedy by size,
    after Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
    """
    ordered = sorted(lifetimes, key=lambda life: (-life.buffer.spec.nbytes, life.first))
    offsets: dict[Buffer, int] = {}
    placed: list[tuple[int, int, Lifetime]] = []
    for life in ordered:
        size = padded(life.buffer.spec.nbytes)
        taken = sorted(
            (start, end) for start, end, other in placed if other.first <= life.last and life.first <= other.last
        )
        at = 0
        for start, end in taken:
            if at + size <= start:
                break
            at = max(at, end)
        offsets[life.buffer] = at
        placed.append((at, at + size, life))
    return MemoryPlan(
        offsets=offsets,
        lifetimes=tuple(sorted((life for _, _, life in placed), key=lambda life: life.first)),
        arena_bytes=max((end for _, end, _ in placed), default=0),
        unshared_bytes=sum(padded(life.buffer.spec.nbytes) for _, _, life in placed),
    )
