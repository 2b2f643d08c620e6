"""Where operations are called: the public functions of the families hand operation and operands to the eager executor.

The executor (package `tracegraph`, above the compiler) installs itself when it is imported, so that the rules in the
families can be written with tensors although the compiler imports nothing from above.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, Union

import numpy as np

from .numpy_names import accept_numpy_names

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

TensorLike: TypeAlias = Union["Tensor", float, int, bool, np.ndarray, np.generic]
"""A tensor, or something that is taken as one beside a tensor: Python and NumPy scalars, NumPy arrays."""


def _not_installed(*_: Any, **__: Any) -> Any:
    raise RuntimeError("import tracegraph before calling an operation")


apply: Callable[..., Any] = _not_installed
"""apply(operation, *tensors) -> Tensor. Operands are tensors that fit the operation already."""
unary: Callable[..., Any] = _not_installed
"""unary(operation, value) -> Tensor. For pointwise operations of one operand: converts the operand as `takes` says."""
binary: Callable[..., Any] = _not_installed
"""binary(operation, value, value) -> Tensor. For pointwise operations of two: converts and promotes as PyTorch does."""
promote: Callable[..., Any] = _not_installed
"""promote(*values, takes="any", name="") -> tuple of tensors of one dtype, by PyTorch's promotion."""
as_tensor: Callable[..., Any] = _not_installed
"""as_tensor(value, dtype=None) -> Tensor. A tensor is returned as it is, if the dtype fits."""
constant: Callable[..., Any] = _not_installed
"""constant(value, dtype) -> 0-d Tensor for a Python scalar (a constant of the graph)."""
result_type: Callable[..., Any] = _not_installed
"""result_type(*values) -> dtype. PyTorch's promotion of tensors and scalars."""
default_dtype: Callable[..., Any] = _not_installed
"""default_dtype() -> the dtype of floats made from Python numbers."""
assign: Callable[..., Any] = _not_installed
"""assign(target, value) -> target. Makes `value` the target's content, in its memory (views and gradients included)."""
view: Callable[..., Any] = _not_installed
"""view(parent, array, operation) -> Tensor over an array already made from the parent's by a view operation;
the operation may be given as a function of the parent, called only when a gradient, a recording or an in-place change
asks for it."""
write: Callable[..., Any] = _not_installed
"""write(target, operation, *others) -> target. assign(target, apply(operation, target, *others)), without the copy of
the target where nobody looks: the operation has `write(xp, array, *others)`, which changes the array."""
draw: Callable[..., Any] = _not_installed
"""draw(operation, blocks, generator) -> Tensor. Applies an operation to the state of a generator (None: the default
one) and advances it by a number of Philox blocks."""


def install(**functions: Callable[..., Any]) -> None:
    """Set the executor's functions; called once, by the executor."""
    globals().update(functions)


@dataclass(frozen=True)
class PublicFunction:
    """How a function of a family is offered: under its name, as a method of Tensor,
    and as an in-place method `name_`.
    """

    name: str
    function: Callable[..., Any]
    method: bool
    inplace: bool
    aliases: tuple[str, ...]
    attribute: bool = False


PUBLIC: dict[str, PublicFunction] = {}
_Function = TypeVar("_Function", bound=Callable[..., Any])


def public(
    *, method: bool = True, inplace: bool = False, aliases: tuple[str, ...] = (), attribute: bool = False
) -> Callable[[_Function], _Function]:
    """Decorator of a family's function: makes it part of the public surface.

    `method` also makes it a method of Tensor (the first argument is self), `inplace` also gives `Tensor.name_`,
    `aliases` are further names for all of these; an `attribute` is read from the tensor without a call (`x.T`). A
    function with a parameter `dim` accepts `axis` for it, one with `keepdim` accepts `keepdims`.
    """

    def register(function: _Function) -> _Function:
        function = accept_numpy_names(function)
        PUBLIC[function.__name__] = PublicFunction(function.__name__, function, method, inplace, aliases, attribute)
        return function

    return register
