"""Where in the user's code something happens."""

import sys
import warnings
from typing import Any

from tracegraph.runtime.errors import is_library_file


def user_location() -> tuple[str, int] | None:
    """File and line of the innermost running frame that is not of this library."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if not is_library_file(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


_GENERATED = ("<walk of ", "<replay of ")


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn of something that happens in the innermost running line that is not of this library."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and _is_own(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_own(filename: str) -> bool:
    return filename.startswith(_GENERATED) or is_library_file(filename)
