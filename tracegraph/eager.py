"""The eager executor: runs an operation on tensors at once, links the result to the tape and tells an active recorder.

This is the hot path of the dynamic model: the functions here are flat on purpose.
"""

import math
from typing import Any

import numpy as np
from numpy import ndarray

from tracegraph import _state
from tracegraph.autograd.node import GradNode
from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.base import Operation
from tracegraph.compiler.ops.spec import FLOATS, Spec, as_dtype, bool_, category, float32, float64, int64, promote_types
from tracegraph.construct import as_array
from tracegraph.inplace import assign, refresh_view
from tracegraph.runtime.errors import ArgumentTypeError, DTypeError, TracegraphError
from tracegraph.sharing import expose_memory
from tracegraph.tensor import MAYBE, Tensor, make_view

_new = Tensor.__new__
_local = _state.local
_asarray = np.asarray

_scalars: dict[Any, dict[Any, Tensor]] = {}
_SCALAR_LIMIT = 4096
_NEGATIVE_ZERO = "-0.0"


def _quiet_errors() -> tuple[Any, Any]:
    """NumPy's context variable for floating point errors and a value that ignores them (as PyTorch does)."""
    from numpy._core import umath  # noqa: PLC0415 - NumPy's own

    return umath._extobj_contextvar, umath._make_extobj(all="ignore")


_errors, _ignore = _quiet_errors()
_set_errors, _reset_errors = _errors.set, _errors.reset


def default_dtype() -> Any:
    """The dtype of floats made from Python numbers and integers."""
    return _local.default_dtype or float32


def explain(operation: Operation, operands: tuple[Tensor, ...], error: Exception) -> Exception:
    """The error to raise when evaluation failed: `infer` says it in the user's terms, if it also refuses."""
    if isinstance(error, TracegraphError):
        return error
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
    if not operation.takes_mixed_bools and any(_participant(value)[1] is bool_ for value in (a, b)):
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


def constant(value: Any, dtype: Any) -> Tensor:
    """The 0-d tensor of a Python scalar in a given dtype: a constant of the graph, shared and never written."""
    table = _scalars.get(dtype.num)
    if table is None:
        table = _scalars[dtype.num] = {}
    key = value if value or math.copysign(1.0, value) > 0 else _NEGATIVE_ZERO
    made = table.get(key)
    if made is None:
        array = _scalar_array(value, dtype)
        array.flags.writeable = False
        made = _new(Tensor)
        made._data = array
        made._literal = True
        if len(table) < _SCALAR_LIMIT:
            table[key] = made
    return made


def _scalar_array(value: Any, dtype: Any) -> ndarray:
    if dtype.kind in "iu" and isinstance(value, int):
        info = np.iinfo(dtype)
        if not info.min <= value <= info.max:
            width = 8 * dtype.itemsize
            value = (value + (1 << 63)) % (1 << 64) - (1 << 63) if width == 64 else value % (1 << width)
            if dtype.kind == "i" and value > info.max:
                value -= 1 << width
    return np.array(value, dtype)


def as_tensor(data: Any, dtype: Any = None, *, copy: bool = False, literal: bool = False) -> Tensor:
    """A tensor for anything that can become one.
    Tensors are returned as they are unless `dtype` or `copy` says otherwise.
    """
    if isinstance(data, Tensor):
        result = data if dtype is None or data.dtype == np.dtype(dtype) else data.to(as_dtype(dtype))
        if not copy:
            return result
        return result.detach().clone()  # type: ignore[no-any-return]
    array = as_array(data, dtype)
    result = _new(Tensor)
    result._data = np.array(array) if copy else array
    if isinstance(data, ndarray) and not copy and not literal:
        expose_memory(result)
    recorder = _state.active_recorder()
    if recorder is not None:
        if isinstance(data, ndarray) and not literal:
            recorder.from_array(data, result)
        else:
            result._literal = True
            recorder.literal(result)
    return result


def _participant(value: Any) -> tuple[int, Any]:
    """Priority (2 tensor with dimensions, 1 0-d tensor, 0 Python scalar) and dtype of an operand in type promotion."""
    if isinstance(value, Tensor | ndarray):
        array = value._data if isinstance(value, Tensor) else value
        return (2 if array.ndim else 1), array.dtype
    if isinstance(value, bool | np.bool_):
        return 0, bool_
    if isinstance(value, np.generic):
        return 0, {0: bool_, 1: int64, 2: default_dtype()}[category(value.dtype)]
    if isinstance(value, int):
        return 0, int64
    if isinstance(value, float):
        return 0, default_dtype()
    raise ArgumentTypeError(f"a {type(value).__name__} cannot be an operand of a tensor operation")


def result_type(*values: Any) -> Any:
    """The dtype the operands are promoted to: PyTorch's rule by category (bool, integer, float) and priority."""
    best: list[Any] = [None, None, None]
    for value in values:
        priority, dtype = _participant(value)
        best[priority] = dtype if best[priority] is None else promote_types(best[priority], dtype)
    result = best[2]
    for lower in (best[1], best[0]):
        if lower is None:
            continue
        if result is None or category(lower) > category(result):
            result = lower
    return result


def promote(*values: Any, takes: str = "any", name: str = "") -> tuple[Tensor, ...]:
    """The operands as tensors of one dtype, by PyTorch's promotion; a Python scalar becomes a constant.

    Raises:
        ArgumentTypeError: for an operand that is neither tensor nor number.
        DTypeError: when the operation does not take the dtype.
    """
    try:
        dtype = result_type(*values)
    except ArgumentTypeError:
        kinds = ", ".join(type(value).__name__ for value in values)
        raise ArgumentTypeError(f"{name or 'operation'}: operands must be tensors or numbers, got {kinds}") from None
    if takes == "float" and dtype not in FLOATS:
        dtype = default_dtype()
    elif takes == "number" and dtype == bool_:
        raise DTypeError(f"{name}: not defined for bool tensors; cast them first")
    elif takes == "integer" and dtype in FLOATS:
        raise DTypeError(f"{name}: takes integer or bool tensors, not {dtype}")
    results = []
    for value in values:
        if isinstance(value, Tensor):
            results.append(value if value._data.dtype == dtype else value.to(dtype))
        elif isinstance(value, ndarray):
            made = as_tensor(value)
            results.append(made if made._data.dtype == dtype else made.to(dtype))
        else:
            results.append(constant(value.item() if isinstance(value, np.generic) else value, dtype))
    return tuple(results)


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

__all__ = ["apply", "as_tensor", "binary", "constant", "default_dtype", "float64", "promote", "result_type", "unary"]
