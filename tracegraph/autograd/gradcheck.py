"""`gradcheck` and `gradgradcheck`: does a function's gradient agree with finite differences?"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.autograd.engine import grad
from tracegraph.autograd.modes import GradMode
from tracegraph.construct import tensor
from tracegraph.runtime.errors import ArgumentError, GradientError
from tracegraph.tensor import Tensor


class GradcheckError(GradientError):
    """A gradient does not agree with finite differences."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    fast_mode: bool = False,
) -> bool:
    """Compare the gradients of `func(*inputs)` with central differences, element by element.

    Args:
        func: takes the inputs, gives a tensor or a tuple of tensors.
        inputs: a value or a tuple of values; those that require grad (float64, or the differences are too coarse) are
            checked.
        eps: the step of the differences.
        atol: the absolute part of the tolerance.
        rtol: the relative part.
        raise_exception: raise an error rather than return False.
        nondet_tol: how far gradients of two backwards may differ.
        check_undefined_grad: accepted.
        check_grad_dtypes: accepted.
        check_batched_grad: accepted.
        fast_mode: accepted; all elements are checked.

    Raises:
        GradcheckError: when they do not agree, with both Jacobians.
        ArgumentError: when no input requires grad.

    >>> x = tracegraph.tensor([0.5, 1.0], dtype=tracegraph.float64, requires_grad=True)
    >>> tracegraph.autograd.gradcheck(lambda x: x.sin() * x, x)
    True
    """
    values = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    checked = [x for x in values if isinstance(x, Tensor) and x.requires_grad]
    if not checked:
        raise ArgumentError("gradcheck: at least one input must require grad")
    try:
        with GradMode(True):
            outputs = [x for x in _listed(func(*values)) if isinstance(x, Tensor) and x._data.dtype.kind == "f"]
            tracked = [x.requires_grad for x in outputs]
            for number, output in enumerate(outputs):
                if any(tracked) and not tracked[number]:
                    continue  # detached on purpose; where all are, their differences must be 0
                found, again = _analytical(output, checked), _analytical(output, checked)
                for position, x in enumerate(checked):
                    wanted = _numerical(func, values, x, number, output, eps)
                    _compare(found[position], wanted, number, position, atol, rtol)
                    if not np.allclose(found[position], again[position], rtol=0, atol=nondet_tol, equal_nan=True):
                        raise GradcheckError(
                            f"gradcheck: two backwards of output {number} with respect to input {position} differ"
                        )
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
) -> bool:
    """Compare the second gradients of `func(*inputs)` with central differences of the first ones.

    Args:
        func: takes the inputs, gives a tensor or a tuple of tensors.
        inputs: as in `gradcheck`.
        grad_outputs: the cotangents of the first gradients; by default numbers between 0.5 and 1.
        eps: the step of the differences.
        atol: the absolute part of the tolerance.
        rtol: the relative part.
        raise_exception: raise an error rather than return False.
        nondet_tol: how far gradients of two backwards may differ.

    Raises:
        GradcheckError: when they do not agree.

    >>> x = tracegraph.tensor([0.5, 1.0], dtype=tracegraph.float64, requires_grad=True)
    >>> tracegraph.autograd.gradgradcheck(lambda x: x.sin() * x, x)
    True
    """
    values = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    outputs = [x for x in _listed(func(*values)) if isinstance(x, Tensor) and x.requires_grad]
    if grad_outputs is None:
        cotangents = [_weights(output) for output in outputs]
    else:
        cotangents = [x.detach().requires_grad_() for x in _listed(grad_outputs)]

    def first(*arguments: Any) -> tuple[Tensor, ...]:
        given = arguments[: len(values)]
        results = [x for x in _listed(func(*given)) if isinstance(x, Tensor) and x.requires_grad]
        wanted = [x for x in given if isinstance(x, Tensor) and x.requires_grad]
        return grad(results, wanted, arguments[len(values) :], create_graph=True, materialize_grads=True)

    return gradcheck(
        first,
        (*values, *cotangents),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
    )


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _weights(output: Tensor) -> Tensor:
    data = np.linspace(0.5, 1.0, output._data.size, dtype=output._data.dtype).reshape(output.shape)
    return tensor(data, requires_grad=True)


def _analytical(output: Tensor, inputs: list[Tensor]) -> list[np.ndarray]:
    """For each input the matrix (elements of the input, elements of the output) that backward gives."""
    columns: list[list[np.ndarray]] = [[] for _ in inputs]
    for position in range(output._data.size):
        if output.requires_grad:
            cotangent = np.zeros(output._data.size, output._data.dtype)
            cotangent[position] = 1
            start = tensor(cotangent.reshape(output.shape))
            found = grad(output, inputs, start, retain_graph=True, materialize_grads=True)
            parts = [g.numpy(force=True).reshape(-1).copy() for g in found]
        else:
            parts = [np.zeros(x._data.size) for x in inputs]
        for column, part in zip(columns, parts, strict=True):
            column.append(part)
    return [
        np.stack(column, axis=1) if column else np.zeros((x._data.size, 0))
        for column, x in zip(columns, inputs, strict=True)
    ]


def _numerical(
    func: Callable[..., Any], values: tuple[Any, ...], x: Tensor, number: int, output: Tensor, eps: float
) -> np.ndarray:
    """The same matrix by central differences."""

    def at(data: np.ndarray) -> np.ndarray:
        moved = tensor(data, requires_grad=True)
        result = _listed(func(*[moved if value is x else value for value in values]))
        floats = [one for one in result if isinstance(one, Tensor) and one._data.dtype.kind == "f"]
        return floats[number].numpy(force=True).astype(np.float64).reshape(-1)

    rows = np.zeros((x._data.size, output._data.size))
    for position in range(x._data.size):
        sides = []
        for sign in (1, -1):
            data = x.numpy(force=True).copy()
            data.reshape(-1)[position] += sign * eps
            sides.append(at(data))
        rows[position] = (sides[0] - sides[1]) / (2 * eps)
    return rows


def _compare(found: np.ndarray, wanted: np.ndarray, number: int, position: int, atol: float, rtol: float) -> None:
    if not np.allclose(found, wanted, rtol=rtol, atol=atol, equal_nan=True):
        raise GradcheckError(
            f"gradcheck: Jacobian mismatch for output {number} with respect to input {position},\n"
            f"numerical:\n{wanted}\nanalytical:\n{found}"
        )


__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
