"""Neural networks under PyTorch's names: modules, layers, losses, initial values and the functions behind them."""

from tracegraph.nn import functional as functional
from tracegraph.nn import init as init
from tracegraph.nn import modules as modules
from tracegraph.nn import utils as utils
from tracegraph.nn.activation import *  # noqa: F403
from tracegraph.nn.adaptive import *  # noqa: F403
from tracegraph.nn.attention import *  # noqa: F403
from tracegraph.nn.batch_normalisation import *  # noqa: F403
from tracegraph.nn.container import *  # noqa: F403
from tracegraph.nn.convolution import *  # noqa: F403
from tracegraph.nn.distance import *  # noqa: F403
from tracegraph.nn.dropout import *  # noqa: F403
from tracegraph.nn.embedding import *  # noqa: F403
from tracegraph.nn.flatten import *  # noqa: F403
from tracegraph.nn.lazy import *  # noqa: F403
from tracegraph.nn.linear import *  # noqa: F403
from tracegraph.nn.loss import *  # noqa: F403
from tracegraph.nn.margin_loss import *  # noqa: F403
from tracegraph.nn.module import Module as Module
from tracegraph.nn.normalisation import *  # noqa: F403
from tracegraph.nn.observation import expand as _expand  # noqa: F401 - tells the observer of traced calls about modules
from tracegraph.nn.padding import *  # noqa: F403
from tracegraph.nn.parameter import Buffer as Buffer
from tracegraph.nn.parameter import Parameter as Parameter
from tracegraph.nn.parameter import UninitializedBuffer as UninitializedBuffer
from tracegraph.nn.parameter import UninitializedParameter as UninitializedParameter
from tracegraph.nn.parameter_container import *  # noqa: F403
from tracegraph.nn.pooling import *  # noqa: F403
from tracegraph.nn.recurrent import *  # noqa: F403
from tracegraph.nn.recurrent_cells import *  # noqa: F403
from tracegraph.nn.resampling import *  # noqa: F403
from tracegraph.nn.shrinking import *  # noqa: F403
from tracegraph.nn.softmax import *  # noqa: F403
from tracegraph.nn.summary import summary as summary
from tracegraph.nn.transformer import *  # noqa: F403
from tracegraph.nn.transformer_layers import *  # noqa: F403
