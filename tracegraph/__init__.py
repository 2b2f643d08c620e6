"""`tracegraph`: eager tensors with gradients, and `@trace`, which turns what they did into a compiled graph."""

from tracegraph import autograd, eager
from tracegraph._version import __version__
from tracegraph.autograd import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from tracegraph.compiler.ops.arithmetic import *  # noqa: F403
from tracegraph.compiler.ops.cast import *  # noqa: F403
from tracegraph.compiler.ops.contraction import *  # noqa: F403
from tracegraph.compiler.ops.movement import *  # noqa: F403
from tracegraph.compiler.ops.reductions import *  # noqa: F403
from tracegraph.compiler.ops.spec import float16, float32, float64, int8, int16, int32, int64, uint8
from tracegraph.compiler.ops.spec import bool_ as bool
from tracegraph.methods import attach
from tracegraph.runtime import errors
from tracegraph.tensor import Tensor, tensor

attach()
float = float32
double = float64
half = float16
long = int64
int = int32

del attach
