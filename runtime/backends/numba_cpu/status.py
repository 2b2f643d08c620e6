"""Lets kernels report a failure found in the data, such as a bad index, through one slot of the pointer table.

The program calls `reset_status(table, slot)` first, a kernel `fail(table, slot, code)`, and the program ends with
`return status(table, slot)`: 0, or the code of one of the failures.
"""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from tracegraph.runtime.backends.numba_cpu.buffer_type import literal_integer, table_type

_word = ir.IntType(64)


def _status_word(builder: ir.IRBuilder, table: Any, slot: int) -> Any:
    return builder.gep(table, [ir.Constant(_word, slot)], inbounds=True)


@intrinsic(prefer_literal=True)
def reset_status(typing_context: Any, table: Any, slot: Any) -> Any:
    """`reset_status(table, slot)`: forget earlier failures."""
    number = literal_integer(slot, "the status slot")

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        builder.store_atomic(ir.Constant(_word, 0), _status_word(builder, args[0], number), "monotonic", 8)
        return context.get_dummy_value()

    return types.none(table_type, slot), generate


@intrinsic(prefer_literal=True)
def fail(typing_context: Any, table: Any, slot: Any, code: Any) -> Any:
    """`fail(table, slot, code)`: report a failure; when several kernels or threads fail, one of their codes stays."""
    number = literal_integer(slot, "the status slot")

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        builder.store_atomic(args[2], _status_word(builder, args[0], number), "monotonic", 8)
        return context.get_dummy_value()

    return types.none(table_type, slot, types.intp), generate


@intrinsic(prefer_literal=True)
def status(typing_context: Any, table: Any, slot: Any) -> Any:
    """`status(table, slot)`: 0, or the code of a failure reported since the last reset."""
    number = literal_integer(slot, "the status slot")

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return builder.load_atomic(_status_word(builder, args[0], number), "monotonic", 8)

    return types.intp(table_type, slot), generate
