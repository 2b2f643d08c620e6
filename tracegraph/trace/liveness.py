"""Whether anyone besides a list still holds an array, or a view of its memory: by CPython's reference counts."""

import sys

import numpy as np

_count = sys.getrefcount
_COUNTS_ARE_EXACT = bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def _counts(values: list[np.ndarray | None], slot: int) -> tuple[int, int]:
    array = values[slot]
    if array is None:
        return 0, 0
    return _count(array), 0 if array.base is None else _count(array.base)


def _unheld() -> tuple[int, int]:
    """The counts of an array, and of the array it is a view of, that only the list holds."""
    return _counts([np.empty(4).reshape(2, 2)], 0)


ALONE, _BASE_ALONE = _unheld()


def is_held(values: list[np.ndarray | None], slot: int, *, view: bool = False, known: int = 0) -> bool:
    """Whether someone besides the list holds the array at a place of it, or another view of the same memory.

    Of a `view` only itself is asked for: what it is a view of is asked for by itself. `known` are further references
    that do not count.

    >>> values = [np.zeros(3)]
    >>> is_held(values, 0)
    False
    >>> part = values[0][1:]
    >>> is_held(values, 0)
    True
    """
    array, base = _counts(values, slot)
    return array > ALONE + known or (base > _BASE_ALONE and not view) or not _COUNTS_ARE_EXACT
