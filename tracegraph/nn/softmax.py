"""Softmax and its relatives as layers: `Softmax`, `LogSoftmax`, `Softmin`, `Softmax2d`."""

from typing import Any

from tracegraph.nn import functional
from tracegraph.nn.module import Module
from tracegraph.runtime.errors import ShapeError
from tracegraph.tensor import Tensor


def _usual_dim(ndim: int) -> int:
    """The dimension that PyTorch takes when none is given."""
    return 0 if ndim in (0, 1, 3) else 1


class _AlongDim(Module):
    """A function along `dim`."""

    _function: Any

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Any shape."""
        return type(self)._function(input, _usual_dim(input.ndim) if self.dim is None else self.dim)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """The dimension."""
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """exp(x) / sum(exp(x)) along `dim`.

    >>> tracegraph.nn.Softmax(dim=0)(tracegraph.tensor([1.0, 1.0]))
    tensor([0.5000, 0.5000])
    """

    _function = staticmethod(functional.softmax)


class LogSoftmax(_AlongDim):
    """The logarithm of softmax along `dim`.

    >>> tracegraph.nn.LogSoftmax(dim=0)(tracegraph.tensor([1.0, 1.0]))
    tensor([-0.6931, -0.6931])
    """

    _function = staticmethod(functional.log_softmax)


class Softmin(_AlongDim):
    """exp(-x) / sum(exp(-x)) along `dim`.

    >>> tracegraph.nn.Softmin(dim=0)(tracegraph.tensor([1.0, 1.0]))
    tensor([0.5000, 0.5000])
    """

    _function = staticmethod(functional.softmin)


class Softmax2d(Module):
    """Softmax over the channels of images (n, c, h, w) or (c, h, w).

    >>> tracegraph.nn.Softmax2d()(tracegraph.zeros(2, 1, 1)).flatten()
    tensor([0.5000, 0.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, h, w) or (c, h, w)."""
        if input.ndim not in (3, 4):
            raise ShapeError(f"Softmax2d: takes (n, c, h, w) or (c, h, w), got shape {input.shape}")
        return functional.softmax(input, -3)


__all__ = ["LogSoftmax", "Softmax", "Softmax2d", "Softmin"]
