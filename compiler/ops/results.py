"""`ValuesAndIndices`: what `max(dim=...)`, `sort`, `topk` and their relatives return, to unpack or to read by name."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["MantissaAndExponent", "MinAndMax", "ValuesAndIndices"]


class ValuesAndIndices(NamedTuple):
    """Elements picked along a dimension, and their positions (int64) along it."""

    values: "Tensor"
    indices: "Tensor"


class MinAndMax(NamedTuple):
    """The result of `aminmax`."""

    min: "Tensor"
    max: "Tensor"


class MantissaAndExponent(NamedTuple):
    """The result of `frexp`."""

    mantissa: "Tensor"
    exponent: "Tensor"
