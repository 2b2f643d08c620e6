"""What a workload is: seeded inputs, a formula in NumPy, and the function for PyTorch-like libraries and for JAX."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Arrays = dict[str, Array]


@dataclass(frozen=True)
class Framework:
    """A library with PyTorch's names, and what is done to what is timed (nothing, `trace`, `torch.compile`)."""

    library: Any
    nn: Any
    functional: Any
    optim: Any
    compiled: Callable[[Callable[..., Any]], Callable[..., Any]]
    tensor: Callable[[Array], Any]


@dataclass(frozen=True)
class Case:
    """One implementation, ready to be timed. `state` gives the tensors that the action changes."""

    action: Callable[[], Any]
    state: Callable[[], Sequence[Any]] = tuple


@dataclass(frozen=True)
class Workload:
    """One computation to be timed.

    Args:
        name: what `--only` calls it.
        title: one line for people, with the sizes at scale 1.
        inputs: seeded arrays for a scale (1 is full size, smaller is for tests).
        formula: results in NumPy; with the inputs in float64 it is the reference that every variant is checked
            against. It gives the outputs of the last of `CHECKED_CALLS` calls, followed by the state after them.
        tensors: the implementation for tracegraph and PyTorch.
        jax: the implementation for JAX, given the module.
        numpy: whether `formula` is also a fair implementation in NumPy; without it that variant is absent.
        tolerance: the largest error allowed, relative to the largest magnitude of each result.
    """

    name: str
    title: str
    inputs: Callable[[float], Arrays]
    formula: Callable[[Arrays], Sequence[Array]]
    tensors: Callable[[Framework, Arrays], Case]
    jax: Callable[[Any, Arrays], Case]
    numpy: bool = True
    tolerance: float = 2e-5


CHECKED_CALLS = 3
"""Calls made before the results are compared: the first records a trace, the others replay it."""


def generator() -> np.random.Generator:
    """The source of all inputs, in the same state for every workload."""
    return np.random.default_rng(20240229)


def scaled(size: int, scale: float, least: int = 2) -> int:
    """A size at a scale, but not less than `least`."""
    return max(least, round(size * scale))


def in_double(arrays: Arrays) -> Arrays:
    """The arrays with floats in float64."""
    return {name: array.astype(np.float64) if array.dtype.kind == "f" else array for name, array in arrays.items()}


def function_case(framework: Framework, function: Callable[..., Any], *arrays: Array) -> Case:
    """A case that calls a function of tensors."""
    compiled = framework.compiled(function)
    tensors = [framework.tensor(array) for array in arrays]
    return Case(lambda: compiled(*tensors))


def jax_case(jax: Any, function: Callable[..., Any], *arrays: Array) -> Case:
    """A case that calls a function of JAX arrays, compiled, and waits for its results."""
    compiled = jax.jit(function)
    moved = [jax.numpy.asarray(array) for array in arrays]
    return Case(lambda: jax.block_until_ready(compiled(*moved)))
