"""When two runs of the same code gave the same: `agree(wanted, found)` up to rounding in another order; and whether
replays are to be compared with plain execution at all.
"""

import os

import numpy as np

TOLERANCE = {2: 2e-2, 4: 1e-3, 8: 1e-6}
"""Largest difference of floats, by their bytes, relative to the largest magnitude in the array: sums and products of
matrices are added up in another order."""
_FEW = 0.01
"""The share of whole numbers that may differ: a comparison of two numbers that rounding makes equal or not."""


def check_mode() -> str:
    """When replays are compared: "first", "always" or "never"."""
    return {"1": "always", "0": "never"}.get(os.environ.get("TRACEGRAPH_CHECK", ""), "first")


_SPREAD = 10.0
"""How many times as far as a third run two runs may be from each other, where floats are concerned."""


def agree(wanted: np.ndarray, found: np.ndarray, again: np.ndarray | None = None) -> bool:
    """Whether two arrays are the same up to rounding in another order.

    `again`, if given, came from the same code on inputs that differ in the last bit: it shows what rounding can do.
    """
    if wanted.shape != found.shape or wanted.dtype != found.dtype:
        return False
    if not wanted.size or bool((wanted == found).all()):
        return True
    if wanted.dtype.kind != "f":
        return int((wanted != found).sum()) <= max(1, _FEW * wanted.size) if wanted.size > 1 / _FEW else False
    ordinary = np.isfinite(wanted)
    if not bool((ordinary == np.isfinite(found)).all()):
        return False
    strange = ~ordinary
    if not np.array_equal(wanted[strange], found[strange], equal_nan=True):
        return False
    a, b = wanted[ordinary].astype(np.float64), found[ordinary].astype(np.float64)
    if not a.size:
        return True
    tolerance = TOLERANCE[wanted.dtype.itemsize]
    allowed = tolerance * max(np.abs(a).max(), np.finfo(wanted.dtype).tiny) + 1e-6
    if again is not None and again.shape == wanted.shape and again.dtype == wanted.dtype:
        spread = np.abs(again[ordinary].astype(np.float64) - a).max()
        allowed += _SPREAD * spread if np.isfinite(spread) else 0.0
    return bool(np.abs(a - b).max() <= allowed)


def shown(array: np.ndarray) -> str:
    """An array in few words."""
    text = " ".join(np.array2string(array, threshold=6, edgeitems=2).split())
    return text if len(text) <= 80 else text[:77] + "..."
