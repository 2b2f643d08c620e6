"""Index arithmetic: where an element lies, as a sum of loop variables with integer factors, simplified as it is built.

Division and remainder by constants (they come from reshapes) vanish where the ranges of the variables allow it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

Bounds = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Variable:
    """A loop variable, or an index read from a tensor and checked, between 0 and extent - 1."""

    name: str
    extent: int

    def bounds(self) -> Bounds:
        """Least and greatest value."""
        return 0, max(self.extent - 1, 0)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Quotient:
    """The floor of an index divided by a positive constant."""

    numerator: "Index"
    divisor: int

    def bounds(self) -> Bounds:
        """Least and greatest value."""
        low, high = self.numerator.bounds()
        return low // self.divisor, high // self.divisor

    def __str__(self) -> str:
        return f"(({self.numerator}) // {self.divisor})"


@dataclass(frozen=True, slots=True)
class Remainder:
    """What is left of an index after division by a positive constant, never negative."""

    numerator: "Index"
    divisor: int

    def bounds(self) -> Bounds:
        """Least and greatest value."""
        return 0, self.divisor - 1

    def __str__(self) -> str:
        return f"(({self.numerator}) % {self.divisor})"


Atom = Variable | Quotient | Remainder


@dataclass(frozen=True, slots=True)
class Index:
    """A sum of atoms with integer factors and a constant."""

    terms: tuple[tuple[Atom, int], ...] = ()
    constant: int = 0

    def bounds(self) -> Bounds:
        """Least and greatest value."""
        low = high = self.constant
        for atom, factor in self.terms:
            a, b = atom.bounds()
            low += min(a * factor, b * factor)
            high += max(a * factor, b * factor)
        return low, high

    @property
    def is_constant(self) -> bool:
        """Whether no atom is left."""
        return not self.terms

    def factor(self, variable: Atom) -> int:
        """The factor of an atom, 0 if it does not occur as a term."""
        for atom, factor in self.terms:
            if atom == variable:
                return factor
        return 0

    def variables(self) -> set[Variable]:
        """All loop variables, those inside of quotients and remainders included."""
        found: set[Variable] = set()
        for atom, _ in self.terms:
            if isinstance(atom, Variable):
                found.add(atom)
            else:
                found |= atom.numerator.variables()
        return found

    @property
    def is_affine(self) -> bool:
        """Whether every atom is a loop variable."""
        return all(isinstance(atom, Variable) for atom, _ in self.terms)

    def __add__(self, other: "Index | int") -> "Index":
        if isinstance(other, int):
            return Index(self.terms, self.constant + other)
        return _sum((*self.terms, *other.terms), self.constant + other.constant)

    __radd__ = __add__

    def __sub__(self, other: "Index | int") -> "Index":
        return self + other * -1

    def __rsub__(self, other: int) -> "Index":
        return self * -1 + other

    def __neg__(self) -> "Index":
        return self * -1

    def __mul__(self, factor: int) -> "Index":
        if factor == 0:
            return Index()
        return Index(tuple((atom, f * factor) for atom, f in self.terms), self.constant * factor)

    __rmul__ = __mul__

    def _split(self, divisor: int) -> tuple["Index", "Index"]:
        """(q, r) with self == q * divisor + r, where r has what is not evidently a multiple."""
        quotient = tuple((atom, f // divisor) for atom, f in self.terms if f % divisor == 0)
        rest = tuple((atom, f) for atom, f in self.terms if f % divisor)
        return Index(quotient, self.constant // divisor), Index(rest, self.constant % divisor)

    def __floordiv__(self, divisor: int) -> "Index":
        if divisor == 1:
            return self
        quotient, rest = self._split(divisor)
        low, high = rest.bounds()
        if low // divisor == high // divisor:
            return quotient + low // divisor
        return quotient + Index(((Quotient(rest, divisor), 1),))

    def __mod__(self, divisor: int) -> "Index":
        if divisor == 1:
            return Index()
        _, rest = self._split(divisor)
        low, high = rest.bounds()
        if low // divisor == high // divisor:
            return rest - low // divisor * divisor
        return Index(((Remainder(rest, divisor), 1),))

    def substitute(self, values: dict[Variable, "Index"]) -> "Index":
        """The index with loop variables replaced."""
        total = Index((), self.constant)
        for atom, factor in self.terms:
            if isinstance(atom, Variable):
                replaced = values.get(atom)
                total = total + (Index(((atom, factor),)) if replaced is None else replaced * factor)
            elif isinstance(atom, Quotient):
                total = total + atom.numerator.substitute(values) // atom.divisor * factor
            else:
                total = total + atom.numerator.substitute(values) % atom.divisor * factor
        return total

    def __str__(self) -> str:
        parts = [str(atom) if factor == 1 else f"{atom} * {factor}" for atom, factor in self.terms]
        if self.constant or not parts:
            parts.append(str(self.constant))
        return " + ".join(parts).replace("+ -", "- ")


def _sum(terms: Iterable[tuple[Atom, int]], constant: int) -> Index:
    totals: dict[Atom, int] = {}
    for atom, factor in terms:
        totals[atom] = totals.get(atom, 0) + factor
    return Index(tuple((atom, factor) for atom, factor in totals.items() if factor), constant)


def variable(name: str, extent: int) -> Index:
    """The index that is one loop variable; a loop of one turn is the constant 0."""
    return Index() if extent == 1 else Index(((Variable(name, extent), 1),))


def row_major_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Steps in elements of a contiguous array."""
    strides = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def flatten(index: tuple[Index, ...], shape: tuple[int, ...]) -> Index:
    """The row-major position of an element; dimensions of size 1 count nothing."""
    total = Index()
    for position, size, step in zip(index, shape, row_major_strides(shape), strict=True):
        if size != 1:
            total = total + position * step
    return total


def unflatten(position: Index, shape: tuple[int, ...]) -> tuple[Index, ...]:
    """The index of the element at a row-major position."""
    result = []
    for size, step in zip(shape, row_major_strides(shape), strict=True):
        result.append(Index() if size <= 1 else position // step % size)
    return tuple(result)


def broadcast(index: tuple[Index, ...], shape: tuple[int, ...]) -> tuple[Index, ...]:
    """The index into an operand of `shape` that broadcasts to where `index` points."""
    tail = index[len(index) - len(shape) :]
    return tuple(Index() if size == 1 else position for position, size in zip(tail, shape, strict=True))
