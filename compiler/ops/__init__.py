"""The operations, one family a file. Importing this package enters all of them in `OPERATIONS` and `PUBLIC`."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
