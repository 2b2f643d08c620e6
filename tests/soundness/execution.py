"""Runs the text of a random program, plain or traced, and tells what can be seen after each step:
`compare(source)` is the first difference between the two, or None.
"""

import contextlib
import io
import random
import re
import types
import warnings
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tracegraph
from tracegraph import _state
from tracegraph.runtime.errors import CompileWarning
from tracegraph.trace import TracedFunction, trace

FILENAME = "<random program>"
NUMBER = re.compile(r"-?(?:\d+\.\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+|inf|nan)")


@dataclass(frozen=True)
class Tolerance:
    """How far floats may be apart, relatively and absolutely; `dtypes` also compares the types of tensors."""

    relative: float = 3e-4
    absolute: float = 3e-5
    dtypes: bool = True


SAME, CLOSE = Tolerance(), Tolerance(3e-5, 3e-6, dtypes=False)


@dataclass
class Run:
    """What was seen after each step, and the traced functions."""

    steps: list[tuple[str, Any]] = field(default_factory=list)
    traced: list[TracedFunction[..., Any]] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    @property
    def replays(self) -> int:
        """The number of calls that ran native code."""
        return sum(entry.hits for function in self.traced for entry in function.entries)


class Snapshot:
    """Turns everything in a program's namespace into plain data, with who is who and who shares memory with whom."""

    def __init__(self, skipped: Container[int]) -> None:
        self._skipped = skipped
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []
        self._arrays: list[np.ndarray] = []

    def namespace(self, names: dict[str, Any]) -> dict[str, Any]:
        """All values that are no modules, classes or traced functions."""
        skipped = (types.ModuleType, type, types.BuiltinFunctionType, TracedFunction)
        found = {
            name: self.value(value)
            for name, value in names.items()
            if not name.startswith("__") and name not in ("f", "step", "trace")
            if not isinstance(value, skipped) and id(value) not in self._skipped
        }
        found["(memory shared)"] = [
            (i, j)
            for i, one in enumerate(self._arrays)
            for j, two in enumerate(self._arrays[:i])
            if np.may_share_memory(one, two) and np.shares_memory(one, two)
        ]
        return found

    def value(self, value: Any) -> Any:
        """One value."""
        if value is None or isinstance(value, bool | int | float | str | bytes):
            return value
        self._kept.append(value)
        if isinstance(value, tuple):  # equal constant tuples may be one object or several
            return (type(value).__name__, [self.value(item) for item in value])
        first = self._seen.setdefault(id(value), len(self._seen))
        if first != len(self._seen) - 1:
            return ("again", first)
        if isinstance(value, tracegraph.Tensor):
            return self._tensor(value)
        if isinstance(value, dict):
            return (type(value).__name__, [(str(key), self.value(item)) for key, item in value.items()])
        if isinstance(value, set | frozenset):
            return (type(value).__name__, sorted(map(repr, value)))
        if isinstance(value, list):
            return (type(value).__name__, [self.value(item) for item in value])
        if isinstance(value, np.ndarray):
            self._arrays.append(value)
            return ("array", value.copy())
        if isinstance(value, types.FunctionType):
            return ("function", [self.value(item) for item in value.__defaults__ or ()])
        if isinstance(value, BaseException):
            return ("exception", type(value).__name__, str(value))
        if type(value).__module__ in (FILENAME, "random_program"):
            return (type(value).__name__, [(name, self.value(item)) for name, item in vars(value).items()])
        return ("object", type(value).__name__)

    def _tensor(self, value: tracegraph.Tensor) -> Any:
        self._arrays.append(value._data)
        facts = (value.requires_grad, value.is_leaf, value.grad_fn is None, value._data.strides)
        return ("tensor", value._data.copy(), facts, self.value(value.grad))


def execute(source: str, wrap: Callable[[Any], Any]) -> Run:
    """Run a program, with `wrap` as the decorator of its functions.

    Raises:
        Exception: what the definitions raise; what steps raise is part of what is seen.
    """
    run, output = Run(), io.StringIO()
    module = types.ModuleType("random_program")
    names = module.__dict__
    decorated: dict[int, Any] = {}

    def step(text: str) -> None:
        error: tuple[str, str] | None = None
        try:
            exec(compile(text, "<step>", "exec"), names)
        except Exception as problem:  # noqa: BLE001 - any exception is an outcome to compare
            error = (type(problem).__name__, str(problem))
        seen = {"(raised)": error} | Snapshot(decorated).namespace(names)
        seen |= {"(printed)": output.getvalue(), "(gradients on)": tracegraph.is_grad_enabled()}
        seen |= {"(random)": tracegraph.get_rng_state().tolist(), "(Python's random)": hash(random.getstate())}
        run.steps.append((text, seen))
        output.seek(0)
        output.truncate()

    def decorate(function: Any) -> Any:
        made = wrap(function)
        decorated[id(made)] = made
        if isinstance(made, TracedFunction):
            run.traced.append(made)
        return made

    names |= {"trace": decorate, "step": step}
    with _clean(run), contextlib.redirect_stdout(output):
        exec(compile(source, FILENAME, "exec"), names)
    return run


@contextlib.contextmanager
def _clean(run: Run) -> Iterator[None]:
    """All programs start from the same state and leave none behind."""
    random.seed(0)
    tracegraph.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            yield
        finally:
            tracegraph.set_grad_enabled(True)
    run.warned += [f"{item.message}" for item in caught if issubclass(item.category, CompileWarning)]


def difference(one: Any, two: Any, tolerance: Tolerance, path: str = "") -> str | None:
    """Where two snapshots differ, and how; None where they do not."""
    if isinstance(one, np.ndarray) and isinstance(two, np.ndarray):
        return None if _close(one, two, tolerance) else f"{path}: {one!r} against {two!r}"
    if isinstance(one, tuple) and one[:1] == ("tensor",) and isinstance(two, tuple) and two[:1] == ("tensor",):
        facts = ("requires_grad", "is_leaf", "has no grad_fn", "strides")
        count = 4 if tolerance.dtypes else 3
        for name, left, right in zip(facts[:count], one[2], two[2], strict=False):
            if left != right:
                return f"{path}.{name}: {left} against {right}"
        return difference(one[1], two[1], tolerance, path) or difference(one[3], two[3], tolerance, path + ".grad")
    if isinstance(one, dict) and isinstance(two, dict):
        if "(raised)" in one and difference(one["(raised)"], two["(raised)"], tolerance):
            return f"(raised): {one['(raised)']} against {two['(raised)']}"
        if one.keys() != two.keys():
            return f"names: {one.keys() - two.keys()} against {two.keys() - one.keys()}"
        found = (difference(value, two[name], tolerance, f"{path}{name}") for name, value in one.items())
        return next((text for text in found if text), None)
    if isinstance(one, list | tuple) and type(one) is type(two) and len(one) == len(two):
        found = (difference(a, b, tolerance, f"{path}[{i}]") for i, (a, b) in enumerate(zip(one, two, strict=True)))
        return next((text for text in found if text), None)
    if isinstance(one, float) and isinstance(two, float):
        return None if _close(np.array(one), np.array(two), tolerance) else f"{path}: {one} against {two}"
    if isinstance(one, str) and isinstance(two, str):
        return None if _same_text(one, two, tolerance) else f"{path}: {one!r} against {two!r}"
    return None if type(one) is type(two) and one == two else f"{path}: {one!r} against {two!r}"


def _close(one: np.ndarray, two: np.ndarray, tolerance: Tolerance) -> bool:
    if one.shape != two.shape or (tolerance.dtypes and one.dtype != two.dtype):
        return False
    if one.dtype.kind != "f" or two.dtype.kind != "f":
        return bool((one == two).all())
    return bool(np.allclose(one, two, rtol=tolerance.relative, atol=tolerance.absolute, equal_nan=True))


def _same_text(one: str, two: str, tolerance: Tolerance) -> bool:
    """Texts with floats in them, which may be rounded otherwise in the last printed digit."""
    if one == two:
        return True
    if not tolerance.dtypes:
        one, two = (re.sub(r", dtype=float64|float(32|64)", "", text) for text in (one, two))
    words, others = (" ".join(NUMBER.sub("#", text).split()) for text in (one, two))
    found, wanted = (np.array([float(word) for word in NUMBER.findall(text)]) for text in (one, two))
    return words == others and bool(np.allclose(found, wanted, rtol=1e-3, atol=1.1e-3, equal_nan=True))


def in_double(source: str) -> str:
    """The program with float64 for float32, random draws excepted: it tells what rounding alone can change."""
    text = re.sub(r"tg\.(randn?)\(([\d, ]+)\)", r"tg.\1(\2, dtype=tg.float32).double()", source)
    return text.replace(".float()", ".double()")


def depends_on_rounding(source: str, plain: Run) -> bool:
    """Whether the plain program sees a difference between two precisions, so that its results are no clear answer."""
    before = _state.local.default_dtype
    _state.local.default_dtype = np.dtype(np.float64)
    try:
        precise = execute(in_double(source), lambda function: function)
    finally:
        _state.local.default_dtype = before
    return any(difference(a, b, CLOSE) for (_, a), (_, b) in zip(plain.steps, precise.steps, strict=True))


@dataclass(frozen=True)
class Difference:
    """The first step at which the traced program is not the plain one."""

    number: int
    step: str
    text: str

    def __str__(self) -> str:
        return f"step {self.number}, {self.step!r}: plain against traced: {self.text}"


def compare(source: str) -> tuple[Difference | None, Run | None]:
    """The first difference between a program run plain and traced, and the traced run; (None, None) where rounding
    decides what the program does.
    """
    plain = execute(source, lambda function: function)
    if depends_on_rounding(source, plain):
        return None, None
    try:
        traced = execute(source, trace)
    except Exception as error:  # noqa: BLE001 - the plain run raised nothing
        return Difference(0, "definitions", f"raised {error!r}"), None
    for number, ((text, wanted), (_, found)) in enumerate(zip(plain.steps, traced.steps, strict=True)):
        problem = difference(wanted, found, SAME)
        if problem:
            return Difference(number, text, problem), traced
    if traced.warned:
        return Difference(len(plain.steps), "compiler", f"warned {traced.warned[0]!r}"), traced
    try:
        for function in traced.traced:
            str(function.explain())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is wrong
        return Difference(len(plain.steps), "explain()", f"raised {error!r}"), traced
    return None, traced
