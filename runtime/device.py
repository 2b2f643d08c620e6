"""`Device`, which users know as `tracegraph.device`: the CPU, and names of others, which cannot be used here."""

from types import TracebackType
from typing import Any, Final

from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError

DEVICE_TYPES: Final = ("cpu", "cuda", "mps", "xpu", "meta")

_devices: "dict[tuple[str, int | None], Device]" = {}


class Device:
    """A device by type and number. There is one object for each.

    Args:
        type: "cpu", or another of PyTorch's devices, with its number after a colon; or a device.
        index: the number, if it is not part of `type`.

    Raises:
        ArgumentError: for an unknown type or a malformed number.

    >>> tracegraph.device("cuda:1")
    device(type='cuda', index=1)
    >>> str(tracegraph.device("cpu"))
    'cpu'
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __new__(cls, type: "str | Device", index: int | None = None) -> "Device":
        """The device of that type and number."""
        if isinstance(type, Device):
            index = type.index if index is None else index
            type = type.type
        if not isinstance(type, str):
            raise ArgumentTypeError(f"device: a device is named by a string, not by {type!r}")
        name, colon, number = type.partition(":")
        if colon:
            if index is not None or not number.isdigit():
                raise ArgumentError(f"device: {type!r} is not a type and a number, such as 'cuda:0'")
            index = int(number)
        if name not in DEVICE_TYPES:
            raise ArgumentError(f"device: {type!r} is none of {', '.join(DEVICE_TYPES)}")
        made = object.__new__(cls)
        object.__setattr__(made, "type", name)
        object.__setattr__(made, "index", index)
        return _devices.setdefault((name, index), made)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"device: {name} cannot be changed")

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type={self.type!r}{'' if self.index is None else f', index={self.index}'})"

    def __reduce__(self) -> Any:
        return Device, (self.type, self.index)

    def __enter__(self) -> "Device":
        check_device("with device", self)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: TracebackType | None) -> None:
        return None


CPU: Final = Device("cpu")


def check_device(what: str, wanted: Any) -> None:
    """Accept the CPU (or None), however it is named; `what` asks for it.

    Raises:
        ArgumentTypeError: for anything else.
    """
    if wanted is None or wanted is CPU or wanted == "cpu":
        return
    if isinstance(wanted, str | Device) and Device(wanted).type == "cpu":
        return
    raise ArgumentTypeError(f"{what}: device {str(wanted)!r} is not available; this build runs on 'cpu'")
