"""Random graphs, compiled, give what the reference interpreter gives; fusion and memory plan keep their invariants."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings

from tests.lowering.compare import check, placeholder
from tests.strategies import GraphExample, graphs
from tracegraph.compiler.executable import Executable
from tracegraph.compiler.ir import Graph, make
from tracegraph.compiler.lowering.lower import _Lowering, lower
from tracegraph.compiler.lowering.steps import KernelStep, NativeStep
from tracegraph.compiler.ops.arithmetic import ADD, NEGATIVE
from tracegraph.compiler.ops.base import OPERATIONS
from tracegraph.compiler.ops.logical import LOGICAL_NOT
from tracegraph.compiler.ops.movement import Reshape
from tracegraph.runtime.errors import TracegraphError

LOOPS = (
    "add", "multiply", "subtract", "negative", "where", "square", "less", "logical_not", "maximum", "minimum", "abs",
    "sum", "amax", "amin", "any", "all", "prod", "argmax", "argmin", "mean",
    "reshape", "permute", "expand", "cast", "constant", "full", "copy", "matmul",
)  # fmt: skip
"""Operations that are exact, or nearly so, on the small numbers of the strategy."""


def run(example: GraphExample, *, passes: bool) -> Executable:
    """Compile and compare."""
    return check(example.graph, example.arrays, passes=passes)


@given(graphs(operations=LOOPS, max_nodes=12))
@settings(max_examples=80)
def test_compiled_equals_reference(example: GraphExample) -> None:
    run(example, passes=False)


@given(graphs(operations=LOOPS, max_nodes=12))
@settings(max_examples=40)
def test_optimised_and_compiled_equals_reference(example: GraphExample) -> None:
    run(example, passes=True)


@given(graphs(max_nodes=10))
@settings(max_examples=100)
def test_lowering_keeps_its_invariants(example: GraphExample) -> None:
    """Each node computed in one group; each step after what it needs; no two live buffers in one place."""
    work = _Lowering(example.graph, use_blas=True)
    members = [node for group in work.groups for node in group.places]
    assert len(members) == len(set(members))
    where = {node: number for number, group in enumerate(work.groups) for node in group.places}
    for number, group in enumerate(work.groups):
        for node in group.places:
            for read in work.fusion.reads(node):
                assert read not in where or where[read] <= number
    check_memory(example)


def check_memory(example: GraphExample) -> None:
    """Play the steps through: whatever a step reads must not have been overwritten by a buffer in the same place."""
    lowered = lower(example.graph)
    memory = lowered.memory
    held: dict[int, object] = {}
    fixed = {*lowered.inputs, *(b for b, _ in lowered.constants), *(o.buffer for o in lowered.outputs)}
    for step in (*lowered.steps, *lowered.commits):
        scratch = step.scratch if isinstance(step, NativeStep) else ()
        inside = set(step.writes) if isinstance(step, KernelStep) else set()
        for buffer in step.reads:
            if buffer in fixed or buffer in inside:
                continue
            place = memory.offsets[buffer]
            assert all(held.get(byte) is buffer for byte in range(place, place + buffer.spec.nbytes)), step
        taken: dict[int, object] = {}
        for buffer in (*step.writes, *scratch):
            if buffer in fixed:
                continue
            place = memory.offsets[buffer]
            assert place % 64 == 0
            assert place + buffer.spec.nbytes <= memory.arena_bytes
            for byte in range(place, place + buffer.spec.nbytes):
                assert byte not in taken, step
                taken[byte] = buffer
        for buffer in step.reads:
            if buffer not in fixed and buffer not in inside:
                place = memory.offsets[buffer]
                assert not any(byte in taken for byte in range(place, place + buffer.spec.nbytes)), step
        held.update(taken)


REDUCED = [
    *itertools.product([(3, 5), (2, 3, 4), (1, 4), (4, 1), (2, 1, 3), (0, 3), (3, 0)], ["float32"]),
    *itertools.product([(3, 5), (2, 1, 3), (3, 0)], ["float64", "int32", "bool"]),
]


@pytest.mark.parametrize(("shape", "dtype"), REDUCED)
def test_reductions_over_all_choices_of_dimensions(shape: tuple[int, ...], dtype: str) -> None:
    """Each reduction over each set of dimensions, alone,
    after a producer and before a consumer that is broadcast back.
    """
    rng = np.random.default_rng(0)
    x = placeholder(0, shape, dtype)
    twisted = make(LOGICAL_NOT if dtype == "bool" else NEGATIVE, x)
    outputs = []
    for count in range(len(shape) + 1):
        for dims in itertools.combinations(range(len(shape)), count):
            kept = tuple(1 if dim in dims else size for dim, size in enumerate(shape))
            for name in ("sum", "amax", "any", "argmax", "prod"):
                try:
                    reduced = make(OPERATIONS[name](dims), x)  # type: ignore[call-arg]
                    other = make(OPERATIONS[name](dims), twisted)  # type: ignore[call-arg]
                except TracegraphError:
                    continue
                outputs += [reduced, other]
                if reduced.dtype == x.dtype and dtype != "bool":
                    outputs.append(make(ADD, twisted, make(Reshape(kept), reduced)))
    array = (rng.random(shape) * 3 - 1).astype(dtype)
    for start in range(0, len(outputs), 30):
        check(Graph("reductions", (x,), tuple(outputs[start : start + 30])), [array])
