"""Turns the source of a generated module into one native object file: `compile_source(source, name=..., entry=...)`.

Numba is used for its front end only: every function is typed and lowered on its own, without wrappers, then all of
them are linked, optimised and compiled as one LLVM module. Nothing is loaded here; that is the linker's work.
"""

import dataclasses
import linecache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import CompilerBase, Flags, compile_extra
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import PassManager
from numba.core.errors import NumbaError
from numba.core.registry import cpu_target
from numba.core.typed_passes import (
    AnnotateTypes,
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import FixupArgs, IRProcessing, ReconstructSSA, TranslateByteCode

from tracegraph.runtime.backends.numba_cpu.kernel import (
    PROGRAM_SYMBOL,
    Kernel,
    ProgramFunction,
    kernel_signature,
    program_signature,
)
from tracegraph.runtime.errors import CompileError
from tracegraph.runtime.native.machine import drop_unused, optimise, parse_ir, target_machine

FAST_MATH: tuple[str, ...] = ()
"""Arithmetic is rounded as it is written, so that compiled and eager results are equal.

No fused multiply-add (`a*a - b` would not be 0 where it is), no reciprocals (0 divided by a subnormal would be NaN).
Only accumulations may be reordered.
"""


@dataclasses.dataclass(frozen=True)
class CompiledSource:
    """Object code of a program with what it needs: `imports` are the symbols its linker must provide."""

    code: bytes
    imports: tuple[str, ...]


class _KernelPipeline(CompilerBase):
    """Numba's pipeline for nopython code without what generated modules never contain (closures, arrays, objects)."""

    def define_pipelines(self) -> list[PassManager]:
        manager = PassManager("tracegraph")
        manager.add_pass(TranslateByteCode, "read the bytecode")
        manager.add_pass(FixupArgs, "arguments")
        manager.add_pass(IRProcessing, "variables")
        manager.add_pass(ReconstructSSA, "single assignment")
        manager.add_pass(NopythonTypeInference, "types")
        manager.add_pass(PreLowerStripPhis, "remove phis")
        manager.add_pass(IRLegalization, "legal for lowering")
        manager.add_pass(AnnotateTypes, "annotate types")
        manager.add_pass(NativeLowering, "lower")
        manager.add_pass(NoPythonBackend, "finish")
        manager.finalize()
        return [manager]


class _Collector(CPUCodeLibrary):
    """Takes the LLVM modules that lowering produces, without optimising or compiling any of them."""

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(codegen, name)
        self.texts: list[str] = []
        self.helpers: list[Any] = []

    def add_ir_module(self, ir_module: ir.Module) -> None:
        self.texts.append(cgutils.normalize_ir_text(str(ir_module)))

    def add_linking_library(self, library: Any) -> None:
        if library not in self.helpers:
            self.helpers.append(library)

    def _finalize_specific(self) -> None:
        raise NotImplementedError("collected modules are compiled by compile_source")


def _flags() -> Flags:
    flags = Flags()
    flags.no_compile = True
    flags.no_cpython_wrapper = True
    flags.no_cfunc_wrapper = True
    flags.no_rewrites = True
    flags.error_model = "numpy"
    flags.fastmath = set(FAST_MATH) or False
    return flags


def _execute(source: str, name: str) -> tuple[list[Kernel], ProgramFunction]:
    filename = f"<tracegraph program {name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    namespace: dict[str, Any] = {"__name__": f"tracegraph_program_{name}"}
    exec(compile(source, filename, "exec"), namespace)
    kernels = [value for value in namespace.values() if isinstance(value, Kernel)]
    programs = [value for value in namespace.values() if isinstance(value, ProgramFunction)]
    if len(programs) != 1:
        raise CompileError(f"the generated module {name!r} must have one @program function, it has {len(programs)}")
    return kernels, programs[0]


def _kernel_wrapper(kernel: Kernel, symbol: str) -> str:
    return f"""
define void @"{kernel.symbol}"(i64 %lo, i64 %hi, ptr %table) noinline {{
  %result = alloca ptr
  %exception = alloca ptr
  %status = call i32 @"{symbol}"(ptr %result, ptr %exception, i64 %lo, i64 %hi, ptr %table)
  ret void
}}
declare i32 @"{symbol}"(ptr, ptr, i64, i64, ptr)
"""


def _program_wrapper(symbol: str) -> str:
    return f"""
define i64 @{PROGRAM_SYMBOL}(ptr %table) {{
  %result = alloca i64
  %exception = alloca ptr
  %status = call i32 @"{symbol}"(ptr %result, ptr %exception, ptr %table)
  %good = icmp eq i32 %status, 0
  %value = load i64, ptr %result
  %answer = select i1 %good, i64 %value, i64 -1
  ret i64 %answer
}}
declare i32 @"{symbol}"(ptr, ptr, ptr)
"""


def _lower(collector: _Collector, py_func: Any, function_signature: Any) -> str:
    try:
        result = compile_extra(
            cpu_target.typing_context,
            cpu_target.target_context,
            py_func,
            function_signature.args,
            function_signature.return_type,
            _flags(),
            {},
            library=collector,
            pipeline_class=_KernelPipeline,
        )
    except NumbaError as error:
        raise CompileError(f"{py_func.__name__} in {py_func.__code__.co_filename} does not compile: {error}") from error
    return str(result.fndesc.llvm_func_name)


def _link_helpers(module: llvm.ModuleRef, collector: _Collector) -> None:
    """Link the compiled helper functions (njit functions called from kernels) that the module refers to."""
    changed = True
    while changed:
        changed = False
        missing = {function.name for function in module.functions if function.is_declaration}
        for helper in list(collector.helpers):
            shared = helper._get_module_for_linking()
            if any(not function.is_declaration and function.name in missing for function in shared.functions):
                module.link_in(shared, preserve=True)
                collector.helpers.remove(helper)
                collector.helpers.extend(library for library in helper._linking_libraries)
                changed = True


def _hide(module: llvm.ModuleRef, linkage: llvm.Linkage, exports: tuple[str, ...]) -> None:
    """Make what has the given linkage private to the module, so that it is inlined and dropped where possible."""
    for item in (*module.functions, *module.global_variables):
        if not item.is_declaration and item.linkage == linkage and item.name not in exports:
            item.linkage = llvm.Linkage.internal


def _optimise_all(module: llvm.ModuleRef, exports: tuple[str, ...]) -> None:
    """Optimise with only `exports` visible; weak functions are vector variants that the vectoriser needs."""
    _hide(module, llvm.Linkage.external, exports)
    _hide(module, llvm.Linkage.common, exports)
    optimise(module)
    _hide(module, llvm.Linkage.weak_odr, exports)
    drop_unused(module)


def _undefined_symbols(module: llvm.ModuleRef) -> tuple[str, ...]:
    undefined = [item.name for item in (*module.functions, *module.global_variables) if item.is_declaration]
    return tuple(sorted(name for name in undefined if not name.startswith("llvm.")))


def build_module(source: str, *, name: str, entry_text: str, exports: tuple[str, ...]) -> llvm.ModuleRef:
    """The optimised LLVM module of a generated source and of the LLVM IR of its Python entry."""
    kernels, program_function = _execute(source, name)
    with global_compiler_lock:
        cpu_target.typing_context.refresh()
        cpu_target.target_context.refresh()
        collector = _Collector(cpu_target.target_context.codegen(), name)
        for item in kernels:
            symbol = _lower(collector, item.py_func, kernel_signature)
            collector.texts.append(_kernel_wrapper(item, symbol))
        symbol = _lower(collector, program_function.py_func, program_signature)
        collector.texts += [_program_wrapper(symbol), entry_text]
        module = parse_ir(collector.texts[0])
        for text in collector.texts[1:]:
            module.link_in(parse_ir(text))
        _link_helpers(module, collector)
        _optimise_all(module, exports)
    return module


def compile_source(source: str, *, name: str, entry_text: str, exports: tuple[str, ...]) -> CompiledSource:
    """Compile a generated module to object code that defines `exports`.

    Raises:
        CompileError: the source is not a module of kernels with one program, or a function does not type or lower.
    """
    module = build_module(source, name=name, entry_text=entry_text, exports=exports)
    code = bytes(target_machine().emit_object(module))
    return CompiledSource(code, _undefined_symbols(module))


def inspect_source(source: str, *, name: str = "program") -> tuple[str, str]:
    """The optimised LLVM IR and the assembly of a generated module, for reading."""
    entry_text = f"declare i64 @{PROGRAM_SYMBOL}(ptr)\n"
    module = build_module(source, name=name, entry_text=entry_text, exports=(PROGRAM_SYMBOL,))
    return str(module), str(target_machine().emit_assembly(module))
