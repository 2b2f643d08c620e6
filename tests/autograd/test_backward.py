"""`autograd.backward` and `autograd.grad` with all their arguments, against PyTorch's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle


def leaves(m: Any) -> tuple[Any, Any]:
    return m.tensor([1.0, 2.0], requires_grad=True), m.tensor([3.0, 5.0], requires_grad=True)


def several(m: Any) -> Any:
    x, y = leaves(m)
    m.autograd.backward([(x * y).sum(), x * x], [None, m.tensor([1.0, 10.0])])
    return x.grad, y.grad


def one(m: Any) -> Any:
    x, _ = leaves(m)
    m.autograd.backward(x * x, m.ones(2), True, False)
    return (x.grad,)


def only_some(m: Any) -> Any:
    x, y = leaves(m)
    z = x * y
    z.retain_grad()
    m.autograd.backward((z * z).sum(), inputs=[x], retain_graph=True)
    return x.grad, y.grad, z.grad


def none_wanted(m: Any) -> Any:
    x, _ = leaves(m)
    m.autograd.backward(x.sum(), inputs=[])


def method(m: Any) -> Any:
    x, y = leaves(m)
    (x * y).sum().backward(inputs=y)
    return x.grad, y.grad


def unused(**options: Any) -> Callable[[Any], Any]:
    def case(m: Any) -> Any:
        x, y = leaves(m)
        return m.autograd.grad((x * x).sum(), [x, y], **options)

    return case


def positional(m: Any) -> Any:
    x, _ = leaves(m)
    return m.autograd.grad(x * x, x, m.ones(2), True, True, True)


CASES: dict[str, Callable[[Any], Any]] = {
    "several": several,
    "one": one,
    "only some": only_some,
    "none wanted": none_wanted,
    "method": method,
    "positional": positional,
    "unused": unused(),
    "unused allowed": unused(allow_unused=True),
    "zeros": unused(materialize_grads=True),
    "zeros refused": unused(materialize_grads=True, allow_unused=False),
    "only_inputs": unused(only_inputs=True, allow_unused=True),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_pytorchs(name: str) -> None:
    case = CASES[name]
    try:
        wanted = case(torch)
    except (RuntimeError, ValueError) as error:
        with pytest.raises(type(error)):
            case(tracegraph)
        return
    for a, b in zip(case(tracegraph), wanted, strict=True):
        assert (a is None) == (b is None)
        if b is not None:
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy())
