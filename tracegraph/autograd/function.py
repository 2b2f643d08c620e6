"""`Function`: an operation of one's own, with `forward` and `backward` written by hand."""

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Self

from tracegraph import _state
from tracegraph.autograd.modes import GradMode
from tracegraph.autograd.node import FunctionNode, OutputNode, unpack_operand, unpack_output
from tracegraph.runtime.errors import ArgumentTypeError, GradientError, ShapeError
from tracegraph.tensor import Tensor


class FunctionContext:
    """Given to `forward` and `backward` as `ctx`: what the one leaves for the other.

    Other attributes may be set freely.
    """

    needs_input_grad: tuple[bool, ...] = ()
    """For each argument of `apply`, whether it is a tensor that requires grad."""

    _to_save: tuple[Tensor | None, ...] = ()
    _saved: tuple[Any, ...] = ()
    _non_differentiable: tuple[Tensor, ...] = ()
    _dirty: tuple[Tensor, ...] = ()
    _materialize: bool = True
    _node: "weakref.ref[FunctionNode] | None" = None

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs and outputs of `forward` for `backward`, which finds them in `saved_tensors`.

        Raises:
            ArgumentTypeError: for anything but tensors and None.
        """
        for value in tensors:
            if value is not None and not isinstance(value, Tensor):
                raise ArgumentTypeError(f"save_for_backward can only save variables, but got a {type(value).__name__}")
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept.

        Raises:
            GradientError: when one was modified in place since.
        """
        node = None if self._node is None else self._node()
        if node is None:
            return self._to_save
        return tuple([None if kept is None else _unpack(kept, node) for kept in self._saved])

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Tell which outputs have no gradient; `backward` still gets an argument for each."""
        self._non_differentiable = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Tell which inputs `forward` has modified in place; they must be among the outputs."""
        self._dirty = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Choose whether `backward` gets zeros (the default) or None for an output that has no gradient."""
        self._materialize = value


class Function(FunctionContext):
    """An operation of one's own: subclass it, write `forward` and `backward` as static methods, call `apply`.

    `backward` gets a gradient for each output and returns one (or None) for each argument of `forward`. Written with
    tensor operations, it can itself be differentiated.

    >>> class Cube(tracegraph.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x * x
    >>> x = tracegraph.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs from `ctx` and the arguments (without `ctx` where `setup_context` is written too)."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Where written, it fills the context after `forward`, which then takes no `ctx`."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Compute the gradients of the arguments from those of the outputs."""
        raise NotImplementedError(
            "You must implement the backward function for your custom autograd.Function to use it."
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run `forward` and enter the result in the tape.

        Raises:
            GradientError: when an input marked dirty is a leaf that requires grad.
        """
        ctx = cls.__new__(cls)
        ctx.needs_input_grad = tuple([isinstance(value, Tensor) and value.requires_grad for value in args])
        with GradMode(False):
            if cls.setup_context is not Function.setup_context:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args)
        outputs = result if isinstance(result, tuple) else (result,)
        outputs = tuple([_own(value, args, ctx) if isinstance(value, Tensor) else value for value in outputs])
        if _state.local.grad_enabled and any(ctx.needs_input_grad):
            ctx._link(args, outputs)
        return outputs if isinstance(result, tuple) else outputs[0]

    def _link(self, args: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """Make the outputs require grad, with this function's `backward` behind them."""
        operands = [value for value in args if isinstance(value, Tensor)]
        for value in self._dirty:
            if value.requires_grad and value.is_leaf:
                raise GradientError("a leaf Variable that requires grad is being used in an in-place operation.")
        tensors = [value for value in outputs if isinstance(value, Tensor)]
        node = FunctionNode(type(self).__name__, self._backward_of(args), operands, tensors, self._materialize)
        self._node = weakref.ref(node)
        for index, output in enumerate(tensors):
            if output._data.dtype.kind == "f" and not _contains(self._non_differentiable, output):
                output._rg = True
                output._node = OutputNode(node, index)
        self._saved = tuple([None if value is None else _pack(value, tensors) for value in self._to_save])
        self._to_save = ()

    def _backward_of(self, args: tuple[Any, ...]) -> Any:
        """The function that takes gradients of the tensor outputs to those of the tensor arguments."""
        specs = [(value._data.shape, value._data.dtype) if isinstance(value, Tensor) else None for value in args]

        def call(*cotangents: Tensor | None) -> list[Tensor | None]:
            found = type(self).backward(self, *cotangents)
            gradients = list(found) if isinstance(found, tuple) else [found]
            while len(gradients) > len(specs) and gradients[-1] is None:
                gradients.pop()
            if len(gradients) != len(specs):
                raise GradientError(
                    f"function {type(self).__name__} returned an incorrect number of gradients "
                    f"(expected {len(specs)}, got {len(gradients)})"
                )
            return [
                self._checked(number, gradient, *spec)
                for number, (gradient, spec) in enumerate(zip(gradients, specs, strict=True))
                if spec is not None
            ]

        return call

    def _checked(self, number: int, gradient: Any, shape: tuple[int, ...], dtype: Any) -> Tensor | None:
        """A gradient in the shape and dtype of its argument."""
        if gradient is None:
            return None
        if not isinstance(gradient, Tensor):
            raise ArgumentTypeError(
                f"{type(self).__name__}: gradient {number} is a {type(gradient).__name__}, not a Tensor or None"
            )
        if gradient.shape != shape:
            try:
                gradient = gradient.sum_to_size(shape)
            except RuntimeError:
                raise ShapeError(
                    f"Function {type(self).__name__} returned an invalid gradient at index {number} - got "
                    f"{list(gradient.shape)} "
                    f"but expected shape compatible with {list(shape)}"
                ) from None
        converted: Tensor = gradient if gradient.dtype == dtype else gradient.to(dtype)
        return converted

    def __call__(self, *args: Any) -> Self:
        """Refuse a call: a Function is applied.

        Raises:
            ArgumentTypeError: always.
        """
        raise ArgumentTypeError(
            f"{type(self).__name__}: use {type(self).__name__}.apply(...); a Function is not called"
        )


class _NotTwice(Function):
    """Hands its first tensors through; refuses to be differentiated."""

    @staticmethod
    def forward(ctx: Any, count: int, *tensors: Tensor) -> Any:
        """The first `count` of the tensors."""
        return tensors[:count]

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Refuse.

        Raises:
            GradientError: always.
        """
        raise GradientError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a `backward` that is not written with differentiable operations.

    It runs without grad mode; a second derivative through it is an error rather than wrong.
    """

    @functools.wraps(function)
    def wrapped(ctx: Any, *grad_outputs: Any) -> Any:
        with GradMode(False):
            found = function(ctx, *grad_outputs)
        tracked = [g for g in grad_outputs if isinstance(g, Tensor) and g.requires_grad]
        if not _state.local.grad_enabled or not tracked:
            return found
        gradients = list(found) if isinstance(found, tuple) else [found]
        places = [place for place, gradient in enumerate(gradients) if isinstance(gradient, Tensor)]
        marked = _NotTwice.apply(len(places), *[gradients[place] for place in places], *tracked)
        for place, gradient in zip(places, marked, strict=True):
            gradients[place] = gradient
        return tuple(gradients)

    return wrapped


def _contains(tensors: Sequence[Any], wanted: Tensor) -> bool:
    return any(value is wanted for value in tensors)


def _own(output: Tensor, args: tuple[Any, ...], ctx: Function) -> Tensor:
    """The output; an input that was not modified comes back as a tensor of its own over the same memory."""
    if not _contains(args, output) or _contains(ctx._dirty, output):
        return output
    alias = output.detach()
    ctx._non_differentiable = tuple([alias if value is output else value for value in ctx._non_differentiable])
    return alias


def _pack(value: Tensor, outputs: list[Tensor]) -> tuple[Any, ...]:
    """What is kept of a saved tensor: of an output not the tensor, which would keep itself alive through its node."""
    root = value if value._base is None else value._base
    if root._version is None:
        root._version = [0]
    for index, output in enumerate(outputs):
        if output is value and isinstance(value._node, OutputNode):
            return (index, (value._data, root._version, root._version[0]))
    return (-1, (value, value._data, root, root._version[0]))


def _unpack(kept: tuple[Any, ...], node: FunctionNode) -> Any:
    index, what = kept
    if index < 0:
        return unpack_operand(what, node.name)
    return unpack_output(what, node.name, OutputNode(node, index))


__all__ = ["Function", "FunctionContext", "once_differentiable"]
