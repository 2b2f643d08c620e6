"""Compares a public function of several operands with PyTorch's of the same name: results, first and second
gradients, errors.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import tracegraph
from tracegraph.compiler.ops.dispatch import PUBLIC

torch = pytest.importorskip("torch")

TOLERANCES = {"float16": 4e-3, "float32": 1e-4}
"""Absolute and relative tolerance by dtype of the first operand; 1e-9 for the others."""


def theirs_named(name: str) -> Any:
    """PyTorch's function, from `torch.nn.functional` or the top level."""
    return getattr(torch.nn.functional, name, None) or getattr(torch, name)


def as_ours(value: Any, *, fixed: bool = False) -> Any:
    """Arrays become tensors that require grad if they are floats and not `fixed`, also inside lists."""
    if isinstance(value, list):
        return [as_ours(part) for part in value]
    if not isinstance(value, np.ndarray):
        return value
    made = tracegraph.from_numpy(value)
    return made.requires_grad_() if value.dtype.kind == "f" and not fixed else made


def as_theirs(value: Any, *, fixed: bool = False) -> Any:
    """The same for PyTorch, which takes no negative strides."""
    if isinstance(value, list):
        return [as_theirs(part) for part in value]
    if not isinstance(value, np.ndarray):
        return value
    made = torch.from_numpy(value.copy() if any(step < 0 for step in value.strides) else value)
    return made.requires_grad_() if value.dtype.kind == "f" and not fixed else made


def call(function: Any, arguments: Sequence[Any], options: dict[str, Any]) -> Any:
    """The result, or the error that was raised."""
    try:
        return function(*arguments, **options)
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
        return error


def close(mine: Any, yours: Any, tolerance: float, what: str) -> None:
    """Assert that a tensor of ours equals one of PyTorch's, dtype and shape included."""
    assert mine.dtype.name == str(yours.dtype).removeprefix("torch."), what
    assert mine.shape == tuple(yours.shape), what
    np.testing.assert_allclose(
        mine.detach().numpy(), yours.numpy(force=True), rtol=tolerance, atol=tolerance, equal_nan=True, err_msg=what
    )


def assert_like_torch(
    name: str,
    *arguments: Any,
    second: bool = True,
    tolerance: float | None = None,
    fixed: Sequence[str] = (),
    **options: Any,
) -> None:
    """Assert that both libraries give the same for the arguments (NumPy arrays become tensors), or that both raise.

    With `second` the gradient of the gradients' squares is compared too. `fixed` names options without gradient.
    """
    ours, theirs = [as_ours(a) for a in arguments], [as_theirs(a) for a in arguments]
    ours_options = {key: as_ours(value, fixed=key in fixed) for key, value in options.items()}
    theirs_options = {key: as_theirs(value, fixed=key in fixed) for key, value in options.items()}
    mine = call(PUBLIC[name].function, ours, ours_options)
    yours = call(theirs_named(name), theirs, theirs_options)
    if isinstance(yours, Exception) or isinstance(mine, Exception):
        assert isinstance(yours, Exception), f"we raise {mine!r}, PyTorch does not"
        assert isinstance(mine, Exception), f"PyTorch raises {yours!r}, we do not"
        return
    mine, yours = (result if isinstance(result, tuple) else (result,) for result in (mine, yours))
    tolerance = tolerance or TOLERANCES.get(mine[0].dtype.name, 1e-9)
    for number, (m, y) in enumerate(zip(mine, yours, strict=True)):
        close(m, y, tolerance, f"result {number}")
    operands = [
        (m, y) for m, y in zip(flat(ours, ours_options), flat(theirs, theirs_options), strict=True) if y.requires_grad
    ]
    if not operands or not yours[0].requires_grad:
        return
    compare_gradients(mine[0], yours[0], operands, second=second, tolerance=tolerance)


def flat(values: list[Any], options: dict[str, Any]) -> list[Any]:
    """All tensors among the arguments."""
    found = []
    for value in (*values, *options.values()):
        found += [part for part in (value if isinstance(value, list) else [value]) if hasattr(part, "requires_grad")]
    return found


def same_or_zero(mine: Any, yours: Any, tolerance: float, what: str) -> None:
    """Assert equal gradients; None stands for zeros, since the libraries differ in when they leave one out."""
    if mine is None or yours is None:
        other = yours if mine is None else mine
        assert other is None or not np.any(
            other.numpy(force=True) if isinstance(other, torch.Tensor) else other.detach().numpy()
        ), what
    else:
        close(mine, yours, tolerance, what)


def compare_gradients(
    mine: Any, yours: Any, operands: list[tuple[Any, Any]], *, second: bool, tolerance: float
) -> None:
    """Assert equal gradients for a cotangent that differs from element to element; then of a scalar made of these
    gradients.
    """
    cotangent = np.cos(np.arange(mine.numel()) + 0.5).reshape(mine.shape).astype(mine.dtype)
    my_inputs, your_inputs = [m for m, _ in operands], [y for _, y in operands]
    got = tracegraph.autograd.grad(
        mine, my_inputs, tracegraph.tensor(cotangent), create_graph=second, allow_unused=True, retain_graph=True
    )
    expected = torch.autograd.grad(
        yours, your_inputs, torch.from_numpy(cotangent), create_graph=second, allow_unused=True, retain_graph=True
    )
    pairs = [(m, y) for m, y in zip(got, expected, strict=True) if y is not None]
    for number, (m, y) in enumerate(pairs):
        same_or_zero(m, y, tolerance, f"gradient {number}")
    pairs = [(m, y) for m, y in pairs if m is not None]
    if not second or not any(y.requires_grad for _, y in pairs):
        return
    my_total = sum((m * m).sum() for m, y in pairs if y.requires_grad)
    your_total = sum((y * y).sum() for _, y in pairs if y.requires_grad)
    if not my_total.requires_grad:  # second derivatives that are zero everywhere
        again = torch.autograd.grad(your_total, your_inputs, allow_unused=True)
        assert all(y is None or not y.any() for y in again)
        return
    got = tracegraph.autograd.grad(my_total, my_inputs, allow_unused=True)
    expected = torch.autograd.grad(your_total, your_inputs, allow_unused=True)
    for number, (m, y) in enumerate(zip(got, expected, strict=True)):
        same_or_zero(m, y, 10 * tolerance, f"second gradient {number}")
