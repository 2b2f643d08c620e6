"""What functions that take positions share: index tensors in int64, numbers in a tensor's dtype."""

from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import DTypeError, ShapeError

from . import dispatch
from .spec import int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []


def positions_of(name: str, index: Any) -> "Tensor":
    """An index tensor in int64."""
    made = dispatch.as_tensor(index)
    if made.dtype.kind not in "iu":
        raise DTypeError(f"{name}: index must be of integers, not {made.dtype}")
    return made if made.dtype == int64 else made.to(int64)  # type: ignore[no-any-return]


def number_of(value: Any, input: "Tensor") -> "Tensor":
    """A number as 0-d tensor of the dtype of `input`."""
    if hasattr(value, "_data"):
        return value if value.dtype == input.dtype else value.to(input.dtype)  # type: ignore[no-any-return]
    return dispatch.constant({"f": float, "b": bool}.get(input.dtype.kind, int)(value), input.dtype)  # type: ignore[no-any-return]


def lifted(input: "Tensor") -> "Tensor":
    """A 0-d tensor as a vector of one element."""
    return input if input.ndim else input.reshape((1,))


def vector_of(name: str, index: Any) -> "Tensor":
    """An index tensor of at most one dimension, as a vector."""
    positions = positions_of(name, index)
    if positions.ndim > 1:
        raise ShapeError(f"{name}: index must be a vector, got shape {positions.shape}")
    return lifted(positions)
