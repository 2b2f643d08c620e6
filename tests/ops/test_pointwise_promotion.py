"""Functions of two operands for all pairs of dtypes, 0-d tensors and Python numbers: result or refusal as PyTorch's."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

DTYPES = ("float32", "float64", "float16", "int8", "uint8", "int16", "int32", "int64", "bool")
NAMES = [
    "add", "sub", "rsub", "mul", "div", "true_divide", "floor_divide", "remainder", "fmod", "pow", "float_power", "eq",
    "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or",
    "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift", "maximum", "minimum", "fmax", "fmin", "atan2", "hypot",
    "copysign", "logaddexp", "logaddexp2", "xlogy", "heaviside", "nextafter", "gcd", "lcm", "ldexp", "clamp_min",
    "clamp_max", "special.xlog1py", "special.zeta", "lerp.half", "where.true", "addcmul.one", "addcdiv.one",
    "isclose",
]  # fmt: skip
"""A word after the point says which further operand is given."""


def function(library: Any, name: str) -> Any:
    """The function of two operands in a library."""
    if name == "lerp.half":
        return lambda a, b: library.lerp(a, b, 0.5)
    if name == "where.true":
        return lambda a, b: library.where(library.tensor([True, False]), a, b)
    if name in ("addcmul.one", "addcdiv.one"):
        return lambda a, b: getattr(library, name[:7])(a, b, b)
    for part in name.split("."):
        library = getattr(library, part)
    return library


def operands() -> Iterator[tuple[Any, Any]]:
    """Pairs of arrays and numbers."""
    vectors = [np.array([3, 1]).astype(dtype) for dtype in DTYPES]
    others = [np.array([1, 2]).astype(dtype) for dtype in DTYPES]
    scalars = [np.array(2).astype(dtype) for dtype in ("float64", "float32", "int64", "uint8", "bool")]
    for vector in vectors:
        for other in (*others, *scalars, True, 2, 2.5):
            yield vector, other
        for first in (*scalars, True, 2, 2.5):
            yield first, vector
    for a in scalars:
        for b in (*scalars, True, 2, 2.5):
            yield a, b
    yield from ((2, 3), (2.0, 3), (True, 2.5))


def outcome(called: Any, *arguments: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's ldexp warns of its own resizing
            return called(*arguments)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        return error


def described(value: Any) -> str:
    return f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else repr(value)


MORE = {
    "hypot": "of integers", "logaddexp": "of integers", "logaddexp2": "of integers", "ldexp": "with a bool exponent",
    "clamp_min": "of bools", "clamp_max": "of bools", "special.zeta": "of float16",
}  # fmt: skip
"""What PyTorch has no kernel for, and we take."""


@pytest.mark.parametrize("name", NAMES)
def test_result_dtypes(name: str) -> None:
    ours, theirs = function(tracegraph, name), function(torch, name)
    for a, b in operands():
        mine = outcome(ours, *(tracegraph.tensor(v) if isinstance(v, np.ndarray) else v for v in (a, b)))
        yours = outcome(theirs, *(torch.from_numpy(v.copy()) if isinstance(v, np.ndarray) else v for v in (a, b)))
        what = f"{name}({described(a)}, {described(b)})"
        if isinstance(yours, Exception) or isinstance(mine, Exception):
            assert isinstance(yours, Exception), f"{what}: {mine!r} where PyTorch gives {yours}"
            lacking = name in MORE and "not implemented for" in str(yours)
            assert isinstance(mine, Exception) or lacking, f"{what}: PyTorch refuses ({yours}), we gave {mine}"
            continue
        expected = yours.numpy()
        assert mine.dtype == expected.dtype, f"{what}: {mine.dtype}, PyTorch's is {expected.dtype}"
        tolerance = 2e-3 if expected.dtype == np.float16 else 3e-6
        np.testing.assert_allclose(mine.numpy(), expected, rtol=tolerance, atol=tolerance, err_msg=what)
