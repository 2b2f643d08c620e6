"""Matrix products for generated programs through NumPy's own BLAS: `gemm_f32(...)`, `gemm_f64(...)`, batches, `gemv`.

All matrices are row-major; `available` tells whether this machine has a BLAS to call. The library brings its own
threads, so a parallel kernel calls single products only.
"""

from typing import Any

from llvmlite import ir
from numba.core import errors, types
from numba.extending import intrinsic

from tracegraph.runtime.backends.numba_cpu.buffer_type import BufferType
from tracegraph.runtime.native.blas_library import find_blas

available = find_blas() is not None

_ROW_MAJOR, _NO_TRANSPOSE, _TRANSPOSE = 101, 111, 112
_enum = ir.IntType(32)
_index = ir.IntType(64)


def _declare(builder: ir.IRBuilder, symbol: str, arguments: list[ir.Type]) -> ir.Function:
    known = builder.module.globals.get(symbol)
    if known is not None:
        return known
    return ir.Function(builder.module, ir.FunctionType(ir.VoidType(), arguments), symbol)


def _call(builder: ir.IRBuilder, symbol: str, arguments: list[Any]) -> None:
    builder.call(_declare(builder, symbol, [argument.type for argument in arguments]), arguments)


def _integer(builder: ir.IRBuilder, value: Any) -> Any:
    library = find_blas()
    if library is None or library.integer_bits == 64:
        return value
    return builder.trunc(value, ir.IntType(32))


def _transposition(builder: ir.IRBuilder, flag: Any) -> Any:
    return builder.select(flag, ir.Constant(_enum, _TRANSPOSE), ir.Constant(_enum, _NO_TRANSPOSE))


def _emit_gemm(builder: ir.IRBuilder, symbol: str, args: Any) -> None:
    trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc = args
    sizes = [_integer(builder, size) for size in (m, n, k)]
    lda, ldb, ldc = (_integer(builder, stride) for stride in (lda, ldb, ldc))
    order = ir.Constant(_enum, _ROW_MAJOR)
    flags = [_transposition(builder, trans_a), _transposition(builder, trans_b)]
    _call(builder, symbol, [order, *flags, *sizes, alpha, a, lda, b, ldb, beta, c, ldc])


@intrinsic
def blas_threads(typing_context: Any, count: Any) -> Any:
    """Let the BLAS use `count` threads of its own, and give the number before; nothing happens where it cannot be set.

    Programs turn them off while they run, since their own threads share the products.
    """
    library = find_blas()

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        if library is None or not library.has_threads:
            return ir.Constant(_index, 0)
        getter = builder.module.globals.get("tracegraph_get_threads") or ir.Function(
            builder.module, ir.FunctionType(_enum, []), "tracegraph_get_threads"
        )
        before = builder.call(getter, [])
        _call(builder, "tracegraph_set_threads", [builder.trunc(args[0], _enum)])
        return builder.sext(before, _index)

    return types.intp(types.intp), generate


def _check_buffers(name: str, dtype: Any, *buffers: Any) -> None:
    for item in buffers:
        if not isinstance(item, BufferType) or item.dtype != dtype:
            raise errors.TypingError(f"{name} needs buffers of {dtype}, got {item}")
    if not available:
        raise errors.TypingError(f"{name}: NumPy's BLAS is not reachable on this machine")


def _gemm(name: str, dtype: Any, symbol: str, arguments: tuple[Any, ...]) -> Any:
    a, b, c = arguments[6], arguments[8], arguments[11]
    _check_buffers(name, dtype, a, b, c)

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        _emit_gemm(builder, symbol, args)
        return context.get_dummy_value()

    flag, size = types.boolean, types.intp
    return types.none(flag, flag, size, size, size, dtype, a, size, b, size, dtype, c, size), generate


def _batched(name: str, dtype: Any, symbol: str, arguments: tuple[Any, ...]) -> Any:
    a, b, c = arguments[7], arguments[10], arguments[14]
    _check_buffers(name, dtype, a, b, c)

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        batch, trans_a, trans_b, m, n, k, alpha, a, lda, step_a, b, ldb, step_b, beta, c, ldc, step_c = args
        before = builder.basic_block
        test = builder.append_basic_block("batch.test")
        body = builder.append_basic_block("batch.body")
        done = builder.append_basic_block("batch.done")
        builder.branch(test)
        builder.position_at_end(test)
        number = builder.phi(_index)
        number.add_incoming(ir.Constant(_index, 0), before)
        builder.cbranch(builder.icmp_signed("<", number, batch), body, done)
        builder.position_at_end(body)
        parts = [builder.gep(x, [builder.mul(number, step)]) for x, step in ((a, step_a), (b, step_b), (c, step_c))]
        single = (trans_a, trans_b, m, n, k, alpha, parts[0], lda, parts[1], ldb, beta, parts[2], ldc)
        _emit_gemm(builder, symbol, single)
        number.add_incoming(builder.add(number, ir.Constant(_index, 1)), builder.basic_block)
        builder.branch(test)
        builder.position_at_end(done)
        return context.get_dummy_value()

    flag, size = types.boolean, types.intp
    sizes = (size, flag, flag, size, size, size)
    return types.none(*sizes, dtype, a, size, size, b, size, size, dtype, c, size, size), generate


def _gemv(name: str, dtype: Any, symbol: str, arguments: tuple[Any, ...]) -> Any:
    a, x, y = arguments[4], arguments[6], arguments[9]
    _check_buffers(name, dtype, a, x, y)

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        trans, m, n, alpha, a, lda, x, step_x, beta, y, step_y = args
        order = ir.Constant(_enum, _ROW_MAJOR)
        m, n, lda, step_x, step_y = (_integer(builder, value) for value in (m, n, lda, step_x, step_y))
        flag = _transposition(builder, trans)
        _call(builder, symbol, [order, flag, m, n, alpha, a, lda, x, step_x, beta, y, step_y])
        return context.get_dummy_value()

    size = types.intp
    return types.none(types.boolean, size, size, dtype, a, size, x, size, dtype, y, size), generate


@intrinsic
def gemm_f32(
    typing_context: Any, trans_a: Any, trans_b: Any, m: Any, n: Any, k: Any, alpha: Any,
    a: Any, lda: Any, b: Any, ldb: Any, beta: Any, c: Any, ldc: Any,
) -> Any:  # fmt: skip
    """c (m, n) = alpha op(a) (m, k) op(b) (k, n) + beta c in float32; `ld*` are the lengths of stored rows."""
    arguments = (trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
    return _gemm("gemm_f32", types.float32, "tracegraph_sgemm", arguments)


@intrinsic
def gemm_f64(
    typing_context: Any, trans_a: Any, trans_b: Any, m: Any, n: Any, k: Any, alpha: Any,
    a: Any, lda: Any, b: Any, ldb: Any, beta: Any, c: Any, ldc: Any,
) -> Any:  # fmt: skip
    """c (m, n) = alpha op(a) (m, k) op(b) (k, n) + beta c in float64; `ld*` are the lengths of stored rows."""
    arguments = (trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
    return _gemm("gemm_f64", types.float64, "tracegraph_dgemm", arguments)


@intrinsic
def gemm_batched_f32(
    typing_context: Any, batch: Any, trans_a: Any, trans_b: Any, m: Any, n: Any, k: Any, alpha: Any,
    a: Any, lda: Any, step_a: Any, b: Any, ldb: Any, step_b: Any, beta: Any, c: Any, ldc: Any, step_c: Any,
) -> Any:  # fmt: skip
    """`batch` products as `gemm_f32`, one after the other; `step_*` are elements between the matrices of a batch."""
    arguments = (batch, trans_a, trans_b, m, n, k, alpha, a, lda, step_a, b, ldb, step_b, beta, c, ldc, step_c)
    return _batched("gemm_batched_f32", types.float32, "tracegraph_sgemm", arguments)


@intrinsic
def gemm_batched_f64(
    typing_context: Any, batch: Any, trans_a: Any, trans_b: Any, m: Any, n: Any, k: Any, alpha: Any,
    a: Any, lda: Any, step_a: Any, b: Any, ldb: Any, step_b: Any, beta: Any, c: Any, ldc: Any, step_c: Any,
) -> Any:  # fmt: skip
    """`batch` products as `gemm_f64`, one after the other; `step_*` are elements between the matrices of a batch."""
    arguments = (batch, trans_a, trans_b, m, n, k, alpha, a, lda, step_a, b, ldb, step_b, beta, c, ldc, step_c)
    return _batched("gemm_batched_f64", types.float64, "tracegraph_dgemm", arguments)


@intrinsic
def gemv_f32(
    typing_context: Any, trans: Any, m: Any, n: Any, alpha: Any, a: Any, lda: Any,
    x: Any, step_x: Any, beta: Any, y: Any, step_y: Any,
) -> Any:  # fmt: skip
    """y = alpha op(a) x + beta y in float32, a stored as (m, n) with rows of `lda`; `step_*` are element strides."""
    arguments = (trans, m, n, alpha, a, lda, x, step_x, beta, y, step_y)
    return _gemv("gemv_f32", types.float32, "tracegraph_sgemv", arguments)


@intrinsic
def gemv_f64(
    typing_context: Any, trans: Any, m: Any, n: Any, alpha: Any, a: Any, lda: Any,
    x: Any, step_x: Any, beta: Any, y: Any, step_y: Any,
) -> Any:  # fmt: skip
    """y = alpha op(a) x + beta y in float64, a stored as (m, n) with rows of `lda`; `step_*` are element strides."""
    arguments = (trans, m, n, alpha, a, lda, x, step_x, beta, y, step_y)
    return _gemv("gemv_f64", types.float64, "tracegraph_dgemv", arguments)
