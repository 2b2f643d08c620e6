"""Classes whose instances the tests pass to traced functions and get back: dataclasses of all kinds, dicts, enums."""

import abc
import collections
import dataclasses
import enum
from typing import Any, NamedTuple

import numpy as np

import tracegraph as tg


@dataclasses.dataclass
class State:
    position: Any
    velocity: Any = None
    step: int = 0

    def moved(self, time: float) -> "State":
        """The state after a time."""
        return State(self.position + self.velocity * time, self.velocity, self.step + 1)

    @property
    def energy(self) -> Any:
        """The kinetic energy."""
        return (self.velocity**2).sum()


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any
    kind: str = "a"


@dataclasses.dataclass(slots=True)
class Slotted:
    x: Any
    y: Any = 2.0


@dataclasses.dataclass
class Base:
    x: Any


@dataclasses.dataclass
class Derived(Base):
    y: Any = 1.0
    cache: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.total = self.x + 1


@dataclasses.dataclass
class Shape(abc.ABC):
    x: Any

    @abc.abstractmethod
    def area(self) -> Any: ...


class Square(Shape):
    def area(self) -> Any:
        return self.x**2


class Tricky:
    """Reads and writes of attributes are its own business."""

    def __init__(self, x: Any) -> None:
        object.__setattr__(self, "x", x)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("sealed")


class Named(dict[str, Any]):
    """A dict of the user's."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


class Doubling(dict[str, Any]):
    """A dict that gives other values than it holds."""

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(key) * 2


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclasses.dataclass
class Node:
    value: Any
    parent: Any = None
    children: list[Any] = dataclasses.field(default_factory=list)


def seen(value: Any) -> Any:
    """Records of data as plain data, so that the comparison looks into them."""
    if isinstance(value, collections.defaultdict):
        return [type(value).__name__, value.default_factory, {key: seen(item) for key, item in value.items()}]
    if isinstance(value, dict):
        own = {} if type(value) is dict else vars(value) if hasattr(value, "__dict__") else {}
        return [type(value).__name__, {key: seen(item) for key, item in value.items()}, own]
    if isinstance(value, tuple | list | collections.deque):
        return [type(value).__name__, [seen(item) for item in value], getattr(value, "maxlen", None)]
    if isinstance(value, set | frozenset):
        return [type(value).__name__, list(value)]
    if isinstance(value, type | enum.Enum | tg.Tensor | np.ndarray) or not hasattr(value, "__dict__"):
        names = [name for base in type(value).__mro__ for name in getattr(base, "__slots__", ())]
        if isinstance(value, Slotted):
            return [type(value).__name__, [(name, seen(getattr(value, name))) for name in names]]
        return value
    return [type(value).__name__, [(name, seen(item)) for name, item in vars(value).items()]]
