"""Every in-place method, element by element, against PyTorch's: what it writes, and where it refuses dtype or shape."""

from typing import Any

import numpy as np
import pytest

import tracegraph

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

UNARY = [
    "abs", "absolute", "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "asin", "asinh",
    "atan", "atanh", "bitwise_not", "ceil", "cos", "cosh", "deg2rad", "digamma", "erf", "erfc", "erfinv", "exp", "exp2",
    "expm1", "fix", "floor", "frac", "i0", "lgamma", "log", "log10", "log1p", "log2", "logical_not", "logit",
    "nan_to_num", "neg", "negative", "rad2deg", "reciprocal", "relu", "round", "rsqrt", "sgn", "sigmoid", "sign", "sin",
    "sinc", "sinh", "sqrt", "square", "tan", "tanh", "trunc", "zero",
]  # fmt: skip
BINARY = [
    "add", "arctan2", "atan2", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "copysign", "div", "divide", "eq", "float_power", "floor_divide", "fmod", "gcd", "ge", "greater", "greater_equal",
    "gt", "heaviside", "hypot", "lcm", "ldexp", "le", "less", "less_equal", "logical_and", "logical_or", "logical_xor",
    "lt", "mul", "multiply", "ne", "nextafter", "not_equal", "pow", "remainder", "sub", "subtract", "true_divide",
    "xlogy", "clamp_min", "clamp_max", "fill", "__iadd__", "__isub__", "__imul__", "__itruediv__", "__ifloordiv__",
    "__imod__", "__ipow__", "__iand__", "__ior__", "__ixor__", "__ilshift__", "__irshift__",
]  # fmt: skip
OTHERS: dict[str, tuple[Any, ...]] = {
    "clamp": (-1, 1), "clip": (0, 2), "mvlgamma": (1,), "polygamma": (1,),
    "masked_fill": (np.array([True, False, True]), 2), "lerp": (np.array([2, 3, 4]), 0.25),
    "addcmul": (np.array([2, 3, 4]), np.array([1, 2, 3])), "addcdiv": (np.array([2, 3, 4]), np.array([1, 2, 3])),
}  # fmt: skip
DTYPES = ("float32", "float64", "float16", "int64", "int32", "uint8", "bool")
LACKING = "not implemented for"
"""PyTorch has no kernel of a function for a dtype; we may take it."""


def outcome(array: np.ndarray[Any, Any], name: str, arguments: tuple[Any, ...], library: Any) -> Any:
    """The tensor after the call, or the error."""
    make = tracegraph.tensor if library is tracegraph else torch.tensor
    tensor = make(array.copy())
    try:
        given = [make(value.copy()) if isinstance(value, np.ndarray) else value for value in arguments]
        result = getattr(tensor, name if name.startswith("__") else name + "_")(*given)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        return error
    assert result is tensor
    return tensor


def check(array: np.ndarray[Any, Any], name: str, arguments: tuple[Any, ...]) -> None:
    """Both libraries write the same, or both refuse and leave the tensor as it is."""
    mine, yours = (outcome(array, name, arguments, library) for library in (tracegraph, torch))
    shown = [f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else value for value in arguments]
    what = f"{array.dtype}{array.shape}.{name}({shown})"
    if isinstance(yours, Exception):
        assert isinstance(mine, Exception) or LACKING in str(yours), (
            f"{what}: PyTorch refuses ({yours}), we gave {mine}"
        )
        return
    assert not isinstance(mine, Exception), f"{what}: {mine!r} where PyTorch gives {yours}"
    assert mine.dtype == array.dtype
    tolerance = 3e-3 if array.dtype == np.float16 else 1e-5
    np.testing.assert_allclose(
        mine.numpy(), yours.numpy(), rtol=tolerance, atol=tolerance, equal_nan=True, err_msg=what
    )


@pytest.mark.parametrize("name", [*UNARY, *OTHERS])
def test_of_one_tensor(name: str) -> None:
    for dtype in DTYPES:
        arguments = OTHERS.get(name, ())
        check(np.array([0.5, 1, 3]).astype(dtype), name, arguments)
        if name in ("lerp", "addcmul", "addcdiv"):
            same = tuple(value.astype(dtype) if isinstance(value, np.ndarray) else value for value in arguments)
            check(np.array([0.5, 1, 3]).astype(dtype), name, same)


@pytest.mark.parametrize("name", BINARY)
def test_of_two_operands(name: str) -> None:
    for dtype in DTYPES:
        array = np.array([1, 3]).astype(dtype)
        for other in DTYPES:
            check(array, name, (np.array([2, 1]).astype(other),))
            check(array, name, (np.array(1).astype(other),))
        for number in (2, 0.5, True):
            check(array, name, (number,))
        check(array, name, (np.array([[1, 2], [3, 4]]).astype(dtype),))
        check(np.array([[1, 2], [3, 4]]).astype(dtype), name, (array,))
    if not name.startswith("__"):
        assert hasattr(torch.Tensor, name + "_")
