"""The ways to run a workload: NumPy, tracegraph eager and traced, PyTorch eager and compiled, JAX."""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

from benchmarks.workload import Arrays, Case, Framework, Workload

NUMPY, EAGER, TRACED, TORCH, TORCH_COMPILE, JAX = "numpy", "eager", "traced", "torch", "torch.compile", "jax.jit"

VARIANTS = (NUMPY, EAGER, TRACED, TORCH, TORCH_COMPILE, JAX)
"""In the order of the columns."""

GROUPS = ((NUMPY, EAGER, TRACED), (TORCH,), (TORCH_COMPILE,), (JAX,))
"""Variants that share a process unless each is asked to have its own."""

_REQUIRED = {TORCH: "torch", TORCH_COMPILE: "torch", JAX: "jax"}


def is_installed(variant: str) -> bool:
    """Whether the packages of a variant are there; nothing is imported."""
    package = _REQUIRED.get(variant)
    return package is None or importlib.util.find_spec(package) is not None


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is."""
    return function


def tracegraph_framework(compiled: Callable[..., Any] | None = None) -> Framework:
    """The library of this repository, eager unless functions are to be compiled.

    It is imported when asked for, so that processes of peers stay without it.
    """
    library = importlib.import_module("tracegraph")
    nn = importlib.import_module("tracegraph.nn")
    functional = importlib.import_module("tracegraph.nn.functional")
    optim = importlib.import_module("tracegraph.optim")
    return Framework(library, nn, functional, optim, compiled or plain, library.tensor)


def tracer(made: list[Any]) -> Callable[..., Any]:
    """`tracegraph.trace.trace`, which also appends the traced functions to a list."""
    trace = importlib.import_module("tracegraph.trace").trace

    def kept(function: Callable[..., Any]) -> Any:
        made.append(trace(function))
        return made[-1]

    return kept


def torch_framework(*, compiled: bool) -> Framework:
    """PyTorch."""
    torch = importlib.import_module("torch")
    return Framework(
        torch, torch.nn, torch.nn.functional, torch.optim, torch.compile if compiled else plain, torch.tensor
    )


def make(variant: str, workload: Workload, arrays: Arrays, traced: list[Any] | None = None) -> Case | None:
    """The case of a workload in a variant, or None if it has none; traced functions are appended to `traced`."""
    if variant == NUMPY:
        formula = workload.formula
        return Case(lambda: formula(arrays)) if workload.numpy else None
    if variant == JAX:
        return workload.jax(importlib.import_module("jax"), arrays)
    if variant in (TORCH, TORCH_COMPILE):
        return workload.tensors(torch_framework(compiled=variant == TORCH_COMPILE), arrays)
    framework = tracegraph_framework(tracer([] if traced is None else traced) if variant == TRACED else None)
    return workload.tensors(framework, arrays)


def set_threads(variant: str, threads: int) -> None:
    """Limit the threads of a library that does not read the environment."""
    if _REQUIRED.get(variant) == "torch":
        importlib.import_module("torch").set_num_threads(threads)
