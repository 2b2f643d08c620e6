"""Expressions write the LLVM instructions one reads in the formula, pinned against later fast-math rewriting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from llvmlite import ir
from numba.core.fastmathpass import rewrite_module

from tracegraph.runtime.vector_math.expression import F32, F64, Expression, by_width, fma, polynomial, select


def build(formula: Callable[[Expression], Expression], operand_type: Any = F64.type) -> tuple[ir.Module, list[str]]:
    """The module of a function `formula`, and the instructions of its body."""
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [operand_type]), "formula")
    builder = ir.IRBuilder(function.append_basic_block())
    formula(Expression(builder, function.args[0]))
    return module, [str(instruction) for instruction in builder.block.instructions]


def test_operators_become_single_instructions() -> None:
    _, instructions = build(lambda x: select(x < 1.0, 2.0 * x, 1.0 / x) - 3.0)
    operations = [instruction.split(" = ")[1].split(" ")[0] for instruction in instructions]
    assert operations == ["fcmp", "fmul", "fdiv", "select", "fsub"]


def test_polynomial_takes_one_fused_step_for_each_power() -> None:
    _, instructions = build(lambda x: polynomial(x, (1.0, 2.0, 3.0, 4.0)))
    assert len(instructions) == 3
    assert all("llvm.fma.f64" in instruction for instruction in instructions)


def test_fastmath_rewriting_finds_nothing_to_change() -> None:
    class Options:
        flags = frozenset({"fast"})

    module, before = build(lambda x: fma(x, x, 1.0) / (x + 1.0) * x - x)
    rewrite_module(module, Options())
    after = [str(instruction) for instruction in module.functions[0].blocks[0].instructions]
    assert after == before


def test_coefficients_are_chosen_by_width() -> None:
    chosen: list[str] = []

    def note(x: Expression) -> Expression:
        chosen.append(by_width(x, "single", "double"))
        return x

    build(note, F32.type)
    build(note, F64.type)
    assert chosen == ["single", "double"]


def test_select_between_two_plain_numbers_is_refused() -> None:
    with pytest.raises(TypeError, match="select needs an expression"):
        build(lambda x: select(x < 0.0, 1.0, 2.0))


def test_an_integer_has_no_float_format() -> None:
    with pytest.raises(TypeError, match="expected a float or double value, got LLVM type i64"):
        build(lambda x: by_width(x.bits(), x, x))
