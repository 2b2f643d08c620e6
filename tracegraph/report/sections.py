"""The sections of a report about one trace: summary, graphs, passes, kernels, memory, guards."""

import re
from collections.abc import Sequence

from tracegraph.compiler.executable import Executable
from tracegraph.compiler.ir.description import FILL
from tracegraph.compiler.lowering.steps import HostStep
from tracegraph.compiler.ops.base import Kind
from tracegraph.compiler.pipeline import PassRecord
from tracegraph.report.charts import bars
from tracegraph.report.markup import Markup, count, element, in_bytes, in_time, joined, three_digits
from tracegraph.report.memory_map import memory_map
from tracegraph.report.page import drawing, tabs
from tracegraph.report.source import functions, highlighted
from tracegraph.report.step_graph import operations, places, step_graph
from tracegraph.report.timing import Timings
from tracegraph.trace.explain import Explanation
from tracegraph.trace.looking import facts, step_kind, step_name

_OPEN_KERNELS = 4
_MOST_NODES = 400
_PROTECTED = " (protected)"
_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)


def heading(told: Explanation, place: str) -> Markup:
    """Name, verdict, and where the function is."""
    return joined(
        element("h1", told.name.rpartition("<locals>.")[2]),
        element("span", told.verdict, class_=f"badge {'static' if told.verdict == 'static' else 'plain'}"),
        element("p", place, class_="soft mono"),
    )


def verdict(told: Explanation) -> Markup:
    """What the verdict means, what decides how a call goes on, and for each reason what to change."""
    if told.verdict == "static":
        kept = "Replaying it checks the guards and makes one native call; Python is not run."
        said = [element("p", f"Everything this function does was recorded. {kept}")]
        if told.decisions:
            counts = (
                f"{told.ways} ways were seen; {told.segments} distinct pieces of native code lie between decisions."
            )
            said.append(element("p", f"Values of tensors decide how a call goes on. {counts}"))
            places = {text: told.decisions.count(text) for text in told.decisions}
            said += [element("div", f"{text}, {times} times", class_="mono") for text, times in places.items()]
        return joined(*said)
    if not told.reasons:
        return element("p", "This function has not been recorded.")
    meaning = "Python runs on each call; its operations are taken from native code in stretches, because the function:"
    if told.verdict == "plain":
        meaning = "This function runs as plain Python, because it:"
    rows = []
    for reason in told.reasons:
        advice = told.remedies.get(reason, "")
        rows.append(element("div", reason + (f" To change: {advice}." if advice else ""), class_="reason"))
    return joined(element("p", meaning), rows, [element("div", line, class_="mono") for line in told.coexecuted])


def tiles(told: Explanation, timings: Timings | None) -> Markup:
    """The figures that matter, large."""
    shown: list[tuple[str, str]] = []
    always, _ = _split(told.guards)
    if timings is not None:
        shown.append((f"{three_digits(timings.ratio)}×", "as fast as the plain call"))
    steps = "native kernels" if told.kernels != 1 else "native kernel"
    if told.traces:
        shown += [
            (f"{told.kernels}", f"{steps} for {told.operations} operations"),
            (in_bytes(told.arena_bytes), f"of intermediates; {in_bytes(told.unshared_bytes)} without reuse"),
            (f"{len(told.guards)}", f"guards, {len(always)} of them checked on each call"),
            (in_time(told.compile_seconds), "to compile" if told.origin == "compiled" else "to load from the cache"),
        ]
    cells = [
        element("div", element("b", value), element("span", text), class_=f"card tile{' lead' if not number else ''}")
        for number, (value, text) in enumerate(shown)
    ]
    return element("div", cells, class_="tiles") if cells else joined()


def flow(executable: Executable, told: Explanation) -> Markup:
    """From what was recorded to what runs, in one line."""
    lowered = executable.lowered
    kinds = [step_kind(step) for step in (*lowered.steps, *lowered.commits)]
    made = [
        count(kinds.count("kernel"), "fused kernel"),
        count(kinds.count("routine"), "library or written-out routine"),
    ]
    if kinds.count("host"):
        made.append(f"{count(kinds.count('host'), 'step')} by NumPy")
    stations = [
        (f"{told.operations}", "operations recorded"),
        (f"{lowered.graph.operations}", "operations after the passes"),
        (f"{len(kinds)}", f"steps: {', '.join(made)}"),
        (f"{len(executable.segments)}", "native call" if len(executable.segments) == 1 else "native calls"),
    ]
    parts: list[Markup] = []
    for number, (value, text) in enumerate(stations):
        if number:
            parts.append(element("i", "→"))
        parts.append(element("span", element("b", value), f" {text}"))
    return element("div", parts, class_="flow")


def timing(timings: Timings) -> Markup:
    """Plain and traced times as bars, with what was counted."""
    eager, traced = timings.eager, timings.traced
    rows = [
        ("plain", eager.seconds, in_time(eager.seconds), False),
        ("traced", traced.seconds, in_time(traced.seconds), True),
    ]
    note = (
        f"Medians of {timings.rounds} rounds of {count(timings.calls, 'call')} each, plain and traced in turns in one "
        "run: the ratio means something, the times belong to this machine at that moment. "
        f"Functions called by the interpreter: {eager.python_calls:,} plain, {traced.python_calls:,} traced. "
        f"Most memory allocated at one time during a call: {in_bytes(eager.peak_bytes)} plain, "
        f"{in_bytes(traced.peak_bytes)} traced (besides the arena, which is kept)."
    )
    return joined(
        element("h2", "Time of a call"), element("div", bars(rows), class_="card"), element("p", note, class_="note")
    )


def _kinds(executable: Executable, *, recorded: bool) -> list[Markup]:
    """The legend of a drawing of operations: the kinds that occur in it."""
    graph = executable.original if recorded else executable.lowered.graph
    kinds = {node.kind for node in graph.nodes if node.kind is not Kind.LEAF}
    shown = [
        element("span", element("i", style=f"background:{colour}"), kind.value)
        for kind, colour in FILL.items()
        if kind in kinds
    ]
    if any(node.backward for node in graph.nodes):
        shown.append(element("span", element("i", style="border-style:dashed"), "gradient"))
    return shown


def graphs(executable: Executable) -> Markup:
    """The graph as it was recorded, as it was scheduled, and the steps that run."""
    kinds = {"kernel": "fused kernel", "routine": "routine or BLAS", "host": "NumPy"}
    legend = [element("span", element("i", class_=f"k-{kind}"), text) for kind, text in kinds.items()]
    legend.append(element("span", "arrows: values that pass through memory"))
    recorded = _STYLE.sub("", executable.original.to_svg(max_nodes=_MOST_NODES))
    scheduled = _STYLE.sub("", executable.lowered.graph.to_svg(facts(executable), max_nodes=_MOST_NODES))
    after = [*_kinds(executable, recorded=False), element("span", "bar and tag: the kernel")]
    return joined(
        element("h2", "Graph"),
        element(
            "p",
            "Hover over a box to see all of it. Drag to move; Ctrl and the wheel, or the buttons, zoom.",
            class_="note",
        ),
        tabs(
            "graph",
            [
                ("What runs", drawing(step_graph(executable), *legend)),
                ("After the passes", drawing(scheduled, *after, graph=True)),
                ("As recorded", drawing(recorded, *_kinds(executable, recorded=True), graph=True)),
            ],
        ),
    )


def passes(executable: Executable) -> Markup:
    """Every pass with its effect; those that changed something open to the graph's text."""
    records = executable.records
    largest = max([record.before_nodes for record in records], default=1)
    shown = [_pass(record, largest) for record in records if record.changed]
    idle = [record for record in records if not record.changed]
    total = sum(record.seconds for record in records)
    rounds = max((record.round for record in records), default=0)
    quiet = f"{count(len(idle), 'other pass', 'other passes')} found nothing to do"
    if idle:
        names = ", ".join(f"{record.name} ({record.round})" for record in idle)
        quiet += f": {names}"
    original = element(
        "details",
        element(
            "summary", element("b", "recorded", class_="name"), element("span", "", class_="round"),
            _meter(len(executable.original.nodes), largest, hot=False),
            element("span", f"{len(executable.original.nodes)} nodes"),
        ),
        element("pre", str(executable.original)),
    )  # fmt: skip
    return joined(
        element("h2", "Passes"),
        element(
            "p", f"{count(rounds, 'round')} in {in_time(total)}. Open a pass to read the graph it gave.", class_="note"
        ),
        original,
        shown,
        element("p", f"{quiet}.", class_="note"),
    )


def _pass(record: PassRecord, largest: int) -> Markup:
    change = record.after_nodes - record.before_nodes
    effect = f"{record.before_nodes} → {record.after_nodes} nodes ({change:+d})" if change else "rewrote nodes"
    return element(
        "details",
        element(
            "summary",
            element("b", record.name, class_="name"),
            element("span", f"round {record.round}", class_="soft round"),
            _meter(record.after_nodes, largest, hot=True),
            element("span", effect),
            element("span", in_time(record.seconds), class_="right"),
        ),
        element("pre", str(record.graph)),
    )


def _meter(value: int, largest: int, *, hot: bool) -> Markup:
    bar = element("i", class_="hot" if hot else None, style=f"width:{100 * value / max(largest, 1):.1f}%")
    return element("span", bar, class_="meter")


def kernels(executable: Executable) -> Markup:
    """What the steps compute, and the generated source, function by function."""
    lowered = executable.lowered
    rows = []
    for number, step in enumerate((*lowered.steps, *lowered.commits)):
        nodes = [node for node in step.nodes if not node.is_constant]
        cells = [step_name(step), operations(nodes), places(nodes), step_kind(step)]
        written = sum(buffer.spec.nbytes for buffer in dict.fromkeys(step.writes))
        rows.append(
            element("tr", element("td", str(number), class_="n"), [element("td", cell) for cell in cells],
                    element("td", in_bytes(written), class_="n"))
        )  # fmt: skip
    head = element(
        "tr", element("th", "step", class_="n"),
        [element("th", name) for name in ("name", "operations", "your code", "kind")],
        element("th", "writes", class_="n"),
    )  # fmt: skip
    return joined(
        element("h2", "Kernels"),
        element("div", element("table", head, rows), class_="card", style="overflow-x:auto"),
        element("p", "The source below is what Numba compiles; main is the one native call.", class_="note"),
        _sources(executable),
        _host_steps(executable.host_steps),
    )


def _sources(executable: Executable) -> Markup:
    shown: list[Markup] = []
    for module in executable.sources:
        for name, title, text, first in functions(module.text):
            shown.append(
                element(
                    "details",
                    element("summary", element("b", name), element("span", title, class_="soft"),
                            element("span", count(text.count("\n") + 1, "line"), class_="right")),
                    element("pre", highlighted(text, first_line=first)),
                    id=f"kernel-{name}",
                    open=len(shown) < _OPEN_KERNELS and text.count("\n") < 40,
                )
            )  # fmt: skip
    return joined(shown)


def _host_steps(steps: Sequence[HostStep]) -> Markup | None:
    if not steps:
        return None
    listed = [element("li", f"{step.node.operation} : {step.node.spec}") for step in steps]
    return joined(
        element("p", "These operations have no native code here and are computed by NumPy:"), element("ul", listed)
    )


def memory(executable: Executable) -> Markup:
    """The plan of the arena as a picture."""
    picture = memory_map(executable)
    plan = executable.lowered.memory
    if picture is None:
        return joined(
            element("h2", "Memory"), element("p", "Nothing is kept between steps: there is no arena.", class_="note")
        )
    saved = 100 * (1 - plan.arena_bytes / plan.unshared_bytes)
    note = (
        f"{count(len(plan.lifetimes), 'intermediate value')} in one arena of {in_bytes(plan.arena_bytes)}; each for "
        f"itself they would take {in_bytes(plan.unshared_bytes)} ({saved:.0f}% saved). A block is as wide as the value "
        "lives and as high as it is large; values that are never needed at the same time share memory."
    )
    return joined(
        element("h2", "Memory"), element("p", note, class_="note"), element("div", picture, class_="card picture")
    )


def _split(listed: Sequence[str]) -> tuple[list[str], list[str]]:
    """The guards checked on each call, and those checked only after something was changed through the library."""
    always = [guard for guard in listed if not guard.endswith(_PROTECTED)]
    return always, [guard.removesuffix(_PROTECTED) for guard in listed if guard.endswith(_PROTECTED)]


def guards(told: Explanation, replay_source: str) -> Markup:
    """What must hold for a replay, and the function that checks it."""
    always, seldom = (
        element("ul", [element("li", guard) for guard in found], class_="guards") for found in _split(told.guards)
    )
    counts = [len(found) for found in _split(told.guards)]
    note = (
        "A call is replayed only while all of this holds; otherwise the function runs and is recorded again. Shapes, "
        "dtypes and layouts of the arguments are checked as well."
    )
    changed = "checked only after a module, an optimiser or a parameter was changed"
    source = "the generated function that checks a call and publishes its results"
    return joined(
        element("h2", "Guards"),
        element("p", note, class_="note"),
        _folded(count(counts[0], "guard"), "checked on each call", always, shown=counts[0] <= 24),
        _folded(count(counts[1], "guard"), changed, seldom) if counts[1] else None,
        _folded("replay", source, element("pre", highlighted(replay_source))),
    )


def _folded(title: str, note: str, content: Markup, *, shown: bool = False) -> Markup:
    summary = element("summary", element("b", title), element("span", note, class_="soft"))
    return element("details", summary, content, open=shown)
