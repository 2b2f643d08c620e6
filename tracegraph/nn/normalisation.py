"""Normalisation as layers: `LayerNorm`, `RMSNorm`, `GroupNorm`, `BatchNorm1d`, `BatchNorm2d`, `BatchNorm3d`."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tracegraph.autograd.modes import GradMode
from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.spec import as_dtype
from tracegraph.nn import functional, init
from tracegraph.nn.linear import new_parameter
from tracegraph.nn.module import Module
from tracegraph.nn.parameter import Parameter
from tracegraph.runtime.errors import ArgumentError, ShapeError
from tracegraph.tensor import Tensor, wrap


def _shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class _Affine(Module):
    """A normalisation with a factor and an addend per element or channel."""

    weight: Parameter | None
    bias: Parameter | None

    def _make_parameters(self, shape: tuple[int, ...], weight: bool, bias: bool, dtype: Any) -> None:
        for name, wanted in (("weight", weight), ("bias", bias)):
            self.register_parameter(name, new_parameter(*shape, dtype=dtype) if wanted else None)

    def reset_parameters(self) -> None:
        """Set the factors to 1 and the addends to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(_Affine):
    """Brings the last dimensions of each sample to mean 0 and variance 1; then a learnt factor and addend per element.

    >>> tracegraph.nn.LayerNorm(2)(tracegraph.tensor([[1.0, 3.0]])).detach()
    tensor([[-1.0000,  1.0000]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._make_parameters(self.normalized_shape, elementwise_affine, elementwise_affine and bias, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """A shape that ends in `normalized_shape`."""
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        affine, bias = self.elementwise_affine, self.bias is not None
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}, bias={bias}"


class RMSNorm(_Affine):
    """Divides the last dimensions of each sample by their root mean square; then a learnt factor per element."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter(
            "weight", new_parameter(*self.normalized_shape, dtype=dtype) if elementwise_affine else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the factors to 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """A shape that ends in `normalized_shape`."""
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """Brings each group of channels of each sample to mean 0 and variance 1.

    Then a learnt factor and addend per channel.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ArgumentError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._make_parameters((num_channels,), affine, affine and bias, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """(n, channels, ...)."""
        return functional.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_groups}, {self.num_channels}, "
            f"eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"
        )


class _BatchNorm(_Affine):
    """What the batch normalisations share; `ranks` are the numbers of dimensions taken."""

    ranks: ClassVar[tuple[int, ...]]
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._make_parameters((num_features,), affine, affine and bias, dtype)
        kind = dispatch.default_dtype() if dtype is None else as_dtype(dtype)
        tracked = track_running_stats
        self.register_buffer("running_mean", wrap(np.zeros(num_features, kind)) if tracked else None)
        self.register_buffer("running_var", wrap(np.ones(num_features, kind)) if tracked else None)
        self.register_buffer("num_batches_tracked", wrap(np.zeros((), np.int64)) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the running statistics."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Set the factors to 1, the addends to 0, and forget the running statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        """(n, num_features, ...)."""
        if input.ndim not in self.ranks:
            raise ShapeError(
                f"{self._get_name()}: expected {' or '.join(f'{rank}D' for rank in self.ranks)} input (got "
                f"{input.ndim}D input)"
            )
        if input.shape[1] != self.num_features:
            raise ShapeError(
                f"{self._get_name()}: expected {self.num_features} channels, got input of shape {input.shape}"
            )
        momentum: Any = 0.0 if self.momentum is None else self.momentum
        counted = self.num_batches_tracked
        if self.training and counted is not None:
            with GradMode(False):
                counted.add_(1)
                if self.momentum is None:
                    momentum = 1.0 / counted.to(input.dtype)
        use_batch = self.training or self.running_mean is None
        moves = self.training and self.track_running_stats
        return functional.batch_norm(
            input,
            self.running_mean if moves or not use_batch else None,
            self.running_var if moves or not use_batch else None,
            self.weight,
            self.bias,
            use_batch,
            momentum,
            self.eps,
        )

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Brings each channel of a batch (n, c) or (n, c, length) to mean 0 and variance 1.

    Then a learnt factor and addend.

    In evaluation mode it uses the running statistics gathered while training.
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Brings each channel of a batch (n, c, height, width) to mean 0 and variance 1; then a learnt factor and addend.

    In evaluation mode it uses the running statistics gathered while training.

    >>> tracegraph.nn.BatchNorm2d(3)(tracegraph.randn(2, 3, 4, 4)).shape
    (2, 3, 4, 4)
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Brings each channel of a batch (n, c, depth, height, width) to mean 0 and variance 1.

    Then a learnt factor and addend.
    """

    ranks = (5,)


__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "LayerNorm", "RMSNorm"]
