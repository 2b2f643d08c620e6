"""`SequentialLR` and `ChainedScheduler`: schedulers one after the other, and several at once."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from tracegraph.autograd.modes import no_grad
from tracegraph.optim.lr_scheduler.base import LRScheduler, current, leave_trace, set_in
from tracegraph.optim.lr_scheduler.plateau import ReduceLROnPlateau
from tracegraph.optim.optimizer import Optimizer
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError


class _Composed(LRScheduler):
    """Schedulers made of schedulers."""

    _not_saved = ("optimizer", "_schedulers")
    _schedulers: Sequence[LRScheduler]

    def _check(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> Optimizer:
        name = type(self).__name__
        if len(schedulers) < 1:
            raise ArgumentError(f"{name} expects at least one scheduler, but got no scheduler.")
        for number, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise ArgumentTypeError(f"{name} at index {number} should have `optimizer` as its attribute.")
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ArgumentError(
                    f"{name} does not support `ReduceLROnPlateau`, whose `step` needs a measure, but got one at index "
                    f"{number} in the given schedulers sequence."
                )
            optimizer = scheduler.optimizer if optimizer is None else optimizer
            if scheduler.optimizer is not optimizer:
                raise ArgumentError(
                    f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                    f"{type(scheduler).__name__} at index {number} with another one."
                )
        assert optimizer is not None
        return optimizer

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, with the states of the schedulers."""
        return {**super().state_dict(), "_schedulers": [scheduler.state_dict() for scheduler in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "_schedulers"})
        for scheduler, held in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(held)


def _undo_first_step(scheduler: LRScheduler) -> None:
    """Take back the step that a scheduler's constructor made."""
    for each in scheduler._schedulers if isinstance(scheduler, _Composed) else ():
        _undo_first_step(each)
    if not isinstance(scheduler, _Composed):
        scheduler.last_epoch -= 1


class SequentialLR(_Composed):
    """One scheduler after the other; the next begins, with its epoch 0, at each milestone.

    Args:
        optimizer: the optimiser of all of them.
        schedulers: the schedulers in their order.
        milestones: the epochs at which the second, third and so on begin.
        last_epoch: the epoch to go on from.

    Raises:
        ArgumentError: when optimisers differ or the numbers do not fit together.
        ArgumentTypeError: for what is no scheduler.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        self.optimizer = self._check(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ArgumentError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of "
                f"milestone points, but got number of schedulers {len(schedulers)} and the number of milestones to be "
                f"equal to {len(milestones)}"
            )
        self._schedulers, self._milestones = schedulers, milestones
        self.last_epoch = last_epoch + 1
        self._begin()

    @no_grad
    def _begin(self) -> None:
        for group in self.optimizer.param_groups:
            set_in(group, "lr", group["initial_lr"])
        for scheduler in self._schedulers:
            _undo_first_step(scheduler)
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """Go on to the next epoch."""
        leave_trace()
        self.last_epoch += 1
        number = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[number]
        if number > 0 and self._milestones[number - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_Composed):
    """Several schedulers that step together, each changing the rates that the one before has set.

    Args:
        schedulers: the schedulers in their order.
        optimizer: the optimiser of all of them; the first scheduler's if None.

    Raises:
        ArgumentError: when there is none, or optimisers differ.
        ArgumentTypeError: for what is no scheduler.
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self.optimizer = self._check(schedulers, optimizer)
        self._schedulers = schedulers
        self._last_lr = current(self.optimizer)

    def step(self) -> None:  # type: ignore[override]
        """Let every scheduler go on to its next epoch."""
        leave_trace()
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = current(self.optimizer)


__all__ = ["ChainedScheduler", "SequentialLR"]
