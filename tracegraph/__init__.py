"""`tracegraph`: eager tensors with gradients, and `@trace`, which turns what they did into a compiled graph."""

from tracegraph import autograd as autograd, eager as eager, nn as nn, optim as optim, random as random
from tracegraph._version import __version__ as __version__
from tracegraph.autograd import (
    enable_grad as enable_grad,
    is_grad_enabled as is_grad_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from tracegraph.compiler.ops import exports
from tracegraph.compiler.ops.activations import *  # noqa: F403
from tracegraph.compiler.ops.arithmetic import *  # noqa: F403
from tracegraph.compiler.ops.cast import *  # noqa: F403
from tracegraph.compiler.ops.comparison import *  # noqa: F403
from tracegraph.compiler.ops.contraction import *  # noqa: F403
from tracegraph.compiler.ops.convolution import *  # noqa: F403
from tracegraph.compiler.ops.creation import *  # noqa: F403
from tracegraph.compiler.ops.creation_like import *  # noqa: F403
from tracegraph.compiler.ops.diagonals import *  # noqa: F403
from tracegraph.compiler.ops.dimensions import *  # noqa: F403
from tracegraph.compiler.ops.division import *  # noqa: F403
from tracegraph.compiler.ops.einsum import *  # noqa: F403
from tracegraph.compiler.ops.exponential import *  # noqa: F403
from tracegraph.compiler.ops.extrema import *  # noqa: F403
from tracegraph.compiler.ops.hyperbolic import *  # noqa: F403
from tracegraph.compiler.ops.indexing import *  # noqa: F403
from tracegraph.compiler.ops.joining import *  # noqa: F403
from tracegraph.compiler.ops.logical import *  # noqa: F403
from tracegraph.compiler.ops.movement import *  # noqa: F403
from tracegraph.compiler.ops.normalisation import *  # noqa: F403
from tracegraph.compiler.ops.padding import *  # noqa: F403
from tracegraph.compiler.ops.pooling import *  # noqa: F403
from tracegraph.compiler.ops.positions import *  # noqa: F403
from tracegraph.compiler.ops.power import *  # noqa: F403
from tracegraph.compiler.ops.random import *  # noqa: F403
from tracegraph.compiler.ops.reductions import *  # noqa: F403
from tracegraph.compiler.ops.rounding import *  # noqa: F403
from tracegraph.compiler.ops.scans import *  # noqa: F403
from tracegraph.compiler.ops.selection import *  # noqa: F403
from tracegraph.compiler.ops.slicing import *  # noqa: F403
from tracegraph.compiler.ops.sorting import *  # noqa: F403
from tracegraph.compiler.ops.special import *  # noqa: F403
from tracegraph.compiler.ops.statistics import *  # noqa: F403
from tracegraph.compiler.ops.trigonometric import *  # noqa: F403
from tracegraph.compiler.ops.spec import (
    bool_,
    float16 as float16,
    float32 as float32,
    float64 as float64,
    int8 as int8,
    int16 as int16,
    int32 as int32,
    int64 as int64,
    uint8 as uint8,
)
from tracegraph.methods import attach
from tracegraph.random import (
    Generator as Generator,
    default_generator as default_generator,
    get_rng_state as get_rng_state,
    initial_seed as initial_seed,
    manual_seed as manual_seed,
    seed as seed,
    set_rng_state as set_rng_state,
)
from tracegraph.runtime import errors as errors
from tracegraph.tensor import Tensor as Tensor, tensor as tensor
from tracegraph.trace import trace as trace

attach()
globals().update({name: function for name, function in exports().items() if name not in globals()})

bool = bool_
float = float32
double = float64
half = float16
long = int64
int = int32

del attach, bool_, exports
