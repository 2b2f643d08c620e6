"""The exceptions of the library: each says what went wrong, at which line of the user's code,
and inherits the fitting builtin.
"""

import os
import sys
from types import FrameType

PACKAGE_ROOTS = tuple(
    os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), folder) + os.sep
    for folder in ("tracegraph", "compiler", "runtime")
)
_INSTALLED_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
if os.path.basename(os.path.dirname(_INSTALLED_ROOT)) == "tracegraph":
    PACKAGE_ROOTS = (_INSTALLED_ROOT,)

GUEST_ROOTS = tuple(root + "demo" + os.sep for root in PACKAGE_ROOTS)
"""Code that comes along with the library and uses it as anybody does: to tracing and to messages it is the user's."""

_is_library: dict[str, bool] = {}


def is_library_file(filename: str) -> bool:
    """Whether a source file belongs to this library."""
    known = _is_library.get(filename)
    if known is None:
        path = os.path.abspath(filename)
        known = path.startswith(PACKAGE_ROOTS) and not path.startswith(GUEST_ROOTS)
        _is_library[filename] = known
    return known


def user_location(depth: int = 1) -> tuple[str, int] | None:
    """File and line of the innermost caller outside the library, or None when there is none."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        if not is_library_file(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


class TracegraphError(Exception):
    """Root of all errors raised by the library. The message ends with the user's file and line."""

    def __init__(self, message: str = "") -> None:
        location = user_location(2)
        if location is not None and "\n  at " not in message:
            message = f"{message}\n  at {location[0]}:{location[1]}"
        super().__init__(message)


class ShapeError(TracegraphError, RuntimeError, ValueError):
    """Shapes or dimensions do not fit the operation."""


class DTypeError(TracegraphError, RuntimeError, TypeError):
    """A dtype is not accepted by the operation."""


class ZeroDivisorError(TracegraphError, RuntimeError, ZeroDivisionError):
    """Integers were to be divided by 0."""


class DimensionError(TracegraphError, IndexError):
    """A dimension is out of range for the tensor."""


class IndexingError(TracegraphError, IndexError, RuntimeError):
    """An index is out of range or of a kind that cannot index a tensor."""


class LinAlgError(TracegraphError, RuntimeError, ValueError):
    """A matrix has no such decomposition or inverse."""


class GradientError(TracegraphError, RuntimeError):
    """Differentiation was asked for where it is impossible."""


class ArgumentError(TracegraphError, RuntimeError, ValueError):
    """An argument has a value the operation does not accept."""


class OptionError(ArgumentError, RuntimeError):
    """Options that are each allowed but not together, or not in the present state."""


class ArgumentTypeError(TracegraphError, TypeError):
    """An argument has a type the operation does not accept."""


class FileFormatError(TracegraphError, RuntimeError, ValueError):
    """A file is damaged, or of a format that is not read here."""


class GraphError(TracegraphError, ValueError):
    """A graph is malformed."""


class CompileError(TracegraphError, RuntimeError):
    """A graph could not be compiled."""


class CompileWarning(RuntimeWarning):
    """A graph could not be compiled; the function runs plain."""


class MismatchWarning(RuntimeWarning):
    """A replay gave another result than the plain function; the trace was dropped."""


class NotStaticError(TracegraphError, RuntimeError):
    """A function decorated with `require="static"` does something that needs Python on every call."""
