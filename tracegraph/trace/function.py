"""`@trace`: a function that is recorded on its first call and replayed as native code while its guards hold."""

import inspect
import operator
import os
import threading
import time
import types
import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from tracegraph import _state, pytree
from tracegraph.compiler.executable import compile_graph
from tracegraph.compiler.ir import Graph, Node
from tracegraph.observe import Child, Observation, Observer, is_library_code
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, CompileWarning, is_library_file
from tracegraph.tensor import Tensor
from tracegraph.trace.arguments import ArgumentGuards, data_of, owners
from tracegraph.trace.backward import CompiledBackward, record_backward
from tracegraph.trace.classify import LibraryClassifier, register_closed
from tracegraph.trace.entry import Entry
from tracegraph.trace.explain import Attempt, Explanation, explain
from tracegraph.trace.function_like import FunctionLike, ObjectLike, check_traceable, why_plain
from tracegraph.trace.labels import labels
from tracegraph.trace.looking import facts, notebook_html
from tracegraph.trace.outputs import OutputPlanner
from tracegraph.trace.recorder import Reason, Recorder
from tracegraph.trace.matcher import Matcher
from tracegraph.trace.replay import MISS
from tracegraph.trace.trie import Trie
from tracegraph.trace.sources import CapturedSource, Source

if TYPE_CHECKING:
    import networkx as nx

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

MAX_ENTRIES = 16
"""Traces kept per function; beyond that further kinds of calls run plain."""
MAX_PLAIN = 3
"""Recordings in a row that came out plain, after which the function is not recorded again."""

_made: "weakref.WeakSet[TracedFunction[..., Any]]" = weakref.WeakSet()


class TracedFunction(FunctionLike, Generic[Parameters, Result]):
    """A function behind `@trace`; it gives the results of the plain function, from native code where that is proved
    safe.

    `graph`, `source()` and `explain()` show what was made of it.
    """

    __slots__ = ("_lock", "_plain_in_row", "_runs_plain", "_warned", "attempts", "entries", "plain_reason")

    function: Callable[Parameters, Result]

    def __init__(self, function: Callable[Parameters, Result]) -> None:
        super().__init__(function)
        self.entries: list[Entry] = []
        self.attempts: list[Attempt] = []
        self.trie = Trie(getattr(function, "__name__", "function"))
        self._plain_in_row = 0
        self._warned = False
        self._lock = threading.RLock()
        _made.add(self)
        self.plain_reason = why_plain(function)
        self._runs_plain = self.plain_reason is not None

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        """Call the function: what comes back, is raised and is changed is what the plain function gives."""
        if _state.recording and _state.local.recorder is not None:
            return self.function(*args, **kwargs)
        for entry in self.entries:
            result = entry.replay(args, kwargs)
            if result is not MISS:
                return result  # type: ignore[no-any-return]
        if self._runs_plain:
            return self._coexecute(args, kwargs)
        return self._record(args, kwargs)

    def _coexecute(self, args, kwargs):
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<traced {getattr(self.function, '__qualname__', self.function)}, {len(self.entries)} traces>"

    # -- recording ----------------------------------------------------------------------------------------------------

    def _record(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Result:
        if not self._lock.acquire(blocking=False):
            return self.function(*args, **kwargs)
        try:
            return self._record_locked(args, kwargs)
        finally:
            self._lock.release()

    def _record_locked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Result:
        started = time.perf_counter()
        leaves = [*pytree.leaves(args, "args"), *pytree.leaves(kwargs, "kwargs")]
        recorder = Recorder(leaves, labels(self.function, args, kwargs))
        for path, container in (*pytree.containers(args, "args"), *pytree.containers(kwargs, "kwargs")):
            recorder.container_paths.setdefault(id(container), path)
        grad_enabled = _state.local.grad_enabled
        observer = Observer(
            self.function, args, kwargs, classifier=LibraryClassifier(), trusted=_is_library, guards_later=True
        )
        recorder.pauses = observer.pauses
        previous = _state.begin_recording(recorder)
        try:
            with observer:
                result = self.function(*args, **kwargs)
            ran = time.perf_counter() - started
            if _state.local.grad_enabled is not grad_enabled:
                recorder.unsupported("leaves gradients switched on or off")
            entry = self._try_compile(recorder, observer.observation, args, kwargs, leaves, result, grad_enabled)
        finally:
            _state.end_recording(previous)
        reasons = [*recorder.reasons, *(Reason(e.reason, e.filename, e.line) for e in observer.observation.effects)]
        self.attempts.append(Attempt(entry, reasons, ran, time.perf_counter() - started - ran, recorder.operations))
        del self.attempts[:-MAX_ENTRIES]
        if entry is not None:
            self._plain_in_row = 0
            self.entries.insert(0, entry)
            if len(self.entries) >= MAX_ENTRIES:
                self._stop(f"it was recorded {MAX_ENTRIES} times for different kinds of calls")
        else:
            self._plain_in_row += 1
            if self._plain_in_row >= MAX_PLAIN:
                self._runs_plain = True
        return result

    def _stop(self, why: str) -> None:
        self._runs_plain = True
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"traced function {getattr(self.function, '__qualname__', self.function)} runs plain for other calls "
                f"from now on: {why}; see explain()",
                stacklevel=4,
            )

    def _try_compile(self, recorder: Recorder, *recorded: Any) -> Entry | None:
        """The entry, or None if the compiler fails: the call has its result already,
        and later ones run plain, warned.
        """
        try:
            return self._compile(recorder, *recorded)
        except Exception as error:  # noqa: BLE001 - whatever fails here must not reach the caller
            name = getattr(self.function, "__qualname__", repr(self.function))
            recorder.unsupported(f"could not be compiled: {type(error).__name__}: {error}")
            message = f"traced function {name} runs plain: the compiler failed ({error})"
            warnings.warn(message, CompileWarning, stacklevel=5)
            return None

    def _compile(
        self, recorder: Recorder, observation: Observation, args: tuple[Any, ...], kwargs: dict[str, Any],
        leaves: list[tuple[str, Any]], result: Any, grad_enabled: bool,
    ) -> Entry | None:  # fmt: skip
        """The entry for a recorded call,
        or None when it has to run plain (the recorder or the observation says why).
        """
        name = getattr(self.function, "__name__", "function")
        plan = OutputPlanner(recorder, observation.is_external).make(result)
        written = recorder.written()
        self._check_sharing(recorder, [root.tensor for root in written])
        captured = observation.captured if observation.is_static else ()  # here its guards are made
        reached = {id(value) for value in (*[leaf for _, leaf in leaves], *captured)}
        if any(id(value) in reached for _, value in recorder.grad_before.values() if value is not None):
            recorder.unsupported("reads a `.grad` that it also reaches by another way")
        if recorder.reasons or not observation.is_static:
            return None
        nodes: list[Node] = list(plan.nodes)
        sources: list[Source] = [source for _, source in recorder.inputs]
        backward: CompiledBackward | None = None
        saved: list[int | str] = []
        if plan.live:
            graph_inputs = list(recorder.inputs)
            recorded = record_backward(recorder, plan.live, name)
            if recorded is None or recorder.reasons:
                return None
            recorder.inputs = graph_inputs
            backward = CompiledBackward(recorded, name)
            numbers = {node: number for number, (node, _) in enumerate(graph_inputs)}
            changed = {root.initial for root in written}
            for node in recorded.saved:
                if node in numbers and node not in changed:
                    saved.append(str(numbers[node]))
                elif node in plan.nodes and recorder.is_value_of_one(node):
                    saved.append(plan.nodes.index(node))
                else:
                    saved.append(len(nodes))
                    nodes.append(node)
        graph: Graph = recorder.graph(name, nodes)
        executable = compile_graph(graph)
        observation.guards.accept_registry()
        written_values = [root.tensor for root in written]
        return Entry(
            name=name,
            executable=executable,
            sources=sources,
            written=written_values,
            arguments=ArgumentGuards(args, kwargs, leaves, written_values, self._captured(recorder, observation)),
            guards=observation.guards,
            checks=recorder.checks,
            grads=list(recorder.grad_before.values()),
            outputs=plan,
            backward=backward,
            saved=saved,
            grad_enabled=grad_enabled,
        )

    @staticmethod
    def _captured(recorder: Recorder, observation: Observation) -> list[Any]:
        """The tensors that the call reached from elsewhere than its arguments, in operations or only by name."""
        read = [source.tensor for _, source in recorder.inputs if isinstance(source, CapturedSource)]
        return [*read, *(value for value in observation.captured if isinstance(value, Tensor))]

    @staticmethod
    def _check_sharing(recorder: Recorder, written: list[Tensor]) -> None:
        """Tensors that share memory, one of which is written, are beyond this tracer."""
        others = [entry.tensor for entry in recorder.entries.values() if getattr(entry, "external", False)]
        for target in written:
            mine = owners(data_of(target))
            for other in others:
                if other is not target and mine & owners(data_of(other)):
                    recorder.unsupported("writes to a tensor whose memory another input shares")
                    return

    # -- looking ------------------------------------------------------------------------------------------------------

    @property
    def graph(self) -> Graph:
        """The graph of the latest trace, as recorded.

        Raises:
            ArgumentTypeError: when there is none yet.
        """
        return self._latest().executable.original

    def stages(self) -> dict[str, Graph]:
        """The graph of the latest trace at each stage: "recorded", after each pass, "scheduled"."""
        executable = self._latest().executable
        found = {"recorded": executable.original}
        for record in executable.records:
            found[record.name] = record.graph
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


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _is_library(code: types.CodeType) -> bool:
    """Whether code is trusted: the library's own, but for what comes along as an example."""
    return is_library_code(code) and is_library_file(code.co_filename)


@overload
def trace(function: Callable[Parameters, Result], /) -> TracedFunction[Parameters, Result]: ...
@overload
def trace() -> Callable[[Callable[Parameters, Result]], TracedFunction[Parameters, Result]]: ...
def trace(function: Any = None) -> Any:
    """Make a function that is recorded when first called and replayed as compiled code afterwards.

    The results, gradients and writes are those of the plain function. What is not surely replayable runs plain;
    `explain()` says why.

    >>> @trace
    ... def double(x):
    ...     return x + x
    >>> double(tracegraph.tensor([1.0, 2.0]))
    tensor([2., 4.])
    >>> double(tracegraph.tensor([3.0, 4.0]))
    tensor([6., 8.])
    """
    if function is None:
        return trace
    if isinstance(function, staticmethod | classmethod):
        return type(function)(trace(function.__func__))
    check_traceable(function)
    plain = isinstance(function, FunctionLike) or inspect.isroutine(function)
    return TracedFunction(function) if plain else TracedObject(function)
