"""`compile`: what `torch.compile` is called with, traced."""

import functools
from typing import Any

from tracegraph.trace.function import STATIC, trace


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """`trace` under the name and with the arguments of `torch.compile`.

    Args:
        model: a function or a module; without it a decorator is returned.
        fullgraph: make it an error if Python has to run on each call (`require="static"`).
        dynamic: accepted; each shape is recorded for itself.
        backend: accepted; there is one.
        mode: accepted; there is one.
        options: accepted; there are none.
        disable: return the function as it is.

    >>> double = tracegraph.compile(lambda x: x + x)
    >>> double(tracegraph.tensor([1.0, 2.0]))
    tensor([2., 4.])
    """
    if model is None:
        return functools.partial(compile, fullgraph=fullgraph, disable=disable)
    if disable:
        return model
    return trace(require=STATIC)(model) if fullgraph else trace(model)
