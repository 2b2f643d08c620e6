"""Every operation, compiled, gives what its `evaluate` gives: alone, and between pointwise producers and consumers."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.lowering.compare import check, placeholders
from tests.lowering.lowerings import lowerings_of, samples
from tracegraph.compiler.ir import Graph, Node, make
from tracegraph.compiler.ops.arithmetic import ADD, NEGATIVE
from tracegraph.compiler.ops.base import OPERATIONS, Kind, Sample
from tracegraph.compiler.ops.logical import LOGICAL_NOT
from tracegraph.compiler.ops.movement import Reshape
from tracegraph.runtime import cache_info

NAMES = sorted(name for name, made in OPERATIONS.items() if made.kind is not Kind.LEAF and not made.data_dependent)
PACKED = 24
"""Samples in one graph."""

HOST = frozenset(
    {
        "alignment_scan", "argkth", "argmedian", "argmode", "argsort", "argsort_rows", "argtopk", "average_pool",
        "average_pool_gradient", "banded_recurrence", "cholesky", "cofactors", "convolution",
        "convolution_input_gradient", "convolution_weight_gradient", "cumprod", "cumsum", "cumulative_argmax",
        "cumulative_argmin", "determinant", "eigh", "erfcx", "exponent", "gcd", "hypot", "i0", "i0e", "i1", "i1e",
        "integer_power", "lcm", "linear_recurrence", "log_determinant", "logcumsumexp", "mantissa", "matmul",
        "matrix_exponential", "max_pool", "max_pool_gradient", "max_pool_indices", "median", "ndtri", "nextafter",
        "poisson_quantile", "polygamma", "pseudo_inverse", "qr", "scatter_reduce", "search_sorted", "solve", "svd",
        "zeta",
    }
)  # fmt: skip
"""Operations some samples of which NumPy computes, float16 apart."""


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


def test_the_operations_left_to_the_host_are_known() -> None:
    kinds = {name: lowerings_of(name) for name in NAMES}
    assert all(kinds.values()), "every operation has samples"
    host = {name for name, kind in kinds.items() if "host" in kind}
    assert host == HOST, f"new: {sorted(host - HOST)}; native by now: {sorted(HOST - host)}"
