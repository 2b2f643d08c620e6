"""Special functions under the names of `torch.special`: `erfcx`, `ndtri`, `zeta` and others."""

from tracegraph.compiler.ops.bessel import i0, i0e, i1, i1e
from tracegraph.compiler.ops.entropies import entr, xlog1py, xlogy
from tracegraph.compiler.ops.exponential import exp2, expm1, log1p, logit
from tracegraph.compiler.ops.exponential import sigmoid as expit
from tracegraph.compiler.ops.gamma import digamma, polygamma, zeta
from tracegraph.compiler.ops.gamma import digamma as psi
from tracegraph.compiler.ops.gamma import lgamma as gammaln
from tracegraph.compiler.ops.gamma import mvlgamma as multigammaln
from tracegraph.compiler.ops.normal_distribution import erfinv, log_ndtr, ndtr, ndtri
from tracegraph.compiler.ops.normalisation import log_softmax, logsumexp, softmax
from tracegraph.compiler.ops.rounding import round
from tracegraph.compiler.ops.special import erf, erfc, erfcx
from tracegraph.compiler.ops.trigonometric import sinc

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammaln", "i0", "i0e", "i1", "i1e",
    "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri", "polygamma", "psi",
    "round", "sinc", "softmax", "xlog1py", "xlogy", "zeta",
]  # fmt: skip
