"""Divisors and multiples of integers, element by element: `gcd` and `lcm`."""

from typing import TYPE_CHECKING

import numpy as np

from tracegraph.runtime.errors import DTypeError

from . import dispatch
from .base import Operation, operation
from .dispatch import public
from .pointwise import Pointwise

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["gcd", "lcm"]


class Divisor(Pointwise):
    """A function of two integers."""

    arity = 2
    numbers = "none"
    takes = "integer"
    commutative = True
    sample_dtypes = ("int64", "int32", "uint8")


@operation
class GreatestDivisor(Divisor):
    """The greatest common divisor."""

    name = "gcd"
    ufunc = np.gcd


@operation
class LeastMultiple(Divisor):
    """The least common multiple."""

    name = "lcm"
    ufunc = np.lcm


GCD, LCM = GreatestDivisor(), LeastMultiple()


def _of_integers(operation: Operation, input: "Tensor", other: "Tensor") -> "Tensor":
    result = dispatch.binary(operation, input, other)
    if result.dtype.kind == "b":
        raise DTypeError(f"{operation.name}: not defined for bool tensors; cast them first")
    return result  # type: ignore[no-any-return]


@public(inplace=True)
def gcd(input: "Tensor", other: "Tensor") -> "Tensor":
    """The greatest common divisor of two integers, not negative; that of 0 and 0 is 0.

    >>> tracegraph.gcd(tracegraph.tensor([12, -9]), tracegraph.tensor([18, 6]))
    tensor([6, 3])
    """
    return _of_integers(GCD, input, other)


@public(inplace=True)
def lcm(input: "Tensor", other: "Tensor") -> "Tensor":
    """The least common multiple of two integers, not negative; 0 where one of them is.

    >>> tracegraph.lcm(tracegraph.tensor([4, 0]), tracegraph.tensor([6, 5]))
    tensor([12,  0])
    """
    return _of_integers(LCM, input, other)
