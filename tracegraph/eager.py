"""The eager executor: runs an operation on tensors at once, links the result to the tape and tells an active recorder.

This is the hot path of the dynamic model: the functions here are flat on purpose.
"""

from typing import Any

import numpy as np
from numpy import ndarray

from tracegraph import _state
from tracegraph.autograd.node import GradNode
from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.base import Operation
from tracegraph.compiler.ops.spec import Spec, bool_
from tracegraph.inplace import assign, refresh_view
from tracegraph.promotion import as_tensor, constant, default_dtype, participant, promote, result_type
from tracegraph.runtime.errors import ArgumentTypeError, DTypeError, TracegraphError
from tracegraph.tensor import MAYBE, Tensor, make_view

_new = Tensor.__new__
_local = _state.local
_asarray = np.asarray


def _quiet_errors() -> tuple[Any, Any]:
    """NumPy's context variable for floating point errors and a value that ignores them (as PyTorch does)."""
    from numpy._core import umath  # noqa: PLC0415 - NumPy's own

    return umath._extobj_contextvar, umath._make_extobj(all="ignore")


_errors, _ignore = _quiet_errors()
_set_errors, _reset_errors = _errors.set, _errors.reset


def explain(operation: Operation, operands: tuple[Any, ...], error: Exception) -> Exception:
    """The error to raise when evaluation failed: `infer` says it in the user's terms, if it also refuses."""
    if isinstance(error, TracegraphError):
        return error
    for position, operand in enumerate(operands):
        if not isinstance(operand, Tensor):
            return ArgumentTypeError(
                f"{operation.name}: operand {position} is a {type(operand).__name__}, not a Tensor; "
                "make one with tensor() or from_numpy()"
            )
    try:
        operation.infer(*[operand._spec for operand in operands])
    except TracegraphError as better:
        return better
    return error


def link(operation: Operation, operands: tuple[Tensor, ...], result: Tensor) -> None:
    """Enter `result` in the tape if an operand requires grad (called when one may)."""
    if not _local.grad_enabled:
        if result._base is not None:
            result._rg = False
        return
    for operand in operands:
        if operand._rg is MAYBE:
            refresh_view(operand)
        if operand._rg is True and result._data.dtype.kind == "f":
            result._rg = True
            result._node = GradNode(operation, operands, result)
            return


def apply(operation: Operation, *operands: Tensor) -> Tensor:
    """Run one operation whose operands fit already; the general path for every kind of operation."""
    if _state.recording:
        recorder = _local.recorder
        if recorder is not None:
            return recorder.execute(operation, operands)  # type: ignore[no-any-return]
    token = _set_errors(_ignore)
    try:
        data = operation.evaluate(np, *[operand._data for operand in operands])
    except Exception as error:  # noqa: BLE001 - it is raised again, explained
        raise explain(operation, operands, error) from None
    finally:
        _reset_errors(token)
    if type(data) is not ndarray:
        data = _asarray(data)
    if operation.is_view:
        parent = operands[0]
        source = parent._data
        if data.base is source or (source.base is not None and data.base is source.base):
            result = make_view(parent, data, operation)
        else:
            result = _new(Tensor)
            result._data = data
    else:
        result = _new(Tensor)
        result._data = data
    if operation.differentiable:
        for operand in operands:
            if operand._rg:
                link(operation, operands, result)
                break
    return result


def view(parent: Tensor, data: ndarray, operation: Any) -> Tensor:
    """The tensor over `data`, which the view operation (or what the function
    `operation` of the parent gives) has made.
    """
    if _state.recording:
        recorder = _local.recorder
        if recorder is not None:
            return recorder.view(parent, data, operation)  # type: ignore[no-any-return]
    if shares(data, parent._data):
        result = make_view(parent, data, operation)
    else:
        result = _new(Tensor)
        result._data = data
    if parent._rg:
        if parent._rg is MAYBE:
            refresh_view(parent)
        if parent._rg is True:
            if not isinstance(operation, Operation):
                operation = result._view_operation = operation(parent)
            link(operation, (parent,), result)
    return result


def shares(data: ndarray, source: ndarray) -> bool:
    """Whether `data`, made from `source` by a view operation, lies in its memory (else it is a copy)."""
    base = data.base
    return base is not None and (base is source or base is source.base)


def write(target: Tensor, operation: Any, *others: Tensor) -> Tensor:
    """`assign(target, apply(operation, target, *others))`,
    done in the target's memory where nothing else is to be kept.
    """
    data = target._data
    plain = not _state.recording and data.flags.writeable and 0 not in data.strides
    if plain and _local.grad_enabled:
        plain = not (target.requires_grad or (target._base is not None and target._base.requires_grad))
        plain = plain and not any(other.requires_grad for other in others)
    if not plain:
        return assign(target, apply(operation, target, *others))
    arrays = [other._data.copy() if np.may_share_memory(other._data, data) else other._data for other in others]
    try:
        operation.write(np, data, *arrays)
    except Exception as error:  # noqa: BLE001 - it is raised again, explained
        raise explain(operation, (target, *others), error) from None
    root = target if target._base is None else target._base
    if root._version is None:
        root._version = [0]
    root._version[0] += 1
    return target


def unary(operation: Operation, x: Any) -> Tensor:
    """Run a pointwise operation of one operand, converting the operand first where `takes` asks for it."""
    if not isinstance(x, Tensor):
        x = as_tensor(x)
    recorder = _local.recorder if _state.recording else None
    if recorder is not None:
        result = recorder.matched(operation, x, x, 1)
        if result is not None:
            return result  # type: ignore[no-any-return]
    data = x._data
    takes = operation.takes
    if takes != "any" and data.dtype.kind != "f":
        (x,) = _fit(operation, (x,), takes)
        data = x._data
    ufunc = operation.ufunc
    if ufunc is None:
        return apply(operation, x)
    if recorder is not None:
        return recorder.execute(operation, (x,))  # type: ignore[no-any-return]
    token = _set_errors(_ignore)
    try:
        out = ufunc(data)
    except Exception as error:  # noqa: BLE001 - it is raised again, explained
        raise explain(operation, (x,), error) from None
    finally:
        _reset_errors(token)
    if type(out) is not ndarray:
        out = _asarray(out)
    result = _new(Tensor)
    result._data = out
    if x._rg and operation.differentiable:
        link(operation, (x,), result)
    return result


def _mixed(operation: Any, a: Any, b: Any) -> tuple[Tensor, ...]:
    """The operands, one of which is no tensor, in their common dtype; numbers only as `Pointwise.numbers` says."""
    numbers = operation.numbers
    first, second = (isinstance(value, int | float | np.generic) for value in (a, b))
    if numbers != "all" and ((first and (second or numbers != "one")) or (second and numbers == "none")):
        needed = {"one": "one operand", "second": "the first operand", "none": "both operands"}[numbers]
        kinds = f"{type(a).__name__} and {type(b).__name__}"
        raise ArgumentTypeError(f"{operation.name}: {needed} must be a tensor, got {kinds}")
    return _promoted(operation, a, b)


def _promoted(operation: Any, a: Any, b: Any) -> tuple[Tensor, ...]:
    """The operands in their common dtype."""
    if not operation.takes_mixed_bools and any(participant(value)[1] is bool_ for value in (a, b)):
        raise DTypeError(f"{operation.name}: not defined for bool operands; cast them first, or use ^ or logical_not")
    return promote(a, b, name=operation.name)


def binary(operation: Any, a: Any, b: Any) -> Tensor:
    """Run a pointwise operation of two operands, promoting them as PyTorch does."""
    if isinstance(a, Tensor):
        dtype = a._data.dtype
        if not isinstance(b, Tensor):
            kind = type(b)
            fits = (kind is float and dtype.kind == "f") or (kind is int and dtype.kind != "b")
            if fits and operation.numbers != "none":
                b = constant(b, dtype)
            else:
                a, b = _mixed(operation, a, b)
    elif isinstance(b, Tensor):
        dtype = b._data.dtype
        kind = type(a)
        fits = (kind is float and dtype.kind == "f") or (kind is int and dtype.kind != "b")
        if fits and operation.numbers == "all":
            a = constant(a, dtype)
        else:
            a, b = _mixed(operation, a, b)
    else:
        a, b = _mixed(operation, a, b)
    recorder = _local.recorder if _state.recording else None
    if recorder is not None:
        result = recorder.matched(operation, a, b, 2)
        if result is not None:
            return result  # type: ignore[no-any-return]
    x, y = a._data, b._data
    dtype = x.dtype
    if dtype is not y.dtype:
        a, b = _promoted(operation, a, b)
        x, y = a._data, b._data
        dtype = x.dtype
    takes = operation.takes
    if takes != "any" and dtype.kind != "f":
        a, b = _fit(operation, (a, b), takes)
        x, y = a._data, b._data
    ufunc = operation.ufunc
    if ufunc is None:
        return apply(operation, a, b)
    if recorder is not None:
        return recorder.execute(operation, (a, b))  # type: ignore[no-any-return]
    token = _set_errors(_ignore)
    try:
        out = ufunc(x, y)
    except Exception as error:  # noqa: BLE001 - it is raised again, explained
        raise explain(operation, (a, b), error) from None
    finally:
        _reset_errors(token)
    if type(out) is not ndarray:
        out = _asarray(out)
    result = _new(Tensor)
    result._data = out
    if (a._rg or b._rg) and operation.differentiable:
        link(operation, (a, b), result)
    return result


def _fit(operation: Operation, operands: tuple[Tensor, ...], takes: str) -> tuple[Tensor, ...]:
    """The operands as an operation with restricted dtypes takes them: integers become floats for "float"."""
    dtype = operands[0]._data.dtype
    kind = dtype.kind
    if takes == "float":
        if kind == "f":
            return operands
        target = default_dtype()
        return tuple(operand.to(target) for operand in operands)
    if takes == "number" and kind == "b":
        raise DTypeError(f"{operation.name}: not defined for bool tensors; cast them first")
    if takes == "integer" and kind == "f":
        raise DTypeError(f"{operation.name}: takes integer or bool tensors, not {dtype}")
    return operands


def specs(*values: Tensor) -> tuple[Spec, ...]:
    """The specs of several tensors."""
    return tuple(value._spec for value in values)


dispatch.install(
    apply=apply,
    unary=unary,
    binary=binary,
    promote=promote,
    as_tensor=as_tensor,
    constant=constant,
    result_type=result_type,
    default_dtype=default_dtype,
    assign=assign,
    view=view,
    write=write,
)

__all__ = ["apply", "as_tensor", "binary", "constant", "default_dtype", "promote", "result_type", "unary"]
