"""Read from a code object, without running it, which names it can load and store, and which of them belong together.

The attributes of `self.config.alpha` are a *chain*: `alpha` is looked up only on `self.config`. An attribute of
anything that is not such a chain is a *general* name, which may be looked up on any object the code gets hold of.
"""

import dis
import types
from dataclasses import dataclass, field
from typing import Final

from tracegraph.observe.computed_names import DYNAMIC_FUNCTIONS, DYNAMIC_METHODS, computes_a_name, has_constant_name
from tracegraph.observe.format_strings import FORMAT_METHODS, names_in_format
from tracegraph.observe.instructions import (
    ATTRIBUTE_LOADS,
    ATTRIBUTE_STORES,
    CALLS,
    CELL_LOADS,
    FAST_LOADS,
    GLOBAL_LOADS,
    ITEM_STORES,
    NAME_STORES,
    NULL_FOLLOWS,
    attribute_name,
    instructions,
    start_of,
    string_constants,
)

_FORBIDDEN: Final = frozenset(
    {
        "__globals__",
        "__builtins__",
        "f_generator",
        "gi_frame",
        "cr_frame",
        "ag_frame",
        "f_globals",
        "f_locals",
        "f_builtins",
        "f_back",
    }
    | {"tb_frame", "tb_next", "__closure__", "cell_contents", "__subclasses__", "__weakref__"}
    | {"gi_yieldfrom", "cr_await"}
)


@dataclass(frozen=True, slots=True)
class Chain:
    """A root variable and the attributes looked up one after the other, starting from it.

    `scope` is "global", "free" or "local". `called` tells that the last value is only called where it stands,
    `checked` that it is only an argument of `isinstance` or `issubclass`.
    """

    scope: str
    root: str
    names: tuple[str, ...]
    used: bool
    called: bool
    checked: bool
    line: int


@dataclass(slots=True)
class CodeFacts:
    """What the bytecode of one code object tells."""

    code: types.CodeType
    chains: list[Chain] = field(default_factory=list)
    general: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    store_lines: dict[tuple[str, str], int] = field(default_factory=dict)
    item_store_lines: list[int] = field(default_factory=list)
    imports: list[tuple[str, int, tuple[str, ...], int]] = field(default_factory=list)
    forbidden: list[tuple[str, int]] = field(default_factory=list)
    constant_name_calls: set[int] = field(default_factory=set)
    roots: tuple[str, ...] = ()
    catches: bool = False
    rebinds_anything: bool = False


def code_facts(code: types.CodeType) -> CodeFacts:
    """Return the names that `code` (without the code nested in it) loads, stores, imports and looks up."""
    return _Reader(code).read()


class _Reader:
    def __init__(self, code: types.CodeType) -> None:
        self.code = code
        self.facts = CodeFacts(code)
        every = self.steps = instructions(code)
        self.line_of: dict[int, int] = {}
        line = code.co_firstlineno
        for step in every:
            position = step.positions.lineno if step.positions is not None else None
            line = position if position is not None else line
            self.line_of[step.offset] = line
        self.reassigned = self._reassigned_locals()
        self.call_starts = {start_of(step) for step in every if step.opname in CALLS}

    def _reassigned_locals(self) -> set[str]:
        names: set[str] = set(self.code.co_cellvars)
        for step in self.steps:
            if step.opname.startswith(("STORE_FAST", "DELETE_FAST", "LOAD_FAST_AND_CLEAR")):
                names.add(str(step.argval))
        return names

    def read(self) -> CodeFacts:
        facts = self.facts
        facts.catches = bool(self.code.co_exceptiontable)
        position = 0
        while position < len(self.steps):
            position = self._step(position)
        if "super" in self.code.co_names and self.code.co_argcount:  # super() takes the first argument unseen
            line = self.code.co_firstlineno
            facts.chains.append(Chain("local", self.code.co_varnames[0], (), True, False, False, line))
        first = self.code.co_varnames[: max(1, self.code.co_kwonlyargcount + 1)]
        roots = [chain.root for chain in facts.chains if chain.scope in ("local", "free")]
        facts.roots = tuple(dict.fromkeys([*first, *roots]))
        names = set(self.code.co_names)
        if any(computes_a_name(self.code, self.steps, index) for index in range(len(self.steps))):
            facts.general.add("__dict__")
            names.add("__dict__")
        if names & (DYNAMIC_FUNCTIONS | DYNAMIC_METHODS):
            facts.general.update(text for text in string_constants(self.code) if text.isidentifier())
            facts.stored.update(text for text in string_constants(self.code) if text.isidentifier())
            facts.catches = True
        if names & FORMAT_METHODS:
            facts.general.update(name for text in string_constants(self.code) for name in names_in_format(text))
        facts.rebinds_anything = bool(names & {"__dict__", "__class__", "__bases__", "__code__"})
        return facts

    def _step(self, position: int) -> int:
        step, line = self.steps[position], self.line_of[self.steps[position].offset]
        name, facts = step.opname, self.facts
        root = self._chain_root(step)
        if root is not None:
            return self._chain(position, *root)
        if name in ATTRIBUTE_LOADS or name.startswith("LOAD_SUPER"):
            self._general(attribute_name(step), line)
        elif name in ATTRIBUTE_STORES:
            self._general(str(step.argval), line)
            self._store("attribute", str(step.argval), line)
        elif name == "IMPORT_NAME":
            level, wanted = self._import_arguments(position)
            facts.imports.append((str(step.argval), level, wanted, line))
        elif name == "IMPORT_FROM":
            self._general(str(step.argval), line)
        elif name in NAME_STORES:
            self._store("name", str(step.argval), line)
            if "DEREF" not in name:
                facts.chains.append(Chain("global", str(step.argval), (), False, False, False, line))
        elif name in ITEM_STORES or (name == "BINARY_OP" and step.arg is not None and step.arg >= 13):
            facts.item_store_lines.append(line)
        elif name.startswith("MATCH_CLASS"):
            facts.general.update(string_constants(self.code))
            if step.arg:
                facts.forbidden.append(("__match_args__", line))
        elif name in CALLS and has_constant_name(self.steps, position):
            facts.constant_name_calls.add(step.offset)
        return position + 1

    def _chain_root(self, step: dis.Instruction) -> tuple[str, str] | None:
        if step.opname in GLOBAL_LOADS:
            return ("global", str(step.argval))
        if step.opname in CELL_LOADS:
            scope = "free" if step.argval in self.code.co_freevars else "cell"
            return (scope, str(step.argval))
        if step.opname in FAST_LOADS:
            return ("local", str(step.argval))
        return None

    def _is_argument(self, variable: str) -> bool:
        code = self.code
        count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
        return variable in code.co_varnames[:count]

    def _chain(self, position: int, scope: str, root: str) -> int:
        first, line = self.steps[position], self.line_of[self.steps[position].offset]
        tracked = scope in ("global", "free") or (
            scope == "local" and self._is_argument(root) and root not in self.reassigned
        )
        names: list[str] = []
        called = "NULL" in first.argrepr
        if not NULL_FOLLOWS:  # the NULL may belong to an expression that only begins with this value
            called = called or (position > 0 and self.steps[position - 1].opname == "PUSH_NULL")
            called = called and start_of(first) in self.call_starts
        used, position = True, position + 1
        while position < len(self.steps):
            step = self.steps[position]
            if NULL_FOLLOWS and step.opname == "PUSH_NULL" and not step.is_jump_target:
                called, position = True, position + 1
                continue
            if step.opname in ATTRIBUTE_LOADS or step.opname in ATTRIBUTE_STORES:
                name = attribute_name(step)
                names.append(name)
                self._check_forbidden(name, self.line_of[step.offset])
                if step.is_jump_target or not tracked:
                    self._general(name, self.line_of[step.offset])
                position += 1
                if step.opname in ATTRIBUTE_STORES:
                    self._store("attribute", name, self.line_of[step.offset])
                    used = False
                    break
                called = called or step.opname == "LOAD_METHOD" or "NULL" in step.argrepr
                continue
            break
        dynamic = next((index for index, name in enumerate(names) if name in DYNAMIC_METHODS), None)
        if dynamic is not None:  # what it is looked up on may be asked for any name
            self.facts.general.update(names[dynamic:])
            names, used, called = names[:dynamic], True, False
        jumped = position < len(self.steps) and self.steps[position].is_jump_target
        if scope == "cell" or (scope == "local" and not self._is_argument(root)):
            return position
        if scope == "local" and not tracked:
            names, used = [], True
        checked = not jumped and not called and self._feeds_isinstance(position)
        self.facts.chains.append(Chain(scope, root, tuple(names), used, called and not jumped and used, checked, line))
        return position

    def _feeds_isinstance(self, position: int) -> bool:
        """Tell whether the value just loaded can only be (part of) the second argument of isinstance or issubclass."""
        start = position
        while position < len(self.steps):
            step = self.steps[position]
            if step.opname == "CALL" or step.opname == "PRECALL":
                call = position + 1 if step.opname == "PRECALL" else position
                callee = self._callee_name(start, self.steps[call])
                return step.arg == 2 and callee in ("isinstance", "issubclass")
            if step.opname not in GLOBAL_LOADS | {"LOAD_ATTR", "BUILD_TUPLE"} or step.is_jump_target:
                return False
            position += 1
        return False

    def _callee_name(self, before: int, call: dis.Instruction) -> str:
        """Return the name of the builtin called at `call`, found by source position, "" where unsure."""
        wanted = call.positions
        for position in range(before - 1, -1, -1):
            step = self.steps[position]
            here = step.positions
            if wanted is None or here is None:
                return ""
            if (here.lineno, here.col_offset) == (wanted.lineno, wanted.col_offset) and step.opname in GLOBAL_LOADS:
                return str(step.argval)
        return ""

    def _general(self, name: str, line: int) -> None:
        self.facts.general.add(name)
        self._check_forbidden(name, line)

    def _check_forbidden(self, name: str, line: int) -> None:
        if name in _FORBIDDEN:
            self.facts.forbidden.append((name, line))

    def _store(self, accessor: str, name: str, line: int) -> None:
        self.facts.stored.add(name)
        self.facts.store_lines.setdefault((accessor, name), line)

    def _import_arguments(self, position: int) -> tuple[int, tuple[str, ...]]:
        level, wanted = 0, ()
        if position >= 2 and self.steps[position - 2].opname.startswith("LOAD_"):
            value = self.steps[position - 2].argval
            level = value if isinstance(value, int) else -1
            listed = self.steps[position - 1].argval
            wanted = listed if isinstance(listed, tuple) else ()
        return level, wanted
