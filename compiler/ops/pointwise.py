"""The base of pointwise operations: each gives a NumPy ufunc and the expression its loop body is made of."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tracegraph.runtime.errors import ArgumentTypeError, DTypeError

from . import dispatch
from .base import Array, Kind, Operation, Sample
from .spec import Spec, bool_, broadcast_shapes

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor


class Pointwise(Operation):
    """Element by element on operands of one dtype that broadcast; the result has that dtype, or bool for predicates."""

    kind = Kind.POINTWISE
    expression: ClassVar[str] = ""
    """Python (Numba) expression of one element: `{0}`, `{1}` are the operands, `{f}` the suffix of vector functions
    (`f32`, `f64`) for the operand dtype. A literal gets the operand's width from one of them (`abs_{f}(0.5)`), so that
    it does not widen the formula. It must not raise and must give what `evaluate` gives for every dtype taken; without
    an expression the operation is a host step."""
    integer_expression: ClassVar[str] = ""
    """The expression for integer and bool operands where it differs."""
    takes_mixed_bools: ClassVar[bool] = True
    """A bool operand beside one of another dtype is promoted; else it is refused, as PyTorch does in differences."""
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
    numbers: ClassVar[str] = "all"
    """Which operands of the public function may be Python numbers, as PyTorch has it: "all", "one" (either of two),
    "second", or "none"."""
    sample_dtypes: ClassVar[tuple[str, ...]] = ("float32", "float64")

    def infer(self, *operands: Spec) -> Spec:
        """The broadcast shape, in the common dtype or bool."""
        dtype = operands[0].dtype
        shapes = []
        for operand in operands:
            if operand.dtype is not dtype and operand.dtype != dtype:
                listed = ", ".join(operand.dtype.name for operand in operands)
                raise DTypeError(f"{self.name}: operands must have one dtype, got {listed}")
            shapes.append(operand.shape)
        if self.takes == "float" and dtype.kind != "f":
            raise DTypeError(f"{self.name}: takes float tensors, not {dtype}")
        if self.takes == "number" and dtype.kind == "b":
            raise DTypeError(f"{self.name}: not defined for bool tensors; cast them first")
        if self.takes == "integer" and dtype.kind == "f":
            raise DTypeError(f"{self.name}: takes integer or bool tensors, not {dtype}")
        return Spec(broadcast_shapes(self.name, *shapes), bool_ if self.predicate else dtype)

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        """What the function named like the ufunc gives."""
        return getattr(xp, self.ufunc.__name__)(*operands)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        """Same shapes, broadcast, 0-d, empty and strided operands in all sample dtypes."""
        operation = cls()
        for dtype in cls.sample_dtypes:
            for shapes in _SHAPES[cls.arity]:
                yield Sample(operation, tuple(draw(rng, shape, dtype, cls.domain) for shape in shapes))
            strided = [draw(rng, (4, 3), dtype, cls.domain).T, draw(rng, (3, 8), dtype, cls.domain)[::-1, ::2]]
            yield Sample(operation, tuple((strided * 2)[: cls.arity]))


_SHAPES: dict[int, list[tuple[tuple[int, ...], ...]]] = {
    1: [((3, 4),), ((),), ((0, 2),), ((17,),)],
    2: [((3, 4), (3, 4)), ((3, 1), (4,)), ((), (2, 3)), ((0, 2), (2,)), ((5,), ())],
    3: [((2, 3), (2, 3), (2, 3)), ((3, 1), (4,), ()), ((), (), ()), ((2, 0), (1,), (2, 1))],
}


def draw(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: str, domain: tuple[float, float] = (-3.0, 3.0)
) -> Array:
    """A random array for samples: floats from `domain`, integers from three times its start to 8, either bool."""
    low, high = domain
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.asarray(rng.random(shape) < 0.5)
    if kind in "iu":
        return np.asarray(rng.integers(max(int(low), 0) if kind == "u" else int(low) * 3, 9, shape)).astype(dtype)
    return np.asarray(rng.uniform(low, high, shape)).astype(dtype)


class FloatFunction(Pointwise):
    """A differentiable function of floats; the public function casts integers and bools to the default float dtype."""

    takes = "float"
    differentiable = True


def require_tensors(name: str, *values: Any) -> None:
    """Raise ArgumentTypeError where one of the values is a Python number, as PyTorch does for most functions of two."""
    if any(isinstance(value, int | float) for value in values):
        kinds = ", ".join(type(value).__name__ for value in values)
        raise ArgumentTypeError(f"{name}: operands must be tensors, got {kinds}")


def refuse_two_numbers(name: str, a: Any, b: Any) -> None:
    """Raise ArgumentTypeError where both operands are Python numbers."""
    if isinstance(a, int | float) and isinstance(b, int | float):
        raise ArgumentTypeError(f"{name}: one operand must be a tensor, got {type(a).__name__} and {type(b).__name__}")


def zeros(g: "Tensor") -> "Tensor":
    """The cotangent zero, for functions that are constant almost everywhere."""
    return dispatch.constant(0, g.dtype).expand(g.shape)  # type: ignore[no-any-return]


def masked(mask: "Tensor", g: "Tensor") -> "Tensor":
    """`g` where the mask holds, else zero, also where `g` is not finite."""
    return g.where(mask, dispatch.constant(0, g.dtype))  # type: ignore[no-any-return]
