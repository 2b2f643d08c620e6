"""Optimisers under PyTorch's names.

`SGD`, `Adam`, `AdamW` and others, with steps that become part of a traced graph.
"""

from tracegraph.optim import lr_scheduler, swa_utils
from tracegraph.optim.adam import Adam, AdamW
from tracegraph.optim.adam_variants import Adamax, NAdam, RAdam
from tracegraph.optim.averaged import ASGD, Rprop
from tracegraph.optim.lbfgs import LBFGS
from tracegraph.optim.optimizer import Optimizer
from tracegraph.optim.rmsprop import Adadelta, Adagrad, RMSprop
from tracegraph.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "swa_utils",
]
