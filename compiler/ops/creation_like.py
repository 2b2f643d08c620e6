"""Tensors after the model of others, and of data: `zeros_like`, `new_full`, `from_numpy`, `as_tensor`, `asarray`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError

from . import dispatch
from .creation import finish, full, ones, zeros
from .dispatch import public
from .spec import as_dtype

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = [
    "as_tensor", "asarray", "empty_like", "from_numpy", "frombuffer", "full_like", "ones_like", "scalar_tensor",
    "zeros_like",
]  # fmt: skip


@public(method=False)
def zeros_like(
    input: "Tensor", *, dtype: Any = None, requires_grad: bool = False, device: Any = None, **ignored: Any
) -> "Tensor":
    """Zeros of the shape (and dtype, unless given) of a tensor.

    >>> tracegraph.zeros_like(tracegraph.tensor([1, 2]))
    tensor([0, 0])
    """
    return zeros(
        input.shape,
        dtype=input.dtype if dtype is None else dtype,
        requires_grad=requires_grad,
        device=device,
        **ignored,
    )


@public(method=False)
def ones_like(
    input: "Tensor", *, dtype: Any = None, requires_grad: bool = False, device: Any = None, **ignored: Any
) -> "Tensor":
    """Ones of the shape (and dtype, unless given) of a tensor.

    >>> tracegraph.ones_like(tracegraph.tensor([1, 2]))
    tensor([1, 1])
    """
    return ones(
        input.shape,
        dtype=input.dtype if dtype is None else dtype,
        requires_grad=requires_grad,
        device=device,
        **ignored,
    )


@public(method=False)
def empty_like(
    input: "Tensor", *, dtype: Any = None, requires_grad: bool = False, device: Any = None, **ignored: Any
) -> "Tensor":
    """A tensor of the shape (and dtype, unless given) of another, to be filled later.

    >>> tracegraph.empty_like(tracegraph.tensor([1, 2])).shape
    (2,)
    """
    return zeros_like(input, dtype=dtype, requires_grad=requires_grad, device=device, **ignored)


@public(method=False)
def full_like(
    input: "Tensor",
    fill_value: Any,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
    **ignored: Any,
) -> "Tensor":
    """`fill_value` in the shape (and dtype, unless given) of a tensor.

    >>> tracegraph.full_like(tracegraph.tensor([1, 2]), 7)
    tensor([7, 7])
    """
    target = input.dtype if dtype is None else dtype
    return full(input.shape, fill_value, dtype=target, requires_grad=requires_grad, device=device, **ignored)


@public()
def new_zeros(
    input: "Tensor",
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
    **ignored: Any,
) -> "Tensor":
    """Zeros of the tensor's dtype.

    >>> tracegraph.tensor([1]).new_zeros(2)
    tensor([0, 0])
    """
    return zeros(
        *sizes,
        size=size,
        dtype=input.dtype if dtype is None else dtype,
        requires_grad=requires_grad,
        device=device,
        **ignored,
    )


@public()
def new_ones(
    input: "Tensor",
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
    **ignored: Any,
) -> "Tensor":
    """Ones of the tensor's dtype.

    >>> tracegraph.tensor([1]).new_ones(2)
    tensor([1, 1])
    """
    return ones(
        *sizes,
        size=size,
        dtype=input.dtype if dtype is None else dtype,
        requires_grad=requires_grad,
        device=device,
        **ignored,
    )


@public()
def new_empty(
    input: "Tensor",
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
    **ignored: Any,
) -> "Tensor":
    """A tensor of the tensor's dtype, to be filled later.

    >>> tracegraph.tensor([1]).new_empty(2).shape
    (2,)
    """
    return new_zeros(input, *sizes, size=size, dtype=dtype, requires_grad=requires_grad, device=device, **ignored)


@public()
def new_full(
    input: "Tensor",
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    requires_grad: bool = False,
    device: Any = None,
    **ignored: Any,
) -> "Tensor":
    """`fill_value` in the tensor's dtype.

    >>> tracegraph.tensor([1]).new_full((2,), 7)
    tensor([7, 7])
    """
    return full(
        size,
        fill_value,
        dtype=input.dtype if dtype is None else dtype,
        requires_grad=requires_grad,
        device=device,
        **ignored,
    )


@public()
def new(input: "Tensor", *data: Any) -> "Tensor":
    """A tensor of the tensor's dtype: of a size given as ints, with a copy of data, or empty.

    >>> tracegraph.tensor([1.0]).new([2, 3])
    tensor([2., 3.])
    """
    if len(data) == 1 and not isinstance(data[0], int):
        return new_tensor(input, data[0])
    return new_zeros(input, *data) if data else new_zeros(input, 0)


@public()
def new_tensor(
    input: "Tensor", data: Any, *, dtype: Any = None, requires_grad: bool = False, device: Any = None, **ignored: Any
) -> "Tensor":
    """A tensor with a copy of `data` in the tensor's dtype.

    >>> tracegraph.tensor([1.0]).new_tensor([2, 3])
    tensor([2., 3.])
    """
    made = dispatch.as_tensor(data, dtype=input.dtype if dtype is None else as_dtype(dtype), copy=True)
    return finish(made, requires_grad, device, ignored)


@public(method=False)
def from_numpy(ndarray: np.ndarray) -> "Tensor":
    """A tensor over the memory of a NumPy array: a change of one is seen in the other.

    Raises:
        ArgumentTypeError: for anything but an array.

    >>> array = np.zeros(2)
    >>> x = tracegraph.from_numpy(array)
    >>> array[0] = 5.0
    >>> x[0].item()
    5.0
    """
    if not isinstance(ndarray, np.ndarray):
        raise ArgumentTypeError(f"from_numpy: expected a NumPy array, got {type(ndarray).__name__}")
    return dispatch.as_tensor(ndarray)  # type: ignore[no-any-return]


@public(method=False)
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> "Tensor":
    """A tensor for data, sharing memory where it can: tensors and arrays of the dtype wanted are not copied.

    >>> tracegraph.as_tensor([1, 2], dtype=tracegraph.float32)
    tensor([1., 2.])
    """
    return finish(dispatch.as_tensor(data, dtype=None if dtype is None else as_dtype(dtype)), False, device)


@public(method=False)
def asarray(
    obj: Any, *, dtype: Any = None, copy: bool | None = None, requires_grad: bool = False, device: Any = None
) -> "Tensor":
    """A tensor for data; `copy` says whether memory must (True) or may be shared (None).

    Raises:
        ArgumentError: when `copy` is False and the data cannot be shared.

    >>> tracegraph.asarray([1, 2])
    tensor([1, 2])
    """
    made = dispatch.as_tensor(obj, dtype=None if dtype is None else as_dtype(dtype), copy=bool(copy))
    source = getattr(obj, "_data", obj)
    if copy is False and not (isinstance(source, np.ndarray) and np.may_share_memory(made._data, source)):
        raise ArgumentError(f"asarray: a {type(obj).__name__} cannot become a tensor without a copy")
    return finish(made, requires_grad, device)


@public(method=False)
def scalar_tensor(
    s: Any, *, dtype: Any = None, requires_grad: bool = False, device: Any = None, **ignored: Any
) -> "Tensor":
    """A 0-d tensor of a number; its dtype is the default float unless given.

    >>> tracegraph.scalar_tensor(3)
    tensor(3.)
    """
    target = dispatch.default_dtype() if dtype is None else as_dtype(dtype)
    return full((), s, dtype=target, requires_grad=requires_grad, device=device, **ignored)


@public(method=False)
def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> "Tensor":
    """A vector over the memory of an object with Python's buffer interface, from a byte `offset` on.

    Raises:
        ArgumentError: when the buffer is empty, or has no room for `count` elements.

    >>> tracegraph.frombuffer(bytearray([1, 2, 3]), dtype=tracegraph.uint8, offset=1)
    tensor([2, 3], dtype=uint8)
    """
    try:
        array = np.frombuffer(buffer, as_dtype(dtype), count, offset)
    except ValueError as error:
        raise ArgumentError(f"frombuffer: {error}") from None
    if not array.size:
        raise ArgumentError("frombuffer: the buffer has no elements, or count is 0")
    return finish(dispatch.as_tensor(array), requires_grad, None)
