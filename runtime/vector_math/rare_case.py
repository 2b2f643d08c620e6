"""Leave the rare operands of a formula to a C library function and still have the loop vectorised.

The scalar call in the loop names, by LLVM's `vector-function-abi-variant` attribute, a vector version of itself for
each register width; that version tests whether any lane is rare and only then visits the lanes one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir

from .expression import F64, Expression, call_function

# A test for rare operands, applied to scalars and to vectors.
RareTest = Callable[..., Expression]


def _lane_counts() -> tuple[int, ...]:
    """The numbers of lanes that loops over float32 or float64 have on this CPU; each one costs compile time."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f", False):
        return (4, 8, 16)
    return (4, 8) if features.get("avx", False) else (2, 4)


_LANE_COUNTS = _lane_counts()


def _declare(module: Any, name: str, value_type: Any, arity: int) -> Any:
    function = ir.Function(module, ir.FunctionType(value_type, [value_type] * arity), name)
    # Merged across modules as `linkonce_odr` is, but kept for the vectoriser while nothing refers to it.
    function.linkage = "weak_odr"
    for attribute in ("noinline", "nounwind", "readnone"):
        function.attributes.add(attribute)
    return function


def _define_scalar(module: Any, name: str, arity: int, is_rare: RareTest, library_name: str) -> Any:
    double = F64.type
    function = _declare(module, name, double, arity)
    library_type = ir.FunctionType(double, [double] * arity)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    operands = [Expression(builder, argument) for argument in function.args]
    with builder.if_then(is_rare(*operands).value, likely=False):
        library = module.globals.get(library_name) or ir.Function(module, library_type, library_name)
        builder.ret(call_function(library, *operands).value)
    builder.ret(ir.Constant(double, 0.0))
    return function


def _define_vector(module: Any, name: str, scalar: Any, lanes: int, is_rare: RareTest) -> None:
    double = F64.type
    index = ir.IntType(32)
    vector = ir.VectorType(double, lanes)
    arity = len(scalar.args)
    function = _declare(module, name, vector, arity)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    operands = [Expression(builder, argument) for argument in function.args]
    mask = ir.IntType(lanes)
    any_rare = builder.icmp_unsigned("!=", builder.bitcast(is_rare(*operands).value, mask), mask(0))
    zero = ir.Constant(vector, [0.0] * lanes)
    usual, lane_by_lane = function.append_basic_block("usual"), function.append_basic_block("lane_by_lane")
    builder.cbranch(any_rare, lane_by_lane, usual)
    builder.position_at_end(usual)
    builder.ret(zero)
    builder.position_at_end(lane_by_lane)
    # The first operand's place also takes the results.
    places = [builder.alloca(vector) for _ in operands]
    for place, operand in zip(places, operands, strict=True):
        builder.store(operand.value, place)
    body, done = function.append_basic_block("body"), function.append_basic_block("done")
    builder.branch(body)
    builder.position_at_end(body)
    lane = builder.phi(index)
    elements = [builder.gep(builder.bitcast(place, double.as_pointer()), [lane]) for place in places]
    result = call_function(scalar, *(Expression(builder, builder.load(element)) for element in elements))
    builder.store(result.value, elements[0])
    following = builder.add(lane, index(1))
    lane.add_incoming(index(0), lane_by_lane)
    lane.add_incoming(following, body)
    builder.cbranch(builder.icmp_unsigned("==", following, index(lanes)), done, body)
    builder.position_at_end(done)
    builder.ret(builder.load(places[0]))


def rare_call(name: str, library_name: str, is_rare: RareTest, *operands: Expression) -> Expression:
    """`library_name`(operands), a C library function of float64, where `is_rare` holds, else 0.

    `name` identifies the pair of test and function in a module.
    """
    module = operands[0].builder.module
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
    return call_function(scalar, *operands)
