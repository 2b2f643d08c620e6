"""Define-by-run differentiation: `backward`, `grad`, grad modes and custom functions."""

from tracegraph.autograd.engine import backward, grad
from tracegraph.autograd.function import Function
from tracegraph.autograd.modes import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from tracegraph.autograd.variable import Variable

__all__ = ["Function", "Variable", "backward", "enable_grad", "grad", "is_grad_enabled", "no_grad", "set_grad_enabled"]
