"""All names that a generated module uses, which begins with `from ...numba_cpu.dialect import *`."""

from numba.core.types import boolean as bool_
from numba.core.types import float32, float64, int8, int16, int32, int64, intp, uint8, uint32, uint64, uintp

from tracegraph.runtime import vector_math
from tracegraph.runtime.backends.numba_cpu.blas import (
    blas_threads,
    gemm_batched_f32,
    gemm_batched_f64,
    gemm_f32,
    gemm_f64,
    gemv_f32,
    gemv_f64,
)
from tracegraph.runtime.backends.numba_cpu.buffer_type import at, buffer, point, scratch, subtable
from tracegraph.runtime.backends.numba_cpu.kernel import kernel, parallel, program
from tracegraph.runtime.backends.numba_cpu.random_words import philox_block, philox_u32
from tracegraph.runtime.backends.numba_cpu.scalar_operations import (
    accumulate_add,
    accumulate_maximum,
    accumulate_minimum,
    accumulate_multiply,
    astype,
    floor_divide,
    floor_modulo,
    select,
)
from tracegraph.runtime.backends.numba_cpu.status import fail, reset_status, status
from tracegraph.runtime.vector_math import *  # noqa: F403

__all__ = [
    "accumulate_add",
    "accumulate_maximum",
    "accumulate_minimum",
    "accumulate_multiply",
    "astype",
    "at",
    "blas_threads",
    "bool_",
    "buffer",
    "fail",
    "float32",
    "float64",
    "floor_divide",
    "floor_modulo",
    "gemm_batched_f32",
    "gemm_batched_f64",
    "gemm_f32",
    "gemm_f64",
    "gemv_f32",
    "gemv_f64",
    "int8",
    "int16",
    "int32",
    "int64",
    "intp",
    "kernel",
    "parallel",
    "philox_block",
    "philox_u32",
    "point",
    "program",
    "reset_status",
    "scratch",
    "select",
    "status",
    "subtable",
    "uint8",
    "uint32",
    "uint64",
    "uintp",
]
__all__ += list(vector_math.NAMES)
