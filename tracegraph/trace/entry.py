"""One trace of a function: its guards and its compiled graph, joined in one generated Python function that replays a
call.

The generated function checks the guards, calls the native program once, and publishes results and writes. It returns
`MISS` when a guard does not hold; nothing has been changed then.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph import _state
from tracegraph.compiler.executable import Executable
from tracegraph.compiler.ir import Graph
from tracegraph.runtime import Workspace, Workspaces
from tracegraph.tensor import Tensor
from tracegraph.trace.arguments import ArgumentGuards
from tracegraph.trace.backward import CompiledBackward
from tracegraph.trace.outputs import OutputPlan
from tracegraph.trace.recorded import Decision
from tracegraph.trace.replay import ReplayWriter
from tracegraph.trace.sources import CapturedSource, Source


class Captured:
    """The tensors a trace reads from outside the arguments: their arrays' addresses are kept until the epoch moves.

    `tensors` come with the slot of the table, or None where the array is fetched (and made contiguous) for each call.
    With `writes` their storage must stay the same, because the guards know which memory is written.
    """

    def __init__(self, executable: Executable, tensors: Sequence[tuple[int | None, Tensor]], *, writes: bool) -> None:
        self._executable = executable
        self._writes = writes
        self._tensors = [(slot, tensor, tensor._data, tensor.requires_grad) for slot, tensor in tensors]
        self.workspaces = self._make()

    def _make(self) -> Workspaces:
        held = ((slot, tensor._data) for slot, tensor, *_ in self._tensors if slot is not None)
        constants = (*self._executable.constant_arrays.items(), *held)
        lowered = self._executable.lowered
        return Workspaces(
            slots=self._executable.layout.slots, arena_bytes=lowered.memory.arena_bytes, constants=tuple(constants)
        )

    def recheck(self) -> str | None:
        """After the epoch has moved: what no longer holds, or None. New storage of the same kind is taken over."""
        renew = False
        for number, (slot, tensor, data, requires_grad) in enumerate(self._tensors):
            now = tensor._data
            if tensor.requires_grad is not requires_grad:
                return f"requires_grad of a tensor of shape {data.shape} was {requires_grad}"
            if tensor._hooks:
                return f"a hook was registered on a tensor of shape {data.shape}"
            if now is not data:
                if now.shape != data.shape or now.dtype != data.dtype or now.strides != data.strides:
                    return f"a captured tensor was {data.dtype}{list(data.shape)} with strides {data.strides}"
                if self._writes:
                    return f"the storage of a captured tensor of shape {data.shape} was another"
                self._tensors[number] = (slot, tensor, now, requires_grad)
                renew = True
        if renew:
            self.workspaces = self._make()
        return None


class Entry:
    """A compiled trace. Calling it with (args, kwargs) replays the call or returns `MISS`."""

    def __init__(
        self,
        *,
        name: str,
        executable: Executable,
        sources: Sequence[Source],
        origins: Sequence[Source],
        written: Sequence[Tensor],
        arguments: ArgumentGuards,
        guards: Any,
        checks: Sequence[tuple[Callable[[], Any], Any, str]],
        grads: Sequence[tuple[Tensor, Tensor | None]],
        outputs: OutputPlan,
        backward: CompiledBackward | None,
        saved: Sequence[int | str],
        grad_enabled: bool,
        whole: Graph,
        grads_assigned: Sequence[Tensor] = (),
        decisions: tuple[Decision, ...] = (),
    ) -> None:
        self.name, self.executable, self.backward = name, executable, backward
        self.whole, self.decisions = whole, decisions
        self.arguments, self.guards, self.checks = arguments, guards, checks
        self.grad_enabled = grad_enabled
        self.default_dtype = _state.local.default_dtype
        self.hits = 0
        self.guard_seconds = self.recheck_seconds = 0.0
        """The guards on what Python reads, on each call and after something that changes rarely has changed."""
        self._epoch = _state.epoch
        self._patches = _state.patches
        slots = executable.layout.input_slots
        captured: list[tuple[int | None, Tensor]] = []
        per_call: list[tuple[int, Source]] = []
        for number, (slot, source) in enumerate(zip(slots, sources, strict=True)):
            held = isinstance(source, CapturedSource) and source.tensor._data.flags.c_contiguous
            if isinstance(source, CapturedSource):
                captured.append((slot if held else None, source.tensor))
            if not held:
                per_call.append((number, source))
        met = {id(tensor) for _, tensor in captured}
        # What only the branches above a leaf read has to stay of the same kind, too.
        above = [source.tensor for source in origins if isinstance(source, CapturedSource)]
        captured += [(None, tensor) for tensor in above if id(tensor) not in met]
        self.captured = Captured(executable, captured, writes=bool(written))
        names: dict[str, Any] = {
            "entry": self, "captured": self.captured, "default_dtype": self.default_dtype,
            "guards_ok": guards.check_fast, "segments": self._run_segments,
        }  # fmt: skip
        writer = ReplayWriter(executable, sources, origins, per_call, written, arguments, grads, backward, names)
        self.replay_source = writer.source(outputs, saved, checks, grad_enabled)
        exec(compile(self.replay_source, f"<replay of {name}>", "exec"), names)
        self.replay: Callable[..., Any] = names["replay"]
        """replay(args, kwargs, frame=()): the result of a call, or MISS."""
        self.unchecked = self.replay
        owners = [*grads_assigned, *[owner for owner, _ in grads]]
        exec(compile(writer.touched_source(owners), "<touched>", "exec"), names)
        self.touched: Callable[..., tuple[tuple[Any, ...], tuple[Tensor, ...]]] = names["touched"]
        """touched(args, kwargs): the tensors (or arrays) a replay writes to, and those whose `.grad` it may set."""
        arguments.forget()
        if backward is not None:
            backward.forget()

    def measure_guards(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take down what the guards cost on each call, and what they cost after a module has changed."""
        self.guard_seconds = _shortest(lambda: self.guards.check_fast(args, kwargs))
        self.recheck_seconds = _shortest(lambda: self.failure_after_epoch(args, kwargs))

    # -- guards off the fast path -------------------------------------------------------------------------------------

    def recheck(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Check everything that only changes when the epoch moves; True if all still holds."""
        epoch = _state.epoch
        if self.failure_after_epoch(args, kwargs) is not None:
            return False
        self._epoch = epoch
        return True

    def failure_after_epoch(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        """What no longer holds among the slow guards, in words."""
        if self._patches != _state.patches:
            return "a method of Tensor was replaced"
        failure = self.captured.recheck()
        if failure is None and not self.guards.check_protected(args, kwargs):
            failure = "a module was changed"
        return failure

    def first_failure(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        """Why this trace does not serve a call, in words; None if it does."""
        failure = self.arguments.first_failure(args, kwargs)
        if failure is None and _state.local.grad_enabled is not self.grad_enabled:
            failure = f"gradients were {'enabled' if self.grad_enabled else 'disabled'}"
        if failure is None:
            failure = self.guards.first_failure(args, kwargs) or self.failure_after_epoch(args, kwargs)
        for get, value, label in self.checks:
            if failure is None and get() != value:
                failure = f"{label} was {value!r}, now {get()!r}"
        return failure

    def _run_segments(self, workspace: Workspace, arrays: Sequence[np.ndarray]) -> int:
        """Run the host steps; where one raises, nothing has been written yet,
        and the plain function gives the error.
        """
        try:
            return self.executable.run_segments(workspace, arrays)
        except (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError):
            return -1


def _shortest(run: Callable[[], Any]) -> float:
    """The least seconds of a few runs."""
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
