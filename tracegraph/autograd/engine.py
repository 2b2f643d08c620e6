"""Backward: walks the tape from the outputs to the leaves and accumulates cotangents;
`backward` and `grad` are its faces.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph import _state
from tracegraph.autograd.modes import GradMode
from tracegraph.autograd.node import OutputNode, edge_of
from tracegraph.compiler.ops import dispatch
from tracegraph.gradient_hooks import run_after_accumulation, run_hooks
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, GradientError, ShapeError
from tracegraph.tensor import Tensor


def parents(node: Any) -> tuple[Any, ...]:
    """The nodes that a node's cotangents go to (None where an operand needs none)."""
    if isinstance(node, Tensor):
        return ()
    if isinstance(node, OutputNode):
        return (node.parent,)
    return node.edges  # type: ignore[no-any-return]


def order(roots: Sequence[Any]) -> list[Any]:
    """All nodes above the roots, every node before its parents (iterative: chains may be long)."""
    found: list[Any] = []
    state: dict[int, bool] = {}
    stack: list[tuple[Any, bool]] = [(root, False) for root in roots]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            found.append(node)
            continue
        if id(node) in state:
            continue
        state[id(node)] = True
        stack.append((node, True))
        stack.extend((parent, False) for parent in parents(node) if parent is not None and id(parent) not in state)
    found.reverse()
    return found


def _needed(nodes: list[Any], targets: set[int]) -> set[int]:
    """Ids of the nodes from which one of the targets is reached."""
    needed: set[int] = set()
    for node in reversed(nodes):
        if id(node) in targets or any(parent is not None and id(parent) in needed for parent in parents(node)):
            needed.add(id(node))
    return needed


def _add(total: Tensor | None, g: Tensor) -> Tensor:
    return g if total is None else total + g


def _spread(pending: dict[int, Any], node: Any, g: Any) -> None:
    """Add the cotangents of a node's operands to what they have already."""
    for edge, cotangent in zip(node.edges, node.cotangents(g), strict=True):
        if edge is not None and cotangent is not None:
            pending[id(edge)] = _add(pending.get(id(edge)), cotangent)


def run(
    roots: Sequence[tuple[Any, Tensor]], *, retain_graph: bool, create_graph: bool, targets: Sequence[Any] | None
) -> dict[int, Tensor]:
    """Propagate the roots' cotangents. Returns those of `targets` by id,
    or with None accumulates into the leaves' `.grad`.
    """
    nodes = order([root for root, _ in roots])
    wanted = None if targets is None else {id(target) for target in targets}
    needed = None if wanted is None else _needed(nodes, wanted)
    pending: dict[int, Any] = {}
    for root, g in roots:
        pending[id(root)] = _add(pending.get(id(root)), g)
    found: dict[int, Tensor] = {}
    recorder = _state.active_recorder()
    with GradMode(create_graph):
        for node in nodes:
            g = pending.pop(id(node), None)
            if g is None or (needed is not None and id(node) not in needed):
                continue
            if isinstance(node, Tensor):
                g = run_hooks(node._hooks, g)
                if wanted is None:
                    accumulate(node, g, create_graph=create_graph)
                elif id(node) in wanted:
                    found[id(node)] = g
                continue
            if isinstance(node, OutputNode):
                g = run_hooks(node.hooks, g)
                if wanted is not None and id(node) in wanted:
                    found[id(node)] = g
                slots = pending.setdefault(id(node.parent), [None] * len(node.parent.output_specs))
                slots[node.index] = _add(slots[node.index], g)
                continue
            if node.hooks:
                g = run_hooks(node.hooks, g)
            if wanted is not None and id(node) in wanted:
                found[id(node)] = g
            if needed is not None and not any(id(parent) in needed for parent in node.edges if parent is not None):
                continue
            if recorder is not None:
                recorder.enter_backward(node)
            _spread(pending, node, g)
            if not retain_graph:
                node.release()
        if recorder is not None:
            recorder.enter_backward(None)
    return found


def accumulate(leaf: Tensor, g: Tensor, *, create_graph: bool) -> None:
    """Add a cotangent to the leaf's `.grad`, which never shares memory with another tensor; run what waits for it."""
    if g._data.dtype != leaf._data.dtype:
        g = g.to(leaf._data.dtype)
    current = leaf.grad
    if current is None:
        leaf.grad = g.clone()
    elif create_graph:
        leaf.grad = current + g
    else:
        current.add_(g)
    if leaf._hooks:
        run_after_accumulation(leaf)


def _start(outputs: Sequence[Tensor], cotangents: Sequence[Tensor | None], name: str) -> list[tuple[Any, Tensor]]:
    roots = []
    for output, cotangent in zip(outputs, cotangents, strict=True):
        edge = edge_of(output)
        if edge is None:
            raise GradientError(f"{name}: a tensor of shape {output.shape} does not require grad and has no grad_fn")
        if output._data.dtype.kind != "f":
            raise GradientError(f"{name}: only floating point tensors have gradients, not {output._data.dtype}")
        if cotangent is None:
            if output._data.size != 1:
                raise GradientError(
                    f"{name}: a gradient is made only for one-element outputs, not for shape {output.shape}; "
                    "pass gradient="
                )
            cotangent = dispatch.as_tensor(np.ones(output._data.shape, output._data.dtype), literal=True)
        if cotangent._data.shape != output._data.shape:
            raise ShapeError(f"{name}: gradient of shape {cotangent.shape} for an output of shape {output.shape}")
        roots.append((edge, cotangent))
    return roots


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, Tensor) else list(value)


def _cotangents(given: Any, outputs: list[Tensor], name: str) -> list[Tensor | None]:
    """A cotangent for each output, None where none is given."""
    cotangents: list[Tensor | None] = [None] * len(outputs) if given is None else _listed(given)
    if len(cotangents) != len(outputs):
        raise GradientError(f"{name}: {len(cotangents)} gradients for {len(outputs)} outputs")
    return cotangents


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Accumulate the gradients of `tensors` into the `.grad` of the leaves they were computed from.

    Args:
        tensors: one or several tensors; what they share is gone through once.
        grad_tensors: the cotangent of each, in its shape; 1 for a tensor of one element.
        retain_graph: keep what was saved, for another backward through the same graph.
        create_graph: make the gradients differentiable themselves.
        inputs: only these leaves get their gradient.

    Raises:
        GradientError: when one does not require grad, or has several elements and no cotangent.

    >>> x = tracegraph.tensor([1.0, 2.0], requires_grad=True)
    >>> tracegraph.autograd.backward([x.sum(), (x * x).sum()])
    >>> x.grad
    tensor([3., 5.])
    """
    outputs = _listed(tensors)
    cotangents = _cotangents(grad_tensors, outputs, "backward")
    if inputs is not None:
        targets = _listed(inputs)
        found = grad(outputs, targets, cotangents, retain_graph, create_graph, allow_unused=True)
        with GradMode(create_graph):
            for target, value in zip(targets, found, strict=True):
                if value is not None:
                    accumulate(target, value, create_graph=create_graph)
        return
    run(
        _start(outputs, cotangents, "backward"),
        retain_graph=create_graph if retain_graph is None else retain_graph,
        create_graph=create_graph,
        targets=None,
    )


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to `inputs`, as a tuple; `.grad` is left alone.

    With `create_graph` they can be differentiated again. An input that was not used is an error, gets None with
    `allow_unused`, zeros with `materialize_grads`.

    Raises:
        GradientError: when an input was not used (unless `allow_unused`) or does not require grad.

    >>> x = tracegraph.tensor(3.0, requires_grad=True)
    >>> (first,) = tracegraph.autograd.grad(x**3, x, create_graph=True)
    >>> tracegraph.autograd.grad(first, x)
    (tensor(18.),)
    """
    if is_grads_batched:
        raise ArgumentError("grad: is_grads_batched is not supported; call it once for each cotangent")
    if materialize_grads and allow_unused is False:
        raise ArgumentError("grad: allow_unused=False contradicts materialize_grads=True, which allows it")
    output_list, input_list = _listed(outputs), _listed(inputs)
    cotangents = _cotangents(grad_outputs, output_list, "grad")
    targets = []
    for position, value in enumerate(input_list):
        if not isinstance(value, Tensor):
            raise ArgumentTypeError(f"grad: input {position} is a {type(value).__name__}, not a Tensor")
        edge = edge_of(value)
        if edge is None:
            raise GradientError(f"grad: input {position} of shape {value.shape} does not require grad")
        targets.append(edge)
    roots = _start(output_list, cotangents, "grad")
    retain = create_graph if retain_graph is None else retain_graph
    found = run(roots, retain_graph=retain, create_graph=create_graph, targets=targets)
    results = []
    for position, target in enumerate(targets):
        result = found.get(id(target))
        if result is None and materialize_grads:
            result = dispatch.as_tensor(np.zeros_like(input_list[position]._data), literal=True)
        if result is None and not allow_unused:
            raise GradientError(
                f"grad: input {position} of shape {input_list[position].shape} was not used in the outputs; "
                "pass allow_unused=True to get None for it"
            )
        results.append(result)
    return tuple(results)
