"""Guards on the tensors and arrays among a call's arguments:
class, shape, dtype, strides, gradient, identity, shared memory.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from tracegraph.tensor import Tensor

Leaf = tuple[str, Any]


def owners(array: np.ndarray) -> set[int]:
    """Ids of the array and of everything that owns its memory: two arrays that overlap have one in common."""
    found = {id(array)}
    base: Any = array.base
    while base is not None:
        found.add(id(base))
        base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
    return found


def overlaps(array: np.ndarray, held: frozenset[int]) -> bool:
    """Whether something that owns the array's memory is among `held`."""
    return not held.isdisjoint(owners(array))


def data_of(value: Any) -> np.ndarray:
    """The array of a tensor or array argument."""
    return value._data if isinstance(value, Tensor) else value


def _all_owners(values: Iterable[Any]) -> frozenset[int]:
    return frozenset().union(*(owners(data_of(value)) for value in values))


class ArgumentGuards:
    """Makes the lines of a replay function that check the tensor arguments, and says in words why a call does not fit.

    Args:
        args: Positional arguments of the recorded call.
        kwargs: Its keyword arguments.
        leaves: The leaves of both, each with the expression that reaches it.
        written: The tensors that replay writes to; no argument may overlap them unless it did in the recording.
        captured: Tensors that are reached from elsewhere; an argument must be one of them if it was, and only then.
        absent: Names of attributes that no tensor may have got since.
    """

    def __init__(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: Sequence[Leaf], written: Sequence[Any],
        captured: Sequence[Any], absent: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self._absent = frozenset(name for name in absent if not hasattr(Tensor, name))
        self.positional, self.keywords = len(args), tuple(kwargs)
        self.leaves = [leaf for leaf in leaves if isinstance(leaf[1], Tensor | np.ndarray)]
        self._recorded: list[int] = []
        self._captured = {id(value): value for value in captured}
        self._written_ids = {id(value) for value in written}
        self._written_owners = _all_owners(value for value in written if id(value) in self._captured)
        self._captured_owners = _all_owners(captured) if written else frozenset()
        self._facts = [
            (path, type(value), data_of(value).shape, data_of(value).dtype, data_of(value).strides,
             isinstance(value, Tensor) and value.requires_grad)
            for path, value in self.leaves
        ]  # fmt: skip

    def key(self) -> Hashable:
        """What calls must have in common to be served by one decision tree."""
        first: dict[int, int] = {}
        same = tuple(first.setdefault(id(value), number) for number, (_, value) in enumerate(self.leaves))
        return self.positional, self.keywords, same, tuple((*fact[:3], str(fact[3]), *fact[4:]) for fact in self._facts)

    def forget(self) -> None:
        """Let go of the recorded call's tensors; the lines have been made."""
        self._recorded = [id(value) for _, value in self.leaves]
        self.leaves = []
        self._written_ids = set()

    @property
    def paths(self) -> dict[int, str]:
        """By id of a tensor or array of the recorded call, the expression that reaches it."""
        return {id(value): path for path, value in reversed(self.leaves)}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the tensors and arrays, by the expressions that reach them."""
        return {path: shape for path, _, shape, *_ in self._facts}

    @property
    def captured_ids(self) -> frozenset[int]:
        """Ids of the captured tensors."""
        return frozenset(self._captured)

    def lines(self, names: dict[str, Any]) -> list[str]:
        """The lines, which return MISS when a guard fails; constants they need are put into `names`."""
        lines = [f"if len(args) != {self.positional} or len(kwargs) != {len(self.keywords)}:", "    return MISS"]
        if len(self.keywords) > 1:
            names["keywords"] = self.keywords
            lines += ["if (*kwargs,) != keywords:", "    return MISS"]
        return lines

    def leaf_lines(self, names: dict[str, Any]) -> list[str]:
        """The lines that check each tensor or array."""
        lines: list[str] = []
        first: dict[int, str] = {}
        names["captured_ids"] = self.captured_ids
        if self._absent:
            names["absent"], names["captured_tensors"] = self._absent, tuple(self._captured.values())
            lines += ["for x in captured_tensors:", "    if not absent.isdisjoint(x.__dict__):", "        return MISS"]
        names["written_owners"], names["captured_owners"] = self._written_owners, self._captured_owners
        for number, ((path, value), fact) in enumerate(zip(self.leaves, self._facts, strict=True)):
            _, kind, shape, dtype, strides, requires_grad = fact
            earlier = first.get(id(value))
            if earlier is not None:
                lines += [f"if {path} is not {earlier}:", "    return MISS"]
                continue
            first[id(value)] = path
            names[f"K{number}"], names[f"S{number}"], names[f"T{number}"] = kind, shape, dtype
            names[f"R{number}"] = strides
            lines += [f"x = {path}", f"if type(x) is not K{number}:", "    return MISS"]
            if isinstance(value, Tensor):
                if self._absent:
                    lines += ["if not absent.isdisjoint(x.__dict__):", "    return MISS"]
                lines.append("d = x._data")
                test = (
                    "x._rg is not True or x._node is not None or x._hooks"
                    if requires_grad
                    else "x._rg is not False and x.requires_grad"
                )
                if requires_grad and value._node is not None:
                    test = "x._rg is not True or x._node is None or x._hooks"
                lines += [f"if {test}:", "    return MISS"]
            else:
                lines.append("d = x")
            lines += [
                (
                    f"if d.shape != S{number} or d.strides != R{number}"
                    f" or (d.dtype is not T{number} and d.dtype != T{number}):"
                ),
                "    return MISS",
            ]
            lines += self._identity(number, value, names) + self._sharing(path, value)
        if len(first) == 2:
            lines += [f"if {' is '.join(first.values())}:", "    return MISS"]
        elif len(first) > 2:
            lines += [
                f"if len({{{', '.join(f'id({path})' for path in first.values())}}}) != {len(first)}:",
                "    return MISS",
            ]
        return lines

    def _identity(self, number: int, value: Any, names: dict[str, Any]) -> list[str]:
        """Lines that tell an argument from the captured tensors."""
        if id(value) in self._captured:
            names[f"A{number}"] = value
            return [f"if x is not A{number}:", "    return MISS"]
        return ["if id(x) in captured_ids:", "    return MISS"] if self._captured else []

    def _sharing(self, path: str, value: Any) -> list[str]:
        """Lines that keep this argument apart from the memory that is written,
        or if it is written from all other memory.
        """
        if not self._written_ids:
            return []
        if id(value) not in self._written_ids:
            return self._apart("written_owners")
        lines = ["if not d.flags.writeable:", "    return MISS"]
        for other_path, other in self.leaves:
            if other is not value:
                array = f"{other_path}._data" if isinstance(other, Tensor) else other_path
                lines += [f"if may_share(d, {array}):", "    return MISS"]
        return lines if id(value) in self._captured else lines + self._apart("captured_owners")

    @staticmethod
    def _apart(held: str) -> list[str]:
        return [f"if (id(d) in {held}) if d.base is None else overlaps(d, {held}):", "    return MISS"]

    def first_failure(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        """What does not fit, in words."""
        if len(args) != self.positional or len(kwargs) != len(self.keywords):
            return f"the call had {self.positional} positional and {len(self.keywords)} keyword arguments"
        if tuple(kwargs) != self.keywords:
            return f"the keywords came in the order {self.keywords}"
        seen: dict[int, int] = {}
        for (path, kind, shape, dtype, strides, requires_grad), recorded in zip(
            self._facts, self._recorded, strict=True
        ):
            try:
                value = eval(path, {"args": args, "kwargs": kwargs})
            except (LookupError, AttributeError, TypeError):
                return f"{path} is missing"
            if type(value) is not kind:
                return f"{path} was a {kind.__name__}, now a {type(value).__name__}"
            data = data_of(value)
            if data.shape != shape or data.dtype != dtype:
                return f"{path} was {dtype}{list(shape)}, now {data.dtype}{list(data.shape)}"
            if data.strides != strides:
                return f"{path} had strides {strides}, now {data.strides}"
            if isinstance(value, Tensor) and value.requires_grad != requires_grad:
                return f"{path} had requires_grad={requires_grad}"
            if seen.setdefault(id(value), recorded) != recorded or len(set(seen.values())) != len(seen):
                return f"{path} was{'' if id(value) in seen else ' not'} another tensor than the arguments before it"
            if self._captured.get(id(value)) is not self._captured.get(recorded):
                return f"{path} is a tensor that the function reaches by another way too, or was"
        return None
