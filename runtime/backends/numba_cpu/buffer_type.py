"""Lets a kernel open a typed window on memory, `x = buffer(table, slot, offset, float32)`, and read or write `x[i]`.

There are no bounds or negative-index checks, and buffers of different (slot, offset) are declared not to overlap
through LLVM's scoped alias metadata, so that loops over many buffers vectorise without run-time checks.
"""

import operator
from typing import Any

from llvmlite import ir
from numba.core import errors, types
from numba.core.datamodel import models
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, register_model

table_type = types.CPointer(types.uintp)
_SCOPES_ATTRIBUTE = "tracegraph_alias_scopes"
_TABLE_SCOPE = -1
_byte_pointer = ir.IntType(8).as_pointer()


class BufferType(types.Type):
    """The memory at byte `offset` behind the address in table slot `slot`, seen as elements of `dtype`."""

    def __init__(self, dtype: types.Type, slot: int, offset: int) -> None:
        self.dtype, self.slot, self.offset = dtype, slot, offset
        super().__init__(name=f"buffer({dtype}, slot={slot}, offset={offset})")


@register_model(BufferType)
class _BufferModel(models.PrimitiveModel):
    def __init__(self, data_model_manager: Any, buffer_type: BufferType) -> None:
        super().__init__(data_model_manager, buffer_type, element_storage(buffer_type.dtype).as_pointer())


def element_storage(dtype: types.Type) -> ir.Type:
    """How one element lies in memory: a boolean takes a byte, all others are as in registers."""
    if isinstance(dtype, types.Boolean):
        return ir.IntType(8)
    if isinstance(dtype, types.Float):
        return ir.FloatType() if dtype.bitwidth == 32 else ir.DoubleType()
    return ir.IntType(dtype.bitwidth)


class _AliasScopes:
    """The alias metadata of one function: each buffer's scope, and for each the list of all the other buffers."""

    def __init__(self, module: ir.Module, function_name: str) -> None:
        self._module = module
        self._domain = module.add_metadata([ir.MetaDataString(module, f"tracegraph {function_name}")])
        self._scopes: dict[tuple[int, int], tuple[Any, Any, Any]] = {}

    def metadata_of(self, slot: int, offset: int) -> tuple[Any, Any]:
        """The `alias.scope` and `noalias` lists for accesses to one buffer; later buffers join the earlier lists."""
        key = (slot, offset)
        if key not in self._scopes:
            name = ir.MetaDataString(self._module, f"slot {slot} offset {offset}")
            scope = self._module.add_metadata([name, self._domain])
            own = self._module.add_metadata([scope])
            marker = ir.MetaDataString(self._module, f"others than slot {slot} offset {offset}")
            others = self._module.add_metadata([marker])
            others.operands = tuple(known for known, _, _ in self._scopes.values())
            for _, _, lists in self._scopes.values():
                lists.operands += (scope,)
            self._scopes[key] = (scope, own, others)
        _, own, others = self._scopes[key]
        return own, others


def _mark(builder: ir.IRBuilder, access: Any, slot: int, offset: int) -> None:
    function = builder.function
    scopes = getattr(function, _SCOPES_ATTRIBUTE, None)
    if scopes is None:
        scopes = _AliasScopes(builder.module, function.name)
        setattr(function, _SCOPES_ATTRIBUTE, scopes)
    own, others = scopes.metadata_of(slot, offset)
    access.set_metadata("alias.scope", own)
    access.set_metadata("noalias", others)


def slot_address(builder: ir.IRBuilder, table: Any, slot: int) -> Any:
    """The address held in a slot of the pointer table, which no buffer overlaps."""
    index = ir.Constant(ir.IntType(64), slot)
    address = builder.load(builder.gep(table, [index], inbounds=True))
    _mark(builder, address, _TABLE_SCOPE, 0)
    return address


def literal_integer(value: Any, what: str) -> int:
    """The value of a literal integer type; `what` names the argument in the error for anything else."""
    if isinstance(value, types.IntegerLiteral):
        return int(value.literal_value)
    raise errors.TypingError(f"{what} must be an integer written in the source, got a value of type {value}")


@intrinsic(prefer_literal=True)
def buffer(typing_context: Any, table: Any, slot: Any, offset: Any, dtype: Any) -> Any:
    """`buffer(table, slot, offset, dtype)`: the memory at byte `offset` behind the address in table slot `slot`."""
    if not isinstance(dtype, types.NumberClass):
        raise errors.TypingError(f"the dtype of a buffer must be a dtype name of the dialect, got {dtype}")
    buffer_type = BufferType(
        dtype.instance_type, literal_integer(slot, "the slot of a buffer"), literal_integer(offset, "the offset")
    )

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        address = slot_address(builder, args[0], buffer_type.slot)
        base = builder.inttoptr(address, _byte_pointer)
        start = builder.gep(base, [ir.Constant(ir.IntType(64), buffer_type.offset)], inbounds=True)
        return builder.bitcast(start, context.get_value_type(buffer_type))

    return buffer_type(table_type, slot, offset, dtype), generate


@intrinsic(prefer_literal=True)
def scratch(typing_context: Any, number: Any, count: Any, dtype: Any) -> Any:
    """`scratch(number, count, dtype)`: room for `count` elements on the stack, a buffer apart from all others."""
    if not isinstance(dtype, types.NumberClass):
        raise errors.TypingError(f"the dtype of scratch memory must be a dtype name of the dialect, got {dtype}")
    own = literal_integer(number, "the number of scratch memory")
    size = literal_integer(count, "the size of scratch memory")
    buffer_type = BufferType(dtype.instance_type, -1 - own, 0)

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        storage = element_storage(buffer_type.dtype)
        with builder.goto_entry_block():
            memory = builder.alloca(storage, ir.Constant(ir.IntType(64), size))
            memory.align = 64
        return memory

    return buffer_type(number, count, dtype), generate


@intrinsic
def at(typing_context: Any, array: Any, index: Any) -> Any:
    """`at(x, i)`: the same buffer starting at element `i`, for handing a part of it to a matrix product."""
    if not isinstance(array, BufferType) or not isinstance(index, types.Integer):
        raise errors.TypingError(f"at(buffer, index) got {array} and {index}")

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]], inbounds=True)

    return array(array, types.intp), generate


@intrinsic(prefer_literal=True)
def subtable(typing_context: Any, table: Any, first_slot: Any) -> Any:
    """`subtable(table, n)`: the pointer table from slot `n` on, so that equal kernels can share one body."""
    if not isinstance(first_slot, types.Integer):
        raise errors.TypingError(f"subtable(table, first_slot) got a slot of type {first_slot}")

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]], inbounds=True)

    return table_type(table_type, types.intp), generate


@intrinsic
def point(typing_context: Any, table: Any, to: Any, slot: Any, offset: Any) -> Any:
    """`point(table, to, slot, offset)`: puts the address at byte `offset` behind that of a slot into slot `to`."""
    if not all(isinstance(number, types.Integer) for number in (to, slot, offset)):
        raise errors.TypingError(f"point(table, to, slot, offset) got {to}, {slot} and {offset}")

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        table, to, slot, offset = args
        address = builder.add(builder.load(builder.gep(table, [slot], inbounds=True)), offset)
        builder.store(address, builder.gep(table, [to], inbounds=True))
        return context.get_dummy_value()

    return types.none(table_type, types.intp, types.intp, types.intp), generate


@infer_global(operator.getitem)
class _BufferGetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if len(args) == 2 and isinstance(args[0], BufferType) and isinstance(args[1], types.Integer):
            return signature(args[0].dtype, args[0], types.intp)
        return None


@infer_global(operator.setitem)
class _BufferSetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if len(args) == 3 and isinstance(args[0], BufferType) and isinstance(args[1], types.Integer):
            return signature(types.none, args[0], types.intp, args[0].dtype)
        return None


@lower_builtin(operator.getitem, BufferType, types.intp)
def _lower_getitem(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
    buffer_type = sig.args[0]
    loaded = builder.load(builder.gep(args[0], [args[1]], inbounds=True))
    _mark(builder, loaded, buffer_type.slot, buffer_type.offset)
    if isinstance(buffer_type.dtype, types.Boolean):
        return builder.icmp_unsigned("!=", loaded, ir.Constant(loaded.type, 0))
    return loaded


@lower_builtin(operator.setitem, BufferType, types.intp, types.Any)
def _lower_setitem(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
    buffer_type = sig.args[0]
    value = args[2]
    if isinstance(buffer_type.dtype, types.Boolean):
        value = builder.zext(value, ir.IntType(8))
    stored = builder.store(value, builder.gep(args[0], [args[1]], inbounds=True))
    _mark(builder, stored, buffer_type.slot, buffer_type.offset)
    return context.get_dummy_value()
