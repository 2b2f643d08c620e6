"""Asserts that a function gives the same traced as eagerly, and that its trace is of the expected kind."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tracegraph

CALLS = 3
"""The first call records, the others replay."""


def leaves(result: Any) -> Iterator[Any]:
    """The tensors of nested tuples."""
    if isinstance(result, tuple | list):
        for part in result:
            yield from leaves(part)
    else:
        yield result


def assert_traced_like_eager(
    function: Callable[..., Any], *arguments: Any, verdict: str = "static", tolerance: float = 1e-5
) -> None:
    """Assert that several traced calls give what as many eager ones give, drawing from the same generator."""
    tracegraph.manual_seed(5)
    expected = [list(leaves(function(*arguments))) for _ in range(CALLS)]
    tracegraph.manual_seed(5)
    traced = tracegraph.trace(function)
    for number, wanted in enumerate(expected):
        got = list(leaves(traced(*arguments)))
        for place, (mine, yours) in enumerate(zip(got, wanted, strict=True)):
            what = f"result {place} of call {number}"
            assert (mine.dtype, mine.shape) == (yours.dtype, yours.shape), what
            np.testing.assert_allclose(
                mine.detach().numpy(), yours.detach().numpy(), rtol=tolerance, atol=tolerance, err_msg=what
            )
    assert traced.explain().verdict == verdict, str(traced.explain())
