"""Writes the Python function that replays a call: guards, one native call, then results and writes are published.

The writer lives only while a trace is made: tensors of the recorded call are not kept, unless they are captured.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph import _state
from tracegraph.autograd.node import OutputNode
from tracegraph.compiler.executable import POOL, Executable
from tracegraph.compiler.ops import dispatch
from tracegraph.tensor import Tensor
from tracegraph.trace.arguments import ArgumentGuards, overlaps
from tracegraph.trace.backward import CompiledBackward
from tracegraph.trace.outputs import OutputPlan
from tracegraph.trace.sources import ArgumentSource, CapturedSource, FrameSource, GradSource, ScalarSource, Source

Check = tuple[Callable[[], Any], Any, str]
"""A fact the library read: a getter, the value it gave, and its name."""

MISS = object()
"""Returned by a replay whose guards do not hold."""


class ReplayWriter:
    """Writes the replay function of one trace into the namespace `names`."""

    def __init__(
        self, executable: Executable, sources: Sequence[Source], origins: Sequence[Source],
        per_call: Sequence[tuple[int, Source]], written: Sequence[Tensor], arguments: ArgumentGuards,
        grads: Sequence[tuple[Tensor, Tensor | None]], backward: CompiledBackward | None, names: dict[str, Any],
    ) -> None:  # fmt: skip
        self.executable, self.sources, self._per_call = executable, sources, per_call
        self._origins = origins
        self._written, self.arguments, self.grads, self.backward = written, arguments, grads, backward
        self._names = names
        self._paths = arguments.paths

    def source(self, plan: OutputPlan, saved: Sequence[int | str], checks: Sequence[Check], grad_enabled: bool) -> str:
        """The source of `replay(args, kwargs, frame)`; the objects it names are put into the namespace."""
        names = self._names
        names |= {
            "MISS": MISS, "state": _state, "local": _state.local, "Tensor": Tensor,
            "new": Tensor.__new__, "apply": dispatch.apply,
            "pool_empty": POOL.empty, "np_empty": np.empty,
            "ascontiguousarray": np.ascontiguousarray, "copyto": np.copyto, "array": np.array,
            "may_share": np.may_share_memory, "overlaps": overlaps,
            "make_output": OutputNode, "backward": self.backward, **plan.constants,
        }  # fmt: skip
        lines = [
            "def replay(args, kwargs, frame=()):",
            *("    " + line for line in self.arguments.lines(names)),
            "    if not guards_ok(args, kwargs):",
            "        return MISS",
            *("    " + line for line in self.arguments.leaf_lines(names)),
            f"    if local.grad_enabled is not {grad_enabled} or local.default_dtype is not default_dtype:",
            "        return MISS",
            "    if state.epoch != entry._epoch and not entry.recheck(args, kwargs):",
            "        return MISS",
        ]
        for number, (get, value, _) in enumerate(checks):
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
            every = "".join(f"{name}, " for name in (*self._all_arrays(arrays, names), *outputs))
            lines += ["    if failed == 0:", f"        failed = segments(workspace, ({every}))"]
        lines += ["    workspaces.give_back(workspace)", "    if failed:", "        return MISS"]
        lines += ["    " + line for line in after]
        lines += ["    " + line for line in plan.lines]
        if self.backward is not None:
            lines += self._link(plan, saved, names)
        lines += ["    entry.hits += 1", f"    return {plan.expression}"]
        return "\n".join(lines) + "\n"

    def touched_source(self, owners: Sequence[Tensor]) -> str:
        """The source of `touched(args, kwargs)`: what a replay writes to, and the tensors whose `.grad` it may set."""
        names = self._names
        written = []
        for number, tensor in enumerate(self._written):
            source = next(source for source in self.sources if _tensor_of(source) is tensor)
            written.append(self._holder(source, f"written{number}", names))
        unique = {id(owner): owner for owner in owners}
        owning = [self._tensor_now(owner, f"owning{id(owner)}", names) for owner in unique.values()]
        lists = ("".join(f"{text}, " for text in texts) for texts in (written, owning))
        return f"def touched(args, kwargs):\n    return {', '.join(f'({texts})' for texts in lists)}\n"

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
        names["elsewhere"] = self.arguments.captured_ids
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
        if isinstance(source, FrameSource):
            return f"frame[{source.number}]"
        held = self._holder(source, f"c{number}", names)
        return held if isinstance(source, ArgumentSource) and not isinstance(source.value, Tensor) else f"{held}._data"

    @staticmethod
    def _is_contiguous(source: Source) -> bool:
        if isinstance(source, FrameSource):
            return True
        tensor = _tensor_of(source)
        data = tensor._data if isinstance(tensor, Tensor) else tensor
        return bool(data.flags.c_contiguous)

    def _all_arrays(self, arrays: list[str], names: dict[str, Any]) -> list[str]:
        """Arrays of all graph inputs in order, for host steps."""
        per_call = {number: name for (number, _), name in zip(self._per_call, arrays, strict=True)}
        return [
            per_call.get(number) or self._array_expression(number, source, names)
            for number, source in enumerate(self.sources)
        ]

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
            if isinstance(_tensor_of(source), Tensor):
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
            self._holder(next(s for s in self._origins if _tensor_of(s) is target), f"target{number}", names)
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
