"""`CosineAnnealingLR` and `CosineAnnealingWarmRestarts`: rates that fall along cosines (SGDR, arXiv:1608.03983)."""

import math

from tracegraph.optim.lr_scheduler.base import LRScheduler, Rates, cosine, leave_trace, positive_whole
from tracegraph.optim.optimizer import Optimizer
from tracegraph.runtime.errors import ArgumentError


class CosineAnnealingLR(LRScheduler):
    """From the base rate to `eta_min` and back along a cosine, `T_max` epochs each way.

    Loshchilov and Hutter, arXiv:1608.03983, without restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """The part of the rate above `eta_min`, times the cosine of this epoch over that of the one before."""
        rates = self._rates_now()
        if self._is_initial:
            return rates
        if self._step_count == 1 and self.last_epoch > 0:
            return self._get_closed_form_lr()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # the one before is at the bottom
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [rate + (base - self.eta_min) * rise for base, rate in zip(self.base_lrs, rates, strict=True)]
        now, before = (1 + math.cos(math.pi * epoch / self.T_max) for epoch in (self.last_epoch, self.last_epoch - 1))
        return [now / before * (rate - self.eta_min) + self.eta_min for rate in rates]

    def _get_closed_form_lr(self) -> Rates:
        return [cosine(base, self.eta_min, self.last_epoch / self.T_max) for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """From the base rate to `eta_min` along a cosine, again and again: in `T_0` epochs, then `T_mult` times as many.

    Raises:
        ArgumentError: for lengths that are not positive whole numbers.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if not isinstance(eta_min, float | int):
            raise ArgumentError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0 = self.T_i = positive_whole("T_0", T_0)
        self.T_mult, self.eta_min = positive_whole("T_mult", T_mult), eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """The cosine of `T_cur` epochs of `T_i`."""
        self._rates_now()
        return [cosine(base, self.eta_min, self.T_cur / self.T_i) for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next epoch, or to any other, fractions of epochs included."""
        leave_trace()
        self._step_count += 1
        if epoch is None and self.last_epoch >= 0:
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
            epoch = self.last_epoch + 1
        else:
            epoch = 0 if epoch is None else epoch
            self._place(epoch)
        self.last_epoch = math.floor(epoch)
        with self._within_step():
            self._set_rates(self.get_lr())

    def _place(self, epoch: float) -> None:
        """Find the cosine on which an epoch lies."""
        if epoch < 0:
            raise ArgumentError(f"Expected non-negative epoch, but got {epoch}")
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            restarts = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**restarts - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**restarts


__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]
