"""`@trace`: a function that is recorded on its first call and replayed as native code while its guards hold."""

import functools
import inspect
import operator
import os
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeVar, overload

from tracegraph import _state
from tracegraph.compiler.ir import Graph
from tracegraph.observe import Child
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, CompileWarning, NotStaticError
from tracegraph.trace.checking import arm
from tracegraph.trace.classify import register_closed
from tracegraph.trace.compiling import Replays, compile_recording
from tracegraph.trace.decisions import DecisionTree
from tracegraph.trace.entry import Entry
from tracegraph.trace.explain import Attempt, Explanation, explain
from tracegraph.trace.function_like import FunctionLike, ObjectLike, check_traceable, why_plain
from tracegraph.trace.history import MAX_ENTRIES, History, signature_of
from tracegraph.trace.looking import facts, notebook_html
from tracegraph.trace.matcher import Matcher
from tracegraph.trace.recorded import Reason
from tracegraph.trace.recording import Recording, record
from tracegraph.trace.remedies import why_not_static
from tracegraph.trace.replay import MISS
from tracegraph.trace.threads import is_alone, watch
from tracegraph.trace.trie import Trie

if TYPE_CHECKING:
    import networkx as nx

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

STATIC: Final = "static"

_made: "weakref.WeakSet[TracedFunction[..., Any]]" = weakref.WeakSet()


class TracedFunction(FunctionLike, Generic[Parameters, Result]):
    """A function behind `@trace`; it gives the results of the plain function, from native code where that is proved
    safe.

    `graph`, `source()` and `explain()` show what was made of it.
    """

    __slots__ = (
        "_lock",
        "_warned",
        "attempts",
        "entries",
        "history",
        "plain_reason",
        "require",
        "roots",
        "trie",
        "verdict",
    )  # fmt: skip

    function: Callable[Parameters, Result]

    def __init__(self, function: Callable[Parameters, Result], require: str | None = None) -> None:
        super().__init__(function)
        self.entries: list[Entry] = []
        self.attempts: list[Attempt] = []
        self.roots: list[Replays] = []
        """What serves calls, tried in order: traces, and decision trees of traces."""
        self.history = History()
        self.trie = Trie(getattr(function, "__name__", "function"))
        self.require = require
        self.verdict = "not called yet"
        """Of the last call: "static", "co-executed", "plain"."""
        self._warned = False
        self._lock = threading.RLock()
        _made.add(self)
        self.plain_reason: str | None = why_plain(function)
        if self.plain_reason is not None:
            self.verdict = "plain"
            self._refuse()

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        """Call the function: what comes back, is raised and is changed is what the plain function gives."""
        if _state.recording and _state.local.recorder is not None:
            return self.function(*args, **kwargs)
        for root in self.roots:
            result = root.replay(args, kwargs)
            if result is not MISS:
                if self.verdict is not STATIC:
                    self.verdict = STATIC
                return result  # type: ignore[no-any-return]
        return self._miss(args, kwargs)

    def __repr__(self) -> str:
        return f"<traced {getattr(self.function, '__qualname__', self.function)}, {len(self.entries)} traces>"

    def _options(self) -> tuple[Any, ...]:
        return (self.require,)

    # -- calls that no trace serves -----------------------------------------------------------------------------------

    def _miss(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Result:
        """A call that no trace serves is recorded, or co-executed where recording it has been of no use."""
        if self.plain_reason is not None or not self._lock.acquire(blocking=False):
            return self.function(*args, **kwargs)
        try:
            signature = signature_of(args, kwargs)
            if self.history.is_worth_recording(signature):
                return self._record(signature, args, kwargs)
            self._refuse()
            return self._coexecute(signature, args, kwargs)
        finally:
            self._lock.release()

    def _record(self, signature: Hashable, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Result:
        recording = record(self.function, args, kwargs)
        started = time.perf_counter()
        entry = self._try_compile(recording)
        seconds = time.perf_counter() - started
        reasons = recording.reasons
        operations = recording.recorder.operations
        self.attempts.append(Attempt(entry, reasons, recording.seconds, seconds, operations))
        del self.attempts[:-MAX_ENTRIES]
        if entry is not None:
            self.verdict = "static"
            self.entries.insert(0, entry)
            arm(entry, self.function, self._drop)
        else:
            self.verdict = "co-executed"
        full = self.history.took(signature, entry is not None, reasons, len(self.roots))
        if full:
            self._warn(full)
        if recording.error is not None:
            try:
                raise recording.error
            finally:
                del recording  # the traceback holds this frame
        if entry is None and not self.history.would_record(signature):
            self._refuse()
        return recording.result  # type: ignore[no-any-return]

    def _refuse(self) -> None:
        """Raise if the function has to be static and is not.

        Raises:
            NotStaticError: then; it names each reason with the user's line, and what to change.
        """
        if self.require == "static":
            reasons = self.attempts[-1].reasons if self.attempts else [Reason(self.plain_reason or "")]
            raise NotStaticError(why_not_static(getattr(self.function, "__qualname__", "function"), reasons))

    def _coexecute(self, signature: Hashable, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Result:
        """Run the function, with its operations taken from native code in stretches where that is quicker."""
        self.verdict = "co-executed"
        trie = self.trie
        if not is_alone() or not trie.is_useful:
            return self.function(*args, **kwargs)
        timed = trie.native_flushes > 0
        matched = not timed or trie.trial.choose()
        started = time.perf_counter() if timed and trie.trial.is_running else 0.0
        result = self._match(signature, args, kwargs) if matched else self.function(*args, **kwargs)
        if started:
            trie.trial.took(matched, time.perf_counter() - started)
        return result

    def _match(self, signature: Hashable, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Result:
        """Run the function with its operations matched against those of earlier calls."""
        watch()
        matcher = Matcher(self.trie)
        previous = _state.begin_recording(matcher)
        raised = True
        try:
            result = self.function(*args, **kwargs)
            raised = False
        finally:
            try:
                matcher.finish(raised=raised)
            finally:
                _state.end_recording(previous)
        if matcher.diverged:
            self.history.went_another_way(signature, self.trie.paths)
        return result

    def _warn(self, why: str) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"traced function {getattr(self.function, '__qualname__', self.function)} is not recorded for other "
                f"calls from now on: {why}; see explain()",
                stacklevel=5,
            )

    def _try_compile(self, recording: Recording) -> Entry | None:
        """The entry, or None if the compiler fails: the call has its result already,
        and later ones are co-executed, warned.
        """
        name = getattr(self.function, "__name__", "function")
        try:
            return compile_recording(name, recording, self.roots)
        except Exception as error:  # noqa: BLE001 - whatever fails here must not reach the caller
            shown = getattr(self.function, "__qualname__", repr(self.function))
            recording.recorder.unsupported(f"could not be compiled: {type(error).__name__}: {error}")
            message = f"traced function {shown} is not replayed: the compiler failed ({error})"
            warnings.warn(message, CompileWarning, stacklevel=5)
            return None

    def _drop(self, entry: Entry) -> None:
        """Take away a trace that gave another result than the plain function."""
        self.entries = [other for other in self.entries if other is not entry]
        for root in list(self.roots):
            if root is entry:
                self.roots.remove(root)
            elif isinstance(root, DecisionTree):
                root.drop(entry)
        self.history.give_up()

    # -- looking ------------------------------------------------------------------------------------------------------

    @property
    def graph(self) -> Graph:
        """The graph of the latest trace, as recorded.

        Raises:
            ArgumentTypeError: when there is none yet.
        """
        return self._latest().whole

    def stages(self) -> dict[str, Graph]:
        """The graph of the latest trace at each stage: "recorded", after each pass, "scheduled"."""
        executable = self._latest().executable
        found = {"recorded": executable.original}
        for done in executable.records:
            found[done.name] = done.graph
        found["scheduled"] = executable.lowered.graph
        return found

    def stage(self, name: str = "scheduled") -> Graph:
        """The graph of the latest trace at one stage: "recorded", a pass (as its last round left it), or "scheduled".

        Raises:
            ArgumentError: when there is no such stage; the message lists those there are.
        """
        stages = self.stages()
        if name not in stages:
            raise ArgumentError(f"there is no stage {name!r}; the stages are {', '.join(stages)}")
        return stages[name]

    def to_networkx(self, stage: str = "scheduled") -> "nx.MultiDiGraph":
        """The graph at a stage for networkx; the scheduled one tells kernel, buffer and offset of each value.

        >>> @trace
        ... def double(x):
        ...     return x + x
        >>> double(tracegraph.tensor([1.0, 2.0]))
        tensor([2., 4.])
        >>> double.to_networkx().nodes["%0"]["operation"]
        'add'
        """
        return self.stage(stage).to_networkx(self._facts(stage))

    def to_dot(self, stage: str = "scheduled") -> str:
        """The graph at a stage as Graphviz source; in the scheduled one clusters are kernels."""
        return self.stage(stage).to_dot(self._facts(stage))

    def to_svg(self, stage: str = "scheduled") -> str:
        """The graph at a stage as a drawing; in the scheduled one nodes of one kernel have one colour."""
        return self.stage(stage).to_svg(self._facts(stage))

    def _facts(self, stage: str) -> Any:
        return facts(self._latest().executable) if stage == "scheduled" else None

    def _repr_html_(self) -> str:
        """What notebooks show: the explanation and the scheduled graph."""
        return notebook_html(self)

    def source(self) -> str:
        """The generated kernels of the latest trace, as Python source."""
        return self._latest().executable.source

    def _latest(self) -> Entry:
        if not self.entries:
            raise ArgumentTypeError(f"{self!r} has not been compiled; call it first, and see explain() for reasons")
        return self.entries[0]

    def explain(self, *args: Any, **kwargs: Any) -> Explanation:
        """Verdict, guards, passes, kernels and memory of the traces;
        with arguments also which trace serves them, or why none does.
        """
        return explain(self, args, kwargs)


class TracedObject(ObjectLike, TracedFunction[Parameters, Result]):
    """A callable object behind `trace`: a traced function with the attributes of the object."""

    __slots__ = ()


def _expand(traced: TracedFunction[..., Any]) -> list[Child]:
    return [Child("function", operator.attrgetter("function"), traced.function)]


for _kind in (FunctionLike, ObjectLike, TracedFunction, TracedObject):
    register_closed(_kind, _expand)


def _after_fork() -> None:
    """In a forked child no other thread is left that could end its recording and let go of a lock."""
    for traced in list(_made):
        if traced._lock.acquire(blocking=False):
            traced._lock.release()
        else:
            traced._lock = threading.RLock()
        for root in traced.roots:
            if isinstance(root, DecisionTree):
                root.renew_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@overload
def trace(function: Callable[Parameters, Result], /) -> TracedFunction[Parameters, Result]: ...
@overload
def trace(
    *, require: str | None = None
) -> Callable[[Callable[Parameters, Result]], TracedFunction[Parameters, Result]]: ...
def trace(function: Any = None, *, require: str | None = None) -> Any:
    """Make a function that is recorded when first called and replayed as compiled code afterwards.

    The results, exceptions, gradients, writes and side effects are those of the plain function. What needs Python on
    each call is co-executed: Python runs, and takes the results of its operations from native code. `explain()` says
    which it is, and why.

    Args:
        function: what to trace.
        require: "static" makes it an error if Python has to run on each call.

    Raises:
        ArgumentTypeError: for something that is not a function.
        ArgumentError: for another `require`.
        NotStaticError: by a call, with `require="static"`, of a function that needs Python on each call.

    >>> @trace
    ... def double(x):
    ...     return x + x
    >>> double(tracegraph.tensor([1.0, 2.0]))
    tensor([2., 4.])
    >>> double(tracegraph.tensor([3.0, 4.0]))
    tensor([6., 8.])
    """
    if require not in (None, STATIC):
        raise ArgumentError(f"trace: require is 'static' or None, not {require!r}")
    if function is None:
        return functools.partial(trace, require=require)
    if isinstance(function, staticmethod | classmethod):
        inner: Any = function.__func__
        return type(function)(trace(require=require)(inner))
    check_traceable(function)
    plain = isinstance(function, FunctionLike) or inspect.isroutine(function)
    return TracedFunction(function, require) if plain else TracedObject(function, require)
