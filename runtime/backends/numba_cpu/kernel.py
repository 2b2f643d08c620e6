"""The decorators of generated modules: `@kernel` for loops over rows, `@program` for the entry that calls them."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import errors, types
from numba.core.typing import signature
from numba.extending import intrinsic

from tracegraph.runtime.backends.numba_cpu.buffer_type import table_type

kernel_signature = signature(types.none, types.intp, types.intp, table_type)
program_signature = signature(types.intp, table_type)
SYMBOL_PREFIX = "tracegraph."
PROGRAM_SYMBOL = "tracegraph_main"
PARALLEL_SYMBOL = "tracegraph_parallel"


class Kernel(types.ExternalFunction):
    """A function `(lo, hi, table)` of a generated module; callable from its other functions and with `parallel`."""

    def __init__(self, py_func: Callable[..., Any]) -> None:
        self.py_func = py_func
        super().__init__(SYMBOL_PREFIX + py_func.__name__, kernel_signature)

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two kernels one type to Numba, which keeps a single instance of equal types: their function."""
        return self.symbol, self.py_func


class ProgramFunction:
    """The function `(table) -> status` of a generated module, which calls the kernels in order."""

    def __init__(self, py_func: Callable[..., Any]) -> None:
        self.py_func = py_func


def kernel(py_func: Callable[..., Any]) -> Kernel:
    """Declare a kernel: `def name(lo, hi, table)` works on the rows `lo` up to `hi` and returns nothing."""
    return Kernel(py_func)


def program(py_func: Callable[..., Any]) -> ProgramFunction:
    """Declare the program: `def main(table)` returns 0, or the number of what failed."""
    return ProgramFunction(py_func)


@intrinsic
def parallel(typing_context: Any, body: Any, lo: Any, hi: Any, grain: Any, table: Any) -> Any:
    """`parallel(kernel, lo, hi, grain, table)`: run the kernel over [lo, hi) in chunks of at least `grain` rows."""
    if not isinstance(body, types.ExternalFunction):
        raise errors.TypingError(f"parallel needs a function made with @kernel, got {body}")
    address = ir.IntType(64)

    def generate(context: Any, builder: ir.IRBuilder, sig: Any, args: Any) -> Any:
        byte_pointer = ir.IntType(8).as_pointer()
        kernel_type = ir.FunctionType(ir.VoidType(), [address, address, context.get_value_type(table_type)])
        target = _declare(builder.module, kernel_type, body.symbol)
        runner_type = ir.FunctionType(ir.VoidType(), [byte_pointer, address, address, address, byte_pointer])
        runner = _declare(builder.module, runner_type, PARALLEL_SYMBOL)
        builder.call(
            runner,
            [builder.bitcast(target, byte_pointer), *args[1:4], builder.bitcast(args[4], byte_pointer)],
        )
        return context.get_dummy_value()

    return types.none(body, types.intp, types.intp, types.intp, table_type), generate


def _declare(module: ir.Module, function_type: ir.FunctionType, symbol: str) -> ir.Function:
    known = module.globals.get(symbol)
    return known if known is not None else ir.Function(module, function_type, symbol)
