"""Helpers around modules and their parameters, under the names of `torch.nn.utils`."""

from tracegraph.nn.utils.clip_grad import *  # noqa: F403
