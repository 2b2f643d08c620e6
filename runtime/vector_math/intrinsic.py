"""Turn a formula on expressions into a function for Numba-compiled code: `exp_f32, exp_f64 = unary("exp", exp)`.

The LLVM instructions are emitted at the place of the call: nothing is typed or lowered by Numba but the call itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from .expression import F32, F64, Expression, FloatFormat

Formula = Callable[..., Expression]


def _number_type(shape: FloatFormat) -> Any:
    return types.float32 if shape is F32 else types.float64


def _require_numbers(name: str, *operands: Any) -> None:
    for operand in operands:
        if not isinstance(operand, (types.Number, types.Boolean)):
            raise TypingError(f"{name} takes numbers, but was given {operand}")


def unary(name: str, formula: Formula) -> tuple[Any, Any]:
    """The functions `name_f32` and `name_f64` of one number, which is converted to the width first."""
    return _unary(name, F32, formula), _unary(name, F64, formula)


def binary(name: str, formula: Formula) -> tuple[Any, Any]:
    """The functions `name_f32` and `name_f64` of two numbers, which are converted to the width first."""
    return _binary(name, F32, formula), _binary(name, F64, formula)


def _unary(name: str, shape: FloatFormat, formula: Formula) -> Any:
    full_name = f"{name}_{shape.name}"
    number = _number_type(shape)

    def typing(typingctx: Any, x: Any) -> Any:
        _require_numbers(full_name, x)

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return formula(Expression(builder, arguments[0])).value

        return number(number), codegen

    return _publish(full_name, typing, formula)


def _binary(name: str, shape: FloatFormat, formula: Formula) -> Any:
    full_name = f"{name}_{shape.name}"
    number = _number_type(shape)

    def typing(typingctx: Any, x: Any, y: Any) -> Any:
        _require_numbers(full_name, x, y)

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return formula(*(Expression(builder, argument) for argument in arguments)).value

        return number(number, number), codegen

    return _publish(full_name, typing, formula)


def extremum(name: str, formula: Formula, integer_comparison: str) -> Any:
    """A function of two numbers of any real type, unified as Numba unifies them; integers are compared as they are."""

    def typing(typingctx: Any, x: Any, y: Any) -> Any:
        _require_numbers(name, x, y)
        unified: Any = typingctx.unify_types(x, y)
        if not isinstance(unified, (types.Integer, types.Float, types.Boolean)):
            raise TypingError(f"{name} takes real numbers, but was given {x} and {y}")

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            left, right = arguments
            if isinstance(unified, types.Float):
                return formula(Expression(builder, left), Expression(builder, right)).value
            signed = getattr(unified, "signed", False)
            compare = builder.icmp_signed if signed else builder.icmp_unsigned
            return builder.select(compare(integer_comparison, left, right), left, right)

        return unified(unified, unified), codegen

    return _publish(name, typing, formula)


def _publish(full_name: str, typing: Callable[..., Any], formula: Formula) -> Any:
    typing.__name__ = typing.__qualname__ = full_name
    typing.__doc__ = formula.__doc__
    return intrinsic(typing)
