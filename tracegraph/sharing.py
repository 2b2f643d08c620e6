"""Who else may read and write the memory of a tensor: versions, which all tensors over one memory share, tell."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph import _state

if TYPE_CHECKING:
    from tracegraph.operators import Operators

EXPOSED = 1
"""Second item of the version of a memory that others than tensors may read and write."""


def address_of(array: np.ndarray) -> int:
    """The address of an array's first element, without the native code that is quicker once it is there."""
    return array.__array_interface__["data"][0]  # type: ignore[no-any-return]


def version_of(tensor: "Operators") -> list[int]:
    """The version of the tensor that owns the memory: a list shared by all that lie in it."""
    root: Any = tensor if tensor._base is None else tensor._base
    if root._version is None:
        root._version = [0]
    return root._version  # type: ignore[no-any-return]


def expose_memory(tensor: "Operators") -> None:
    """Note that code which tensors do not hear of, such as NumPy, may read and write the tensor's memory."""
    for version in (version_of(tensor), storage_of(tensor)):
        if version is not None and len(version) == 1:
            version.append(EXPOSED)
    recorder = _state.active_recorder()
    if recorder is not None:
        recorder.exposed(tensor)


def has_exposed_memory(tensor: "Operators") -> bool:
    """Whether `expose_memory` was called for the tensor, or for another over the same memory."""
    root: Any = tensor if tensor._base is None else tensor._base
    if root._version is not None and len(root._version) > 1:
        return True
    storage = storage_of(tensor)
    return storage is not None and len(storage) > 1


def storage_of(tensor: "Operators") -> list[int] | None:
    """The version of the memory's first owner, where it was taken over by `.data`."""
    return tensor._storage if tensor._storage is not None or tensor._base is None else tensor._base._storage  # type: ignore[no-any-return]
