"""Leave the rare operands of a formula to a C library function and still have the loop vectorised.

The scalar call in the loop names, by LLVM's `vector-function-abi-variant` attribute, a vector version of itself for
each register width; that version tests whether any lane is rare and only then visits the lanes one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from .expression import F64, Expression

# A test for rare operands: takes the builder, the operands and `constant`, which makes a number of their LLVM type.
RareTest = Callable[[Any, list[Any], Callable[[float], Any]], Any]

_LANE_COUNTS = (2, 4, 8, 16, 32)


def _declare(module: Any, name: str, value_type: Any, arity: int) -> Any:
    function = ir.Function(module, ir.FunctionType(value_type, [value_type] * arity), name)
    # Equal definitions of several modules are merged; unlike `linkonce_odr`, unreferenced ones are kept for the vectoriser.
    function.linkage = "weak_odr"
    for attribute in ("noinline", "nounwind", "readnone"):
        function.attributes.add(attribute)
    return function


def _define_scalar(module: Any, name: str, arity: int, is_rare: RareTest, library_name: str) -> Any:
    double = F64.type
    function = _declare(module, name, double, arity)
    library_type = ir.FunctionType(double, [double] * arity)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    operands = list(function.args)
    with builder.if_then(is_rare(builder, operands, lambda number: ir.Constant(double, number)), likely=False):
        library = module.globals.get(library_name) or ir.Function(module, library_type, library_name)
        builder.ret(builder.call(library, operands))
    builder.ret(ir.Constant(double, 0.0))
    return function


def _define_vector(module: Any, name: str, scalar: Any, lanes: int, is_rare: RareTest) -> None:
    double = F64.type
    index = ir.IntType(32)
    vector = ir.VectorType(double, lanes)
    arity = len(scalar.args)
    function = _declare(module, name, vector, arity)
    operands = list(function.args)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    rare = is_rare(builder, operands, lambda number: ir.Constant(vector, [number] * lanes))
    any_rare = builder.icmp_unsigned("!=", builder.bitcast(rare, ir.IntType(lanes)), ir.IntType(lanes)(0))
    zero = ir.Constant(vector, [0.0] * lanes)
    body, usual = function.append_basic_block("lane"), function.append_basic_block("usual")
    entry = builder.block
    builder.cbranch(any_rare, body, usual)
    builder.position_at_end(usual)
    builder.ret(zero)
    builder.position_at_end(body)
    lane, result = builder.phi(index), builder.phi(vector)
    value = builder.call(scalar, [builder.extract_element(operand, lane) for operand in operands])
    updated = builder.insert_element(result, value, lane)
    following = builder.add(lane, index(1))
    lane.add_incoming(index(0), entry)
    lane.add_incoming(following, body)
    result.add_incoming(zero, entry)
    result.add_incoming(updated, body)
    done = function.append_basic_block("done")
    builder.cbranch(builder.icmp_unsigned("==", following, index(lanes)), done, body)
    ir.IRBuilder(done).ret(updated)


def rare_call(name: str, library_name: str, is_rare: RareTest, *operands: Expression) -> Expression:
    """`library_name`(operands), a C library function of float64, where `is_rare` holds, else 0.

    `name` identifies the pair of test and function in a module.
    """
    builder = operands[0].builder
    module = builder.module
    full_name = f"vector_math_rare_{name}"
    scalar = module.globals.get(full_name)
    if scalar is None:
        scalar = _define_scalar(module, full_name, len(operands), is_rare, library_name)
        variants = []
        for lanes in _LANE_COUNTS:
            _define_vector(module, f"{full_name}_{lanes}", scalar, lanes, is_rare)
            variants.append(f"_ZGV_LLVM_N{lanes}{'v' * len(operands)}_{full_name}({full_name}_{lanes})")
        # llvmlite knows no string attributes; the set prints what it holds.
        set.add(scalar.attributes, f'"vector-function-abi-variant"="{",".join(variants)}"')
    return Expression(builder, builder.call(scalar, [operand.value for operand in operands]))
