"""Operands as tensors of one dtype: constants of Python numbers, tensors of arrays, and PyTorch's type promotion."""

import math
from typing import Any

import numpy as np
from numpy import ndarray

from tracegraph import _state
from tracegraph.compiler.ops.spec import FLOATS, as_dtype, bool_, category, float32, int64, promote_types
from tracegraph.construct import as_array
from tracegraph.runtime.errors import ArgumentTypeError, DTypeError
from tracegraph.sharing import expose_memory
from tracegraph.tensor import Tensor

_new = Tensor.__new__
_local = _state.local
_scalars: dict[Any, dict[Any, Tensor]] = {}
_SCALAR_LIMIT = 4096
_NEGATIVE_ZERO = "-0.0"


def default_dtype() -> Any:
    """The dtype of floats made from Python numbers and integers."""
    return _local.default_dtype or float32


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


def participant(value: Any) -> tuple[int, Any]:
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
        priority, dtype = participant(value)
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


__all__ = ["as_tensor", "constant", "default_dtype", "participant", "promote", "result_type"]
