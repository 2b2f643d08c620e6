"""The base of pointwise operations: each gives a NumPy ufunc and the expression its loop body is made of."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from tracegraph.runtime.errors import DTypeError

from .base import Array, Kind, Operation, Sample
from .spec import Spec, bool_, broadcast_shapes


class Pointwise(Operation):
    """Element by element on operands of one dtype that broadcast; the result has that dtype, or bool for predicates."""

    kind = Kind.POINTWISE
    expression: ClassVar[str] = ""
    """Python (Numba) expression of one element: `{0}`, `{1}` are the operands, `{f}` the suffix of vector functions
    (`f32`, `f64`) for the operand dtype. It must not raise and must give what `evaluate` gives for every dtype taken."""
    integer_expression: ClassVar[str] = ""
    """The expression for integer and bool operands where it differs."""
    predicate: ClassVar[bool] = False
    """The result is bool."""
    commutative: ClassVar[bool] = False
    """f(a, b) == f(b, a)."""
    identity: ClassVar[float | int | bool | None] = None
    """Right operand e with f(a, e) == a, exactly, for every a (NaN and signed zeros included)."""
    idempotent: ClassVar[bool] = False
    """Unary: f(f(a)) == f(a)."""
    involution: ClassVar[bool] = False
    """Unary: f(f(a)) == a."""
    domain: ClassVar[tuple[float, float]] = (-3.0, 3.0)
    """Range the generated samples are drawn from."""
    arity: ClassVar[int] = 1
    sample_dtypes: ClassVar[tuple[str, ...]] = ("float32", "float64")

    def infer(self, *operands: Spec) -> Spec:
        dtype = operands[0].dtype
        if any(operand.dtype != dtype for operand in operands):
            listed = ", ".join(operand.dtype.name for operand in operands)
            raise DTypeError(f"{self.name}: operands must have one dtype, got {listed}")
        if self.takes == "float" and dtype.kind != "f":
            raise DTypeError(f"{self.name}: takes float tensors, not {dtype}")
        if self.takes == "number" and dtype.kind == "b":
            raise DTypeError(f"{self.name}: not defined for bool tensors; cast them first")
        if self.takes == "integer" and dtype.kind == "f":
            raise DTypeError(f"{self.name}: takes integer or bool tensors, not {dtype}")
        shape = broadcast_shapes(self.name, *[operand.shape for operand in operands])
        return Spec(shape, bool_ if self.predicate else dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return getattr(xp, self.ufunc.__name__)(*operands)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        operation = cls()
        low, high = cls.domain
        shapes: list[tuple[tuple[int, ...], ...]] = (
            [((3, 4),), ((),), ((0, 2),), ((17,),)]
            if cls.arity == 1
            else [((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2, 3)), ((0, 2), (2,)), ((5,), ())]
        )
        for dtype in cls.sample_dtypes:
            for group in shapes:
                full = (group * cls.arity)[: cls.arity] if len(group) < cls.arity else group
                arrays = []
                for shape in full:
                    if np.dtype(dtype).kind == "b":
                        array = rng.random(shape) < 0.5
                    elif np.dtype(dtype).kind in "iu":
                        array = rng.integers(max(int(low), 0 if np.dtype(dtype).kind == "u" else -9), 9, shape)
                    else:
                        array = rng.uniform(low, high, shape)
                    arrays.append(np.asarray(array).astype(dtype))
                yield Sample(operation, tuple(arrays))
