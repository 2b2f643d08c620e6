"""Normalising over dimensions in a numerically stable way: `softmax`, `log_softmax`, `logsumexp`."""

from typing import TYPE_CHECKING, Any

from tracegraph.runtime.errors import DTypeError

from . import dispatch
from .cast import to
from .dispatch import public
from .extrema import Amax
from .reductions import Dims, Sum, reduction, restore
from .spec import as_dtype

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["log_softmax", "logsumexp", "softmax"]


def _shifted(name: str, input: "Tensor", dim: int, dtype: Any) -> "Tensor":
    """The input (cast to `dtype`) less its maximum along `dim`, which changes neither softmax nor its gradient."""
    if dtype is not None:
        input = to(input, as_dtype(dtype))
    if input._data.dtype.kind != "f":
        raise DTypeError(
            f"{name}: takes float tensors, not {input.dtype}; give dtype=, or cast the tensor with float()"
        )
    operation = reduction(Amax, dim, input._data.ndim)
    if not input._data.size:
        return input
    return input.sub(restore(dispatch.apply(operation, input.detach()), operation, input))  # type: ignore[no-any-return]


@public()
def softmax(input: "Tensor", dim: int, dtype: Any = None) -> "Tensor":
    """exp(x) / sum(exp(x)) along `dim`: positive numbers that sum to 1.

    Args:
        input: float tensor of any shape.
        dim: the dimension along which the results sum to 1.
        dtype: cast to this dtype first.

    Raises:
        DTypeError: for an integer or bool tensor, unless a float `dtype` is given.

    >>> tracegraph.softmax(tracegraph.tensor([1.0, 1.0, 1.0, 1.0]), dim=0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    powers = _shifted("softmax", input, dim, dtype).exp()
    operation = reduction(Sum, dim, powers._data.ndim)
    return powers.div(restore(dispatch.apply(operation, powers), operation, powers))  # type: ignore[no-any-return]


@public()
def log_softmax(input: "Tensor", dim: int, dtype: Any = None) -> "Tensor":
    """The logarithm of `softmax` along `dim`, precise also where softmax is nearly 0 or 1.

    >>> tracegraph.log_softmax(tracegraph.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    shifted = _shifted("log_softmax", input, dim, dtype)
    operation = reduction(Sum, dim, shifted._data.ndim)
    return shifted.sub(restore(dispatch.apply(operation, shifted.exp()).log(), operation, shifted))  # type: ignore[no-any-return]


@public()
def logsumexp(input: "Tensor", dim: Dims, keepdim: bool = False) -> "Tensor":
    """log(sum(exp(x))) over `dim` (an int or several) without overflow; -inf where all elements are.

    >>> tracegraph.logsumexp(tracegraph.tensor([100.0, 100.0]), dim=0)
    tensor(100.6931)
    """
    if input._data.dtype.kind != "f":
        input = dispatch.promote(input, takes="float", name="logsumexp")[0]
    total = reduction(Sum, dim, input._data.ndim)
    if input._data.size:
        largest = dispatch.apply(reduction(Amax, dim, input._data.ndim), input.detach())
        largest = largest.where(largest.isinf().logical_not(), 0)
        powers = input.sub(restore(largest, total, input)).exp()
        result = dispatch.apply(total, powers).log() + largest
    else:
        result = dispatch.apply(total, input.exp()).log()
    return restore(result, total, input) if keepdim else result
