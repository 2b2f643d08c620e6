"""The operators of PyTorch's database that are looked at, and what tracegraph calls them."""

import operator
from collections.abc import Callable
from typing import Any

import pytest

import tracegraph
from tracegraph.nn import functional

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="PyTorch's test utilities import it")
invocations = pytest.importorskip("torch.testing._internal.common_methods_invocations")

DTYPES = ("float32", "int64", "bool")

OUT_OF_SCOPE = {
    "complex numbers": (
        "angle cdouble cfloat chalf complex conj conj_physical imag linalg.eig linalg.eigvals polar real resolve_conj "
        "view_as_complex view_as_real H mH resolve_neg"
    ),
    "Fourier transforms and signals": "fft.* stft istft signal.*",
    "sparse, masked and ragged tensors": "sparse.* to_sparse masked.* _segment_reduce jiterator_*",
    "dtypes that are not there": "bfloat16 torch._scaled_mm torch._scaled_mm_v2 hash_tensor",
    "PyTorch's internals": (
        "_* torch.ops.* native_* max_pool2d_with_indices_backward *_copy unsafe_* resize_ resize_as_ as_strided* "
        "empty_strided empty_permuted new_empty_strided"
    ),
    "factorisations and functions that are not offered": (
        "cholesky_solve geqrf ormqr lu lu_solve lu_unpack linalg.lu linalg.lu_factor* linalg.lu_solve "
        "linalg.ldl_* linalg.householder_product linalg.tensorinv linalg.tensorsolve linalg.vander linalg.cond "
        "linalg.solve_ex linalg.inv_ex linalg.cholesky_ex cholesky_inverse triangular_solve pca_lowrank svd_lowrank "
        "histogramdd igamma igammac special.airy_ai special.bessel_* special.chebyshev_* special.hermite_* "
        "special.laguerre_* special.legendre_* special.modified_* special.scaled_* special.shifted_* "
        "special.spherical_* nn.functional.linear_cross_entropy nn.functional.fractional_max_pool* grid_sampler_*"
    ),
}
"""Operators that tracegraph does not offer, by reason; a star stands for any ending (or beginning)."""

_WRAPPED: dict[str, Callable[..., Any]] = {
    "__getitem__": operator.getitem,
    "T": lambda x: x.T,
    "einsum": lambda tensors, equation: tracegraph.einsum(equation, *tensors),
    "mT": lambda x: x.mT,
    "normal.in_place": lambda x, *rest, **options: x.normal_(*rest, **options),
    "nn.functional.embedding": lambda weight, input, **named: functional.embedding(input, weight, **named),
    "nn.functional.embedding_bag": lambda weight, input, **named: functional.embedding_bag(input, weight, **named),
    "linalg.pinv.singular": lambda a, b: tracegraph.linalg.pinv(a @ b.mT),
    "linalg.lstsq.grad_oriented": lambda a, b, driver: tracegraph.linalg.lstsq(a, b, driver=driver)[:2],
    "polygamma": lambda input, n: tracegraph.polygamma(n, input),
    "special.polygamma": lambda input, n: tracegraph.special.polygamma(n, input),
    "slice": lambda x, dim=0, start=None, end=None, step=1: x[(slice(None),) * dim + (slice(start, end, step),)],
    "where": lambda input, condition, other: tracegraph.where(condition, input, other),
    "zero_": lambda input: input.clone().zero_(),
}
"""Entries that PyTorch calls in another way than their names say."""


def _special_method(name: str) -> Callable[..., Any]:
    """A method like `__radd__`, which is never called with anything else than a tensor as the first argument."""

    found = getattr(tracegraph.Tensor, name)

    def method(input: Any, *arguments: Any) -> Any:
        if not isinstance(input, tracegraph.Tensor):
            raise TypeError(f"{name} is a method of tensors")
        return found(input, *arguments)

    return method


def _matches(name: str, pattern: str) -> bool:
    if pattern.startswith("*"):
        return name.endswith(pattern[1:])
    if pattern == "_*":
        return name.startswith("_") and not name.startswith("__")
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def out_of_scope(name: str) -> str | None:
    """Why an operator is not offered; None if it should be."""
    for reason, patterns in OUT_OF_SCOPE.items():
        if any(_matches(name, pattern) for pattern in patterns.split()):
            return reason
    return None


def named(entry: Any) -> str:
    """The name of an entry, with its variant."""
    return f"{entry.name}.{entry.variant_test_name}" if entry.variant_test_name else str(entry.name)


def operators() -> dict[str, Any]:
    """PyTorch's entries by name (and variant) that are in scope."""
    return {named(entry): entry for entry in invocations.op_db if out_of_scope(entry.name) is None}


def ours(entry: Any) -> Callable[..., Any] | None:
    """The function of tracegraph for an entry, or None if it is missing."""
    name = entry.name
    for key in (named(entry), name):
        if key in _WRAPPED:
            return _WRAPPED[key]
    if name.startswith("__") and hasattr(tracegraph.Tensor, name):
        return _special_method(name)
    *spaces, last = name.split(".")
    space: Any = tracegraph
    if spaces == ["nn", "functional"]:
        space = functional
    elif spaces:
        space = getattr(tracegraph, spaces[0], None)
    function = getattr(space, last, None)
    if spaces:
        return function
    if name in ("float", "double", "half", "bool", "int", "long", "item", "to", "trace", "byte", "char", "short"):
        return getattr(tracegraph.Tensor, last, None)
    methods = tracegraph.Tensor
    return function if callable(function) else getattr(methods, last, None) or getattr(methods, f"{last}_", None)
