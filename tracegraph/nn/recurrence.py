"""The recurrences behind `RNN`, `LSTM` and `GRU`: one step of each, and how layers of them run over batches.

A batch is given as rows: the first elements of all sequences, then all second ones and so on, with the number of rows
of each step. So sequences of one length and packed ones of several (the longest first) are the same thing here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tracegraph.compiler.ops.activations import relu
from tracegraph.compiler.ops.contraction import linear
from tracegraph.compiler.ops.hyperbolic import tanh
from tracegraph.compiler.ops.joining import cat
from tracegraph.compiler.ops.parts import chunk, narrow, select, split
from tracegraph.nn.functional_dropout import dropout
from tracegraph.tensor import Tensor

State = tuple[Tensor, ...]
"""What goes from step to step: the hidden state, and for an LSTM the cell state."""


class Weights(NamedTuple):
    """The parameters of one layer in one direction: (gates * hidden, input), (gates * hidden, state), biases alike."""

    input: Tensor
    hidden: Tensor
    input_bias: Tensor | None
    hidden_bias: Tensor | None
    projection: Tensor | None = None


@dataclass(frozen=True)
class Recurrence:
    """A kind of step: how many gates and states it has, and what it computes."""

    gates: int
    states: int
    step: Callable[[Tensor, State, Weights], State]
    """Takes what `project` gives for the step's input, and the state."""
    merges_biases: bool = True
    """Both biases are only ever added together."""

    def project(self, input: Tensor, weights: Weights) -> Tensor:
        """What the step adds from its input: (..., input) to (..., gates * hidden), for any number of steps at once."""
        bias = weights.input_bias
        if self.merges_biases and bias is not None and weights.hidden_bias is not None:
            bias = bias + weights.hidden_bias
        return linear(input, weights.input, bias)


def _elman(activation: Callable[[Tensor], Tensor]) -> Callable[[Tensor, State, Weights], State]:
    def step(projected: Tensor, state: State, weights: Weights) -> State:
        return (activation(projected + linear(state[0], weights.hidden)),)

    return step


def _lstm(projected: Tensor, state: State, weights: Weights) -> State:
    hidden, cell = state
    enter, forget, content, leave = chunk(projected + linear(hidden, weights.hidden), 4, -1)
    cell = forget.sigmoid() * cell + enter.sigmoid() * content.tanh()
    hidden = leave.sigmoid() * cell.tanh()
    return (hidden if weights.projection is None else linear(hidden, weights.projection)), cell


def _gru(projected: Tensor, state: State, weights: Weights) -> State:
    (hidden,) = state
    input_reset, input_update, input_new = chunk(projected, 3, -1)
    reset, update, new = chunk(linear(hidden, weights.hidden, weights.hidden_bias), 3, -1)
    content = (input_new + (input_reset + reset).sigmoid() * new).tanh()
    return (content + (input_update + update).sigmoid() * (hidden - content),)


RECURRENCES = {
    "RNN_TANH": Recurrence(1, 1, _elman(tanh)),
    "RNN_RELU": Recurrence(1, 1, _elman(relu)),
    "LSTM": Recurrence(4, 2, _lstm),
    "GRU": Recurrence(3, 1, _gru, merges_biases=False),
}
"""Elman (1990); Hochreiter and Schmidhuber (1997) with forget gates, projections as in Sak and others
(arXiv:1402.1128); Cho and others (arXiv:1406.1078) with the reset gate behind the product."""


def _steps(rows: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """The rows of each step, by halving: the gradient of a part fills a whole, and so n steps cost log(n) wholes."""
    if len(sizes) == 1:
        return [rows]
    half = len(sizes) // 2
    first, rest = split(rows, [sum(sizes[:half]), sum(sizes[half:])])
    return [*_steps(first, sizes[:half]), *_steps(rest, sizes[half:])]


def _part(state: State, start: int, end: int) -> State:
    """Some rows of a state."""
    whole = start == 0 and end == state[0].shape[0]
    return state if whole else tuple([narrow(part, 0, start, end - start) for part in state])


def _join(states: Sequence[State]) -> State:
    """The rows of several states."""
    return states[0] if len(states) == 1 else tuple([cat(parts) for parts in zip(*states, strict=True)])


def run_direction(
    recurrence: Recurrence, rows: Tensor, sizes: Sequence[int], initial: State, weights: Weights, *, reverse: bool
) -> tuple[list[Tensor], State]:
    """Run one layer in one direction: the hidden state after each step, and the last state of each sequence."""
    projected = _steps(recurrence.project(rows, weights), sizes)
    outputs: list[Tensor] = []
    ended: list[State] = []
    order = range(len(sizes) - 1, -1, -1) if reverse else range(len(sizes))
    state = _part(initial, 0, sizes[order[0]])
    for number in order:
        size, before = sizes[number], state[0].shape[0]
        if size < before:
            ended.append(_part(state, size, before))
            state = _part(state, 0, size)
        elif size > before:
            state = _join([state, _part(initial, before, size)])
        state = recurrence.step(projected[number], state, weights)
        outputs.append(state[0])
    return (outputs[::-1] if reverse else outputs), _join([state, *reversed(ended)])


def run_layers(
    recurrence: Recurrence,
    rows: Tensor,
    sizes: Sequence[int],
    initial: State,
    layers: Sequence[Sequence[Weights]],
    dropout_p: float = 0.0,
    join: Callable[[Sequence[Tensor]], Tensor] = cat,
) -> tuple[Tensor, list[State]]:
    """Run layers one over the other, each in as many directions as it has weights, with dropout between them.

    Returns the last layer's hidden states, and the last states of each layer and direction.

    Args:
        recurrence: the kind of step.
        rows: (sum of sizes, input).
        sizes: the number of sequences that reach each step, never growing.
        initial: states (layers * directions, batch, width).
        layers: for each layer the weights of its directions.
        dropout_p: how likely an element between two layers is set to 0.
        join: makes one tensor of the hidden states after all steps; rows unless given.
    """
    final: list[State] = []
    for number, directions in enumerate(layers):
        if number and dropout_p:
            rows = dropout(rows, dropout_p)
        joined: list[Tensor] = []
        for weights in directions:
            start = tuple([select(part, 0, len(final)) for part in initial])
            outputs, last = run_direction(recurrence, rows, sizes, start, weights, reverse=bool(joined))
            joined.append((join if number == len(layers) - 1 else cat)(outputs))
            final.append(last)
        rows = joined[0] if len(joined) == 1 else cat(joined, -1)
    return rows, final


__all__ = ["RECURRENCES", "Recurrence", "State", "Weights", "run_direction", "run_layers"]
