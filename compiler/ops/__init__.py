"""The operations, one family a file. Importing this package enters all of them in `OPERATIONS` and `PUBLIC`."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

_modules = [importlib.import_module(f"{__name__}.{_module.name}") for _module in pkgutil.iter_modules(__path__)]


def exports() -> dict[str, Callable[..., Any]]:
    """The functions that the families offer at the top level of `tracegraph`: those in their `__all__`."""
    return {name: getattr(module, name) for module in _modules for name in getattr(module, "__all__", ())}
