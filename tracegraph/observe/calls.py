"""What an observed run can get hold of, event by event: a Python function that begins or ends, a C function called."""

import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, Final

from tracegraph.observe.bytecode import CodeFacts, code_facts
from tracegraph.observe.effects import Diagnosis
from tracegraph.observe.model import Leaf, Site
from tracegraph.observe.purity import is_dynamic, is_pure_function
from tracegraph.observe.reach import Reach
from tracegraph.observe.records import names_of_fields
from tracegraph.observe.trust import Trust
from tracegraph.observe.values import MISSING, is_immutable

_TAKES_STAR_ARGUMENTS: Final = 0x04
_OPTIMIZED: Final = 0x01

_KEPT_FACTS: Final = 4096
_facts: dict[int, CodeFacts] = {}


class CallFollower:
    """Notes in `reach` and `diagnosis` what the calls of one run mean for them.

    Args:
        function: what is observed.
        reach: all that running code can get hold of.
        diagnosis: what ran, and what is known to have an effect.
        trust: tells what is not looked into.
        base: identities of the frames below the call.
    """

    def __init__(
        self, function: Callable[..., Any], reach: Reach, diagnosis: Diagnosis, trust: Trust, base: set[int]
    ) -> None:
        self._function, self._reach, self._diagnosis = function, reach, diagnosis
        self._trust, self._base = trust, base
        self._opened: set[int] = set()
        self._seen_calls: set[tuple[int, ...]] = set()
        self._received: set[tuple[int, int]] = set()
        self._function_counts: dict[int, int] = {}
        self._scopes: set[tuple[int, int]] = set()

    def enter(self, frame: types.FrameType) -> None:
        """Follow what a function that begins can get hold of."""
        code, reach = frame.f_code, self._reach
        values = frame.f_locals
        facts = self._diagnosis.codes.get(id(code))
        if facts is not None and self._signature(facts, values) in self._seen_calls:
            return
        site = Site(code.co_filename, code.co_firstlineno)
        if facts is None:
            facts = _facts_of(code)
            self._diagnosis.enter(facts)
            reach.add_code(facts, site)
            self._import(facts, frame)
        back = frame.f_back
        outermost = back is not None and id(back) in self._base
        if back is not None and not outermost and self._trust.covers(back):
            self._diagnosis.catches = True  # library code may notice a missing attribute without anyone telling
        given = outermost and type(self._function) is types.FunctionType and self._function.__code__ is code
        self._open_functions(code, values, site, given)
        self._globals(facts, frame, site)
        for chain in facts.chains:
            if chain.scope in ("local", "free") and chain.root in values:
                word = "argument" if chain.scope == "local" else "variable"
                value = values[chain.root]
                if not is_immutable(value):
                    reach.follow_chain(chain, value, f"{word} `{chain.root}`", Site(code.co_filename, chain.line))
        if not given and all(is_immutable(values.get(root)) or id(values[root]) in reach.nodes for root in facts.roots):
            self._seen_calls.add(self._signature(facts, values))

    def _signature(self, facts: CodeFacts, values: Mapping[str, Any]) -> tuple[int, ...]:
        """Return what makes two calls alike: nodes keep their objects alive, so an identity stays one object's."""
        known = len(self._reach.functions.get(id(facts.code), ()))
        mutable = [0 if is_immutable(values.get(root)) else id(values[root]) for root in facts.roots]
        return (id(facts.code), known, *mutable)

    def _open_functions(self, code: types.CodeType, values: Mapping[str, Any], site: Site, given: bool) -> None:
        reach = self._reach
        receiver = MISSING if given else _first_argument(code, values)  # no class was asked for the function we call
        if not is_immutable(receiver) and receiver is not MISSING and (id(code), id(receiver)) not in self._received:
            if reach.adopt(code, receiver, site):
                self._diagnosis.reached.add(id(code))
            if id(receiver) in reach.nodes:  # it is kept alive, so that its identity stays its own
                self._received.add((id(code), id(receiver)))
        functions = reach.functions.get(id(code), ())
        if functions:
            self._diagnosis.reached.add(id(code))
        if self._function_counts.get(id(code)) != len(functions):
            self._function_counts[id(code)] = len(functions)
            for function in list(functions):
                if id(function) not in self._opened:
                    self._opened.add(id(function))
                    reach.open_function(function, site)

    def _globals(self, facts: CodeFacts, frame: types.FrameType, site: Site) -> None:
        code, scope = facts.code, frame.f_globals
        if (id(code), id(scope)) in self._scopes:
            return
        self._scopes.add((id(code), id(scope)))
        for chain in facts.chains:
            if chain.scope != "global":
                continue
            place = Site(code.co_filename, chain.line)
            if frame.f_locals is not scope and not code.co_flags & _OPTIMIZED and chain.root in frame.f_locals:
                continue
            self._reach.site = place
            edge = self._reach.global_entry(scope, frame.f_builtins, chain.root)
            if edge.value is not MISSING:
                self._reach.follow_chain(chain, edge.value, edge.path, place)

    def _import(self, facts: CodeFacts, frame: types.FrameType) -> None:
        reach = self._reach
        for name, level, _wanted, line in facts.imports:
            place = Site(facts.code.co_filename, line)
            full = _absolute_name(name, level, frame.f_globals)
            if full is None:
                self._diagnosis.note(f"an import at {place} cannot be followed", place)
                continue
            parts = full.split(".") if full else []
            reach.site = place
            reach.entry(frame.f_builtins, "__import__", "`__import__`")
            for count in range(1, len(parts) + 1):
                module = ".".join(parts[:count])
                edge = reach.entry(sys.modules, module, f"module `{module}`")
                if edge.value is not MISSING:
                    reach.expose(edge.value, edge.path, place)

    def leave(self, frame: types.FrameType, value: Any) -> None:
        """Follow what the caller of a function gets from it."""
        back = frame.f_back
        if back is None or id(back) in self._base or is_immutable(value) or self._trust.covers(back):
            return
        if isinstance(self._reach.classifier.classify(value), Leaf):
            return  # an older one is known by the way it was reached, and nothing of it is followed
        name = frame.f_code.co_name
        self._reach.expose(value, f"the result of `{name}`", Site(back.f_code.co_filename, back.f_lineno))

    def judge(self, frame: types.FrameType, function: Any) -> None:
        """Judge the call of a function or method written in C."""
        owner = getattr(function, "__self__", None)
        if owner is not None and type(owner) is not types.ModuleType:
            self._diagnosis.last_method[id(owner)] = (frame.f_code.co_filename, frame.f_lineno)
            self._reach.add_names_of_format(function, Site(frame.f_code.co_filename, frame.f_lineno))
        if is_dynamic(function) and (names := names_of_fields(frame)):
            self._reach.add_names(names)
        elif is_dynamic(function):
            facts = self._diagnosis.codes.get(id(frame.f_code))
            if facts is None or frame.f_lasti not in facts.constant_name_calls:
                place = Site(frame.f_code.co_filename, frame.f_lineno)
                self._diagnosis.note(f"calls {function.__name__} with a computed attribute name at {place}", place)
        elif not is_pure_function(function):
            place = Site(frame.f_code.co_filename, frame.f_lineno)
            self._diagnosis.note(f"calls {_describe_c_function(function)} at {place}", place)


def _first_argument(code: types.CodeType, values: Mapping[str, Any]) -> Any:
    """Return the first positional argument of a call that is about to run, `MISSING` where there is none."""
    if code.co_argcount > 0:
        return values.get(code.co_varnames[0], MISSING)
    if code.co_flags & _TAKES_STAR_ARGUMENTS:
        rest = values.get(code.co_varnames[code.co_kwonlyargcount], ())
        return rest[0] if type(rest) is tuple and rest else MISSING
    return MISSING


def _facts_of(code: types.CodeType) -> CodeFacts:
    if len(_facts) > _KEPT_FACTS:
        _facts.clear()
    found = _facts.get(id(code))
    if found is None or found.code is not code:
        found = code_facts(code)
        _facts[id(code)] = found
    return found


def _absolute_name(name: str, level: int, scope: Mapping[str, Any]) -> str | None:
    if level == 0:
        return name
    package = scope.get("__package__")
    if level < 0 or not isinstance(package, str):
        return None
    parts = package.split(".")
    if level > len(parts):
        return None
    return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])


def _describe_c_function(function: Any) -> str:
    name = function.__name__
    owner = getattr(function, "__self__", None)
    if type(owner) is types.ModuleType:
        module = owner.__name__
        return f"builtin {name}" if module == "builtins" else f"{module.lstrip('_')}.{name}"
    if owner is None:
        held = getattr(function, "__objclass__", None)
        return f"{held.__name__}.{name}" if held is not None else name
    cls = owner if isinstance(owner, type) else type(owner)
    return f"{cls.__name__}.{name}"
