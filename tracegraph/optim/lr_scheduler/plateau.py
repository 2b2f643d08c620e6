"""`ReduceLROnPlateau`: lowers the rate when a measure stops getting better."""

import math
import warnings
from typing import Any

from tracegraph.autograd.modes import no_grad
from tracegraph.optim.lr_scheduler.base import _EPOCH, LRScheduler, check_optimizer, current, leave_trace, set_in
from tracegraph.optim.optimizer import Optimizer
from tracegraph.runtime.errors import ArgumentError, OptionError


class ReduceLROnPlateau(LRScheduler):
    """The rate times `factor` when the measure given to `step` has not improved for more than `patience` epochs.

    Args:
        optimizer: the optimiser whose rates are set.
        mode: "min" if less is better, "max" if more is.
        factor: less than 1.
        patience: the epochs without improvement that are borne.
        threshold: by how much a measure must be better than the best so far.
        threshold_mode: "rel" for a part of the best, "abs" for a difference.
        cooldown: epochs after a change that do not count.
        min_lr: the lowest rate, or a list with one for each group.
        eps: the least change of a rate.

    Raises:
        ArgumentError: for a factor of 1 or more, an unknown mode, a list of another length.

    >>> optimizer = tracegraph.optim.SGD([tracegraph.ones(1, requires_grad=True)], lr=1.0)
    >>> scheduler = tracegraph.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: list[float] | float = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ArgumentError("Factor should be < 1.0.")
        groups = len(check_optimizer(optimizer).param_groups)
        is_list = isinstance(min_lr, list | tuple)
        self.min_lrs: list[Any] = list(min_lr) if isinstance(min_lr, list | tuple) else [min_lr] * groups
        if len(self.min_lrs) != groups:
            raise ArgumentError(f"expected {groups} min_lrs, got {len(self.min_lrs)}")
        if mode not in ("min", "max"):
            raise ArgumentError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ArgumentError(f"threshold mode {threshold_mode} is unknown!")
        self.optimizer, self.factor, self.default_min_lr = optimizer, factor, None if is_list else min_lr
        self.patience, self.cooldown, self.eps = patience, cooldown, eps
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.last_epoch = 0
        self._last_lr = current(optimizer)
        self._reset()

    def _reset(self) -> None:
        """Forget all measures."""
        self.best = math.inf if self.mode == "min" else -math.inf
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take in the measure of an epoch: a number or a tensor of one."""
        leave_trace()
        measure = float(metrics)
        if epoch is not None:
            warnings.warn(_EPOCH, UserWarning, stacklevel=2)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(measure, self.best):
            self.best, self.num_bad_epochs = measure, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = current(self.optimizer)

    @no_grad
    def _reduce_lr(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise OptionError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from when "
                    f"`ReduceLROnPlateau` was initialized ({len(self.min_lrs)}): give `min_lrs` one value for each."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            before = float(group["lr"])
            after = max(before * self.factor, least)
            if before - after > self.eps:
                set_in(group, "lr", after)

    @property
    def in_cooldown(self) -> bool:
        """Whether the last change is so recent that epochs do not count."""
        return self.cooldown_counter > 0

    def _is_better(self, measure: float, best: float) -> bool:
        sign = 1.0 if self.mode == "min" else -1.0
        is_part = self.threshold_mode == "rel"
        bound = best * (1.0 - sign * self.threshold) if is_part else best - sign * self.threshold
        return measure < bound if self.mode == "min" else measure > bound


__all__ = ["ReduceLROnPlateau"]
