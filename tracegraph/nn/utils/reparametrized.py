"""Weights computed from other parameters: `weight_norm` and `spectral_norm`, and what takes them away again.

The newer form of both is in `parametrizations`. As with these, the weight is computed whenever it is read.
"""

from typing import Any, TypeVar

from tracegraph.autograd.modes import GradMode
from tracegraph.compiler.ops.random import randn
from tracegraph.nn.attributes import Derived
from tracegraph.nn.convolution import _Transposed
from tracegraph.nn.functional import normalize
from tracegraph.nn.module import Module
from tracegraph.nn.parameter import Parameter, is_lazy
from tracegraph.runtime.errors import ArgumentError, GradientError
from tracegraph.tensor import Tensor

_Module = TypeVar("_Module", bound=Module)


def norm_except_dim(v: Tensor, dim: int | None) -> Tensor:
    """The Euclidean norm over all dimensions but one, which keep their places; over all, 0-d, for `dim=None` or -1."""
    if dim is None or dim == -1:
        return v.norm()  # type: ignore[no-any-return]
    dim %= v.ndim
    others = [number for number in range(v.ndim) if number != dim]
    return (v * v).sum(others, keepdim=True).sqrt() if others else v.abs()  # type: ignore[no-any-return]


class WeightNorm(Derived):
    """Computes a weight from its direction and its length (Salimans and Kingma, arXiv:1602.07868)."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, dim

    def compute(self, module: Module) -> Tensor:
        """The weight."""
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return v * (g / norm_except_dim(v, self.dim))  # type: ignore[no-any-return]


def weight_norm(module: _Module, name: str = "weight", dim: int | None = 0) -> _Module:
    """Split a weight into `weight_g`, its length along `dim` (None: as a whole), and `weight_v`, its direction.

    Raises:
        GradientError: when the weight is split already.

    >>> layer = tracegraph.nn.utils.weight_norm(tracegraph.nn.Linear(20, 40))
    >>> layer.weight_g.shape, layer.weight_v.shape
    ((40, 1), (40, 20))
    """
    if isinstance(module._derived_as(name), WeightNorm):
        raise GradientError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    weight = module._parameters.get(name)
    if is_lazy(weight):
        raise ArgumentError("weight_norm: the module's parameters are not initialised yet; run it once")
    if weight is None:
        raise ArgumentError(f"weight_norm: {type(module).__name__} has no parameter {name!r}")
    del module._parameters[name]
    with GradMode(False):
        length = norm_except_dim(weight, dim)
    module.register_parameter(name + "_g", Parameter(length))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    module._derive(name, WeightNorm(name, dim))
    return module


def remove_weight_norm(module: _Module, name: str = "weight") -> _Module:
    """Make a weight that `weight_norm` had split one parameter again.

    Raises:
        ArgumentError: when it was not split.
    """
    if not isinstance(module._derived_as(name), WeightNorm):
        raise ArgumentError(f"weight_norm of '{name}' not found in {module}")
    return _made_plain(module, name, name + "_g", name + "_v")


def _made_plain(module: _Module, name: str, *parts: str) -> _Module:
    with GradMode(False):
        weight = getattr(module, name).clone()
    for part in (name, *parts):
        delattr(module, part)
    module.register_parameter(name, Parameter(weight))
    return module


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight with one dimension as rows and all others as columns."""
    return weight.movedim(dim, 0).reshape((weight.shape[dim], -1))  # type: ignore[no-any-return]


def power_iteration(matrix: Tensor, u: Tensor, v: Tensor, steps: int, eps: float) -> None:
    """Bring `u` and `v`, in place, nearer to the singular vectors of the largest singular value."""
    with GradMode(False):
        for _ in range(steps):
            v.copy_(normalize(matrix.T @ u, dim=0, eps=eps))
            u.copy_(normalize(matrix @ v, dim=0, eps=eps))


def divided_by_sigma(weight: Tensor, matrix: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The weight over its largest singular value, as far as `u` and `v` tell it."""
    u, v = u.clone(), v.clone()  # a later step changes them in place, and backward needs them as they are now
    return weight / (u * (matrix @ v)).sum()  # type: ignore[no-any-return]


class SpectralNorm(Derived):
    """Divides a weight by its largest singular value (Miyato and others, arXiv:1802.05957)."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def _parts(self, module: Module) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        return weight, as_matrix(weight, self.dim), u, v

    def compute(self, module: Module) -> Tensor:
        """The weight."""
        return divided_by_sigma(*self._parts(module))

    def __call__(self, module: Module, args: tuple[Any, ...]) -> None:
        """Before each forward, in training: one more step of the iteration."""
        if module.training:
            _, matrix, u, v = self._parts(module)
            power_iteration(matrix, u, v, self.n_power_iterations, self.eps)


def spectral_norm(
    module: _Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> _Module:
    """Divide a weight by its largest singular value, estimated by power iteration with each forward in training.

    Raises:
        ArgumentError: when `n_power_iterations` is not positive, or there is no such parameter.
        GradientError: when the weight is divided already.

    >>> layer = tracegraph.nn.utils.spectral_norm(tracegraph.nn.Linear(20, 40))
    >>> layer.weight_u.shape
    (40,)
    """
    if n_power_iterations <= 0:
        raise ArgumentError(
            f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
        )
    if isinstance(module._derived_as(name), SpectralNorm):
        raise GradientError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    weight = module._parameters.get(name)
    if weight is None or is_lazy(weight):
        raise ArgumentError(f"spectral_norm: {type(module).__name__} has no initialised parameter {name!r}")
    dim = (1 if isinstance(module, _Transposed) else 0) if dim is None else dim
    norm = SpectralNorm(name, n_power_iterations, dim, eps)
    matrix = as_matrix(weight.detach(), dim)
    u, v = (normalize(randn(size, dtype=weight.dtype), dim=0, eps=eps) for size in matrix.shape)
    del module._parameters[name]
    module.register_parameter(name + "_orig", weight)
    module.register_buffer(name + "_u", u)
    module.register_buffer(name + "_v", v)
    module._derive(name, norm)
    module.register_forward_pre_hook(norm)
    return module


def remove_spectral_norm(module: _Module, name: str = "weight") -> _Module:
    """Make a weight that `spectral_norm` divides an ordinary parameter again.

    Raises:
        ArgumentError: when it is not divided.
    """
    norm = module._derived_as(name)
    if not isinstance(norm, SpectralNorm):
        raise ArgumentError(f"spectral_norm of '{name}' not found in {module}")
    for number, hook in list(module._forward_pre_hooks.items()):
        if hook is norm:
            del module._forward_pre_hooks[number]
    return _made_plain(module, name, name + "_orig", name + "_u", name + "_v")


__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]
