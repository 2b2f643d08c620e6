"""Define-by-run differentiation: `backward`, `grad`, grad modes, custom functions, whole derivatives and checks."""

from tracegraph.autograd import functional
from tracegraph.autograd.engine import backward, grad
from tracegraph.autograd.function import Function
from tracegraph.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from tracegraph.autograd.modes import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from tracegraph.autograd.variable import Variable

__all__ = [
    "Function",
    "GradcheckError",
    "Variable",
    "backward",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]
