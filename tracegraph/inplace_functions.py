"""In-place methods that PyTorch also offers as functions: `relu_(x)` is `x.relu_()`."""

from collections.abc import Callable
from typing import Any, Final

from tracegraph.tensor import Tensor

_NAMES: Final = """
abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ asin_ asinh_ atan_ atanh_ ceil_
clamp_ clamp_max_ clamp_min_ clip_ cos_ cosh_ deg2rad_ detach_ erf_ erfc_ exp2_ exp_ expm1_ fill_ fix_ floor_
frac_ gcd_ i0_ index_put_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_ negative_ rad2deg_
reciprocal_ relu_ round_ rsqrt_ sigmoid_ sin_ sinc_ sinh_ sqrt_ square_ tan_ tanh_ trunc_ xlogy_ zero_
"""


def inplace_functions() -> dict[str, Callable[..., Any]]:
    """The functions by name; asked for when all methods are attached."""
    return {name: getattr(Tensor, name) for name in _NAMES.split()}


__all__ = ["inplace_functions"]
