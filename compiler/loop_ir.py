"""The loop IR: kernels as pure data, neutral of the target. Scalars, loads, stores, reductions, loops."""

from dataclasses import dataclass, field
from typing import Any

from .index import Index, Variable
from .ops.spec import DType, Spec


@dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """Memory a kernel reads or writes, in row-major order. The memory plan says later where it lies."""

    name: str
    spec: Spec

    @property
    def dtype(self) -> DType:
        """Dtype of the elements."""
        return self.spec.dtype


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: Any
    dtype: DType


@dataclass(frozen=True, slots=True)
class Name:
    """A scalar computed before."""

    name: str
    dtype: DType


@dataclass(frozen=True, slots=True)
class Load:
    """An element of a buffer."""

    buffer: Buffer
    index: Index
    dtype: DType


@dataclass(frozen=True, slots=True)
class Apply:
    """A scalar function: `template` with the arguments put in; `{f}` is the suffix of the vector functions."""

    template: str
    arguments: tuple["Expression", ...]
    dtype: DType


@dataclass(frozen=True, slots=True)
class Convert:
    """A scalar in another dtype, as NumPy's astype converts it."""

    argument: "Expression"
    dtype: DType


@dataclass(frozen=True, slots=True)
class IndexValue:
    """An index as a number."""

    index: Index
    dtype: DType


@dataclass(frozen=True, slots=True)
class Compare:
    """A condition on an index: `index < bound` or, negated, `index >= bound`."""

    index: Index
    bound: int
    less: bool


@dataclass(frozen=True, slots=True)
class Choose:
    """`then` where all conditions hold, else `otherwise`;
    what is not chosen is not evaluated (its loads may be out of range).
    """

    conditions: tuple[Compare, ...]
    then: "Expression"
    otherwise: "Expression"
    dtype: DType


Expression = Literal | Name | Load | Apply | Convert | IndexValue | Choose


@dataclass(frozen=True, slots=True)
class Let:
    """Name a scalar."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True)
class CheckedIndex:
    """Name an index read from a tensor: with `wraps` negative ones count from the end;
    one out of range is reported as `status`.
    """

    name: str
    value: Expression
    extent: int
    status: int
    wraps: bool


@dataclass(frozen=True, slots=True)
class Store:
    """Write a scalar to a buffer."""

    buffer: Buffer
    index: Index
    value: Expression


@dataclass(frozen=True, slots=True)
class Start:
    """Begin an accumulation: the accumulator gets the identity of its combination."""

    name: str
    combine: str
    dtype: DType


@dataclass(frozen=True, slots=True)
class Accumulate:
    """Combine a scalar into an accumulator; the order of a loop's combinations is free unless `ordered`.

    `position` is for argmax and argmin.
    """

    name: str
    combine: str
    value: Expression
    dtype: DType
    position: Index | None = None
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class AccumulateInto:
    """Combine a scalar into an element of a buffer."""

    buffer: Buffer
    index: Index
    combine: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Loop:
    """Run the body for each value of a variable."""

    variable: Variable
    body: tuple["Statement", ...]


Statement = Let | CheckedIndex | Store | Start | Accumulate | AccumulateInto | Loop


@dataclass(frozen=True, eq=False)
class Kernel:
    """One kernel: runs `body` for the rows [lo, hi) of its outermost variable, if it has one.

    `work` is an estimate of scalar operations, from which the schedule decides about threads.
    """

    name: str
    body: tuple[Statement, ...]
    rows: Variable | None
    reads: tuple[Buffer, ...]
    writes: tuple[Buffer, ...]
    scratch: tuple[Buffer, ...] = ()
    work: int = 0
    can_fail: bool = False
    splittable: bool = True
    """Rows are independent, so that threads may share them."""
    title: str = ""
    locations: tuple[tuple[str, int], ...] = field(default=())
