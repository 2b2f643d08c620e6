"""`tracegraph`: eager tensors with gradients, and `@trace`, which turns what they did into a compiled graph."""

import importlib as _importlib
import math as _math
from types import ModuleType as _ModuleType

from numpy import dtype as _dtype

from tracegraph import accelerator as accelerator
from tracegraph import autograd as autograd
from tracegraph import backends as backends
from tracegraph import cuda as cuda
from tracegraph import eager as eager
from tracegraph import func as func
from tracegraph import linalg as linalg
from tracegraph import nn as nn
from tracegraph import optim as optim
from tracegraph import random as random
from tracegraph import special as special
from tracegraph._version import __version__ as __version__
from tracegraph.autograd import (
    enable_grad as enable_grad,
)
from tracegraph.autograd import (
    is_grad_enabled as is_grad_enabled,
)
from tracegraph.autograd import (
    no_grad as no_grad,
)
from tracegraph.autograd import (
    set_grad_enabled as set_grad_enabled,
)
from tracegraph.compiler.ops import exports
from tracegraph.compiler.ops.activations import *  # noqa: F403
from tracegraph.compiler.ops.adaptive_pooling import *  # noqa: F403
from tracegraph.compiler.ops.arithmetic import *  # noqa: F403
from tracegraph.compiler.ops.bessel import *  # noqa: F403
from tracegraph.compiler.ops.cast import *  # noqa: F403
from tracegraph.compiler.ops.comparison import *  # noqa: F403
from tracegraph.compiler.ops.contraction import *  # noqa: F403
from tracegraph.compiler.ops.convolution import *  # noqa: F403
from tracegraph.compiler.ops.covariance import *  # noqa: F403
from tracegraph.compiler.ops.creation import *  # noqa: F403
from tracegraph.compiler.ops.creation_like import *  # noqa: F403
from tracegraph.compiler.ops.diagonals import *  # noqa: F403
from tracegraph.compiler.ops.differences import *  # noqa: F403
from tracegraph.compiler.ops.dimensions import *  # noqa: F403
from tracegraph.compiler.ops.distances import *  # noqa: F403
from tracegraph.compiler.ops.distinct import *  # noqa: F403
from tracegraph.compiler.ops.division import *  # noqa: F403
from tracegraph.compiler.ops.divisors import *  # noqa: F403
from tracegraph.compiler.ops.einsum import *  # noqa: F403
from tracegraph.compiler.ops.entropies import *  # noqa: F403
from tracegraph.compiler.ops.exponential import *  # noqa: F403
from tracegraph.compiler.ops.exponents import *  # noqa: F403
from tracegraph.compiler.ops.extrema import *  # noqa: F403
from tracegraph.compiler.ops.facts import *  # noqa: F403
from tracegraph.compiler.ops.gamma import *  # noqa: F403
from tracegraph.compiler.ops.grids import *  # noqa: F403
from tracegraph.compiler.ops.histograms import *  # noqa: F403
from tracegraph.compiler.ops.hyperbolic import *  # noqa: F403
from tracegraph.compiler.ops.index_writing import *  # noqa: F403
from tracegraph.compiler.ops.indexing import *  # noqa: F403
from tracegraph.compiler.ops.joining import *  # noqa: F403
from tracegraph.compiler.ops.logical import *  # noqa: F403
from tracegraph.compiler.ops.movement import *  # noqa: F403
from tracegraph.compiler.ops.normal_distribution import *  # noqa: F403
from tracegraph.compiler.ops.normalisation import *  # noqa: F403
from tracegraph.compiler.ops.padding import *  # noqa: F403
from tracegraph.compiler.ops.parts import *  # noqa: F403
from tracegraph.compiler.ops.poisson import *  # noqa: F403
from tracegraph.compiler.ops.pooling import *  # noqa: F403
from tracegraph.compiler.ops.positions import *  # noqa: F403
from tracegraph.compiler.ops.power import *  # noqa: F403
from tracegraph.compiler.ops.quantiles import *  # noqa: F403
from tracegraph.compiler.ops.random import *  # noqa: F403
from tracegraph.compiler.ops.rearranging import *  # noqa: F403
from tracegraph.compiler.ops.reductions import *  # noqa: F403
from tracegraph.compiler.ops.repeating import *  # noqa: F403
from tracegraph.compiler.ops.rounding import *  # noqa: F403
from tracegraph.compiler.ops.scans import *  # noqa: F403
from tracegraph.compiler.ops.scattering import *  # noqa: F403
from tracegraph.compiler.ops.searching import *  # noqa: F403
from tracegraph.compiler.ops.selection import *  # noqa: F403
from tracegraph.compiler.ops.shrinking import *  # noqa: F403
from tracegraph.compiler.ops.signs import *  # noqa: F403
from tracegraph.compiler.ops.sorting import *  # noqa: F403
from tracegraph.compiler.ops.spacing import *  # noqa: F403
from tracegraph.compiler.ops.spec import (
    bool_,
)
from tracegraph.compiler.ops.spec import (
    float16 as float16,
)
from tracegraph.compiler.ops.spec import (
    float32 as float32,
)
from tracegraph.compiler.ops.spec import (
    float64 as float64,
)
from tracegraph.compiler.ops.spec import (
    int8 as int8,
)
from tracegraph.compiler.ops.spec import (
    int16 as int16,
)
from tracegraph.compiler.ops.spec import (
    int32 as int32,
)
from tracegraph.compiler.ops.spec import (
    int64 as int64,
)
from tracegraph.compiler.ops.spec import (
    uint8 as uint8,
)
from tracegraph.compiler.ops.special import *  # noqa: F403
from tracegraph.compiler.ops.stacking import *  # noqa: F403
from tracegraph.compiler.ops.statistics import *  # noqa: F403
from tracegraph.compiler.ops.tensor_products import *  # noqa: F403
from tracegraph.compiler.ops.triangles import *  # noqa: F403
from tracegraph.compiler.ops.trigonometric import *  # noqa: F403
from tracegraph.construct import tensor as tensor
from tracegraph.dtypes import *  # noqa: F403
from tracegraph.formatting import (
    get_printoptions as get_printoptions,
)
from tracegraph.formatting import (
    set_printoptions as set_printoptions,
)
from tracegraph.inplace_functions import inplace_functions
from tracegraph.linalg.top_level import *  # noqa: F403
from tracegraph.methods import attach
from tracegraph.nn.summary import summary as summary
from tracegraph.random import (
    Generator as Generator,
)
from tracegraph.random import (
    default_generator as default_generator,
)
from tracegraph.random import (
    get_rng_state as get_rng_state,
)
from tracegraph.random import (
    initial_seed as initial_seed,
)
from tracegraph.random import (
    manual_seed as manual_seed,
)
from tracegraph.random import (
    seed as seed,
)
from tracegraph.random import (
    set_rng_state as set_rng_state,
)
from tracegraph.runtime import errors as errors
from tracegraph.runtime import (
    get_num_threads as get_num_threads,
)
from tracegraph.runtime import (
    set_num_threads as set_num_threads,
)
from tracegraph.runtime.device import Device
from tracegraph.serialization import load as load
from tracegraph.serialization import save as save
from tracegraph.settings import *  # noqa: F403
from tracegraph.tensor import Tensor as Tensor
from tracegraph.tensor_types import *  # noqa: F403
from tracegraph.trace import compile as compile
from tracegraph.trace import trace as trace

attach()
globals().update({name: function for name, function in exports().items() if name not in globals()})
globals().update(inplace_functions())

device = Device
dtype, Size = _dtype, tuple  # what annotations name
e, inf, nan, newaxis, pi = _math.e, _math.inf, _math.nan, None, _math.pi
bool = bool_
float = float32
double = float64
half = float16
long = int64
int = int32
short = int16

del Device, attach, bool_, exports, inplace_functions


_SLOW_TO_IMPORT = ("utils", "vision")


def __getattr__(name: str) -> _ModuleType:
    """Packages that not every program needs are imported when they are first asked for."""
    if name in _SLOW_TO_IMPORT:
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
