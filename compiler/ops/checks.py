"""Refusing values: `checked` gives a tensor on only if its elements lie in a range, also in a compiled program."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, DTypeError

from . import dispatch
from .base import Array, Cotangent, Kind, Operation, Sample, operation
from .spec import Spec

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []

LARGEST = float(np.finfo(np.float64).max)
"""The upper bound of what is finite."""
SMALLEST = float(np.finfo(np.float64).tiny)
"""The lower bound of what is positive."""


@operation
class Checked(Operation):
    """The operand, all of whose elements are at least `low` and at most `high` (a NaN is neither); else an error that
    opens with `message`.
    """

    low: float
    high: float
    message: str
    name = "checked"
    kind = Kind.HOST
    differentiable = True

    def infer(self, *operands: Spec) -> Spec:
        return operands[0]

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        (a,) = operands
        wrong = ~((a >= xp.float64(self.low)) & (a <= xp.float64(self.high)))
        if wrong.any():
            raise ArgumentError(f"{self.message}, got {a[wrong].reshape(-1)[0]}")
        return a.copy()

    def vjp(self, g: "Tensor", out: Any, a: Any) -> tuple[Cotangent, ...]:
        return (g,)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for array in (rng.random((2, 3)), rng.random(4).astype("float32"), np.array(0.5), np.zeros((0, 2))):
            yield Sample(cls(0.0, 1.0, "checked: must be a probability"), (array,))
        yield Sample(cls(0.0, LARGEST, "checked: must not be negative"), (np.array([[1, 0], [3, 2]]),))


def checked(input: "Tensor", low: float, high: float, message: str) -> "Tensor":
    """The tensor, after its values were looked at.

    Raises:
        ArgumentError: with the message, when an element is not between `low` and `high`.
    """
    return dispatch.apply(Checked(float(low), float(high), message), input)  # type: ignore[no-any-return]


def need_float(name: str, input: "Tensor") -> None:
    """Refuse integers and bools.

    Raises:
        DTypeError: it names the function and the dtype.
    """
    if input._data.dtype.kind != "f":
        raise DTypeError(f"{name}: takes float tensors, not {input.dtype}; cast the tensor with float()")
