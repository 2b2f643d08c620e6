"""`strong_wolfe`: how far to go in a direction so that the function falls enough and its slope has flattened.

Nocedal and Wright, "Numerical Optimization", 2006, algorithms 3.5 and 3.6, with cubic interpolation (3.59). The factors
and the order of the decisions are those of PyTorch, so that the points visited are the same.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from tracegraph.tensor import Tensor

_FALL, _FLAT = 1e-4, 0.9
"""How much of the fall that the slope promises is asked for, and how much of the slope may be left."""


@dataclass(frozen=True)
class Point:
    """A place on the line: how far it is, the function's value, its gradient, and its slope along the line."""

    at: float
    value: float
    gradient: Tensor
    slope: float


def interpolated(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through two points, with their slopes, is least; the middle if it has no minimum."""
    if a.at > b.at:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.at - b.at) if a.at != b.at else math.nan
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2.0
    d2 = math.sqrt(square)
    bottom = b.slope - a.slope + 2 * d2
    least = b.at - (b.at - a.at) * ((b.slope + d2 - d1) / bottom) if bottom != 0 else math.nan
    return min(max(least, low), high)


def strong_wolfe(
    evaluate: Callable[[float], Point], start: Point, first: float, size: float, tolerance: float, most: int
) -> tuple[Point, int]:
    """A point that satisfies the strong Wolfe conditions, or the best found, and how often `evaluate` was called.

    Args:
        evaluate: gives the point at a distance.
        start: the point at distance 0.
        first: the distance to try first.
        size: the largest element of the direction.
        tolerance: an interval that moves no parameter by more than this is not divided further.
        most: how many points are tried after the first.
    """
    ends, tried, calls = _bracket(evaluate, start, first, most)
    low, stuck, found = _lower(ends), False, len(ends) == 1
    while not found and tried < most and not abs(ends[1].at - ends[0].at) * size < tolerance:
        left, right = sorted((ends[0].at, ends[1].at))
        at, stuck = _kept_away(interpolated(ends[0], ends[1], left, right), left, right, stuck)
        point = evaluate(at)
        calls, tried = calls + 1, tried + 1
        if _too_high(point, start) or point.value >= ends[low].value:
            ends[1 - low] = point
            low = _lower(ends)
            continue
        found = _is_flat(point, start)
        if not found and point.slope * (ends[1 - low].at - ends[low].at) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = point
    return ends[low], calls


def _bracket(evaluate: Callable[[float], Point], start: Point, first: float, most: int) -> tuple[list[Point], int, int]:
    """Two points with a good one between them, or a good one alone; how many were tried after the first, and in all."""
    before, point = start, evaluate(first)
    for tried in range(most):
        if _too_high(point, start) or (tried > 1 and point.value >= before.value):
            return [before, point], tried, tried + 1
        if _is_flat(point, start):
            return [point], tried, tried + 1
        if point.slope >= 0:
            return [before, point], tried, tried + 1
        at = interpolated(before, point, point.at + 0.01 * (point.at - before.at), point.at * 10)
        before, point = point, evaluate(at)
    return [start, point], most, most + 1


def _too_high(point: Point, start: Point) -> bool:
    return point.value > start.value + _FALL * point.at * start.slope


def _is_flat(point: Point, start: Point) -> bool:
    return abs(point.slope) <= -_FLAT * start.slope


def _lower(ends: list[Point]) -> int:
    return 0 if ends[0].value <= ends[-1].value else 1


def _kept_away(at: float, left: float, right: float, stuck: bool) -> tuple[float, bool]:
    """A place not too near to an end of the interval for the second time, and whether it was so this time."""
    margin = 0.1 * (right - left)
    if not min(right - at, at - left) < margin:
        return at, False
    if not stuck and left < at < right:
        return at, True
    return (right - margin if abs(at - right) < abs(at - left) else left + margin), False


__all__ = ["Point", "interpolated", "strong_wolfe"]
