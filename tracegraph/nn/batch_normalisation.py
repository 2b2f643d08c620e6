"""Normalisation of channels with running statistics, as layers: `BatchNorm1d` to `BatchNorm3d` and `InstanceNorm1d` to
`InstanceNorm3d`.
"""

from typing import Any, ClassVar

import numpy as np

from tracegraph.autograd.modes import GradMode
from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.spec import as_dtype
from tracegraph.nn import functional, init
from tracegraph.nn.normalisation import Affine
from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import ShapeError
from tracegraph.tensor import Tensor, wrap


class _Tracking(Affine):
    """What batch and instance normalisation share: running statistics; `ranks` are the numbers of dimensions taken."""

    ranks: ClassVar[tuple[int, ...]]
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        bias: bool,
        dtype: Any,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.make_parameters((num_features,), affine, affine and bias, dtype)
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

    def _check_rank(self, input: Tensor) -> None:
        if input.ndim not in self.ranks:
            raise ShapeError(
                f"{self._get_name()}: expected {' or '.join(f'{rank}D' for rank in self.ranks)} input (got "
                f"{input.ndim}D input)"
            )

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Tracking):
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
        check_device(type(self).__name__, device)
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(n, num_features, ...)."""
        self._check_rank(input)
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


class _InstanceNorm(_Tracking):
    """`ranks` are one sample's number of dimensions, and a batch's."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        check_device(type(self).__name__, device)
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """(n, num_features, ...), or without n."""
        self._check_rank(input)
        batch = input if input.ndim == self.ranks[1] else input.unsqueeze(0)
        if self.affine and batch.shape[1] != self.num_features:
            raise ShapeError(
                f"{self._get_name()}: expected {self.num_features} channels, got input of shape {input.shape}"
            )
        result = functional.instance_norm(
            batch,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return result if batch is input else result.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """Brings each channel of each sample of (n, c, length) to mean 0 and variance 1.

    On request (`affine`) then a learnt factor and addend, and (`track_running_stats`) running statistics, which are
    used in evaluation mode.
    """

    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Brings each channel of each sample of (n, c, height, width) to mean 0 and variance 1.

    On request (`affine`) then a learnt factor and addend, and (`track_running_stats`) running statistics, which are
    used in evaluation mode.

    >>> tracegraph.nn.InstanceNorm2d(3)(tracegraph.randn(2, 3, 4, 4)).shape
    (2, 3, 4, 4)
    """

    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Brings each channel of each sample of (n, c, depth, height, width) to mean 0 and variance 1.

    On request (`affine`) then a learnt factor and addend, and (`track_running_stats`) running statistics, which are
    used in evaluation mode.
    """

    ranks = (4, 5)


__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]
