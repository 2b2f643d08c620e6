"""Every operation, compiled, gives what its `evaluate` gives: alone, and between pointwise producers and consumers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.lowering.compare import check, placeholders
from tracegraph.compiler.ir import Graph, Node, make
from tracegraph.compiler.lowering.lower import lower
from tracegraph.compiler.lowering.steps import HostStep, NativeStep
from tracegraph.compiler.ops.arithmetic import ADD, NEGATIVE
from tracegraph.compiler.ops.base import OPERATIONS, Kind, Sample
from tracegraph.compiler.ops.logical import LOGICAL_NOT
from tracegraph.compiler.ops.movement import Reshape
from tracegraph.compiler.ops.spec import Spec
from tracegraph.runtime import cache_info

NAMES = sorted(name for name, made in OPERATIONS.items() if made.kind is not Kind.LEAF and not made.data_dependent)
PACKED = 24
"""Samples in one graph."""

HOST = frozenset(
    {
        "argkth", "argsort", "argtopk", "average_pool", "average_pool_gradient", "convolution",
        "convolution_input_gradient", "convolution_weight_gradient", "cumprod", "cumsum", "cumulative_argmax",
        "cumulative_argmin", "hypot", "integer_power", "linear_recurrence", "matmul", "max_pool", "max_pool_gradient",
        "max_pool_indices", "median",
    }
)  # fmt: skip
"""Operations some samples of which NumPy computes, float16 apart."""


def samples(name: str) -> list[Sample]:
    """All samples of an operation."""
    return list(OPERATIONS[name].samples(np.random.default_rng(0)))


def packs(name: str, most: int | None = None) -> Iterator[list[Sample]]:
    """The samples of an operation (`most` of them, evenly chosen), a graph's worth at a time."""
    every = samples(name)
    if most is not None and len(every) > most:
        every = [every[number * len(every) // most] for number in range(most)]
    for start in range(0, len(every), PACKED):
        yield every[start : start + PACKED]


@pytest.mark.parametrize("name", NAMES)
def test_alone(name: str, empty_cache: Path) -> None:
    for pack in packs(name):
        inputs: list[Node] = []
        outputs: list[Node] = []
        for sample in pack:
            own = placeholders(sample.operands, len(inputs))
            inputs += own
            outputs.append(make(sample.operation, *own))
        arrays = [operand for sample in pack for operand in sample.operands]
        check(Graph(name, tuple(inputs), tuple(outputs)), arrays)
    assert cache_info().directory == empty_cache


def there_and_back(node: Node) -> Node:
    """The same value, computed by two pointwise operations."""
    operation = LOGICAL_NOT if node.dtype == np.bool_ else NEGATIVE
    return make(operation, make(operation, node))


def doubled(node: Node) -> Node:
    """A pointwise operation on top."""
    return make(LOGICAL_NOT, node) if node.dtype == np.bool_ else make(ADD, node, node)


@pytest.mark.parametrize("name", NAMES)
def test_in_the_middle(name: str, empty_cache: Path) -> None:
    for pack in packs(name, most=5):
        inputs: list[Node] = []
        outputs: list[Node] = []
        for sample in pack:
            own = placeholders(sample.operands, len(inputs))
            inputs += own
            result = make(sample.operation, *[there_and_back(node) for node in own])
            outputs += [doubled(result), *([result] if len(outputs) % 3 == 0 else [])]
        arrays = [operand for sample in pack for operand in sample.operands]
        check(Graph(name, tuple(inputs), tuple(outputs)), arrays)
    assert cache_info().directory == empty_cache


@pytest.mark.parametrize("name", NAMES)
def test_behind_reshapes(name: str, empty_cache: Path) -> None:
    """Operands that are views: what is read has another shape than the operand."""
    for pack in packs(name, most=4):
        inputs: list[Node] = []
        outputs: list[Node] = []
        arrays = [np.ascontiguousarray(operand).reshape(-1, 1) for sample in pack for operand in sample.operands]
        for sample in pack:
            own = placeholders(arrays[len(inputs) : len(inputs) + len(sample.operands)], len(inputs))
            inputs += own
            shaped = [make(Reshape(operand.shape), node) for node, operand in zip(own, sample.operands, strict=True)]
            outputs.append(make(sample.operation, *shaped))
        check(Graph(name, tuple(inputs), tuple(outputs)), arrays)
    assert cache_info().directory == empty_cache


def lowering_of(sample: Sample) -> str:
    """How a sample is lowered: "loop", "routine", "host" or "view" (nothing is computed)."""
    inputs = placeholders(sample.operands)
    node = make(sample.operation, *inputs)
    steps = [step for step in lower(Graph("one", tuple(inputs), (node,))).steps if node in step.nodes]
    if any(isinstance(step, HostStep) for step in steps):
        return "host"
    if any(isinstance(step, NativeStep) for step in steps):
        return "routine"
    return "loop" if steps else "view"


def test_the_operations_left_to_the_host_are_known() -> None:
    kinds: dict[str, set[str]] = {}
    for name in NAMES:
        for sample in samples(name):
            specs = [Spec(np.shape(operand), np.asarray(operand).dtype) for operand in sample.operands]
            if np.float16 not in [spec.dtype for spec in (*specs, sample.operation.infer(*specs))]:
                kinds.setdefault(name, set()).add(lowering_of(sample))
    assert set(kinds) == set(NAMES), "every operation has samples"
    host = {name for name, kind in kinds.items() if "host" in kind}
    assert host == HOST, f"new: {sorted(host - HOST)}; native by now: {sorted(HOST - host)}"
