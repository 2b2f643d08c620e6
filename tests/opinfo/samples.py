"""Samples of PyTorch's database as calls of tracegraph: arguments converted, results and gradients compared."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

import tracegraph
from tests.nesting import leaves, rebuilt
from tracegraph import nn
from tracegraph.nn import functional

from .database import torch

NUMPY_DIMENSIONS = 64
_IGNORED = ("device", "layout", "pin_memory", "memory_format")


class Unsupported(Exception):  # noqa: N818 - no error: such a sample is left out
    """A sample uses what tracegraph does not have (a complex number, a memory format)."""


@dataclasses.dataclass
class Call:
    """A call in one library: positional and keyword arguments."""

    args: list[Any]
    kwargs: dict[str, Any]

    def tensors(self) -> list[Any]:
        """All tensors among the arguments, in order."""
        return [leaf for leaf in leaves([self.args, self.kwargs]) if hasattr(leaf, "requires_grad")]

    def with_tensors(self, tensors: Any) -> "Call":
        """The same call with other tensors."""
        given = iter(tensors)
        args, kwargs = rebuilt(
            [self.args, self.kwargs], lambda leaf: next(given) if hasattr(leaf, "requires_grad") else leaf
        )
        return Call(args, kwargs)


def _ours(value: Any) -> Any:
    """One argument of PyTorch as one of tracegraph."""
    if isinstance(value, torch.Tensor):
        if value.device.type != "cpu":
            raise Unsupported(f"a tensor on {value.device}")
        if value.is_complex() or value.is_sparse or value.dtype == torch.bfloat16 or value.ndim > NUMPY_DIMENSIONS:
            raise Unsupported(f"a tensor of {value.dtype} and {value.ndim} dimensions")
        made = tracegraph.from_numpy(value.detach().numpy().copy(order="K"))
        if any(step == 0 and size > 1 for step, size in zip(value.stride(), value.shape, strict=True)):
            made = tracegraph.from_numpy(value.detach().numpy())
        return made.requires_grad_(value.requires_grad)
    if isinstance(value, torch.dtype):
        if value in (torch.bfloat16, torch.complex64, torch.complex128, torch.complex32, torch.uint16, torch.uint32):
            raise Unsupported(str(value))
        return getattr(tracegraph, str(value).removeprefix("torch."))
    if isinstance(value, torch.Generator):
        return tracegraph.Generator()
    if isinstance(value, torch.nn.Module):
        kind = getattr(nn, type(value).__name__, None)
        if kind is None:
            raise Unsupported(f"a module {type(value).__name__}")
        return kind()
    if isinstance(value, complex):
        raise Unsupported("a complex number")
    if isinstance(value, np.ndarray):
        return value
    if inspect.isroutine(value) and hasattr(torch, getattr(value, "__name__", "")):
        return getattr(tracegraph, value.__name__, None) or getattr(functional, value.__name__)
    return value


def _without_ignored(kwargs: dict[str, Any]) -> dict[str, Any]:
    if kwargs.get("memory_format") not in (None, torch.preserve_format, torch.contiguous_format):
        raise Unsupported("a memory format")
    if kwargs.get("layout") not in (None, torch.strided):
        raise Unsupported("a sparse layout")
    return {name: value for name, value in kwargs.items() if name not in _IGNORED}


def calls(sample: Any) -> tuple[Call, Call]:
    """A sample as a call of tracegraph and one of PyTorch, with tensors of equal contents.

    Raises:
        Unsupported: when the sample uses what tracegraph does not have.
    """
    return in_both([sample.input, *sample.args], dict(sample.kwargs))


def in_both(args: list[Any], kwargs: dict[str, Any]) -> tuple[Call, Call]:
    """Arguments of PyTorch as a call of tracegraph and one of PyTorch, with tensors of equal contents.

    Raises:
        Unsupported: when they hold what tracegraph does not have.
    """
    theirs = Call(args, kwargs)
    args = [part for part in theirs.args if not isinstance(part, torch.memory_format)]
    args, kwargs = rebuilt([args, _without_ignored(kwargs)], _ours)
    return Call(args, kwargs), theirs


def outcome(function: Callable[..., Any], call: Call) -> Any:
    """The result of a call, or the error it raises."""
    try:
        return function(*call.args, **call.kwargs)
    except Exception as error:  # noqa: BLE001 - errors are compared
        return error


def float_results(result: Any) -> list[Any]:
    """The results that a gradient may flow from."""
    return [leaf for leaf in leaves(result) if getattr(leaf, "requires_grad", False) is True]


def cotangents(results: list[Any]) -> list[np.ndarray]:
    """For each result an array of weights that differ from element to element."""
    made = []
    for result in results:
        dtype = str(result.dtype).removeprefix("torch.")
        shape = tuple(result.shape)
        made.append(np.cos(np.arange(int(np.prod(shape))) + 0.5).reshape(shape).astype(dtype))
    return made


def our_gradients(results: list[Any], inputs: list[Any], weights: list[np.ndarray]) -> list[Any]:
    """The gradients of the weighted results for the inputs, None where there is none."""
    given = [tracegraph.as_tensor(weight) for weight in weights]
    return list(tracegraph.autograd.grad(results, inputs, given, allow_unused=True))


def their_gradients(results: list[Any], inputs: list[Any], weights: list[np.ndarray]) -> list[Any]:
    """The same in PyTorch."""
    given = [torch.from_numpy(weight) for weight in weights]
    return list(torch.autograd.grad(results, inputs, given, allow_unused=True))
