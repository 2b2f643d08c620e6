"""Whole derivatives of functions: `jacobian`, `hessian`, and the products `vjp`, `jvp`, `vhp`, `hvp`.

They are compositions of `grad`, one backward for each element of a result or one for each product.
"""

from collections.abc import Callable, Sequence
from typing import Any

from tracegraph.autograd.engine import grad
from tracegraph.autograd.modes import GradMode
from tracegraph.compiler.ops.creation_like import ones_like, zeros_like
from tracegraph.compiler.ops.joining import stack
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, ShapeError
from tracegraph.tensor import Tensor

Tensors = Tensor | Sequence[Tensor]
Function = Callable[..., Any]


def jacobian(
    func: Function, inputs: Tensors, create_graph: bool = False, strict: bool = False, vectorize: bool = False
) -> Any:
    """The derivative of each element of `func(*inputs)` with respect to each element of the inputs.

    Args:
        func: takes tensors, gives a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        create_graph: make the result differentiable.
        strict: refused; an input that is not used has derivative 0.
        vectorize: accepted; it changes nothing.

    Returns a tensor of shape (*output.shape, *input.shape); a tuple of these for several inputs; a tuple of tuples for
    several outputs of several inputs.

    Raises:
        ArgumentTypeError: when something else than tensors is given or returned.

    >>> tracegraph.autograd.functional.jacobian(lambda x: x**2, tracegraph.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _refuse_strict("jacobian", strict)
    with GradMode(True):
        points = _points(inputs, create_graph=create_graph)
        result = func(*points)
        rows = [_rows(output, points, create_graph=create_graph) for output in _tensors("jacobian", result)]
    if isinstance(inputs, Tensor):
        rows = [row[0] for row in rows]
    return rows[0] if isinstance(result, Tensor) else tuple(rows)


def hessian(
    func: Function, inputs: Tensors, create_graph: bool = False, strict: bool = False, vectorize: bool = False
) -> Any:
    """The second derivatives of a function with one element as result.

    Args:
        func: takes tensors, gives a tensor of one element.
        inputs: a tensor or a tuple of tensors.
        create_graph: make the result differentiable.
        strict: refused; an input that is not used has derivative 0.
        vectorize: accepted; it changes nothing.

    Returns a tensor of shape (*input.shape, *input.shape), or a tuple of tuples of such for several inputs.

    Raises:
        ShapeError: when the result has several elements.

    >>> tracegraph.autograd.functional.hessian(lambda x: (x**3).sum(), tracegraph.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    _refuse_strict("hessian", strict)

    def first(*points: Tensor) -> Any:
        with GradMode(True):
            rows = jacobian(lambda *x: _one_element("hessian", func(*x)), points, create_graph=True)
        return rows[0] if isinstance(inputs, Tensor) else rows

    return jacobian(first, inputs, create_graph)


def vjp(
    func: Function, inputs: Tensors, v: Tensors | None = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """`func(*inputs)` and the product of `v` with its Jacobian: the cotangents of the inputs.

    `v` has the form of the result and may be left out for a result of one element.

    >>> tracegraph.autograd.functional.vjp(lambda x: (x**2).sum(), tracegraph.tensor([1.0, 2.0]))
    (tensor(5.), tensor([2., 4.]))
    """
    _refuse_strict("vjp", strict)
    with GradMode(True):
        points = _points(inputs, create_graph=create_graph)
        result = func(*points)
        outputs = _tensors("vjp", result)
        cotangents = _directions("vjp", v, outputs)
        found = _gradients(outputs, points, cotangents, create_graph=create_graph)
    return _freed(result, create_graph), _like(found, inputs)


def jvp(
    func: Function, inputs: Tensors, v: Tensors | None = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """`func(*inputs)` and the product of its Jacobian with `v`: how the result changes in the direction `v`.

    `v` has the form of the inputs and may be left out for one input of one element. Computed by differentiating a
    vector-Jacobian product, which is linear in its vector (J. Townsend, "A new trick for calculating Jacobian vector
    products", 2017).

    >>> tracegraph.autograd.functional.jvp(lambda x: x**2, tracegraph.tensor([1.0, 2.0]), tracegraph.tensor([1.0, 0.5]))
    (tensor([1., 4.]), tensor([2., 2.]))
    """
    _refuse_strict("jvp", strict)
    with GradMode(True):
        points = _points(inputs, create_graph=create_graph)
        directions = _directions("jvp", v, points)
        result = func(*points)
        outputs = _tensors("jvp", result)
        dummies = tuple([zeros_like(output).requires_grad_() for output in outputs])
        back = _gradients(outputs, points, dummies, create_graph=True)
        found = _gradients(back, dummies, directions, create_graph=create_graph)
    return _freed(result, create_graph), found[0] if isinstance(result, Tensor) else found


def vhp(
    func: Function, inputs: Tensors, v: Tensors | None = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """`func(*inputs)`, of one element, and the product of `v` with its Hessian, without making the Hessian.

    >>> tracegraph.autograd.functional.vhp(lambda x: (x**3).sum(), tracegraph.tensor([1.0, 2.0]), tracegraph.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    _refuse_strict("vhp", strict)
    with GradMode(True):
        points = _points(inputs, create_graph=create_graph)
        directions = _directions("vhp", v, points)
        result = _one_element("vhp", func(*points))
        first = _gradients((result,), points, (ones_like(result),), create_graph=True)
        found = _gradients(first, points, directions, create_graph=create_graph)
    return _freed(result, create_graph), _like(found, inputs)


def hvp(
    func: Function, inputs: Tensors, v: Tensors | None = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """`func(*inputs)`, of one element, and the product of its Hessian with `v`: the same as `vhp`, by symmetry.

    >>> tracegraph.autograd.functional.hvp(lambda x: (x**3).sum(), tracegraph.tensor([1.0, 2.0]), tracegraph.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return vhp(func, inputs, v, create_graph, strict)


def _refuse_strict(name: str, strict: bool) -> None:
    if strict:
        raise ArgumentError(f"{name}: strict=True is not supported; an input that is not used has derivative 0")


def _tensors(name: str, value: Any) -> tuple[Tensor, ...]:
    values = (value,) if isinstance(value, Tensor) else tuple(value) if isinstance(value, list | tuple) else (value,)
    for one in values:
        if not isinstance(one, Tensor):
            raise ArgumentTypeError(f"{name}: takes and gives tensors or tuples of tensors, got a {type(one).__name__}")
    return values


def _points(inputs: Tensors, *, create_graph: bool) -> tuple[Tensor, ...]:
    """The inputs as tensors to differentiate by; they stay tied to the caller's graph where the result shall be."""
    given = _tensors("inputs", inputs)
    return tuple([x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_() for x in given])


def _directions(name: str, v: Tensors | None, like: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise ArgumentError(f"{name}: v may be left out only where there is one element")
        return (ones_like(like[0]),)
    directions = _tensors(name, v)
    if [x.shape for x in directions] != [x.shape for x in like]:
        raise ShapeError(f"{name}: v of shapes {[x.shape for x in directions]}, wanted {[x.shape for x in like]}")
    return directions


def _one_element(name: str, value: Any) -> Tensor:
    (result,) = _tensors(name, value)
    if result.numel() != 1:
        raise ShapeError(f"{name}: the function must give one element, not a tensor of shape {result.shape}")
    return result.reshape(())  # type: ignore[no-any-return]


def _gradients(
    outputs: tuple[Tensor, ...], inputs: tuple[Tensor, ...], cotangents: tuple[Tensor, ...], *, create_graph: bool
) -> tuple[Tensor, ...]:
    """The gradients of the outputs that depend on anything, 0 for inputs that they do not depend on."""
    pairs = [(x, g) for x, g in zip(outputs, cotangents, strict=True) if x.requires_grad]
    if not pairs:
        return tuple([zeros_like(x) for x in inputs])
    return grad([x for x, _ in pairs], inputs, [g for _, g in pairs], True, create_graph, materialize_grads=True)


def _rows(output: Tensor, inputs: tuple[Tensor, ...], *, create_graph: bool) -> Any:
    """For each input the derivative of all elements of the output."""
    flat = output.reshape(-1)
    elements = [flat[number] for number in range(output.numel())]
    found = [_gradients((x,), inputs, (ones_like(x),), create_graph=create_graph) for x in elements]
    return tuple(
        [
            stack([row[position] for row in found]).reshape(*output.shape, *x.shape)
            if found
            else zeros_like(x).expand(0, *x.shape).reshape(*output.shape, *x.shape)
            for position, x in enumerate(inputs)
        ]
    )


def _freed(result: Any, create_graph: bool) -> Any:
    """The result, without its graph unless that is asked for."""
    if create_graph:
        return result
    return result.detach() if isinstance(result, Tensor) else tuple([value.detach() for value in result])


def _like(found: tuple[Tensor, ...], inputs: Tensors) -> Any:
    return found[0] if isinstance(inputs, Tensor) else found


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
