"""An operator's samples in one traced function: its recording and its replays give what the plain function gives."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import tracegraph
from tests.nesting import leaves

from .comparing import samples
from .database import ours
from .samples import Call, Unsupported, calls, float_results, outcome

MOST_SAMPLES = 5
"""Of an operator, in one traced function."""
_DRAWN = 120
_TOLERANCE = 1e-4


def chosen(entry: Any, dtype: str, function: Callable[..., Any]) -> list[Call]:
    """Some samples, evenly chosen from those that work eagerly and whose arguments have elements."""
    found = []
    for sample in samples(entry, dtype, _DRAWN):
        try:
            mine, _ = calls(sample)
        except Unsupported:
            continue
        if not isinstance(outcome(function, mine), Exception):
            found.append(mine)
    full = [call for call in found if all(tensor.numel() for tensor in call.tensors())]
    several = full or found
    return [several[position * len(several) // MOST_SAMPLES] for position in range(min(MOST_SAMPLES, len(several)))]


def _program(function: Callable[..., Any], made: list[Call]) -> Callable[..., Any]:
    """A function of all tensors of some calls, which makes the calls and gives all results and gradients."""

    def run(*tensors: Any) -> list[Any]:
        given = iter(tensors)
        results: list[Any] = []
        for call in made:
            own = [next(given) for _ in call.tensors()]
            again = call.with_tensors(own)
            result = function(*again.args, **again.kwargs)
            outputs = [leaf for leaf in leaves(result) if isinstance(leaf, tracegraph.Tensor)]
            results += [output.detach().clone() for output in outputs]
            floats, inputs = float_results(outputs), [tensor for tensor in own if tensor.requires_grad]
            if floats and inputs:
                weights = [_weights(output) for output in floats]
                results += tracegraph.autograd.grad(floats, inputs, weights, allow_unused=True)
        return results

    return run


def _weights(output: Any) -> Any:
    """Numbers that differ from element to element."""
    return tracegraph.arange(output.numel()).to(output.dtype).cos().reshape(output.shape)


def check(name: str, entry: Any, dtype: str) -> str:
    """Compare recording and two replays with the plain function; returns the verdict.

    Raises:
        AssertionError: when they differ.
    """
    function = ours(entry)
    assert function is not None, f"tracegraph has no {name}"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)
        made = chosen(entry, dtype, function)
        if not made:
            return "no samples"
        tensors = [tensor for call in made for tensor in call.tensors()]
        program = _program(function, made)
        traced = tracegraph.trace(program)
        for _ in range(3):
            _same(name, lambda: program(*tensors), lambda: traced(*tensors))
    return traced.explain().verdict


def _same(name: str, plain: Callable[[], list[Any]], traced: Callable[[], list[Any]]) -> None:
    tracegraph.manual_seed(0)
    expected = plain()
    tracegraph.manual_seed(0)
    got = traced()
    assert len(got) == len(expected)
    for number, (a, b) in enumerate(zip(got, expected, strict=True)):
        if a is None or b is None:
            assert a is b, f"output {number}"
            continue
        assert (a.shape, a.dtype) == (b.shape, b.dtype), f"output {number}: {a.shape} {a.dtype}, {b.shape} {b.dtype}"
        np.testing.assert_allclose(
            a.detach().numpy(), b.detach().numpy(), rtol=_TOLERANCE, atol=_TOLERANCE, err_msg=f"output {number}"
        )
