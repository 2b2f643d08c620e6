"""Custom functions against PyTorch's: gradients to order 2, several outputs, contexts, and what is refused."""

from typing import Any

import numpy as np
import pytest

import tracegraph

torch = pytest.importorskip("torch")


def functions(base: Any) -> dict[str, Any]:
    """The same custom functions for either library."""

    class Scaled(base):  # type: ignore[misc]
        """`x ** 3 * k`, saving an input."""

        @staticmethod
        def forward(ctx: Any, x: Any, k: float) -> Any:
            ctx.save_for_backward(x)
            ctx.k = k
            return x * x * x * k

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * 3 * x * x * ctx.k, None

    class Exponential(base):  # type: ignore[misc]
        """`exp(x)`, saving the output, in the form with setup_context."""

        @staticmethod
        def forward(x: Any) -> Any:
            return x.exp()

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(output)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (y,) = ctx.saved_tensors
            return g * y

    class Several(base):  # type: ignore[misc]
        """Two differentiable outputs and one that is not."""

        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            ctx.save_for_backward(a, b)
            largest = a.argmax()
            ctx.mark_non_differentiable(largest)
            return a * b, largest, a + b

        @staticmethod
        def backward(ctx: Any, product: Any, largest: Any, total: Any) -> Any:
            a, b = ctx.saved_tensors
            return (
                product * b + total if ctx.needs_input_grad[0] else None,
                product * a + total if ctx.needs_input_grad[1] else None,
            )

    class Raw(base):  # type: ignore[misc]
        """Gets None for outputs without gradient."""

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, first: Any, second: Any) -> Any:
            assert second is None
            return first * 2

    class Same(base):  # type: ignore[misc]
        """Returns its input, with another gradient."""

        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return -g

    return {kind.__name__: kind for kind in (Scaled, Exponential, Several, Raw, Same)}


OURS, THEIRS = functions(tracegraph.autograd.Function), functions(torch.autograd.Function)
USES: dict[str, Any] = {
    "scaled": lambda f, a, b: f["Scaled"].apply(a * b, 2.0),
    "exponential": lambda f, a, b: f["Exponential"].apply(a) * b,
    "several": lambda f, a, b: f["Several"].apply(a, b)[0] + f["Several"].apply(a * 2, b)[2] * a,
    "one_of_several": lambda f, a, b: f["Several"].apply(a, b * b)[0],
    "without_gradient": lambda f, a, b: f["Several"].apply(a, b.detach())[0],
    "raw": lambda f, a, b: f["Raw"].apply(a * b)[0],
    "same": lambda f, a, b: f["Same"].apply(a) * b + f["Same"].apply(a * b),
    "nested": lambda f, a, b: f["Exponential"].apply(f["Scaled"].apply(a, 0.5)) * b,
}


def inputs() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal(4), rng.standard_normal(4)


@pytest.mark.parametrize("name", USES)
def test_like_torch(name: str) -> None:
    mine = [tracegraph.tensor(value, requires_grad=True) for value in inputs()]
    yours = [torch.from_numpy(value).requires_grad_() for value in inputs()]
    a, b = USES[name](OURS, *mine), USES[name](THEIRS, *yours)
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy())
    first = tracegraph.autograd.grad((a * a).sum(), mine, create_graph=True, allow_unused=True)
    expected = torch.autograd.grad((b * b).sum(), yours, create_graph=True, allow_unused=True)
    for m, y in zip(first, expected, strict=True):
        assert (m is None) == (y is None)
        if m is not None:
            np.testing.assert_allclose(m.detach().numpy(), y.detach().numpy(), rtol=1e-9)
    second = tracegraph.autograd.grad(sum((g * g).sum() for g in first if g is not None), mine, allow_unused=True)
    expected = torch.autograd.grad(sum((g * g).sum() for g in expected if g is not None), yours, allow_unused=True)
    for m, y in zip(second, expected, strict=True):
        if y is not None:
            np.testing.assert_allclose(m.numpy(), y.numpy(), rtol=1e-9)


@pytest.mark.parametrize("name", USES)
def test_traced(name: str) -> None:
    weight: Any = tracegraph.tensor(inputs()[1], requires_grad=True)

    @tracegraph.trace
    def step(x: Any) -> Any:
        weight.grad = None
        loss = USES[name](OURS, x, weight).sum()
        if loss.requires_grad:
            loss.backward()
        return loss.detach()

    for number in range(3):
        other = tracegraph.tensor(inputs()[1], requires_grad=True)
        x = tracegraph.tensor(inputs()[0] + number)
        expected = USES[name](OURS, x, other).sum()
        if expected.requires_grad:
            expected.backward()
        np.testing.assert_allclose(step(x).item(), expected.item(), rtol=1e-9)
        if other.grad is None:
            assert weight.grad is None
        else:
            np.testing.assert_allclose(weight.grad.numpy(), other.grad.numpy(), rtol=1e-9)


def test_outside_of_the_tape() -> None:
    x = tracegraph.tensor([1.0], requires_grad=True)
    with tracegraph.no_grad():
        assert not OURS["Scaled"].apply(x, 2.0).requires_grad
    assert not OURS["Scaled"].apply(tracegraph.tensor([1.0]), 2.0).requires_grad
    assert not OURS["Several"].apply(x, x)[1].requires_grad
    assert "Scaled" in repr(OURS["Scaled"].apply(x, 2.0).grad_fn)


def test_refused() -> None:
    class Wrong(tracegraph.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, kind: str) -> Any:
            ctx.kind = kind
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return {"number": (g,), "shape": (tracegraph.ones(7), None), "type": (3.0, None)}[ctx.kind]

    x = tracegraph.tensor([1.0, 2.0], requires_grad=True)
    for kind, error, message in (
        ("number", RuntimeError, "incorrect number of gradients"),
        ("shape", ValueError, "invalid gradient at index 0"),
        ("type", TypeError, "is a float, not a Tensor"),
    ):
        with pytest.raises(error, match=message):
            Wrong.apply(x, kind).sum().backward()
    for method in ("forward", "backward"):
        with pytest.raises(NotImplementedError, match=method):
            getattr(tracegraph.autograd.Function, method)(None)
    y = OURS["Scaled"].apply(x * 1, 1.0)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.sum().backward()
    a = x * 1
    z = OURS["Scaled"].apply(a, 1.0)
    a.add_(1.0)
    with pytest.raises(RuntimeError, match="modified in place"):
        z.sum().backward()
    with pytest.raises(TypeError, match=r"use Wrong\.apply"):
        Wrong()(x)
