"""Recurrent networks as layers: `RNN`, `LSTM` and `GRU`, in several layers and both directions, over padded or packed
sequences.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tracegraph.compiler.ops.creation import zeros
from tracegraph.compiler.ops.joining import cat, stack
from tracegraph.nn import init
from tracegraph.nn.linear import new_parameter
from tracegraph.nn.module import Module
from tracegraph.nn.parameter import Parameter
from tracegraph.nn.recurrence import RECURRENCES, State, Weights, run_layers
from tracegraph.nn.utils.rnn import PackedSequence, step_sizes
from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, ShapeError
from tracegraph.tensor import Tensor

_Join = Callable[[Sequence[Tensor]], Tensor]
_PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
"""How the names of the parameters begin; then `_l0`, `_l0_reverse`, `_l1` and so on."""


class RNNBase(Module):
    """What `RNN`, `LSTM` and `GRU` share: the parameters, and the way from a batch of sequences to rows and back.

    All parameters are uniform of [-k, k) with `k = 1 / sqrt(hidden_size)` at first.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_device(type(self).__name__, device)
        super().__init__()
        if mode not in RECURRENCES:
            raise ArgumentError(f"Unrecognized RNN mode: {mode}")
        _check_settings(input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        self.mode = mode
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        gates = RECURRENCES[mode].gates * hidden_size
        for layer, suffixes in enumerate(self._suffixes()):
            width = input_size if layer == 0 else self._widths()[0] * len(suffixes)
            shapes = [(gates, width), (gates, self._widths()[0]), (gates,), (gates,), (proj_size, hidden_size)]
            for suffix in suffixes:
                for part, shape in zip(_PARTS, shapes, strict=True):
                    if self._has(part):
                        self.register_parameter(part + suffix, new_parameter(*shape, dtype=dtype))
        self.reset_parameters()

    def _suffixes(self) -> list[list[str]]:
        """For each layer the ends of the parameters' names, by direction."""
        ends = ["", "_reverse"] if self.bidirectional else [""]
        return [[f"_l{layer}{end}" for end in ends] for layer in range(self.num_layers)]

    def _has(self, part: str) -> bool:
        return self.bias if part.startswith("bias") else part != "weight_hr" or self.proj_size > 0

    def _widths(self) -> tuple[int, ...]:
        """The widths of the states."""
        return (self.proj_size or self.hidden_size, self.hidden_size)[: RECURRENCES[self.mode].states]

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing: here parameters need not lie side by side in memory."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [
            [getattr(self, part + suffix) for part in _PARTS if self._has(part)]
            for suffixes in self._suffixes()
            for suffix in suffixes
        ]

    def _layers(self) -> list[list[Weights]]:
        def weights(suffix: str) -> Weights:
            return Weights(*[self._parameters.get(part + suffix) for part in _PARTS])  # type: ignore[arg-type]

        return [[weights(suffix) for suffix in suffixes] for suffixes in self._suffixes()]

    def extra_repr(self) -> str:
        """The settings that are not the usual ones."""
        usual = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0}
        usual["bidirectional"] = False
        unusual = [f", {name}={getattr(self, name)}" for name, value in usual.items() if getattr(self, name) != value]
        return f"{self.input_size}, {self.hidden_size}" + "".join(unusual)

    # -- running ------------------------------------------------------------------------------------------------------

    def _run(self, input: Any, state: State | None) -> tuple[Any, State]:
        """The outputs in the form of the input, and the last states."""
        return self._run_packed(input, state) if isinstance(input, PackedSequence) else self._run_padded(input, state)

    def _run_packed(self, packed: PackedSequence, state: State | None) -> tuple[PackedSequence, State]:
        self._check_input(packed.data, 2)
        sizes = step_sizes(packed)
        if state is not None and packed.sorted_indices is not None:
            state = tuple([part.index_select(1, packed.sorted_indices) for part in state])
        rows, final = self._run_rows(packed.data, sizes, state, cat, stack)
        if packed.unsorted_indices is not None:
            final = tuple([part.index_select(1, packed.unsorted_indices) for part in final])
        return PackedSequence(rows, *packed[1:]), final

    def _run_padded(self, input: Tensor, state: State | None) -> tuple[Tensor, State]:
        if input.ndim not in (2, 3):
            raise ShapeError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.ndim}D instead")
        batched = input.ndim == 3
        for part in state or ():
            if part.ndim != input.ndim:
                kind = "batched 3-D" if batched else "unbatched 2-D"
                raise ShapeError(f"For {kind} input, hx should also be {input.ndim}-D but got {part.ndim}-D tensor")
        if not batched:
            input = input.unsqueeze(1)
            state = None if state is None else tuple([part.unsqueeze(1) for part in state])
        elif self.batch_first:
            input = input.transpose(0, 1)
        self._check_input(input, 3)
        steps, batch, width = input.shape
        if not steps:
            raise ShapeError(f"{type(self).__name__}: Expected sequence length to be larger than 0 in RNN")
        rows, sizes = input.reshape(steps * batch, width), [batch] * steps
        if not batched:  # joined without a batch dimension, since a view of the results could not leave a traced call
            return self._run_rows(rows, sizes, state, cat, cat)
        return self._run_rows(rows, sizes, state, partial(stack, dim=1) if self.batch_first else stack, stack)

    def _run_rows(
        self, rows: Tensor, sizes: Sequence[int], state: State | None, join: _Join, join_final: _Join
    ) -> tuple[Tensor, State]:
        count = self.num_layers * (2 if self.bidirectional else 1)
        shapes = [(count, sizes[0], width) for width in self._widths()]
        if state is None:
            state = tuple([zeros(shape, dtype=rows.dtype) for shape in shapes])
        for part, shape in zip(state, shapes, strict=True):
            if part.shape != shape:
                raise ShapeError(f"{type(self).__name__}: Expected hidden size {shape}, got {list(part.shape)}")
        dropout = self.dropout if self.training else 0.0
        output, final = run_layers(RECURRENCES[self.mode], rows, sizes, state, self._layers(), dropout, join)
        return output, tuple([join_final(parts) for parts in zip(*final, strict=True)])

    def _check_input(self, input: Tensor, ndim: int) -> None:
        name, dtype = type(self).__name__, self.weight_ih_l0.dtype
        if input.dtype != dtype:
            raise ArgumentError(
                f"{name}: input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert input: "
                f"input.to({dtype}), or convert model: model.to({input.dtype})"
            )
        if input.ndim != ndim:
            raise ShapeError(f"{name}: input must have {ndim} dimensions, got {input.ndim}")
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name}: input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )


def _check_settings(
    input_size: Any, hidden_size: Any, num_layers: int, bias: Any, batch_first: Any, dropout: Any, proj_size: int
) -> None:
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout <= 1:
        raise ArgumentError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed, "
            f"not {dropout!r}"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
            f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=5,
        )
    for name, value in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(value, bool):
            raise ArgumentTypeError(f"{name} should be of type bool, got: {type(value).__name__}")
    for name, value in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(value, int):
            raise ArgumentTypeError(f"{name} should be of type int, got: {type(value).__name__}")
    for name, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
        if value <= 0:
            raise ArgumentError(f"{name} must be greater than zero, got {value}")
    if proj_size < 0:
        raise ArgumentError(f"proj_size should be a positive integer or zero to disable projections, got {proj_size}")
    if proj_size >= hidden_size:
        raise ArgumentError(f"proj_size has to be smaller than hidden_size, got {proj_size} and {hidden_size}")


class RNN(RNNBase):
    """A network of `h = tanh(W_ih x + b_ih + W_hh h + b_hh)`, or with relu in place of tanh.

    Args:
        input_size: features of the input.
        hidden_size: features of the hidden state.
        num_layers: layers, each over the outputs of the one before.
        nonlinearity: "tanh" or "relu".
        bias: whether there are biases.
        batch_first: whether padded batches are (batch, steps, features) and not (steps, batch, features).
        dropout: how likely an element between two layers is set to 0 while training.
        bidirectional: whether each layer also runs from the end to the beginning.
        device: only the CPU.
        dtype: of the parameters.

    Raises:
        ArgumentError: for settings out of range.

    >>> output, hidden = tracegraph.nn.RNN(4, 3, num_layers=2)(tracegraph.zeros(5, 2, 4))
    >>> output.shape, hidden.shape
    ((5, 2, 3), (2, 2, 3))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_device(type(self).__name__, device)
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        mode = f"RNN_{nonlinearity.upper()}"
        settings = (input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional)
        super().__init__(mode, *settings, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        """The outputs of the last layer, and the last hidden state of each layer and direction.

        Args:
            input: (steps, batch, input), with `batch_first` (batch, steps, input), (steps, input), or packed.
            hx: the hidden state to start from (layers * directions, batch, hidden), zeros unless given.

        Raises:
            ShapeError: when a size does not fit.
        """
        output, (hidden,) = self._run(input, None if hx is None else (hx,))
        return output, hidden


class LSTM(RNNBase):
    """A network of long short-term memory, with input, forget, cell and output gate in this order.

    Args:
        input_size: features of the input.
        hidden_size: features of the cell state, and of the hidden state unless `proj_size` is given.
        num_layers: layers, each over the outputs of the one before.
        bias: whether there are biases.
        batch_first: whether padded batches are (batch, steps, features) and not (steps, batch, features).
        dropout: how likely an element between two layers is set to 0 while training.
        bidirectional: whether each layer also runs from the end to the beginning.
        proj_size: features that the hidden state is projected to, 0 for no projection.
        device: only the CPU.
        dtype: of the parameters.

    Raises:
        ArgumentError: for settings out of range.

    >>> output, (hidden, cell) = tracegraph.nn.LSTM(4, 3, bidirectional=True)(tracegraph.zeros(5, 2, 4))
    >>> output.shape, hidden.shape, cell.shape
    ((5, 2, 6), (2, 2, 3), (2, 2, 3))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_device(type(self).__name__, device)
        settings = (input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size)
        super().__init__("LSTM", *settings, dtype=dtype)

    def forward(self, input: Any, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Any, tuple[Tensor, Tensor]]:
        """The outputs of the last layer, and the last hidden and cell state of each layer and direction.

        Args:
            input: (steps, batch, input), with `batch_first` (batch, steps, input), (steps, input), or packed.
            hx: hidden and cell state to start from (layers * directions, batch, hidden), zeros unless given.

        Raises:
            ShapeError: when a size does not fit.
        """
        output, (hidden, cell) = self._run(input, None if hx is None else (hx[0], hx[1]))
        return output, (hidden, cell)


class GRU(RNNBase):
    """A network of gated recurrent units, with reset, update and new gate in this order.

    Args:
        input_size: features of the input.
        hidden_size: features of the hidden state.
        num_layers: layers, each over the outputs of the one before.
        bias: whether there are biases.
        batch_first: whether padded batches are (batch, steps, features) and not (steps, batch, features).
        dropout: how likely an element between two layers is set to 0 while training.
        bidirectional: whether each layer also runs from the end to the beginning.
        device: only the CPU.
        dtype: of the parameters.

    Raises:
        ArgumentError: for settings out of range.

    >>> output, hidden = tracegraph.nn.GRU(4, 3, batch_first=True)(tracegraph.zeros(2, 5, 4))
    >>> output.shape, hidden.shape
    ((2, 5, 3), (1, 2, 3))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_device(type(self).__name__, device)
        settings = (input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional)
        super().__init__("GRU", *settings, dtype=dtype)

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        """The outputs of the last layer, and the last hidden state of each layer and direction.

        Args:
            input: (steps, batch, input), with `batch_first` (batch, steps, input), (steps, input), or packed.
            hx: the hidden state to start from (layers * directions, batch, hidden), zeros unless given.

        Raises:
            ShapeError: when a size does not fit.
        """
        output, (hidden,) = self._run(input, None if hx is None else (hx,))
        return output, hidden


__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]
