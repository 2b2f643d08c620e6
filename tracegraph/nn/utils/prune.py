"""Pruning: parts of parameters set to zero and kept there by masks, chosen at random, by size, or by hand.

Functions like `l1_unstructured(module, "weight", amount=0.3)`; `amount` is a number of things or, a float, a share.
"""

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

from tracegraph.autograd.modes import GradMode
from tracegraph.compiler.ops.creation_like import ones_like, zeros_like
from tracegraph.compiler.ops.random import rand, rand_like
from tracegraph.nn.module import Module
from tracegraph.nn.utils.convert_parameters import parameters_to_vector
from tracegraph.nn.utils.pruning_method import BasePruningMethod, PruningContainer
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, ShapeError
from tracegraph.tensor import Tensor

_Module = TypeVar("_Module", bound=Module)


class Identity(BasePruningMethod):
    """Prunes nothing."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask as it was."""
        return default_mask


class _Amount(BasePruningMethod):
    """A method that prunes a number of things."""

    amount: Any

    def __init__(self, amount: Any) -> None:
        is_number = isinstance(amount, Real)
        if not is_number:
            raise ArgumentTypeError(f"Invalid type for amount: {amount}. Must be int or float.")
        if amount < 0 or (not isinstance(amount, Integral) and amount > 1):
            raise ArgumentError(
                f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer"
            )
        self.amount = amount

    def _count(self, size: int) -> int:
        count = int(self.amount) if isinstance(self.amount, Integral) else round(self.amount * size)
        if count > size:
            raise ArgumentError(f"amount={count} is more than the {size} there are to prune")
        return count


class _Smallest(_Amount):
    """Prunes the elements of the smallest scores."""

    PRUNING_TYPE = "unstructured"

    def _scores(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without some elements."""
        count = self._count(t.numel())
        if not count:
            return default_mask.clone()  # type: ignore[no-any-return]
        flat = default_mask.reshape((-1,)).clone()
        flat[self._scores(t).reshape((-1,)).topk(count, largest=False)[1]] = 0
        return flat.reshape(default_mask.shape)  # type: ignore[no-any-return]


class RandomUnstructured(_Smallest):
    """Prunes elements at random."""

    def _scores(self, t: Tensor) -> Tensor:
        return rand_like(t)


class L1Unstructured(_Smallest):
    """Prunes the elements of the smallest magnitude."""

    def _scores(self, t: Tensor) -> Tensor:
        return t.abs()  # type: ignore[no-any-return]


class _Slices(_Amount):
    """Prunes the slices along a dimension of the smallest scores."""

    PRUNING_TYPE: ClassVar[str] = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _scores(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without some slices."""
        if t.ndim <= 1:
            raise ShapeError(f"structured pruning needs 2 or more dimensions, not those of shape {t.shape}")
        if not -t.ndim <= self.dim < t.ndim:
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        size = t.shape[self.dim]
        count = self._count(size)
        if not count:
            return default_mask
        kept = zeros_like(self._scores(t))
        kept[self._scores_order(t, size - count)] = 1
        shape = [1] * t.ndim
        shape[self.dim] = size
        return default_mask * kept.reshape(shape).to(default_mask.dtype)  # type: ignore[no-any-return]

    def _scores_order(self, t: Tensor, count: int) -> Tensor:
        return self._scores(t).topk(count)[1]  # type: ignore[no-any-return]


class RandomStructured(_Slices):
    """Prunes slices along a dimension at random."""

    def _scores(self, t: Tensor) -> Tensor:
        return rand(t.shape[self.dim])


class LnStructured(_Slices):
    """Prunes the slices along a dimension of the smallest norm of order `n`."""

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _scores(self, t: Tensor) -> Tensor:
        rows = t.movedim(self.dim, 0).reshape((t.shape[self.dim], -1))
        return rows.norm(self.n, dim=1)  # type: ignore[no-any-return]


class CustomFromMask(BasePruningMethod):
    """Prunes what a mask says."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The product of both masks."""
        if default_mask.shape != self.mask.shape:
            raise ShapeError(f"a mask of shape {self.mask.shape} for a parameter of shape {default_mask.shape}")
        return default_mask * self.mask.to(default_mask.dtype)  # type: ignore[no-any-return]


def identity(module: _Module, name: str) -> _Module:
    """Give a parameter a mask that prunes nothing."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: _Module, name: str, amount: float) -> _Module:
    """Prune elements of a parameter at random."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: _Module, name: str, amount: float, importance_scores: Tensor | None = None) -> _Module:
    """Prune the elements of a parameter of the smallest magnitude (or importance).

    >>> layer = tracegraph.nn.utils.prune.l1_unstructured(tracegraph.nn.Linear(4, 5), "weight", amount=0.5)
    >>> int(layer.weight_mask.sum()), int((layer.weight == 0).sum())
    (10, 10)
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: _Module, name: str, amount: float, dim: int) -> _Module:
    """Prune slices of a parameter along a dimension at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: _Module, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> _Module:
    """Prune the slices of a parameter along a dimension whose norm of order `n` is smallest."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: _Module, name: str, mask: Tensor) -> _Module:
    """Prune what a mask of the parameter's shape has zeros for."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one.

    Raises:
        ArgumentTypeError: when the arguments are of other types, or the method is not an unstructured one.
    """
    if not isinstance(parameters, Iterable):
        raise ArgumentTypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise ArgumentTypeError("global_unstructured(): importance_scores must be of type dict")
    listed = list(parameters)
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise ArgumentTypeError(
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} of '
            f"type {method.PRUNING_TYPE}"
        )
    with GradMode(False):
        tensors = [getattr(module, name) for module, name in listed]
        masks = [module._buffers.get(name + "_mask") for module, name in listed]
        mask = PruningContainer(method).compute_mask(
            parameters_to_vector([scores.get(key, tensor) for key, tensor in zip(listed, tensors, strict=True)]),
            parameters_to_vector([ones_like(t) if m is None else m for m, t in zip(masks, tensors, strict=True)]),
        )
        start = 0
        for (module, name), tensor in zip(listed, tensors, strict=True):
            custom_from_mask(module, name, mask[start : start + tensor.numel()].reshape(tensor.shape).clone())
            start += tensor.numel()


def remove(module: _Module, name: str) -> _Module:
    """Make a pruned parameter an ordinary one, with zeros where it was pruned.

    Raises:
        ArgumentError: when it is not pruned.
    """
    method = module._derived_as(name)
    if not isinstance(method, BasePruningMethod):
        raise ArgumentError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    method.remove(module)
    return module


def is_pruned(module: Module) -> bool:
    """Whether a parameter of the module, or of one below it, is pruned."""
    hooks = [hook for one in module.modules() for hook in one._forward_pre_hooks.values()]
    return any(isinstance(hook, BasePruningMethod) for hook in hooks)


__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
    "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
    "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove",
]  # fmt: skip
