"""`Operation`: what one operation of the IR is. Families and operations derive from it; `OPERATIONS` lists them all."""

import dataclasses
import enum
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform

import numpy as np

from .spec import Spec

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

Array = Any
"""An array of the evaluating module `xp`: NumPy's or CuPy's."""
Cotangent = Any
"""What a vjp returns per operand: a Tensor, None (no gradient),
or a function without arguments that computes it when needed."""


class Kind(enum.Enum):
    """How the compiler lowers an operation."""

    LEAF = "leaf"
    POINTWISE = "pointwise"
    REDUCTION = "reduction"
    MOVEMENT = "movement"
    CONTRACTION = "contraction"
    WINDOW = "window"
    GATHER = "gather"
    SCATTER = "scatter"
    SCAN = "scan"
    CREATION = "creation"
    RANDOM = "random"
    HOST = "host"


@dataclasses.dataclass(frozen=True)
class Sample:
    """One example call of an operation, from which the generated tests are made."""

    operation: "Operation"
    operands: tuple[np.ndarray, ...]


class _Unchangeable:
    """The base of what cannot be changed."""

    def __setattr__(self, name: str, value: object) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


@dataclasses.dataclass(frozen=True)
class Operation(_Unchangeable):
    """One operation: its static attributes are the fields of the frozen dataclass, its facts are class variables.

    A subclass gives at least `name`, `kind`, `infer` and `evaluate`; a differentiable one `vjp`. Tensors are operands,
    everything else is an attribute. Operands of pointwise operations have one dtype (the public functions insert casts)
    and broadcast; other operations say in `infer` what they take.
    """

    name: ClassVar[str] = ""
    kind: ClassVar[Kind]
    is_view: ClassVar[bool] = False
    """`evaluate` returns a view of the first operand (when NumPy can give one)."""
    saves: ClassVar[tuple[int, ...]] = ()
    """Operands whose values `vjp` reads; for the others it gets only a `Spec`. (-1,) means all."""
    saves_output: ClassVar[bool] = False
    """`vjp` reads the value of the output; otherwise it gets its `Spec`."""
    differentiable: ClassVar[bool] = False
    """There is a `vjp` and the result may require a gradient."""
    ufunc: ClassVar[Any] = None
    """A NumPy ufunc equal to `evaluate`, used as a short cut in eager execution."""
    takes: ClassVar[str] = "any"
    """Dtypes accepted by a pointwise operation after promotion: "any", "number" (no bool), "float" (integers are cast
    to the default float), "integer" (integer or bool)."""
    inlines: ClassVar[bool] = False
    """Cheap enough to be computed again rather than stored (used by fusion)."""

    data_dependent: ClassVar[bool] = False
    """The shape of the result depends on the values of the operands: `infer` checks the operands and then refuses."""

    def infer(self, *operands: Spec) -> Spec:
        """Shape and dtype of the result.
        Raises ShapeError, DTypeError or DimensionError naming operation and shapes.
        """
        raise NotImplementedError(f"{type(self).__name__} has no infer")

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        """The result as an array of module `xp` (NumPy or CuPy)."""
        raise NotImplementedError(f"{type(self).__name__} has no evaluate")

    def vjp(self, g: "Tensor", out: Any, *operands: Any) -> Sequence[Cotangent]:
        """Cotangents of the operands for the cotangent `g` of the result, written with public operations.

        Pointwise operations need not undo broadcasting: the autograd engine sums to the operand's shape.
        """
        raise NotImplementedError(f"{type(self).__name__} is not differentiable")

    def put(self, bind: Callable[..., Any], parent: Any, child: Any) -> Any:
        """For views: the parent with the viewed part replaced by `child`.
        `bind(operation, *values)` applies an operation.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot be written through")

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        """Example calls for the generated tests, edge cases included (0-d,
        empty, broadcast, integer, negative dims).
        """
        raise NotImplementedError(f"{cls.__name__} gives no samples")

    def attributes(self) -> dict[str, Any]:
        """The static attributes by name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def __str__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in self.attributes().items())
        return f"{self.name}({inner})" if inner else self.name


OPERATIONS: dict[str, type[Operation]] = {}
"""All operations by name."""

_Operation = TypeVar("_Operation", bound=Operation)


@dataclass_transform(frozen_default=True)
def operation(cls: type[_Operation]) -> type[_Operation]:
    """Class decorator: makes a frozen dataclass and enters it in `OPERATIONS`.

    Raises:
        TypeError: when the class lacks a name, a kind or a docstring, or its name is taken.
    """
    documented = cls.__doc__
    # One without fields has what a dataclass is made with from `Operation`: making it again would cost a millisecond.
    made = dataclasses.dataclass(frozen=True)(cls) if "__annotations__" in cls.__dict__ else cls
    if not made.name or not hasattr(made, "kind") or not documented:
        raise TypeError(f"operation {cls.__name__} needs a name, a kind and a docstring")
    if made.name in OPERATIONS:
        raise TypeError(f"two operations are named {made.name!r}")
    OPERATIONS[made.name] = made
    return made
