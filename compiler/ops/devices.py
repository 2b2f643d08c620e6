"""Devices: `device("cpu")`, which is the only one there is. Names of layouts and memory formats, which are ignored."""

from typing import Any

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError

__all__ = [
    "channels_last", "channels_last_3d", "contiguous_format", "device", "preserve_format", "strided",
]  # fmt: skip

strided = "strided"
"""The layout of all tensors."""
contiguous_format, preserve_format = "contiguous_format", "preserve_format"
channels_last, channels_last_3d = "channels_last", "channels_last_3d"

_KINDS = ("cpu", "cuda", "mps", "xpu", "meta")


_KNOWN: dict[str, "device"] = {}


class device(str):  # noqa: N801 - PyTorch's name
    """Where tensors are: a text such as "cpu" that also gives its `type` and `index`; equal ones are one object.

    >>> tracegraph.device("cuda", 1).type
    'cuda'
    >>> tracegraph.zeros(2).device == "cpu"
    True
    """

    __slots__ = ()

    def __new__(cls, type: Any = "cpu", index: int | None = None) -> "device":
        if isinstance(type, int):
            type, index = "cuda", type
        kind, _, number = str(type).partition(":")
        if kind not in _KINDS or (number and (index is not None or not number.isdigit())):
            raise ArgumentError(f"device: {type!r} names no device; one is 'cpu'")
        if index is not None:
            number = str(index)
        name = f"{kind}:{number}" if number else kind
        return _KNOWN.setdefault(name, super().__new__(cls, name))

    @property
    def type(self) -> str:
        """The kind: "cpu"."""
        return str.__str__(self).partition(":")[0]

    @property
    def index(self) -> int | None:  # type: ignore[override]
        """The number among the devices of the kind, if it was given."""
        number = self.partition(":")[2]
        return int(number) if number else None

    def __repr__(self) -> str:
        shown = f"type={self.type!r}" if self.index is None else f"type={self.type!r}, index={self.index}"
        return f"device({shown})"


CPU = device("cpu")
"""Where all tensors are."""


def is_device(value: Any) -> bool:
    """Whether a value names a device."""
    return isinstance(value, str) and value.partition(":")[0] in _KINDS


def check_device(name: str, value: Any) -> None:
    """Refuse other devices than the CPU.

    Raises:
        ArgumentTypeError: for any of them.
    """
    if value is not None and value not in ("cpu", "cpu:0"):
        raise ArgumentTypeError(f"{name}: device {str(value)!r} is not available; this build runs on 'cpu'")
