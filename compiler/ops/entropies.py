"""Products with logarithms that are 0 where a factor is: `xlogy`, and `xlog1py` and `entr` of `tracegraph.special`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import dispatch
from .dispatch import TensorLike, public
from .exponential import log, log1p
from .pointwise import refuse_two_numbers

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["xlogy"]


def _product(
    name: str, input: TensorLike, other: TensorLike, logarithm: Callable[[Any], "Tensor"], zero: float
) -> "Tensor":
    """`input * logarithm(other)`; 0 where `input` is 0 and the logarithm (finite above `zero`) is not finite."""
    refuse_two_numbers(name, input, other)
    a, b = dispatch.promote(input, other, takes="float", name=name)
    regular = (a != 0) | b.isnan() | ((b > zero) & (b < float("inf")))
    factor = logarithm(b.where(regular, dispatch.constant(1, b.dtype)))
    return (a * factor).where(regular, dispatch.constant(0, a.dtype))  # type: ignore[no-any-return]


@public(inplace=True)
def xlogy(input: TensorLike, other: TensorLike) -> "Tensor":
    """`input * log(other)`, which is 0 where `input` is 0, unless `other` is NaN.

    >>> tracegraph.xlogy(tracegraph.tensor([0.0, 2.0]), tracegraph.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    return _product("xlogy", input, other, log, 0)


def xlog1py(input: TensorLike, other: TensorLike) -> "Tensor":
    """`input * log1p(other)`, which is 0 where `input` is 0, unless `other` is NaN.

    >>> tracegraph.special.xlog1py(tracegraph.tensor([0.0, 2.0]), tracegraph.tensor([-1.0, 0.0]))
    tensor([0., 0.])
    """
    return _product("xlog1py", input, other, log1p, -1)


def entr(input: TensorLike) -> "Tensor":
    """The entropy `-input * log(input)`: 0 at 0, -inf for negative numbers.

    >>> tracegraph.special.entr(tracegraph.tensor([0.0, 0.5]))
    tensor([0.0000, 0.3466])
    """
    (x,) = dispatch.promote(input, takes="float", name="entr")
    entropy = -x * log(x.masked_fill(x <= 0, 1.0))
    return entropy.masked_fill(x < 0, -float("inf")).masked_fill(x == 0, 0.0)  # type: ignore[no-any-return]
