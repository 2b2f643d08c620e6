"""The place at which PyTorch has its layers; here for `nn.modules.module`, whose hooks concern all modules."""

from tracegraph.nn.modules import module as module
