"""Products of tensors of any rank: `inner`, `kron` and `tensordot`."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import ShapeError

from .contraction import matmul
from .dispatch import public
from .spec import normalize_dim

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["inner", "kron", "tensordot"]


@public()
def inner(input: "Tensor", other: "Tensor") -> "Tensor":
    """Sum of products over the last dimensions; a 0-d operand multiplies.

    >>> tracegraph.inner(tracegraph.tensor([[1, 2], [3, 4]]), tracegraph.tensor([1, 10]))
    tensor([21, 43])
    """
    if input.ndim == 0 or other.ndim == 0:
        return input * other
    return tensordot(input, other, dims=([-1], [-1]))


@public()
def kron(input: "Tensor", other: "Tensor") -> "Tensor":
    """Kronecker product; the shorter shape is filled with ones in front.

    >>> tracegraph.kron(tracegraph.tensor([1, 10]), tracegraph.tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    ndim = max(input.ndim, other.ndim)
    left, right = ((1,) * (ndim - x.ndim) + x.shape for x in (input, other))
    a = input.reshape(tuple(size for n in left for size in (n, 1)))
    b = other.reshape(tuple(size for n in right for size in (1, n)))
    return (a * b).reshape(tuple(m * n for m, n in zip(left, right, strict=True)))  # type: ignore[no-any-return]


@public(method=False)
def tensordot(a: "Tensor", b: "Tensor", dims: Any = 2) -> "Tensor":
    """Sum of products over pairs of dimensions: the last `dims` of `a` with the first of `b`, or those two lists name.

    Raises:
        ShapeError: when paired dimensions have different sizes.

    >>> tracegraph.tensordot(tracegraph.tensor([[1, 2], [3, 4]]), tracegraph.tensor([1, 10]), dims=1)
    tensor([21, 43])
    """
    if hasattr(dims, "__index__"):
        count = dims.__index__()
        if not 0 <= count <= min(a.ndim, b.ndim):
            raise ShapeError(f"tensordot: dims={count} does not fit shapes {a.shape} and {b.shape}")
        left: Sequence[int] = range(a.ndim - count, a.ndim)
        right: Sequence[int] = range(count)
    else:
        left, right = ((d,) if hasattr(d, "__index__") else tuple(d) for d in dims)
    left = tuple(normalize_dim("tensordot", dim, a.ndim) for dim in left)
    right = tuple(normalize_dim("tensordot", dim, b.ndim) for dim in right)
    for i, j in zip(left, right, strict=False):  # a dimension of size 1 goes with any other
        if a.shape[i] != b.shape[j] and 1 in (a.shape[i], b.shape[j]):
            a, b = (a.sum(i, keepdim=True), b) if b.shape[j] == 1 else (a, b.sum(j, keepdim=True))
    if [a.shape[dim] for dim in left] != [b.shape[dim] for dim in right] or len(set(left)) < len(left):
        raise ShapeError(f"tensordot: dims {left} of shape {a.shape} do not fit dims {right} of shape {b.shape}")
    rows = tuple(dim for dim in range(a.ndim) if dim not in left)
    columns = tuple(dim for dim in range(b.ndim) if dim not in right)
    kept_left, kept_right = tuple(a.shape[dim] for dim in rows), tuple(b.shape[dim] for dim in columns)
    size = math.prod(a.shape[dim] for dim in left)
    first = a.permute(rows + left).reshape((math.prod(kept_left), size))
    second = b.permute(right + columns).reshape((size, math.prod(kept_right)))
    return matmul(first, second).reshape(kept_left + kept_right)  # type: ignore[no-any-return]
