"""Compares what a case gives with the reference in float64: `check(case, expected, tolerance)`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.workload import CHECKED_CALLS, Array, Case, Workload, in_double


@dataclass(frozen=True)
class Verdict:
    """The largest error relative to the largest magnitude of each result, and what is wrong, if anything."""

    error: float
    fault: str = ""


def reference(workload: Workload, arrays: dict[str, Array]) -> list[Array]:
    """The results of a workload in float64."""
    with np.errstate(all="ignore"):
        return [np.asarray(array) for array in workload.formula(in_double(arrays))]


def flat(value: Any) -> Iterator[Array]:
    """All tensors and arrays in nested tuples and lists, as NumPy arrays."""
    if isinstance(value, tuple | list):
        for element in value:
            yield from flat(element)
    else:
        yield np.asarray(value.detach() if hasattr(value, "detach") else value)


def check(case: Case, expected: Sequence[Array], tolerance: float) -> Verdict:
    """Call the case as often as the reference supposes and compare its last results and its state."""
    for _ in range(CHECKED_CALLS):
        result = case.action()
    return compare([*flat(result), *flat(list(case.state()))], expected, tolerance)


def compare(found: Sequence[Array], expected: Sequence[Array], tolerance: float) -> Verdict:
    """The error of arrays against others."""
    if len(found) != len(expected):
        return Verdict(np.inf, f"gives {len(found)} results where {len(expected)} are expected")
    largest = 0.0
    for number, (ours, right) in enumerate(zip(found, expected, strict=True)):
        if ours.shape != right.shape:
            return Verdict(np.inf, f"result {number} has shape {ours.shape}, not {right.shape}")
        error = relative_error(ours, right)
        if not error <= tolerance:
            return Verdict(
                error, f"result {number} is off by {error:.1e} of its largest magnitude (at most {tolerance:.0e})"
            )
        largest = max(largest, error)
    return Verdict(largest)


def relative_error(found: Array, expected: Array) -> float:
    """The largest difference, relative to the largest magnitude expected; NaN and infinity must be in their places."""
    if expected.size == 0:
        return 0.0
    finite = np.isfinite(expected)
    if not np.array_equal(finite, np.isfinite(found)):
        return np.inf
    if not np.array_equal(expected[~finite], found[~finite], equal_nan=True):
        return np.inf
    if not finite.any():
        return 0.0
    right = expected[finite].astype(np.float64)
    scale = float(np.abs(right).max()) or 1.0
    return float(np.abs(found[finite].astype(np.float64) - right).max()) / scale
