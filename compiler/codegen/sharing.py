"""Finds kernels that do the same on different memory, as those of the steps of a loop do, so that one body serves all.

Such a kernel reads its pointers from a window of the pointer table, which `main` fills before each call.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracegraph.compiler.codegen.python_source import KernelPrinter, Location, dtype_name
from tracegraph.compiler.loop_ir import Buffer, Kernel


@dataclass(frozen=True)
class Movable:
    """A kernel whose memory is given by its pointers alone: slot 0 of its table holds the first, and so on."""

    body: str
    """What it does, without its name and what is only for reading; the key by which kernels are equal."""
    source: str
    pointers: tuple[Location, ...]


def movable(kernel: Kernel, locations: Mapping[Buffer, Location]) -> Movable | None:
    """The kernel in a form that can be moved to other memory; None where it reports failures or reuses memory."""
    buffers = list(dict.fromkeys((*kernel.reads, *kernel.writes)))
    dtypes = {(locations[buffer], dtype_name(buffer.dtype)) for buffer in buffers}
    places = list(dict.fromkeys(locations[buffer] for buffer in buffers))
    if kernel.can_fail or len(dtypes) != len(places):
        return None
    own = {buffer: (places.index(locations[buffer]), 0) for buffer in buffers}
    plain = KernelPrinter(kernel, own)
    plain.source()
    printer = KernelPrinter(kernel, own, plain.least)
    source = printer.source()
    starts = {own[buffer][0]: plain.least.get(plain.names[buffer], 0) * buffer.dtype.itemsize for buffer in buffers}
    pointers = tuple([(slot, offset + starts[number]) for number, (slot, offset) in enumerate(places)])
    header = [line.partition("  #")[0] for line in printer.header]
    return Movable("\n".join([*header, *printer.lines]), source, pointers)


def shared(kernels: Sequence[Kernel], locations: Mapping[Buffer, Location]) -> dict[Kernel, tuple[Kernel, Movable]]:
    """For each kernel that another one equals: the first of its kind, whose body serves it, and its own form."""
    forms = {kernel: movable(kernel, locations) for kernel in kernels}
    counts = Counter(form.body for form in forms.values() if form is not None)
    first: dict[str, Kernel] = {}
    return {
        kernel: (first.setdefault(form.body, kernel), form)
        for kernel, form in forms.items()
        if form is not None and counts[form.body] > 1
    }
