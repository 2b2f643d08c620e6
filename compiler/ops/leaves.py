"""The leaves of a graph: its inputs and its constants. They are made by the recorder and by passes, not by users."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tracegraph.runtime.errors import GraphError

from .base import Array, Kind, Operation, Sample, operation
from .spec import Spec


@operation
class Input(Operation):
    """A value given to the graph from outside, by position."""

    index: int
    spec: Spec
    label: str = ""
    name = "input"
    kind = Kind.LEAF

    def infer(self, *operands: Spec) -> Spec:
        return self.spec

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        raise GraphError(f"input {self.label or self.index} has no value by itself; give it to the evaluator")

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        return iter(())


@operation
class Constant(Operation):
    """A value known when the graph was recorded. Values are compared by their bytes."""

    data: bytes
    spec: Spec
    name = "constant"
    kind = Kind.LEAF
    inlines = True

    @classmethod
    def of(cls, array: Any, dtype: Any = None) -> "Constant":
        """The constant with the array's values."""
        made = np.asarray(array, dtype)
        return cls(made.tobytes(), Spec(made.shape, made.dtype))

    @property
    def value(self) -> np.ndarray:
        """The values as a read-only array."""
        return np.frombuffer(self.data, self.spec.dtype).reshape(self.spec.shape)

    def infer(self, *operands: Spec) -> Spec:
        return self.spec

    def evaluate(self, xp: Any, *operands: Array) -> Array:
        return xp.array(self.value)

    @classmethod
    def samples(cls, rng: np.random.Generator) -> Iterator[Sample]:
        for array in (np.float32(1.5), np.arange(3), np.zeros((0, 2)), np.array([True, False])):
            yield Sample(cls.of(array), ())

    def __str__(self) -> str:
        if self.spec.size == 1:
            return f"constant({self.value.item()!r})"
        return f"constant(<{self.spec.size} values>)"
