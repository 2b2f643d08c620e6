"""Dropout as layers: `Dropout`, `Dropout1d`, `Dropout2d`; they do nothing in evaluation mode."""

from tracegraph.nn import functional
from tracegraph.nn.module import Module
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ArgumentError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """While training, sets each element to 0 with probability `p` and scales the others by `1 / (1 - p)`.

    >>> tracegraph.nn.Dropout(0.5).eval()(tracegraph.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Any shape."""
        return functional.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """While training, sets each channel of (n, c, length) to 0 with probability `p` and scales the others."""

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, length) or (c, length)."""
        return functional.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """While training, sets each channel of (n, c, height, width) to 0 with probability `p` and scales the others."""

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, height, width) or (c, height, width)."""
        return functional.dropout2d(input, self.p, self.training, self.inplace)


__all__ = ["Dropout", "Dropout1d", "Dropout2d"]
