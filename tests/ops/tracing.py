"""Asserts that a function gives the same traced as eagerly, and that its trace is of the expected kind."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tracegraph

CALLS = 3
"""The first call records, the others replay."""


def leaves(result: Any) -> Iterator[Any]:
    """The tensors of nested tuples and lists."""
    if isinstance(result, tuple | list):
        for part in result:
            yield from leaves(part)
    else:
        yield result


def with_gradients(function: Callable[..., Any]) -> Callable[..., list[Any]]:
    """The function's results, and the gradients of the sum of their squares."""

    def run(*arguments: Any) -> list[Any]:
        results = list(leaves(function(*arguments)))
        differentiable = [(result * result).sum() for result in results if result.requires_grad]
        inputs = [argument for argument in arguments if argument.requires_grad]
        gradients = tracegraph.autograd.grad(differentiable, inputs, allow_unused=True) if differentiable else ()
        return [*[result.detach().clone() for result in results], *[g for g in gradients if g is not None]]

    return run


def assert_traced_like_eager(
    function: Callable[..., Any], *arguments: Any, verdict: str = "static", tolerance: float = 1e-5
) -> None:
    """Assert that several traced calls give what as many eager ones give, gradients included and drawing from the same
    generator.
    """
    run = with_gradients(function)
    tracegraph.manual_seed(5)
    expected = [run(*arguments) for _ in range(CALLS)]
    tracegraph.manual_seed(5)
    traced = tracegraph.trace(run)
    for number, wanted in enumerate(expected):
        for place, (mine, yours) in enumerate(zip(traced(*arguments), wanted, strict=True)):
            what = f"result {place} of call {number}"
            assert (mine.dtype, mine.shape) == (yours.dtype, yours.shape), what
            np.testing.assert_allclose(mine.numpy(), yours.numpy(), rtol=tolerance, atol=tolerance, err_msg=what)
    assert traced.explain().verdict == verdict, str(traced.explain())
