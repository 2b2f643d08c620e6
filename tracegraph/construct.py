"""Making tensors of what users give: numbers, nested sequences, arrays, other tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph import _state
from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.spec import as_dtype
from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import DTypeError, ShapeError
from tracegraph.tensor import Tensor


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new tensor with a copy of `data` (numbers, nested sequences, arrays, tensors).

    Python floats become float32, integers int64; arrays keep their dtype.

    Raises:
        ShapeError: for ragged nested sequences.
        DTypeError: for a dtype that is not supported.

    >>> tensor([[1.0, 2.0], [3.0, 4.5]])
    tensor([[1.0000, 2.0000],
            [3.0000, 4.5000]])
    """
    check_device("tensor", device)
    made = dispatch.as_tensor(data, dtype=dtype, copy=True)
    if requires_grad:
        made.requires_grad_()
    return made  # type: ignore[no-any-return]


def as_array(data: Any, dtype: Any = None) -> np.ndarray:
    """The NumPy array for what a user may give as data; floats of Python become float32."""
    if isinstance(data, np.ndarray | np.generic):
        array = np.asarray(data)
    else:
        try:
            array = np.array(_without_tensors(data))
        except ValueError as error:
            raise ShapeError(f"tensor: the nested sequences are ragged ({error})") from error
        if array.dtype == np.float64 and dtype is None and not _has_numpy(data):
            array = array.astype(_state.local.default_dtype or np.float32)
        if array.size == 0 and array.dtype == np.float64 and dtype is None:
            array = array.astype(_state.local.default_dtype or np.float32)
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"tensor: data of type {array.dtype} is not numeric")
    if dtype is not None:
        array = array.astype(as_dtype(dtype), copy=False)
    else:
        as_dtype(array.dtype)
    return array


def _without_tensors(data: Any) -> Any:
    if isinstance(data, Tensor):
        data._escape("a list of tensors made into a tensor")
        return data._data
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return [_without_tensors(value) for value in data]
    return data


def _has_numpy(data: Any) -> bool:
    if isinstance(data, np.ndarray | np.generic | Tensor):
        return True
    return isinstance(data, Sequence) and not isinstance(data, str | bytes) and any(map(_has_numpy, data))
