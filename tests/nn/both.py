"""Runs one program on tracegraph and on PyTorch and compares what it returns, or the kind of error it raises."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import tracegraph

torch = pytest.importorskip("torch")

Program = Callable[[Any], Any]
"""Takes the library (`tracegraph` or `torch`) and returns nested tuples, lists and dicts of what is to be compared."""


def tensor(library: Any, *shape: int, seed: int = 0, requires_grad: bool = False) -> Any:
    """The same normal numbers for both libraries."""
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    made = library.from_numpy(values) if hasattr(library, "from_numpy") else library.tensor(values)
    return made.requires_grad_() if requires_grad else made


def filled(library: Any, module: Any) -> Any:
    """The module, its parameters filled with the same numbers for both libraries."""
    with library.no_grad():
        for number, parameter in enumerate(module.parameters()):
            parameter.copy_(tensor(library, *parameter.shape, seed=number + 10))
    return module


def plain(value: Any) -> Any:
    """What is compared: arrays for tensors, plain containers for others."""
    if hasattr(value, "detach"):
        return value.detach().numpy().copy()
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value


def outcome(program: Program, library: Any) -> Any:
    """What a program returns, or the exception it raises."""
    try:
        return plain(program(library))
    except Exception as error:  # noqa: BLE001 - it is compared
        return error


def assert_equal(mine: Any, yours: Any, tolerance: float = 2e-5, path: str = "result") -> None:
    """Assert that two results are alike, arrays up to a tolerance."""
    if isinstance(yours, np.ndarray):
        assert isinstance(mine, np.ndarray), path
        assert mine.dtype == yours.dtype, path
        np.testing.assert_allclose(mine, yours, rtol=tolerance, atol=tolerance, err_msg=path)
    elif isinstance(yours, dict):
        assert list(mine) == list(yours), path
        for key, value in yours.items():
            assert_equal(mine[key], value, tolerance, f"{path}[{key!r}]")
    elif isinstance(yours, list):
        assert len(mine) == len(yours), f"{path}: {mine} and {yours}"
        for number, value in enumerate(yours):
            assert_equal(mine[number], value, tolerance, f"{path}[{number}]")
    else:
        assert mine == yours, path


def assert_same(program: Program, tolerance: float = 2e-5) -> None:
    """Assert that a program does the same on both libraries; an error must be of a kind that PyTorch's is too."""
    mine, yours = outcome(program, tracegraph), outcome(program, torch)
    if isinstance(yours, Exception):
        assert isinstance(mine, Exception), f"PyTorch raises {yours!r}, we return {mine}"
        kind = next(cls for cls in type(yours).__mro__ if cls.__module__ == "builtins")
        assert isinstance(mine, kind), f"PyTorch raises {yours!r}, we raise {mine!r}"
    elif isinstance(mine, Exception):
        raise mine
    else:
        assert_equal(mine, yours, tolerance)
