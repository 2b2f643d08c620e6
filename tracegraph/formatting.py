"""How tensors are printed, `format_tensor`, and what a user can set about it: `set_printoptions`."""

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tracegraph import _state
from tracegraph.runtime.errors import ArgumentError

if TYPE_CHECKING:
    from tracegraph.operators import Operators

__all__ = ["PrintOptions", "format_tensor", "get_printoptions", "set_printoptions"]


@dataclasses.dataclass(frozen=True)
class PrintOptions:
    """How tensors are printed.

    `precision` is the number of digits behind the point; tensors of more than `threshold` elements are summarised to
    `edgeitems` at both ends of each dimension; lines are at most `linewidth` long; `sci_mode` turns powers of ten on or
    off (None: as the numbers need it).
    """

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES: Final = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}
_LARGEST_RATIO, _LARGEST, _SMALLEST = 1e3, 1e8, 1e-4
_UNNAMED_DTYPES = ("int64", "bool")
_current = [PrintOptions()]


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed.

    Args:
        precision: digits behind the point.
        threshold: the number of elements above which a tensor is summarised.
        edgeitems: how many items a summary has at both ends of each dimension.
        linewidth: characters in a line.
        profile: "default", "short" or "full": all options at once, before the others are set.
        sci_mode: powers of ten always (True) or never (False); None: where they are needed.

    Raises:
        ArgumentError: for an unknown profile.

    >>> tracegraph.set_printoptions(precision=2)
    >>> tracegraph.tensor([1.2345])
    tensor([1.23])
    >>> tracegraph.set_printoptions(profile="default")
    """
    options = _current[0]
    if profile is not None:
        if profile not in _PROFILES:
            raise ArgumentError(f"set_printoptions: profile must be one of {', '.join(_PROFILES)}, got {profile!r}")
        options = _PROFILES[profile]
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    _current[0] = dataclasses.replace(options, **chosen, sci_mode=sci_mode)


def get_printoptions() -> PrintOptions:
    """How tensors are printed now.

    >>> tracegraph.get_printoptions().linewidth
    80
    """
    return _current[0]


class _Numbers:
    """How the numbers of one tensor are written: with or without fraction, with a power of ten, and how wide."""

    def __init__(self, shown: np.ndarray, options: PrintOptions) -> None:
        self.kind = shown.dtype.kind
        self.precision = options.precision
        self.powers = self.whole = False
        if self.kind != "f":
            self.width = max((len(str(value)) for value in shown.ravel().tolist()), default=1)
            return
        values = shown.astype(np.float64).ravel()
        values = values[np.isfinite(values) & (values != 0)]
        self.width = 1
        self.whole = True
        if values.size:
            high, low = np.abs(values).max(), np.abs(values).min()
            self.whole = bool((values == np.ceil(values)).all())
            self.powers = bool(high / low > _LARGEST_RATIO or high > _LARGEST or (not self.whole and low < _SMALLEST))
            if options.sci_mode is not None:
                self.powers = options.sci_mode
            self.width = max(len(self._written(value)) for value in values.tolist())

    def _written(self, value: Any) -> str:
        if self.kind != "f":
            return str(value)
        if self.powers:
            return f"{value:.{self.precision}e}"
        if not self.whole:
            return f"{value:.{self.precision}f}"
        return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"

    def __call__(self, value: Any) -> str:
        return self._written(value).rjust(self.width)


def _edges(data: np.ndarray, count: int) -> np.ndarray:
    """What a summary shows of a tensor."""
    for dim, size in enumerate(data.shape):
        if size > 2 * count:
            kept = np.r_[np.arange(count), np.arange(size - count, size)]
            data = np.take(data, kept, dim)
    return data


def _body(data: np.ndarray, indent: int, numbers: _Numbers, options: PrintOptions, *, summary: bool) -> str:
    """The nested lists of numbers, continued in columns."""
    if data.ndim == 0:
        return numbers(data.item())
    count = options.edgeitems
    cut = summary and len(data) > 2 * count
    ends = [data[:count], data[len(data) - count :]] if cut else [data]
    if data.ndim > 1:
        parts = [[_body(row, indent + 1, numbers, options, summary=summary) for row in end] for end in ends]
        rows = [*parts[0], "...", *parts[1]] if cut else parts[0]
        return "[" + ("," + "\n" * (data.ndim - 1) + " " * (indent + 1)).join(rows) + "]"
    written = [[numbers(value) for value in end.tolist()] for end in ends]
    items = [*written[0], " ..." if count else "...", *written[1]] if cut else written[0]
    each = max(1, (options.linewidth - indent) // (numbers.width + 2))
    lines = [", ".join(items[start : start + each]) for start in range(0, len(items), each)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _details(tensor: "Operators") -> list[str]:
    """What stands behind the numbers: size, dtype, gradient, as far as they are not the usual ones."""
    data = tensor._data
    default = np.dtype(_state.local.default_dtype or np.float32).name
    details = []
    if (data.size == 0 and data.ndim != 1) or (data.size and _current[0].edgeitems == 0):
        details.append(f"size={tuple(data.shape)}")
    if data.dtype.name != default and (data.size == 0 or data.dtype.name not in _UNNAMED_DTYPES):
        details.append(f"dtype={data.dtype}")
    if tensor.grad_fn is not None:
        details.append(f"grad_fn={tensor.grad_fn!r}")
    elif tensor.requires_grad:
        details.append("requires_grad=True")
    return details


def format_tensor(tensor: "Operators") -> str:
    """The tensor as PyTorch prints it: values, then the dtype where it is not the usual one,
    then gradient information.
    """
    data, options, prefix = tensor._data, _current[0], "tensor("
    if data.size:
        summary = data.size > options.threshold
        numbers = _Numbers(_edges(data, options.edgeitems) if summary else data, options)
        text = prefix + _body(data, len(prefix), numbers, options, summary=summary)
    else:
        text = prefix + "[]"
    used = len(text) - text.rfind("\n") + 1
    for detail in _details(tensor):
        if used + len(detail) + 2 > options.linewidth:
            text += ",\n" + " " * len(prefix) + detail
            used = len(prefix) + len(detail)
        else:
            text += ", " + detail
            used += len(detail) + 2
    return text + ")"
