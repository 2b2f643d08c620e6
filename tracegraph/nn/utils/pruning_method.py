"""`BasePruningMethod`: subclass it, write `compute_mask`, and `apply` it to a parameter of a module.

The parameter goes on as `NAME_orig` beside a buffer `NAME_mask`; the attribute `NAME` is their product.
"""

import abc
from collections.abc import Iterator
from typing import Any, ClassVar, cast

from tracegraph.autograd.modes import GradMode
from tracegraph.compiler.ops.creation_like import ones_like
from tracegraph.nn.attributes import Derived
from tracegraph.nn.module import Module
from tracegraph.nn.parameter import Parameter
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, ShapeError
from tracegraph.tensor import Tensor


class BasePruningMethod(Derived, abc.ABC):
    """A way to choose what of a parameter is set to zero.

    `PRUNING_TYPE` says what a second pruning of the same parameter looks at: "unstructured" the elements that are left,
    "structured" the slices along `self.dim` that are left, "global" everything.
    """

    PRUNING_TYPE: ClassVar[str]
    _tensor_name: str | None = None

    @abc.abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """A mask of the shape of `t`, the importance of the elements: 0 for what is pruned, besides `default_mask`."""

    def __call__(self, module: Module, args: tuple[Any, ...]) -> None:
        """Nothing: it stands among the module's hooks to be found there, the product is computed when it is read."""

    def compute(self, module: Module) -> Tensor:
        """The pruned tensor."""
        return self.apply_mask(module)

    def apply_mask(self, module: Module) -> Tensor:
        """The product of the parameter and its mask."""
        name = self._name(module)
        original = getattr(module, name + "_orig")
        return cast(Tensor, getattr(module, name + "_mask").to(original.dtype) * original)

    def _name(self, module: Module) -> str:
        if self._tensor_name is None:
            raise ArgumentError(f"{type(self).__name__} was not applied to a parameter of {type(module).__name__}")
        return self._tensor_name

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> "BasePruningMethod":
        """Prune a parameter; one that is pruned already is pruned further.

        Args:
            module: the module that has the parameter.
            name: of the parameter.
            args: of the method's constructor.
            importance_scores: of the parameter's shape; what is pruned is chosen by them instead of by its values.
            kwargs: of the method's constructor.

        Raises:
            ShapeError: when the importance has another shape.
        """
        method = cls(*args, **kwargs)
        method._tensor_name = name
        earlier = module._derived_as(name)
        tensor = getattr(module, name)
        _check_shape(tensor, importance_scores)
        with GradMode(False):
            scores = tensor if importance_scores is None else importance_scores
            if isinstance(earlier, BasePruningMethod):
                chain = earlier if isinstance(earlier, PruningContainer) else PruningContainer(earlier)
                mask = chain._next_mask(method, scores.detach(), getattr(module, name + "_mask").clone())
                chain.add_pruning_method(method)
                _forget(module, earlier)
                method = chain
            else:
                mask = method.compute_mask(scores.detach(), default_mask=ones_like(tensor.detach()))
                del module._parameters[name]
                module.register_parameter(name + "_orig", tensor)
        module.register_buffer(name + "_mask", mask)
        module._derive(name, method)
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """The pruned version of a tensor that is no parameter.

        Raises:
            ShapeError: when the importance has another shape.
        """
        _check_shape(t, importance_scores)
        scores = t if importance_scores is None else importance_scores
        default_mask = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores.detach(), default_mask=default_mask)

    def remove(self, module: Module) -> None:
        """Make the pruned tensor the parameter, for good.

        Raises:
            ArgumentError: when the method was not applied.
        """
        name = self._name(module)
        with GradMode(False):
            pruned = self.apply_mask(module)
        original: Any = module._parameters[name + "_orig"]
        for part in (name, name + "_orig", name + "_mask"):
            delattr(module, part)
        original.data = pruned
        module.register_parameter(name, cast(Parameter, original))
        _forget(module, self)


def _check_shape(tensor: Tensor, scores: Tensor | None) -> None:
    if scores is not None and scores.shape != tensor.shape:
        raise ShapeError(f"importance_scores of shape {scores.shape} for a parameter of shape {tensor.shape}")


def _forget(module: Module, method: BasePruningMethod) -> None:
    for number, hook in list(module._forward_pre_hooks.items()):
        if hook is method:
            del module._forward_pre_hooks[number]


class PruningContainer(BasePruningMethod):
    """Methods applied to one parameter, one after the other."""

    PRUNING_TYPE = "container"

    def __init__(self, *methods: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if len(methods) == 1:
            self._tensor_name = methods[0]._tensor_name
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add one at the end.

        Raises:
            ArgumentTypeError: when it is not a pruning method.
            ArgumentError: when it prunes another parameter.
        """
        if not isinstance(method, BasePruningMethod):
            raise ArgumentTypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method._tensor_name != self._tensor_name:
            raise ArgumentError(
                f"this container prunes the parameter {self._tensor_name!r}, the method {method._tensor_name!r}"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, position: int) -> BasePruningMethod:
        return self._pruning_methods[position]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask after the last method, which looks at what `default_mask` leaves."""
        return self._next_mask(self._pruning_methods[-1], t, default_mask)

    def _next_mask(self, method: BasePruningMethod, t: Tensor, mask: Tensor) -> Tensor:
        where: Any = self._left(method, t, mask)
        result: Tensor = mask.to(t.dtype).clone()
        result[where] = method.compute_mask(t[where], default_mask=mask[where]).to(t.dtype)
        return result

    def _left(self, method: Any, t: Tensor, mask: Tensor) -> Any:
        """The index of what a method looks at."""
        if method.PRUNING_TYPE == "unstructured":
            return mask == 1
        if method.PRUNING_TYPE == "global":
            return (slice(None),) * t.ndim
        if method.PRUNING_TYPE != "structured":
            raise ArgumentError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        if not hasattr(method, "dim"):
            raise AttributeError(f"{type(method).__name__} prunes slices and needs the attribute `dim`")
        dim = method.dim + t.ndim if method.dim < 0 else method.dim
        if not 0 <= dim < t.ndim:
            raise IndexError(f"dim {method.dim} is out of range for a parameter of {t.ndim} dimensions")
        others = [number for number in range(t.ndim) if number != dim]
        return (slice(None),) * dim + (mask.sum(others) != 0,)


__all__ = ["BasePruningMethod", "PruningContainer"]
