"""What became of a traced function, for people: verdict, reasons, guards, passes, kernels, memory."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracegraph.trace.decisions import DecisionTree
from tracegraph.trace.hints import hints
from tracegraph.trace.recorded import Decision
from tracegraph.trace.remedies import clause, remedy

if TYPE_CHECKING:
    from tracegraph.trace.entry import Entry
    from tracegraph.trace.function import TracedFunction
    from tracegraph.trace.recorded import Reason


@dataclass(frozen=True)
class Attempt:
    """One recording: the trace it gave, or the reasons why it gave none."""

    entry: "Entry | None"
    reasons: list["Reason"]
    run_seconds: float
    compile_seconds: float
    operations: int


@dataclass(frozen=True)
class Explanation:
    """The answer of `explain()`; prints as text."""

    name: str
    verdict: str
    served_by: int | None
    misses: list[str]
    reasons: list[str]
    guards: list[str]
    passes: list[tuple[str, int, int, float]]
    kernels: int
    host_steps: list[str]
    operations: int
    arena_bytes: int
    unshared_bytes: int
    compile_seconds: float
    origin: str
    hits: int
    traces: int
    decisions: list[str] = field(default_factory=list)
    """Of the latest trace: the values that decided how it went on, with the user's lines."""
    ways: int = 0
    """The number of ways through the decisions that were seen."""
    segments: int = 0
    """The number of distinct pieces of native code between decisions, or between values taken to Python."""
    remedies: dict[str, str] = field(default_factory=dict)
    """For each reason what to change."""
    guard_seconds: float = 0.0
    """What the guards on Python values of the latest trace cost on each call."""
    recheck_seconds: float = 0.0
    """What the guards of modules cost after one has changed."""
    coexecuted: list[str] = field(default_factory=list)
    """How co-executed calls went: native stretches, and the lines at which values were needed."""
    notes: list[str] = field(default_factory=list)
    """What to change so that fewer traces are needed."""

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.verdict}"]
        for reason in self.reasons:
            lines.append(f"  because {clause(reason)}")
            if reason in self.remedies:
                lines.append(f"    to change: {self.remedies[reason]}")
        lines += [f"  {line}" for line in self.coexecuted]
        lines += [f"  hint: {note}" for note in self.notes]
        if self.traces:
            lines.append(f"  traces: {self.traces}; the latest was replayed {self.hits} times")
        if self.served_by is not None:
            lines.append(f"  this call is served by trace {self.served_by}")
        lines += [f"  trace {number} does not serve this call: {why}" for number, why in enumerate(self.misses)]
        if self.traces:
            lines.append(
                f"  {self.operations} operations recorded, {self.kernels} kernels, {len(self.host_steps)} host steps"
            )
            lines += [f"    host step: {step}" for step in self.host_steps]
            lines.append(
                f"  memory: {self.arena_bytes:,} bytes of intermediates at the peak "
                f"({self.unshared_bytes:,} without reuse)"
            )
            lines.append(f"  compiled in {self.compile_seconds:.2f} s ({self.origin})")
            lines += [
                f"    pass {name}: {before} -> {after} nodes, {1000 * t:.1f} ms"
                for name, before, after, t in self.passes
            ]
            if self.decisions:
                lines.append(
                    f"  decisions on values of tensors: {len(self.decisions)} on the latest way; {self.ways} ways, "
                    f"{self.segments} distinct pieces of code between them"
                )
                shown = list(dict.fromkeys(self.decisions))
                lines += [f"    {text} ({self.decisions.count(text)} times)" for text in shown]
            lines.append(
                f"  guards: {len(self.guards)} ({1e6 * self.guard_seconds:.2f} us on each call, "
                f"{1e6 * self.recheck_seconds:.0f} us after a module was changed)"
            )
            lines += [f"    {guard}" for guard in self.guards]
        return "\n".join(lines)

    __repr__ = __str__


def explain(traced: "TracedFunction[..., Any]", args: tuple[Any, ...], kwargs: dict[str, Any]) -> Explanation:
    """Gather what is known of a traced function."""
    misses: list[str] = []
    served: int | None = None
    if args or kwargs:
        for number, entry in enumerate(traced.entries):
            why = entry.first_failure(args, kwargs)
            if why is None:
                served = number
                break
            misses.append(why)
    latest = traced.entries[0] if traced.entries else None
    last = traced.attempts[-1] if traced.attempts else None
    reasons = [] if last is None else list(dict.fromkeys(str(reason) for reason in last.reasons))
    if traced.plain_reason is not None:
        reasons = [traced.plain_reason]
    executable = latest.executable if latest is not None else None
    trees = [root for root in traced.roots if isinstance(root, DecisionTree)]
    attempt = next((a for a in reversed(traced.attempts) if a.entry is not None), None)
    return Explanation(
        name=getattr(traced.function, "__qualname__", repr(traced.function)),
        verdict=traced.verdict,
        served_by=served,
        misses=misses,
        reasons=reasons,
        remedies={reason: remedy(reason) for reason in reasons if remedy(reason)},
        guards=latest.guards.describe() if latest is not None else [],
        passes=[(r.name, r.before_nodes, r.after_nodes, r.seconds) for r in executable.records] if executable else [],
        kernels=executable.kernels if executable else 0,
        host_steps=[f"{s.node.operation} {s.node.spec}" for s in executable.host_steps] if executable else [],
        operations=attempt.operations if attempt else 0,
        arena_bytes=executable.lowered.memory.arena_bytes if executable else 0,
        unshared_bytes=executable.lowered.memory.unshared_bytes if executable else 0,
        compile_seconds=attempt.compile_seconds if attempt else 0.0,
        origin=executable.segments[0].program.origin if executable else "",
        hits=latest.hits if latest is not None else 0,
        traces=len(traced.entries),
        decisions=[_decision(decision) for decision in latest.decisions] if latest is not None else [],
        ways=sum(tree.leaves for tree in trees),
        segments=sum(len(tree.compiler.executables) for tree in trees),
        guard_seconds=latest.guard_seconds if latest is not None else 0.0,
        recheck_seconds=latest.recheck_seconds if latest is not None else 0.0,
        coexecuted=traced.trie.describe(),
        notes=hints(traced.function, traced.entries),
    )


def _decision(decision: Decision) -> str:
    where = "" if decision.location is None else f" at {decision.location[0]}:{decision.location[1]}"
    return f"{decision.how}{where}"
