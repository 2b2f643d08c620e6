"""Parametrizations ready to use: `weight_norm` and `spectral_norm`."""

from typing import Any, TypeVar

from tracegraph.autograd.modes import GradMode
from tracegraph.compiler.ops.random import randn
from tracegraph.nn.convolution import _Transposed
from tracegraph.nn.functional import normalize
from tracegraph.nn.module import Module
from tracegraph.nn.utils.parametrize import register_parametrization
from tracegraph.nn.utils.reparametrized import (
    as_matrix,
    divided_by_sigma,
    norm_except_dim,
    power_iteration,
)
from tracegraph.runtime.errors import ArgumentError
from tracegraph.tensor import Tensor

_Module = TypeVar("_Module", bound=Module)


class _WeightNorm(Module):
    """A weight from its length and its direction."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """The weight."""
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Length and direction of a weight."""
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: _Module, name: str = "weight", dim: int | None = 0) -> _Module:
    """Learn the length and the direction of a weight instead of the weight (Salimans and Kingma, arXiv:1602.07868).

    >>> layer = tracegraph.nn.utils.parametrizations.weight_norm(tracegraph.nn.Linear(20, 40))
    >>> layer.parametrizations.weight.original0.shape
    (40, 1)
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _SpectralNorm(Module):
    """A weight over its largest singular value."""

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{weight.ndim}, {weight.ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % weight.ndim
        self.eps = eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight, self.dim)
            u, v = (normalize(randn(size, dtype=weight.dtype), dim=0, eps=eps) for size in matrix.shape)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)
            power_iteration(matrix.T, v, u, 15, eps)

    def forward(self, weight: Tensor) -> Tensor:
        """The weight divided."""
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            # As in PyTorch `u` goes first here, and second in the other `spectral_norm`.
            power_iteration(matrix.T, self._v, self._u, self.n_power_iterations, self.eps)
        return divided_by_sigma(weight, matrix, self._u, self._v)

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value: dividing it changes nothing where its largest singular value is 1."""
        return value


def spectral_norm(
    module: _Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> _Module:
    """Divide a weight by its largest singular value (Miyato and others, arXiv:1802.05957).

    In training each reading of the weight is one more step of the power iteration.

    Raises:
        ArgumentError: when `n_power_iterations` is not positive, or there is no such tensor.

    >>> layer = tracegraph.nn.utils.parametrizations.spectral_norm(tracegraph.nn.Linear(20, 40))
    >>> layer.parametrizations.weight[0]._u.shape
    (40,)
    """
    weight: Any = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = (1 if isinstance(module, _Transposed) else 0) if dim is None else dim
    with GradMode(False):
        made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return register_parametrization(module, name, made)


__all__ = ["spectral_norm", "weight_norm"]
