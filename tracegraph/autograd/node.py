"""`GradNode`: one recorded operation of the define-by-run tape, knowing its operands' producers and what its vjp needs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph import _state
from tracegraph.compiler.ops.base import Operation
from tracegraph.compiler.ops.spec import Spec
from tracegraph.runtime.errors import GradientError
from tracegraph.tensor import Tensor, refresh_view

Hook = Callable[[Tensor], Tensor | None]


def edge_of(tensor: Tensor) -> Any:
    """Where a cotangent of `tensor` goes: its grad node, the tensor itself if it is a leaf, or None."""
    if not tensor._rg:
        return None
    if tensor._base is not None:
        refresh_view(tensor)
        if not tensor._rg:
            return None
    node = tensor._node
    return tensor if node is None else node


class Saved:
    """A tensor kept for backward, with the version it had; changed in place since, it must not be used."""

    __slots__ = ("counter", "data", "edge", "tensor", "version")

    def __init__(self, tensor: Tensor, *, output: bool = False) -> None:
        root = tensor if tensor._base is None else tensor._base
        counter = root._version
        if counter is None:
            counter = root._version = [0]
        self.counter = counter
        self.version = counter[0]
        self.data = tensor._data
        self.tensor = None if output else tensor

    def unpack(self, name: str, node: "GradNode | None" = None) -> Tensor:
        """The tensor as it was saved.

        Raises:
            GradientError: if it was modified in place since.
        """
        if self.counter[0] != self.version:
            raise GradientError(
                f"{name}: a tensor of shape {self.data.shape} needed for its gradient was modified in place after it was used "
                f"(version {self.counter[0]}, expected {self.version}); clone it before the in-place operation"
            )
        if self.tensor is not None:
            return self.tensor
        tensor = Tensor.__new__(Tensor)
        tensor._data = self.data
        tensor._node = node
        tensor._rg = True
        recorder = _state.active_recorder()
        if recorder is not None:
            recorder.same_value(tensor, self.data)
        return tensor


class GradNode:
    """The tape entry of one operation: `vjp` takes the cotangent of its result to those of its operands."""

    __slots__ = ("edges", "hooks", "operands", "operation", "out", "released", "__weakref__")

    def __init__(self, operation: Operation, operands: Sequence[Tensor], out: Tensor) -> None:
        self.operation = operation
        self.hooks: list[Hook] | None = None
        self.released = False
        self.edges = tuple([edge_of(operand) for operand in operands])
        saves = operation.saves
        if not saves:
            self.operands: Any = [(operand._data.shape, operand._data.dtype) for operand in operands]
        else:
            everything = saves[0] == -1
            self.operands = [
                Saved(operand) if everything or position in saves else (operand._data.shape, operand._data.dtype)
                for position, operand in enumerate(operands)
            ]
        self.out: Any = Saved(out, output=True) if operation.saves_output else (out._data.shape, out._data.dtype)

    @property
    def name(self) -> str:
        """The operation's name, as shown in `grad_fn`."""
        return self.operation.name

    def cotangents(self, g: Tensor) -> list[Any]:
        """Cotangents of the operands that need one (None for the others), in the operands' shapes."""
        name = self.operation.name
        if self.released:
            raise GradientError(
                f"{name}: backward through this graph a second time: what it had saved was freed; "
                "pass retain_graph=True to the first backward"
            )
        unpacked = [o.unpack(name) if type(o) is Saved else Spec(*o) for o in self.operands]
        out = self.out.unpack(name, self) if type(self.out) is Saved else Spec(*self.out)
        results: list[Any] = []
        for edge, cotangent, operand in zip(
            self.edges, self.operation.vjp(g, out, *unpacked), unpacked, strict=True
        ):
            if edge is None or cotangent is None:
                results.append(None)
                continue
            value = cotangent if isinstance(cotangent, Tensor) else cotangent()
            if value is not None and value._data.shape != operand.shape:
                value = value.sum_to_size(operand.shape)
            results.append(value)
        return results

    def release(self) -> None:
        """Forget what was saved; the node can no longer be differentiated."""
        self.released = True
        self.operands = ()
        self.out = None

    def __repr__(self) -> str:
        return f"<{self.name} backward>"


class FunctionNode:
    """The tape entry of a custom `autograd.Function`: one node with any number of outputs."""

    __slots__ = ("call", "edges", "hooks", "name", "output_specs", "released", "__weakref__")

    def __init__(self, name: str, call: Callable[..., Any], operands: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.name = name
        self.call: Callable[..., Any] | None = call
        self.hooks: list[Hook] | None = None
        self.released = False
        self.edges = tuple([edge_of(operand) for operand in operands])
        self.output_specs = tuple((output._data.shape, output._data.dtype) for output in outputs)

    def cotangents(self, g: Sequence[Tensor | None]) -> list[Any]:
        """Cotangents of the operands from those of all outputs; an output not used gets zeros."""
        if self.released or self.call is None:
            raise GradientError(
                f"{self.name}: backward through this graph a second time: what it had saved was freed; "
                "pass retain_graph=True to the first backward"
            )
        filled = [
            value if value is not None else Tensor(np.zeros(shape, dtype))
            for value, (shape, dtype) in zip(g, self.output_specs, strict=True)
        ]
        return list(self.call(*filled))

    def release(self) -> None:
        """Forget what was saved; the node can no longer be differentiated."""
        self.released = True
        self.call = None

    def __repr__(self) -> str:
        return f"<{self.name} backward>"


class OutputNode:
    """One output of a `FunctionNode`: what the output tensor's `grad_fn` is."""

    __slots__ = ("hooks", "index", "parent", "__weakref__")

    def __init__(self, parent: FunctionNode, index: int) -> None:
        self.parent = parent
        self.index = index
        self.hooks: list[Hook] | None = None

    @property
    def released(self) -> bool:
        """Whether the node behind it can no longer be differentiated."""
        return self.parent.released

    @property
    def name(self) -> str:
        """Name of the custom function."""
        return self.parent.name

    def __repr__(self) -> str:
        return f"<{self.name} backward, output {self.index}>"
