"""One step of a recurrent network as a layer: `RNNCell`, `LSTMCell`, `GRUCell`."""

import math
from typing import Any

from tracegraph.compiler.ops.creation import zeros
from tracegraph.nn import init
from tracegraph.nn.linear import new_parameter
from tracegraph.nn.module import Module
from tracegraph.nn.parameter import Parameter
from tracegraph.nn.recurrence import RECURRENCES, Recurrence, State, Weights
from tracegraph.runtime.device import check_device
from tracegraph.runtime.errors import ArgumentError, ShapeError
from tracegraph.tensor import Tensor


class _Cell(Module):
    """A step with its weights: `weight_ih` (gates * hidden, input), `weight_hh` (gates * hidden, hidden), two biases.

    All are uniform of [-k, k) with `k = 1 / sqrt(hidden_size)` at first.
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(self, input_size: int, hidden_size: int, bias: bool, gates: int, dtype: Any) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self.weight_ih = new_parameter(gates * hidden_size, input_size, dtype=dtype)
        self.weight_hh = new_parameter(gates * hidden_size, hidden_size, dtype=dtype)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, new_parameter(gates * hidden_size, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias is True else f", bias={self.bias}")

    def _step(self, recurrence: Recurrence, input: Tensor, state: State | None) -> State:
        """The state after one step, with the batch dimension where the input has one."""
        name = type(self).__name__
        if input.ndim not in (1, 2):
            raise ShapeError(f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        batched = input.ndim == 2
        rows = input if batched else input.unsqueeze(0)
        if state is None:
            zero = zeros(rows.shape[0], self.hidden_size, dtype=input.dtype)
            state = (zero,) * recurrence.states
        else:
            for part in state:
                if part.ndim not in (1, 2):
                    raise ShapeError(f"{name}: Expected hx to be 1D or 2D, got {part.ndim}D instead")
            state = state if batched else tuple([part.unsqueeze(0) for part in state])
        self._check(name, rows, state)
        weights = Weights(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        after = recurrence.step(recurrence.project(rows, weights), state, weights)
        return after if batched else tuple([part.squeeze(0) for part in after])

    def _check(self, name: str, rows: Tensor, state: State) -> None:
        if rows.shape[1] != self.input_size:
            raise ShapeError(
                f"{name}: input has inconsistent input_size: got {rows.shape[1]}, expected {self.input_size}"
            )
        for part in state:
            if part.shape != (rows.shape[0], self.hidden_size):
                raise ShapeError(
                    f"{name}: hidden state of shape {part.shape} where input of {rows.shape[0]} rows and hidden_size "
                    f"{self.hidden_size} need {(rows.shape[0], self.hidden_size)}"
                )


class RNNCell(_Cell):
    """`tanh(W_ih x + b_ih + W_hh h + b_hh)`, or with relu in place of tanh.

    Args:
        input_size: features of the input.
        hidden_size: features of the hidden state.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".
        device: only the CPU.
        dtype: of the parameters.

    >>> tracegraph.nn.RNNCell(4, 3)(tracegraph.zeros(2, 4)).shape
    (2, 3)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_device(type(self).__name__, device)
        super().__init__(input_size, hidden_size, bias, 1, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """(batch, input) or (input), and the hidden state (batch, hidden) or (hidden), to the next hidden state.

        Raises:
            ArgumentError: for an unknown nonlinearity.
            ShapeError: when a size does not fit.
        """
        mode = f"RNN_{self.nonlinearity.upper()}"
        if mode not in RECURRENCES:
            raise ArgumentError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(RECURRENCES[mode], input, None if hx is None else (hx,))[0]

    def extra_repr(self) -> str:
        """The sizes and the nonlinearity."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class LSTMCell(_Cell):
    """A step of long short-term memory, with input, forget, cell and output gate in this order.

    Args:
        input_size: features of the input.
        hidden_size: features of the hidden and of the cell state.
        bias: whether there are biases.
        device: only the CPU.
        dtype: of the parameters.

    >>> hidden, cell = tracegraph.nn.LSTMCell(4, 3)(tracegraph.zeros(2, 4))
    >>> hidden.shape, cell.shape
    ((2, 3), (2, 3))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        check_device(type(self).__name__, device)
        super().__init__(input_size, hidden_size, bias, 4, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """(batch, input) or (input), and hidden and cell state (batch, hidden) or (hidden), to the next of both.

        Raises:
            ShapeError: when a size does not fit.
        """
        hidden, cell = self._step(RECURRENCES["LSTM"], input, None if hx is None else (hx[0], hx[1]))
        return hidden, cell


class GRUCell(_Cell):
    """A step of a gated recurrent unit, with reset, update and new gate in this order.

    Args:
        input_size: features of the input.
        hidden_size: features of the hidden state.
        bias: whether there are biases.
        device: only the CPU.
        dtype: of the parameters.

    >>> tracegraph.nn.GRUCell(4, 3)(tracegraph.zeros(2, 4)).shape
    (2, 3)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        check_device(type(self).__name__, device)
        super().__init__(input_size, hidden_size, bias, 3, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """(batch, input) or (input), and the hidden state (batch, hidden) or (hidden), to the next hidden state.

        Raises:
            ShapeError: when a size does not fit.
        """
        return self._step(RECURRENCES["GRU"], input, None if hx is None else (hx,))[0]


__all__ = ["GRUCell", "LSTMCell", "RNNCell"]
