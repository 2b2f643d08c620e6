"""Checkpoints taken apart into named arrays and a description of everything else, and put together again."""

import json
import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from tracegraph.nn.parameter import Parameter, is_lazy
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, FileFormatError
from tracegraph.tensor import Tensor, wrap

STRUCTURE = "tracegraph.structure"
"""The name under which the description stands in the file's metadata."""

# In the description text, bools, None, whole and finite numbers stand for themselves; anything else is an object whose
# first key says what it is: {"tensor": name}, {"array": name}, {"dict": [[key, value], ...]}, {"ordered": ...},
# {"list": [...]}, {"tuple": [...]}, {"float": "nan"}. "parameter" and "requires_grad" follow a tensor where needed.


def pack(value: Any) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays of a checkpoint, and metadata that say how it is made of them.

    Raises:
        ArgumentTypeError: for an object that is neither container, tensor, array, number, text, bool nor None.
        ArgumentError: for containers in themselves.
    """
    packer = _Packer()
    plain = _is_plain(value)
    described = packer.describe(value, ())
    metadata = dict(packer.aliases)
    if not plain:
        metadata[STRUCTURE] = json.dumps(described, separators=(",", ":"))
    return packer.arrays, metadata or {"format": "pt"}


def _is_plain(value: Any) -> bool:
    """Whether it is a dict of tensors that are no parameters, which the names of the arrays tell in full."""
    return (
        type(value) in (dict, OrderedDict)
        and all(isinstance(key, str) and key != "__metadata__" for key in value)
        and all(type(one) is Tensor and not one.requires_grad for one in value.values())
    )


class _Packer:
    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.aliases: dict[str, str] = {}
        self._places: dict[Any, str] = {}
        self._open: set[int] = set()

    def describe(self, value: Any, path: tuple[Any, ...]) -> Any:
        """The description of a value; its arrays are noted."""
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, np.generic) and value.dtype.kind in "biuf":
            return self.describe(value.item(), path)
        if isinstance(value, Tensor):
            return self._tensor(value, path)
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in "biuf":
                raise ArgumentTypeError(f"save: {_shown(path)} is an array of {value.dtype}")
            return {"array": self._array(value, path, ("array", id(value)))}
        if isinstance(value, Mapping):
            kind = "ordered" if isinstance(value, OrderedDict) else "dict"
            return {kind: self._inside(value, path)}
        if type(value) in (list, tuple):
            return {type(value).__name__: self._inside(value, path)}
        raise ArgumentTypeError(
            f"save: {_shown(path)} is a {type(value).__name__}, which is no tensor, number, text, dict, list or tuple. "
            "Of a module or an optimiser save its state_dict(); any object can be saved with format='pickle'"
        )

    def _inside(self, value: Any, path: tuple[Any, ...]) -> list[Any]:
        if id(value) in self._open:
            raise ArgumentError(f"save: {_shown(path)} contains itself")
        self._open.add(id(value))
        if isinstance(value, Mapping):
            found = [[self._key(key, path), self.describe(one, (*path, key))] for key, one in value.items()]
        else:
            found = [self.describe(one, (*path, number)) for number, one in enumerate(value)]
        self._open.discard(id(value))
        return found

    def _key(self, key: Any, path: tuple[Any, ...]) -> Any:
        if key is None or type(key) in (bool, int, str, float):
            return self.describe(key, path)
        if type(key) is tuple:
            return {"tuple": [self._key(part, path) for part in key]}
        raise ArgumentTypeError(f"save: a key of {_shown(path)} is a {type(key).__name__}; use text or numbers")

    def _tensor(self, tensor: Tensor, path: tuple[Any, ...]) -> dict[str, Any]:
        if is_lazy(tensor):
            raise ArgumentTypeError(f"save: {_shown(path)} is not initialised yet: run the lazy module once")
        tensor._escape("save")
        data = tensor._data
        where = ("tensor", data.ctypes.data, data.shape, data.strides, data.dtype)
        described: dict[str, Any] = {"tensor": self._array(data, path, where if data.size else id(tensor))}
        if isinstance(tensor, Parameter):
            described["parameter"] = True
        if tensor.requires_grad is not isinstance(tensor, Parameter):
            described["requires_grad"] = tensor.requires_grad
        return described

    def _array(self, data: np.ndarray, path: tuple[Any, ...], where: Any) -> str:
        """The name of an array, of the first one where several are the same memory."""
        name = ".".join(str(part) for part in path) or "tensor"
        while name in self.arrays or name in self.aliases or name in ("__metadata__", STRUCTURE):
            name += "_"
        first = self._places.setdefault(where, name)
        if first == name:
            self.arrays[name] = data
        else:
            self.aliases[name] = first
        return name


def _shown(path: tuple[Any, ...]) -> str:
    return "".join(f"[{part!r}]" for part in path) or "the object"


def unpack(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> Any:
    """The checkpoint of arrays and metadata; without a description, a dict of tensors.

    Raises:
        FileFormatError: when the description is damaged, or names arrays that are not there.
    """
    names = {name: metadata[name] for name in metadata if name not in arrays and metadata[name] in arrays}
    unpacker = _Unpacker(arrays, names)
    if STRUCTURE not in metadata:
        return {name: unpacker.tensor(name) for name in (*arrays, *names)}
    try:
        return unpacker.build(json.loads(metadata[STRUCTURE]))
    except (json.JSONDecodeError, RecursionError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"load: the description of the checkpoint is damaged ({error!r})") from None


class _Unpacker:
    def __init__(self, arrays: dict[str, np.ndarray], aliases: dict[str, str]) -> None:
        self._arrays, self._aliases = arrays, aliases
        self._made: dict[str, Tensor] = {}

    def tensor(self, name: str) -> Tensor:
        """The tensor of a name; one whose memory another has is a tensor of its own over it."""
        first = self._aliases.get(name, name)
        if first not in self._arrays:
            raise FileFormatError(f"load: the checkpoint asks for the tensor {name!r}, which is not in the file")
        if first not in self._made:
            self._made[first] = wrap(self._arrays[first])
        return self._made[first] if first == name else self._made[first].detach()

    def build(self, described: Any) -> Any:
        """The value of a description."""
        if not isinstance(described, dict):
            if isinstance(described, list):
                raise FileFormatError("load: the description of the checkpoint is damaged: a list stands by itself")
            return described
        empty: tuple[str, Any] = ("nothing", None)
        kind, inside = next(iter(described.items()), empty)
        if kind == "tensor":
            return self._tensor(inside, described)
        if kind == "array":
            return self._arrays[self._aliases.get(str(inside), str(inside))]
        if kind == "float":
            return float(inside)
        if kind in ("list", "tuple"):
            values = [self.build(one) for one in inside]
            return tuple(values) if kind == "tuple" else values
        if kind in ("dict", "ordered"):
            pairs = [(self.build(key), self.build(one)) for key, one in inside]
            return OrderedDict(pairs) if kind == "ordered" else dict(pairs)
        raise FileFormatError(f"load: the description of the checkpoint has an unknown kind {kind!r}")

    def _tensor(self, name: str, described: dict[str, Any]) -> Tensor:
        made = self.tensor(name)
        is_parameter = described.get("parameter") is True
        requires_grad = bool(described.get("requires_grad", is_parameter))
        if is_parameter:
            return Parameter(made, requires_grad)
        return made.detach().requires_grad_() if requires_grad else made


__all__ = ["STRUCTURE", "pack", "unpack"]
