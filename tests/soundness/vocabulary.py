"""What random programs are made of: the kinds of variables, the scope they live in, and the features of one program."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

Item = TypeVar("Item")
Shape = tuple[int, ...]

SHAPES: tuple[Shape, ...] = ((3,), (2, 3), (), (4,), (2,))
FEATURES = {
    "branch": 0.5,  # conditions on values of tensors
    "escape": 0.35,  # values of tensors taken to Python
    "print": 0.25,
    "outer": 0.45,  # stores to globals, attributes, outer containers
    "inplace": 0.6,
    "arguments": 0.4,  # in-place operations on arguments and outer tensors
    "loops": 0.5,
    "functions": 0.45,  # nested functions, lambdas, comprehensions
    "errors": 0.3,
    "gradients": 0.45,
    "random": 0.2,
    "pyrandom": 0.12,
    "containers": 0.4,
    "dtypes": 0.3,
    "numpy": 0.2,
    "reads": 0.5,  # reads of outer Python state
}
# Each of these alone keeps a call from being replayed as a whole: programs have none of them, one, or several.
NEEDS_PYTHON = ("branch", "escape", "print", "outer", "branch", "escape", "pyrandom")


@dataclass(frozen=True)
class Kind:
    """The type of a variable: "tensor" (with shape and dtype), "float", "int", "tensors", "mapping" or "function"."""

    name: str
    shape: Shape = ()
    dtype: str = "float32"


FLOAT, INT, TEXT, FLAG = Kind("float"), Kind("int"), Kind("text"), Kind("flag")


@dataclass(frozen=True)
class Variable:
    """A name that can be read; `owner` is the function it belongs to, `outer` says that it existed before the call."""

    name: str
    kind: Kind
    owner: str
    outer: bool = False
    leaf: bool = False
    """It may be a leaf that requires grad, so that it is changed in place only where gradients are off."""


@dataclass
class Function:
    """The function that is being written: its name, and the names it must declare."""

    name: str
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)


class Draw:
    """The choices of one program; simple alternatives come first, so that Hypothesis shrinks towards them."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def one(self, *items: Item) -> Item:
        """One of the items."""
        return items[self._source.randint(0, len(items) - 1)]

    def chance(self, probability: float) -> bool:
        """True that often."""
        return self._source.randint(0, 99) >= 100 - round(100 * probability)

    def number(self, low: int, high: int) -> int:
        """A whole number, ends included."""
        return self._source.randint(low, high)

    def constant(self) -> str:
        """A number with few digits, whose sums are exact."""
        return self.one("0.5", "2.0", "-1.0", "0.25", "1.5", "-0.75", "1.0", "0.125")

    def threshold(self) -> str:
        """A number that values do not meet but for rounding."""
        return self.one("0.37", "-0.61", "1.13", "0.07", "-1.71", "2.43")

    def weighted(self, choices: list[tuple[int, Callable[[], None]]]) -> Callable[[], None]:
        """One of the choices, by its weight."""
        place = self.number(0, sum(weight for weight, _ in choices) - 1)
        for weight, choice in choices:
            place -= weight
            if place < 0:
                return choice
        raise AssertionError

    def values(self, shape: Shape) -> str:
        """A nested list of numbers."""
        if not shape:
            return str(self.number(-12, 12) / 8)
        return "[" + ", ".join(self.values(shape[1:]) for _ in range(shape[0])) + "]"

    def tensor(self, shape: Shape, *, leaf: bool = False) -> str:
        """The expression of a tensor of given numbers."""
        return f"tg.tensor({self.values(shape)}{', requires_grad=True' if leaf else ''})"


class Scope:
    """The variables in sight, the functions being written, and what holds at this place."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.features = {name for name, probability in FEATURES.items() if draw.chance(probability)}
        kept = draw.one(NEEDS_PYTHON, (), *((name,) for name in NEEDS_PYTHON))
        self.features -= set(NEEDS_PYTHON) - set(kept)
        self.features |= set(kept) if len(kept) == 1 else set()
        self.variables: list[Variable] = []
        self.functions: list[Function] = []
        self.loops = 0
        self.gradients_off = False
        self._count = 0

    def has(self, *features: str) -> bool:
        """Whether the program may use one of the features."""
        return not self.features.isdisjoint(features)

    def fresh(self, stem: str) -> str:
        """A name not used before."""
        self._count += 1
        return f"{stem}{self._count}"

    def add(self, name: str, kind: Kind, *, outer: bool = False, leaf: bool = False, owner: str | None = None) -> str:
        """Put a variable in sight."""
        if owner is None:
            owner = self.functions[-1].name if self.functions else "module"
        self.variables = [known for known in self.variables if known.name != name]
        self.variables.append(Variable(name, kind, owner, outer, leaf))
        return name

    def of(self, kind: Kind | str) -> list[Variable]:
        """The variables of a kind, the latest first."""
        return [v for v in reversed(self.variables) if kind in (v.kind, v.kind.name)]

    def assignable(self, variable: Variable) -> bool:
        """Whether a plain assignment to the name is wanted here: what is outside only where that is a feature."""
        return not variable.outer or self.has("outer") or variable.owner == self.functions[-1].name

    def assigned(self, variable: Variable) -> None:
        """Declare a name that is assigned."""
        here = self.functions[-1]
        if "." in variable.name:  # an attribute needs no declaration
            return
        if variable.owner == "module":
            here.globals.add(variable.name)
        elif variable.owner != here.name:
            here.nonlocals.add(variable.name)

    @contextmanager
    def block(self) -> Iterator[None]:
        """Names made inside are out of sight afterwards, but for a few that may then be unbound."""
        before = list(self.variables)
        yield
        kept = [v for v in self.variables if v not in before] if self.draw.chance(0.04) else []
        self.variables = before + kept
