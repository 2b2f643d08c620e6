"""Comparing one module with PyTorch's, case by case."""

import copy
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tracegraph
from tests.nesting import leaves, rebuilt
from tests.opinfo.comparing import Tally, assert_same_gradients, assert_same_results, close
from tests.opinfo.samples import Call, Unsupported, in_both, outcome
from tracegraph import nn

from .database import Case, cases, torch

MOST_CASES = 40
"""Of a module and mode; some losses have hundreds."""
TOLERANCE = 2e-5
BATCHES = 3
"""So often a module with running statistics is called."""


def compare(name: str) -> Tally:
    """All cases of a module, training and evaluating."""
    tally = Tally()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for training in (True, False):
            for number, case in enumerate(_first(cases(name, training=training))):
                try:
                    _one(name, case, training)
                except Unsupported:
                    tally.left_out += 1
                except Exception as error:  # noqa: BLE001 - it is reported
                    mode = "training" if training else "evaluating"
                    tally.failures.append(
                        f"case {number}, {mode}, made with {case.made}: {type(error).__name__}: {error}"
                    )
                else:
                    tally.compared += 1
    return tally


def _first(found: Iterator[Case]) -> Iterator[Case]:
    for number, case in enumerate(found):
        if number < MOST_CASES or case.error_expected:
            yield case


def _one(name: str, case: Case, training: bool) -> None:
    mine, yours = made(name, case, training)
    if isinstance(mine, Exception):
        return
    assert repr(mine) == repr(yours), f"our representation is {mine!r}, PyTorch's {yours!r}"
    my_call, your_call = in_both(*case.called)
    for number in range(BATCHES if list(yours.buffers()) else 1):
        result, expected = (
            outcome(module, _copied(call, number)) for module, call in ((mine, my_call), (yours, your_call))
        )
        if isinstance(expected, Exception) or isinstance(result, Exception):
            if not isinstance(expected, Exception):
                raise result
            assert isinstance(result, Exception), f"PyTorch raises {expected!r}, we do not"
            return
        assert_same_results(result, expected, TOLERANCE)
    _assert_same_state(mine, yours)
    assert_same_gradients(
        result, expected, _with_parameters(my_call, mine), _with_parameters(your_call, yours), TOLERANCE
    )


def made(name: str, case: Case, training: bool) -> tuple[Any, Any]:
    """A module of ours and PyTorch's with the same random weights, or both libraries' errors."""
    my_call, your_call = in_both(*case.made)
    yours, mine = outcome(getattr(torch.nn, name), your_call), outcome(getattr(nn, name), my_call)
    if isinstance(yours, Exception) or isinstance(mine, Exception):
        if not isinstance(yours, Exception):
            raise mine
        assert isinstance(mine, Exception), f"PyTorch raises {yours!r}, we do not"
        return mine, yours
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in yours.parameters():
            parameter.add_(torch.rand_like(parameter) - 0.5)
    wanted = {key: tuple(value.shape) for key, value in yours.state_dict().items()}
    assert {key: value.shape for key, value in mine.state_dict().items()} == wanted, "other names or shapes of weights"
    mine.load_state_dict({key: tracegraph.tensor(value.numpy()) for key, value in yours.state_dict().items()})
    return mine.train(training), yours.train(training)


def _copied(call: Call, number: int) -> Call:
    """A call with copies of the float tensors, which modules may change; each time another multiple of them."""

    def copy(leaf: Any) -> Any:
        is_float = hasattr(leaf, "requires_grad") and "float" in str(leaf.dtype)
        return (leaf * (1 + number) if number else leaf.clone()) if is_float else leaf

    args, kwargs = rebuilt([call.args, call.kwargs], copy)
    return Call(args, kwargs)


def _with_parameters(call: Call, module: Any) -> Call:
    return Call([*call.args, *module.parameters()], call.kwargs)


def _assert_same_state(mine: Any, yours: Any) -> None:
    ours, theirs = mine.state_dict(), yours.state_dict()
    assert list(ours) == list(theirs), f"our state holds {list(ours)}, PyTorch's {list(theirs)}"
    for key, value in ours.items():
        close(value, theirs[key], TOLERANCE, f"{key} afterwards")


def usable(name: str) -> list[tuple[Any, Call]]:
    """The last of a module's cases that work, training: our module and a call of it; with weights, the first, too."""
    found = []
    for case in cases(name, training=True):
        try:
            module, _ = made(name, case, training=True)
            call, _ = in_both(*case.called)
        except Unsupported:
            continue
        works = not isinstance(module, Exception)
        if works and not isinstance(outcome(copy.deepcopy(module), _copied(call, 0)), Exception):
            found.append((module, call))
    return [found[0], found[-1]] if len(found) > 1 and list(found[0][0].parameters()) else found[-1:]


def assert_traced_like_eager(names: list[str]) -> None:
    """Assert that one traced function of all these modules, gradients included, gives what it gives eagerly: when it is
    recorded, and when it is replayed; and that it is static.
    """
    pairs = [pair for name in names for pair in usable(name)]
    traced_modules, eager_modules = (copy.deepcopy([module for module, _ in pairs]) for _ in range(2))
    inputs = [(call.args, call.kwargs) for _, call in pairs]
    traced = tracegraph.trace(_step(traced_modules))
    eager = _step(eager_modules)
    for number in range(3):
        tracegraph.manual_seed(number)
        result = traced(inputs)
        tracegraph.manual_seed(number)
        expected = eager(inputs)
        for place, (a, b) in enumerate(zip(result, expected, strict=True)):
            for mine, yours in zip(a, b, strict=True):
                what = f"call {number} of {pairs[place][0]}"
                np.testing.assert_allclose(
                    mine.detach().numpy(), yours.detach().numpy(), rtol=TOLERANCE, atol=TOLERANCE, err_msg=what
                )
        for one, other in zip(traced_modules, eager_modules, strict=True):
            for (key, mine), yours in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
                np.testing.assert_allclose(mine.numpy(), yours.numpy(), rtol=TOLERANCE, err_msg=f"{one} {key}")
    explanation = traced.explain()
    verdict, text = explanation.verdict, str(explanation)  # pytest would print the whole graph
    assert verdict == "static", text


def _cloned(leaf: Any) -> Any:
    """A copy of a tensor that has a gradient, which a module may change and a function may return."""
    return leaf.clone() if hasattr(leaf, "requires_grad") and leaf.requires_grad else leaf


def _step(modules: list[Any]) -> Callable[[list[Any]], list[list[Any]]]:
    """A function of all inputs that gives for each module its results and the gradients of a sum of them."""

    def step(inputs: list[Any]) -> list[list[Any]]:
        found = []
        for module, (args, kwargs) in zip(modules, inputs, strict=True):
            given = [leaf for leaf in [*leaves([args, kwargs]), *module.parameters()] if hasattr(leaf, "requires_grad")]
            wanted = [leaf for leaf in given if leaf.requires_grad]
            args, kwargs = rebuilt([args, kwargs], _cloned)
            results = [leaf for leaf in leaves(module(*args, **kwargs)) if hasattr(leaf, "requires_grad")]
            total = sum((one * (one * 0.5 + 1)).sum() for one in results if one.requires_grad)
            gradients = tracegraph.autograd.grad(total, wanted, allow_unused=True) if wanted else ()
            found.append(
                [
                    *(one.detach().clone() for one in results),
                    *(gradient for gradient in gradients if gradient is not None),
                ]
            )
        return found

    return step
