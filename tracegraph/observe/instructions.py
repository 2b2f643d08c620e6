"""The instructions of a code object, alike in all versions of Python, and what kinds of them there are."""

import dis
import sys
import types
from typing import Any, Final

GLOBAL_LOADS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
CELL_LOADS: Final = frozenset({"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"})
FAST_LOADS: Final = frozenset({"LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW"})
_FAST_PAIRS: Final = {
    "LOAD_FAST_LOAD_FAST": ("LOAD_FAST", "LOAD_FAST"),
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": ("LOAD_FAST", "LOAD_FAST"),
    "STORE_FAST_LOAD_FAST": ("STORE_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": ("STORE_FAST", "STORE_FAST"),
}
ATTRIBUTE_LOADS: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
ATTRIBUTE_STORES: Final = frozenset({"STORE_ATTR", "DELETE_ATTR"})
NAME_STORES: Final = frozenset(
    {"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_NAME", "DELETE_NAME", "STORE_DEREF", "DELETE_DEREF"}
)
ITEM_STORES: Final = frozenset({"STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE"})
SIMPLE_LOADS: Final = GLOBAL_LOADS | FAST_LOADS | CELL_LOADS | {"LOAD_CONST", "LOAD_SMALL_INT"}
PASSED_OVER: Final = frozenset({"CACHE", "PRECALL", "PUSH_NULL", "EXTENDED_ARG", "NOP"})
_NO_TARGET: Final[dict[str, Any]] = {"label": None}  # instructions have it where they have pairs, from 3.13
CALLS: Final = frozenset({"CALL", "CALL_KW", "CALL_FUNCTION_EX"})
NULL_FOLLOWS: Final = sys.version_info >= (3, 13)  # until 3.12, PUSH_NULL stands before the value that is called


def instructions(code: types.CodeType) -> list[dis.Instruction]:
    """Return the instructions of `code`, each of which works on one variable."""
    steps = (step for step in dis.get_instructions(code) if step.opname not in ("CACHE", "EXTENDED_ARG"))
    return [part for step in steps for part in _single(step)]


def attribute_name(step: dis.Instruction) -> str:
    """Return the name that an instruction looks up or stores."""
    value = step.argval
    return str(value[-1] if isinstance(value, tuple) else value)


def _single(step: dis.Instruction) -> tuple[dis.Instruction, ...]:
    """Take apart an instruction that works on two local variables, one after the other."""
    names = _FAST_PAIRS.get(step.opname)
    if names is None:
        return (step,)
    first, second = step.argval
    return (
        step._replace(opname=names[0], argval=first, argrepr=first),
        step._replace(opname=names[1], argval=second, argrepr=second, **_NO_TARGET),
    )


def start_of(step: dis.Instruction) -> tuple[int | None, int | None]:
    """Return line and column at which the expression begins that an instruction was made for."""
    return (step.positions.lineno, step.positions.col_offset) if step.positions is not None else (None, None)


def loads_string(step: dis.Instruction) -> bool:
    """Tell whether an instruction loads a constant string."""
    return step.opname == "LOAD_CONST" and isinstance(step.argval, str)


def string_constants(code: types.CodeType) -> list[str]:
    """Return the strings among the constants of `code`, and in the tuples and sets among them."""
    found: list[str] = []
    for constant in code.co_consts:
        texts = constant if isinstance(constant, tuple | frozenset) else (constant,)
        found.extend(text for text in texts if isinstance(text, str))
    return found
