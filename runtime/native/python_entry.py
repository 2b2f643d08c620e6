"""Writes the native function that Python calls for a program: it checks its arrays, fills the pointer table, runs.

The function follows CPython's fast calling convention and reads NumPy's public array structure (its layout is part of
NumPy's C interface), so a call costs tens of nanoseconds more than the arithmetic, whatever the number of arrays.
"""

import ctypes
import dataclasses
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.runtime.errors import ArgumentError

_POINTER = ctypes.sizeof(ctypes.c_void_p)
_HEAD = object.__basicsize__
_DATA, _NDIM, _DESCRIPTION, _FLAGS = _HEAD, _HEAD + _POINTER, _HEAD + 5 * _POINTER, _HEAD + 6 * _POINTER
_TYPE_NUMBER = _HEAD + _POINTER + 4
_BYTE_ORDER, _FOREIGN_ORDER = _HEAD + _POINTER + 2, ord(">" if sys.byteorder == "little" else "<")
_C_CONTIGUOUS, _ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400
_METH_FASTCALL = 0x80


@dataclasses.dataclass(frozen=True)
class EntrySpec:
    """The arrays a program takes from Python, in the order of the call.

    Each is (dtype name, table slot, written): the address of that C-contiguous NumPy array is put in the slot.
    With `release_gil` other Python threads run during the call, which costs about 50 ns more.
    """

    arrays: tuple[tuple[str, int, bool], ...] = ()
    release_gil: bool = False

    def __post_init__(self) -> None:
        for dtype, slot, _ in self.arrays:
            np.dtype(dtype)
            if slot < 0:
                raise ArgumentError(f"a table slot is a number from 0 on, got {slot}")

    @property
    def slots_needed(self) -> int:
        """The number of table slots that a call writes to, counted from slot 0."""
        return max((slot + 1 for _, slot, _ in self.arrays), default=0)


def layout_is_known() -> bool:
    """Whether this interpreter lays NumPy arrays out as expected (checked on a real array)."""
    probe = np.zeros((3, 5), dtype=np.float32)

    def read(kind: Any, offset: int) -> int:
        return int(kind.from_address(id(probe) + offset).value)

    if _HEAD != 2 * _POINTER or read(ctypes.c_void_p, _DATA) != probe.ctypes.data or read(ctypes.c_int, _NDIM) != 2:
        return False
    description = read(ctypes.c_void_p, _DESCRIPTION)
    type_number = ctypes.c_int.from_address(description + _TYPE_NUMBER).value
    flags = read(ctypes.c_int, _FLAGS)
    wanted = _C_CONTIGUOUS | _ALIGNED | _WRITEABLE
    return description == id(probe.dtype) and type_number == probe.dtype.num and flags & wanted == wanted


def _data_address(register: str, array: str) -> str:
    return f"""  {register}.at = getelementptr i8, ptr {array}, i64 {_DATA}
  {register} = load i64, ptr {register}.at
"""


def _check_array(label: str, position: int, type_number: int, written: bool) -> str:
    """IR that leaves for block `bad` unless argument `position` is a fitting array; goes on in block `label.good`."""
    flags = _C_CONTIGUOUS | _ALIGNED | (_WRITEABLE if written else 0)
    return f"""  %{label}.from = getelementptr ptr, ptr %arguments, i64 {position}
  %{label} = load ptr, ptr %{label}.from
  %{label}.type.at = getelementptr i8, ptr %{label}, i64 {_HEAD - _POINTER}
  %{label}.type = load ptr, ptr %{label}.type.at
  %{label}.is_array = icmp eq ptr %{label}.type, @tracegraph_ndarray
  br i1 %{label}.is_array, label %{label}.array, label %bad
{label}.array:
  %{label}.flags.at = getelementptr i8, ptr %{label}, i64 {_FLAGS}
  %{label}.flags = load i32, ptr %{label}.flags.at
  %{label}.has = and i32 %{label}.flags, {flags}
  %{label}.has_all = icmp eq i32 %{label}.has, {flags}
  %{label}.description.at = getelementptr i8, ptr %{label}, i64 {_DESCRIPTION}
  %{label}.description = load ptr, ptr %{label}.description.at
  %{label}.number.at = getelementptr i8, ptr %{label}.description, i64 {_TYPE_NUMBER}
  %{label}.number = load i32, ptr %{label}.number.at
  %{label}.typed = icmp eq i32 %{label}.number, {type_number}
  %{label}.order.at = getelementptr i8, ptr %{label}.description, i64 {_BYTE_ORDER}
  %{label}.order = load i8, ptr %{label}.order.at
  %{label}.native = icmp ne i8 %{label}.order, {_FOREIGN_ORDER}
  %{label}.plain = and i1 %{label}.typed, %{label}.native
  %{label}.fits = and i1 %{label}.has_all, %{label}.plain
  br i1 %{label}.fits, label %{label}.good, label %bad
{label}.good:
"""


def entry_ir(spec: EntrySpec, *, symbol: str, main_symbol: str) -> str:
    """LLVM IR of `symbol(self, arguments, count)`, which fills the table given first and calls `main_symbol(table)`."""
    count = len(spec.arrays) + 1
    lines = [
        f"define ptr @{symbol}(ptr %self, ptr %arguments, i64 %count) {{",
        "entry:",
        f"  %complete = icmp eq i64 %count, {count}",
        "  br i1 %complete, label %start, label %miscounted",
        "start:",
        _check_array("table", 0, np.dtype(np.uint64).num, True) + _data_address("%table_address", "%table"),
        "  %slots = inttoptr i64 %table_address to ptr",
    ]
    origins = ["[ 0, %start ]", "[ 0, %table.array ]"]
    previous = "table.good"
    for position, (dtype, _, written) in enumerate(spec.arrays, 1):
        label = f"a{position}"
        lines += [
            _check_array(label, position, np.dtype(dtype).num, written),
            _data_address(f"%{label}.data", f"%{label}"),
        ]
        origins += [f"[ {position}, %{previous} ]", f"[ {position}, %{label}.array ]"]
        previous = f"{label}.good"
    for position, (_, slot, _) in enumerate(spec.arrays, 1):
        lines += [
            f"  %slot{position} = getelementptr i64, ptr %slots, i64 {slot}",
            f"  store i64 %a{position}.data, ptr %slot{position}",
        ]
    if spec.release_gil:
        lines.append("  %thread_state = call ptr @PyEval_SaveThread()")
    lines.append(f"  %status = call i64 @{main_symbol}(ptr %slots)")
    if spec.release_gil:
        lines.append("  call void @PyEval_RestoreThread(ptr %thread_state)")
    lines += [
        "  %result = call ptr @PyLong_FromSsize_t(i64 %status)",
        "  ret ptr %result",
        "bad:",
        f"  %position = phi i32 {', '.join(origins)}",
        "  %type_error = load ptr, ptr @PyExc_TypeError",
        f"  %bad_result = call ptr (ptr, ptr, ...) @PyErr_Format(ptr %type_error, ptr @{symbol}.bad, i32 %position)",
        "  ret ptr null",
        "miscounted:",
        "  %count_error = load ptr, ptr @PyExc_TypeError",
        (
            "  %count_result = call ptr (ptr, ptr, ...) @PyErr_Format("
            f"ptr %count_error, ptr @{symbol}.miscounted, i64 {count}, i64 %count)"
        ),
        "  ret ptr null",
        "}",
        _text_constant(f"{symbol}.bad", _expectation(spec)),
        _text_constant(f"{symbol}.miscounted", "the program takes %zd arguments, the table included, got %zd"),
    ]
    return "\n".join(lines) + "\n"


def entry_declarations(main_symbol: str) -> str:
    """LLVM IR declarations that `entry_ir` refers to, once per module."""
    return f"""
@tracegraph_ndarray = external global i8
@PyExc_TypeError = external global ptr
declare ptr @PyErr_Format(ptr, ptr, ...)
declare ptr @PyLong_FromSsize_t(i64)
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare i64 @{main_symbol}(ptr)
"""


def _expectation(spec: EntrySpec) -> str:
    if not spec.arrays:
        return "argument %d of a program does not fit: it takes the uint64 pointer table alone"
    wanted = ", ".join(f"{dtype}{' (written)' if written else ''}" for dtype, _, written in spec.arrays)
    return (
        "argument %d of a program does not fit: it takes the uint64 pointer table and C-contiguous NumPy arrays "
        f"of dtype ({wanted})"
    )


def _text_constant(name: str, text: str) -> str:
    raw = text.encode() + b"\0"
    escaped = "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:02X}" for byte in raw)
    return f'@{name} = private constant [{len(raw)} x i8] c"{escaped}"'


class _MethodDefinition(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    )


class _Owner:
    """What a native function keeps alive: the code it runs and the definition CPython reads."""

    def __init__(self, code: object, definition: _MethodDefinition) -> None:
        self.code, self.definition = code, definition


def python_function(address: int, *, name: str, code: object) -> Callable[..., Any]:
    """A builtin Python function around native code with the fast calling convention; it keeps `code` alive."""
    definition = _MethodDefinition(name.encode(), address, _METH_FASTCALL, None)
    create = ctypes.pythonapi.PyCFunction_NewEx
    create.restype = ctypes.py_object
    create.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    function: Callable[..., Any] = create(ctypes.addressof(definition), _Owner(code, definition), None)
    return function


def address_of_ir(symbol: str) -> str:
    """LLVM IR of `symbol(self, arguments, count)`: the address of the data of the one array given, as an integer."""
    return f"""
define ptr @{symbol}(ptr %self, ptr %arguments, i64 %count) {{
entry:
  %complete = icmp eq i64 %count, 1
  br i1 %complete, label %start, label %bad
start:
  %array = load ptr, ptr %arguments
  %type.at = getelementptr i8, ptr %array, i64 {_HEAD - _POINTER}
  %type = load ptr, ptr %type.at
  %is_array = icmp eq ptr %type, @tracegraph_ndarray
  br i1 %is_array, label %good, label %bad
good:
{_data_address("%address", "%array")}
  %pointer = inttoptr i64 %address to ptr
  %result = call ptr @PyLong_FromVoidPtr(ptr %pointer)
  ret ptr %result
bad:
  %error = load ptr, ptr @PyExc_TypeError
  %unused = call ptr (ptr, ptr, ...) @PyErr_Format(ptr %error, ptr @address_text)
  ret ptr null
}}
{_text_constant("address_text", "address_of takes one numpy.ndarray (no subclass)")}
@tracegraph_ndarray = external global i8
@PyExc_TypeError = external global ptr
declare ptr @PyErr_Format(ptr, ptr, ...)
declare ptr @PyLong_FromVoidPtr(ptr)
"""


def python_fallback(spec: EntrySpec, main: int, *, code: object) -> Callable[..., int]:
    """The same as a native entry, in Python, for interpreters that lay arrays out in another way."""
    kind = ctypes.CFUNCTYPE if spec.release_gil else ctypes.PYFUNCTYPE
    function = kind(ctypes.c_ssize_t, ctypes.c_void_p)(main)
    slots = tuple((slot, np.dtype(dtype), written) for dtype, slot, written in spec.arrays)

    def entry(table: Any, *arrays: Any, _code: object = code) -> int:
        if len(arrays) != len(slots):
            raise TypeError(f"the program takes {len(slots) + 1} arguments, the table included, got {len(arrays) + 1}")
        for position, (array, (slot, dtype, written)) in enumerate(zip(arrays, slots, strict=True), 1):
            fits = type(array) is np.ndarray and array.dtype == dtype and array.flags.c_contiguous
            if not fits or (written and not array.flags.writeable):
                raise TypeError(_expectation(spec) % position)
            table[slot] = array.ctypes.data
        return int(function(table.ctypes.data))

    return entry
