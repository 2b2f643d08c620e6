"""Which running code is looked into: not the library's, and not NumPy's or Python's where the library called it."""

import gc
import os
import types
import weakref
from collections.abc import Callable
from typing import Final

from tracegraph.observe.purity import is_foundation_code, is_pure_library_code, needs_abc_token

_OWN_FOLDER: Final = __file__.replace("\\", "/").rsplit("/", 1)[0]
_LIBRARY_FOLDER: Final = _OWN_FOLDER.rsplit("/", 1)[0]
# The compiler and the runtime may be links that lead out of the package.
_LIBRARY_FOLDERS: Final = (
    _LIBRARY_FOLDER + "/",
    *(
        os.path.realpath(os.path.join(_LIBRARY_FOLDER, part)).replace("\\", "/") + "/"
        for part in (".", "compiler", "runtime")
    ),
)

Predicate = Callable[[types.CodeType], bool]
_Statuses = dict[int, tuple[types.CodeType, str]]

_KEPT_STATUSES: Final = 4096
_known: weakref.WeakKeyDictionary[Predicate, tuple[_Statuses, set[int], set[int]]] = weakref.WeakKeyDictionary()


def is_library_code(code: types.CodeType) -> bool:
    """Tell whether a code object belongs to this library: the default of what is trusted."""
    return code.co_filename.replace("\\", "/").startswith(_LIBRARY_FOLDERS)


class Trust:
    """What is trusted in one observed run; what is known of code objects is kept for the runs that follow.

    Args:
        predicate: tells of a code object whether it is library code.
        base: identities of the frames below the call; they are kept alive by the caller.
    """

    def __init__(self, predicate: Predicate, base: set[int]) -> None:
        self._predicate, self._base = predicate, base
        self._statuses, self._asks_registry, self._shared = _known_by(predicate)
        self.collector_codes = _collector_codes()
        noticed = self._shared & self.collector_codes.keys()
        self.passed_over = self._shared - noticed if noticed else self._shared
        """Identities of code objects of which nothing that they do themselves is looked at."""
        self.registry_was_asked = False
        """Whether code that is not looked into has asked abstract base classes what is registered with them."""

    def passes_over(self, code: types.CodeType) -> bool:
        """Tell whether nothing that `code` itself does is looked at."""
        self._status(code)
        return id(code) in self.passed_over

    def covers(self, frame: types.FrameType) -> bool:
        """Tell whether a frame is library code, or code of NumPy or Python that library code called."""
        status = self._status(frame.f_code)
        if id(frame.f_code) in self._asks_registry and not self.registry_was_asked:
            caller = frame.f_back
            if caller is None or id(caller) in self._base or not self.covers(caller):
                self.registry_was_asked = True
        walked: types.FrameType | None = frame
        while status == "foundation" and walked is not None:
            walked = walked.f_back
            if walked is None or id(walked) in self._base:
                return False
            status = self._status(walked.f_code)
        return status == "trusted"

    def _status(self, code: types.CodeType) -> str:
        found = self._statuses.get(id(code))
        if found is None:
            status = "foundation" if is_foundation_code(code) else "user"
            if code.co_filename.replace("\\", "/").startswith(_OWN_FOLDER + "/") or self._predicate(code):
                status = "trusted"
            elif is_pure_library_code(code):
                status = "trusted"
                if needs_abc_token(code):
                    self._asks_registry.add(id(code))
            found = (code, status)
            self._statuses[id(code)] = found
            if status == "trusted" and id(code) not in self._asks_registry and id(code) not in self.collector_codes:
                self._shared.add(id(code))
        return found[1]


def _collector_codes() -> dict[int, types.CodeType]:
    """The code, by its `id`, of what the garbage collector calls whenever it runs: in the middle of any function."""
    called = [getattr(callback, "__func__", callback) for callback in gc.callbacks]
    codes = [getattr(function, "__code__", None) for function in called]
    return {id(code): code for code in codes if isinstance(code, types.CodeType)}


def _known_by(predicate: Predicate) -> tuple[_Statuses, set[int], set[int]]:
    """What is known of code objects under a rule of trust: their status, which ask the registry of classes,
    and the identities of those that are passed over.
    """
    known = _known.get(predicate)
    if known is None or len(known[0]) > _KEPT_STATUSES:
        known = _known[predicate] = ({}, set(), set())
    return known
