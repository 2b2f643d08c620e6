"""Learning rates that follow a plan.

`StepLR`, `MultiStepLR`, `ExponentialLR`, `CosineAnnealingLR`, `LinearLR`, `LambdaLR`.

Call `scheduler.step()` after each epoch (or step). A traced training step takes the new rate at once, without a new
trace.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from tracegraph import _state
from tracegraph.optim.optimizer import Optimizer
from tracegraph.runtime.errors import ArgumentError, ArgumentTypeError


class LRScheduler:
    """Base of the schedulers: sets each group's "lr" to `rate(epoch, base rate, group number)`.

    A subclass writes `rate`.

    Args:
        optimizer: the optimiser whose rates are set; their values now are the base rates.
        last_epoch: the epoch to begin with; -1 sets the rates of epoch 0.

    Raises:
        ArgumentTypeError: when it is given no optimiser.
        KeyError: when begun in the middle with groups that have no "initial_lr".
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentTypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{number}] when resuming an optimizer"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def rate(self, epoch: int, base: float, number: int) -> float:
        """The learning rate of group `number` in an epoch."""
        raise NotImplementedError

    def step(self) -> None:
        """Go on to the next epoch."""
        recorder = _state.active_recorder()
        if recorder is not None:
            recorder.unsupported("steps a learning rate scheduler")
        self.last_epoch += 1
        for number, (group, base) in enumerate(zip(self.optimizer.param_groups, self.base_lrs, strict=True)):
            group["lr"] = self.rate(self.last_epoch, base, number)

    def get_last_lr(self) -> list[float]:
        """The rates of all groups now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave (the rates themselves are the optimiser's)."""
        self.__dict__.update(state_dict)


class LambdaLR(LRScheduler):
    """The base rate times `lr_lambda(epoch)`; a list has a function for each group."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas: list[Callable[[int], float]] = (
            list(lr_lambda) if isinstance(lr_lambda, list | tuple) else [lr_lambda] * groups
        )
        if len(self.lr_lambdas) != groups:
            raise ArgumentError(f"Expected {groups} lr_lambdas, but got {len(self.lr_lambdas)}")
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int, base: float, number: int) -> float:
        """`base * lr_lambda(epoch)`."""
        return base * self.lr_lambdas[number](epoch)


class StepLR(LRScheduler):
    """The base rate times `gamma` for every `step_size` epochs passed."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int, base: float, number: int) -> float:
        """`base * gamma ** (epoch // step_size)`."""
        return base * self.gamma ** (epoch // self.step_size)


class MultiStepLR(LRScheduler):
    """The base rate times `gamma` for every milestone passed."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int, base: float, number: int) -> float:
        """`base * gamma ** milestones passed`."""
        return float(
            base * self.gamma ** sum(count for milestone, count in self.milestones.items() if milestone <= epoch)
        )


class ExponentialLR(LRScheduler):
    """The base rate times `gamma` for every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int, base: float, number: int) -> float:
        """`base * gamma ** epoch`."""
        return float(base * self.gamma**epoch)


class LinearLR(LRScheduler):
    """The base rate times a factor that goes in `total_iters` epochs from `start_factor` to `end_factor`."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ArgumentError("Starting multiplicative factor expected to be greater than 0 and less or equal to 1.")
        if not 0 <= end_factor <= 1:
            raise ArgumentError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int, base: float, number: int) -> float:
        """`base` times the factor."""
        passed = min(epoch, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * passed)


class CosineAnnealingLR(LRScheduler):
    """From the base rate to `eta_min` and back along a cosine, `T_max` epochs each way (arXiv:1608.03983.

    Without restarts).
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int, base: float, number: int) -> float:
        """`eta_min + (base - eta_min) * (1 + cos(pi * epoch / T_max)) / 2`."""
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * epoch / self.T_max)) / 2


__all__ = ["CosineAnnealingLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "StepLR"]
