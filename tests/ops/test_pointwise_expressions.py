"""The loop bodies of pointwise operations, compiled, give what `evaluate` gives, on ordinary and on extreme values."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

from tests.runtime.helpers import run_kernel
from tracegraph.compiler.ops.base import OPERATIONS
from tracegraph.compiler.ops.pointwise import Pointwise
from tracegraph.compiler.ops.selection import Where

VALUES: dict[str, list[float]] = {
    "float": [0.0, -0.0, 0.3, -0.3, 0.5, 1.0, -1.0, 1.5, 2.5, -2.5, 7.25, -80.0, 90.0, np.inf, -np.inf, np.nan],
    "int": [0, 1, -1, 2, -2, 3, 7, -7, 31, 63, 64, -64, 100, -100],
    "uint": [0, 1, 2, 3, 7, 8, 100, 254, 255],
    "bool": [False, True],
}
TAKEN = {"any": "biuf", "number": "iuf", "float": "f", "integer": "biu"}


def candidates(dtype: str) -> list[Pointwise]:
    """The operations with a loop body that take a dtype."""
    kind = np.dtype(dtype).kind
    made: list[Pointwise] = []
    for _, cls in sorted(OPERATIONS.items()):
        if issubclass(cls, Pointwise) and cls.expression and kind in TAKEN[cls.takes]:
            assert not dataclasses.fields(cls), "an expression cannot use attributes"
            made.append(cls())
    return made


def operands(dtype: str) -> list[np.ndarray[Any, Any]]:
    """Two arrays of all pairs of values and of some random ones, and a third."""
    kind = dtype.rstrip("0123456789")
    rng = np.random.default_rng(2)
    a, b = np.array(list(itertools.product(VALUES[kind], repeat=2)), dtype).T
    if kind == "float":
        a = np.concatenate([a, rng.uniform(-3, 3, 200).astype(dtype)])
        b = np.concatenate([b, rng.uniform(-3, 3, 200).astype(dtype)])
    return [np.ascontiguousarray(a), np.ascontiguousarray(b), np.roll(b, 1)]


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float32", "float64"])
def test_expressions_equal_evaluate(dtype: str) -> None:
    values = operands(dtype)
    condition = np.arange(len(values[0])) % 3 == 0
    arrays = {"a": values[0], "b": values[1], "c": values[2], "condition": condition}
    lines, expected = [], {}
    for operation in candidates(dtype):
        chosen = isinstance(operation, Where)
        names = ["condition", "a", "b"] if chosen else ["a", "b", "c"][: operation.arity]
        with np.errstate(all="ignore"):
            result = np.asarray(operation.evaluate(np, *[arrays[name] for name in names]))
        template = operation.integer_expression if values[0].dtype.kind != "f" and operation.integer_expression else ""
        text = (template or operation.expression).format(
            *[f"{n}[i]" for n in names], f="f64" if dtype == "float64" else "f32"
        )
        if result.dtype.kind != "f":
            text = f"{'bool_' if result.dtype == bool else result.dtype.name}({text})"
        lines.append(f"out_{operation.name}[i] = {text}")
        expected[operation.name] = result
    outputs = {f"out_{name}": np.empty_like(result) for name, result in expected.items()}
    run_kernel(arrays | outputs, "\n".join(lines), len(condition))
    tolerance = {"float32": 3e-6, "float64": 1e-14}.get(dtype, 0.0)
    for name, result in expected.items():
        np.testing.assert_allclose(
            outputs[f"out_{name}"], result, rtol=tolerance, atol=tolerance / 10, err_msg=f"{name} of {dtype}"
        )
        if result.dtype.kind == "f":
            zeros = result == 0
            signs = np.signbit(outputs[f"out_{name}"][zeros]) == np.signbit(result[zeros])
            assert signs.all() or name in ("maximum", "minimum", "clamp", "clamp_min", "clamp_max", "relu"), (
                f"{name}: sign of zero"
            )
