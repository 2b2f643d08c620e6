"""Helpers around modules and their parameters, under the names of `torch.nn.utils`."""

from tracegraph.nn.utils import parametrizations as parametrizations
from tracegraph.nn.utils import parametrize as parametrize
from tracegraph.nn.utils import prune as prune
from tracegraph.nn.utils import rnn as rnn
from tracegraph.nn.utils.clip_grad import *  # noqa: F403
from tracegraph.nn.utils.convert_parameters import *  # noqa: F403
from tracegraph.nn.utils.fusion import *  # noqa: F403
from tracegraph.nn.utils.reparametrized import *  # noqa: F403
