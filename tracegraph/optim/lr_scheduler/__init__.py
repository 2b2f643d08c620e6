"""Learning rates that follow a plan, under PyTorch's names.

Call `scheduler.step()` after each epoch (or step). A traced training step takes the new rate, and the momentum that
some schedulers move with it, at once, without a new trace.
"""

from tracegraph.optim.lr_scheduler.base import LRScheduler
from tracegraph.optim.lr_scheduler.composed import ChainedScheduler, SequentialLR
from tracegraph.optim.lr_scheduler.cosines import CosineAnnealingLR, CosineAnnealingWarmRestarts
from tracegraph.optim.lr_scheduler.cycles import CyclicLR, OneCycleLR
from tracegraph.optim.lr_scheduler.factors import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from tracegraph.optim.lr_scheduler.plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
