"""Views of tensors without gradient stay without one when they meet tensors that require it."""

import tracegraph


def test_a_view_that_does_not_require_grad_gets_none() -> None:
    base = tracegraph.tensor([[1.0, 2.0], [3.0, 4.0]])
    view = base.reshape(4)
    weight = tracegraph.tensor([1.0, 1.0, 1.0, 1.0], requires_grad=True)
    (view * weight).sum().backward()
    assert view.grad is None
    assert base.grad is None
    assert not view.requires_grad
    assert weight.grad is not None
    assert weight.grad.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_a_view_comes_to_require_grad_with_its_base() -> None:
    base = tracegraph.zeros(3)
    view = base[:2]
    weight = tracegraph.tensor([2.0, 3.0, 4.0], requires_grad=True)
    base.mul_(weight)
    base.add_(weight)
    assert view.requires_grad
    view.sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [1.0, 1.0, 0.0]
