"""Guards on the tensors and arrays among a call's arguments: class, shape, dtype, strides, gradient, shared memory."""

from collections.abc import Sequence
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
        base = getattr(base, "base", None)
    return found


def data_of(value: Any) -> np.ndarray:
    """The array of a tensor or array argument."""
    return value._data if isinstance(value, Tensor) else value


class ArgumentGuards:
    """Makes the lines of a replay function that check the tensor arguments, and says in words why a call does not fit.

    `written` are the tensors that replay writes to: no argument may overlap them unless it did in the recording.
    """

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: Sequence[Leaf], written: Sequence[Any]) -> None:
        self.positional, self.keywords = len(args), len(kwargs)
        self.leaves = [leaf for leaf in leaves if isinstance(leaf[1], Tensor | np.ndarray)]
        self._written_ids = {id(value) for value in written}
        self._owners: frozenset[int] = frozenset().union(*(owners(data_of(value)) for value in written)) if written else frozenset()
        self._facts = [
            (path, type(value), data_of(value).shape, data_of(value).dtype, data_of(value).strides,
             isinstance(value, Tensor) and value.requires_grad)
            for path, value in self.leaves
        ]  # fmt: skip

    def lines(self, names: dict[str, Any]) -> list[str]:
        """The lines, which return MISS when a guard fails; constants they need are put into `names`."""
        lines: list[str] = []
        first: dict[int, str] = {}
        names["owners"] = self._owners
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
                lines.append("d = x._data")
                test = "x._rg is not True or x._node is not None or x._hooks" if requires_grad else "x._rg is not False and x.requires_grad"
                if requires_grad and value._node is not None:
                    test = "x._rg is not True or x._node is None or x._hooks"
                lines += [f"if {test}:", "    return MISS"]
            else:
                lines.append("d = x")
            lines += [
                f"if d.shape != S{number} or d.strides != R{number} or (d.dtype is not T{number} and d.dtype != T{number}):",
                "    return MISS",
            ]
            if self._owners:
                lines += self._sharing(number, path, value)
        return lines

    def _sharing(self, number: int, path: str, value: Any) -> list[str]:
        """Lines that keep this argument apart from the memory that is written."""
        if id(value) in self._written_ids:
            return [
                line
                for other_path, other in self.leaves
                if other is not value
                for line in (f"if may_share(d, {other_path}{'._data' if isinstance(other, Tensor) else ''}):", "    return MISS")
            ]
        return ["b = d.base", "if (id(d) if b is None else id(b)) in owners:", "    return MISS"]

    def first_failure(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        """What does not fit, in words."""
        if len(args) != self.positional or len(kwargs) != self.keywords:
            return f"the call had {self.positional} positional and {self.keywords} keyword arguments"
        for path, kind, shape, dtype, strides, requires_grad in self._facts:
            try:
                value = eval(path, {"args": args, "kwargs": kwargs})
            except LookupError:
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
        return None
