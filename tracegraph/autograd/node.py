"""`GradNode`: one recorded operation of the define-by-run tape,
knowing its operands' producers and what its vjp needs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph import _state
from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.base import Operation
from tracegraph.compiler.ops.spec import Spec
from tracegraph.inplace import refresh_view
from tracegraph.runtime.errors import GradientError
from tracegraph.tensor import Tensor, wrap

Hook = Callable[[Tensor], Tensor | None]


def edge_of(tensor: Tensor) -> Any:
    """Where a cotangent of `tensor` goes: its grad node, the tensor itself if it is a leaf, or None."""
    if not tensor._rg:
        return None
    if tensor._base is not None:
        refresh_view(tensor)
        if tensor._rg is not True:
            return None
    node = tensor._node
    return tensor if node is None else node


# What is kept of an operand is a plain tuple, because making one is much cheaper than making an object:
# (tensor, its data, the tensor whose version counts, that version) of one whose value the vjp reads, else (shape,
# dtype).


def _changed(name: str, shape: tuple[int, ...], now: int, then: int) -> GradientError:
    return GradientError(
        f"{name}: a tensor of shape {shape} needed for its gradient was modified in place after it was used "
        f"(version {now}, expected {then}); clone it before the in-place operation"
    )


def unpack_operand(kept: tuple[Any, ...], name: str) -> Any:
    """The operand as it was when the operation ran, or its spec where the value was not kept.

    Raises:
        GradientError: if it was modified in place since.
    """
    if len(kept) == 2:
        return Spec(*kept)
    tensor, data, root, version = kept
    counter = root._version
    if counter is not None and counter[0] != version:
        raise _changed(name, data.shape, counter[0], version)
    return tensor if tensor._data is data else wrap(data)


def unpack_output(kept: tuple[Any, ...], name: str, node: "GradNode | OutputNode") -> Tensor:
    """The output as it was when the operation ran; not the tensor itself, which would keep itself alive through its
    node.

    Raises:
        GradientError: if it was modified in place since.
    """
    data, counter, version = kept
    if counter[0] != version:
        raise _changed(name, data.shape, counter[0], version)
    tensor = Tensor.__new__(Tensor)
    tensor._data = data
    tensor._node = node
    tensor._rg = True
    recorder = _state.active_recorder()
    if recorder is not None:
        recorder.same_value(tensor, data)
    return tensor


class AccumulateGrad:
    """The end of a tape as `next_functions` shows it: where a leaf's gradient is added to its `.grad`."""

    __slots__ = ("variable",)
    name = "accumulate_grad"
    next_functions: tuple[Any, ...] = ()

    def __init__(self, variable: Tensor) -> None:
        self.variable = variable

    def __repr__(self) -> str:
        return "<AccumulateGrad>"


def _functions(edges: Sequence[Any]) -> tuple[tuple[Any, int], ...]:
    """PyTorch's form of a node's edges: what is behind each operand, and which of its outputs the operand is."""
    return tuple(
        [(AccumulateGrad(edge), 0) if isinstance(edge, Tensor) else (edge, getattr(edge, "index", 0)) for edge in edges]
    )


class GradNode:
    """The tape entry of one operation: `vjp` takes the cotangent of its result to those of its operands."""

    __slots__ = ("__weakref__", "edges", "hooks", "operands", "operation", "out", "released")

    def __init__(self, operation: Operation, operands: Sequence[Tensor], out: Tensor) -> None:
        self.operation = operation
        self.hooks: list[Hook] | None = None
        self.released = False
        saves = operation.saves
        everything = saves == (-1,)
        edges: list[Any] = []
        kept: list[tuple[Any, ...]] = []
        for position, operand in enumerate(operands):
            data, base = operand._data, operand._base
            if not operand._rg:
                edges.append(None)
            elif base is None:
                node = operand._node
                edges.append(operand if node is None else node)
            else:
                edges.append(edge_of(operand))
            if everything or position in saves:
                root = operand if base is None else base
                counter = root._version
                kept.append((operand, data, root, 0 if counter is None else counter[0]))
            else:
                kept.append((data.shape, data.dtype))
        self.edges = tuple(edges)
        self.operands = kept
        self.out: tuple[Any, ...] | None = None
        if operation.saves_output:
            root = out if out._base is None else out._base
            counter = root._version
            if counter is None:
                counter = root._version = [0]
            self.out = (out._data, counter, counter[0])

    @property
    def name(self) -> str:
        """The operation's name, as shown in `grad_fn`."""
        return self.operation.name

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes behind the operands (None for one that needs no gradient), each with a number of its output."""
        return _functions(self.edges)

    def cotangents(self, g: Tensor) -> list[Any]:
        """Cotangents of the operands that need one (None for the others), in the operands' shapes."""
        name = self.operation.name
        if self.released:
            raise GradientError(
                f"{name}: backward through this graph a second time: what it had saved was freed; "
                "pass retain_graph=True to the first backward"
            )
        unpacked = []
        changed: GradientError | None = None
        for kept in self.operands:
            try:
                unpacked.append(unpack_operand(kept, name))
            except GradientError as error:
                changed = error
                unpacked.append(Spec(kept[1].shape, kept[1].dtype))
        data = g._data
        out = Spec(data.shape, data.dtype) if self.out is None else unpack_output(self.out, name, self)
        if changed is None:
            return self._evaluate(g, out, unpacked)
        try:
            return self._evaluate(g, out, unpacked)
        except Exception:  # noqa: BLE001 - the cause is the change
            # A cotangent that is wanted needs the changed value, of which there is the spec only.
            raise changed from None

    def _evaluate(self, g: Tensor, out: Any, unpacked: Sequence[Any]) -> list[Any]:
        results: list[Any] = []
        for edge, cotangent, operand in zip(self.edges, self.operation.vjp(g, out, *unpacked), unpacked, strict=True):
            if edge is None or cotangent is None:
                results.append(None)
                continue
            value = cotangent if isinstance(cotangent, Tensor) else cotangent()
            if value is not None and value._data.shape != operand.shape:
                value = value.sum_to_size(operand.shape)
            results.append(value)
        return results

    def preserve(self, root: Tensor) -> None:
        """Keep copies of the operands saved that lie in the memory of `root`, which is about to be overwritten."""
        for position, kept in enumerate(self.operands):
            if len(kept) == 4 and kept[2] is root and (root._version is None or root._version[0] == kept[3]):
                copy = kept[0].clone()
                self.operands[position] = (copy, copy._data, copy, 0)

    def release(self) -> None:
        """Forget what was saved; the node can no longer be differentiated."""
        self.released = True
        self.operands = []
        self.out = None

    def __repr__(self) -> str:
        return f"<{self.name} backward>"


def _zeros(shape: tuple[int, ...], dtype: Any) -> Tensor:
    return dispatch.as_tensor(np.zeros(shape, dtype), literal=True)  # type: ignore[no-any-return]


class FunctionNode:
    """The tape entry of a custom `autograd.Function`: one node with any number of outputs."""

    __slots__ = ("__weakref__", "call", "edges", "hooks", "materialize", "name", "output_specs", "released")

    def __init__(
        self,
        name: str,
        call: Callable[..., Any],
        operands: Sequence[Tensor],
        outputs: Sequence[Tensor],
        materialize: bool = True,
    ) -> None:
        self.name = name
        self.materialize = materialize
        self.call: Callable[..., Any] | None = call
        self.hooks: list[Hook] | None = None
        self.released = False
        self.edges = tuple([edge_of(operand) for operand in operands])
        self.output_specs = tuple((output._data.shape, output._data.dtype) for output in outputs)

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes behind the operands (None for one that needs no gradient), each with a number of its output."""
        return _functions(self.edges)

    def cotangents(self, g: Sequence[Tensor | None]) -> list[Any]:
        """Cotangents of the operands from those of all outputs;
        an output not used gets zeros, or None unless `materialize`.
        """
        if self.released or self.call is None:
            raise GradientError(
                f"{self.name}: backward through this graph a second time: what it had saved was freed; "
                "pass retain_graph=True to the first backward"
            )
        filled = [
            value if value is not None or not self.materialize else _zeros(shape, dtype)
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

    __slots__ = ("__weakref__", "hooks", "index", "parent")

    def __init__(self, parent: FunctionNode, index: int) -> None:
        self.parent = parent
        self.index = index
        self.hooks: list[Hook] | None = None

    @property
    def released(self) -> bool:
        """Whether the node behind it can no longer be differentiated."""
        return self.parent.released

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes behind the operands (None for one that needs no gradient), each with a number of its output."""
        return _functions(self.parent.edges)

    @property
    def name(self) -> str:
        """Name of the custom function."""
        return self.parent.name

    def __repr__(self) -> str:
        return f"<{self.name} backward, output {self.index}>"


class FreedNode:
    """The `grad_fn` of a tensor whose graph has been consumed by backward inside of a traced call."""

    __slots__ = ("__weakref__", "edges", "hooks", "name")
    released = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.edges: tuple[Any, ...] = ()
        self.hooks: list[Hook] | None = None

    next_functions: tuple[Any, ...] = ()

    def cotangents(self, g: Any) -> list[Any]:
        """Always an error: what the graph had saved is gone."""
        raise GradientError(
            f"{self.name}: backward through this graph a second time: what it had saved was freed; "
            "pass retain_graph=True to the first backward"
        )

    def release(self) -> None:
        """Nothing is left to forget."""

    def __repr__(self) -> str:
        return f"<{self.name} backward>"
