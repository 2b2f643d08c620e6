"""`summary(model, input)`: a table of a model's layers with output shapes, parameters and multiply-adds."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tracegraph.autograd.modes import GradMode
from tracegraph.compiler.ops.creation import zeros
from tracegraph.nn.convolution import _Convolution
from tracegraph.nn.linear import Bilinear, Linear
from tracegraph.nn.module import Module
from tracegraph.nn.parameter import is_lazy
from tracegraph.pytree import walk
from tracegraph.random import get_rng_state, set_rng_state
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError
from tracegraph.tensor import Tensor


@dataclass(frozen=True)
class Layer:
    """One line of the table."""

    name: str
    kind: str
    depth: int
    """How many modules are above it."""
    output: tuple[tuple[int, ...], ...]
    """The shapes of the tensors that its last call returned; empty where it was not called."""
    parameters: int
    """The elements of the parameters in it and in all below it, each counted once."""
    trainable: int
    multiply_adds: int
    """Of it and of all below it, in all of its calls."""
    is_repeated: bool
    """Whether the same module has a line above."""


@dataclass(frozen=True)
class Summary:
    """What `summary` returns; printed, it is a table."""

    layers: tuple[Layer, ...]
    parameters: int
    trainable: int
    multiply_adds: int
    input_bytes: int
    output_bytes: int
    """Of the results of all calls of modules that have no others below them."""
    parameter_bytes: int

    def __str__(self) -> str:
        head = ("Layer", "Output shape", "Parameters", "Trainable", "Multiply-adds")
        rows = [
            (
                label,
                ", ".join(str(list(shape)) for shape in layer.output) or "-",
                "(above)" if layer.is_repeated else _number(layer.parameters),
                _share(layer),
                "-" if layer.is_repeated else _number(layer.multiply_adds),
            )
            for label, layer in zip(_labels(self.layers), self.layers, strict=True)
        ]
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        lines = ["  ".join(_aligned(row, widths)).rstrip() for row in (head, *rows)]
        rule = "-" * max(map(len, lines))
        totals = (
            ("Parameters", _number(self.parameters)),
            ("Trainable parameters", _number(self.trainable)),
            ("Frozen parameters", _number(self.parameters - self.trainable)),
            ("Multiply-adds", _number(self.multiply_adds)),
            ("Input", _size(self.input_bytes)),
            ("Results of the layers", _size(self.output_bytes)),
            ("Parameters in memory", _size(self.parameter_bytes)),
        )
        width = max(len(name) for name, _ in totals)
        listed = [f"{name:{width}}  {value}" for name, value in totals]
        return "\n".join([lines[0], rule, *lines[1:], rule, *listed])

    __repr__ = __str__


def _aligned(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for number, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.ljust(width) if number in (0, 1, 3) else cell.rjust(width)


def _number(value: int) -> str:
    return f"{value:,}" if value else "-"


def _share(layer: Layer) -> str:
    if not layer.parameters or layer.is_repeated:
        return "-"
    return "no" if not layer.trainable else "yes" if layer.trainable == layer.parameters else "partly"


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return f"{count} bytes"


def _labels(layers: Sequence[Layer]) -> Iterator[str]:
    """The names as a tree."""
    for number, layer in enumerate(layers):
        stems = []
        for depth in range(1, layer.depth + 1):
            below = next((one.depth for one in layers[number + 1 :] if one.depth <= depth), 0)
            last = below < depth
            stems.append(("└─ " if last else "├─ ") if depth == layer.depth else ("   " if last else "│  "))
        yield "".join(stems) + (f"{layer.name}: {layer.kind}" if layer.depth else layer.kind)


def summary(
    model: Module,
    input: Any,
    *,
    depth: int | None = None,
    dtype: Any = None,
    mode: Literal["eval", "train", "same"] = "eval",
) -> Summary:
    """Run a model once, without gradients, and list its layers.

    Mode, buffers and random state are put back; a lazy module is an ordinary one afterwards. Multiply-adds are those of
    affine and convolution layers, wherever they are in the model; products written in a `forward` are not counted.

    Args:
        model: the module.
        input: a tensor, a shape (of zeros), or a tuple or list of several of these; a dict gives them by name.
        depth: how deep to list the layers; all by default.
        dtype: of the zeros where a shape is given.
        mode: in which mode to run it; "same" leaves it in the one it is in.

    Raises:
        ArgumentError: for another mode.
        ArgumentTypeError: for another kind of input.

    >>> print(tracegraph.summary(tracegraph.nn.Sequential(tracegraph.nn.Linear(4, 8), tracegraph.nn.ReLU()), (2, 4)))
    Layer         Output shape  Parameters  Trainable  Multiply-adds
    ----------------------------------------------------------------
    Sequential    [2, 8]                40  yes                   64
    ├─ 0: Linear  [2, 8]                40  yes                   64
    └─ 1: ReLU    [2, 8]                 -  -                      -
    ----------------------------------------------------------------
    Parameters             40
    Trainable parameters   40
    Frozen parameters      -
    Multiply-adds          64
    Input                  32 bytes
    Results of the layers  128 bytes
    Parameters in memory   160 bytes
    """
    if mode not in ("eval", "train", "same"):
        raise ArgumentError(f"summary: mode {mode!r} is none of 'eval', 'train', 'same'")
    args, kwargs = _arguments(input, dtype)
    calls = _Calls()
    _run(model, args, kwargs, mode, calls)
    layers = tuple(_layers(model, calls, "", 0, math.inf if depth is None else depth, set()))
    parameters = [parameter for parameter in model.parameters() if not is_lazy(parameter)]
    tensors = _tensors((args, kwargs))
    return Summary(
        layers,
        sum(parameter.numel() for parameter in parameters),
        sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        sum(calls.multiply_adds.values()),
        sum(tensor.nbytes for tensor in tensors),
        calls.output_bytes,
        sum(parameter.nbytes for parameter in parameters),
    )


def _arguments(input: Any, dtype: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(input, dict):
        return (), {name: _argument(value, dtype) for name, value in input.items()}
    if isinstance(input, Tensor) or _is_shape(input):
        return (_argument(input, dtype),), {}
    if isinstance(input, tuple | list):
        return tuple([_argument(value, dtype) for value in input]), {}
    raise ArgumentTypeError(
        f"summary: the input is a {type(input).__name__}, not a tensor, a shape or several of these"
    )


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) > 0 and all(type(size) is int for size in value)


def _argument(value: Any, dtype: Any) -> Any:
    return zeros(tuple(value), dtype=dtype) if _is_shape(value) else value


def _tensors(value: Any) -> list[Tensor]:
    return [part for _, part, _ in walk(value, "") if isinstance(part, Tensor)]


class _Calls:
    """What the calls of the modules were, by the modules' identities."""

    def __init__(self) -> None:
        self.outputs: dict[int, tuple[tuple[int, ...], ...]] = {}
        self.multiply_adds: dict[int, int] = {}
        self.output_bytes = 0

    def __call__(self, module: Any, args: tuple[Any, ...], result: Any) -> None:
        tensors = _tensors(result)
        self.outputs[id(module)] = tuple([tensor.shape for tensor in tensors])
        if not module._modules:
            self.output_bytes += sum(tensor.nbytes for tensor in tensors)
        if tensors and args:
            count = _multiply_adds(module, args[0], tensors[0])
            self.multiply_adds[id(module)] = self.multiply_adds.get(id(module), 0) + count


def _multiply_adds(module: Any, first: Any, result: Tensor) -> int:
    """Of one call of a layer that is a product with its weight."""
    if isinstance(module, Linear):
        return result.numel() * module.in_features
    if isinstance(module, Bilinear):
        return result.numel() * module.in1_features * (module.in2_features + 1)
    if isinstance(module, _Convolution):
        weight: Tensor = module.weight
        used = first if module.transposed else result
        return used.numel() * (weight.numel() // max(weight.shape[0], 1))
    return 0


def _run(model: Module, args: tuple[Any, ...], kwargs: dict[str, Any], mode: str, calls: _Calls) -> None:
    modules = list(model.modules())
    modes = [module.training for module in modules]
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers() if not is_lazy(buffer)]
    state = get_rng_state()
    handles = [module.register_forward_hook(calls) for module in modules]
    try:
        if mode != "same":
            model.train(mode == "train")
        with GradMode(False):
            model(*args, **kwargs)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in zip(modules, modes, strict=True):
            module.training = training
        with GradMode(False):
            for buffer, value in buffers:
                buffer.copy_(value)
        set_rng_state(state)


def _layers(module: Module, calls: _Calls, name: str, depth: int, limit: float, seen: set[int]) -> Iterator[Layer]:
    parameters = [parameter for parameter in module.parameters() if not is_lazy(parameter)]
    is_repeated = id(module) in seen
    seen.add(id(module))
    yield Layer(
        name,
        module._get_name(),
        depth,
        calls.outputs.get(id(module), ()),
        sum(parameter.numel() for parameter in parameters),
        sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        sum(calls.multiply_adds.get(id(one), 0) for one in module.modules()),
        is_repeated,
    )
    if depth < limit and not is_repeated:
        for below, child in module._modules.items():
            if child is not None:
                yield from _layers(child, calls, below, depth + 1, limit, seen)


__all__ = ["Layer", "Summary", "summary"]
