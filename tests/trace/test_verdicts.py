"""What `explain()` says of a function's last call, and functions that have to be static."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.trace.test_arguments import ramp
from tests.trace.watching import frames, is_same, line_of
from tracegraph import nn, optim
from tracegraph.runtime.errors import ArgumentError, NotStaticError
from tracegraph.trace import trace

GOLDEN = Path(__file__).parent / "golden"
UPDATE = "TRACEGRAPH_UPDATE_GOLDEN"
OUTER: list[Any] = []


def branch(x: Any) -> Any:
    y = x * 2
    if y.sum() > 0:
        return y.exp()
    if y.min() < -10:
        OUTER.append("small")
    return y - 1


def test_verdicts_are_of_the_last_call() -> None:
    f = trace(branch)
    assert f.explain().verdict == "not called yet"
    for _ in range(3):
        for x, verdict in ((ramp(3), "static"), (-ramp(3) * 9, "co-executed"), (ramp(3), "static")):
            is_same(branch(x), f(x))
            assert f.verdict == f.explain().verdict == verdict
            assert str(f.explain()).startswith(f"branch: {verdict}\n")


def test_reasons_come_with_lines_and_remedies() -> None:
    f = trace(branch)
    f(-ramp(3) * 9)
    (reason,) = f.explain().reasons
    where = f"{__file__}:{line_of(__file__, 'def branch')}"
    assert reason.startswith("the outer list global `OUTER` was changed (")
    assert f.explain().remedies == {reason: "return what is to be added, and add it outside"}
    assert f"because {reason}\n    to change: return what is to be added" in str(f.explain())
    assert re.search(rf"{Path(__file__).name}:{line_of(__file__, 'OUTER.append')}\)", reason), where
    f(ramp(3))
    assert f.explain().reasons == f.explain().misses == []


def test_what_guards_cost_is_said() -> None:
    model: Any = nn.Sequential(*[nn.Linear(3, 3) for _ in range(4)])
    f = trace(lambda x: model(x) * SCALE)
    f(ramp(2, 3))
    explanation = f.explain(ramp(2, 3))
    assert explanation.served_by == 0
    assert 0 < explanation.guard_seconds < 1e-3
    assert 0 < explanation.recheck_seconds < 1e-1
    assert f"guards: {len(explanation.guards)} ({1e6 * explanation.guard_seconds:.2f} us on each call" in str(
        explanation
    )
    assert any("SCALE" in guard for guard in explanation.guards)


SCALE = 2.0


def test_why_a_call_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    f = trace(lambda x: x * SCALE if x.sum() > 0 else x)
    f(ramp(3))
    f(-ramp(3))
    assert "float32" in " ".join(f.explain(ramp(4)).misses)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    explanation = f.explain(ramp(3))
    assert explanation.served_by is None
    assert all("SCALE" in miss for miss in explanation.misses)
    assert explanation.traces == explanation.ways == 2
    assert explanation.segments == 1


def prints(x: Any) -> Any:
    print("sum", x.sum().item())
    return x + 1


def test_require_static(capsys: pytest.CaptureFixture[str]) -> None:
    f = trace(require="static")(prints)
    with pytest.raises(NotStaticError) as raised:
        f(ramp(3))
    line = line_of(__file__, 'print("sum"')
    text = str(raised.value)
    assert text.startswith("prints was decorated with require='static'")
    assert re.search(rf"reads the value of a tensor by item\(\) .*{Path(__file__).name}:{line}", text), text
    assert re.search(rf"calls builtin print at .*{Path(__file__).name}:{line}", text), text
    assert "instead: return the tensor and take its value outside" in text
    assert "instead: print outside of the traced function" in text
    assert capsys.readouterr().out == "sum 3.0\n"
    for _ in range(2):
        with pytest.raises(NotStaticError):
            f(ramp(3))
        assert capsys.readouterr().out == "", "it is known before the function runs"


def test_require_static_of_what_is_static() -> None:
    f = trace(require="static")(lambda x: x * 2 if x.sum() > 0 else x - 1)
    for turn in range(4):
        for x in (ramp(3, start=turn), -ramp(4)):
            is_same(f.function(x), f(x))
    assert f.verdict == "static"


@pytest.mark.parametrize(
    "make",
    [
        lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9),
        lambda parameters: optim.Adam(parameters, lr=0.1),
        lambda parameters: optim.AdamW(parameters, lr=0.1),
    ],
)
def test_state_made_on_first_use_is_no_offence(make: Callable[[Any], Any]) -> None:
    model: Any = nn.Linear(3, 2)
    optimiser = make(model.parameters())

    @trace(require="static")
    def step(x: Any) -> Any:
        optimiser.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimiser.step()
        return loss

    losses = [float(step(ramp(4, 3) / 9)) for _ in range(6)]
    assert step.verdict == "static"
    assert losses[-1] < losses[0]
    assert frames(step, lambda: step(ramp(4, 3) / 9)) == 0


def test_what_happens_only_once_is_no_offence() -> None:
    class Average:
        mean: Any = None

        @trace(require="static")
        def add(self, x: Any) -> Any:
            if self.mean is None:
                self.mean = x * 0
            self.mean.mul_(0.5).add_(x)
            return self.mean * 2

    average, mean = Average(), ramp(3) * 0
    for turn in range(5):
        mean.mul_(0.5).add_(ramp(3, start=turn))
        is_same(mean * 2, average.add(ramp(3, start=turn)))
    assert Average.add.verdict == "static"


def test_require_static_of_an_exception() -> None:
    @trace(require="static")
    def f(x: Any) -> Any:
        if x.shape[0] > 3:
            raise ValueError("too many")
        return x * 2

    with pytest.raises(ValueError, match="too many"):
        f(ramp(4))
    is_same(ramp(3) * 2, f(ramp(3)))
    assert f.verdict == "static"


def test_require_static_of_what_never_is() -> None:
    with pytest.raises(NotStaticError, match="generator"):

        @trace(require="static")
        def steps(x: Any) -> Any:
            yield x


def test_require_takes_no_other_word() -> None:
    with pytest.raises(ArgumentError, match="'static' or None, not 'always'"):
        trace(prints, require="always")  # type: ignore[call-overload]


def test_copies_of_a_traced_function_require_the_same() -> None:
    class Model:
        @trace(require="static")
        def forward(self, x: Any) -> Any:
            print("x")
            return x

        @staticmethod
        @trace(require="static")
        def plus(x: Any) -> Any:
            return x + 1

    assert Model.forward.require == Model.plus.require == "static"
    is_same(ramp(3) + 1, Model.plus(ramp(3)))
    with pytest.raises(NotStaticError, match=r"Model\.forward"):
        Model().forward(ramp(3))


def normal(text: str) -> str:
    """An explanation without what differs between machines and runs."""
    text = text.replace(__file__, "FILE").replace(f"{Path(__file__).name}:", "FILE:")
    text = re.sub(r"FILE:\d+", "FILE:LINE", text)
    text = re.sub(r"\d+(\.\d+)? (us|ms|s)\b", r"TIME \2", text)
    return re.sub(r"\((compiled|memory|disk)\)", "(ORIGIN)", text) + "\n"


def loop(x: Any) -> Any:
    rounds = 0
    while x.abs().sum() > 1:
        x = x / 2
        rounds += 1
    return x if rounds > 2 else -x


def explained_branch() -> str:
    f = trace(loop)
    for _ in range(2):
        for start in (0, 1, 3, 9):
            f(ramp(3, start=start))
    return str(f.explain(ramp(3)))


def coexecuted(x: Any) -> Any:
    y = (x * 2 + 1).tanh() - x
    OUTER.append(y.sum().item())
    return y.sort()[0]


def explained_coexecution() -> str:
    f = trace(coexecuted)
    for _ in range(4):
        f(ramp(3))
    return str(f.explain())


@pytest.mark.usefixtures("matched_always")
@pytest.mark.parametrize("explained", [explained_branch, explained_coexecution])
def test_golden_texts(explained: Callable[[], str]) -> None:
    text, file = normal(explained()), GOLDEN / f"{explained.__name__}.txt"
    if os.environ.get(UPDATE):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text(), f"{UPDATE}=1 writes the text anew"
