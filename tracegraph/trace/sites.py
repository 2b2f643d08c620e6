"""Where in the user's code something happens."""

import sys
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
