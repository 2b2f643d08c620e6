"""Activations with a range or a gate as layers: `Threshold`, `Hardshrink`, `Softshrink`, `RReLU`, `CELU`, `GLU`."""

from tracegraph.nn import functional
from tracegraph.nn.module import Module
from tracegraph.tensor import Tensor


class Threshold(Module):
    """The input where it is above `threshold`, else `value`.

    >>> tracegraph.nn.Threshold(1.0, -1.0)(tracegraph.tensor([0.5, 2.0]))
    tensor([-1., 2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Any shape."""
        return functional.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """The bound and what stands below it."""
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class Hardshrink(Module):
    """The input where its magnitude is above `lambd`, else 0.

    >>> tracegraph.nn.Hardshrink()(tracegraph.tensor([-1.0, 0.25]))
    tensor([-1., 0.])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Any shape."""
        return functional.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """The bound."""
        return str(self.lambd)


class Softshrink(Module):
    """The input moved by `lambd` towards 0, and 0 where it would get beyond.

    >>> tracegraph.nn.Softshrink()(tracegraph.tensor([-1.0, 0.25]))
    tensor([-0.5000, 0.0000])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Any shape."""
        return functional.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """The distance."""
        return str(self.lambd)


class Tanhshrink(Module):
    """`x - tanh(x)`.

    >>> tracegraph.nn.Tanhshrink()(tracegraph.tensor([-1.0, 2.0]))
    tensor([-0.2384, 1.0360])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Any shape."""
        return functional.tanhshrink(input)


class RReLU(Module):
    """A leaky ReLU with slopes drawn from [lower, upper) in training, with their mean else.

    >>> tracegraph.nn.RReLU(0.25, 0.75).eval()(tracegraph.tensor([-1.0, 2.0]))
    tensor([-0.5000, 2.0000])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Any shape."""
        return functional.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """The range of the slopes."""
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class CELU(Module):
    """The input where it is positive, else `alpha * (exp(x / alpha) - 1)`.

    >>> tracegraph.nn.CELU(2.0)(tracegraph.tensor([-1.0, 2.0]))
    tensor([-0.7869, 2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Any shape."""
        return functional.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """The scale."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class GLU(Module):
    """The first half of the input along `dim` times the sigmoid of the second.

    >>> tracegraph.nn.GLU()(tracegraph.tensor([2.0, 4.0, 0.0, 0.0]))
    tensor([1., 2.])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Any shape whose size along `dim` divides by 2."""
        return functional.glu(input, self.dim)

    def extra_repr(self) -> str:
        """The dimension."""
        return f"dim={self.dim}"


__all__ = ["CELU", "GLU", "Hardshrink", "RReLU", "Softshrink", "Tanhshrink", "Threshold"]
