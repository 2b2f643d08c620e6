"""The place at which PyTorch has its layers; here for hooks that concern all modules, and for lazy modules."""

from tracegraph.nn import lazy as lazy
from tracegraph.nn.modules import module as module
