"""Runs one expression with tracegraph and with PyTorch on the same data and compares results, gradients and errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph

torch = pytest.importorskip("torch")

Expression = Callable[[Any, Any], Any]
"""expression(library, tensor) -> tensor or tuple of tensors, with names common to both libraries."""

_TORCH_DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "int64": torch.int64,
    "int32": torch.int32,
    "uint8": torch.uint8,
    "bool": torch.bool,
}


def data(shape: tuple[int, ...], dtype: str, layout: str = "contiguous") -> np.ndarray:
    """Distinct values; with layout "transposed" or "strided" seen through a view that is not contiguous."""
    source = (
        shape[::-1]
        if layout == "transposed"
        else (*shape[:-1], 2 * shape[-1])
        if layout == "strided" and shape
        else shape
    )
    values = np.arange(1, int(np.prod(source)) + 1).reshape(source)
    array = (values % 3 == 1) if dtype == "bool" else values.astype(dtype)
    if layout == "transposed":
        return array.T
    return array[..., ::2] if layout == "strided" and shape else array


def pair(array: np.ndarray, *, requires_grad: bool = False) -> tuple[Any, Any]:
    """The same data as tensor of both libraries, with the same layout but separate memory."""
    copies = [np.copy(array, order="K") for _ in range(2)]
    ours, theirs = tracegraph.from_numpy(copies[0]), torch.from_numpy(copies[1])
    if requires_grad:
        ours.requires_grad_()
        theirs.requires_grad_()
    return ours, theirs


def same(ours: Any, theirs: Any) -> None:
    """Compare two results (tensors or tuples of tensors)."""
    if isinstance(theirs, tuple | list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
        return
    assert ours.shape == tuple(theirs.shape)
    assert _TORCH_DTYPES[str(ours.dtype)] == theirs.dtype
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-6)


def _outputs(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple | list) else [result]


def check(expression: Expression, array: np.ndarray) -> None:
    """Values (or that both refuse), and for floats the gradient of the input under fixed random cotangents."""
    ours, theirs = pair(array, requires_grad=array.dtype.kind == "f")
    try:
        expected = expression(torch, theirs)
    except (RuntimeError, IndexError, ValueError, TypeError):
        with pytest.raises((RuntimeError, IndexError, ValueError, TypeError)):
            expression(tracegraph, ours)
        return
    result = expression(tracegraph, ours)
    same(result, expected)
    if array.dtype.kind != "f":
        return
    rng = np.random.default_rng(0)
    found, wanted = ours * 0, theirs * 0
    found, wanted = found.sum(), wanted.sum()
    for a, b in zip(_outputs(result), _outputs(expected), strict=True):
        assert a.requires_grad == b.requires_grad
        if b.requires_grad:
            weights = rng.random(a.shape).astype(array.dtype)
            found = found + (a * tracegraph.tensor(weights)).sum()
            wanted = wanted + (b * torch.tensor(weights)).sum()
    tracegraph.autograd.engine.backward(found)
    wanted.backward()
    same(ours.grad, theirs.grad)


def check_inplace(change: Callable[[Any, Any], Any], array: np.ndarray, *, keeps: bool = False) -> None:
    """`change(library, tensor)` alters a tensor that is no leaf, also through views; values and gradients agree.

    With `keeps` the tensor it returns takes part in what is differentiated.
    """
    ours, theirs = pair(array, requires_grad=True)
    results = []
    for library, leaf in ((tracegraph, ours), (torch, theirs)):
        x = leaf * 2
        kept = change(library, x)
        weights = np.random.default_rng(0).random(x.shape).astype(array.dtype)
        total = (x * x * (tracegraph.tensor(weights) if library is tracegraph else torch.tensor(weights))).sum()
        if keeps:
            total = total + (kept * kept).sum()
        (tracegraph.autograd.engine.backward if library is tracegraph else torch.autograd.backward)(total)
        results.append(x)
    same(*results)
    same(ours.grad, theirs.grad)
