"""Write LLVM IR as mathematics: `x * x + 1.0`, `fma(a, b, c)`, `select(x < 0.0, a, b)` on typed IR values.

The arithmetic is pinned to IEEE semantics: Numba's `fastmath` option rewrites every floating-point instruction of a
module that has no flags, so each one here carries a flag that means nothing for it, and calls refuse further flags.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from llvmlite import ir
from llvmlite.ir.instructions import FastMathFlags

Scalar = int | float
Chosen = TypeVar("Chosen")

# `arcp` speaks of the divisor only and `contract` of sums of products, so neither changes the operation it stands on.
_NEUTRAL = ("arcp",)
_NEUTRAL_FOR_DIVISION = ("contract",)


class _PinnedFlags(FastMathFlags):
    """Flags of a call that later rewriting cannot extend."""

    def add(self, name: str) -> None:
        """Ignore the flag `name`."""


@dataclass(frozen=True)
class FloatFormat:
    """An IEEE 754 binary format: its LLVM types and the sizes that bit manipulation needs."""

    name: str
    type: Any
    integer: Any
    bits: int
    fraction_bits: int
    bias: int

    @property
    def magic(self) -> float:
        """The number 1.5 * 2**fraction_bits: a small integer added to it appears in the low bits of the sum."""
        return 1.5 * 2.0**self.fraction_bits

    def bits_of(self, number: float) -> int:
        """The bit pattern of `number` in this format, as a non-negative integer."""
        floating, integer = ("<f", "<I") if self.bits == 32 else ("<d", "<Q")
        return int(struct.unpack(integer, struct.pack(floating, number))[0])


F32 = FloatFormat("f32", ir.FloatType(), ir.IntType(32), 32, 23, 127)
F64 = FloatFormat("f64", ir.DoubleType(), ir.IntType(64), 64, 52, 1023)
_FORMATS = {str(F32.type): F32, str(F64.type): F64}


class Expression:
    """A typed LLVM value with operators. Comparisons are ordered (false for NaN); integers are signed."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = value

    @property
    def type(self) -> Any:
        """The LLVM type of the value."""
        return self.value.type

    @property
    def format(self) -> FloatFormat:
        """The floating-point format of the value or of its lanes; TypeError for an integer."""
        found = _FORMATS.get(str(getattr(self.type, "element", self.type)))
        if found is None:
            raise TypeError(f"expected a float or double value, got LLVM type {self.type}")
        return found

    @property
    def is_float(self) -> bool:
        """Whether the value is a floating-point number or a vector of them."""
        return str(getattr(self.type, "element", self.type)) in _FORMATS

    def lift(self, other: Expression | Scalar) -> Expression:
        """`other` as an expression of this value's type; expressions are returned as they are."""
        if isinstance(other, Expression):
            return other
        lanes = getattr(self.type, "count", None)
        return Expression(self.builder, ir.Constant(self.type, other if lanes is None else [other] * lanes))

    def _wrap(self, value: Any) -> Expression:
        return Expression(self.builder, value)

    def _binary(self, other: Expression | Scalar, floating: str, integer: str) -> Expression:
        right = self.lift(other)
        if self.is_float:
            flags = _NEUTRAL_FOR_DIVISION if floating == "fdiv" else _NEUTRAL
            return self._wrap(getattr(self.builder, floating)(self.value, right.value, flags=flags))
        return self._wrap(getattr(self.builder, integer)(self.value, right.value))

    def _compare(self, other: Expression | Scalar, operator: str) -> Expression:
        right = self.lift(other)
        if self.is_float:
            return self._wrap(self.builder.fcmp_ordered(operator, self.value, right.value, flags=_NEUTRAL))
        return self._wrap(self.builder.icmp_signed(operator, self.value, right.value))

    def __add__(self, other: Expression | Scalar) -> Expression:
        return self._binary(other, "fadd", "add")

    def __sub__(self, other: Expression | Scalar) -> Expression:
        return self._binary(other, "fsub", "sub")

    def __mul__(self, other: Expression | Scalar) -> Expression:
        return self._binary(other, "fmul", "mul")

    def __truediv__(self, other: Expression | Scalar) -> Expression:
        return self._binary(other, "fdiv", "sdiv")

    def __radd__(self, other: Scalar) -> Expression:
        return self.lift(other) + self

    def __rsub__(self, other: Scalar) -> Expression:
        return self.lift(other) - self

    def __rmul__(self, other: Scalar) -> Expression:
        return self.lift(other) * self

    def __rtruediv__(self, other: Scalar) -> Expression:
        return self.lift(other) / self

    def __neg__(self) -> Expression:
        return self._wrap(self.builder.fneg(self.value)) if self.is_float else self.lift(0) - self

    def __lt__(self, other: Expression | Scalar) -> Expression:
        return self._compare(other, "<")

    def __le__(self, other: Expression | Scalar) -> Expression:
        return self._compare(other, "<=")

    def __gt__(self, other: Expression | Scalar) -> Expression:
        return self._compare(other, ">")

    def __ge__(self, other: Expression | Scalar) -> Expression:
        return self._compare(other, ">=")

    def equals(self, other: Expression | Scalar) -> Expression:
        """Whether both are equal; false for NaN."""
        return self._compare(other, "==")

    def differs(self, other: Expression | Scalar) -> Expression:
        """Whether both are ordered and unequal; false for NaN."""
        return self._compare(other, "!=")

    def is_nan(self) -> Expression:
        """Whether the value is NaN."""
        return self._wrap(self.builder.fcmp_unordered("uno", self.value, self.value, flags=_NEUTRAL))

    def __and__(self, other: Expression | Scalar) -> Expression:
        return self._wrap(self.builder.and_(self.value, self.lift(other).value))

    def __or__(self, other: Expression | Scalar) -> Expression:
        return self._wrap(self.builder.or_(self.value, self.lift(other).value))

    def __xor__(self, other: Expression | Scalar) -> Expression:
        return self._wrap(self.builder.xor(self.value, self.lift(other).value))

    def __invert__(self) -> Expression:
        return self._wrap(self.builder.not_(self.value))

    def __lshift__(self, count: int) -> Expression:
        return self._wrap(self.builder.shl(self.value, self.lift(count).value))

    def logical_shift_right(self, count: int) -> Expression:
        """The integer shifted right, with zeros coming in."""
        return self._wrap(self.builder.lshr(self.value, self.lift(count).value))

    def bits(self) -> Expression:
        """The bit pattern of a float as an integer of the same width."""
        return self._wrap(self.builder.bitcast(self.value, self.format.integer))

    def as_float(self) -> Expression:
        """The float whose bit pattern is this integer."""
        target = F32 if self.type.width == 32 else F64
        return self._wrap(self.builder.bitcast(self.value, target.type))

    def to(self, target: FloatFormat) -> Expression:
        """The float rounded or widened to `target`."""
        if self.format is target:
            return self
        convert = self.builder.fptrunc if target.bits < self.format.bits else self.builder.fpext
        return self._wrap(convert(self.value, target.type))


def by_width(x: Expression, single: Chosen, double: Chosen) -> Chosen:
    """`single` for a float32 expression, `double` for a float64 one."""
    return single if x.format is F32 else double


def _intrinsic_function(module: Any, name: str, operand_type: Any, function_type: Any) -> Any:
    lanes = getattr(operand_type, "count", None)
    if lanes is None:
        return module.declare_intrinsic(name, [operand_type], function_type)
    # llvmlite spells the suffixes of scalars only.
    full_name = f"{name}.v{lanes}{operand_type.element.intrinsic_name}"
    return module.globals.get(full_name) or ir.Function(module, function_type, full_name)


def call_function(function: Any, *operands: Expression) -> Expression:
    """Call an LLVM function, without fast-math flags for ever."""
    builder = operands[0].builder
    call = builder.call(function, [operand.value for operand in operands])
    call.fastmath = _PinnedFlags()
    return Expression(builder, call)


def intrinsic_call(name: str, *operands: Expression) -> Expression:
    """Call an LLVM intrinsic whose operands and result all have the type of the first operand."""
    first = operands[0]
    function_type = ir.FunctionType(first.type, [first.type] * len(operands))
    function = _intrinsic_function(first.builder.module, name, first.type, function_type)
    return call_function(function, *operands)


def fma(a: Expression, b: Expression | Scalar, c: Expression | Scalar) -> Expression:
    """a * b + c rounded once; on a CPU without the instruction LLVM calls the C library, right but ten times slower."""
    return intrinsic_call("llvm.fma", a, a.lift(b), a.lift(c))


def select(condition: Expression, a: Expression | Scalar, b: Expression | Scalar) -> Expression:
    """`a` where the condition holds, else `b`; at least one of them is an expression."""
    pattern = a if isinstance(a, Expression) else b
    if not isinstance(pattern, Expression):
        raise TypeError("select needs an expression for one of its two choices; lift one of the numbers")
    chosen = pattern.builder.select(condition.value, pattern.lift(a).value, pattern.lift(b).value)
    return Expression(pattern.builder, chosen)


def absolute(x: Expression) -> Expression:
    """x without its sign."""
    return intrinsic_call("llvm.fabs", x)


def copy_sign(magnitude: Expression, sign: Expression) -> Expression:
    """`magnitude` with the sign of `sign`."""
    return intrinsic_call("llvm.copysign", magnitude, sign)


def square_root(x: Expression) -> Expression:
    """The correctly rounded square root."""
    return intrinsic_call("llvm.sqrt", x)


def nearest(x: Expression) -> Expression:
    """The nearest integer, ties to even, as a float."""
    return intrinsic_call("llvm.rint", x)


def clamp(x: Expression, low: float, high: float) -> Expression:
    """x limited to [low, high]; NaN stays NaN."""
    return select(x < low, low, select(x > high, high, x))


def polynomial(x: Expression, coefficients: Sequence[float]) -> Expression:
    """coefficients[0] + coefficients[1] x + coefficients[2] x**2 + ... by Horner's rule with fused steps."""
    total = x.lift(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = fma(total, x, coefficient)
    return total


def power_of_two(n: Expression) -> Expression:
    """2**n for a float n with an integer value in the exponent range of normal numbers; garbage outside."""
    shape = n.format
    return ((n + (shape.magic + shape.bias)).bits() << shape.fraction_bits).as_float()


def scale_by_power_of_two(x: Expression, n: Expression) -> Expression:
    """x * 2**n, rounded once, for |x| near 1 and |n| up to twice the exponent range: overflow and denormals too."""
    half = intrinsic_call("llvm.floor", n * 0.5)
    return x * power_of_two(half) * power_of_two(n - half)


def two_sum(a: Expression, b: Expression | Scalar) -> tuple[Expression, Expression]:
    """The rounded sum and its exact error (Knuth, TAOCP volume 2, section 4.2.2)."""
    right = a.lift(b)
    total = a + right
    virtual = total - a
    return total, (a - (total - virtual)) + (right - virtual)


def quick_two_sum(a: Expression, b: Expression) -> tuple[Expression, Expression]:
    """The rounded sum and its exact error where |a| >= |b| or a is 0 (Dekker 1971)."""
    total = a + b
    return total, b - (total - a)


def two_product(a: Expression, b: Expression | Scalar) -> tuple[Expression, Expression]:
    """The rounded product and its exact error."""
    right = a.lift(b)
    product = a * right
    return product, fma(a, right, -product)


def divide_pairs(
    numerator: Expression, numerator_low: Expression | None, divisor: Expression, divisor_low: Expression
) -> Expression:
    """(numerator + numerator_low) / (divisor + divisor_low): a quotient corrected by one step on its remainder."""
    inverse = 1.0 / divisor
    quotient = numerator * inverse
    remainder = fma(-quotient, divisor, numerator)
    tail = -quotient * divisor_low if numerator_low is None else fma(-quotient, divisor_low, numerator_low)
    return fma(remainder + tail, inverse, quotient)
