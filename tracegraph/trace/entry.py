"""One trace of a function: its guards and its compiled graph, joined in one generated Python function that replays a
call.

The generated function checks the guards, calls the native program once, and publishes results and writes. It returns
`MISS` when a guard does not hold; nothing has been changed then.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph import _state
from tracegraph.autograd.node import OutputNode
from tracegraph.compiler.executable import POOL, Executable
from tracegraph.compiler.ops import dispatch
from tracegraph.runtime import Workspace, Workspaces
from tracegraph.tensor import Tensor
from tracegraph.trace.arguments import ArgumentGuards, overlaps
from tracegraph.trace.backward import CompiledBackward
from tracegraph.trace.outputs import OutputPlan
from tracegraph.trace.sources import ArgumentSource, CapturedSource, GradSource, ScalarSource, Source

MISS = object()
"""Returned by a replay whose guards do not hold."""


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
        written: Sequence[Tensor],
        arguments: ArgumentGuards,
        guards: Any,
        checks: Sequence[tuple[Callable[[], Any], Any, str]],
        grads: Sequence[tuple[Tensor, Tensor | None]],
        outputs: OutputPlan,
        backward: CompiledBackward | None,
        saved: Sequence[int | str],
        grad_enabled: bool,
    ) -> None:
        self.name, self.executable, self.backward = name, executable, backward
        self.sources, self.arguments, self.guards, self.checks = sources, arguments, guards, checks
        self.grads = grads
        self.grad_enabled = grad_enabled
        self.default_dtype = _state.local.default_dtype
        self.hits = 0
        self._epoch = _state.epoch
        slots = executable.layout.input_slots
        captured: list[tuple[int | None, Tensor]] = []
        self._per_call: list[tuple[int, Source]] = []
        for number, (slot, source) in enumerate(zip(slots, sources, strict=True)):
            held = isinstance(source, CapturedSource) and source.tensor._data.flags.c_contiguous
            if isinstance(source, CapturedSource):
                captured.append((slot if held else None, source.tensor))
            if not held:
                self._per_call.append((number, source))
        self.captured = Captured(executable, captured, writes=bool(written))
        self._written = written
        self._paths = arguments.paths
        self.replay_source, names = self._generate(outputs, saved)
        namespace: dict[str, Any] = names
        exec(compile(self.replay_source, f"<replay of {name}>", "exec"), namespace)
        self.replay: Callable[[tuple[Any, ...], dict[str, Any]], Any] = namespace["replay"]

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

    # -- the generated function ---------------------------------------------------------------------------------------

    def _generate(self, plan: OutputPlan, saved: Sequence[int | str]) -> tuple[str, dict[str, Any]]:
        names: dict[str, Any] = {
            "MISS": MISS, "entry": self, "state": _state, "local": _state.local, "Tensor": Tensor,
            "new": Tensor.__new__, "apply": dispatch.apply, "captured": self.captured,
            "pool_empty": POOL.empty, "np_empty": np.empty,
            "ascontiguousarray": np.ascontiguousarray, "copyto": np.copyto, "array": np.array,
            "may_share": np.may_share_memory, "overlaps": overlaps,
            "make_output": OutputNode, "backward": self.backward, "default_dtype": self.default_dtype,
            "guards_ok": self.guards.check_fast, **plan.constants,
        }  # fmt: skip
        lines = [
            "def replay(args, kwargs):",
            *("    " + line for line in self.arguments.lines(names)),
            "    if not guards_ok(args, kwargs):",
            "        return MISS",
            *("    " + line for line in self.arguments.leaf_lines(names)),
            f"    if local.grad_enabled is not {self.grad_enabled} or local.default_dtype is not default_dtype:",
            "        return MISS",
            "    if state.epoch != entry._epoch and not entry.recheck(args, kwargs):",
            "        return MISS",
        ]
        for number, (get, value, _) in enumerate(self.checks):
            names[f"get{number}"], names[f"was{number}"] = get, value
            lines += [f"    if get{number}() != was{number}:", "        return MISS"]
        for number, (owner, value) in enumerate(self.grads):
            lines += self._grad_guard(number, self._tensor_now(owner, f"owner{number}", names), value, names)
        lines += self._grads_apart(names)
        arrays, after = self._arrays(lines, names)
        outputs = self._outputs(lines, names)
        call = ", ".join(["workspace.table", *arrays, *outputs])
        names["native"] = self._native(arrays)
        lines += [
            "    workspaces = captured.workspaces",
            "    workspace = workspaces.take()",
            f"    failed = native({call})",
        ]
        if not self.executable.single:
            lines += [
                "    if failed == 0:",
                (
                    f"        failed = segments(workspace, ({''.join(name + ', ' for name in self._all_arrays(arrays))}"
                    f"{''.join(name + ', ' for name in outputs)}))"
                ),
            ]
            names["segments"] = self._run_segments
        lines += ["    workspaces.give_back(workspace)", "    if failed:", "        return MISS"]
        lines += ["    " + line for line in after]
        lines += ["    " + line for line in plan.lines]
        if self.backward is not None:
            lines += self._link(plan, saved, names)
        lines += ["    entry.hits += 1", f"    return {plan.expression}"]
        return "\n".join(lines) + "\n", names

    def _run_segments(self, workspace: Workspace, arrays: Sequence[np.ndarray]) -> int:
        """Run the host steps; where one raises, nothing has been written yet,
        and the plain function gives the error.
        """
        try:
            return self.executable.run_segments(workspace, arrays)
        except (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError):
            return -1

    def _tensor_now(self, tensor: Tensor, name: str, names: dict[str, Any]) -> str:
        """The expression of the tensor that takes the place of a recorded one in this call: an argument, or itself."""
        path = self._paths.get(id(tensor))
        if path is None:
            names[name] = tensor
        return path or name

    def _grad_guard(self, number: int, owner: str, value: Tensor | None, names: dict[str, Any]) -> list[str]:
        if value is None:
            return [f"    if {owner}._grad is not None:", "        return MISS"]
        names[f"gshape{number}"], names[f"gstrides{number}"] = value._data.shape, value._data.strides
        names[f"gdtype{number}"] = value._data.dtype
        return [
            f"    g{number} = {owner}._grad",
            (
                f"    if g{number} is None or g{number}._data.shape != gshape{number} "
                f"or g{number}._data.dtype != gdtype{number} or g{number}._data.strides != gstrides{number} "
                f"or g{number}.requires_grad is not {value.requires_grad}:"
            ),
            "        return MISS",
        ]

    def _grads_apart(self, names: dict[str, Any]) -> list[str]:
        """Lines that see to it that gradients which are read are as distinct from
        one another and other tensors as they were.
        """
        first: dict[int, str] = {}
        lines: list[str] = []
        for number, (_, value) in enumerate(self.grads):
            if value is not None and first.setdefault(id(value), f"g{number}") != f"g{number}":
                lines += [f"    if g{number} is not {first[id(value)]}:", "        return MISS"]
        if not first:
            return []
        names["elsewhere"] = frozenset(self.arguments.captured_ids - first.keys())
        grads, others = list(first.values()), list(dict.fromkeys(self._paths.values()))
        ids = "".join(f"id({path}), " for path in others)
        lines += [
            f"    grads = {{{', '.join(f'id({name})' for name in grads)}}}",
            f"    if not grads.isdisjoint(elsewhere) or not grads.isdisjoint(({ids})):",
            "        return MISS",
        ]
        if self._written:
            arrays = [f"{path}._data" if isinstance(value, Tensor) else path for path, value in self.arguments.leaves]
            owners = "".join(f"{_owner(array)}, " for array in arrays)
            lines += [
                f"    grads = {{{', '.join(_owner(f'{name}._data') for name in grads)}}}",
                f"    if len(grads) != {len(grads)} or not grads.isdisjoint(({owners})):",
                "        return MISS",
            ]
        return lines

    def _arrays(self, lines: list[str], names: dict[str, Any]) -> tuple[list[str], list[str]]:
        """Lines that fetch the arrays of each call, their names, and lines to run after the native call."""
        arrays: list[str] = []
        after: list[str] = []
        written_numbers = self.executable.lowered.written
        for number, source in self._per_call:
            name = f"a{number}"
            if isinstance(source, ScalarSource):
                names[f"scalar{number}"], names[f"dtype{number}"] = source.get, source.dtype
                lines.append(f"    {name} = array(scalar{number}(), dtype{number})")
            else:
                lines.append(f"    {name} = {self._array_expression(number, source, names)}")
                if not self._is_contiguous(source):
                    lines.append(f"    {name}_own, {name} = {name}, ascontiguousarray({name})")
                    if number in written_numbers:
                        after.append(f"copyto({name}_own, {name})")
            arrays.append(name)
        for number, tensor in enumerate(self._written):
            after += self._bump(number, tensor, names)
        return arrays, after

    def _bump(self, number: int, tensor: Tensor, names: dict[str, Any]) -> list[str]:
        """Lines that count the in-place change of a written tensor."""
        source = next((s for s in self.sources if _tensor_of(s) is tensor), None)
        if source is None:
            return []
        if isinstance(source, CapturedSource):
            names[f"w{number}"] = tensor if tensor._base is None else tensor._base
            return [f"counter = w{number}._version", "if counter is not None:", "    counter[0] += 1"]
        names["bump"] = bump_version
        return [f"bump({self._holder(source, f'w{number}', names)})"]

    def _holder(self, source: Source, name: str, names: dict[str, Any]) -> str:
        """The expression of the tensor (or array) behind a source in this call."""
        if isinstance(source, ArgumentSource):
            return source.path
        if isinstance(source, GradSource):
            return f"{self._tensor_now(source.owner, name, names)}._grad"
        assert isinstance(source, CapturedSource)
        names[name] = source.tensor
        return name

    def _array_expression(self, number: int, source: Source, names: dict[str, Any]) -> str:
        held = self._holder(source, f"c{number}", names)
        return held if isinstance(source, ArgumentSource) and not isinstance(source.value, Tensor) else f"{held}._data"

    @staticmethod
    def _is_contiguous(source: Source) -> bool:
        tensor = _tensor_of(source)
        data = tensor._data if isinstance(tensor, Tensor) else tensor
        return bool(data.flags.c_contiguous)

    def _all_arrays(self, arrays: list[str]) -> list[str]:
        """Arrays of all graph inputs in order, for host steps."""
        names = []
        per_call = {number: name for (number, _), name in zip(self._per_call, arrays, strict=True)}
        for number, source in enumerate(self.sources):
            names.append(per_call.get(number) or f"entry.sources[{number}].tensor._data")
            assert number in per_call or isinstance(source, CapturedSource)
        return names

    def _outputs(self, lines: list[str], names: dict[str, Any]) -> list[str]:
        outputs = []
        for number, (shape, dtype) in enumerate(self.executable.output_specs):
            names[f"oshape{number}"], names[f"odtype{number}"] = shape, dtype
            small = int(np.prod(shape)) * dtype.itemsize < 1 << 16
            lines.append(f"    o{number} = {'np_empty' if small else 'pool_empty'}(oshape{number}, odtype{number})")
            outputs.append(f"o{number}")
        return outputs

    def _native(self, arrays: list[str]) -> Callable[..., int]:
        """The native entry that takes the arrays of each call and the outputs;
        captured ones are in the table already.
        """
        executable = self.executable
        if len(arrays) == len(self.sources):
            return executable.entry
        every = executable.entry_spec.arrays
        wanted = [every[number] for number, _ in self._per_call] + list(every[len(self.sources) :])
        return executable.bind_entry(tuple(wanted))

    def _watch(self, plan: OutputPlan, number: int, item: int | str, names: dict[str, Any]) -> str:
        """The expression of the tensor behind a saved value that must not change until backward,
        with its version now.
        """
        held: str | None = None
        if isinstance(item, int):
            held = plan.fresh.get(item)
        else:
            source = self.sources[int(item)]
            if not isinstance(source, ScalarSource) and isinstance(_tensor_of(source), Tensor):
                held = self._holder(source, f"watch{number}", names)
        return "None" if held is None else f"({held}, version({held}))"

    def _link(self, plan: OutputPlan, saved: Sequence[int | str], names: dict[str, Any]) -> list[str]:
        assert self.backward is not None
        called = {number for number, _ in self._per_call}
        arrays = []
        for item in saved:
            if isinstance(item, int):
                arrays.append(f"o{item}")
            elif int(item) in called:
                arrays.append(f"a{item}")
            else:
                arrays.append(f"{self._holder(self.sources[int(item)], f'live{item}', names)}._data")
        targets = [
            self._holder(next(s for s in self.sources if _tensor_of(s) is target), f"target{number}", names)
            for number, target in enumerate(self.backward.targets)
        ]
        names["version"] = version_of
        watched = [self._watch(plan, number, item, names) for number, item in enumerate(saved)]
        outputs = [plan.fresh[number] for number, _ in plan.live]
        lists = ("".join(f"{text}, " for text in texts) for texts in (outputs, targets, arrays, watched))
        return [f"    backward.link({', '.join(f'({texts})' for texts in lists)}, make_output)"]


def _owner(array: str) -> str:
    """The expression of the id of what owns an array's memory."""
    return f"id({array} if {array}.base is None else {array}.base)"


def _tensor_of(source: Source) -> Any:
    """The tensor (or array) of the recording run behind a source."""
    if isinstance(source, ArgumentSource):
        return source.value
    if isinstance(source, CapturedSource):
        return source.tensor
    return source.tensor if isinstance(source, GradSource) else None


def bump_version(tensor: Any) -> None:
    """Count an in-place change."""
    if isinstance(tensor, Tensor):
        root = tensor if tensor._base is None else tensor._base
        if root._version is not None:
            root._version[0] += 1


def version_of(tensor: Tensor) -> int:
    """The number of in-place changes of the tensor's memory so far; counting begins if it had not."""
    root = tensor if tensor._base is None else tensor._base
    if root._version is None:
        root._version = [0]
    return root._version[0]
