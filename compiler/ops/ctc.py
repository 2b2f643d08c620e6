"""`ctc_loss`: the likelihood of a sequence of labels under scores per time step, whatever their alignment."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tracegraph.runtime.errors import ArgumentError, DTypeError, IndexingError, ShapeError

from . import dispatch
from .alignment import NEVER, AlignmentScan
from .creation import arange
from .dispatch import public
from .gather import Gather, index_operation
from .joining import stack
from .padding import pad
from .reduced_loss import reduced, reduction_named
from .selection import where
from .spec import int64

if TYPE_CHECKING:
    from tracegraph.tensor import Tensor

__all__: list[str] = []


@public(method=False)
def ctc_loss(
    log_probs: "Tensor",
    targets: "Tensor",
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> "Tensor":
    """The negative log-likelihood of label sequences, summed over all their alignments with the time steps.

    As in PyTorch the gradient for `log_probs` is the one for the scores that `log_softmax` made them from.

    Args:
        log_probs: logarithms of probabilities (time, n, classes) or (time, classes), float32 or float64.
        targets: labels (n, longest), padded; or (sum of the lengths,), one after the other; (length,) for one sequence.
        input_lengths: (n,), the time steps of each sequence: integers in a tensor, tuple or list.
        target_lengths: (n,), the labels of each sequence.
        blank: the class that stands for no label.
        reduction: "mean" (of the losses over the target lengths), "sum" or "none".
        zero_infinity: losses of targets that do not fit into the time steps count as 0, not infinity.

    Raises:
        ShapeError: when the shapes or the lengths do not fit.

    Graves and others, "Connectionist temporal classification", ICML 2006.

    >>> log_probs = tracegraph.full((2, 1, 2), 0.5).log()
    >>> tracegraph.nn.functional.ctc_loss(log_probs, tracegraph.tensor([[1]]), (2,), (1,), reduction="none")
    tensor([0.2877])
    """
    reduction = reduction_named("ctc_loss", reduction)
    case = _case(log_probs, targets, input_lengths, target_lengths, blank)
    losses = _losses(case, blank)
    losses = where(losses > -NEVER / 10, 0.0 if zero_infinity else np.inf, losses)
    if reduction == "mean":
        losses = losses / case.target_lengths.clamp(min=1)
    return reduced(losses if log_probs.ndim == 3 else losses.reshape(()), reduction)


class _Case(NamedTuple):
    """What is given, checked and in one form: log-probabilities (time, n, classes), labels (n, most), lengths (n,)."""

    log_probs: "Tensor"
    labels: "Tensor"
    input_lengths: "Tensor"
    target_lengths: "Tensor"


def _case(log_probs: "Tensor", targets: "Tensor", input_lengths: Any, target_lengths: Any, blank: int) -> _Case:
    if log_probs.dtype not in (np.float32, np.float64):
        raise DTypeError(f"ctc_loss: log_probs must be float32 or float64, not {log_probs.dtype}")
    if log_probs.ndim not in (2, 3):
        raise ShapeError(f"ctc_loss: log_probs must have shape (time, n, classes), got {log_probs.shape}")
    if log_probs.ndim == 2:
        log_probs = log_probs.unsqueeze(1)
    time, count, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise IndexingError(f"ctc_loss: blank must be one of {classes} classes, got {blank}")
    steps = _lengths("input_lengths", input_lengths, count, most=time)
    if targets.ndim == 1 and count == 1:
        targets = targets.unsqueeze(0)
    if targets.ndim == 2:
        if targets.shape[0] != count:
            raise ShapeError(f"ctc_loss: targets of shape {targets.shape} for a batch of {count}")
        sizes = _lengths("target_lengths", target_lengths, count, most=targets.shape[1])
        return _Case(log_probs, targets.to(int64), steps, sizes)
    if targets.ndim != 1:
        raise ShapeError(f"ctc_loss: targets must have one or two dimensions, got shape {targets.shape}")
    sizes = _lengths("target_lengths", target_lengths, count, most=targets.shape[0])
    longest = max(target_lengths, default=0) if isinstance(target_lengths, tuple | list) else int(sizes.max())
    starts = sizes.cumsum(0) - sizes
    place = starts.unsqueeze(1) + arange(int(longest))
    place = where(arange(int(longest)) < sizes.unsqueeze(1), place, 0)
    return _Case(log_probs, dispatch.apply(index_operation(0), targets.to(int64), place), steps, sizes)


def _lengths(name: str, given: Any, count: int, most: int) -> "Tensor":
    """Lengths as int64 tensor (n,); those that are Python numbers are checked here, others where they are used."""
    if hasattr(given, "_data"):
        if given.dtype.kind not in "iu":
            raise DTypeError(f"ctc_loss: {name} must be integers, not {given.dtype}")
        lengths = given.to(int64).reshape((given.numel(),))
    else:
        numbers = [given] if isinstance(given, int) else [int(number) for number in given]
        if any(not 0 <= number <= most for number in numbers):
            raise ArgumentError(f"ctc_loss: {name} must be from 0 to {most}, got {numbers}")
        lengths = dispatch.as_tensor(np.array(numbers, np.int64), literal=True)
    if lengths.shape != (count,):
        raise ShapeError(f"ctc_loss: {name} must be one for each of {count} sequences, got {lengths.shape[0]}")
    return lengths  # type: ignore[no-any-return]


def _losses(case: _Case, blank: int) -> "Tensor":
    """The losses (n,); huge where there is no alignment.

    The labels are put between blanks, 2 * longest + 1 states. State s at a time is reached from s and s - 1, and from
    s - 2 unless that is the same label (or both are blanks).
    Before the first step all is in the state before the first label.
    """
    time, count, _ = case.log_probs.shape
    longest = case.labels.shape[1]
    states = 2 * longest + 1
    blanks = dispatch.as_tensor(np.full((1, 1), blank, np.int64), literal=True).expand((count, longest + 1))
    known = where(arange(longest) < case.target_lengths.unsqueeze(1), case.labels, blank)
    path = stack([blanks[:, :longest], known], 2).reshape((count, 2 * longest))
    path = pad(path, (0, 1), value=blank)
    skips = pad(path[:, 2:] != path[:, :-2], (2, 0))[:, :states]
    emitted = dispatch.apply(Gather(2), case.log_probs, path.expand((time, count, states))).clamp(min=NEVER)
    start = np.full((1, states), NEVER)
    start[0, 0] = 0
    state = dispatch.as_tensor(start.astype(case.log_probs.dtype), literal=True).expand((count, states))
    reached = dispatch.apply(AlignmentScan(), emitted, state, skips)
    last = case.input_lengths.reshape((1, count, 1)).expand((1, count, states))
    final = dispatch.apply(Gather(0), reached, last).squeeze(0)
    end = case.target_lengths.unsqueeze(1) * 2
    at_blank = dispatch.apply(Gather(1), final, end)
    at_label = where(end > 0, dispatch.apply(Gather(1), final, (end - 1).clamp(min=0)), NEVER)
    return _with_softmax_gradient(-at_blank.logaddexp(at_label).squeeze(1), case)


def _with_softmax_gradient(losses: "Tensor", case: _Case) -> "Tensor":
    """The losses, plus zero: with the gradient exp(log_probs) of the steps that count, where there is an alignment.

    Behind a log_softmax it changes nothing, since the sum of its gradient over the classes is then that of the other.
    """
    if not case.log_probs.requires_grad:
        return losses
    possible = losses.detach() < -NEVER / 10
    counts = (arange(case.log_probs.shape[0]).unsqueeze(1) < case.input_lengths) & possible
    total = where(counts.unsqueeze(2), case.log_probs.exp(), 0).sum((0, 2))
    return losses + (total - total.detach())  # type: ignore[no-any-return]
