"""Conditions on the values of operands: what PyTorch refuses to compute is refused here, eagerly and traced."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError, DTypeError

from . import dispatch
from .base import Array, Kind, Operation, Sample, operation
from .spec import DType, Spec, bool_, int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []


@operation
class Require(Operation):
    """One, in a dtype, if the operand (a single bool) holds; else an error that says `message`.

    Compiled, the condition is an index into one place: out of range is what stops the program, and the plain function
    that runs then raises the error.
    """

    message: str
    dtype: DType
    name = "require"
    kind = Kind.GATHER

    def infer(self, *operands: Spec) -> Spec:
        (holds,) = operands
        if holds.dtype != bool_ or holds.shape:
            raise DTypeError(f"require: the condition must be a single bool, not {holds}")
        return Spec((), self.dtype)

    def element(self, build: Any, index: tuple[Any, ...]) -> Any:
        """One; a failed condition is place 1 of one."""
        build.dynamic(build.apply("select({0}, 0, 1)", build.read(0, index), dtype=int64), 1, wraps=False)
        return build.literal(1)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        if not operands[0]:
            raise ArgumentError(self.message)
        return xp.ones((), self.dtype)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for dtype in ("float32", "int64"):
            yield Sample(cls("wrong", np.dtype(dtype)), (np.array(True),))


def ensured(value: "Tensor", holds: "Tensor", message: str, shown: "Tensor | None" = None) -> "Tensor":
    """`value`, if all of `holds` (bool) does.

    Raises:
        ArgumentError: if one does not, with the message and the first element of `shown` (by default `value`) for which
            it does not.
    """
    try:
        one = dispatch.apply(Require(message, value.dtype), holds.all())
    except ArgumentError:
        wrong = (value if shown is None else shown).detach().masked_select(holds.logical_not())
        raise ArgumentError(f"{message}, got {wrong[0].item()}") from None
    return value * one  # type: ignore[no-any-return]


def need_float(name: str, input: "Tensor") -> None:
    """Refuse integers and bools.

    Raises:
        DTypeError: it names the function and the dtype.
    """
    if input._data.dtype.kind != "f":
        raise DTypeError(f"{name}: takes float tensors, not {input.dtype}; cast the tensor with float()")
