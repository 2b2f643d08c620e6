"""The self-check: the first replay of a trace runs the plain function beside it and compares what both give.

The environment variable `TRACEGRAPH_CHECK` asks for more or less: `1` compares every replay, `0` none.

Some results are nothing but rounding, made large: a gradient that is zero but for rounding, which Adam divides by its
own size. So before a difference is reported, the plain function is run once more on tensors that differ in the last
bit, and what that changes is no difference.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from tracegraph import pytree
from tracegraph.observe.values import is_immutable, same
from tracegraph.runtime.errors import MismatchWarning
from tracegraph.tensor import Tensor
from tracegraph.trace.agreement import agree, check_mode, shown
from tracegraph.trace.arguments import data_of
from tracegraph.trace.entry import Entry
from tracegraph.trace.replay import MISS
from tracegraph.trace.sites import warn_user
from tracegraph.trace.threads import is_alone


def arm(entry: Entry, function: Callable[..., Any], drop: Callable[[Entry], None]) -> None:
    """Have the next replay of a trace compared with the plain function; `drop` takes the trace away if it differs."""
    mode = check_mode()
    if mode == "never":
        return

    def checked(args: tuple[Any, ...], kwargs: dict[str, Any], frame: tuple[Any, ...] = ()) -> Any:
        if not is_alone():
            return entry.unchecked(args, kwargs, frame)
        return _compare(entry, function, drop, args, kwargs, frame, once=mode == "first")

    entry.replay = checked


def _compare(
    entry: Entry, function: Callable[..., Any], drop: Callable[[Entry], None], args: tuple[Any, ...],
    kwargs: dict[str, Any], frame: tuple[Any, ...], *, once: bool,
) -> Any:  # fmt: skip
    """The plain result of a call that the trace serves, or MISS; the state afterwards is that of the plain call."""
    try:
        written, owners = entry.touched(args, kwargs)
    except (LookupError, AttributeError, TypeError):
        return MISS
    before = _State.of(written, owners)
    result = entry.unchecked(args, kwargs, frame)
    if result is MISS:
        return MISS
    if once:
        entry.replay = entry.unchecked
    traced = dict(_seen(result, written, owners))
    before.restore()
    try:
        plain_result = function(*args, **kwargs)
    except BaseException:
        _report(entry, drop, "the plain function raises an exception, the trace does not")
        raise
    plain = dict(_seen(plain_result, written, owners))
    if _difference(plain, traced) is not None:
        after = _State.of(written, owners)
        before.restore(nudged=True)
        again = dict(_seen(function(*args, **kwargs), written, owners))
        after.restore()
        difference = _difference(plain, traced, again)
        if difference is not None:
            _report(entry, drop, difference)
    return plain_result


@dataclass(frozen=True)
class _State:
    """What a call may change: tensors with their data, and tensors with their gradients."""

    written: list[tuple[Any, np.ndarray]]
    grads: list[tuple[Tensor, Any]]

    @classmethod
    def of(cls, written: tuple[Any, ...], owners: tuple[Tensor, ...]) -> "_State":
        """The state now."""
        return cls(
            [(value, np.array(data_of(value))) for value in written if value is not None],
            [(owner, owner._grad) for owner in owners],
        )

    def restore(self, *, nudged: bool = False) -> None:
        """Make it the state again; `nudged`, with floats that are larger by the least that there is."""
        for value, data in self.written:
            np.copyto(data_of(value), np.nextafter(data, np.inf) if nudged and data.dtype.kind == "f" else data)
        for owner, grad in self.grads:
            owner._grad = grad


def _seen(result: Any, written: tuple[Any, ...], owners: tuple[Tensor, ...]) -> Iterator[tuple[str, Any]]:
    """Copies of what can be seen of a call, by name."""
    for path, value in pytree.leaves(result, "result"):
        yield path, np.array(value._data) if isinstance(value, Tensor) else value
    for number, value in enumerate(written):
        if value is not None:
            yield f"written tensor {number}", np.array(data_of(value))
    for number, owner in enumerate(owners):
        grad = owner._grad
        yield f"gradient {number}", None if grad is None else np.array(grad._data)


def _difference(
    plain: dict[str, Any], traced: dict[str, Any], again: Mapping[str, Any] = MappingProxyType({})
) -> str | None:
    """What differs, in words; `again` is what the plain function gives where only rounding differs."""
    if plain.keys() != traced.keys():
        return f"the plain call gives {sorted(plain)}, the trace {sorted(traced)}"
    for name, wanted in plain.items():
        found = traced[name]
        if isinstance(wanted, np.ndarray) and isinstance(found, np.ndarray):
            if not agree(wanted, found, again.get(name)):
                return f"{name}: the plain call gives {shown(wanted)}, the trace {shown(found)}"
        elif type(wanted) is not type(found) or (is_immutable(wanted) and not same(wanted, found)):
            return f"{name}: the plain call gives {wanted!r}, the trace {found!r}"
    return None


def _report(entry: Entry, drop: Callable[[Entry], None], what: str) -> None:
    places = [node.location for node in entry.whole.nodes if node.location is not None]
    where = f" (recorded from {places[0][0]}:{places[0][1]} to {places[-1][0]}:{places[-1][1]})" if places else ""
    drop(entry)
    warn_user(
        f"traced function {entry.name}: a replay differs from the plain call{where}: {what}. The trace was dropped and "
        "the plain result returned; please report this with the function",
        MismatchWarning,
    )
