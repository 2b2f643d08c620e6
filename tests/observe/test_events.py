"""Profilers, debuggers, coverage tools and other threads see during an observation what they see without one."""

import bdb
import cProfile
import os
import pstats
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.observe.programs import Program, reasons
from tracegraph.observe import Observation, Observer
from tracegraph.observe.calls import CallFollower
from tracegraph.observe.sources import SOURCES

monitoring: Any = getattr(sys, "monitoring", None)
needs_monitoring = pytest.mark.skipif(monitoring is None, reason="sys.monitoring is new in Python 3.12")


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def tools() -> Iterator[None]:
    """Fail where a test leaves a profiler or a tool behind; a debugger or coverage tool of the test run may stay."""
    before = _active_tools()
    profile, trace = sys.getprofile(), sys.gettrace()
    yield
    after, left = _active_tools(), sys.getprofile()
    sys.setprofile(profile)
    sys.settrace(trace)
    assert after == before
    assert left is profile


def _active_tools() -> list[tuple[object, object]]:
    if monitoring is None:
        return []
    held = [number for number in range(6) if monitoring.get_tool(number) is not None]
    return [(monitoring.get_tool(number), monitoring.get_events(number)) for number in held]


def helper(x: float) -> float:
    y = x + 1
    return abs(y)


def static(x: float) -> float:
    total = 0.0
    for _ in range(2):
        total += helper(x)
    return total


def failing(x: float) -> float:
    helper(x)
    raise KeyError(x)


def observe(function: Callable[[float], object], source: str | None = None) -> Observation:
    with Observer(function, (1.0,), source=source) as observer:
        function(1.0)
    return observer.observation


# -- profile functions -------------------------------------------------------------------------------------------------


def _events_of(run: Callable[[], object]) -> list[tuple[str, str]]:
    """What a profile function is told of the functions of this file, except of the ones that observe."""
    seen: list[tuple[str, str]] = []

    def profile(frame: types.FrameType, event: str, argument: Any) -> None:
        if frame.f_code.co_filename == __file__ and frame.f_code.co_name in ("static", "helper", "failing"):
            seen.append((frame.f_code.co_name, event if "c_" not in event else f"{event} {argument.__name__}"))

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        run()
        assert sys.getprofile() is profile
    finally:
        sys.setprofile(before)
    return seen


def test_a_profile_function_sees_what_it_sees_otherwise(source: str) -> None:
    plain = _events_of(lambda: static(1.0))
    observed = _events_of(lambda: observe(static, source))
    assert observed == plain
    assert ("helper", "c_call abs") in plain


def test_a_profile_function_is_there_after_an_exception(source: str) -> None:
    def run() -> None:
        with pytest.raises(KeyError):
            observe(failing, source)

    assert ("failing", "return") in _events_of(run)


def test_a_profile_function_that_raises_is_taken_away_as_otherwise(source: str) -> None:
    def profile(frame: types.FrameType, event: str, argument: object) -> None:
        if frame.f_code is helper.__code__:
            raise KeyError(event)

    sys.setprofile(profile)
    with pytest.raises(KeyError):
        observe(static, source)
    assert sys.getprofile() is None


def test_c_profiler_makes_the_call_plain_or_sees_it_all() -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        observation = observe(static)
        static(1.0)
    finally:
        profiler.disable()
    if monitoring is None:
        assert "profiler" in reasons(observation)
    else:
        assert reasons(observation) == ""
    calls = {name: count for (_, _, name), (_, count, *_) in pstats.Stats(profiler).stats.items()}  # type: ignore[attr-defined]
    assert calls["static"] == 2
    assert calls["helper"] == 4
    assert calls["<built-in method builtins.abs>"] >= 4


EXCHANGES = {
    "profile_function": ("def other(*_):\n    pass\ndef step(x):\n    sys.setprofile(other)", "setprofile"),
    "profile_function_mapped": (
        "def other(*_):\n    pass\ndef step(x):\n    list(map(sys.setprofile, [other]))",
        "setprofile",
    ),
    "c_profiler": ("other = cProfile.Profile()\ndef step(x):\n    other.enable()", "enable"),
}


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("active", [False, True])
def test_an_exchanged_profiler_survives_and_is_an_effect(source: str, exchange: str, active: bool) -> None:
    text, reason = EXCHANGES[exchange]
    program = Program("import cProfile\nimport sys\n" + text)
    program.args = (1.0,)
    other = vars(program.module)["other"]
    if active:
        sys.setprofile(lambda *_: None)
    observation = program.observe(source=source)
    left = sys.getprofile()
    if monitoring is not None and type(other) is cProfile.Profile:
        assert monitoring.get_tool(monitoring.PROFILER_ID) is not None
        other.disable()
    else:
        assert left is other
    sys.setprofile(None)
    assert reason in reasons(observation)


def test_the_function_finds_the_profile_function_that_was_active(source: str) -> None:
    def mine(*_: object) -> None:
        pass

    def ask(x: float) -> object:
        return sys.getprofile()

    for active in (None, mine):
        sys.setprofile(active)
        with Observer(ask, (1.0,), source=source) as observer:
            found = ask(1.0)
        left = sys.getprofile()
        sys.setprofile(None)
        assert found is active
        assert left is active
        assert "sys.getprofile" in reasons(observer.observation)


def test_no_profile_function_stays_when_the_observation_is_interrupted(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: CallFollower, frame: types.FrameType) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(CallFollower, "enter", interrupt)
    with pytest.raises(KeyboardInterrupt):
        observe(static, source)
    assert sys.getprofile() is None


# -- trace functions ---------------------------------------------------------------------------------------------------


def test_a_trace_function_sees_every_line(source: str) -> None:
    def lines_of(run: Callable[[], object]) -> list[tuple[str, int]]:
        seen: list[tuple[str, int]] = []

        def trace(frame: types.FrameType, event: str, argument: object) -> Any:
            if frame.f_code in (static.__code__, helper.__code__):
                seen.append((event, frame.f_lineno))
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            run()
            assert sys.gettrace() is trace
        finally:
            sys.settrace(before)
        return seen

    plain = lines_of(lambda: static(1.0))
    assert len(plain) > 10
    assert lines_of(lambda: observe(static, source)) == plain


def test_a_debugger_stops_at_its_breakpoint(source: str) -> None:
    class Debugger(bdb.Bdb):
        def __init__(self) -> None:
            super().__init__()
            self.stops: list[tuple[str, object]] = []

        def user_line(self, frame: types.FrameType) -> None:
            if frame.f_code is helper.__code__:
                self.stops.append((frame.f_code.co_name, frame.f_locals["x"]))
            self.set_continue()

    debugger = Debugger()
    assert debugger.set_break(__file__, helper.__code__.co_firstlineno + 1) is None
    found: list[Observation] = []
    debugger.runcall(lambda: found.append(observe(static, source)))
    debugger.clear_all_breaks()
    assert debugger.stops == [("helper", 1.0)] * 2
    assert reasons(found[0]) == ""


def test_a_trace_function_set_by_the_function_survives_and_is_an_effect(source: str) -> None:
    def trace(frame: types.FrameType, event: str, argument: object) -> None:
        pass

    def start(x: float) -> None:
        sys.settrace(trace)

    before = sys.gettrace()
    observation = observe(start, source)
    left = sys.gettrace()
    sys.settrace(before)
    assert left is trace
    assert "sys.settrace" in reasons(observation)


COVERED = """
import sys
from tracegraph.observe import Observer

def helper(x):
    y = x + 1
    return y

def step(x):
    total = 0
    for _ in range(2):
        total += helper(x)
    if x > 5:
        total = 1
    return total

with Observer(step, (1.0,), source=sys.argv[1]) as observer:
    step(1.0)
assert not observer.observation.effects, observer.observation.effects
"""


@pytest.mark.parametrize("core", ["ctrace", "pytrace", "sysmon"])
def test_coverage_sees_every_line(source: str, core: str, tmp_path: Path) -> None:
    coverage = pytest.importorskip("coverage")
    if core == "sysmon" and monitoring is None:
        pytest.skip("this core needs sys.monitoring")
    program, report = tmp_path / "covered.py", tmp_path / "data"
    program.write_text(COVERED)
    command = [sys.executable, "-m", "coverage", "run", f"--data-file={report}", f"--include={program}"]
    environment = {"COVERAGE_CORE": core, "PYTHONPATH": ":".join(sys.path), "PATH": ""}
    subprocess.run([*command, str(program), source], check=True, env=environment, cwd=tmp_path)
    data = coverage.CoverageData(str(report))
    data.read()
    lines = {number for number, line in enumerate(COVERED.splitlines(), 1) if line and "total = 1" not in line}
    assert set(data.lines(str(program)) or ()) == lines


# -- monitoring tools --------------------------------------------------------------------------------------------------


@needs_monitoring
def test_other_tools_see_what_they_see_otherwise(source: str) -> None:
    events = monitoring.events

    def seen_by_tools(run: Callable[[], object]) -> list[tuple[int, str, int]]:
        seen: list[tuple[int, str, int]] = []
        free = [number for number in (0, 1, 2, 3, 5) if monitoring.get_tool(number) is None]
        for number in free:
            monitoring.use_tool_id(number, f"tool {number}")

            def note(code: types.CodeType, line: int, number: int = number) -> object:
                if code.co_filename == __file__ and code.co_name in ("static", "helper"):
                    seen.append((number, code.co_name, line))
                return monitoring.DISABLE

            monitoring.register_callback(number, events.LINE, note)
            monitoring.set_events(number, events.LINE)
        try:
            monitoring.restart_events()
            run()
            for number in free:
                assert monitoring.get_tool(number) == f"tool {number}"
                assert monitoring.get_events(number) == events.LINE
        finally:
            for number in free:
                monitoring.set_events(number, 0)
                monitoring.register_callback(number, events.LINE, None)
                monitoring.free_tool_id(number)
        return seen

    def repeatedly() -> None:
        observe(static, source)
        static(1.0)  # what a tool has switched off stays off

    plain = seen_by_tools(lambda: static(1.0))
    assert len(plain) > 5
    assert seen_by_tools(repeatedly) == plain


@needs_monitoring
def test_without_a_free_tool_the_profile_function_is_used() -> None:
    free = [number for number in (3, 4) if monitoring.get_tool(number) is None]
    for number in free:
        monitoring.use_tool_id(number, "taken")
    try:
        observation = observe(print_nothing)
    finally:
        for number in free:
            monitoring.free_tool_id(number)
    assert "print" in reasons(observation)
    assert reasons(observe(static)) == ""


def print_nothing(x: float) -> None:
    print(end="")


@needs_monitoring
def test_the_function_may_take_any_free_tool() -> None:
    free = [number for number in range(6) if monitoring.get_tool(number) is None]

    def take(x: float) -> None:
        for number in free:
            monitoring.use_tool_id(number, "mine")

    observation = observe(take, "monitoring")
    names = [monitoring.get_tool(number) for number in free]
    for number in free:
        monitoring.free_tool_id(number)
    assert names == ["mine"] * len(free)
    assert "use_tool_id" in reasons(observation)


@needs_monitoring
def test_a_tool_taken_away_unseen_is_noticed() -> None:
    source = "import sys\ndef step(x):\n    list(map(sys.monitoring.free_tool_id, [3, 4]))"
    assert "taken away" in reasons(Program(source).observe(source="monitoring"))


# -- threads -----------------------------------------------------------------------------------------------------------


def _closed_gates(count: int) -> list[Any]:
    """Locks that are taken; calls of their C methods beside the function observed are not looked at."""
    gates = [threading.Lock() for _ in range(count)]
    for gate in gates:
        gate.acquire()
    return gates


def test_other_threads_are_not_observed_and_not_disturbed(source: str) -> None:
    history: list[int] = []
    go, done = _closed_gates(2)

    def elsewhere() -> None:
        go.acquire(timeout=10)
        for number in range(100):
            history.append(abs(number))
            print_nothing(1.0)
        done.release()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    with Observer(static, (1.0,), source=source) as observer:
        static(1.0)
        go.release()
        done.acquire(timeout=10)
        static(1.0)
    thread.join()
    assert history == list(range(100))
    assert reasons(observer.observation) == ""


def test_two_threads_may_be_observed_at_once(source: str) -> None:
    first_in, second_in, second_out = _closed_gates(3)
    found: list[Observation] = []

    def second() -> None:
        first_in.acquire(timeout=10)
        with Observer(print_nothing, (1.0,), source=source) as observer:
            second_in.release()
            print_nothing(1.0)
        found.append(observer.observation)
        second_out.release()

    thread = threading.Thread(target=second)
    thread.start()
    with Observer(prints_later, (1.0,), source=source) as observer:
        first_in.release()
        second_in.acquire(timeout=10)
        static(1.0)
        second_out.acquire(timeout=10)
        prints_later(1.0)  # the first goes on being observed when the second is over
    thread.join()
    assert "print at test_events.py" in reasons(observer.observation)
    assert "print at test_events.py" in reasons(found[0])


def prints_later(x: float) -> None:
    print(end="")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_child_forked_during_an_observation_in_another_thread_goes_on(source: str) -> None:
    begun, over = _closed_gates(2)

    def other() -> None:
        with Observer(static, (1.0,), source=source):
            begun.release()
            over.acquire(timeout=10)

    thread = threading.Thread(target=other)
    thread.start()
    begun.acquire(timeout=10)
    in_child = os.fork()
    if in_child == 0:
        clean = monitoring is None or all(monitoring.get_tool(number) is None for number in (3, 4))
        os._exit(0 if clean and not reasons(observe(static, source)) else 1)
    over.release()
    thread.join()
    assert os.waitpid(in_child, 0)[1] == 0


def test_an_observation_within_another_is_seen_by_both(source: str) -> None:
    inner: list[Observation] = []

    def outer(x: float) -> None:
        inner.append(observe(print_nothing, source))

    observation = observe(outer, source)
    assert "print" in reasons(inner[0])
    assert "builtin print" in reasons(observation)
