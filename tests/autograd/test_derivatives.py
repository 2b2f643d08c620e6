"""`backward` of several tensors, whole derivatives, gradient checks and what `grad_fn` shows: as PyTorch's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


def values(result: Any) -> Any:
    """Nested results as nested arrays, with the kind of nesting."""
    if isinstance(result, list | tuple):
        return [type(result).__name__, *map(values, result)]
    return (result.detach().numpy().tolist(), tuple(result.shape), result.requires_grad)


def cube(x: Any) -> Any:
    return x**3


def two_inputs(x: Any, y: Any) -> Any:
    return (x * x.sum() * y).exp()


def two_results(x: Any, y: Any) -> Any:
    return x.sum() * y, x.reshape(2, 1) * 3


def total(x: Any, y: Any) -> Any:
    return (x**3 * y.sin()).sum()


WHOLE: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "jacobian": lambda f, m, x, y: f.jacobian(cube, x),
    "jacobian, several": lambda f, m, x, y: f.jacobian(two_inputs, (x, y)),
    "jacobian, several results": lambda f, m, x, y: f.jacobian(two_results, (x, y)),
    "jacobian, not used": lambda f, m, x, y: f.jacobian(lambda a, b: a * 2, (x, y)),
    "jacobian, graph": lambda f, m, x, y: f.jacobian(cube, x.requires_grad_(), create_graph=True),
    "jacobian of a matrix": lambda f, m, x, y: f.jacobian(lambda a: a @ a.T, m.outer(x, y)),
    "hessian": lambda f, m, x, y: f.hessian(lambda a: cube(a).sum(), x),
    "hessian, several": lambda f, m, x, y: f.hessian(total, (x, y)),
    "hessian, linear": lambda f, m, x, y: f.hessian(lambda a: (a * 3).sum(), x),
    "vjp": lambda f, m, x, y: f.vjp(two_inputs, (x, y), y),
    "vjp, several results": lambda f, m, x, y: f.vjp(two_results, (x, y), (y, x.reshape(2, 1))),
    "vjp, one element": lambda f, m, x, y: f.vjp(total, (x, y)),
    "jvp": lambda f, m, x, y: f.jvp(two_inputs, (x, y), (y, x)),
    "jvp, several results": lambda f, m, x, y: f.jvp(two_results, (x, y), (y, x)),
    "hvp": lambda f, m, x, y: f.hvp(total, (x, y), (y, x)),
    "vhp": lambda f, m, x, y: f.vhp(total, (x, y), (y, x)),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_derivatives(name: str) -> None:
    """Values, forms and whether the result can be differentiated equal PyTorch's."""

    def found(module: Any) -> Any:
        x = module.tensor([0.5, -1.0], dtype=module.float64)
        y = module.tensor([1.5, 0.25], dtype=module.float64)
        return values(WHOLE[name](module.autograd.functional, module, x, y))

    ours, theirs = found(tracegraph), found(torch)
    assert str(ours).count("(") == str(theirs).count("(")
    np.testing.assert_equal(_forms(ours), _forms(theirs))
    np.testing.assert_allclose(_numbers(ours), _numbers(theirs), rtol=1e-12)


def _forms(nested: Any) -> Any:
    return nested[1:] if isinstance(nested, tuple) else [nested[0], *map(_forms, nested[1:])]


def _numbers(nested: Any) -> Any:
    if isinstance(nested, tuple):
        return np.ravel(nested[0])
    return np.concatenate([_numbers(part) for part in nested[1:]])


def test_whole_derivatives_are_traced() -> None:
    """A Hessian inside of a traced function is part of its graph."""

    def curvature(x: Any) -> Any:
        return tracegraph.autograd.functional.hessian(lambda a: (a**3).sum(), x)

    traced, x = tracegraph.trace(curvature), tracegraph.tensor([1.0, 2.0])
    for _ in range(3):
        np.testing.assert_array_equal(traced(x).numpy(), curvature(x).numpy())
    assert traced.explain().verdict == "static"


def test_backward_of_several() -> None:
    """`autograd.backward` takes tensors, their cotangents and the leaves; `grad` gives zeros if asked."""

    def found(module: Any) -> list[Any]:
        x, y = module.ones(2, requires_grad=True), module.ones(2, requires_grad=True)
        module.autograd.backward([x.sum(), (x * y * 2).sum()])
        module.autograd.backward((x * 3, x.sum()), (module.tensor([1.0, 2.0]), None))
        module.autograd.backward(y * y, grad_tensors=module.ones(2), inputs=[y])
        results = [x.grad.tolist(), y.grad.tolist()]
        results += [g.tolist() for g in module.autograd.grad(x.sum(), (x, y), materialize_grads=True)]
        return [*results, module.autograd.grad(x.sum(), y, allow_unused=True)]

    assert found(tracegraph) == found(torch)
    x = tracegraph.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="allow_unused"):
        tracegraph.autograd.grad(x.sum(), x, allow_unused=False, materialize_grads=True)


def test_next_functions() -> None:
    """One can walk from a loss to the leaf."""
    for module in (torch, tracegraph):
        x = module.ones(2, requires_grad=True)
        node = (x.exp() * module.ones(2)).sum().grad_fn
        depth = 0
        while node.next_functions:
            assert node.next_functions[-1][0] is None or len(node.next_functions) == 1
            node, depth = node.next_functions[0][0], depth + 1
        assert node.variable is x
        assert depth == 3


def test_once_differentiable() -> None:
    """A first gradient passes; a second one is refused."""
    for module in (torch, tracegraph):

        class Exponential(module.autograd.Function):  # type: ignore[name-defined, misc]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                y = x.exp()
                ctx.save_for_backward(y)
                return y

            @staticmethod
            @module.autograd.function.once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
            def backward(ctx: Any, g: Any) -> Any:
                return g * ctx.saved_tensors[0]

        x = module.zeros(2, requires_grad=True)
        Exponential.apply(x).sum().backward()
        assert x.grad.tolist() == [1.0, 1.0]
        y = Exponential.apply(x)
        (first,) = module.autograd.grad((y * y).sum(), x, create_graph=True)
        assert first.tolist() == [2.0, 2.0]
        with pytest.raises(RuntimeError, match="once_differentiable"):
            first.sum().backward()


def test_gradcheck() -> None:
    """Right gradients pass, wrong ones raise or give False."""
    for module in (torch, tracegraph):

        class Wrong(module.autograd.Function):  # type: ignore[name-defined, misc]
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                ctx.save_for_backward(x)
                return x**2

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return g * 3 * ctx.saved_tensors[0]

        x = module.tensor([0.5, 1.0], dtype=module.float64, requires_grad=True)
        y = module.tensor([[2.0, 1.0]], dtype=module.float64, requires_grad=True)
        assert module.autograd.gradcheck(two_inputs, (x, y))
        assert module.autograd.gradcheck(lambda a, k: (a * k, a.detach() * 2), (x, 3.0))
        assert module.autograd.gradgradcheck(two_inputs, (x, y))
        assert not module.autograd.gradcheck(Wrong.apply, x, raise_exception=False)
        with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"):
            module.autograd.gradcheck(Wrong.apply, (x,))
        with pytest.raises(ValueError, match="require"):
            module.autograd.gradcheck(cube, (x.detach(),))
