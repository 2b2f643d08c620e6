"""Numbers of Poisson distributions: `poisson`."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ShapeError

from . import dispatch
from .base import Array, Kind, Operation, Sample, operation
from .dispatch import public
from .random import uniform_numbers
from .requirement import ensured, need_float
from .spec import Spec, float64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__ = ["poisson"]


@operation
class PoissonQuantile(Operation):
    """The number that a uniform number of [0, 1), the first operand, picks from the Poisson distribution of a rate.

    Its probabilities are subtracted from the uniform number, beginning with the mode and then alternating above and
    below it: Kemp and Kemp, "Poisson random variate generation", Applied Statistics 40, 1991.
    """

    name = "poisson_quantile"
    kind = Kind.HOST

    def infer(self, *operands: Spec) -> Spec:
        uniform, rate = operands
        if uniform.shape != rate.shape:
            raise ShapeError(f"poisson_quantile: operands must have one shape, got {uniform.shape} and {rate.shape}")
        return rate

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        left, rate = (xp.array(operand, float64).reshape(-1) for operand in operands)
        mode = xp.floor(rate)
        logarithms = xp.array([math.lgamma(value + 1) for value in mode.tolist()])
        chance = xp.exp(mode * xp.log(xp.where(rate > 0, rate, 1)) - rate - logarithms)
        found = mode.copy()
        left = left - chance
        open_ = xp.flatnonzero(left >= 0)
        above = below = chance[open_]
        step = 0
        while open_.size:
            step += 1
            middle, mean = mode[open_], rate[open_]
            above, below = above * mean / (middle + step), below * xp.maximum(middle - step + 1, 0) / mean
            rest = left[open_]
            up = rest < above
            down = ~up & (rest - above < below)
            found[open_] = xp.where(up, middle + step, xp.where(down, middle - step, middle))
            left[open_] = rest - above - below
            going = ~up & ~down & (above + below > 0)
            open_, above, below = open_[going], above[going], below[going]
        return found.reshape(operands[1].shape).astype(operands[1].dtype)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for dtype in ("float32", "float64"):
            for shape in ((3, 4), (), (0,)):
                yield Sample(cls(), (rng.random(shape), np.asarray(rng.random(shape) * 30).astype(dtype)))
        yield Sample(cls(), (np.array([0.0, 0.5, 0.999, 0.5]), np.array([0.0, 0.0, 1e-3, 5000.0])))


@public(method=False)
def poisson(input: "Tensor", generator: Any = None) -> "Tensor":
    """Numbers of Poisson distributions, with the rate that each element says, in the tensor's dtype.

    Raises:
        ArgumentError: for a rate that is negative or not finite.
        DTypeError: for integers.

    >>> tracegraph.poisson(tracegraph.tensor([0.0, 0.0]))
    tensor([0., 0.])
    """
    need_float("poisson", input)
    rates = input.detach()
    rates = ensured(rates, rates.isfinite() & (rates >= 0), "poisson: rates must be finite and not negative")
    drawn = uniform_numbers(input.shape, float64, generator)
    return dispatch.apply(PoissonQuantile(), drawn, rates)  # type: ignore[no-any-return]
