"""Every function of one tensor on NaN, infinities, zeros, extremes of all dtypes: value, dtype or refusal as there."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph import from_numpy

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

FLOATS = ("float32", "float64", "float16")
INTEGERS = ("int8", "uint8", "int16", "int32", "int64", "bool")

TOP = [
    "abs", "absolute", "neg", "negative", "positive", "sign", "sgn", "signbit", "square", "sqrt", "rsqrt",
    "reciprocal", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sigmoid", "logit", "sin", "cos", "tan",
    "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sinc", "erf", "erfc", "erfinv",
    "lgamma", "digamma", "i0", "floor", "ceil", "trunc", "fix", "round", "frac", "isnan", "isinf", "isfinite",
    "isposinf", "isneginf", "isreal", "logical_not", "bitwise_not", "relu", "nan_to_num", "deg2rad", "rad2deg",
    "frexp", "hardshrink",
]  # fmt: skip
SPECIAL = [
    "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammaln", "digamma", "psi", "i0", "i0e",
    "i1", "i1e", "log1p", "log_ndtr", "logit", "ndtr", "ndtri", "sinc",
]  # fmt: skip
FUNCTIONAL = [
    "celu", "elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish", "relu",
    "relu6", "selu", "silu", "softplus", "softsign", "softshrink", "tanhshrink", "hardshrink", "rrelu", "sigmoid",
    "tanh",
]  # fmt: skip
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "clamp": (-1, 1), "clamp_min": (0,), "clamp_max": (0,), "threshold": (1.0, 20.0), "logit.eps": (0.25,),
}  # fmt: skip
MORE = {("special.erfcx", "float16"), ("special.log_ndtr", "float16"), ("special.ndtri", "float16")}
"""What PyTorch has no kernel for and we take."""
LARGEST = (float(np.finfo(np.float32).max), float(np.finfo(np.float64).max))
APART = {"functional.gelu": (np.inf, -2.5, -3.0, *LARGEST), "functional.hardswish": LARGEST}
"""Where PyTorch is wrong: both overflow on the way, gelu(inf) is NaN, and its gelu loses digits in the tail."""
NAMES = [*TOP, *(f"special.{name}" for name in SPECIAL), *(f"functional.{name}" for name in FUNCTIONAL)]
NAMES += ["clamp", "clamp_min", "clamp_max", "functional.threshold", "logit.eps"]


def both(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Our function and PyTorch's."""
    *space, last = name.removesuffix(".eps").split(".")
    ours: Any = tracegraph
    theirs: Any = torch
    if space == ["special"]:
        ours, theirs = tracegraph.special, torch.special
    elif space == ["functional"]:
        ours, theirs = tracegraph.nn.functional, torch.nn.functional
    arguments = ARGUMENTS.get(name.removeprefix("functional."), ())
    return (lambda x: getattr(ours, last)(x, *arguments)), (lambda x: getattr(theirs, last)(x, *arguments))


def values(dtype: str) -> np.ndarray[Any, Any]:
    """The numbers that are special in a dtype, and common ones."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.array([False, True])
    if kind in "iu":
        limits = np.iinfo(dtype)
        whole = [0, 1, 2, 3, 7, limits.max, limits.min] + ([-1, -2, -7] if kind == "i" else [])
        return np.array(whole, dtype)
    info = np.finfo(dtype)
    common: list[Any] = [
        0.0,
        0.25,
        0.5,
        1.0,
        1.5,
        2.5,
        3.0,
        7.3,
        30.0,
        np.inf,
        info.tiny,
        info.smallest_subnormal,
        info.max,
    ]
    return np.array([np.nan, *common, *[-number for number in common]], dtype)


def outcome(function: Callable[..., Any], argument: Any) -> Any:
    try:
        return function(argument)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        return error


def assert_equal(mine: Any, yours: Any, x: np.ndarray[Any, Any], what: str) -> None:
    """Dtype and values; the two zeros are equal."""
    expected = yours.numpy()
    assert mine.dtype == expected.dtype, f"{what}: dtype {mine.dtype}, PyTorch's is {expected.dtype}"
    tolerance = {"float16": 2e-3, "float32": 3e-6}.get(expected.dtype.name, 1e-12)
    found = mine.numpy()
    np.testing.assert_allclose(
        found, expected, rtol=tolerance, atol=tolerance / 10, equal_nan=True, err_msg=f"{what} of {x}"
    )


@pytest.mark.parametrize("name", NAMES)
def test_special_values(name: str) -> None:
    ours, theirs = both(name)
    for dtype in (*FLOATS, *INTEGERS):
        x = values(dtype)
        x = x[~np.isin(x, APART.get(name, ()))]
        mine, yours = outcome(ours, from_numpy(x)), outcome(theirs, torch.from_numpy(x.copy()))
        what = f"{name}({dtype})"
        if isinstance(yours, Exception):
            more = (name, dtype) in MORE
            assert more or isinstance(mine, Exception), f"{what}: PyTorch refuses ({yours}), we gave {mine}"
            continue
        if isinstance(mine, Exception):
            raise AssertionError(f"{what}: {mine!r} where PyTorch gives {yours}")
        for a, b in zip(mine, yours, strict=True) if isinstance(yours, tuple) else [(mine, yours)]:
            assert_equal(a, b, x, what)
