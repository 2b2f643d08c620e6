"""Attaches the public functions of the operation families to `Tensor`: methods, in-place methods and operators."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from numpy import ndarray

from tracegraph.autograd import engine
from tracegraph.compiler.ops.base import OPERATIONS, Operation
from tracegraph.compiler.ops.dispatch import PUBLIC
from tracegraph.eager import binary
from tracegraph.inplace import assign
from tracegraph.shape_changes import SHAPE_CHANGING, shape_changing
from tracegraph.tensor import Tensor

_OPERATORS = {
    "__add__": "add", "__sub__": "sub", "__mul__": "mul", "__truediv__": "div", "__floordiv__": "floor_divide",
    "__mod__": "remainder", "__pow__": "pow", "__matmul__": "matmul", "__neg__": "neg", "__pos__": "positive",
    "__abs__": "abs", "__invert__": "bitwise_not", "__and__": "bitwise_and", "__or__": "bitwise_or",
    "__xor__": "bitwise_xor", "__lshift__": "bitwise_left_shift", "__rshift__": "bitwise_right_shift",
    "__eq__": "eq", "__ne__": "ne", "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge",
    "__getitem__": "getitem", "__setitem__": "setitem",
}  # fmt: skip
_WITH_REFLECTED = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift",
)  # fmt: skip
_POINTWISE = {
    "__add__": "add", "__sub__": "subtract", "__mul__": "multiply", "__truediv__": "divide",
    "__and__": "bitwise_and", "__or__": "bitwise_or", "__xor__": "bitwise_xor",
    "__eq__": "equal", "__ne__": "not_equal", "__lt__": "less", "__le__": "less_equal", "__gt__": "greater",
    "__ge__": "greater_equal",
}  # fmt: skip
_OPERANDS = (Tensor, int, float, ndarray)


def inplace(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The in-place method of a function: computes out of place, then assigns to the tensor's memory."""

    @functools.wraps(function)
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return assign(self, function(self, *args, **kwargs))

    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = f"In-place version of `{function.__name__}`: the result replaces the tensor's content."
    return method


def _is_operand(value: Any) -> bool:
    return isinstance(value, _OPERANDS) or hasattr(value, "dtype")


def _operator(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Tensor, other: Any) -> Any:
        return function(self, other) if _is_operand(other) else NotImplemented

    return method


def _pointwise_operator(operation: Operation) -> Callable[..., Any]:
    """An operator that is one operation of two operands, without the way through its public function."""

    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, Tensor) and not _is_operand(other):
            return NotImplemented
        return binary(operation, self, other)

    return method


def _reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Tensor, other: Any) -> Any:
        return function(other, self) if _is_operand(other) else NotImplemented

    return method


def _inplace_operator(function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Tensor, other: Any) -> Any:
        return assign(self, function(self, other))

    return method


def _where_method(self: Tensor, condition: Tensor, other: Any) -> Any:
    """The tensor where `condition` holds, else `other`: `where` with the tensor in the middle, as PyTorch has it."""
    return PUBLIC["where"].function(condition, self, other)


def _polygamma_method(self: Tensor, n: int) -> Any:
    """`polygamma(n, self)`: the derivative of order `n` of `digamma`."""
    return PUBLIC["polygamma"].function(n, self)


def _backward_method(  # noqa: D417 - a method, whose first argument is the tensor
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Accumulate the gradients of this tensor into the `.grad` of the leaves it was computed from.

    Args:
        gradient: the cotangent to start from, in the tensor's shape; 1 for a tensor of one element.
        retain_graph: keep what was saved, for another backward through the same graph.
        create_graph: make the gradients differentiable themselves.
        inputs: only these leaves get their gradient.

    Raises:
        GradientError: when the tensor does not require grad, has several elements and no `gradient` is given, or when
            what was saved is gone.

    >>> x = tracegraph.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    engine.backward(self, gradient, retain_graph, create_graph, inputs)


def attach() -> None:
    """Attach everything; called once when the package is imported."""
    for entry in PUBLIC.values():
        for name in (entry.name, *entry.aliases):
            if entry.method and not hasattr(Tensor, name):
                setattr(Tensor, name, property(entry.function) if entry.attribute else entry.function)
            if entry.inplace:
                setattr(Tensor, name + "_", inplace(entry.function, name + "_"))
    for name in SHAPE_CHANGING:
        setattr(Tensor, name, shape_changing(name))
    setattr(Tensor, "where", _where_method)  # noqa: B010 - a method that mypy does not know
    setattr(Tensor, "polygamma", _polygamma_method)  # noqa: B010
    setattr(Tensor, "polygamma_", inplace(_polygamma_method, "polygamma_"))  # noqa: B010
    setattr(Tensor, "backward", _backward_method)  # noqa: B010
    for special, name in _OPERATORS.items():
        if name not in PUBLIC:
            continue
        function = PUBLIC[name].function
        base = special.strip("_")
        takes_other = base in _WITH_REFLECTED or base in ("eq", "ne", "lt", "le", "gt", "ge")
        if special in _POINTWISE:
            setattr(Tensor, special, _pointwise_operator(OPERATIONS[_POINTWISE[special]]()))
        else:
            setattr(Tensor, special, _operator(function) if takes_other else function)
        if base in _WITH_REFLECTED:
            setattr(Tensor, f"__r{base}__", _reflected(function))
            setattr(Tensor, f"__i{base}__", _inplace_operator(function))
    setattr(Tensor, "__rdiv__", Tensor.__rtruediv__)  # noqa: B010 - PyTorch keeps Python 2's name


__all__ = ["attach", "inplace"]
