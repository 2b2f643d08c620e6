"""`LRScheduler`: what the schedulers share. Each changes the rates that are there, so that several can be combined."""

import contextlib
import math
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from tracegraph import _state
from tracegraph.autograd.modes import no_grad
from tracegraph.optim.groups import ParamGroup
from tracegraph.optim.optimizer import Optimizer
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError
from tracegraph.tensor import Tensor

Rates = list[Any]
"""A rate for each parameter group: numbers, or tensors where the optimiser's are tensors."""

_BEFORE = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`: call `optimizer.step()` first, "
    "or the first value of the learning rate schedule is skipped."
)
_EPOCH = "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated: call `scheduler.step()`."
_GET = "To get the last learning rate computed by the scheduler, please use `get_last_lr()`."


def check_optimizer(optimizer: Any) -> Optimizer:
    """The optimiser.

    Raises:
        ArgumentTypeError: when it is none.
    """
    if not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def current(optimizer: Optimizer, name: str = "lr") -> Rates:
    """A setting of all groups; tensors are copied."""
    return [group[name].clone() if isinstance(group[name], Tensor) else group[name] for group in optimizer.param_groups]


def set_in(group: ParamGroup, name: str, value: Any) -> None:
    """Give a setting another value; in a tensor it is written in place."""
    held = group[name]
    if isinstance(held, Tensor):
        held.fill_(value.item() if isinstance(value, Tensor) else value)
    else:
        group[name] = value


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value for each parameter group.

    Raises:
        ArgumentError: when a list has another length.
    """
    groups = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        value = [value] * groups
    if len(value) != groups:
        raise ArgumentError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(value)} values, param_groups has {groups}."
        )
    return [each.clone() if isinstance(each, Tensor) else each for each in value]


def positive_whole(name: str, value: Any) -> int:
    """The value of an argument.

    Raises:
        ArgumentError: when it is no positive whole number.
    """
    if not isinstance(value, int) or value <= 0:
        raise ArgumentError(f"Expected positive integer {name}, but got {value}")
    return value


def leave_trace() -> None:
    """Tell a recording under way that a scheduler steps, which Python has to do on every call."""
    recorder = _state.active_recorder()
    if recorder is not None:
        recorder.unsupported("steps a learning rate scheduler")


def function_state(function: Any) -> dict[str, Any] | None:
    """What a state dict keeps of a function: the attributes of an object that is called, nothing of a plain one."""
    return None if isinstance(function, types.FunctionType) else dict(vars(function))


class LRScheduler:
    """Base of the schedulers: `step` sets each group's "lr" to what `get_lr` computes from the rates now.

    A subclass writes `get_lr`, which may read `last_epoch` and `base_lrs`.

    Args:
        optimizer: the optimiser whose rates are set; their values now are the base rates.
        last_epoch: the epoch to go on from; -1 begins with epoch 0.

    Raises:
        ArgumentTypeError: when it is given no optimiser.
        KeyError: when begun in the middle with groups that have no "initial_lr".
    """

    _get_lr_called_within_step = False
    _is_initial = False
    _not_saved: tuple[str, ...] = ("optimizer",)

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = check_optimizer(optimizer)
        for number, (group, rate) in enumerate(zip(optimizer.param_groups, current(optimizer), strict=True)):
            if last_epoch == -1:
                group.setdefault("initial_lr", rate)
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{number}] when resuming scheduler with "
                    f"last_epoch >= 0: load the optimizer's state first, or begin with last_epoch=-1"
                )
        self.base_lrs = current(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        optimizer._progress.stepped = False
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> Rates:
        """The rates of the next epoch."""
        raise NotImplementedError

    def _get_closed_form_lr(self) -> Rates | None:
        """The rates of `last_epoch` alone, whatever they are now; None if there is no such formula."""
        return None

    def _rates_now(self) -> Rates:
        """For `get_lr`: the rates as they are. Warns unless `step` asks."""
        if not self._get_lr_called_within_step:
            warnings.warn(_GET, UserWarning, stacklevel=3)
        return current(self.optimizer)

    def _multiplied(self, factor: Any) -> Rates:
        """The rates now times a number."""
        return [rate * factor for rate in self._rates_now()]

    @contextlib.contextmanager
    def _within_step(self) -> Iterator[None]:
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch; call it after the optimiser's `step`."""
        leave_trace()
        progress = self.optimizer._progress
        if self._step_count == 1 and not (progress.stepped or progress.recorded):
            warnings.warn(_BEFORE, UserWarning, stacklevel=2)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(_EPOCH, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        with self._within_step():
            self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
            closed = None if epoch is None else self._get_closed_form_lr()
            self._set_rates(self.get_lr() if closed is None else closed)

    @no_grad
    def _set_rates(self, rates: Rates) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_in(group, "lr", rate)
        self._last_lr = current(self.optimizer)

    def get_last_lr(self) -> Rates:
        """The rates of all groups that this scheduler has set last."""
        return self._last_lr

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, and functions."""
        return {name: value for name, value in self.__dict__.items() if name not in self._not_saved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave (the rates themselves are the optimiser's)."""
        self.__dict__.update(state_dict)


def cosine(start: Any, end: Any, part: float) -> Any:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)


def linear(start: Any, end: Any, part: float) -> Any:
    """From `start` to `end` on a line."""
    return (end - start) * part + start


ANNEALING: dict[str, Callable[[Any, Any, float], Any]] = {"cos": cosine, "linear": linear}


def check_annealing(strategy: str) -> str:
    """The name of a way from one rate to another.

    Raises:
        ArgumentError: when there is none of this name.
    """
    if strategy not in ANNEALING:
        raise ArgumentError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {strategy}")
    return strategy


__all__ = [
    "ANNEALING",
    "LRScheduler",
    "Rates",
    "check_annealing",
    "check_optimizer",
    "current",
    "function_state",
    "leave_trace",
    "per_group",
    "positive_whole",
    "set_in",
]
