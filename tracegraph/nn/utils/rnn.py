"""Batches of sequences of different lengths: padded to one length, or packed without padding for recurrent networks."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from tracegraph.compiler.ops import dispatch
from tracegraph.compiler.ops.creation import full
from tracegraph.compiler.ops.joining import cat
from tracegraph.compiler.ops.spec import float16, float32, float64, int8, int16, int32, int64, uint8
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError, ShapeError
from tracegraph.tensor import Tensor


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Sequences without padding: the first elements of all, the longest sequence first, then all second ones and so on.

    Made by `pack_sequence` and `pack_padded_sequence`. `batch_sizes` (int64) says how many sequences reach each step;
    `sorted_indices` where in the batch the sequences came from, `unsorted_indices` the inverse.
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        """Made of its parts, or of a pair of data and batch sizes."""
        if batch_sizes is None:
            if not isinstance(data, list | tuple) or len(data) != 2:
                raise ArgumentTypeError(f"PackedSequence: takes data and batch_sizes, got a {type(data).__name__}")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The same with other `data`: as `Tensor.to` gives it."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])

    def double(self) -> Self:
        """The same with `data` as float64."""
        return self.to(float64)

    def float(self) -> Self:
        """The same with `data` as float32."""
        return self.to(float32)

    def half(self) -> Self:
        """The same with `data` as float16."""
        return self.to(float16)

    def long(self) -> Self:
        """The same with `data` as int64."""
        return self.to(int64)

    def int(self) -> Self:
        """The same with `data` as int32."""
        return self.to(int32)

    def short(self) -> Self:
        """The same with `data` as int16."""
        return self.to(int16)

    def char(self) -> Self:
        """The same with `data` as int8."""
        return self.to(int8)

    def byte(self) -> Self:
        """The same with `data` as uint8."""
        return self.to(uint8)

    def cpu(self) -> Self:
        """Itself: it is in the computer's memory."""
        return self

    def pin_memory(self) -> Self:
        """Itself: there is no device that would need it."""
        return self

    @property
    def is_cuda(self) -> bool:
        """False."""
        return False

    def is_pinned(self) -> bool:
        """False."""
        return False


def _whole_numbers(values: Any) -> Tensor:
    """An int64 vector of numbers that Python knows: where a call is traced, a constant."""
    return dispatch.as_tensor(np.asarray(values, np.int64), literal=True)  # type: ignore[no-any-return]


def step_sizes(sequence: PackedSequence) -> list[int]:
    """How many sequences reach each step, for Python to loop over."""
    return sequence.batch_sizes.tolist()  # type: ignore[no-any-return]


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another one.

    >>> tracegraph.nn.utils.rnn.invert_permutation(tracegraph.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    return None if permutation is None else permutation.argsort()


def _lengths(name: str, lengths: Any, batch: int) -> list[int]:
    found = lengths.to(int64).tolist() if isinstance(lengths, Tensor) else [int(length) for length in lengths]
    if not isinstance(found, list) or len(found) != batch:
        raise ShapeError(f"{name}: Expected `len(lengths)` to be equal to batch_size, but got {found} for {batch}")
    return found


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch.

    In a traced function lengths given as a list keep it static; a tensor of lengths has Python run on each call.

    Args:
        input: (steps, batch, ...), with `batch_first` (batch, steps, ...).
        lengths: the length of each sequence, a list or a tensor.
        batch_first: where the batch dimension is.
        enforce_sorted: the longest sequences come first already; otherwise they are sorted.

    Raises:
        ShapeError: when the lengths do not fit the input.
        ArgumentError: when a length is 0 or, with `enforce_sorted`, greater than the one before.

    >>> padded = tracegraph.tensor([[1, 2, 3], [4, 0, 0]])
    >>> packed = tracegraph.nn.utils.rnn.pack_padded_sequence(padded, [3, 1], batch_first=True)
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 3]), tensor([2, 1, 1]))
    """
    name = "pack_padded_sequence"
    if input.ndim < 2:
        raise ShapeError(f"{name}: takes a batch of at least 2 dimensions, got shape {input.shape}")
    batch, steps = input.shape[:2] if batch_first else input.shape[1::-1]
    found = _lengths(name, lengths, batch)
    if not found or min(found) <= 0:
        raise ArgumentError(f"{name}: Length of all samples has to be greater than 0, got {found}")
    if max(found) > steps:
        raise ShapeError(f"{name}: a sequence of length {max(found)} in an input of {steps} steps")
    order = sorted(range(batch), key=lambda place: -found[place])
    if enforce_sorted and sorted(found, reverse=True) != found:
        raise ArgumentError(
            f"{name}: `lengths` must be sorted in decreasing order when `enforce_sorted` is True, got {found}; "
            "pass enforce_sorted=False"
        )
    sizes = [sum(length > step for length in found) for step in range(max(found))]
    along, across = (1, steps) if batch_first else (batch, 1)
    rows = [step * along + place * across for step, size in enumerate(sizes) for place in order[:size]]
    data = input.reshape(batch * steps, *input.shape[2:]).index_select(0, _whole_numbers(rows))
    if enforce_sorted:
        return PackedSequence(data, _whole_numbers(sizes))
    return PackedSequence(data, _whole_numbers(sizes), _whole_numbers(order), _whole_numbers(np.argsort(order)))


def _padded(rows: Tensor, positions: Any, padding_value: float) -> Tensor:
    """Rows laid out by a table of positions (a, b); -1 stands for padding: (a, b, ...)."""
    table = np.asarray(positions, np.int64)
    padding = full((1, *rows.shape[1:]), padding_value, dtype=rows.dtype)
    table = np.where(table < 0, rows.shape[0], table)
    taken = cat([rows, padding]).index_select(0, _whole_numbers(table.reshape(-1)))
    return taken.reshape(*table.shape, *rows.shape[1:])  # type: ignore[no-any-return]


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The padded batch of a packed one, in the original order, and the lengths.

    Args:
        sequence: what was packed.
        batch_first: whether the result is (batch, steps, ...) and not (steps, batch, ...).
        padding_value: the value of what is padded.
        total_length: the number of steps of the result, that of the longest sequence unless given.

    Raises:
        ArgumentError: when `total_length` is less than the longest sequence.

    >>> packed = tracegraph.nn.utils.rnn.pack_sequence([tracegraph.tensor([1, 2, 3]), tracegraph.tensor([4])])
    >>> tracegraph.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2, 3],
            [4, 0, 0]]), tensor([3, 1]))
    """
    sizes = step_sizes(sequence)
    steps = len(sizes) if total_length is None else total_length
    if steps < len(sizes):
        raise ArgumentError(
            "pad_packed_sequence: Expected total_length to be at least the length of the longest sequence in input, "
            f"but got total_length={total_length} and max sequence length being {len(sizes)}"
        )
    table = np.full((steps, sizes[0]), -1, np.int64)
    first = 0
    for step, size in enumerate(sizes):
        table[step, :size] = np.arange(first, first + size)
        first += size
    if sequence.unsorted_indices is not None:
        table = table[:, sequence.unsorted_indices.tolist()]
    lengths = _whole_numbers((table >= 0).sum(0))
    return _padded(sequence.data, table.T if batch_first else table, padding_value), lengths


def pad_sequence(
    sequences: Iterable[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences (length, ...) padded to the longest one: (steps, batch, ...), with `batch_first` (batch, steps, ...).

    Args:
        sequences: tensors that differ only in the first dimension.
        batch_first: where the batch dimension goes.
        padding_value: the value of what is padded.
        padding_side: "right" or "left".

    Raises:
        ArgumentError: when there are none, or for an unknown side.
        ShapeError: when the sizes of other dimensions differ.

    >>> tracegraph.nn.utils.rnn.pad_sequence([tracegraph.tensor([1, 2]), tracegraph.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise ShapeError(f"pad_sequence: Expected iterable for input sequences, but got {type(sequences).__name__}")
    listed = list(sequences)
    if not listed:
        raise ShapeError("pad_sequence: received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise ShapeError(f"pad_sequence: Expected padding_side to be one of left or right, but got {padding_side}.")
    if any(sequence.ndim == 0 or sequence.shape[1:] != listed[0].shape[1:] for sequence in listed):
        raise ShapeError(f"pad_sequence: shapes {[sequence.shape for sequence in listed]} differ beyond the first size")
    lengths = [sequence.shape[0] for sequence in listed]
    table = np.full((len(listed), max(lengths)), -1, np.int64)
    first = 0
    for row, length in zip(table, lengths, strict=True):
        place = slice(len(row) - length, None) if padding_side == "left" else slice(length)
        row[place] = np.arange(first, first + length)
        first += length
    return _padded(cat(listed), table if batch_first else table.T, padding_value)


def unpad_sequence(padded_sequences: Tensor, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """The sequences (length, ...) of a padded batch (steps, batch, ...), with `batch_first` (batch, steps, ...).

    Raises:
        ShapeError: when there are not as many lengths as sequences.

    >>> tracegraph.nn.utils.rnn.unpad_sequence(tracegraph.tensor([[1, 2], [3, 0]]), tracegraph.tensor([2, 1]), True)
    [tensor([1, 2]), tensor([3])]
    """
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    found = _lengths("unpad_sequence", lengths, rows.shape[0])
    return [row[: max(length, 0)].clone() for row, length in zip(rows, found, strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (length, ...) of different lengths.

    Args:
        sequences: tensors that differ only in the first dimension.
        enforce_sorted: the longest come first already; otherwise they are sorted.

    Raises:
        ArgumentError: when a sequence is empty or, with `enforce_sorted`, longer than the one before.

    >>> tracegraph.nn.utils.rnn.pack_sequence([tracegraph.tensor([1, 2]), tracegraph.tensor([3])]).data
    tensor([1, 3, 2])
    """
    lengths = [sequence.shape[0] for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences (length, ...) that were packed, in the original order.

    >>> packed = tracegraph.nn.utils.rnn.pack_sequence([tracegraph.tensor([1, 2]), tracegraph.tensor([3])])
    >>> tracegraph.nn.utils.rnn.unpack_sequence(packed)
    [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]
