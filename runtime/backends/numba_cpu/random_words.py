"""Random words inside kernels, as functions of the element's index: `philox_u32(seed, start, i)`.

Bit-identical to `tracegraph.runtime.philox`, which names the source of the algorithm.
"""

from typing import Any

from llvmlite import ir
from numba.core import errors, types
from numba.extending import intrinsic

from tracegraph.runtime.philox import KEY_INCREMENTS, MULTIPLIERS, ROUNDS

_word, _double = ir.IntType(32), ir.IntType(64)


def _halves(builder: ir.IRBuilder, value: Any) -> tuple[Any, Any]:
    return builder.trunc(value, _word), builder.trunc(builder.lshr(value, ir.Constant(_double, 32)), _word)


def _block(builder: ir.IRBuilder, seed: Any, counter: Any) -> tuple[Any, Any, Any, Any]:
    """The four words of the block with a 64-bit counter, for a 64-bit seed."""
    c0, c1 = _halves(builder, counter)
    c2 = c3 = ir.Constant(_word, 0)
    key = _halves(builder, seed)
    for turn in range(ROUNDS):
        keys = [
            builder.add(part, ir.Constant(_word, turn * step & 0xFFFFFFFF))
            for part, step in zip(key, KEY_INCREMENTS, strict=True)
        ]
        low0, high0 = _halves(builder, builder.mul(builder.zext(c0, _double), ir.Constant(_double, MULTIPLIERS[0])))
        low1, high1 = _halves(builder, builder.mul(builder.zext(c2, _double), ir.Constant(_double, MULTIPLIERS[1])))
        c0 = builder.xor(builder.xor(high1, c1), keys[0])
        c2 = builder.xor(builder.xor(high0, c3), keys[1])
        c1, c3 = low1, low0
    return c0, c1, c2, c3


@intrinsic
def philox_u32(typing_context: Any, seed: Any, start: Any, index: Any) -> Any:
    """`philox_u32(seed, start, i)`: word i of the stream of a seed that starts at the 64-bit counter `start`."""
    if not all(isinstance(value, types.Integer) for value in (seed, start, index)):
        raise errors.TypingError(f"philox_u32 takes integers, got {seed}, {start} and {index}")

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        counter = builder.add(args[1], builder.lshr(args[2], ir.Constant(_double, 2)))
        c0, c1, c2, c3 = _block(builder, args[0], counter)
        odd = builder.trunc(args[2], ir.IntType(1))
        upper = builder.trunc(builder.lshr(args[2], ir.Constant(_double, 1)), ir.IntType(1))
        return builder.select(upper, builder.select(odd, c3, c2), builder.select(odd, c1, c0))

    return types.uint32(types.uint64, types.uint64, types.uint64), generate


@intrinsic
def philox_block(typing_context: Any, seed: Any, counter: Any) -> Any:
    """The four words of a block, as a tuple, for loops that fill four elements at a time."""
    if not all(isinstance(value, types.Integer) for value in (seed, counter)):
        raise errors.TypingError(f"philox_block takes integers, got {seed} and {counter}")
    result = types.UniTuple(types.uint32, 4)

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        return context.make_tuple(builder, result, _block(builder, args[0], args[1]))

    return result(types.uint64, types.uint64), generate
