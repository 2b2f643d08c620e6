"""Optimisers under PyTorch's names: `SGD`, `Adam`, `AdamW`, with steps that become part of a traced graph."""

from tracegraph.optim.adam import Adam, AdamW
from tracegraph.optim.optimizer import Optimizer
from tracegraph.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
