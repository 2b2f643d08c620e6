"""Prints kernels of the loop IR as Python source in the dialect of the Numba CPU backend."""

import math
from collections.abc import Mapping
from typing import Any

from tracegraph.compiler.index import Index, Quotient, Remainder
from tracegraph.compiler.loop_ir import (
    Accumulate,
    AccumulateInto,
    Apply,
    Buffer,
    CheckedIndex,
    Choose,
    Compare,
    Convert,
    Expression,
    IndexValue,
    Kernel,
    Let,
    Literal,
    Load,
    Loop,
    Name,
    Start,
    Statement,
    Store,
)
from tracegraph.compiler.lowering.reducing import extreme
from tracegraph.compiler.ops.spec import DType

STATUS_SLOT = 1
"""The slot of the pointer table through which kernels report an index out of range."""

Location = tuple[int, int]
"""Table slot and byte offset of a buffer."""


def dtype_name(dtype: DType) -> str:
    """The dialect's name of a dtype."""
    return "bool_" if dtype.kind == "b" else dtype.name


def literal(value: Any, dtype: DType) -> str:
    """A constant in the dialect."""
    if dtype.kind == "b":
        return str(bool(value))
    if dtype.kind == "f":
        number = float(value)
        if math.isnan(number):
            text = "1e999 - 1e999"
        elif math.isinf(number):
            text = "1e999" if number > 0 else "-1e999"
        else:
            text = repr(number)
        return f"{dtype.name}({text})"
    return f"{dtype.name}({int(value)})"


def index_text(index: Index) -> str:
    """An index as integer arithmetic; all its parts are known not to be negative where they are divided."""
    parts = []
    for atom, factor in index.terms:
        if isinstance(atom, Quotient):
            text = f"({index_text(atom.numerator)}) // {atom.divisor}"
            text = f"({text})"
        elif isinstance(atom, Remainder):
            text = f"(({index_text(atom.numerator)}) % {atom.divisor})"
        else:
            text = atom.name
        parts.append(text if factor == 1 else f"{text} * {factor}")
    if index.constant or not parts:
        parts.append(str(index.constant))
    return " + ".join(parts).replace("+ -", "- ")


def compare_text(condition: Compare) -> str:
    """A condition on an index."""
    return f"{index_text(condition.index)} {'<' if condition.less else '>='} {condition.bound}"


class KernelPrinter:
    """Prints one kernel. `locations` says where each buffer lies.

    With `starts`, which gives elements by name, the memory of a name begins so many elements further on.
    """

    def __init__(
        self, kernel: Kernel, locations: Mapping[Buffer, Location], starts: Mapping[str, int] | None = None
    ) -> None:
        self.kernel, self.locations = kernel, locations
        self.starts = starts or {}
        self.least: dict[str, int] = {}
        """The least constant in the indices at which the memory of each name is read or written."""
        self.names: dict[Buffer, str] = {}
        by_location: dict[tuple[int, int, str], str] = {}
        self.header: list[str] = []
        for buffer in dict.fromkeys((*kernel.reads, *kernel.writes)):
            slot, offset = locations[buffer]
            key = (slot, offset, dtype_name(buffer.dtype))
            if key not in by_location:
                by_location[key] = f"b{len(by_location)}"
                self.header.append(
                    f"    {by_location[key]} = buffer(table, {slot}, {offset}, {dtype_name(buffer.dtype)})"
                    f"  # {buffer.name}: {buffer.spec}"
                )
            self.names[buffer] = by_location[key]
        for number, buffer in enumerate(kernel.scratch):
            self.names[buffer] = f"row{number}"
            self.header.append(
                f"    row{number} = scratch({number}, {buffer.spec.size}, {dtype_name(buffer.dtype)})  # {buffer.name}"
            )
        self.lines: list[str] = []

    def source(self) -> str:
        """The kernel as a function of the dialect."""
        kernel = self.kernel
        self.lines = []
        for statement in kernel.body:
            self._statement(statement, 1)
        where = "".join(f" {file.rsplit('/', 1)[-1]}:{line}" for file, line in kernel.locations[:4])
        head = [
            "@kernel",
            f"def {kernel.name}(lo, hi, table):",
            f'    """{kernel.title}{";" if where else ""}{where}"""',
            *self.header,
        ]
        return "\n".join([*head, *self.lines]) + "\n"

    def _element(self, buffer: Buffer, index: Index) -> str:
        name = self.names[buffer]
        self.least[name] = min(self.least.get(name, index.constant), index.constant)
        return f"{name}[{index_text(index + -self.starts.get(name, 0))}]"

    def _line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def _statement(self, statement: Statement, depth: int) -> None:
        if isinstance(statement, Loop):
            variable = statement.variable
            bounds = "lo, hi" if variable == self.kernel.rows else str(variable.extent)
            self._line(depth, f"for {variable.name} in range({bounds}):")
            if not statement.body:
                self._line(depth + 1, "pass")
            for inner in statement.body:
                self._statement(inner, depth + 1)
        elif isinstance(statement, Let):
            self._line(depth, f"{statement.name} = {self.expression(statement.value)}")
        elif isinstance(statement, Store):
            value = self.expression(statement.value)
            self._line(depth, f"{self._element(statement.buffer, statement.index)} = {value}")
        elif isinstance(statement, Start):
            self._start(statement, depth)
        elif isinstance(statement, Accumulate):
            self._accumulate(statement, depth)
        elif isinstance(statement, AccumulateInto):
            target = self._element(statement.buffer, statement.index)
            value = self._combined(target, statement.combine, self.expression(statement.value), statement.buffer.dtype)
            self._line(depth, f"{target} = {value}")
        else:
            self._checked(statement, depth)

    def _start(self, statement: Start, depth: int) -> None:
        dtype, name = statement.dtype, statement.name
        if statement.combine in ("argmax", "argmin"):
            self._line(depth, f"{name} = {literal(extreme(dtype, lowest=statement.combine == 'argmax'), dtype)}")
            self._line(depth, f"{name}_at = int64(0)")
        elif statement.combine in ("maximum", "minimum"):
            self._line(depth, f"{name} = {literal(extreme(dtype, lowest=statement.combine == 'maximum'), dtype)}")
        else:
            self._line(depth, f"{name} = {literal({'add': 0, 'multiply': 1}[statement.combine], dtype)}")

    def _accumulate(self, statement: Accumulate, depth: int) -> None:
        name, value = statement.name, self.expression(statement.value)
        if statement.combine in ("argmax", "argmin"):
            assert statement.position is not None
            sign = ">" if statement.combine == "argmax" else "<"
            self._line(depth, f"if {value} {sign} {name} or ({value} != {value} and {name} == {name}):")
            self._line(depth + 1, f"{name} = {value}")
            self._line(depth + 1, f"{name}_at = {index_text(statement.position)}")
        else:
            free = not statement.ordered
            combined = self._combined(name, statement.combine, value, statement.dtype, free=free)
            self._line(depth, f"{name} = {combined}")

    @staticmethod
    def _combined(total: str, combine: str, value: str, dtype: DType, *, free: bool = False) -> str:
        """The two combined; `free` lets the order of a loop's combinations change."""
        if combine in ("maximum", "minimum"):
            return f"accumulate_{combine}({total}, {value})" if free else f"{combine}({total}, {value})"
        if free and dtype.kind != "b":
            return f"accumulate_{combine}({total}, {value})"
        text = f"{total} {'+' if combine == 'add' else '*'} {value}"
        return text if dtype.kind == "f" else f"{dtype_name(dtype)}({text})"

    def _checked(self, statement: CheckedIndex, depth: int) -> None:
        name = statement.name
        self._line(depth, f"{name} = intp({self.expression(statement.value)})")
        if statement.wraps:
            self._line(depth, f"if {name} < 0:")
            self._line(depth + 1, f"{name} += {statement.extent}")
        self._line(depth, f"if {name} < 0 or {name} >= {statement.extent}:")
        self._line(depth + 1, f"fail(table, {STATUS_SLOT}, {statement.status})")
        self._line(depth + 1, f"{name} = 0")

    def expression(self, value: Expression) -> str:
        """A scalar expression as text."""
        if isinstance(value, Name):
            return value.name
        if isinstance(value, Literal):
            return literal(value.value, value.dtype)
        if isinstance(value, Load):
            return self._element(value.buffer, value.index)
        if isinstance(value, Convert):
            return f"astype({self.expression(value.argument)}, {dtype_name(value.dtype)})"
        if isinstance(value, IndexValue):
            return f"{dtype_name(value.dtype)}({index_text(value.index)})"
        if isinstance(value, Choose):
            condition = " and ".join(compare_text(each) for each in value.conditions)
            return f"({self.expression(value.then)} if {condition} else {self.expression(value.otherwise)})"
        return self._apply(value)

    def _apply(self, value: Apply) -> str:
        arguments = [self.expression(argument) for argument in value.arguments]
        arguments = [
            text if isinstance(argument, Name | Literal | Load | Convert) else f"({text})"
            for text, argument in zip(arguments, value.arguments, strict=True)
        ]
        computed = next((a.dtype for a in reversed(value.arguments) if a.dtype.kind == "f"), value.dtype)
        text = value.template.format(*arguments, f="f64" if computed.itemsize == 8 else "f32")
        if value.dtype.kind == "f":
            return text
        return f"{dtype_name(value.dtype)}({text})"
