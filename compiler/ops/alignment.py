"""Recurrences over time in which a state is reached from itself and the two before it: the primitives of `ctc_loss`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import DTypeError, ShapeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .joining import stack
from .padding import pad
from .selection import where
from .spec import FLOATS, Spec, bool_

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []

NEVER = -1e30
"""The logarithm of probability zero: finite, so that gradients of sums of such are zero instead of NaN."""


def _shifted(x: "Tensor", by: int, fill: float) -> "Tensor":
    """The states `by` before each state."""
    return pad(x, (by, 0), value=fill)[..., : x.shape[-1]] if by else x


def _before(xp: Any, x: Array, by: int, fill: float) -> Array:
    result = xp.full_like(x, fill)
    result[..., by:] = x[..., : x.shape[-1] - by]
    return result


@operation
class AlignmentScan(Operation):
    """The logarithms a of the probabilities of being in each state s at each time, from an initial a[0] (n, states):
    a[t + 1, s] = log(exp(a[t, s]) + exp(a[t, s - 1]) + exp(a[t, s - 2]) if skips[s]) + emitted[t, s].

    The operands are emitted (time, n, states), a[0] and skips (n, states), the result is (time + 1, n, states).
    """

    name = "alignment_scan"
    kind = Kind.HOST
    differentiable = True
    saves = (0, 2)
    saves_output = True

    def infer(self, *operands: Spec) -> Spec:
        emitted, initial, skips = operands
        if emitted.ndim != 3 or not emitted.shape[1:] == initial.shape == skips.shape:
            shapes = f"{emitted.shape}, {initial.shape} and {skips.shape}"
            raise ShapeError(f"alignment_scan: takes (time, n, states) and twice (n, states), got {shapes}")
        if emitted.dtype not in FLOATS or emitted.dtype != initial.dtype or skips.dtype != bool_:
            kinds = f"{emitted.dtype}, {initial.dtype} and {skips.dtype}"
            raise DTypeError(f"alignment_scan: takes two tensors of one float dtype and a bool one, got {kinds}")
        return Spec((emitted.shape[0] + 1, *initial.shape), emitted.dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        emitted, initial, skips = operands
        result = xp.empty((emitted.shape[0] + 1, *initial.shape), emitted.dtype)
        result[0] = initial
        for time, scores in enumerate(emitted):
            state = result[time]
            by_one = _before(xp, state, 1, NEVER)
            by_two = xp.where(skips, _before(xp, state, 2, NEVER), state.dtype.type(NEVER))
            largest = xp.maximum(xp.maximum(state, by_one), by_two)
            total = xp.exp(state - largest) + xp.exp(by_one - largest) + xp.exp(by_two - largest)
            result[time + 1] = xp.log(total) + largest + scores
        return result

    def vjp(self, g: "Tensor", out: Any, emitted: Any, initial: Any, skips: Any) -> tuple[Cotangent, ...]:
        """Each state passes its cotangent on to those it was reached from, in proportion to their parts in it."""
        later = out[1:]
        shares = [(_shifted(out[:-1], by, NEVER) + emitted - later).exp() for by in range(3)]
        shares[2] = where(skips, shares[2], 0)
        back = dispatch.apply(BandedRecurrence(True), stack(shares, 0), g)
        return lambda: back[1:], lambda: back[0], None

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for dtype in ("float32", "float64"):
            for time, count, states in ((3, 2, 5), (1, 1, 1), (0, 2, 3), (2, 0, 3)):
                emitted = np.log(rng.uniform(0.1, 0.9, (time, count, states))).astype(dtype)
                initial = np.log(rng.uniform(0.1, 0.9, (count, states))).astype(dtype)
                yield Sample(cls(), (emitted, initial, rng.random((count, states)) < 0.5))


@operation
class BandedRecurrence(Operation):
    """The states x of x[t + 1, s] = b[t + 1, s] + sum over k < 3 of weights[k, t, s] * x[t, s - k], from x[0] = b[0].

    With `reverse` the transposed one, from the last time on: x[t, s] = b[t, s] + sum over k of
    weights[k, t, s + k] * x[t + 1, s + k]. The operands are weights (3, time, n, states) and b (time + 1, n, states).
    Its gradient is the other direction.
    """

    reverse: bool = False
    name = "banded_recurrence"
    kind = Kind.HOST
    differentiable = True
    saves = (0,)
    saves_output = True

    def infer(self, *operands: Spec) -> Spec:
        weights, b = operands
        if b.ndim != 3 or weights.shape != (3, b.shape[0] - 1, *b.shape[1:]):
            raise ShapeError(f"banded_recurrence: weights of shape {weights.shape} do not fit terms of shape {b.shape}")
        if b.dtype not in FLOATS or weights.dtype != b.dtype:
            raise DTypeError(f"banded_recurrence: takes one float dtype, got {weights.dtype} and {b.dtype}")
        return b

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        weights, b = operands
        result = xp.array(b, order="C", copy=True)
        states = b.shape[-1]
        steps = range(b.shape[0] - 1)
        for time in reversed(steps) if self.reverse else steps:
            for k in range(min(3, states)):
                early, late = result[time, :, : states - k], result[time + 1, :, k:]
                weight = weights[k, time, :, k:]
                if self.reverse:
                    early += weight * late
                else:
                    late += weight * early
        return result

    def vjp(self, g: "Tensor", out: Any, weights: Any, b: Any) -> tuple[Cotangent, ...]:
        back = dispatch.apply(BandedRecurrence(not self.reverse), weights, g)
        early, late = (back, out) if self.reverse else (out, back)
        return lambda: stack([late[1:] * _shifted(early[:-1], k, 0) for k in range(3)], 0), back

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for dtype in ("float32", "float64"):
            for time, count, states in ((3, 2, 5), (1, 1, 1), (0, 2, 3), (2, 0, 3)):
                weights = rng.random((3, time, count, states)).astype(dtype)
                b = rng.random((time + 1, count, states)).astype(dtype)
                yield Sample(cls(), (weights, b))
                yield Sample(cls(True), (weights[..., ::-1], b))
