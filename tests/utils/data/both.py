"""The same data loading written for tracegraph and for PyTorch, and what they gave in one form."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.utils.data

import tracegraph


def plain(value: Any) -> Any:
    """Tensors as dtype and nested lists, and the class of each container."""
    if isinstance(value, tracegraph.Tensor | torch.Tensor):
        return ("tensor", str(value.dtype).removeprefix("torch."), tuple(value.shape), value.tolist())
    if isinstance(value, np.ndarray | np.generic):
        return (type(value).__name__, str(value.dtype), value.tolist())
    if isinstance(value, Mapping):
        return (type(value).__name__, {key: plain(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return (type(value).__name__, [plain(item) for item in value])
    return value


def compare(function: Callable[[Any], Any]) -> None:
    """Our result must be PyTorch's; where PyTorch raises, ours must be caught by the same builtin."""
    expected, theirs = _attempt(function, torch)
    given, ours = _attempt(function, tracegraph)
    if theirs is None:
        assert ours is None, ours
        assert given == expected
    else:
        assert isinstance(ours, type(theirs)), f"PyTorch raises {theirs!r}, ours gives {given} or raises {ours!r}"


def _attempt(function: Callable[[Any], Any], library: Any) -> tuple[Any, Exception | None]:
    try:
        return plain(function(library)), None
    except Exception as error:  # noqa: BLE001 - the other's must be of the same kind
        return None, error
