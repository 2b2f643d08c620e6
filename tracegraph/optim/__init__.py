"""Optimisers under PyTorch's names.

`SGD`, `Adam`, `AdamW` and others, with steps that become part of a traced graph.
"""

from tracegraph.optim import lr_scheduler
from tracegraph.optim.adam import Adam, AdamW
from tracegraph.optim.optimizer import Optimizer
from tracegraph.optim.rmsprop import Adagrad, RMSprop
from tracegraph.optim.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]
