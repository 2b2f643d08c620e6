"""Compiles LLVM IR for this machine's processor and loads object code into the process: `compile_ir`, `load_object`.

It needs llvmlite only, so a program that comes from the disk cache runs without importing Numba.
"""

import functools
import itertools
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tracegraph.runtime.errors import CompileError
from tracegraph.runtime.lazy import LazyModule

if TYPE_CHECKING:
    import llvmlite.binding as llvm
else:
    llvm = LazyModule("llvmlite.binding")

_library_numbers = itertools.count()
_linking = threading.Lock()


@functools.cache
def target_machine() -> "llvm.TargetMachine":
    """The code generator for this machine's processor, all of its vector instructions included."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=host_features(), opt=3, reloc="pic", codemodel="small"
    )


@functools.cache
def host_features() -> str:
    """The processor's features in LLVM's notation, sorted; empty when LLVM cannot tell."""
    try:
        return str(llvm.get_host_cpu_features().flatten())
    except RuntimeError:
        return ""


def machine_key() -> tuple[str, ...]:
    """What a piece of object code depends on besides its source: platform, processor, LLVM."""
    version = ".".join(map(str, llvm.llvm_version_info))
    return (llvm.get_process_triple(), llvm.get_host_cpu_name(), host_features(), version)


@functools.cache
def _jit() -> "llvm.orcjit.LLJIT":
    return llvm.create_lljit_compiler(target_machine())


def optimise(module: "llvm.ModuleRef", *, level: int = 3) -> None:
    """Run LLVM's standard pipeline of the given level on a module, in place, with loop vectorisation."""
    machine = target_machine()
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    options.loop_vectorization = level > 1
    options.loop_interleaving = level > 1
    options.loop_unrolling = level > 1
    options.slp_vectorization = level > 1
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


def drop_unused(module: "llvm.ModuleRef") -> None:
    """Remove the private functions and variables of a module that nothing refers to, in place."""
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, llvm.create_pass_builder(target_machine(), llvm.create_pipeline_tuning_options()))


def parse_ir(text: str) -> "llvm.ModuleRef":
    """Parse and verify LLVM IR; a fault in it raises `CompileError` with LLVM's message."""
    target_machine()
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise CompileError(f"LLVM refused the generated code: {error}") from error
    module.triple = llvm.get_process_triple()
    module.data_layout = str(target_machine().target_data)
    return module


def compile_ir(text: str, *, level: int = 2) -> bytes:
    """Object code of a module given as LLVM IR text."""
    module = parse_ir(text)
    optimise(module, level=level)
    return bytes(target_machine().emit_object(module))


class NativeLibrary:
    """Object code in memory. Its functions may be called as long as this object lives."""

    def __init__(self, code: bytes, exports: Iterable[str], imports: Mapping[str, int]) -> None:
        names = tuple(exports)
        builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name, address in imports.items():
            builder.import_symbol(name, address)
        for name in names:
            builder.export_symbol(name)
        with _linking:
            try:
                self._tracker = builder.link(_jit(), f"tracegraph-{next(_library_numbers)}")
            except RuntimeError as error:
                raise CompileError(f"native code could not be linked: {error}") from error
        self.addresses: dict[str, int] = {name: int(self._tracker[name]) for name in names}

    def __getitem__(self, name: str) -> int:
        return self.addresses[name]


def load_object(code: bytes, exports: Iterable[str], imports: Mapping[str, int]) -> NativeLibrary:
    """Load object code: `exports` are the names wanted from it, `imports` the addresses of what it calls."""
    return NativeLibrary(code, exports, imports)
