"""Writes docs/operations.md from the list of operations and the examples of the public functions.

`python -m tests.operations_table` writes the page; a test compares it with what would be written.
"""

import contextlib
import doctest
import functools
import inspect
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

import tracegraph
from tests.lowering.lowerings import lowerings_of
from tests.nesting import leaves, rebuilt
from tracegraph import Tensor, _state, from_numpy
from tracegraph.compiler.ops.base import OPERATIONS, Kind
from tracegraph.compiler.ops.dispatch import PUBLIC
from tracegraph.nn import functional
from tracegraph.runtime.errors import TracegraphError
from tracegraph.trace.recorder import Recorder

PAGE: Final = Path(__file__).parent.parent / "docs" / "operations.md"
_SPACES: Final[dict[str, ModuleType]] = {
    "nn.functional.": functional,
    "linalg.": tracegraph.linalg,
    "special.": tracegraph.special,
}
_NO_FUNCTIONS: Final = frozenset({"trace", "compile", "tensor", "save", "load", "summary"})


class _Listener(Recorder):
    """Notes the names of the operations that run."""

    def __init__(self, names: set[str]) -> None:
        super().__init__([])
        self._names = names

    def record(self, operation: Any, operands: tuple[Any, ...], result: Any) -> None:
        """Take an operation down."""
        super().record(operation, operands, result)
        self._names.add(operation.name)


class _Uses:
    """What the calls of a function do: the operations they run, and whether results can require a gradient."""

    def __init__(self) -> None:
        self.operations: set[str] = set()
        self.differentiable = False

    def note(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, whose calls are noted."""

        @functools.wraps(function)
        def noted(*args: Any, **kwargs: Any) -> Any:
            if not function.__name__.endswith("_"):  # what changes a leaf in place refuses one that requires a gradient
                for change in (_with_gradient, _as_float_with_gradient):
                    given = rebuilt([args, kwargs], change)
                    with contextlib.suppress(TracegraphError):  # it takes no floats
                        found = leaves(function(*given[0], **given[1]))
                        self.differentiable |= any(isinstance(leaf, Tensor) and leaf.requires_grad for leaf in found)
            previous = _state.begin_recording(_Listener(self.operations))
            try:
                return function(*args, **kwargs)
            finally:
                _state.end_recording(previous)

        return noted


def _with_gradient(value: Any) -> Any:
    """A float tensor as another one that requires a gradient."""
    if isinstance(value, Tensor) and value.is_floating_point():
        return from_numpy(value._data.copy()).requires_grad_()
    return value


def _as_float_with_gradient(value: Any) -> Any:
    """An integer tensor of an example as a float tensor that requires a gradient."""
    if isinstance(value, Tensor) and value.dtype.kind == "i":
        return from_numpy(value._data.astype(np.float64)).requires_grad_()
    return _with_gradient(value)


def _uses(holder: Any, name: str, function: Callable[..., Any]) -> _Uses:
    """What a function does in the examples of its docstring."""
    found = _Uses()
    held = holder.__dict__[name]
    setattr(holder, name, found.note(function))
    try:
        names = {**vars(inspect.getmodule(function)), "tracegraph": tracegraph, "np": np}
        examples = doctest.DocTestParser().get_examples(inspect.getdoc(function) or "")
        for example in examples:
            refused = contextlib.nullcontext() if example.exc_msg is None else contextlib.suppress(Exception)
            with contextlib.redirect_stdout(io.StringIO()), refused:
                exec(compile(example.source, "<example>", "single"), names)
    finally:
        setattr(holder, name, held)
    return found


def _functions() -> Iterator[tuple[str, Any, str, Callable[..., Any]]]:
    """Title, holder, name and function of everything public that takes tensors and is no class."""
    seen: set[int] = set()
    top = {name: getattr(tracegraph, name, None) for name in PUBLIC}
    for name, function in sorted(top.items()):
        if inspect.isroutine(function) and name not in _NO_FUNCTIONS:
            seen.add(id(function))
            yield name, tracegraph, name, function
    for prefix, space in _SPACES.items():
        for name in sorted(vars(space)):
            function = getattr(space, name)
            own = inspect.isroutine(function) and not name.startswith("_") and id(function) not in seen
            if own and (function.__module__ or "").startswith("tracegraph"):
                yield prefix + name, space, name, function
    for name, entry in sorted(PUBLIC.items()):
        if entry.method and not inspect.isroutine(top[name]) and not entry.attribute:
            yield f"Tensor.{name}", Tensor, name, entry.function


def _compiled(primitives: set[str], lowerings: dict[str, set[str]]) -> str:
    """How a function's operations are compiled."""
    dependent = sorted(name for name in primitives if OPERATIONS[name].data_dependent)
    if dependent:
        return f"the size of the result depends on values ({', '.join(dependent)}): Python runs"
    host = sorted(name for name in primitives if "host" in lowerings.get(name, set()))
    return f"host step in some cases: {', '.join(host)}" if host else "native"


def _first_sentence(function: Any) -> str:
    text = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    return text.replace("|", "\\|")


def page() -> str:
    """The text of the page."""
    lowerings = {name: lowerings_of(name) for name, made in OPERATIONS.items() if made.kind is not Kind.LEAF}
    rows = []
    for title, holder, name, function in _functions():
        uses = _uses(holder, name, function)
        entry = PUBLIC.get(name) if holder in (tracegraph, Tensor) else None
        marks = ["yes" if entry and entry.method else "", "yes" if entry and entry.inplace else ""]
        gradient = "yes" if uses.differentiable else ""
        rows.append(f"| `{title}` | {' | '.join(marks)} | {gradient} | {_compiled(uses.operations, lowerings)} |")
    kinds = []
    for name, made in sorted(OPERATIONS.items()):
        if made.kind is Kind.LEAF:
            continue
        how = "data-dependent" if made.data_dependent else ", ".join(sorted(lowerings[name]))
        gradient = "yes" if made.differentiable else ""
        kinds.append(f"| `{name}` | {made.kind.value} | {gradient} | {how} | {_first_sentence(made)} |")
    return _TEXT.format(functions=len(rows), rows="\n".join(rows), operations=len(kinds), kinds="\n".join(kinds))


_TEXT: Final = """# Operations

Written by `python -m tests.operations_table` from the list of operations and the examples of the functions; a test
compares. All run eagerly, with NumPy, and can be traced. There is no CUDA backend yet.

## Functions

{functions} functions. *Compiled* says what becomes of the function in a compiled program, from the operations that its
examples run: "native" is generated code or a BLAS call; a host step is a call of NumPy from within the program.

| function | method | in place | gradient | compiled |
|---|---|---|---|---|
{rows}

## Operations of the graph

The {operations} operations that graphs consist of. *Loop* is generated code, fused with its neighbours; *routine* a
routine written by hand or of BLAS; *view* costs nothing; *host* calls NumPy. Several mean that it depends on attributes
or dtype (float16 always runs on the host).

| operation | kind | gradient | compiled | what it computes |
|---|---|---|---|---|
{kinds}
"""

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
