"""Compares a call on our tensors with the same on PyTorch's: values, dtypes, shapes, gradients, errors."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph

torch = pytest.importorskip("torch")

Call = Callable[[Any, Any], Any]
"""A call to compare: takes the module (`tracegraph` or `torch`) and the operand."""
TOLERANCES = {"float16": 2e-3, "float32": 2e-5}
"""Relative and absolute tolerance by the shortest dtype involved; 1e-10 for the others."""


def function(name: str, *arguments: Any, **keywords: Any) -> Call:
    """The call of a module's function on the operand and further arguments."""
    return lambda module, x: getattr(module, name)(x, *arguments, **keywords)


def method(name: str, *arguments: Any, **keywords: Any) -> Call:
    """The call of the operand's method with further arguments."""
    return lambda module, x: getattr(x, name)(*arguments, **keywords)


def detached(call: Call) -> Call:
    """The call on the operand without its gradient."""
    return lambda module, x: call(module, x.detach())


def leaves(result: Any) -> Iterator[Any]:
    """The tensors of a result, which may be a tuple."""
    if isinstance(result, tuple):
        for part in result:
            yield from leaves(part)
    else:
        yield result


def ours_and_theirs(array: np.ndarray, *, requires_grad: bool) -> tuple[Any, Any]:
    """The array as our tensor and as PyTorch's (which takes no negative strides)."""
    ours = tracegraph.from_numpy(array)
    theirs = torch.from_numpy(array.copy())
    if requires_grad and array.dtype.kind == "f":
        ours.requires_grad_()
        theirs.requires_grad_()
    return ours, theirs


def outcome(call: Call, module: Any, operand: Any) -> Any:
    """The result of a call, or the exception it raised."""
    try:
        return call(module, operand)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        return error


def assert_same(call: Call, array: np.ndarray, *, tolerance: float | None = None, indices: bool = True) -> None:
    """Assert that the call gives the same with us and with PyTorch; gradients too, of all float results together.

    `indices=False` ignores the integers of a tuple, where PyTorch does not say which of equal elements it picks.
    """
    ours, theirs = ours_and_theirs(array, requires_grad=True)
    result, expected = outcome(call, tracegraph, ours), outcome(call, torch, theirs)
    if isinstance(expected, Exception) or isinstance(result, Exception):
        assert isinstance(expected, Exception), f"we raise {result!r}, PyTorch does not"
        assert isinstance(result, Exception), f"PyTorch raises {expected!r}, we do not"
        return
    pairs = list(zip(leaves(result), leaves(expected), strict=True))
    if tolerance is None:
        tolerance = max(
            TOLERANCES.get(name, 1e-10) for name in (array.dtype.name, *(mine.dtype.name for mine, _ in pairs))
        )
    for mine, yours in pairs:
        assert mine.dtype.name == str(yours.dtype).removeprefix("torch.")
        assert mine.shape == tuple(yours.shape)
        if indices or mine.dtype.kind == "f" or len(pairs) == 1:
            np.testing.assert_allclose(
                mine.detach().numpy(), yours.detach().numpy(), rtol=tolerance, atol=tolerance, equal_nan=True
            )
    assert_same_gradients(pairs, ours, theirs, tolerance)


def assert_same_gradients(pairs: list[tuple[Any, Any]], ours: Any, theirs: Any, tolerance: float) -> None:
    """Assert that the results depend on the operand alike; the cotangents differ from element to element."""
    differentiable = [(mine, yours) for mine, yours in pairs if yours.requires_grad and yours.dtype == theirs.dtype]
    if not differentiable or not theirs.requires_grad:
        return
    cotangents = [np.cos(np.arange(mine.numel())).reshape(mine.shape).astype(mine.dtype) for mine, _ in differentiable]
    for (mine, yours), cotangent in zip(differentiable, cotangents, strict=True):
        tracegraph.autograd.backward(mine, tracegraph.tensor(cotangent), retain_graph=True)
        yours.backward(torch.from_numpy(cotangent), retain_graph=True)
    assert ours.grad.shape == tuple(theirs.grad.shape)
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=tolerance, atol=tolerance, equal_nan=True)


def arrays(*, dtypes: tuple[str, ...] = ("float32", "float64", "int64", "bool"), empty: bool = True) -> list[Any]:
    """Operands as test parameters: 0-d, empty, with ties, transposed and reversed ones, of several dtypes."""
    rng = np.random.default_rng(7)
    shapes: list[tuple[int, ...]] = [(), (5,), (3, 4), (2, 3, 4), (1, 1)] + ([(0, 3), (3, 0), (0,)] if empty else [])
    made = []
    for dtype in dtypes:
        for shape in shapes:
            values = np.asarray(rng.normal(size=shape) * 2).astype(dtype)
            made.append(pytest.param(values, id=f"{dtype}{list(shape)}"))
        ties = rng.integers(0, 2, (3, 5)).astype(dtype)
        made.append(pytest.param(ties, id=f"{dtype}-ties"))
        made.append(pytest.param(np.asarray(rng.normal(size=(4, 3)) * 2).astype(dtype).T[::-1], id=f"{dtype}-strided"))
    return made


def assert_all_same(calls: dict[str, Call], array: np.ndarray, *, indices: bool = True) -> None:
    """`assert_same` for each of the named calls; a failure names the call."""
    for name, call in calls.items():
        try:
            assert_same(call, array, indices=indices)
        except BaseException as error:
            error.add_note(f"the call was {name} of a {array.dtype} array of shape {array.shape}")
            raise
