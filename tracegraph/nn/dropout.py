"""Dropout as layers: `Dropout`, `Dropout1d` to `Dropout3d`, `AlphaDropout`, `FeatureAlphaDropout`; they do nothing in
evaluation mode.
"""

from collections.abc import Callable
from typing import ClassVar

from tracegraph.nn import functional
from tracegraph.nn.module import Module
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor


class _Dropout(Module):
    """A dropout layer; `function` is what it does while training."""

    function: ClassVar[Callable[[Tensor, float, bool, bool], Tensor]]

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ArgumentError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}, inplace={self.inplace}"

    def forward(self, input: Tensor) -> Tensor:
        """The shapes that the function takes."""
        return type(self).function(input, self.p, self.training, self.inplace)


class Dropout(_Dropout):
    """While training, sets each element to 0 with probability `p` and scales the others by `1 / (1 - p)`.

    >>> tracegraph.nn.Dropout(0.5).eval()(tracegraph.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    function = functional.dropout


class Dropout1d(_Dropout):
    """While training, sets each channel of (n, c, length) to 0 with probability `p` and scales the others."""

    function = functional.dropout1d


class Dropout2d(_Dropout):
    """While training, sets each channel of (n, c, height, width) to 0 with probability `p` and scales the others."""

    function = functional.dropout2d


class Dropout3d(_Dropout):
    """While training, sets each channel of (n, c, depth, height, width) to 0 with probability `p`; scales the rest."""

    function = functional.dropout3d


class AlphaDropout(_Dropout):
    """While training, sets each element to SELU's lowest value with probability `p`, and keeps mean and variance."""

    function = functional.alpha_dropout


class FeatureAlphaDropout(_Dropout):
    """While training, sets each channel to SELU's lowest value with probability `p`, and keeps mean and variance."""

    function = functional.feature_alpha_dropout


__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]
