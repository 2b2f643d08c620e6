"""Indexing: `x[index]` and `x[index] = value`. Ints and slices give views, masks and index tensors copies."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tracegraph.runtime.errors import ArgumentError, IndexingError, ShapeError

from . import dispatch
from .creation import full_operation
from .dispatch import public
from .gather import index_operation, put_operation
from .masks import NONZERO, MaskedIndex
from .selection import WHERE
from .slicing import basic_view
from .spec import bool_, broadcast_shapes, int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["getitem", "index_put", "setitem"]

_BOUND = (int, type(None))
_MASKED = MaskedIndex(0)


def _is_basic(index: tuple[Any, ...]) -> bool:
    """Whether all items are ints, None, Ellipsis or slices of ints.

    Raises:
        ArgumentError: for a slice with a step of 0 or below, as in PyTorch.
    """
    for item in index:
        kind = type(item)
        if kind is int or item is None or item is ...:
            continue
        if kind is not slice or type(item.start) not in _BOUND or type(item.stop) not in _BOUND:
            return False
        if item.step is not None:
            if type(item.step) is not int:
                return False
            if item.step < 1:
                raise ArgumentError(f"getitem: the step of a slice must be above 0, got {item.step}; use flip()")
    return True


@public()
def getitem(input: "Tensor", index: Any) -> "Tensor":
    """The elements that `index` names: `input[index]`.

    Ints, slices (step above 0), None and Ellipsis give a view. Bool masks and integer tensors, arrays and lists give a
    copy, by PyTorch's rules: several broadcast together; their dimensions come where the first one stands, or in front
    if they do not stand side by side. An integer tensor without dimensions drops its dimension and gives a copy, too.

    Raises:
        IndexingError: for an index out of range (it names index, dimension and size), a mask that does not fit, or
            something that is no index.
        ArgumentError: for a slice with a negative step.

    >>> x = tracegraph.tensor([[1, 2, 3], [4, 5, 6]])
    >>> x[1, ::2]
    tensor([4, 6])
    >>> x[:, [0, -1]]
    tensor([[1, 3],
            [4, 6]])
    >>> x[x > 3]
    tensor([4, 5, 6])
    """
    if type(index) is int:
        return basic_view(input, (index, ...))
    if type(index) is slice:
        index = (index,)
    if type(index) is tuple:
        if _is_basic(index):
            return basic_view(input, index if any(item is ... for item in index) else (*index, ...))
    elif index is None or index is ...:
        return basic_view(input, (index,))
    elif hasattr(index, "_data") and index._data.ndim and input._data.ndim:
        if index._data.dtype == int64:
            return dispatch.apply(index_operation(0), input, index)  # type: ignore[no-any-return]
        if index._data.dtype == bool_:
            return dispatch.apply(_MASKED, input, index)  # type: ignore[no-any-return]
    found = _parse(input, index)
    if not found.positions:
        return found.view
    if len(found.positions) == 1 and found.positions[0][1].dtype == bool_:
        dim, mask = found.positions[0]
        return dispatch.apply(MaskedIndex(dim), found.view, mask)  # type: ignore[no-any-return]
    plan = _plan(found)
    result = dispatch.apply(index_operation(plan.dim), plan.view, *plan.indices)
    return result if plan.back is None else result.permute(plan.back)  # type: ignore[no-any-return]


@public()
def setitem(input: "Tensor", index: Any, value: Any) -> None:
    """Replace the elements that `index` names: `input[index] = value`. The value is cast and broadcast.

    Raises:
        IndexingError: as `getitem`.
        ShapeError: when the value does not broadcast to the shape of `input[index]`.

    >>> x = tracegraph.zeros(2, 2)
    >>> x[:, 0] = tracegraph.tensor([1.0, 2.0])
    >>> x
    tensor([[1., 0.],
            [2., 0.]])
    """
    items = index if type(index) is tuple else (index,)
    if _is_basic(items):
        target = getitem(input, index)
        dispatch.assign(target, _fitted(value, target.shape, input.dtype))
        return
    new = _value(value, input._data.dtype)
    if hasattr(index, "_data") and index._data.dtype == int64 and index._data.ndim and input._data.ndim:
        rows = index._data.ndim + input._data.ndim - 1
        if new._data.ndim <= rows:
            dispatch.write(input, put_operation(0), new, index)
            return
    found = _parse(input, index)
    if not found.positions:
        dispatch.assign(found.view, _fitted(new, found.view.shape, input.dtype))
        return
    if len(found.positions) == 1 and found.positions[0][1].dtype == bool_ and _set_masked(found, new):
        return
    plan = _plan(found)
    dispatch.write(plan.view, put_operation(plan.dim), plan.arranged(new), *plan.indices)


@public(inplace=True)
def index_put(input: "Tensor", indices: Sequence[Any], values: Any, accumulate: bool = False) -> "Tensor":
    """A copy of the tensor with the elements `input[indices]` replaced by `values`, or with `values` added to them.

    >>> tracegraph.index_put(tracegraph.zeros(3), (tracegraph.tensor([0, 0, 2]),), tracegraph.ones(3), accumulate=True)
    tensor([2., 0., 1.])
    """
    found = _parse(input, tuple(slice(None) if index is None else index for index in indices))
    if not found.positions or found.view is not input:
        raise IndexingError("index_put: indices must be integer or bool tensors, or None for a whole dimension")
    plan = _plan(found)
    result = dispatch.apply(
        put_operation(plan.dim, accumulate), plan.view, plan.arranged(_value(values, input.dtype)), *plan.indices
    )
    if plan.order is None:
        return result  # type: ignore[no-any-return]
    return result.permute(tuple(sorted(range(input.ndim), key=plan.order.__getitem__)))  # type: ignore[no-any-return]


class _Parsed(NamedTuple):
    """An index with its basic part already applied: masks and integer tensors at dimensions of the view."""

    view: "Tensor"
    positions: list[tuple[int, "Tensor"]]


class _Plan(NamedTuple):
    """How one `Index` or `IndexPut` does it: on `view` (permuted by `order`) from dimension `dim` on."""

    view: "Tensor"
    dim: int
    indices: list["Tensor"]
    order: tuple[int, ...] | None
    back: tuple[int, ...] | None
    """Permutation of the result into PyTorch's order of dimensions."""

    def arranged(self, value: "Tensor") -> "Tensor":
        """A value for `input[index]` in the order of dimensions of `IndexPut`."""
        shape = index_operation(self.dim).infer(self.view._spec, *[index._spec for index in self.indices]).shape
        while value.ndim > len(shape) and value.shape[0] == 1:
            value = value.reshape(value.shape[1:])
        if self.back is None:
            return value
        wanted = tuple(shape[dim] for dim in self.back)
        return value.expand(wanted).permute(tuple(sorted(range(len(wanted)), key=self.back.__getitem__)))  # type: ignore[no-any-return]


def _bound(value: Any) -> int | None:
    """A bound of a slice as an int."""
    if value is not None and not hasattr(value, "__index__"):
        raise IndexingError(f"getitem: a slice takes ints and None, not a {type(value).__name__}")
    return None if value is None else int(value.__index__())


def _item(item: Any) -> Any:
    """One item of an index as int, slice of ints, None, Ellipsis, bool or tensor."""
    if item is None or item is ... or isinstance(item, bool):
        return item
    if isinstance(item, slice):
        return slice(*[_bound(part) for part in (item.start, item.stop, item.step)])
    if hasattr(item, "_data"):
        tensor = item
    elif isinstance(item, np.bool_):
        return bool(item)
    elif isinstance(item, np.ndarray | list | tuple | range):
        tensor = dispatch.as_tensor(list(item) if isinstance(item, range | tuple) else item)
        if not tensor.numel() and not isinstance(item, np.ndarray):
            tensor = tensor.to(int64)
    elif hasattr(item, "__index__"):
        return int(item.__index__())
    else:
        raise IndexingError(f"getitem: a {type(item).__name__} is not an index; use ints, slices, None, ... or tensors")
    if tensor.dtype.kind == "f":
        raise IndexingError(f"getitem: an index tensor must be of integers or bools, not {tensor.dtype}")
    return tensor if tensor.dtype in (int64, bool_) else tensor.to(int64)


def _parse(input: "Tensor", index: Any) -> _Parsed:
    """Apply the basic part of an index and find where its tensors stand."""
    items = [_item(item) for item in (index if isinstance(index, tuple) else (index,))]
    consumed = sum(_consumes(item) for item in items)
    if sum(item is ... for item in items) > 1:
        raise IndexingError("getitem: an index can contain one ellipsis ('...') only")
    if consumed > input.ndim:
        raise IndexingError(f"getitem: {consumed} indices for shape {input.shape} of {input.ndim} dimensions")
    basic: list[Any] = []
    positions: list[tuple[int, Tensor]] = []
    place = 0
    for item in items:
        if hasattr(item, "_data") or isinstance(item, bool):
            mask = not hasattr(item, "_data") or item.dtype == bool_
            width = item.ndim if mask and hasattr(item, "_data") else 1
            if isinstance(item, bool):
                item = dispatch.as_tensor([0] if item else np.zeros(0, np.int64), literal=True)
                basic.append(None)
            elif mask and width == 0:
                item = item.reshape((1,))
                basic.append(None)
            else:
                basic.extend([slice(None)] * width)
            positions.append((place, item))
            place += max(width, 1)
        else:
            basic.append(item)
            place += input.ndim - consumed if item is ... else not isinstance(item, int)
    _is_basic(tuple(basic))
    plain = all(type(item) is slice and item == slice(None) for item in basic)
    view = input if plain and positions else basic_view(input, tuple(basic) if ... in basic else (*basic, ...))
    for dim, tensor in positions:
        if tensor.dtype == bool_:
            MaskedIndex(dim).check(view._spec, tensor._spec)
    return _Parsed(view, positions)


def _consumes(item: Any) -> int:
    """How many dimensions of the tensor an item speaks of."""
    if item is None or item is ... or isinstance(item, bool):
        return 0
    return item.ndim if hasattr(item, "_data") and item.dtype == bool_ else 1


def _plan(found: _Parsed) -> _Plan:
    """Bring the dimensions indexed by tensors side by side."""
    view = found.view
    dims: list[int] = []
    indices: list[Tensor] = []
    for dim, tensor in found.positions:
        columns = dispatch.apply(NONZERO, tensor).unbind(1) if tensor.dtype == bool_ else (tensor,)
        dims.extend(range(dim, dim + len(columns)))
        indices.extend(columns)
    try:
        common = broadcast_shapes("getitem", *[index.shape for index in indices])
    except ShapeError as error:
        raise IndexingError(str(error)) from None
    if dims == list(range(dims[0], dims[0] + len(dims))):
        return _Plan(view, dims[0], indices, None, None)
    rest = [dim for dim in range(view.ndim) if dim not in dims]
    order = (*dims, *rest)
    numbered = [dim for dim, index in zip(dims, indices, strict=True) if index.ndim]
    dropped = [dim for dim in dims if dim not in numbered]
    places = [dim - sum(other < dim for other in dropped) for dim in numbered]
    side_by_side = places == list(range(places[0], places[0] + len(places))) if places else False
    front = sum(dim < numbered[0] for dim in rest) if side_by_side else 0
    count = len(common)
    back = None
    if front:
        back = (*range(count, count + front), *range(count), *range(count + front, count + len(rest)))
    return _Plan(view.permute(order), 0, indices, order, back)


def _value(value: Any, dtype: Any) -> "Tensor":
    """What is assigned, as a tensor of the target's dtype (cast as C does)."""
    if hasattr(value, "_data"):
        return value if value.dtype == dtype else value.to(dtype)  # type: ignore[no-any-return]
    if isinstance(value, int | float):
        if dtype.kind == "f":
            return dispatch.constant(float(value), dtype)  # type: ignore[no-any-return]
        return dispatch.constant(bool(value) if dtype.kind == "b" else int(value), dtype)  # type: ignore[no-any-return]
    made = dispatch.as_tensor(value)
    return made if made.dtype == dtype else made.to(dtype)  # type: ignore[no-any-return]


def _fitted(value: Any, shape: tuple[int, ...], dtype: Any) -> "Tensor":
    """The value to assign, broadcast to a shape; leading dimensions of size 1 too many are dropped."""
    new = _value(value, dtype)
    if new._data.shape == shape:
        return new
    if new._literal and new.ndim == 0:
        number = new._data.item()
        if number or math.copysign(1.0, number) > 0:
            return dispatch.apply(full_operation(shape, number, dtype))  # type: ignore[no-any-return]
    while new.ndim > len(shape) and new.shape[0] == 1:
        new = new.reshape(new.shape[1:])
    _check_fit(new, shape)
    return new.expand(shape)  # type: ignore[no-any-return]


def _check_fit(value: "Tensor", shape: tuple[int, ...]) -> None:
    """Refuse a value that does not broadcast to a shape."""
    lead = len(shape) - value.ndim
    if lead < 0 or any(size not in (1, wanted) for size, wanted in zip(value.shape, shape[lead:], strict=True)):
        raise ShapeError(f"setitem: a value of shape {value.shape} does not broadcast to the shape {shape}")


def _set_masked(found: _Parsed, value: "Tensor") -> bool:
    """Assign where a mask holds, if the value's shape does not depend on how many elements that are."""
    (dim, mask), view = found.positions[0], found.view
    after = view.ndim - dim - mask.ndim
    if value.ndim > after:
        place = value.ndim - after - 1
        if value.shape[place] != 1:
            return False
        value = value.reshape(value.shape[:place] + (1,) * mask.ndim + value.shape[place + 1 :])
        while value.ndim > view.ndim and value.shape[0] == 1:
            value = value.reshape(value.shape[1:])
    whole = mask.reshape(mask.shape + (1,) * after) if after else mask
    _check_fit(value, view.shape)
    dispatch.assign(view, dispatch.apply(WHERE, whole, value, view))
    return True
