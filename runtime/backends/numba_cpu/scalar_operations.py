"""Scalar arithmetic for kernels that agrees with NumPy where plain Numba does not: `astype`, floor division, `select`.

`accumulate_*` are the additions, products, maxima and minima of reduction loops: only they may be reordered, so that a
reduction vectorises while all other arithmetic keeps the order it is written in.
"""

import platform
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import errors, types
from numba.extending import intrinsic

_REORDERED = ("reassoc", "nsz", "contract", "arcp")
_NEUTRAL_FLAG = "arcp"
_bit = ir.IntType(1)
_x86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686", "x86")

Generate = Callable[[Any, ir.IRBuilder, Any, Any], Any]


def _is_number(value: Any) -> bool:
    return isinstance(value, (types.Integer, types.Float, types.Boolean))


def _common_type(typing_context: Any, name: str, *values: Any) -> Any:
    if not all(_is_number(value) for value in values):
        raise errors.TypingError(f"{name} takes numbers, got {', '.join(map(str, values))}")
    common = typing_context.unify_types(*(types.unliteral(value) for value in values))
    if common is None or not _is_number(common):
        raise errors.TypingError(f"{name} got numbers of no common type: {', '.join(map(str, values))}")
    return common


def _call_llvm(builder: ir.IRBuilder, name: str, *operands: Any) -> Any:
    """Call an LLVM intrinsic whose operands and result have one type."""
    value_type = operands[0].type
    suffix = {"float": "f32", "double": "f64"}.get(str(value_type), str(value_type))
    symbol = f"llvm.{name}.{suffix}"
    function = builder.module.globals.get(symbol)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(value_type, [value_type] * len(operands)), symbol)
    return builder.call(function, operands)


def _extremum(name: str, dtype: Any, builder: ir.IRBuilder, a: Any, b: Any) -> Any:
    """NumPy's maximum or minimum (`name` is "max" or "min"): NaN if either is NaN."""
    if isinstance(dtype, types.Float):
        return _call_llvm(builder, f"{name}imum", a, b)
    if isinstance(dtype, types.Boolean):
        return builder.or_(a, b) if name == "max" else builder.and_(a, b)
    return _call_llvm(builder, ("s" if dtype.signed else "u") + name, a, b)


def _sum_reordered(builder: ir.IRBuilder, dtype: Any, a: Any, b: Any) -> Any:
    return builder.fadd(a, b, flags=_REORDERED) if isinstance(dtype, types.Float) else builder.add(a, b)


def _product_reordered(builder: ir.IRBuilder, dtype: Any, a: Any, b: Any) -> Any:
    return builder.fmul(a, b, flags=_REORDERED) if isinstance(dtype, types.Float) else builder.mul(a, b)


def _accumulation(
    name: str, combine: Callable[[ir.IRBuilder, Any, Any, Any], Any], accumulator: Any, value: Any
) -> Any:
    if not _is_number(accumulator) or not _is_number(value):
        raise errors.TypingError(f"{name} takes numbers, got {accumulator} and {value}")
    dtype = types.unliteral(accumulator)

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return combine(builder, dtype, args[0], args[1])

    return dtype(dtype, dtype), generate


@intrinsic
def accumulate_add(typing_context: Any, accumulator: Any, value: Any) -> Any:
    """`accumulator + value` in the accumulator's dtype, in any order."""
    return _accumulation("accumulate_add", _sum_reordered, accumulator, value)


@intrinsic
def accumulate_multiply(typing_context: Any, accumulator: Any, value: Any) -> Any:
    """`accumulator * value` in the accumulator's dtype, in any order."""
    return _accumulation("accumulate_multiply", _product_reordered, accumulator, value)


@intrinsic
def accumulate_maximum(typing_context: Any, accumulator: Any, value: Any) -> Any:
    """The larger of both in the accumulator's dtype, NaN once a NaN was met."""
    return _accumulation("accumulate_maximum", lambda b, t, x, y: _extremum("max", t, b, x, y), accumulator, value)


@intrinsic
def accumulate_minimum(typing_context: Any, accumulator: Any, value: Any) -> Any:
    """The smaller of both in the accumulator's dtype, NaN once a NaN was met."""
    return _accumulation("accumulate_minimum", lambda b, t, x, y: _extremum("min", t, b, x, y), accumulator, value)


@intrinsic
def select(typing_context: Any, condition: Any, a: Any, b: Any) -> Any:
    """`a` where the boolean condition holds, else `b`; both are computed, nothing branches."""
    if not isinstance(condition, types.Boolean):
        raise errors.TypingError(f"the condition of select must be a boolean, got {condition}")
    dtype = _common_type(typing_context, "select", a, b)

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return builder.select(*args)

    return dtype(types.boolean, dtype, dtype), generate


@intrinsic
def floor_divide(typing_context: Any, a: Any, b: Any) -> Any:
    """NumPy's `//`: rounds to minus infinity; an integer divided by zero gives 0 and nothing overflows into a trap."""
    dtype = _common_type(typing_context, "floor_divide", a, b)

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return _divide(builder, dtype, *args)[0]

    return dtype(dtype, dtype), generate


@intrinsic
def floor_modulo(typing_context: Any, a: Any, b: Any) -> Any:
    """NumPy's `%`: has the divisor's sign; an integer modulo zero gives 0."""
    dtype = _common_type(typing_context, "floor_modulo", a, b)

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return _divide(builder, dtype, *args)[1]

    return dtype(dtype, dtype), generate


def _divide(builder: ir.IRBuilder, dtype: Any, a: Any, b: Any) -> tuple[Any, Any]:
    if isinstance(dtype, types.Float):
        return _divide_floats(builder, a, b)
    if isinstance(dtype, types.Boolean):
        raise errors.TypingError("booleans have no floor division")
    return _divide_integers(builder, dtype.signed, a, b)


def _divide_integers(builder: ir.IRBuilder, signed: bool, a: Any, b: Any) -> tuple[Any, Any]:
    """Quotient rounded down and its remainder; x // 0 = x % 0 = 0, and dividing by -1 is negation (no overflow)."""
    zero, one = ir.Constant(a.type, 0), ir.Constant(a.type, 1)
    by_zero = builder.icmp_unsigned("==", b, zero)
    if not signed:
        safe = builder.select(by_zero, one, b)
        quotient, remainder = builder.udiv(a, safe), builder.urem(a, safe)
        return builder.select(by_zero, zero, quotient), builder.select(by_zero, zero, remainder)
    by_minus_one = builder.icmp_signed("==", b, ir.Constant(a.type, -1))
    safe = builder.select(builder.or_(by_zero, by_minus_one), one, b)
    truncated, remainder = builder.sdiv(a, safe), builder.srem(a, safe)
    opposite = builder.icmp_signed("<", builder.xor(remainder, safe), zero)
    below = builder.and_(opposite, builder.icmp_signed("!=", remainder, zero))
    quotient = builder.sub(truncated, builder.zext(below, a.type))
    modulo = builder.add(remainder, builder.select(below, safe, zero))
    quotient = builder.select(by_minus_one, builder.neg(a), quotient)
    return builder.select(by_zero, zero, quotient), builder.select(by_zero, zero, modulo)


def _divide_floats(builder: ir.IRBuilder, a: Any, b: Any) -> tuple[Any, Any]:
    """Quotient and remainder as NumPy's `divmod` for floats defines them, from the exact remainder of C's `fmod`."""
    zero, one = ir.Constant(a.type, 0.0), ir.Constant(a.type, 1.0)
    plain = (_NEUTRAL_FLAG,)
    remainder = builder.frem(a, b, flags=plain)
    is_whole = builder.fcmp_unordered("==", remainder, zero)
    is_whole = builder.and_(is_whole, builder.fcmp_ordered("ord", remainder, remainder))
    signs_differ = builder.xor(
        builder.fcmp_ordered("<", b, zero, flags=plain), builder.fcmp_ordered("<", remainder, zero, flags=plain)
    )
    adjust = builder.and_(builder.not_(is_whole), signs_differ)
    modulo = builder.select(adjust, builder.fadd(remainder, b, flags=plain), remainder)
    modulo = builder.select(is_whole, _call_llvm(builder, "copysign", zero, b), modulo)
    quotient = builder.fdiv(builder.fsub(a, remainder, flags=plain), b, flags=("contract",))
    quotient = builder.select(adjust, builder.fsub(quotient, one, flags=plain), quotient)
    floored = _call_llvm(builder, "floor", quotient)
    rest = builder.fsub(quotient, floored, flags=plain)
    half = builder.fcmp_ordered(">", rest, ir.Constant(a.type, 0.5), flags=plain)
    floored = builder.select(half, builder.fadd(floored, one, flags=plain), floored)
    exact = builder.fdiv(a, b, flags=("contract",))
    is_zero = builder.fcmp_ordered("==", quotient, zero, flags=plain)
    floored = builder.select(is_zero, _call_llvm(builder, "copysign", zero, exact), floored)
    by_zero = builder.fcmp_ordered("==", b, zero, flags=plain)
    return builder.select(by_zero, exact, floored), modulo


@intrinsic
def astype(typing_context: Any, value: Any, dtype: Any) -> Any:
    """`astype(x, int32)`: convert as NumPy's `astype` does, out of range values included."""
    if not _is_number(value) or not isinstance(dtype, types.NumberClass):
        raise errors.TypingError(f"astype(value, dtype) got {value} and {dtype}")
    source, target = types.unliteral(value), dtype.instance_type

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return _convert(context, builder, args[0], source, target)

    return target(source, dtype), generate


def _convert(context: Any, builder: ir.IRBuilder, value: Any, source: Any, target: Any) -> Any:
    if isinstance(target, types.Boolean) and isinstance(source, types.Float):
        return builder.fcmp_unordered("!=", value, ir.Constant(value.type, 0.0), flags=(_NEUTRAL_FLAG,))
    if isinstance(target, types.Boolean) and isinstance(source, types.Integer):
        return builder.icmp_unsigned("!=", value, ir.Constant(value.type, 0))
    if isinstance(source, types.Float) and isinstance(target, types.Integer):
        return _float_to_integer(builder, value, target)
    return context.cast(builder, value, source, target)


def _float_to_integer(builder: ir.IRBuilder, value: Any, target: Any) -> Any:
    """Truncate like the processor's conversion that NumPy's C code compiles to.

    Integers below 32 bits take the low bits of a 32-bit conversion. On x86 what does not fit becomes the smallest
    integer (Intel, "Software Developer's Manual", CVTTSD2SI); elsewhere it saturates and NaN becomes 0.
    """
    width = max(target.bitwidth, 32)
    wide_unsigned = not target.signed and target.bitwidth >= 32
    if wide_unsigned and target.bitwidth == 32:
        width, wide_unsigned = 64, False
    whole = ir.IntType(width)
    if _x86 and not wide_unsigned:
        limit = ir.Constant(value.type, float(2 ** (width - 1)))
        fits = builder.and_(
            builder.fcmp_ordered("<", value, limit, flags=(_NEUTRAL_FLAG,)),
            builder.fcmp_ordered(
                ">=", value, ir.Constant(value.type, -float(2 ** (width - 1))), flags=(_NEUTRAL_FLAG,)
            ),
        )
        safe = builder.select(fits, value, ir.Constant(value.type, 0.0))
        converted = builder.select(fits, builder.fptosi(safe, whole), ir.Constant(whole, -(2 ** (width - 1))))
    else:
        name = f"llvm.fpto{'u' if wide_unsigned else 's'}i.sat.i{width}." + (
            "f32" if str(value.type) == "float" else "f64"
        )
        function = builder.module.globals.get(name)
        if function is None:
            function = ir.Function(builder.module, ir.FunctionType(whole, [value.type]), name)
        converted = builder.call(function, [value])
    return builder.trunc(converted, ir.IntType(target.bitwidth)) if target.bitwidth < width else converted
