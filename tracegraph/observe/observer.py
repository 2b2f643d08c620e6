"""Watch one run of a function: `with Observer(function, args) as observer: ...`, then `observer.observation`."""

import gc
import os
import sys
import types
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from tracegraph.observe.age import Age
from tracegraph.observe.bytecode import CodeFacts, code_facts
from tracegraph.observe.effects import Diagnosis, absent_names, find_effects
from tracegraph.observe.events import EventSource
from tracegraph.observe.model import Classifier, Leaf, NoLibrary, Site
from tracegraph.observe.observation import Observation, failure, place_of
from tracegraph.observe.pauses import Pauses
from tracegraph.observe.purity import (
    is_dynamic,
    is_foundation_code,
    is_pure_function,
    is_pure_library_code,
    needs_abc_token,
)
from tracegraph.observe.reach import Reach, TooMuchError
from tracegraph.observe.records import names_of_fields
from tracegraph.observe.sources import open_source
from tracegraph.observe.values import MISSING, is_immutable

_OWN_FOLDER: Final = __file__.replace("\\", "/").rsplit("/", 1)[0]
_LIBRARY_FOLDER: Final = _OWN_FOLDER.rsplit("/", 1)[0]
# The compiler and the runtime may be links that lead out of the package.
_LIBRARY_FOLDERS: Final = (
    _LIBRARY_FOLDER + "/",
    *(
        os.path.realpath(os.path.join(_LIBRARY_FOLDER, part)).replace("\\", "/") + "/"
        for part in (".", "compiler", "runtime")
    ),
)
_TAKES_STAR_ARGUMENTS: Final = 0x04
_OPTIMIZED: Final = 0x01

_KEPT_FACTS: Final = 4096
_facts: dict[int, CodeFacts] = {}
_Statuses = dict[int, tuple[types.CodeType, str]]
_statuses: weakref.WeakKeyDictionary[Callable[[types.CodeType], bool], tuple[_Statuses, set[int], set[int]]]
_statuses = weakref.WeakKeyDictionary()


def is_library_code(code: types.CodeType) -> bool:
    """Tell whether a code object belongs to this library: the default of what is trusted."""
    return code.co_filename.replace("\\", "/").startswith(_LIBRARY_FOLDERS)


class Observer:
    """Observes what a function reads from outside and does to outside, while it runs once in the `with` block.

    Args:
        function: what is about to be called.
        args: its positional arguments.
        kwargs: its keyword arguments.
        classifier: claims the objects that the library guards itself.
        trusted: tells of a code object whether it is library code, which is not looked into. Callbacks from
            such code into other code are looked into.
        argument_values: "guard" also guards the immutable values and the structure of lists, tuples and dicts in the
            arguments; "caller" leaves those that are only read as arguments to the caller's own key.
        limit: the number of edges at which observation gives up.
        guards_later: the guards are made when first asked for; nothing may be changed between the run and then.
        source: the name of the event source, the best one that is to be had by default.

    Raises:
        Nothing of its own; an exception of the block passes, and profilers that were active before are active again.

    Example:
        >>> scale = 2.0
        >>> def double(x):
        ...     return x * scale
        >>> with Observer(double, (3.0,)) as observer:
        ...     result = double(3.0)
        >>> observer.observation.is_static, observer.observation.guards.check_fast((3.0,), {})
        (True, True)
    """

    observation: Observation

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        classifier: Classifier | None = None,
        trusted: Callable[[types.CodeType], bool] = is_library_code,
        argument_values: str = "guard",
        limit: int = 20_000,
        guards_later: bool = False,
        source: str | None = None,
    ) -> None:
        self._guards_later = guards_later
        self._function, self._args, self._kwargs = function, args, dict(kwargs or {})
        self._reach = Reach(classifier or NoLibrary(), limit, trusted)
        self._trusted_predicate = trusted
        self._collector_codes = _collector_codes()
        self._statuses, self._asks_registry, self._shared = _statuses_by(trusted)
        noticed = self._shared & self._collector_codes.keys()
        self.passed_over = self._shared - noticed if noticed else self._shared
        self._argument_values = argument_values
        self._diagnosis = Diagnosis()
        self._opened: set[int] = set()
        self._seen_calls: set[tuple[int, ...]] = set()
        self._received: set[tuple[int, int]] = set()
        self._function_counts: dict[int, int] = {}
        self._scopes: set[tuple[int, int]] = set()
        self._base: set[int] = set()
        self._stopped = False
        self._source_name = source
        self._source: EventSource | None = None
        self.pauses = Pauses()
        self._age = Age()
        self._frames: list[types.FrameType] = []
        self._collecting = 0

    def __enter__(self) -> Self:
        self._age.begin()
        frame: types.FrameType | None = sys._getframe(0)
        while frame is not None:
            self._base.add(id(frame))
            self._frames.append(frame)
            frame = frame.f_back
        site = Site(*place_of(self._function))
        try:
            self._reach.count_arguments([*self._args, *self._kwargs.values()])
            self._reach.set_aside_arrays([*self._args, *self._kwargs.values()], site)
            self._reach.opens_records = True
            for position, value in enumerate(self._args):
                self._reach.expose(value, f"args[{position}]", site)
            for name, value in self._kwargs.items():
                self._reach.expose(value, f"kwargs[{name!r}]", site)
            self._reach.opens_records = False
            self._reach.expose(self._function, "the function", site)
        except TooMuchError:
            self._give_up(site)
        except Exception as problem:  # noqa: BLE001  whatever goes wrong here must not keep the function from running
            self._give_up(site, f"observation failed: {problem!r}")
        self._source = open_source(self, self._source_name)
        if self._source is None:
            self._diagnosis.note("a profiler that cannot be set aside is active", site)
        elif (ways := self._source.ways_to_pause()) is not None:
            self.pauses.begin(*ways)
        return self

    def __exit__(self, *exception: object) -> None:
        self.pauses.end()
        if self._source is not None:
            self._source.close()
        self._frames.clear()
        try:
            self.observation = self._conclude()
        except Exception as problem:  # noqa: BLE001  whatever goes wrong here must not reach the caller of the function
            self.observation = Observation((failure(problem, self._function),))
        finally:
            self._age.end()
        del self._reach, self._diagnosis

    def _conclude(self) -> Observation:
        reach, diagnosis = self._reach, self._diagnosis
        effects = find_effects(reach, diagnosis, self._roots(), self._age)
        catches = diagnosis.catches or any(facts.catches for facts in diagnosis.codes.values())
        external = frozenset(key for key, node in reach.nodes.items() if node.external)
        codes = tuple(facts.code for facts in diagnosis.codes.values())
        if effects and self._guards_later:  # nobody will ask, and what the run has made is to die now
            return Observation(effects, codes, external)
        called = (self._args, self._kwargs, catches, diagnosis.abc_token, self._argument_values)
        observation = Observation(effects, codes, external, reach, called)
        observation.absent = absent_names(diagnosis)
        if not self._guards_later:
            observation.make_guards()
        return observation

    def _roots(self) -> list[object]:
        return [self._function, *self._args, *self._kwargs.values()]

    # -- events ----------------------------------------------------------------------------------------------------

    def passes_over(self, code: types.CodeType) -> bool:
        """Tell whether nothing that `code` itself does is looked at."""
        try:
            self._status(code)
        except Exception as problem:  # noqa: BLE001  whatever goes wrong here must not reach the user's function
            self._give_up(Site(code.co_filename, code.co_firstlineno), f"observation failed: {problem!r}")
        return id(code) in self.passed_over

    def entered(self, frame: types.FrameType) -> None:
        """Follow what a Python function that begins can get hold of."""
        if id(frame.f_code) in self._collector_codes:
            self._collecting += 1
        elif self._is_observed(frame):
            try:
                if not self._is_trusted(frame):
                    self._call(frame)
            except Exception as problem:  # noqa: BLE001
                self._give_up_for(problem, frame)

    def returned(self, frame: types.FrameType, value: Any) -> None:
        """Follow what the caller of a Python function gets from it."""
        back = frame.f_back
        if id(frame.f_code) in self._collector_codes:
            self._collecting -= 1
        elif (back is None or id(back.f_code) not in self.passed_over) and self._is_observed(frame):
            try:
                self._return(frame, value)
            except Exception as problem:  # noqa: BLE001
                self._give_up_for(problem, frame)

    def called(self, frame: types.FrameType, function: Any) -> None:
        """Judge the call of a function or method written in C."""
        if self._is_observed(frame):
            try:
                if not self._is_trusted(frame):
                    self._c_call(frame, function)
            except Exception as problem:  # noqa: BLE001
                self._give_up_for(problem, frame)

    def interrupted(self, reason: str) -> None:
        """Give up, as nothing more will be told."""
        self.pauses.end()
        self._give_up(Site(*place_of(self._function)), reason)

    def _is_observed(self, frame: types.FrameType) -> bool:
        return not (self._stopped or self._collecting or id(frame) in self._base)

    def _give_up_for(self, problem: Exception, frame: types.FrameType) -> None:
        site = Site(frame.f_code.co_filename, frame.f_lineno)
        if isinstance(problem, TooMuchError):
            self._give_up(site)
        else:
            self._give_up(site, f"observation failed: {problem!r}")

    def _give_up(self, site: Site, reason: str = "the call can reach more objects than can be followed") -> None:
        self._stopped = True
        self._diagnosis.note(f"{reason} ({site})", site)

    def _is_trusted(self, frame: types.FrameType) -> bool:
        """Tell whether a frame is library code, or code of NumPy or Python that library code called."""
        status = self._status(frame.f_code)
        if id(frame.f_code) in self._asks_registry and not self._diagnosis.abc_token:
            caller = frame.f_back
            if caller is None or id(caller) in self._base or not self._is_trusted(caller):
                self._diagnosis.abc_token = True
        walked: types.FrameType | None = frame
        while status == "foundation" and walked is not None:
            walked = walked.f_back
            if walked is None or id(walked) in self._base:
                return False
            status = self._status(walked.f_code)
        return status == "trusted"

    def _status(self, code: types.CodeType) -> str:
        found = self._statuses.get(id(code))
        if found is None:
            status = "foundation" if is_foundation_code(code) else "user"
            if code.co_filename.replace("\\", "/").startswith(_OWN_FOLDER + "/") or self._trusted_predicate(code):
                status = "trusted"
            elif is_pure_library_code(code):
                status = "trusted"
                if needs_abc_token(code):
                    self._asks_registry.add(id(code))
            found = (code, status)
            self._statuses[id(code)] = found
            if status == "trusted" and id(code) not in self._asks_registry and id(code) not in self._collector_codes:
                self._shared.add(id(code))
        return found[1]

    def _call(self, frame: types.FrameType) -> None:
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
        if back is not None and not outermost and self._is_trusted(back):
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

    def _return(self, frame: types.FrameType, value: Any) -> None:
        back = frame.f_back
        if back is None or id(back) in self._base or is_immutable(value) or self._is_trusted(back):
            return
        if isinstance(self._reach.classifier.classify(value), Leaf):
            return  # an older one is known by the way it was reached, and nothing of it is followed
        name = frame.f_code.co_name
        self._reach.expose(value, f"the result of `{name}`", Site(back.f_code.co_filename, back.f_lineno))

    def _c_call(self, frame: types.FrameType, function: Any) -> None:
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


def _collector_codes() -> dict[int, types.CodeType]:
    """The code, by its `id`, of what the garbage collector calls whenever it runs: in the middle of any function."""
    called = [getattr(callback, "__func__", callback) for callback in gc.callbacks]
    codes = [getattr(function, "__code__", None) for function in called]
    return {id(code): code for code in codes if isinstance(code, types.CodeType)}


def _statuses_by(trusted: Callable[[types.CodeType], bool]) -> tuple[_Statuses, set[int], set[int]]:
    """What is known of code objects under a rule of trust: their status, which ask the registry of classes,
    and the identities of those that are passed over.
    """
    known = _statuses.get(trusted)
    if known is None or len(known[0]) > _KEPT_FACTS:
        known = _statuses[trusted] = ({}, set(), set())
    return known


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
