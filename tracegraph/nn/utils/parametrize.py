"""Parameters seen through a module: `register_parametrization(layer, "weight", Symmetric())` makes `layer.weight`
what `Symmetric` computes of the parameter that is learnt.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from tracegraph import _state
from tracegraph.autograd.modes import GradMode
from tracegraph.nn.attributes import Derived
from tracegraph.nn.container import ModuleDict, ModuleList
from tracegraph.nn.module import Module
from tracegraph.nn.parameter import Parameter
from tracegraph.runtime.errors import ArgumentError, GradientError
from tracegraph.tensor import Tensor

_Module = TypeVar("_Module", bound=Module)
_cached: dict[tuple[int, str], Tensor] = {}
_blocks = [0]


@contextmanager
def cached() -> Iterator[None]:
    """A block in which each parametrized tensor is computed once, however often it is read."""
    _blocks[0] += 1
    try:
        yield
    finally:
        _blocks[0] -= 1
        if not _blocks[0]:
            _cached.clear()


def _enter(holder: Module, name: str, value: Tensor, like: Tensor) -> None:
    if isinstance(like, Parameter):
        holder.register_parameter(name, value if isinstance(value, Parameter) else Parameter(value, like.requires_grad))
    else:
        holder.register_buffer(name, value)


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, and the tensor (`original`) or tensors (`original0`, ...) that they take."""

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ArgumentError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        self.shape, self.dtype = original.shape, original.dtype
        new: Any = original
        with GradMode(False):
            for module in reversed(list(self)):
                new = _inverse(module, new)
        if not isinstance(new, Tensor | Sequence):
            raise ArgumentError(
                f"'right_inverse' must return a Tensor or a Sequence of tensors. Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if isinstance(new, Tensor):
            if new.dtype != original.dtype:
                raise ArgumentError(
                    f"When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}"
                )
            if new is not original:
                original.data = new.detach()
            _enter(self, "original", original, original)
        else:
            for number, part in enumerate(new):
                if not isinstance(part, Tensor):
                    raise ArgumentError(
                        f"'right_inverse' must return a Tensor or a Sequence of tensors. Got element {number} of the "
                        f"sequence with type {type(part).__name__}."
                    )
                _enter(self, f"original{number}", part.detach(), original)
        if not unsafe:
            self._check(self())

    def _originals(self) -> list[Tensor]:
        names = ["original"] if self.is_tensor else [f"original{number}" for number in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def _check(self, made: Any) -> None:
        if not isinstance(made, Tensor):
            raise ArgumentError(f"A parametrization must return a tensor. Got {type(made).__name__}.")
        for kind, before, after in (("dtype", self.dtype, made.dtype), ("shape", self.shape, made.shape)):
            if before != after:
                raise ArgumentError(
                    f"Registering a parametrization may not change the {kind} of the tensor, unless `unsafe` flag is "
                    f"enabled.\nunparametrized {kind}: {before}\nparametrized {kind}: {after}"
                )

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes `value`, which is what assigning it does.

        Raises:
            GradientError: when a parametrization has no `right_inverse`.
            ArgumentError: when what it returns does not fit the originals.
        """
        with GradMode(False):
            new: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise GradientError(
                        f"parametrization {type(module).__name__} does not implement right_inverse, so its tensor "
                        "cannot be assigned."
                    )
                new = module.right_inverse(new)
            originals, parts = self._originals(), [new] if self.is_tensor else list(new)
            if len(parts) != len(originals):
                raise ArgumentError(f"'right_inverse' must return {len(originals)} tensors, not {len(parts)}")
            for original, part in zip(originals, parts, strict=True):
                if part.shape != original.shape or part.dtype != original.dtype:
                    raise ArgumentError(f"right_inverse gave a {part._spec} where the original is a {original._spec}")
                original.copy_(part)

    def forward(self) -> Tensor:
        """The parametrized tensor."""
        first, *others = list(self)
        value: Any = first(*self._originals())
        for module in others:
            value = module(value)
        return value  # type: ignore[no-any-return]


def _inverse(module: Module, value: Any) -> Any:
    if not hasattr(module, "right_inverse"):
        return value
    try:
        return module.right_inverse(value)
    except NotImplementedError:
        return value


class _Parametrized(Derived):
    """A tensor that the module's parametrizations compute."""

    prefix = "Parametrized"

    def __init__(self, name: str) -> None:
        self.name = name

    def compute(self, module: Module) -> Tensor:
        """The parametrized tensor, from the cache where there is one."""
        parametrization = module.parametrizations[self.name]
        if not _blocks[0]:
            return parametrization()  # type: ignore[no-any-return]
        recorder = _state.active_recorder()
        if recorder is not None:
            recorder.unsupported("reads a parametrized tensor under parametrize.cached()")
        key = (id(module), self.name)
        if key not in _cached:
            _cached[key] = parametrization()
        return _cached[key]

    def assign(self, module: Module, name: str, value: Any) -> None:
        """Set what the tensor is computed from."""
        module.parametrizations[name].right_inverse(value)


def register_parametrization(
    module: _Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> _Module:
    """Make a parameter or buffer what a module computes of it; several are applied one after the other.

    The module may have a method `right_inverse`, which makes of a wanted value the original, or several. Unless
    `unsafe`, shape and dtype may not change.

    Raises:
        ArgumentError: when there is no such tensor, or the parametrization changes its shape or dtype.

    >>> class Symmetric(tracegraph.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> parametrize = tracegraph.nn.utils.parametrize
    >>> layer = parametrize.register_parametrization(tracegraph.nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all())
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        listed: Any = module.parametrizations[tensor_name]
        if not unsafe:
            made = parametrization(getattr(module, tensor_name))
            listed._check(made)
            listed._check(_inverse(parametrization, made))
        listed.append(parametrization)
        listed.unsafe |= unsafe
        return module
    if module._parameters.get(tensor_name) is None and module._buffers.get(tensor_name) is None:
        raise ArgumentError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    added = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    module._derive(tensor_name, _Parametrized(tensor_name))
    module.parametrizations[tensor_name] = added
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrized tensors, or one of this name."""
    found = module._modules.get("parametrizations")
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def type_before_parametrizations(module: Module) -> type:
    """The module's class, which a parametrization does not change."""
    return type(module)


def remove_parametrizations(module: _Module, tensor_name: str, leave_parametrized: bool = True) -> _Module:
    """Take the parametrizations of a tensor away; it keeps the value that it had, or gets that of the original.

    Raises:
        ArgumentError: when it has none, or the original is asked for where there are several.
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentError(f"Module {module} does not have a parametrization on {tensor_name}")
    listed: Any = module.parametrizations[tensor_name]
    originals = listed._originals()
    original = originals[0]
    if leave_parametrized:
        with GradMode(False):
            value = getattr(module, tensor_name).clone()
        if listed.is_tensor:
            original.data = value
        elif isinstance(original, Parameter):
            original = Parameter(value, any(one.requires_grad for one in originals))
        else:
            original = value
    elif not listed.is_tensor:
        raise ArgumentError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(module, tensor_name)
    _enter(module, tensor_name, original, original)
    del module.parametrizations[tensor_name]
    if not module.parametrizations:
        del module.parametrizations
    return module


__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "type_before_parametrizations",
]
