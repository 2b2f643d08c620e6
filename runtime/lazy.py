"""`LazyModule("package.module")` stands for a foreign module that is slow to import, until it is first used."""

import importlib
from types import ModuleType
from typing import Any


class LazyModule:
    """A name for a module that is imported when one of its attributes is first asked for.

    Args:
        name: the module's full name, as for `import`.

    Raises:
        ModuleNotFoundError: when an attribute is asked for and there is no such module.

    Example:
        >>> fractions = LazyModule("fractions")
        >>> fractions.Fraction(1, 2)
        Fraction(1, 2)
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: ModuleType | None = None

    def __getattr__(self, attribute: str) -> Any:
        if self._module is None:
            self._module = importlib.import_module(self._name)
        return getattr(self._module, attribute)
