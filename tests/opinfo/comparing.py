"""Comparing one operator, sample by sample, with PyTorch: values, dtypes, shapes, gradients, errors."""

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tracegraph
from tests.nesting import leaves

from .database import ours, torch
from .known import APPROXIMATE, PICKS, RANDOM
from .samples import (
    Call,
    Unsupported,
    calls,
    cotangents,
    float_results,
    our_gradients,
    outcome,
    their_gradients,
)

MOST_SAMPLES = 400
"""Of an operator and dtype; some have thousands."""


@dataclasses.dataclass
class Tally:
    """What became of the samples of one operator in one dtype."""

    compared: int = 0
    left_out: int = 0
    failures: list[str] = dataclasses.field(default_factory=list)


def compare(name: str, entry: Any, dtype: str, *, most: int = MOST_SAMPLES) -> Tally:
    """All samples and error inputs of an operator in one dtype."""
    tally = Tally()
    function = ours(entry)
    if function is None:
        tally.failures.append("tracegraph has no such function")
        return tally
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, sample in enumerate(samples(entry, dtype, most)):
            try:
                _one(name, entry, function, sample)
            except Unsupported:
                tally.left_out += 1
            except Exception as error:  # noqa: BLE001 - it is reported
                tally.failures.append(f"sample {number}: {type(error).__name__}: {error}\n    of {described(sample)}")
            else:
                tally.compared += 1
        if dtype == "float32":
            _errors(entry, function, tally)
    return tally


def samples(entry: Any, dtype: str, most: int) -> Iterator[Any]:
    """PyTorch's samples, at most so many, with the same random numbers each time."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - PyTorch's samples draw from it
    requires_grad = dtype == "float32" and entry.supports_autograd
    for number, sample in enumerate(entry.sample_inputs("cpu", getattr(torch, dtype), requires_grad=requires_grad)):
        if number == most:
            return
        yield sample


def described(sample: Any) -> str:
    """A sample in one line."""

    def short(value: Any) -> str:
        if isinstance(value, torch.Tensor):
            text = f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
            return text if value.numel() > 4 else f"{text}={value.tolist()}"
        if isinstance(value, list | tuple):
            return "[" + ", ".join(short(part) for part in value) + "]"
        return repr(value)

    named = [f"{name}={short(value)}" for name, value in sample.kwargs.items()]
    return f"({', '.join([short(sample.input), *map(short, sample.args), *named])})"


def _one(name: str, entry: Any, function: Callable[..., Any], sample: Any) -> bool:
    mine, yours = calls(sample)
    expected = outcome(entry.op, yours)
    result = outcome(function, mine)
    if isinstance(expected, Exception) or isinstance(result, Exception):
        if not isinstance(expected, Exception):
            raise result
        if not isinstance(result, Exception):
            raise AssertionError(f"PyTorch raises {expected!r}, we do not")
        return False
    if entry.name not in RANDOM and sample.output_process_fn_grad is not None:
        result, expected = sample.output_process_fn_grad(result), sample.output_process_fn_grad(expected)
    tolerance = APPROXIMATE.get(name, APPROXIMATE.get(entry.name, 2e-5))
    if entry.name in PICKS:
        result, expected = picked(entry.name, result, yours), picked(entry.name, expected, yours)
    values = entry.name not in RANDOM and not sample.kwargs.get("dropout_p")
    assert_same_results(result, expected, tolerance, values=values)
    return values and assert_same_gradients(result, expected, mine, yours, tolerance)


def picked(name: str, result: Any, call: Call) -> Any:
    """A result with its indices along a dimension replaced by the elements of PyTorch's input found there."""
    given = call.args[0].detach()
    dim = call.kwargs.get("dim", call.args[PICKS[name]] if len(call.args) > PICKS[name] else -1)

    def elements(indices: Any) -> Any:
        assert str(indices.dtype).removeprefix("torch.") == "int64", f"the indices are {indices.dtype}"
        places = torch.as_tensor(indices.numpy())
        dropped = places.ndim < given.ndim
        found = given.gather(dim, places.unsqueeze(dim) if dropped else places)
        found = found.squeeze(dim) if dropped else found
        return tracegraph.from_numpy(found.numpy()) if isinstance(indices, tracegraph.Tensor) else found

    return (result[0], elements(result[1])) if isinstance(result, tuple) else elements(result)


def assert_same_results(result: Any, expected: Any, tolerance: float, *, values: bool = True) -> None:
    """Assert that structure, dtypes, shapes and (with `values`) values agree."""
    pairs = list(zip(leaves(result), leaves(expected), strict=True))
    for number, (mine, yours) in enumerate(pairs):
        what = f"result {number}" if len(pairs) > 1 else "result"
        if not isinstance(yours, torch.Tensor):
            if isinstance(yours, float | int):
                assert isinstance(mine, float | int), f"{what} is {mine!r}, PyTorch's is {yours!r}"
                np.testing.assert_allclose(mine, yours, rtol=tolerance, atol=tolerance)
            continue
        assert isinstance(mine, tracegraph.Tensor), f"{what} is {mine!r}"
        dtype = str(yours.dtype).removeprefix("torch.")
        assert mine.dtype.name == dtype, f"{what} is {mine.dtype.name}, PyTorch's {dtype}"
        assert mine.shape == tuple(yours.shape), f"{what} has shape {mine.shape}, PyTorch's {tuple(yours.shape)}"
        if values:
            close(mine, yours, tolerance, what)


def close(mine: Any, yours: Any, tolerance: float, what: str) -> None:
    """Assert that a tensor of ours has the values of one of PyTorch's."""
    np.testing.assert_allclose(
        mine.detach().numpy(), yours.numpy(force=True), rtol=tolerance, atol=tolerance, equal_nan=True, err_msg=what
    )


def assert_same_gradients(result: Any, expected: Any, mine: Call, yours: Call, tolerance: float) -> bool:
    """Assert that the gradients agree; False if there are none."""
    pairs = [
        (a, b)
        for a, b in zip(leaves(result), leaves(expected), strict=True)
        if isinstance(b, torch.Tensor) and b.requires_grad
    ]
    for a, _ in pairs:
        assert a.requires_grad, "the result has no gradient, PyTorch's has"
    if len(float_results(result)) > len(pairs):
        raise AssertionError("the result has a gradient, PyTorch's has none")
    inputs = [(a, b) for a, b in zip(mine.tensors(), yours.tensors(), strict=True) if b.requires_grad and b.is_leaf]
    if not pairs or not inputs:
        return False
    outs, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    weights = cotangents(theirs)
    got = our_gradients(outs, [a for a, _ in inputs], weights)
    wanted = their_gradients(theirs, [b for _, b in inputs], weights)
    for number, (a, b) in enumerate(zip(got, wanted, strict=True)):
        what = f"gradient {number}"
        if a is None or b is None:
            other = a if b is None else b
            assert other is None or not other.detach().numpy().any(), f"{what}: one library has none"
        else:
            assert a.shape == tuple(b.shape), f"{what} has shape {a.shape}, PyTorch's {tuple(b.shape)}"
            close(a, b, 10 * tolerance, what)
    return True


def _errors(entry: Any, function: Callable[..., Any], tally: Tally) -> None:
    """The inputs that PyTorch refuses must be refused."""
    if entry.error_inputs_func is None:
        return
    for number, error_input in enumerate(entry.error_inputs("cpu")):
        try:
            mine, yours = calls(error_input.sample_input)
        except (Unsupported, AttributeError):
            tally.left_out += 1
            continue
        if "out" in yours.kwargs or not isinstance(outcome(entry.op, yours), Exception):
            tally.left_out += 1
            continue
        result = outcome(function, mine)
        if isinstance(result, Exception):
            tally.compared += 1
        else:
            text = f"error input {number} is not refused; PyTorch: {error_input.error_regex}"
            tally.failures.append(f"{text}\n    of {described(error_input.sample_input)}")
