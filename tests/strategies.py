"""`graphs()`: random valid graphs with inputs to run them on, for the properties that passes and kernels must have."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tracegraph.compiler.ir import Graph, Node, constant, make
from tracegraph.compiler.ops.arithmetic import ADD
from tracegraph.compiler.ops.base import OPERATIONS, Operation
from tracegraph.compiler.ops.cast import Cast
from tracegraph.compiler.ops.contraction import MATMUL
from tracegraph.compiler.ops.creation import Full
from tracegraph.compiler.ops.leaves import Input
from tracegraph.compiler.ops.movement import Expand, Permute, Reshape
from tracegraph.compiler.ops.pointwise import Pointwise
from tracegraph.compiler.ops.reductions import Reduction
from tracegraph.compiler.ops.spec import Spec
from tracegraph.runtime.errors import TracegraphError

DTYPES = ("float32", "float64", "int32", "int64", "uint8", "bool")
SHAPES = ((), (1,), (3,), (2, 3), (3, 1), (1, 3), (2, 1, 3), (6,), (0, 3), (1, 1), (3, 3))
EXTREMA = ("maximum", "minimum", "clamp_min", "clamp_max", "clamp", "amax", "amin")
NUMBERS = (0, 1, -1, 2, 3, -0.0, 0.5, 0.25, -2, 7, float("inf"), float("-inf"), float("nan"))


@dataclass(frozen=True)
class GraphExample:
    """A graph and arrays that fit its inputs."""

    graph: Graph
    arrays: tuple[np.ndarray, ...]

    def __repr__(self) -> str:
        return f"{self.graph}{self.arrays}"


def values(draw: st.DrawFn, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array of ordinary and odd numbers."""
    size = int(np.prod(shape))
    drawn = draw(st.lists(st.sampled_from(NUMBERS), min_size=size, max_size=size))
    return convert(drawn, dtype).reshape(shape)


def convert(numbers: Any, dtype: Any) -> np.ndarray:
    """The numbers in a dtype; those it cannot hold become 5, so that no conversion is undefined."""
    array = np.array(numbers, np.float64)
    if np.dtype(dtype).kind != "f":
        array = np.where(np.isfinite(array) & ((array >= 0) | (np.dtype(dtype).kind == "i")), array, 5)
    return array.astype(dtype)


@st.composite
def graphs(draw: st.DrawFn, *, max_nodes: int = 14, operations: tuple[str, ...] | None = None) -> GraphExample:
    """Graphs of pointwise operations, casts, views, reductions, matmul and constants, with shared nodes and updates.

    Args:
        draw: Given by Hypothesis.
        max_nodes: Most nodes besides inputs.
        operations: Names of the operations to choose from; None for all of these kinds.
    """
    arrays = [
        values(draw, draw(st.sampled_from(SHAPES)), draw(st.sampled_from(DTYPES)))
        for _ in range(draw(st.integers(1, 3)))
    ]
    specs = [Spec(array.shape, array.dtype) for array in arrays]
    inputs = [Node(Input(i, spec, draw(st.sampled_from(("", "x", "w.b")))), (), spec) for i, spec in enumerate(specs)]
    nodes = list(inputs)
    for _ in range(draw(st.integers(1, max_nodes))):
        node = _grow(draw, nodes, operations)
        if node is not None and node.spec.size <= 200:
            nodes.append(node)
    picked = draw(st.lists(st.sampled_from(nodes), min_size=0, max_size=2))
    outputs = (nodes[-1], *picked)
    updates = []
    for target in inputs:
        fitting = [node for node in nodes if node.spec == target.spec]
        if draw(st.booleans()):
            updates.append((target, draw(st.sampled_from(fitting))))
    return GraphExample(Graph("random", tuple(inputs), outputs, tuple(updates)), tuple(arrays))


def _grow(draw: st.DrawFn, nodes: list[Node], allowed: tuple[str, ...] | None) -> Node | None:
    """A node on top of the others, or None where the operation drawn does not fit."""
    operation = draw(st.sampled_from(_choices(allowed)))
    first = draw(st.sampled_from(nodes))
    location = draw(st.sampled_from((None, ("model.py", 3))))
    backward = draw(st.booleans())
    if operation == "constant":
        return constant(values(draw, draw(st.sampled_from(((), (), *SHAPES))), draw(st.sampled_from(DTYPES))))
    made, operands = _call(draw, operation, first, nodes)
    if operation in EXTREMA:
        # Which zero is the larger of 0 and -0 is left open, to NumPy as to the machine; adding 0 leaves only one.
        operands = [make(ADD, o, constant(0, o.dtype)) if o.dtype.kind == "f" else o for o in operands]
    try:
        return make(made, *operands, location=location, backward=backward)
    except TracegraphError:
        return None


def _choices(allowed: tuple[str, ...] | None) -> list[str]:
    pointwise = [name for name, made in OPERATIONS.items() if issubclass(made, Pointwise)]
    reductions = [name for name, made in OPERATIONS.items() if issubclass(made, Reduction)]
    others = ["cast", "reshape", "permute", "expand", "full"] * 4 + ["constant"] * 8 + ["matmul", "copy"] * 2
    common = ["add", "multiply", "subtract", "negative", "divide", "where", "square", "logical_not", "less"] * 3
    choices = [*pointwise, *reductions, *others, *common]
    return choices if allowed is None else [name for name in choices if name in allowed]


def _call(draw: st.DrawFn, name: str, first: Node, nodes: list[Node]) -> tuple[Operation, list[Node]]:
    """An operation with attributes and operands that often fit."""
    shape = first.shape
    if name == "cast":
        # Not from floats to integers: what becomes of values out of range is undefined.
        targets = DTYPES if first.dtype.kind != "f" else ("float32", "float64", "bool")
        return Cast(np.dtype(draw(st.sampled_from(targets)))), [first]
    if name == "full":
        number, dtype = draw(st.sampled_from(NUMBERS)), np.dtype(draw(st.sampled_from(DTYPES)))
        return Full(draw(st.sampled_from(SHAPES)), convert(number, dtype).item(), dtype), []
    if name == "reshape":
        fitting = [other for other in SHAPES if np.prod(other) == first.spec.size]
        return Reshape(draw(st.sampled_from([*fitting, (1, *shape), (*shape, 1)]))), [first]
    if name == "permute":
        return Permute(tuple(draw(st.permutations(range(len(shape)))))), [first]
    if name == "expand":
        sizes = tuple(draw(st.sampled_from((1, 2))) if size == 1 else size for size in shape)
        return Expand((*draw(st.sampled_from(((), (1,), (2,)))), *sizes)), [first]
    if name == "matmul":
        return MATMUL, [first, _partner(draw, first, nodes)]
    made = OPERATIONS[name]
    if issubclass(made, Reduction):
        dims = draw(st.sets(st.integers(0, max(len(shape) - 1, 0)))) if shape else set()
        return made(tuple(sorted(dims))), [first]  # type: ignore[call-arg]
    assert issubclass(made, Pointwise)
    kinds = {np.dtype(dtype).kind for dtype in made.sample_dtypes}
    first = draw(st.sampled_from([node for node in nodes if node.dtype.kind in kinds] or [constant(1.5)]))
    operands = [first] + [_partner(draw, first, nodes) for _ in range(made.arity - 1)]
    if name == "where":
        conditions = [node for node in nodes if node.dtype.kind == "b"]
        operands[0] = draw(st.sampled_from(conditions)) if conditions else constant(draw(st.booleans()))
        operands[1] = first
    return made(), operands


def _partner(draw: st.DrawFn, first: Node, nodes: list[Node]) -> Node:
    """A node of the same dtype: another, the same, or a number."""
    if draw(st.integers(0, 2)) == 0:
        return constant(convert(draw(st.sampled_from(NUMBERS)), first.dtype))
    return draw(st.sampled_from([first, *[node for node in nodes if node.dtype == first.dtype]]))


def same_values(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays are equal to the bit, all NaNs being equal."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind != "f":
        return bool((a == b).all())
    both_nan = np.isnan(a) & np.isnan(b)
    return bool((both_nan | ((a == b) & (np.signbit(a) == np.signbit(b)))).all())
