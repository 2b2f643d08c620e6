"""The words of observation: what a caller tells about library objects, and what it gets back after the run."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Child:
    """A part of a library object that counts as read: `getter(owner)` gives it now, `value` is what it was.

    `label` is the attribute name (or `"weights[0]"` and the like) used in messages. `stable=False` marks a part that
    the library itself replaces during a call (it is followed, but neither guarded nor an effect).
    """

    label: str
    getter: Callable[[Any], object]
    value: object
    stable: bool = True


@dataclass(frozen=True, slots=True)
class Leaf:
    """A library object that is guarded elsewhere: observation asks only that the same object is found again.

    `own` are the names under which the library keeps things in the instance's dictionary; None if nobody else can.
    """

    own: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Expand:
    """A library object whose parts are listed by the library.

    With `protected=True` the library promises that each change of a part or an attribute of it moves a global epoch,
    so that these guards need to be checked only when the epoch has moved.
    """

    children: Iterable[Child] = ()
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Watched:
    """A class of which the library promises that each change of an attribute of it moves the global epoch.

    It is followed like any class, but its guards need to be checked only when the epoch has moved.
    """


Known = Leaf | Expand | Watched

LEAF: Final = Leaf()
WATCHED: Final = Watched()


class Classifier(Protocol):
    """Claims the objects that the library knows; must not run user code and must not raise."""

    def classify(self, value: object, /) -> Known | None:
        """Return how to treat `value`, or None when it is not one of the library's objects."""
        ...


class NoLibrary:
    """A classifier that claims nothing."""

    def classify(self, value: object, /) -> Known | None:
        """Return None for all objects."""
        return None


class Site(NamedTuple):
    """A place in a source file."""

    filename: str = ""
    line: int = 0

    def __str__(self) -> str:
        short = self.filename.replace("\\", "/").rsplit("/", 1)[-1]
        return f"{short}:{self.line}" if self.filename else "an unknown place"


@dataclass(frozen=True, slots=True)
class Effect:
    """One reason why a call cannot be replayed without Python."""

    reason: str
    filename: str
    line: int

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False, slots=True)
class Node:
    """One object seen by the observation, how it was reached and what must be known of it at the end."""

    value: Any
    path: str
    site: Site
    kind: str
    opaque: str = ""
    protected: bool = False
    external: bool = False
    named: bool = False
    children: tuple[str, ...] = ()
    outgoing: list["Edge"] = field(default_factory=list)
    foreign: dict[str, Any] | None = None
    """Attributes that others have set on an object of the library."""


@dataclass(eq=False, slots=True)
class Edge:
    """One read: `accessor` of `owner` gave `value` before any code that could have changed it ran."""

    owner: Any
    accessor: str
    name: Any
    value: Any
    path: str
    site: Site
    reader: Callable[[], object]
    protected: bool = False
    guarded: bool = True
    extra: Any = None
